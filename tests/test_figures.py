"""The figures: each draws the numbers that it is given."""

import itertools
import re

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgba
from matplotlib.text import Text

from lab.training import Training
from report import figures
from report.show import use_house_style

CAPTION = "Figure 1. A caption."
BITS = "bits per character"


@pytest.fixture
def drawn(monkeypatch):
    """Draw a figure, which has room for all that is written: its axes."""
    shown = []
    monkeypatch.setattr(figures, "figure", lambda *what: shown.append(what))

    def draw(function, *data, **more):
        function(*data, CAPTION, **more)
        ((fig, caption, alt),) = shown
        assert caption == CAPTION and re.fullmatch(r"[A-Z][a-z]+\b.{20,}\.", alt)
        fig.draw_without_rendering()
        names = [name for ax in fig.axes for name in (ax.title, ax.xaxis.label, ax.yaxis.label, *ax.texts)]
        for name in filter(Text.get_text, names):
            box = name.get_window_extent()
            assert fig.bbox.x0 <= box.x0 and box.x1 <= fig.bbox.x1, name
            assert fig.bbox.y0 <= box.y0 and box.y1 <= fig.bbox.y1, name
        above = max(ax.bbox.y1 for ax in fig.axes)  # where no data can be
        assert all(legend.get_window_extent().y0 >= above for legend in fig.legends)
        return fig.axes

    with plt.rc_context():
        use_house_style()
        yield draw
        plt.close("all")


def labels(ax):
    """The legend, which stands over the axes and not in them."""
    legend = ax.get_legend() or ax.figure.legends[0]
    return [text.get_text() for text in legend.get_texts()]


def lines(ax):
    """What the lines of an axes show: {label: (x, y)}."""
    return {line.get_label(): tuple(np.asarray(part).tolist() for part in line.get_data()) for line in ax.get_lines()}


def bars(ax):
    """What the bars show: {name: width}."""
    names = [label.get_text() for label in ax.get_yticklabels()]
    return dict(zip(names, [patch.get_width() for patch in ax.patches], strict=True))


def test_the_unrolled_network_names_everything_in_equation_1(drawn):
    names = {text.get_text().strip("$") for text in drawn(figures.unrolled)[0].texts}
    assert names == {"", "U", "V", "W", r"\cdots", "h_0", *(f"{name}_{t}" for name in "xhp" for t in "123T")}


def test_the_arrows_of_the_unrolled_network_go_from_rim_to_rim(drawn):
    (ax,) = drawn(figures.unrolled)
    centres = [circle.center for circle in ax.patches]
    nodes = {
        text.get_text().strip("$"): np.array(text.get_position()) for text in ax.texts if text.get_position() in centres
    }
    arrows = [(np.array(text.xyann), np.array(text.xy)) for text in ax.texts if hasattr(text, "xyann")]
    found = []
    for ends in arrows:
        away = [{name: np.hypot(*(end - centre)) for name, centre in nodes.items()} for end in ends]
        found.append(tuple(min(of_end, key=of_end.get) for of_end in away))
        touches = np.isclose([min(of_end.values()) for of_end in away], 0.25)
        assert touches.any() and touches.all() == (found[-1][0] != found[-1][1])  # those at the dots have a free end
        if touches.all():  # and none goes through a node
            length, between = (np.hypot(*(a - b)) for a, b in (ends, [nodes[name] for name in found[-1]]))
            assert length == pytest.approx(between - 2 * 0.25)
    across = [("h_0", "h_1"), ("h_1", "h_2"), ("h_2", "h_3"), ("h_3", "h_3"), ("h_T", "h_T")]
    assert sorted(found) == sorted([*across, *((f"{a}_{t}", f"{b}_{t}") for a, b in ("xh", "hp") for t in "123T")])
    letters = [np.array(text.get_position()) for text in ax.texts if text.get_text() in ("$U$", "$V$", "$W$")]
    assert all(min(np.hypot(*(letter - (a + b) / 2)) for a, b in arrows) < 0.2 for letter in letters)
    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    (low, down), (high, up) = np.min(centres, axis=0) - 0.25, np.max(centres, axis=0) + 0.25
    assert low - 1 < left < low and high < right < high + 1 and down - 0.5 < bottom < down and up < top < up + 0.5
    dots = [text.get_position() for text in ax.texts if "dots" in text.get_text()]
    free = [
        place for ends in arrows for place, _ in ends if min(np.hypot(*(place - at)) for at in nodes.values()) > 0.26
    ]
    assert [y for _, y in dots] == [nodes[f"{name}_1"][1] for name in "xhp"]
    assert all(min(free) < x < max(free) for x, _ in dots)


