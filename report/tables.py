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
    return table(["Step", "Loss", "Text"], rows, caption, align="rrl", widths=[8, 5, 87], size=92)


def bugs(gallery, caption):
    """Which wrong code two methods find, at two kinds of point.

    Parameters
    ----------
    gallery : dict of str to list of lab.gradcheck.table.GradientCheck
        For each kind of code the checks by central differences and by the complex step at the usual point, by central
        differences with larger weights, and by both at better points. The last says which parameters are wrong.
    caption : str

    Returns
    -------
    report.show.Shown
    """
    header = ["What is wrong", "Usual point:\ncentral", "\ncomplex step", "Larger weights:\ncentral"]
    header += ["Better points:\ncentral", "\ncomplex step", "\nWrong in"]
    rows = [
        [name, *("missed" if check.passed else "" for check in checks), " ".join(checks[-1].wrong)]
        for name, checks in gallery.items()
    ]
    return table(header, rows, caption, align="lllllll", widths=[38, 10, 10, 11, 10, 10, 12])


def gradients_compared(ways, caption):
    """The result of training with a right gradient and with wrong ones.

    Parameters
    ----------
    ways : dict of str to dict of str to sequence of float
        For each kind of code and each start of AdaGrad, the bits held out of several seeds.
    caption : str

    Returns
    -------
    report.show.Shown
    """
    header = ["The gradient", *next(iter(ways.values()))]
    rows = [[name, *map(spread, of_starts.values())] for name, of_starts in ways.items()]
    return table(header, rows, caption, align="l" + "r" * (len(header) - 1))


def causes(saturated, bits, caption):
    """What becomes of the network when one thing about the first steps is changed.

    Parameters
    ----------
    saturated : dict of str to list of float
        For each change, the share of the state that is saturated after 100 and after 1,000 steps.
    bits : dict of str to sequence of float
        The bits held out of several seeds.
    caption : str

    Returns
    -------
    report.show.Shown
    """
    header = ["What is changed", "At step 100", "At step 1,000", "Bits held out"]
    rows = [[name, *(f"{share:.0%}" for share in saturated[name]), spread(of)] for name, of in bits.items()]
    return table(header, rows, caption, align="lrrr", widths=[46, 20, 15, 19])


def ways(short, long, caption):
    """Ways to train, from several seeds each: bits held out after few steps and after many.

    Parameters
    ----------
    short : dict of str to sequence of float
    long : dict of str to dict
        `lab.measured.full_length`.
    caption : str

    Returns
    -------
    report.show.Shown
    """
    rows = [
        [
            _unbroken(name),
            spread(short[name], 3) if name in short else "",
            spread(long[name]["bits"], 3) if name in long else "",
            f"{long[name]['characters'] / 1e6:.1f}" if name in long else "",
        ]
        for name in dict.fromkeys([*short, *long])
    ]
    header = ["Way to train", "Short run", "Long run", "Characters read (millions)"]
    return table(header, rows, caption, align="lrrr", widths=[56, 14, 14, 16])


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
    """What is drawn at several temperatures, and from several nuclei.

    Parameters
    ----------
    choices : list of dict
        Arguments of `rnn_core.synthesize`: {"temperature": 0.5} or {"top_p": 0.9}.
    texts : list of str
    quality : list of (float, float)
        The shares of different words and of words of the training part.
    perplexity : list of float
    caption : str

    Returns
    -------
    report.show.Shown
    """
    symbols = {"temperature": "\u03c4", "top_p": "p"}
    rows = [
        [
            " ".join(f"{symbols[name]} = {value}" for name, value in choice.items()),
            f"{different:.0%}",
            f"{known:.0%}",
            f"{surprise:.1f}",
            verbatim(text[:70].replace("\n", "\u00b6")),
        ]
        for choice, text, (different, known), surprise in zip(choices, texts, quality, perplexity, strict=False)
    ]
    header = ["\u03c4 or p", "Different", "Known", "Perplexity", "How it begins"]
    return table(header, rows, caption, align="lrrrl", widths=[8, 9, 8, 10, 65], size=83)


def speed(turns, caption, K=79, dtype="float32"):
    """The time of an update step, in steps of `rnn_core`.

    Parameters
    ----------
    turns : list of dict
        What `lab.measured.speed` has under "turns".
    caption : str
    K, dtype
        The alphabet and the type of all rows.

    Returns
    -------
    report.show.Shown
    """
    ratios = {row["B"]: row["ratio"] for row in turns if (row["K"], row["dtype"]) == (K, dtype)}
    names = dict.fromkeys(name for ratio in ratios.values() for name in ratio)
    medians = [[ratio[name][1] if name in ratio else None for ratio in ratios.values()] for name in names]
    rows = [
        [name, *("" if median is None else f"{median:.2f}" for median in of_name)]
        for name, of_name in zip(names, medians, strict=True)
    ]
    return table(["Way", *(f"B = {B}" for B in ratios)], rows, caption, align="l" + "r" * len(ratios))


def surprises(text, bits, guesses, caption, count=10, before=25):
    """The characters of a text that surprise a network most, each in its place.

    Parameters
    ----------
    text : str
    bits : array (len(text) - 1,)
        The surprise at each character but the first.
    guesses : sequence of str (len(text) - 1,)
        The characters that were expected in its place, the most probable first.
    caption : str
    count, before : int
        How many to show, and how many characters before each.

    Returns
    -------
    report.show.Shown
    """
    rows = []
    for place in np.argsort(-np.asarray(bits), kind="stable")[:count]:
        read, char = text[max(0, place + 1 - before) : place + 1], text[place + 1]
        shown = (part.replace("\n", "\u00b6").replace(" ", "\u2423") for part in (char, guesses[place]))
        rows.append([verbatim(read.replace("\n", "\u00b6")), *map(verbatim, shown), f"{bits[place]:.1f}"])
    return table(
        ["It has read", "There follows", "It expected", "Bits"], rows, caption, align="rllr", widths=[48, 16, 22, 14]
    )
