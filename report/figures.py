"""The figures of the report, a function each: data in, shown out, with the caption that the notebook gives."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import PercentFormatter

from report.show import COLOURS, figure

WIDTH = 6.5  # inches: the text block of the page


def step_sizes(sizes, errors, caption):
    """Show the error of a numerical gradient against its step size.

    Parameters
    ----------
    sizes, errors : dict of str to array
        For each method, the step sizes and the largest relative error at each.
    caption : str
        Markdown, with its number; the same for all functions of this module.
    """
    fig, axes = plt.subplots(1, 2, width_ratios=[2, 1], sharey=True, figsize=(WIDTH, 2.4))
    for ax in axes:
        for method, values in errors.items():
            ax.loglog(sizes[method], np.maximum(values, 1e-17), marker="o", markersize=3, label=method)
        ax.set_xlabel(r"step size $\varepsilon$")
    axes[0].set(xlim=(3e-17, 0.3), ylabel="largest relative error")
    axes[1].set(xlim=(1e-305, 1e5), xticks=[1e-300, 1e-200, 1e-100, 1])
    axes[1].minorticks_off()
    axes[0].legend()
    alt = "Log-log plot of the error against the step size: a V for central differences, flat for the complex step."
    figure(fig, caption, alt)


def smooth_loss(run, steps_per_epoch, seq_length, caption):
    """Show the loss of the single steps and the smooth loss of a training run.

    Parameters
    ----------
    run : lab.training.Training
    steps_per_epoch, seq_length : int
    caption : str
    """
    fig, ax = plt.subplots(figsize=(WIDTH, 2.6))
    shown = np.arange(0, run.done, max(1, run.done // 4000))
    ax.plot(shown, run.losses[shown], color="0.82", linewidth=0.3, linestyle="-", rasterized=True, label="single steps")
    ax.plot(shown, run.smooth_losses[shown], linestyle="-", label="smooth loss")
    for epoch, boundary in enumerate(range(steps_per_epoch, run.done, steps_per_epoch), 2):
        ax.axvline(boundary, color="0.4", linewidth=0.7, linestyle=":")
        place = {"xycoords": ("data", "axes fraction"), "va": "top", "fontsize": 8}
        ax.annotate(f" epoch {epoch}", (boundary, 0.97), **place)
    ax.set(xlabel="update step", ylabel="loss (nats per sequence)")
    ax.set_ylim(0.5 * run.smooth_losses.min(), 1.02 * run.smooth_losses[0] + 1e-9)
    per_character = ax.secondary_yaxis(
        "right", functions=(lambda nats: nats / seq_length, lambda nats: nats * seq_length)
    )
    per_character.set_ylabel("nats per character")
    per_character.spines["right"].set_visible(True)
    legend = ax.legend(loc="upper right", bbox_to_anchor=(1, 0.88), frameon=True, framealpha=1, edgecolor="white")
    legend.legend_handles[0].set(linewidth=2, color="0.7")
    figure(fig, caption, "The smooth loss falls steeply at first and then slowly.")


def yardsticks(bits, models, caption):
    """Show what models need for the same text, worst first.

    Parameters
    ----------
    bits, models : dict of str to float
        Bits per character of the yardsticks, and of the networks, which stand out.
    caption : str
    """
    bars = sorted((bits | models).items(), key=lambda bar: -bar[1])
    fig, ax = plt.subplots(figsize=(WIDTH, 0.35 + 0.17 * len(bars)))
    ax.barh(
        [name for name, _ in bars],
        [needed for _, needed in bars],
        height=0.7,
        color=["C1" if name in models else "0.75" for name, _ in bars],
    )
    for place, (_, needed) in enumerate(bars):
        ax.annotate(f" {needed:.2f}", (needed, place), va="center", fontsize=8)
    ax.set(xlabel="bits per character", xlim=(0, 1.1 * bars[0][1] + 1e-9))
    ax.grid(axis="y", visible=False)
    ax.invert_yaxis()
    figure(fig, caption, "Bars for n-gram models, compressors and networks, the longest first.")


def quality(choices, shares, real, caption):
    """Show how many words of a text are known against how many differ from one another.

    Parameters
    ----------
    choices : list of dict
        How each text was drawn: one argument of `rnn_core.synthesize`. Those of one name make a curve.
    shares : list of (float, float)
        The shares of different words and of words in the book.
    real : (float, float)
        The same of real text.
    caption : str
    """
    fig, ax = plt.subplots(figsize=(WIDTH, 2.3))
    names = list(dict.fromkeys(name for choice in choices for name in choice))
    for name, marker, place in zip(names, ("o-", "s--"), ((-16, -9), (3, 4)), strict=False):
        points = [(choice[name], point) for choice, point in zip(choices, shares, strict=True) if name in choice]
        ax.plot(*zip(*(point for _, point in points), strict=True), marker, label=name.replace("_", "-"))
        for value, point in points:
            ax.annotate(f"{value}", point, xytext=place, textcoords="offset points", fontsize=8)
    ax.plot(*real, "k*", markersize=9, linestyle="none", label="text held out")
    ax.set(xlabel="words that are different from one another", ylabel="words in the book")
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter(PercentFormatter(1, decimals=0))
    ax.margins(0.06, 0.12)
    ax.legend()
    figure(fig, caption, "Two falling curves: the more words differ from one another, the fewer are in the book.")


def speed(times, caption):
    """Show how long an update step takes.

    Parameters
    ----------
    times : dict of str to float
        In microseconds, the slowest first.
    caption : str
    """
    fig, ax = plt.subplots(figsize=(WIDTH, 0.45 + 0.22 * len(times)))
    ax.barh(list(times), list(times.values()), height=0.6)
    for name, us in times.items():
        ax.text(us, name, f" {us:,.0f}", va="center", fontsize=8.5)
    ax.set(xlabel="microseconds per update step, B = 1", xlim=(0, 1.12 * max(times.values())))
    ax.invert_yaxis()
    ax.grid(axis="y", visible=False)
    figure(fig, caption, "Bars that become shorter from the equations as they stand to rnn_core in float32.")


def speed_bars(turns, K=79, dtype="float32"):
    """Draw the time of an update step in every way to make it, in steps of rnn_core: the report and the page of the
    benchmark show the same figure.

    Parameters
    ----------
    turns : list of dict
        What benchmarks/speed.json has under "turns".
    K, dtype
        Which of them: all bars are for one alphabet and one type.

    Returns
    -------
    matplotlib.figure.Figure
    """
    ratios = {row["B"]: row["ratio"] for row in turns if (row["K"], row["dtype"]) == (K, dtype)}
    names = list(dict.fromkeys(name for ratio in ratios.values() for name in ratio))
    height, places, top = 0.24, {}, 0.0
    for name in names:
        sizes = [B for B in ratios if name in ratios[B]]
        places |= {(name, B): top + height * i for i, B in enumerate(sizes)}
        top += height * len(sizes) + 0.14
    fig, ax = plt.subplots(figsize=(WIDTH, 0.5 + 0.36 * top))
    for i, (B, ratio) in enumerate(ratios.items()):
        at = [places[name, B] for name in ratio]
        low, median, high = np.transpose(list(ratio.values()))
        ax.barh(at, median, 0.9 * height, color=COLOURS[i], label=f"B = {B}")
        ax.errorbar(median, at, xerr=(median - low, high - median), fmt="none", ecolor="0.3", linewidth=0.8)
        for y, end, value in zip(at, high, median, strict=True):
            ax.annotate(f"{value:.2f}", (end, y), (3, 0), textcoords="offset points", va="center", fontsize=6.5)
    middles = [np.mean([y for (other, _), y in places.items() if other == name]) for name in names]
    ax.axvline(1, color="black", linewidth=0.8)
    ax.set(
        xscale="log",
        yticks=middles,
        yticklabels=names,
        xlabel=f"time of an update step, in steps of rnn_core ({dtype})",
    )
    ax.tick_params(axis="y", labelsize=8)
    ax.set_xticks([0.5, 1, 2, 5, 10], ["0.5", "1", "2", "5", "10"])
    ax.minorticks_off()
    ax.set_xlim(0.4, 1.5 * max(high for ratio in ratios.values() for *_, high in ratio.values()))
    ax.margins(y=0.02)
    ax.invert_yaxis()
    ax.grid(axis="y", visible=False)
    ax.legend(loc="lower right")
    return fig
