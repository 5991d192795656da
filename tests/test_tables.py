"""The tables: each has a row for each thing that it is given."""

import re

import numpy as np
import pytest

from lab.gradcheck.diagnosis import Comparison
from lab.gradcheck.table import GradientCheck
from lab.training import Sample
from report import tables


def rows(shown):
    """The cells of a table as plain text, those of its heading first; columns of numbers end in one line."""
    lines = repr(shown).partition("\n\n")[2].split("\n")
    rule = next(i for i, line in enumerate(lines) if not line.strip("- "))
    columns = [dashes.span() for dashes in re.finditer("-+", lines[rule])]
    cells = [[line[begin:end].strip() for begin, end in columns] for line in lines]
    for (begin, end), *column in zip(columns, *cells[rule + 1 :], strict=True):
        numbers = any(column) and all(re.fullmatch(r"[\d.,%e\xa0±-]*", cell) for cell in column)
        before = lines[0][begin:end].strip() == "It has read"  # what follows stands beside its end
        align = str.rjust if numbers or before else str.ljust
        shown_as = [line[begin:end].ljust(end - begin) for line in lines[rule + 1 :]]
        assert shown_as == [align(cell, end - begin) for cell in column]
    return [[" ".join(parts).strip() for parts in zip(*cells[:rule], strict=True)], *cells[rule + 1 :]]


def check(passed):
    """Of two gradients that are off by 2e-9, or by 3e-8 of their norms."""
    right = {"W": np.array([[2 / 30]]), "b": np.array([2 / 30])}
    off = {name: values + 2e-9 for name, values in right.items()}
    return GradientCheck(
        [Comparison("here", right, off, right, 1.0, tolerance=1e-7 if passed else 1e-9, rounding=0.0)], "central"
    )


def test_the_gradient_check_has_two_columns_for_each_method():
    shown = tables.gradients({"central": check(True), "complex-step": check(True)}, "Table 1. A caption.")
    assert rows(shown) == [
        ["", "central: norm", "central: relative", "complex step: norm", "complex step: relative"],
        *([name, "2e-09", "3e-08", "2e-09", "3e-08"] for name in "Wb"),
    ]


def test_the_gallery_marks_only_what_a_check_misses():
    checks = [check(True), check(True), check(False), check(False), check(False)]
    shown = tables.bugs({"A bug": checks, "Another": [check(False)] * 5}, "Table 1. A caption.")
    heading = ["Usual point: central", "complex step", "Larger weights: central", "Better points: central"]
    assert rows(shown) == [
        ["What is wrong", *heading, "complex step", "Wrong in"],
        ["A bug", "missed", "missed", "", "", "", "W b"],
        ["Another", "", "", "", "", "", "W b"],
    ]


def test_wrong_gradients_stand_beside_the_right_one():
    ways = {"right": {"small G": [2.0, 2.2], "large G": [1.0]}, "wrong": {"small G": [3.0], "large G": [4.0]}}
    shown = tables.gradients_compared(ways, "Table 1. A caption.")
    assert rows(shown) == [
        ["The gradient", "small G", "large G"],
        ["right", "2.10\xa0±\xa00.14", "1.00\xa0±\xa00.00"],
        ["wrong", "3.00\xa0±\xa00.00", "4.00\xa0±\xa00.00"],
    ]


def test_a_cause_has_its_saturated_states_and_its_bits():
    shown = tables.causes({"a cause": [0.934, 0.855]}, {"a cause": [2.0, 2.2]}, "Table 1. A caption.")
    assert rows(shown) == [
        ["What is changed", "At step 100", "At step 1,000", "Bits held out"],
        ["a cause", "93%", "86%", "2.10\xa0±\xa00.14"],
    ]


