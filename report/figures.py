"""The figures of the report, a function each: data in, shown out, with the caption that the notebook gives."""

from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import PercentFormatter

from report.show import COLOURS, LINES, TEXT_WIDTH, figure


def unrolled(caption):
    """Show the network unrolled in time: what depends on what.

    Parameters
    ----------
    caption : str
        Markdown, with its number; the same for all functions of this module.
    """
    fig, ax = plt.subplots(figsize=(TEXT_WIDTH, 1.5))
    ax.set(xlim=(-0.75, 6.0), ylim=(-0.35, 2.65), aspect="equal")
    ax.axis("off")
    columns = {0.0: "0", 1.0: "1", 2.2: "2", 3.4: "3", 5.2: "T"}

    def arrow(start, end, label="", side=(0, 0)):
        ax.annotate(
            "", end, start, arrowprops={"arrowstyle": "-|>", "color": "0.25", "lw": 0.9, "shrinkA": 0, "shrinkB": 0}
        )
        ax.text((start[0] + end[0]) / 2 + side[0], (start[1] + end[1]) / 2 + side[1], label, ha="center", va="center")

    def node(x, y, name, ground):
        ax.add_patch(plt.Circle((x, y), 0.25, facecolor=ground, edgecolor="0.25", linewidth=0.9))
        ax.text(x, y, f"${name}$", ha="center", va="center")

    for x, t in columns.items():
        node(x, 1.15, f"h_{t}", "#dbe9f6")
        if t == "0":
            continue
        node(x, 0, f"x_{t}", "white")
        node(x, 2.3, f"p_{t}", "#fde3cf")
        arrow((x, 0.25), (x, 0.9), "$U$", (0.14, 0))
        arrow((x, 1.4), (x, 2.05), "$V$", (0.14, 0))
    for left, right in pairwise(list(columns)[:4]):
        arrow((left + 0.25, 1.15), (right - 0.25, 1.15), "$W$", (0, 0.16))
    arrow((3.65, 1.15), (4.1, 1.15))
    arrow((4.5, 1.15), (4.95, 1.15))
    for y in (0, 1.15, 2.3):
        ax.text(4.3, y, r"$\cdots$", ha="center", va="center")
    alt = "States h_0, h_1, ..., h_T in a row, with arrows W from each to the next, U from x_t below, V to p_t above."
    figure(fig, caption, alt)


def step_sizes(sizes, errors, caption):
    """Show the error of a numerical gradient against its step size.

    Parameters
    ----------
    sizes, errors : dict of str to array
        For each method, the step sizes and the largest relative error at each.
    caption : str
        Markdown, with its number; the same for all functions of this module.
    """
    fig, axes = plt.subplots(1, 2, width_ratios=[2, 1], sharey=True, figsize=(TEXT_WIDTH, 1.65))
    for ax in axes:
        for method, values in errors.items():
            ax.loglog(
                sizes[method], np.maximum(values, 1e-17), marker="o", markersize=3, label=method.replace("-", " ")
            )
        ax.set_xlabel(r"step size $\varepsilon$")
    axes[0].set(xlim=(3e-17, 0.3), ylabel="largest relative error")
    axes[1].set(xlim=(1e-305, 1e5), xticks=[1e-300, 1e-200, 1e-100, 1])
    axes[1].minorticks_off()
    axes[0].legend()
    alt = "Log-log plot of the error against the step size: a V for central differences, flat for the complex step."
    figure(fig, caption, alt)


