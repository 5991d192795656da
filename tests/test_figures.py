"""The figures: each draws the numbers that it is given."""

import html
import re

import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.text import Text

from lab.training import Training
from report import figures
from report.figures import surprise
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
    return [text.get_text() for text in ax.get_legend().get_texts()]


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


def test_memory_has_a_panel_for_each_question(drawn):
    left, middle, right = drawn(
        figures.memory,
        {"before": np.array([2.0, 1.0]), "after": np.array([4.0, 1.0])},
        {"after": np.array([3.0, 2.5, 2.4])},
        np.array([6.0, 4.0, 3.0, 2.0]),
        {5: [2.3, 2.4], 25: [2.2, 2.3]},
    )
    assert labels(left) == ["before", "after"]
    np.testing.assert_array_equal(left.lines[1].get_ydata(), [1, 0.25])
    assert labels(middle) == ["n-grams"]
    np.testing.assert_array_equal(middle.lines[0].get_xydata(), [[1, 3], [2, 2.5], [3, 2.4]])
    np.testing.assert_array_equal(middle.lines[1].get_xydata(), [[1, 3], [2, 2]])  # a bigram sees one character
    np.testing.assert_allclose(right.lines[0].get_ydata(), [2.35, 2.25])


def test_the_reset_has_the_curves_of_one_seed_and_a_point_for_every_run(drawn):
    def run(bits, fails):
        return {"curve": [50.0, 45.0, 40.0, 39.0], "bits": bits, "zero fails": fails}

    ways = {"reset": [run(2.5, 1.0), run(2.4, 0.0)], "no reset": [run(2.3, 0.9), run(2.2, 0.0)]}
    left, right = drawn(figures.reset, ways, ["reset", "no reset"], 20, 10)
    assert labels(left) == ["reset", "no reset"]
    fails, well = (line.get_ydata() for line in right.lines)
    np.testing.assert_array_equal(fails, [2.5, 2.3])
    np.testing.assert_array_equal(well, [2.4, 2.2])


def test_the_reset_can_be_drawn_if_no_run_fails(drawn):
    runs = [{"curve": [2.0, 1.0], "bits": 2.2, "zero fails": 0.0}]
    assert len(drawn(figures.reset, {"reset": runs}, ["reset"], 1, 1)[1].lines[0].get_xdata()) == 0


def test_places_begin_with_the_first_letter(drawn):
    (ax,) = drawn(figures.places, {"network": np.array([4.0, 2.0, np.nan]), "6-gram": np.array([3.8, 1.7, 1.4])})
    assert labels(ax) == ["network", "6-gram"]
    np.testing.assert_array_equal(ax.lines[0].get_xdata(), [1, 2, 3])


def characters(shown):
    """What a reader sees of the passage."""
    passage = shown.formats["html"].split("<p>bits:")[0]
    text = re.sub(r"<sub.*?</sub>|<br>", "", passage, flags=re.DOTALL)
    return html.unescape(re.sub(r"<[^>]*>", "", text))


def test_a_surprise_is_dark_and_shows_what_was_expected():
    shown = surprise("abc d", [0.2, 7.5, 0.1, 9.9, 3.0], ["xyz", "e\n ", "xyz", "<&>", "xyz"]).formats["html"]
    assert shown.count("<sub") == 2
    assert re.search(r"#e2761b[^>]*>b</span><sub[^>]*>e¶␣</sub>", shown)
    assert "&lt;&amp;&gt;</sub>" in shown
    assert re.search(r"#ffffff[^>]*>a<", shown)


@given(
    st.text(st.characters(exclude_categories=["Cs", "Cc", "Cf", "Zl", "Zp", "Cn", "Co"]), max_size=40),
    st.integers(0, 9),
)
def test_every_character_of_a_hostile_passage_is_there_once(text, need):
    text = text.replace("\u00b6", "")
    shown = surprise(text, [(need + i) % 9 for i in range(len(text))], ["<b>$"] * len(text))
    assert characters(shown).replace("\xa0", " ") == text.replace("\xa0", " ")