def test_ways_have_short_and_long_runs_where_there_are_some():
    long = {"both": {"bits": [1.9], "characters": 3_333_600}, "long": {"bits": [1.8], "characters": 211_000_000}}
    shown = tables.ways({"short": [2.0, 2.2], "both": [2.5]}, long, "Table 1. A caption.")
    assert rows(shown) == [
        ["Way to train", "Short run", "Long run", "Characters read (millions)"],
        ["short", "2.100\xa0±\xa00.141", "", ""],
        ["both", "2.500\xa0±\xa00.000", "1.900\xa0±\xa00.000", "3.3"],
        ["long", "", "1.800\xa0±\xa00.000", "211.0"],
    ]


def test_speed_is_a_row_for_each_way_and_a_column_for_each_batch():
    turns = [
        {"K": 79, "dtype": "float32", "B": 1, "ratio": {"PyTorch": [5.0, 6.0, 7.0], "JAX": [0.8, 0.9, 1.0]}},
        {"K": 79, "dtype": "float32", "B": 16, "ratio": {"PyTorch": [2.0, 3.0, 4.0]}},
        {"K": 79, "dtype": "float64", "B": 1, "ratio": {"PyTorch": [9.0, 9.0, 9.0]}},
    ]
    assert rows(tables.speed(turns, "Table 1. A caption.")) == [
        ["Way", "B = 1", "B = 16"],
        ["PyTorch", "6.00", "3.00"],
        ["JAX", "0.90", ""],
    ]


def test_the_most_surprising_characters_come_first_in_their_places():
    shown = tables.surprises("ab\ncd", [1.0, 9.0, 2.0, 5.0], ["xy", "b ", "c", "\nq"], "Table 1. C.", count=2, before=2)
    heading = ["It has read", "There follows", "It expected", "Bits"]
    assert rows(shown) == [heading, ["ab", "\u00b6", "b\u2423", "9.0"], ["\u00b6c", "d", "\u00b6q", "5.0"]]
    _, first, *others = rows(tables.surprises("x" * 50, [1.0] * 40 + [2.0] + [1.0] * 8, "y" * 49, "Table 1. C."))
    assert first[0] == "x" * 25 and [row[0] for row in others] == ["x" * n for n in range(1, 10)]


def test_samples_stand_in_one_line_with_their_line_breaks_marked():
    shown = tables.samples([Sample(10_000, 45.67, "a|b\nc" * 9, None, None)], 8, "Table 1. A caption.")
    assert rows(shown) == [["Step", "Loss", "Text"], ["10,000", "45.7", "a|b\u00b6ca|b"]]


def test_full_length_runs_have_their_smooth_loss_at_the_end_as_well():
    run = {"steps": 1000, "characters": 2_500_000, "lowest": [40.0], "last": [41.0], "bits": [2.5]}
    heading, row = rows(tables.full_length({"B = 16": run}, "Table 1. A caption."))
    assert heading == [
        "Way to train", "Steps", "Characters (millions)", "Lowest smooth loss", "At the end", "Bits held out"
    ]  # fmt: skip
    assert row == ["B\xa0=\xa016", "1,000", "2.5", "40.00\xa0±\xa00.00", "41.00\xa0±\xa00.00", "2.500\xa0±\xa00.000"]


def test_what_is_drawn_at_a_temperature_or_from_a_nucleus_is_shown_with_its_beginning():
    quality = [(0.25, np.float64(0.9)), (0.5, 0.75)]
    shown = tables.temperatures(
        [{"temperature": 0.5}, {"top_p": 0.3}], ["a\nb" * 99, "c"], quality, [3.14, 7], "Table 1. C."
    )
    heading, *drawn = rows(shown)
    assert heading == ["\u03c4 or p", "Different", "Known", "Perplexity", "How it begins"]
    assert drawn[0] == ["\u03c4 = 0.5", "25%", "90%", "3.1", ("a\u00b6b" * 99)[:70]]
    assert drawn[1] == ["p = 0.3", "50%", "75%", "7.0", "c"]


@pytest.mark.parametrize(("values", "shown"), [([1.0, 3.0], "2.00\xa0±\xa01.41"), ([2.0], "2.00\xa0±\xa00.00")])
def test_a_spread_is_mean_and_standard_deviation(values, shown):
    assert tables.spread(values) == shown