def scales(*axes):
    """The scales of these axes, x and y of each."""
    return [(ax.get_xscale(), ax.get_yscale()) for ax in axes]


def names(*axes):
    """What these axes say they show, x and y of each."""
    return [(ax.get_xlabel(), ax.get_ylabel()) for ax in axes]


def errors(ax):
    """What the error bars show: [(positions, lowest, highest)] along the y axis, or along the x axis of bars."""
    return [container.lines[2][0].get_segments() for container in ax.containers if hasattr(container, "lines")]


def test_memory_has_a_panel_for_each_question(drawn):
    left, middle, right = drawn(
        figures.memory,
        {"before": np.array([3.0, 2.5, 2.4]), "after": np.array([2.9, 2.4, 2.3])},
        np.array([6.0, 4.0, 3.0, 2.0]),
        {"after": np.array([[1, 0.1], [1, 0.2], [1, 0.4]]), "before": np.array([[1, 0.3], [1, 0.5], [1, 0.6]])},
        {5: [2.3, 2.5], 25: [2.2, 2.2]},
    )
    assert lines(left) == {
        "before": ([1, 2, 3], [3, 2.5, 2.4]), "after": ([1, 2, 3], [2.9, 2.4, 2.3]),
        "n-grams": ([1, 2], [3, 2]),  # a bigram sees one character
    }  # fmt: skip
    assert [line.get_xydata().tolist() for line in middle.lines] == [[[0, 1], [1, 0.5]], [[0, 1], [1, 0.2]]]
    assert [line.get_color() for line in middle.lines] == [line.get_color() for line in left.lines[:2]]
    assert {tuple(corner) for corner in middle.collections[0].get_paths()[0].vertices} >= {(1, 0.3), (1, 0.6)}
    assert right.lines[0].get_xydata().tolist() == pytest.approx(np.array([[5, 2.4], [25, 2.2]]))
    np.testing.assert_allclose(errors(right)[0][0], [[5, 2.4 - 0.1 * 2**0.5], [5, 2.4 + 0.1 * 2**0.5]])
    assert scales(left, middle, right) == [("log", "linear"), ("linear", "log"), ("log", "linear")]
    assert left.xaxis.get_transform().base == right.xaxis.get_transform().base == 2
    assert middle.get_ylim() == (1e-5, 2)
    assert names(left, middle, right) == [
        ("characters seen", BITS), ("lag $k$ (characters)", "gradient left"), ("length $T$ of a sequence", BITS),
    ]  # fmt: skip
    assert left.xaxis.get_major_formatter()(16) == right.xaxis.get_major_formatter()(16) == "16"


def test_the_start_has_the_curves_of_one_seed_and_a_point_for_every_run(drawn):
    def run(bits, saturated, curve=(50.0, 45.0, 40.0, 39.0)):
        return {"curve": curve, "bits": bits, "saturated": saturated}

    ways = {"reset": [run(2.5, 0.9), run(2.4, 0.7, ())], "G from 10": [run(2.3, 0.2), run(2.2, 0.1)]}
    left, right = drawn(figures.start, ways, ["reset"], 20, 10)
    curve, *epochs = left.lines
    assert curve.get_xydata().tolist() == [[10, 45], [20, 40], [30, 39]]  # not the first steep part
    assert [line.get_xdata()[0] for line in epochs] == [20, 40]
    assert [(text.get_text(), text.xy[0]) for text in left.texts] == [("epoch 2", 20), ("epoch 3", 40)]
    assert names(left, right) == [
        ("update step", "smooth loss (nats)"),
        ("saturated share of the state", BITS),
    ]
    assert -0.1 < right.get_xlim()[0] < 0 and 1 < right.get_xlim()[1] < 1.1  # no point is cut
    assert 45.5 < left.get_ylim()[1] < 47 and right.xaxis.get_major_formatter()(0.9) == "90%"
    assert lines(right) == {"reset": ([0.9, 0.7], [2.5, 2.4]), "G from 10": ([0.2, 0.1], [2.3, 2.2])}
    assert labels(left) == ["reset", "G from 10"]
    assert len({line.get_marker() for line in right.lines}) == 2  # in grey, too, they differ
    assert len({line.get_color() for line in right.lines}) == 2 and curve.get_color() == right.lines[0].get_color()


