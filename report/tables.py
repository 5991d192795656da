"""The tables of the report, a function each: data in, something for Jupyter to display out."""

import numpy as np

from report.show import table, verbatim


def spread(values, digits=2):
    """Mean and standard deviation over seeds, as "mean ± sd"."""
    deviation = np.std(values, ddof=1) if len(values) > 1 else 0.0
    return f"{np.mean(values):.{digits}f}\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}{deviation:.{digits}f}"


def gradients(checks, caption):
    """The gradient check, with a pair of columns for each method.

    Parameters
    ----------
    checks : dict of str to lab.gradcheck.table.GradientCheck
        For each method, the rows of its check, in the same order.
    caption : str
        Markdown, with its number; the same for all functions of this module.

    Returns
    -------
    report.show.Shown
    """
    header = ["", *(f"{method.replace('-', ' ')}: {what}" for method in checks for what in ("norm", "relative"))]
    rows = [
        [of_name[0].name, *(f"{number:.0e}" for row in of_name for number in (row.difference, row.relative_error))]
        for of_name in zip(*checks.values(), strict=True)
    ]
    return table(header, rows, caption, align="l" + "rr" * len(checks))


def samples(samples, length, caption):
    """What the network wrote on the way, one line each.

    Parameters
    ----------
    samples : list of lab.training.Sample
    length : int
        How many characters of each to show; line breaks show as a pilcrow.
    caption : str

    Returns
    -------
    report.show.Shown
    """
    rows = [
        [f"{sample.step:,}", f"{sample.smooth_loss:.1f}", verbatim(sample.text[:length].replace("\n", "\u00b6"))]
        for sample in samples
    ]
    return table(["Step", "Loss", "Text"], rows, caption, align="rrl", widths=[8, 5, 87], size=85)


def bugs(gallery, caption):
    """Wrong code before two methods at two kinds of point.

    Parameters
    ----------
    gallery : dict of str to list of lab.gradcheck.table.GradientCheck
        For each kind of code the checks by central differences and by the complex step, at the usual point and then at
        better ones. The last of them says which parameters are wrong.
    caption : str

    Returns
    -------
    report.show.Shown
    """
    kinds = [
        f"{point}, {method}" for point in ("Usual point", "Better points") for method in ("central", "complex step")
    ]
    header = ["What is wrong", *kinds, "Wrong in"]
    rows = [
        [name, *("passed" if check.passed else "caught" for check in checks), " ".join(checks[-1].wrong)]
        for name, checks in gallery.items()
    ]
    return table(header, rows, caption, align="llllll", widths=[34, 14, 13, 14, 13, 12])


def settings(settings, outcomes, seq_length, caption):
    """Ways to train, from several seeds each.

    Parameters
    ----------
    settings : dict of str to dict
        See `lab.sweep.run`.
    outcomes : dict of str to list of lab.sweep.Outcome
    seq_length : int
    caption : str

    Returns
    -------
    report.show.Shown
    """
    most, rows = max(setting["steps"] for setting in settings.values()), []
    for name, setting in settings.items():
        characters = setting["steps"] * seq_length * setting.get("reading", {}).get("batch_size", 1)
        lowest = "–" if setting["steps"] < most else spread([outcome.lowest for outcome in outcomes[name]])
        bits = spread([outcome.bits for outcome in outcomes[name]], 3)
        rows.append([_unbroken(name), f"{setting['steps']:,}", f"{characters / 1e6:.2f}", lowest, bits])
    header = ["Way to train", "Steps", "Characters (millions)", "Lowest smooth loss", "Bits held out"]
    return table(header, rows, caption, align="lrrrr", widths=[36, 12, 16, 18, 18])


def _unbroken(name):
    """The name of a way to train, with its equations each on one line."""
    return name.replace(" = ", "\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}")


def full_length(runs, caption):
    """The runs of `make long`.

    Parameters
    ----------
    runs : dict of str to dict
        `lab.measured.full_length`.
    caption : str

    Returns
    -------
    report.show.Shown
    """
    header = ["Way to train", "Steps", "Characters (millions)", "Lowest smooth loss", "At the end", "Bits held out"]
    rows = [
        [
            _unbroken(name),
            f"{run['steps']:,}",
            f"{run['characters'] / 1e6:.1f}",
            spread(run["lowest"]),
            spread(run["last"]),
            spread(run["bits"], 3),
        ]
        for name, run in runs.items()
    ]
    return table(header, rows, caption, align="lrrrrr", widths=[29, 10, 14, 15, 15, 17])


def temperatures(choices, texts, quality, perplexity, caption):
    """What is drawn at several temperatures.

    Parameters
    ----------
    choices : list of dict
        The arguments of `rnn_core.synthesize`: one temperature each.
    texts : list of str
    quality : list of (float, float)
        The shares of different words and of words of the training part.
    perplexity : list of float
    caption : str

    Returns
    -------
    report.show.Shown
    """
    rows = [
        [
            *(str(value) for value in choice.values()),
            f"{different:.0%}",
            f"{known:.0%}",
            f"{surprise:.1f}",
            verbatim(text[:80].replace("\n", "\u00b6")),
        ]
        for choice, text, (different, known), surprise in zip(choices, texts, quality, perplexity, strict=False)
    ]
    header = ["\u03c4", "Different", "Known", "Perplexity", "How it begins"]
    return table(header, rows, caption, align="rrrrl", widths=[4, 8, 9, 9, 70], size=83)
