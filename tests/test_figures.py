"""The figures: each draws the numbers that it is given."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.text import Text

from lab.training import Training
from report import figures
from report.show import use_house_style

CAPTION = "Figure 1. A caption."


@pytest.fixture
def drawn(monkeypatch):
    """Draw a figure, which has room for all that is written: its axes."""
    shown = []
    monkeypatch.setattr(figures, "figure", lambda *what: shown.append(what))

    def draw(function, *data):
        function(*data, CAPTION)
        ((fig, caption, alt),) = shown
        assert caption == CAPTION and len(alt) > 20
        fig.draw_without_rendering()
        names = [name for ax in fig.axes for name in (ax.title, ax.xaxis.label, ax.yaxis.label, *ax.texts)]
        for name in filter(Text.get_text, names):
            box = name.get_window_extent()
            assert fig.bbox.x0 <= box.x0 and box.x1 <= fig.bbox.x1, name
            assert fig.bbox.y0 <= box.y0 and box.y1 <= fig.bbox.y1, name
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
    assert {"U", "V", "W", "h_0", "h_1", "h_T", "x_1", "x_T", "p_1", "p_T"} <= names


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


def test_the_start_has_the_curves_of_one_seed_and_a_point_for_every_run(drawn):
    def run(bits, saturated):
        return {"curve": [50.0, 45.0, 40.0, 39.0], "bits": bits, "saturated": saturated}

    ways = {"reset": [run(2.5, 0.9), run(2.4, 0.7)], "G from 10": [run(2.3, 0.2), run(2.2, 0.1)]}
    left, right = drawn(figures.start, ways, ["reset"], 20, 10)
    curve, *epochs = left.lines
    assert curve.get_xydata().tolist() == [[10, 45], [20, 40], [30, 39]]  # not the first steep part
    assert [line.get_xdata()[0] for line in epochs] == [20, 40]
    assert lines(right) == {"reset": ([0.9, 0.7], [2.5, 2.4]), "G from 10": ([0.2, 0.1], [2.3, 2.2])}
    assert labels(left) == ["reset", "G from 10"]
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
    assert left.lines[-1].get_xdata()[0] == 3.4 or 3.4 in [line.get_xdata()[0] for line in left.lines]
    assert right.lines[0].get_xydata().tolist() == pytest.approx(np.array([[0.1, 2.7], [1.0, 2.5]]))
    np.testing.assert_allclose(errors(right)[0][1][:, 1], 2.5 + np.array([-1, 1]) * 0.1 * 2**0.5)


def test_the_step_sizes_are_on_both_axes(drawn):
    for ax in drawn(figures.step_sizes, {"central": [1e-5, 1e-6]}, {"central": [1e-9, 0]}):
        assert lines(ax) == {"central": ([1e-5, 1e-6], [1e-9, 1e-17])}


def test_the_smooth_loss_is_close_up_beside_the_text_held_out_in_one_unit(drawn):
    losses = np.linspace(100, 50, 30)
    run = Training(None, None, losses, losses - 1, None, None, done=30)
    whole, close = drawn(figures.smooth_loss, run, [(10, 3.0), (20, 2.9)], 10, 25)
    steps = list(range(30))
    assert lines(whole)["smooth loss"] == lines(close)["smooth loss"] == (steps, (losses - 1).tolist())
    assert whole.lines[0].get_xydata().tolist() == np.transpose([steps, losses]).tolist()
    nats = 25 * np.log(2)
    np.testing.assert_allclose(lines(close)["text held out"], [[10, 20], [3.0 * nats, 2.9 * nats]])
    assert [line.get_xdata()[0] for line in close.get_lines()[2:]] == [10, 20]  # where epochs begin
    (per_character,) = close.child_axes
    close.figure.draw_without_rendering()
    assert per_character.get_ylabel() == "bits per character"
    assert list(per_character.get_ylim()) == pytest.approx([loss / nats for loss in close.get_ylim()])
    assert labels(close) == ["text held out", "smooth loss"]


def test_without_a_step_done_the_smooth_loss_can_be_drawn(drawn):
    run = Training(None, None, np.array([4.0]), np.array([4.0]), None, None, done=1)
    assert len(drawn(figures.smooth_loss, run, [(1, 2.0)], 10, 25)) == 2


def test_models_stand_in_order_and_beside_the_numbers_that_they_keep(drawn):
    def ngram(order, kept, weights, bits):
        return {"order": order, "n-grams": kept, "weights": weights, "bits": bits}

    every, pruned = [ngram(1, 78, 1, 4.4), ngram(2, 2000, 79, 3.4)], [ngram(2, 1500, 70, 3.5)]
    networks = [(4000, [2.4, 2.6]), (9000, [2.0])]
    left, right = drawn(figures.models, {"uniform": 6.0, "6-gram": 1.7}, {"the RNN": 2.5}, networks, every, pruned)
    assert list(bars(left).items()) == [("uniform", 6.0), ("the RNN", 2.5), ("6-gram", 1.7)]
    assert len({patch.get_facecolor() for patch in left.patches}) == 2
    assert lines(right)["n-grams"] == ([79, 2079], [4.4, 3.4])
    assert lines(right)["the frequent ones"] == ([1570], [3.5])
    (network,) = right.containers
    assert network.lines[0].get_xydata().tolist() == [[4000, 2.5], [9000, 2.0]]
    np.testing.assert_allclose(errors(right)[0][0][:, 1], 2.5 + np.array([-1, 1]) * 0.1 * 2**0.5)
    assert [text.get_text() for text in right.texts] == ["1", "2"]


def test_speed_is_a_bar_for_each_library_and_batch_of_one_type(drawn):
    turns = [
        {"K": 79, "dtype": "float32", "B": 1, "ratio": {"PyTorch": [5.0, 6.0, 7.0], "JAX": [0.8, 0.9, 1.0]}},
        {"K": 79, "dtype": "float32", "B": 16, "ratio": {"PyTorch": [2.0, 3.0, 4.0]}},
        {"K": 79, "dtype": "float64", "B": 1, "ratio": {"PyTorch": [9.0, 9.0, 9.0]}},
    ]
    ax = figures.speed_bars(turns).axes[0]
    assert [patch.get_width() for patch in ax.patches] == [6, 0.9, 3]
    assert labels(ax) == ["B = 1", "B = 16"]