def test_weights_are_pairs_of_bars_and_a_curve_for_each_way(drawn):
    pairs = {"Adam": ([2.4, 2.6], [2.8, 2.8]), "AdaGrad": ([2.9, 2.9], [2.7, 2.7])}
    sizes = {"Adam": {0.1: [2.7, 2.7], 1.0: [2.4, 2.6]}}
    left, right = drawn(figures.weights, pairs, 3.4, sizes)
    trained, drawn_only = [container for container in left.containers if hasattr(container, "patches")]
    for bars_of, places, widths in ((trained, (-0.19, 0.81), (2.5, 2.9)), (drawn_only, (0.19, 1.19), (2.8, 2.7))):
        assert [bar.get_y() + bar.get_height() / 2 for bar in bars_of] == pytest.approx(places)
        assert [bar.get_width() for bar in bars_of] == pytest.approx(widths)
    np.testing.assert_allclose(
        trained.errorbar.lines[2][0].get_segments()[0][:, 0], 2.5 + np.array([-1, 1]) * 0.1 * 2**0.5
    )
    assert [text.get_text() for text in left.get_yticklabels()] == list(pairs)
    assert list(left.get_yticks()) == [0, 1] and left.yaxis_inverted()
    assert sorted(labels(left)) == ["$W$ as it was drawn", "$W$ trained", "Adam", "without $W$"]
    (without,) = [line for line in left.lines if line.get_label() == "without $W$"]
    assert set(without.get_xdata()) == {3.4} and left.get_xlim() == pytest.approx((2.3, 3.45))
    assert scales(left, right) == [("linear", "linear"), ("log", "linear")]
    assert names(left, right) == [(BITS, ""), ("standard deviation of $U$", BITS)]
    assert right.lines[0].get_xydata().tolist() == pytest.approx(np.array([[0.1, 2.7], [1.0, 2.5]]))
    np.testing.assert_allclose(errors(right)[0][1][:, 1], 2.5 + np.array([-1, 1]) * 0.1 * 2**0.5)


def test_the_step_sizes_are_on_both_axes(drawn):
    axes = drawn(figures.step_sizes, {"central": [1e-5, 1e-6]}, {"central": [1e-9, 0]})
    for ax in axes:
        assert lines(ax) == {"central": ([1e-5, 1e-6], [1e-9, 1e-17])}
    assert labels(axes[0]) == ["central"] and not axes[1].get_legend()
    assert scales(*axes) == [("log", "log")] * 2 and axes[0].get_ylim() == axes[1].get_ylim()
    assert [ax.get_xlim() for ax in axes] == [(3e-17, 0.3), (1e-305, 1e5)]  # the complex step has no smallest size
    assert axes[1].get_xticks().tolist() == [1e-300, 1e-200, 1e-100, 1]
    assert names(*axes) == [(r"step size $\varepsilon$", name) for name in ("largest relative error", "")]


