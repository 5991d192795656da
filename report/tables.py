"""The tables of the report, a function each: data in, something for Jupyter to display out."""

import numpy as np

from lab.sweep import spread
from report.show import table, verbatim


def gradients(checks, caption):
    """The gradient check, with a pair of columns for each method.

    Parameters
    ----------
    checks : dict of str to lab.gradcheck.GradientCheck
        For each method, the rows of its check, in the same order.
    caption : str
        Markdown, with its number; the same for all functions of this module.

    Returns
    -------
    report.show.Shown
    """
    header = ["", *(f"{method}: {what}" for method in checks for what in ("norm", "relative"))]
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
    return table(["Step", "Smooth loss", "Text"], rows, caption, align="rrl", widths=[8, 8, 84])


def settings(outcomes, characters, caption, short=()):
    """Ways to train, from several seeds each.

    Parameters
    ----------
    outcomes : dict of str to dict of str to list of float
        For each way its "steps" (a number), and for each seed "lowest", "last" (the smooth loss, in nats per sequence)
        and "bits" (per character, held out).
    characters : dict of str to float
        How many millions of them each has read.
    caption : str
    short : collection of str
        The ways whose smooth loss still is mostly the first loss: it is not shown.

    Returns
    -------
    report.show.Shown
    """
    rows = [
        [
            name,
            f"{outcome['steps']:,}",
            f"{characters[name]:.2f}",
            "–" if name in short else spread(outcome["lowest"]),
            spread(outcome["bits"], 3),
        ]
        for name, outcome in outcomes.items()
    ]
    header = ["Way to train", "Steps", "Characters (millions)", "Lowest smooth loss", "Bits held out"]
    return table(header, rows, caption, align="lrrrr", widths=[36, 12, 16, 18, 18])
