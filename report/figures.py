"""The figures of the report, a function each: data in, shown out, with the caption that the notebook gives."""

import html
import unicodedata
from itertools import groupby, pairwise

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import PercentFormatter

from report.show import COLOURS, IGNORE, LINES, NEWLINE, TEXT_WIDTH, Shown, figure, visible

BLANK = "\u2423"  # an open box: a space that is to be seen
WARM = ["#ffffff", "#fff1e0", "#ffe0bd", "#ffcd98", "#ffb870", "#f9a04d", "#ef8a33", "#e2761b"]  # 0, 1, ..., 7 bits


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


def smooth_loss(run, steps_per_epoch, seq_length, caption):
    """Show the loss of the single steps and the smooth loss of a training run.

    Parameters
    ----------
    run : lab.training.Training
    steps_per_epoch, seq_length : int
    caption : str
    """
    fig, ax = plt.subplots(figsize=(TEXT_WIDTH, 2.1))
    shown = np.arange(0, run.done, max(1, run.done // 4000))
    ax.plot(shown, run.losses[shown], color="0.82", linewidth=0.3, linestyle="-", rasterized=True, label="single steps")
    ax.plot(shown, run.smooth_losses[shown], linestyle="-", label="smooth loss")
    for epoch, boundary in enumerate(range(steps_per_epoch, run.done, steps_per_epoch), 2):
        ax.axvline(boundary, color="0.4", linewidth=0.7, linestyle=":")
        _name_epoch(ax, epoch, boundary)
    ax.set(xlabel="update step", ylabel="loss (nats per sequence)")
    ax.set_ylim(0.5 * run.smooth_losses.min(), 1.02 * run.smooth_losses[0] + 1e-9)
    per_character = ax.secondary_yaxis(
        "right", functions=(lambda nats: nats / seq_length, lambda nats: nats * seq_length)
    )
    per_character.set_ylabel("nats per character")
    per_character.spines["right"].set_visible(True)
    legend = ax.legend(loc="upper right", bbox_to_anchor=(1, 0.88), frameon=True, framealpha=0.8, edgecolor="white")
    legend.legend_handles[0].set(linewidth=2, color="0.7")
    figure(fig, caption, "The smooth loss falls steeply at first and then slowly.")


def _name_epoch(ax, number, first_step):
    place = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points", "va": "top", "fontsize": 8}
    ax.annotate(f"epoch {number}", (first_step, 0.98), (3, 0), **place)


def models(bits, own, networks, ngrams, caption):
    """Show what models need for the same text, and how many parameters they have.

    Parameters
    ----------
    bits, own : dict of str to float
        Bits per character held out of the yardsticks, and of the networks, which stand out.
    networks : list of (int, sequence of float)
        `lab.measured.long_sizes`: the number of parameters of a network, and its bits, one a seed.
    ngrams : list of (int, float)
        `lab.measured.long_counts`: the number of counts, and the bits, for the orders 1, 2, ...
    caption : str
    """
    fig, (left, right) = plt.subplots(1, 2, figsize=(TEXT_WIDTH, 2.15))
    bars = sorted((bits | own).items(), key=lambda bar: -bar[1])
    colours = ["C1" if name in own else "0.75" for name, _ in bars]
    left.barh([name for name, _ in bars], [needed for _, needed in bars], height=0.7, color=colours)
    for place, (_, needed) in enumerate(bars):
        left.annotate(f"{needed:.2f}", (needed, place), (3, 0), textcoords="offset points", va="center", fontsize=8)
    left.set(xlabel="bits per character", xlim=(0, 1.2 * bars[0][1] + 1e-9))
    left.tick_params(axis="y", labelsize=8)
    left.grid(axis="y", visible=False)
    left.invert_yaxis()
    right.plot(*zip(*ngrams, strict=True), "s:", color="0.4", markersize=3, label="n-grams")
    for order, point in enumerate(ngrams, 1):
        right.annotate(str(order), point, xytext=(3, 3), textcoords="offset points", fontsize=8, clip_on=True)
    means = [(parameters, np.mean(of_seeds)) for parameters, of_seeds in networks]
    right.plot(*zip(*means, strict=True), "o-", color="C1", markersize=3, label="networks, trained well")
    right.set(xscale="log", xlabel="parameters (of an n-gram: counts)", ylabel="bits per character")
    right.set(xlim=(1e3, 1.5e6), ylim=(1.5, 3.7))
    right.legend()
    figure(fig, caption, "Left: bars of bits per character. Right: bits fall with the number of parameters.")


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
    fig, ax = plt.subplots(figsize=(TEXT_WIDTH, 1.6))
    names = list(dict.fromkeys(name for choice in choices for name in choice))
    for style, (name, marker, place) in enumerate(zip(names, "os", ((4, -11), (3, 4)), strict=False)):
        points = [(choice[name], point) for choice, point in zip(choices, shares, strict=True) if name in choice]
        look = {"marker": marker, "markerfacecolor": ("C0", "white")[style], "label": name.replace("_", "-")}
        ax.plot(*zip(*(point for _, point in points), strict=True), color=f"C{style}", **look)
        for value, point in points:
            ax.annotate(str(value), point, place, textcoords="offset points", fontsize=8, color=f"C{style}")
    ax.plot(*real, "k*", markersize=9, linestyle="none", label="text held out")
    ax.set(xlabel="words that are different from one another", ylabel="known words")
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter(PercentFormatter(1, decimals=0))
    ax.margins(0.06, 0.2)
    ax.legend()
    figure(fig, caption, "Two falling curves: the more words differ from one another, the fewer are known.")


def memory(gradients, contexts, ngrams, lengths, caption):
    """Show how far back the network looks: by its gradient, by the context that helps, and by the T it is trained with.

    Parameters
    ----------
    gradients : dict of str to ndarray (lags + 1,)
        For each network, `lab.memory.gradient_by_lag`.
    contexts : dict of str to ndarray (longest,)
        For some of them, `lab.memory.bits_by_context`.
    ngrams : ndarray (order + 1,)
        Bits by order; order n sees n - 1 characters.
    lengths : dict of int to sequence of float
        For each T, the bits held out, one a seed.
    caption : str
    """
    fig, (left, middle, right) = plt.subplots(1, 3, figsize=(TEXT_WIDTH, 2.1))
    for style, (name, norms) in enumerate(gradients.items()):
        left.semilogy(
            np.maximum(norms / max(norms[0], 1e-300), 1e-30), color=COLOURS[style], linestyle=LINES[style], label=name
        )
    left.set(xlabel="lag $k$ (characters)", title="Gradient", ylim=(1e-5, 2))
    left.set_ylabel(r"$\Vert\partial L_t/\partial h_{t-k}\Vert$, share")
    left.legend(handlelength=1.5, borderaxespad=0)
    for style, name in enumerate(gradients):
        if name in contexts:
            middle.plot(
                np.arange(len(contexts[name])) + 1, contexts[name], color=COLOURS[style], linestyle=LINES[style]
            )
    middle.plot(np.arange(1, len(ngrams) - 1), ngrams[2:], "s:", color="0.4", markersize=2.5, label="n-grams")
    middle.set_xscale("log", base=2)
    middle.set(xlabel="characters seen", ylabel="bits per character", title="Context")
    middle.xaxis.set_major_formatter("{x:.0f}")
    middle.legend(handlelength=1.5, borderaxespad=0)
    values = np.array(list(lengths.values()))
    right.errorbar(list(lengths), values.mean(axis=1), values.std(axis=1, ddof=1), marker="o", markersize=3, capsize=2)
    right.set_xscale("log", base=2)
    right.set(xlabel="length $T$ of a sequence", ylabel="bits per character", title="Truncation")
    right.xaxis.set_major_formatter("{x:.0f}")
    alt = "Three curves: the gradient falls exponentially with the lag; bits fall with the context seen, and with T."
    figure(fig, caption, alt)


def reset(ways, shown, boundary, every, caption, seed=0):
    """Show what setting the state to zero between epochs does to a run, and what makes the network fail there.

    Parameters
    ----------
    ways : dict of str to list of dict
        `lab.measured.long_runs("reset")`.
    shown : sequence of str
        The ways whose curves are drawn, three at most.
    boundary, every : int
        The step at which the second epoch begins; how many steps lie between the points of a curve.
    caption : str
    seed : int
        The run whose curves are drawn.
    """
    fig, (left, right) = plt.subplots(1, 2, figsize=(TEXT_WIDTH, 2.1), width_ratios=[3, 2])
    for name, style in zip(shown, (0, 1, 2), strict=False):
        curve = np.array(ways[name][seed]["curve"])
        steps = every * np.arange(len(curve))
        late = steps > boundary / 4
        left.plot(steps[late], curve[late], color=COLOURS[style], linestyle=LINES[style], label=name)
    for number, epoch in enumerate(range(boundary, 3 * boundary, boundary), 2):
        left.axvline(epoch, color="0.4", linewidth=0.7, linestyle=":")
        _name_epoch(left, number, epoch)
    left.set(xlabel="update step", ylabel="smooth loss (nats)", title=f"Seed {seed}")
    left.locator_params(axis="x", nbins=4)
    kinds = (("fails from $h = 0$", "X", COLOURS[1]), ("does not", "o", COLOURS[0]))
    for kind, (label, marker, ground) in enumerate(kinds):
        points = [
            (place + shift, run["bits"])
            for place, runs in enumerate(ways.values())
            for shift, run in zip(np.linspace(-0.25, 0.25, len(runs)), runs, strict=True)
            if (run["zero fails"] <= 0.5) == kind
        ]
        right.plot(*np.reshape(points, (-1, 2)).T, marker, color=ground, markersize=4.5, linestyle="none", label=label)
    right.set_xticks(range(len(ways)), [name.replace(" ", "\n", 1) for name in ways])
    right.set(ylabel="bits per character", title="Text held out")
    right.tick_params(axis="x", labelsize=7.5)
    for ax in (left, right):
        bottom, top = ax.get_ylim()
        height = top - bottom
        ax.set_ylim(bottom - 0.4 * height, top + 0.12 * height)  # room for the legend, and for the epochs' names
        ax.legend(loc="lower left")
    alt = "Left: three loss curves, one jumps where epoch 2 begins. Right: a point for the bits of each run."
    figure(fig, caption, alt)


def places(predictors, caption):
    """Show bits by the place of a letter in its word.

    Parameters
    ----------
    predictors : dict of str to ndarray
        For each predictor, `lab.memory.bits_by_place`; networks first, then two n-grams at most.
    caption : str
    """
    fig, ax = plt.subplots(figsize=(TEXT_WIDTH, 1.7))
    ngrams = iter([":", "-."])
    for style, (name, bits) in enumerate(predictors.items(), 1):  # networks look as in `memory`
        grey = name.endswith("-gram")
        look = ("0.45", next(ngrams)) if grey else (COLOURS[style], LINES[style])
        ax.plot(range(1, len(bits) + 1), bits, color=look[0], linestyle=look[1], marker="o", markersize=3, label=name)
    ax.set(xlabel="place of the letter in its word", ylabel="bits per character", ylim=(0, 5.5))
    ax.set_xticks(range(1, 1 + max(map(len, predictors.values()))))
    ax.legend(ncols=4, loc="upper right")
    alt = "Curves over the places in a word: all need most bits for the first letter, the 6-gram fewest at the end."
    figure(fig, caption, alt)


def surprise(text, bits, guesses, surprising=6.0):
    """A passage in which each character stands on a ground of its bits, the darker the more surprising.

    Nothing in it is for screens alone: grounds are the `background-color` of spans, the guesses are subscripts.

    Parameters
    ----------
    text : str
        Any text.
    bits : array (len(text),)
        The surprise at each character. A sign of several characters (a letter and its accents) stands on that of all.
    guesses : sequence of str (len(text),)
        The characters that were expected in its place, best first.
    surprising : float
        From so many bits on, the guesses are shown.

    Returns
    -------
    Shown
        For Jupyter to display.
    """
    signs = []  # text, bits and guesses of what is one sign on the page
    for char, need, guess in zip(text, bits, guesses, strict=True):
        if signs and (unicodedata.category(char)[0] == "M" or "\u200d" in (char, signs[-1][0][-1])):
            signs[-1] = signs[-1][0] + char, signs[-1][1] + need, signs[-1][2]
        else:
            swallowed = char == " " and (not signs or signs[-1][0][-1] in " \n\u00a0")
            signs.append(("\u00a0" if swallowed else char, need, guess))

    def source(shown, newline, space):
        return html.escape(visible(shown)).replace("\n", newline).replace(" ", space)

    def ground(shown, level):
        return f'<span style="background-color: {WARM[level]}; color: #000000">{shown}</span>'

    def key(sign):  # signs on the same ground share a span, but those with guesses have their own
        return min(int(sign[1]), len(WARM) - 1), sign[1] >= surprising and sign

    parts, plain = [], []
    for (level, alone), run in groupby(signs, key):
        shown = "".join(sign[0] for sign in run)
        parts.append(ground(source(shown, f"{NEWLINE}<br>", " "), level))
        plain.append(visible(shown))
        if alone:
            parts.append(f'<sub style="color: #666666">{source(alone[2], NEWLINE, BLANK)}</sub>')
            plain.append(f"[{visible(alone[2])}]")
    scale = "".join(ground(f"&#160;{n}{'+' * (n == len(WARM) - 1)}&#160;", n) for n in range(len(WARM)))
    style = "white-space: pre-wrap; overflow-wrap: anywhere; line-height: 1.9; margin: 0"
    passage = f'<p style="{style}">{"".join(parts)}</p><p>bits: {scale}</p>'
    return Shown(html=f'<blockquote class="{IGNORE}" dir="auto">{passage}</blockquote>', plain="".join(plain))


def speed_bars(turns, K=79, dtype="float32"):
    """Draw the time of an update step in every way to make it, in steps of rnn_core: the report and the page of the
    benchmark show the same figure.

    Parameters
    ----------
    turns : list of dict
        What `lab.measured.speed` has under "turns".
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
            ax.annotate(f"{value:.2f}", (end, y), (3, 0), textcoords="offset points", **look)  # before the line at 1
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


def speed(turns, caption):
    """Show `speed_bars`.

    Parameters
    ----------
    turns : list of dict
    caption : str
    """
    figure(speed_bars(turns), caption, "Bars: the time of an update step in every library, in steps of rnn_core.")