def test_the_smooth_loss_is_close_up_beside_the_text_held_out_in_one_unit(drawn):
    losses = np.linspace(100, 50, 30)
    run = Training(None, None, losses, losses - 1, None, None, done=30)
    whole, close = drawn(figures.smooth_loss, run, 10, 25, held_out=[(10, 3.0), (20, 2.9)])
    steps = list(range(30))
    assert lines(whole)["smooth loss"] == lines(close)["smooth loss"] == (steps, (losses - 1).tolist())
    assert whole.lines[0].get_xydata().tolist() == np.transpose([steps, losses]).tolist()
    assert names(whole, close) == [("update step", "loss (nats per sequence)"), ("update step", "nats per sequence")]
    nats = 25 * np.log(2)
    np.testing.assert_allclose(lines(close)["text held out"], [[10, 20], [3.0 * nats, 2.9 * nats]])
    assert [line.get_xdata()[0] for line in close.get_lines()[2:]] == [10, 20]  # where epochs begin
    (per_character,) = close.child_axes
    close.figure.draw_without_rendering()
    assert per_character.get_ylabel() == "bits per character"
    assert list(per_character.get_ylim()) == pytest.approx([loss / nats for loss in close.get_ylim()])
    places = [ax.transData.transform((0, value))[1] for ax, value in ((close, 3.0 * nats), (per_character, 3.0))]
    assert places[0] == pytest.approx(places[1])  # 3 bits a character stand where their nats a sequence do
    assert labels(close) == ["text held out", "smooth loss"]
    assert [(text.get_text(), text.xy[0]) for text in close.texts] == [("epoch 2", 10), ("epoch 3", 20)]
    shown = np.r_[(losses - 1)[2:], 3.0 * nats, 2.9 * nats]  # the steep beginning is in the left panel only
    (below, above), height = np.abs(close.get_ylim() - np.array([shown.min(), shown.max()])), np.ptp(shown)
    assert close.get_ylim()[0] < shown.min() and 0 < below < 0.07 * height
    assert close.get_ylim()[1] > shown.max() and below < above < 0.17 * height  # room for the epochs' names
    assert whole.get_ylim()[0] == 0 and losses[0] - 1 < whole.get_ylim()[1] < 1.03 * losses[0]


def test_of_a_long_run_a_few_thousand_steps_are_drawn_from_first_to_last(drawn):
    losses = np.linspace(100, 50, 20_000)
    run = Training(None, None, losses, losses, None, None, done=20_000)
    whole, _ = drawn(figures.smooth_loss, run, 15_000, 25)
    assert lines(whole)["smooth loss"] == (list(range(0, 20_000, 5)), losses[::5].tolist())


def test_of_many_epochs_some_are_named_so_that_their_names_do_not_touch(drawn):
    losses = np.linspace(100, 50, 4000)
    run = Training(None, None, losses, losses, None, None, done=4000)
    _, close = drawn(figures.smooth_loss, run, 100, 25)
    boxes = [text.get_window_extent() for text in close.texts]
    assert len(boxes) > 3 and all(a.x1 < b.x0 for a, b in itertools.pairwise(boxes))
    assert all(text.get_text() == f"epoch {1 + round(text.xy[0] / 100)}" for text in close.texts)


@pytest.mark.parametrize("loss", [4.0, 0.0])
@pytest.mark.parametrize("held_out, named", [([(1, 2.0)], ["text held out", "smooth loss"]), ([], ["smooth loss"])])
def test_without_a_step_done_or_text_held_out_or_a_loss_the_smooth_loss_can_be_drawn(drawn, held_out, named, loss):
    run = Training(None, None, np.array([loss]), np.array([loss]), None, None, done=1)
    whole, close = drawn(figures.smooth_loss, run, 10, 25, held_out=held_out)
    assert labels(close) == named
    assert whole.get_ylim()[0] == 0 and all(ax.get_ylim()[0] <= loss < ax.get_ylim()[1] for ax in (whole, close))
    assert close.get_ylim()[0] < loss


def test_models_that_need_no_bits_can_be_drawn(drawn):
    models = [{"order": 1, "n-grams": 1, "weights": 1, "bits": 0.0}]
    left, _ = drawn(figures.models, {"uniform": 0.0}, {}, [(4000, [0.0])], models, models)
    assert left.get_xlim()[0] == 0 < left.get_xlim()[1] < 0.1