@pytest.mark.parametrize("text", ["<script>x</script>", "$x$ `y` *z* | [a](b)", "é👩\u200d👧", "a  b\n\n c"])
def test_markup_in_a_passage_stays_text(text):
    shown = surprise(text, [1.0] * len(text), [""] * len(text))
    assert characters(shown).replace("\xa0", " ").replace("\u00b6", "\n") == text
    assert "<script" not in shown.formats["html"]


def test_an_accent_stands_on_the_ground_of_its_letter():
    shown = surprise("e\u0301x", [3.0, 2.0, 0.0], ["", "", ""]).formats["html"]
    assert re.search(r"#f9a04d[^>]*>e\u0301</span>", shown)  # 5 bits for both


def test_the_plain_passage_has_the_guesses_in_brackets():
    assert repr(surprise("ab", [0.0, 8.0], ["", "xyz"])) == "ab[xyz]"


def test_the_step_sizes_are_on_both_axes(drawn):
    for ax in drawn(figures.step_sizes, {"central": [1e-5, 1e-6]}, {"central": [1e-9, 0]}):
        assert lines(ax) == {"central": ([1e-5, 1e-6], [1e-9, 1e-17])}


def test_the_smooth_loss_has_a_second_axis_per_character(drawn):
    losses = np.linspace(100, 50, 30)
    run = Training(None, None, losses, losses - 1, None, None, done=30)
    (ax,) = drawn(figures.smooth_loss, run, 10, 25)
    assert lines(ax)["smooth loss"] == (list(range(30)), (losses - 1).tolist())
    assert [line.get_xdata()[0] for line in ax.get_lines()[2:]] == [10, 20]  # where epochs begin
    (per_character,) = ax.child_axes
    ax.figure.draw_without_rendering()
    assert per_character.get_ylabel() == "nats per character"
    assert list(per_character.get_ylim()) == pytest.approx([nats / 25 for nats in ax.get_ylim()])


def test_models_stand_in_order_and_beside_their_parameters(drawn):
    data = {"uniform": 6.0, "6-gram": 1.7}, {"the RNN": 2.5}, [(4000, [2.4, 2.6])], [(78, 4.4), (2000, 3.4)]
    left, right = drawn(figures.models, *data)
    assert list(bars(left).items()) == [("uniform", 6.0), ("the RNN", 2.5), ("6-gram", 1.7)]
    assert len({patch.get_facecolor() for patch in left.patches}) == 2
    assert lines(right) == {"n-grams": ([78, 2000], [4.4, 3.4]), "networks, trained well": ([4000], [2.5])}
    assert [text.get_text() for text in right.texts] == ["1", "2"]


def test_quality_is_a_curve_for_each_way_to_draw(drawn):
    choices = [{"temperature": 0.5}, {"temperature": 1.0}, {"top_p": 0.9}]
    (ax,) = drawn(figures.quality, choices, [(0.1, 0.9), (0.4, 0.7), (0.3, 0.8)], (0.3, 0.98))
    assert lines(ax) == {
        "temperature": ([0.1, 0.4], [0.9, 0.7]),
        "top-p": ([0.3], [0.8]),
        "text held out": ([0.3], [0.98]),
    }
    assert [text.get_text() for text in ax.texts] == ["0.5", "1.0", "0.9"]


def test_speed_is_a_bar_for_each_library_and_batch_of_one_type(drawn):
    turns = [
        {"K": 79, "dtype": "float32", "B": 1, "ratio": {"PyTorch": [5.0, 6.0, 7.0], "JAX": [0.8, 0.9, 1.0]}},
        {"K": 79, "dtype": "float32", "B": 16, "ratio": {"PyTorch": [2.0, 3.0, 4.0]}},
        {"K": 79, "dtype": "float64", "B": 1, "ratio": {"PyTorch": [9.0, 9.0, 9.0]}},
    ]
    (ax,) = drawn(figures.speed, turns)
    assert [patch.get_width() for patch in ax.patches] == [6, 0.9, 3]
    assert labels(ax) == ["B = 1", "B = 16"]
