"""Units of the hidden state that tell where in a text a character is, beside the character alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.units import best_unit, detectors, positions


def test_the_questions_are_about_places_in_quotations_words_and_lines():
    text = 'So "Wrens fly", he\nsaid'
    marks = {name: "".join("x" if yes else "." for yes in label) for name, label in positions(text).items()}
    assert marks == {
        "in quotes": "...xxxxxxxxxx..........",
        "deep in a word": "........x..............",
        "early in a word": "xx..xx....xx....xx.xx..",
        "in a capitalised word": ".x...xxxx..............",
        "early in a line": "x" * 23,
    }


@pytest.mark.parametrize("sign", [1, -1])
def test_the_unit_that_was_made_for_a_question_is_found_whatever_its_sign(sign):
    rng = np.random.default_rng(0)
    text = "an early bird, A late worm, Yesterday afternoon. " * 20
    h = rng.uniform(-1, 1, (len(text), 5))
    h[:, 3] = sign * (np.where(positions(text)["deep in a word"], 0.5, -0.5) + rng.uniform(-0.4, 0.4, len(text)))
    found = {one.question: one for one in detectors(h, np.array([*map(ord, text)]), text)}
    deep = found["deep in a word"]
    assert (deep.unit, deep.sign, deep.accuracy) == (3, sign, 1) and abs(deep.threshold) < 0.2
    assert 0.5 < deep.control < 0.9 and "in quotes" not in found  # there are none


def test_a_unit_is_tested_on_the_half_in_which_it_was_not_found():
    rng, text = np.random.default_rng(0), "an early bird, A late worm, Yesterday afternoon. " * 20
    h = rng.normal(size=(len(text), 3))
    h[: len(text) // 2, 1] += 8 * positions(text)["deep in a word"][: len(text) // 2]
    assert all(one.accuracy < 0.65 for one in detectors(h, np.zeros(len(text), int), text))


def test_the_control_is_right_where_the_character_alone_tells():
    text = "Ab ab " * 50
    found = {one.question: one for one in detectors(np.zeros((len(text), 2)), np.array([*map(ord, text)]), text)}
    assert (found["early in a word"].control, found["early in a word"].accuracy) == (1, 0.5)


@given(st.lists(st.tuples(st.sampled_from([-1.0, -0.5, 0.0, 0.25, 1.0]), st.booleans()), min_size=2, max_size=20))
def test_no_threshold_of_a_unit_tells_better_than_the_one_that_is_found(pairs):
    values, label = (np.array(column) for column in zip(*pairs, strict=True))
    if not 0 < label.sum() < len(label):
        return

    def balanced(said):
        return (said[label].mean() + (~said)[~label].mean()) / 2

    unit, threshold, sign = best_unit(values[:, None], label)
    others = [balanced(s * values > s * at) for at in (-2, -0.75, -0.25, 0.1, 0.5) for s in (1, -1)]
    assert unit == 0 and balanced(sign * values > sign * threshold) == pytest.approx(max(others))