def smooth_loss(run, steps_per_epoch, seq_length, caption, held_out=()):
    """Show a training run twice: the loss of the single steps with the smooth loss, and the latter close up.

    Parameters
    ----------
    run : lab.training.Training
    steps_per_epoch, seq_length : int
    caption : str
    held_out : sequence of (int, float)
        At some steps, the bits per character that the network needs for the text held out; none if no text is.
    """
    fig, (whole, close) = plt.subplots(1, 2, figsize=(TEXT_WIDTH, 2.2), width_ratios=[2, 5])
    shown = np.arange(0, run.done, max(1, run.done // 4000))
    whole.plot(shown, run.losses[shown], color="0.82", linewidth=0.3, linestyle="-", rasterized=True)
    whole.set(xlabel="update step", ylabel="loss (nats per sequence)", ylim=(0, 1.02 * run.smooth_losses[0] + 1e-9))
    whole.locator_params(axis="x", nbins=2)
    nats = np.log(2) * seq_length
    steps, bits = np.reshape(held_out, (-1, 2)).T
    if len(bits):
        close.plot(steps, bits * nats, "o", color=COLOURS[1], markersize=3.5, linestyle="none", label="text held out")
    for ax in (whole, close):
        ax.plot(shown, run.smooth_losses[shown], color=COLOURS[0], linestyle="-", label="smooth loss")
    boundaries = range(steps_per_epoch, run.done, steps_per_epoch)
    for epoch, boundary in list(enumerate(boundaries, 2))[:: 1 + len(boundaries) // 6]:  # of many, some
        close.axvline(boundary, color="0.4", linewidth=0.7, linestyle=":")
        _name_epoch(close, epoch, boundary)
    values = np.r_[run.smooth_losses[run.done // 15 :], bits * nats]
    low, high = values.min(), values.max()
    close.set(
        xlabel="update step",
        ylabel="nats per sequence",
        ylim=(low - 0.05 * (high - low) - 1e-9, high + 0.15 * (high - low) + 1e-9),
    )
    per_character = close.secondary_yaxis("right", functions=(lambda loss: loss / nats, lambda bits: bits * nats))
    per_character.set_ylabel("bits per character")
    per_character.spines["right"].set_visible(True)
    _legend_above(fig, close)
    figure(fig, caption, "The smooth loss falls steeply at first and then slowly.")


def _legend_above(fig, *axes, ncols=6):
    """A legend of these axes over the whole figure, where no data can be."""
    entries = {label: handle for ax in axes for handle, label in zip(*ax.get_legend_handles_labels(), strict=True)}
    fig.legend(entries.values(), entries, loc="outside upper left", ncols=ncols, handlelength=1.6, columnspacing=1.2)


def _name_epoch(ax, number, first_step):
    place = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points", "va": "top", "fontsize": 8}
    ax.annotate(f"epoch {number}", (first_step, 0.98), xytext=(3, 0), **place)


def models(bits, own, networks, ngrams, pruned, caption):
    """Show what models need for the same text, and how many numbers they keep.

    Parameters
    ----------
    bits, own : dict of str to float
        Bits per character held out of the yardsticks, and of the networks, which stand out.
    networks : list of (int, sequence of float)
        `lab.measured.long_sizes`: the number of parameters of a network, and its bits from each seed.
    ngrams, pruned : list of dict
        `lab.measured.long_counts` of both kinds.
    caption : str
    """
    fig, (left, right) = plt.subplots(1, 2, figsize=(TEXT_WIDTH, 2.15))
    bars = sorted((bits | own).items(), key=lambda bar: -bar[1])
    colours = ["C1" if name in own else "0.75" for name, _ in bars]
    left.barh([name for name, _ in bars], [needed for _, needed in bars], height=0.7, color=colours)
    for place, (_, needed) in enumerate(bars):
        left.annotate(
            f"{needed:.2f}", (needed, place), xytext=(3, 0), textcoords="offset points", va="center", fontsize=8
        )
    left.set(xlabel="bits per character", xlim=(0, 1.2 * bars[0][1] + 1e-9))
    left.tick_params(axis="y", labelsize=8)
    left.grid(axis="y", visible=False)
    left.invert_yaxis()
    for models, look, label in ((ngrams, "s:", "n-grams"), (pruned, "-", "the frequent ones")):
        points = [(model["n-grams"] + model["weights"], model["bits"]) for model in models]
        right.plot(*zip(*points, strict=True), look, color="0.4", markersize=3, linewidth=1, label=label)
    for model in ngrams:
        place = model["n-grams"] + model["weights"], model["bits"]
        right.annotate(str(model["order"]), place, xytext=(3, 3), textcoords="offset points", fontsize=8, clip_on=True)
    look = {"color": "C1", "markersize": 3, "capsize": 2, "label": "networks"}
    right.errorbar(*_spread(dict(networks)), fmt="o-", **look)
    right.set(xscale="log", xlabel="numbers that the model keeps", ylabel="bits per character")
    right.set(xlim=(1e3, 2e6), ylim=(1.5, 3.7))
    _legend_above(fig, right)
    figure(fig, caption, "Left: bars of bits per character. Right: bits fall with the number of parameters.")


def _spread(of_seeds):
    """Where to draw {x: values of several seeds}: x, their means and their standard deviations."""
    values = of_seeds.values()
    spreads = [np.std(value, ddof=1) if len(value) > 1 else 0.0 for value in values]
    return list(of_seeds), [float(np.mean(value)) for value in values], spreads


def memory(contexts, ngrams, gradients, lengths, caption):
    """Show how far back the network looks: by the context that helps, by its gradient, and by the T of its training.

    Parameters
    ----------
    contexts : dict of str to ndarray (longest,)
        For each network, `lab.memory.bits_by_context`.
    ngrams : ndarray (order + 1,)
        Bits by order; order n sees n - 1 characters.
    gradients : dict of str to ndarray (3, lags + 1)
        For the same networks, `lab.memory.gradient_by_lag`.
    lengths : dict of int to sequence of float
        For each T, the bits held out of several seeds.
    caption : str
    """
    fig, (left, middle, right) = plt.subplots(1, 3, figsize=(TEXT_WIDTH, 2.1))
    for style, (name, bits) in enumerate(contexts.items()):
        left.plot(np.arange(len(bits)) + 1, bits, color=COLOURS[style], linestyle=LINES[style], label=name)
    left.plot(np.arange(1, len(ngrams) - 1), ngrams[2:], "s:", color="0.4", markersize=2.5, label="n-grams")
    left.set_xscale("log", base=2)
    left.set(xlabel="characters seen", ylabel="bits per character")
    for style, (low, median, high) in enumerate(gradients[name] for name in contexts):
        shown = np.maximum([low, median, high], 1e-30)
        middle.semilogy(shown[1], color=COLOURS[style], linestyle=LINES[style])
        middle.fill_between(np.arange(len(median)), shown[0], shown[2], color=COLOURS[style], alpha=0.15, linewidth=0)
    middle.set(xlabel="lag $k$ (characters)", ylabel="gradient left", ylim=(1e-5, 2))
    right.errorbar(*_spread(lengths), fmt="o-", color="0.25", markersize=3, capsize=2)
    right.set_xscale("log", base=2)
    right.set(xlabel="length $T$ of a sequence", ylabel="bits per character")
    for ax in (left, right):
        ax.xaxis.set_major_formatter("{x:.0f}")
    _legend_above(fig, left)
    alt = "Three curves: bits fall with the context seen, the gradient exponentially with the lag, and bits with T."
    figure(fig, caption, alt)


def start(ways, shown, boundary, every, caption, seed=0):
    """Show what the first steps cost a run: its loss, and its bits against the share of the state that is saturated.

    Parameters
    ----------
    ways : dict of str to list of dict
        `lab.measured.long_runs("reset")`.
    shown : sequence of str
        The ways whose curves are drawn.
    boundary, every : int
        The step at which the second epoch begins; how many steps lie between the points of a curve.
    caption : str
    seed : int
        The run whose curves are drawn.
    """
    fig, (left, right) = plt.subplots(1, 2, figsize=(TEXT_WIDTH, 2.2), width_ratios=[3, 2])
    for style, (name, marker) in enumerate(zip(ways, "os^Dv", strict=False)):
        curve = np.array(ways[name][seed].get("curve", []))
        steps = every * np.arange(len(curve))
        if name in shown:
            late = steps > boundary / 4
            left.plot(steps[late], curve[late], color=COLOURS[style], linestyle=LINES[style])
        points = [(run["saturated"], run["bits"]) for run in ways[name]]
        look = {"color": COLOURS[style], "markersize": 3.5, "linestyle": "none", "label": name}
        right.plot(*np.transpose(points), marker, **look)
    for number, epoch in enumerate(range(boundary, 3 * boundary, boundary), 2):
        left.axvline(epoch, color="0.4", linewidth=0.7, linestyle=":")
        _name_epoch(left, number, epoch)
    left.set(xlabel="update step", ylabel="smooth loss (nats)")
    left.locator_params(axis="x", nbins=4)
    bottom, top = left.get_ylim()
    left.set_ylim(bottom, top + 0.1 * (top - bottom))  # room for the epochs' names
    right.set(xlabel="saturated share of the state", ylabel="bits per character", xlim=(-0.03, 1.03))
    right.xaxis.set_major_formatter(PercentFormatter(1))
    _legend_above(fig, right)
    alt = "Left: loss curves, one jumps where epoch 2 begins. Right: most bits where most of the state is saturated."
    figure(fig, caption, alt)


def weights(pairs, without, sizes, caption):
    """Show what it is worth to train W, and how large U should be at first.

    Parameters
    ----------
    pairs : dict of str to (sequence of float, sequence of float)
        For each way to train, the bits held out of several seeds: W trained, and W as it was drawn.
    without : float
        The bits without W.
    sizes : dict of str to dict of float to sequence of float
        For each way to train, the bits held out by the standard deviation of the first U.
    caption : str
    """
    fig, (left, right) = plt.subplots(1, 2, figsize=(TEXT_WIDTH, 2.5), width_ratios=[3, 2])
    for kind, (label, shift) in enumerate((("$W$ trained", -0.19), ("$W$ as it was drawn", 0.19))):
        places, means, spreads = _spread({place + shift: of[kind] for place, of in enumerate(pairs.values())})
        look = {"color": ("C0", "0.75")[kind], "error_kw": {"elinewidth": 0.8, "ecolor": "0.2"}, "label": label}
        left.barh(places, means, height=0.36, xerr=spreads, **look)
    left.axvline(without, color="0.3", linewidth=0.8, linestyle=":", label="without $W$")
    left.set_yticks(range(len(pairs)), pairs)
    left.tick_params(axis="y", labelsize=8)
    left.set(xlabel="bits per character", xlim=(2.3, without + 0.05))
    left.grid(axis="y", visible=False)
    left.invert_yaxis()
    for style, (name, of_sizes) in enumerate(sizes.items()):
        look = {"color": COLOURS[style], "linestyle": LINES[style], "markersize": 3, "capsize": 2, "label": name}
        right.errorbar(*_spread(of_sizes), marker="o", **look)
    right.set(xscale="log", xlabel="standard deviation of $U$", ylabel="bits per character")
    _legend_above(fig, left, right, ncols=3)
    alt = "Left: pairs of bars, W trained and not. Right: bits fall as the first U grows to 3, and rise again."
    figure(fig, caption, alt)


def speed_bars(turns, K=79, dtype="float32"):
    """Draw the time of an update step in every way to make it, in steps of rnn_core: the report and the page of the
    benchmark show the same figure.

    Parameters
    ----------
    turns : list of dict
        What `lab.measured.speed` has under "turns".
    K, dtype
        The alphabet and the type that all bars are for.

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
        top += height * max(len(sizes), 1.7) + 0.14
    fig, ax = plt.subplots(figsize=(TEXT_WIDTH, 0.5 + 0.235 * top))
    for i, (B, ratio) in enumerate(ratios.items()):
        at = [places[name, B] for name in ratio]
        low, median, high = np.transpose(list(ratio.values()))
        ax.barh(at, median, 0.9 * height, color=COLOURS[i], label=f"B = {B}")
        ax.errorbar(median, at, xerr=(median - low, high - median), fmt="none", ecolor="0.3", linewidth=0.8)
        for y, end, value in zip(at, high, median, strict=True):
            look = {
                "va": "center",
                "fontsize": 6,
                "zorder": 0.9,
                "bbox": {"facecolor": "white", "linewidth": 0, "pad": 0},
            }
            # In front of the line at 1
            ax.annotate(f"{value:.2f}", (end, y), xytext=(3, 0), textcoords="offset points", **look)
    middles = [np.mean([y for (other, _), y in places.items() if other == name]) for name in names]
    ax.axvline(1, color="black", linewidth=0.8, zorder=0.8)
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