def test_models_stand_in_order_and_beside_the_numbers_that_they_keep(drawn):
    def ngram(order, kept, weights, bits):
        return {"order": order, "n-grams": kept, "weights": weights, "bits": bits}

    every, pruned = [ngram(1, 78, 1, 4.4), ngram(2, 2000, 79, 3.4)], [ngram(2, 1500, 70, 3.5)]
    networks = [(4000, [2.4, 2.6]), (9000, [2.0])]
    left, right = drawn(figures.models, {"uniform": 6.0, "6-gram": 1.7}, {"the RNN": 2.5}, networks, every, pruned)
    assert list(bars(left).items()) == [("uniform", 6.0), ("the RNN", 2.5), ("6-gram", 1.7)]
    first, own, last = (patch.get_facecolor() for patch in left.patches)
    assert first == last != own == to_rgba(right.containers[0].lines[0].get_color())
    assert all(text.get_clip_box() for text in right.texts)  # those of points beyond the axes are not drawn
    assert lines(right)["n-grams"] == ([79, 2079], [4.4, 3.4])
    assert lines(right)["the frequent ones"] == ([1570], [3.5])
    (network,) = right.containers
    assert network.lines[0].get_xydata().tolist() == [[4000, 2.5], [9000, 2.0]]
    np.testing.assert_allclose(errors(right)[0][0][:, 1], 2.5 + np.array([-1, 1]) * 0.1 * 2**0.5)
    assert [(text.get_text(), text.xy) for text in right.texts] == [("1", (79, 4.4)), ("2", (2079, 3.4))]
    assert [patch.get_y() + patch.get_height() / 2 for patch in left.patches] == pytest.approx([0, 1, 2])
    numbers = [(text.get_text(), text.xy) for text in left.texts]
    assert numbers == [("6.00", (6.0, 0)), ("2.50", (2.5, 1)), ("1.70", (1.7, 2))] and left.yaxis_inverted()
    assert scales(left, right) == [("linear", "linear"), ("log", "linear")]
    assert names(left, right) == [(BITS, ""), ("numbers that the model keeps", BITS)]
    assert left.get_xlim()[0] == 0 and 6 < left.get_xlim()[1] < 8  # room for the number beside the longest bar
    assert (right.get_xlim(), right.get_ylim()) == ((1e3, 2e6), (1.5, 3.7))


def test_speed_is_a_bar_for_each_library_and_batch_of_one_type(drawn):
    turns = [
        {"K": 79, "dtype": "float32", "B": 1, "ratio": {"PyTorch": [5.0, 6.0, 7.0], "JAX": [0.8, 0.9, 1.0]}},
        {"K": 79, "dtype": "float32", "B": 16, "ratio": {"PyTorch": [2.0, 3.0, 4.0]}},
        {"K": 79, "dtype": "float64", "B": 1, "ratio": {"PyTorch": [9.0, 9.0, 9.0]}},
    ]
    ax = figures.speed_bars(turns).axes[0]
    assert [patch.get_width() for patch in ax.patches] == [6, 0.9, 3]
    assert labels(ax) == ["B = 1", "B = 16"]
    torch, jax, torch_16 = (patch.get_y() + patch.get_height() / 2 for patch in ax.patches)
    assert torch < torch_16 < jax and ax.yaxis_inverted()  # a library's bars stand together, in the order of the turns
    extents = sorted((patch.get_y(), patch.get_y() + patch.get_height()) for patch in ax.patches)
    assert all(a[1] < b[0] for a, b in itertools.pairwise(extents))
    assert list(ax.get_yticks()) == pytest.approx([(torch + torch_16) / 2, jax])
    assert [text.get_text() for text in ax.get_yticklabels()] == ["PyTorch", "JAX"]
    whiskers = [[[5, torch], [7, torch]], [[0.8, jax], [1, jax]], [[2, torch_16], [4, torch_16]]]
    np.testing.assert_allclose(np.concatenate(errors(ax)), whiskers)
    numbers = [(text.get_text(), *text.xy) for text in ax.texts]
    assert numbers == [("6.00", 7, torch), ("0.90", 1, jax), ("3.00", 4, torch_16)]
    assert scales(ax) == [("log", "linear")] and ax.get_xlim() == (0.4, 1.5 * 7)
    assert [float(label.get_text()) for label in ax.get_xticklabels()] == ax.get_xticks().tolist() == [0.5, 1, 2, 5, 10]
    assert names(ax) == [("time of an update step, in steps of rnn_core (float32)", "")]
    assert [list(line.get_xdata()) for line in ax.lines] == [[1, 1]]  # rnn_core itself
