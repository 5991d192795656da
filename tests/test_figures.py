"""The figures: each draws the numbers that it is given, with labelled axes."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from lab.training import Training
from report import figures


@pytest.fixture
def drawn(monkeypatch):
    """The figures that are shown, with their captions and alternative texts."""
    shown = []
    monkeypatch.setattr(figures, "figure", lambda fig, caption, alt: shown.append((fig, caption, alt)))
    yield shown
    for fig, caption, alt in shown:
        assert caption == "Figure 1. A caption." and len(alt) > 20
        assert fig.axes and all(ax.get_xlabel() for ax in fig.axes)
        plt.close(fig)


def lines(ax):
    """What the lines of an axes show: {label: (x, y)}."""
    return {line.get_label(): tuple(np.asarray(part).tolist() for part in line.get_data()) for line in ax.get_lines()}


def bars(ax):
    """What the bars show: {name: width}."""
    names = [label.get_text() for label in ax.get_yticklabels()]
    return dict(zip(names, [patch.get_width() for patch in ax.patches], strict=True))


def test_the_step_sizes_are_on_both_axes(drawn):
    figures.step_sizes({"central": [1e-5, 1e-6]}, {"central": [1e-9, 0]}, "Figure 1. A caption.")
    for ax in drawn[0][0].axes:
        assert lines(ax) == {"central": ([1e-5, 1e-6], [1e-9, 1e-17])}


def test_the_smooth_loss_has_a_second_axis_per_character(drawn):
    losses = np.linspace(100, 50, 30)
    run = Training(None, None, losses, losses - 1, None, None, done=30)
    figures.smooth_loss(run, 10, 25, "Figure 1. A caption.")
    (ax,) = drawn[0][0].axes
    assert lines(ax)["smooth loss"] == (list(range(30)), (losses - 1).tolist())
    assert [line.get_xdata()[0] for line in ax.get_lines()[2:]] == [10, 20]  # where epochs begin
    (per_character,) = ax.child_axes
    drawn[0][0].draw_without_rendering()
    assert per_character.get_ylabel() == "nats per character"
    assert list(per_character.get_ylim()) == pytest.approx([nats / 25 for nats in ax.get_ylim()])


def test_the_yardsticks_stand_in_order_and_the_networks_stand_out(drawn):
    figures.yardsticks({"uniform": 6.0, "6-gram": 1.7}, {"the RNN": 2.5}, "Figure 1. A caption.")
    (ax,) = drawn[0][0].axes
    assert list(bars(ax).items()) == [("uniform", 6.0), ("the RNN", 2.5), ("6-gram", 1.7)]
    assert len({patch.get_facecolor() for patch in ax.patches}) == 2


def test_quality_is_a_curve_for_each_way_to_draw(drawn):
    choices = [{"temperature": 0.5}, {"temperature": 1.0}, {"top_p": 0.9}]
    figures.quality(choices, [(0.1, 0.9), (0.4, 0.7), (0.3, 0.8)], (0.3, 0.98), "Figure 1. A caption.")
    (ax,) = drawn[0][0].axes
    assert lines(ax) == {
        "temperature": ([0.1, 0.4], [0.9, 0.7]),
        "top-p": ([0.3], [0.8]),
        "text held out": ([0.3], [0.98]),
    }
    assert [text.get_text() for text in ax.texts] == ["0.5", "1.0", "0.9"]


def test_speed_is_a_bar_for_each_way(drawn):
    figures.speed({"slow": 900.0, "fast": 130.0}, "Figure 1. A caption.")
    assert bars(drawn[0][0].axes[0]) == {"slow": 900.0, "fast": 130.0}
