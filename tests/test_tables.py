"""The tables: each has a row for each thing that it is given."""

from types import SimpleNamespace

import numpy as np
import pytest

from lab.gradcheck.diagnosis import Comparison
from lab.gradcheck.table import GradientCheck
from lab.training import Sample
from report import tables


def rows(shown):
    """The cells of a table as plain text, without its caption and its header."""
    _, _, body = repr(shown).partition("---")
    return [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in body.split("\n")[1:]]


def check(passed):
    """Of one gradient that is off by 2e-9, or by 3e-8 of its norm."""
    W = {"W": np.array([[2 / 30]])}
    off = {"W": W["W"] + 2e-9}
    return GradientCheck(
        [Comparison("here", W, off, W, 1.0, tolerance=1e-7 if passed else 1e-9, rounding=0.0)], "central"
    )


def test_the_gradient_check_has_two_columns_for_each_method():
    shown = tables.gradients({"central": check(True), "complex-step": check(True)}, "Table 1. A caption.")
    assert rows(shown) == [["W", "2e-09", "3e-08", "2e-09", "3e-08"]]


def test_the_gallery_says_which_checks_catch_a_bug():
    checks = [check(True), check(True), check(False), check(False)]
    shown = tables.bugs({"A bug": checks, "Nothing": [check(True)] * 4}, "Table 1. A caption.")
    assert rows(shown) == [
        ["A bug", "passed", "passed", "caught", "caught", "W"],
        ["Nothing", "passed", "passed", "passed", "passed"],
    ]


def test_samples_stand_in_one_line_with_their_line_breaks_marked():
    shown = tables.samples([Sample(10_000, 45.67, "a|b\nc" * 9, None, None)], 8, "Table 1. A caption.")
    assert rows(shown) == [["10,000", "45.7", "a|b\u00b6ca|b"]]


def outcome(lowest, bits):
    return SimpleNamespace(lowest=lowest, bits=bits)


def test_ways_to_train_are_given_as_mean_and_deviation_but_for_losses_that_mean_nothing_yet():
    ways = {"long": {"steps": 100, "reading": {"batch_size": 4}}, "short": {"steps": 10}}
    outcomes = {"long": [outcome(40.0, 2.0), outcome(42.0, 2.2)], "short": [outcome(90.0, 3.0)]}
    assert rows(tables.settings(ways, outcomes, 25, "Table 1. A caption.")) == [
        ["long", "100", "0.01", "41.00\xa0±\xa01.41", "2.100\xa0±\xa00.141"],
        ["short", "10", "0.00", "–", "3.000\xa0±\xa00.000"],
    ]


def test_full_length_runs_have_their_smooth_loss_at_the_end_as_well():
    run = {"steps": 1000, "characters": 2_500_000, "lowest": [40.0], "last": [41.0], "bits": [2.5]}
    (row,) = rows(tables.full_length({"a way": run}, "Table 1. A caption."))
    assert row == ["a way", "1,000", "2.5", "40.00\xa0±\xa00.00", "41.00\xa0±\xa00.00", "2.500\xa0±\xa00.000"]


def test_temperatures_are_shown_with_the_beginning_of_their_text():
    shown = tables.temperatures([{"temperature": 0.5}], ["a\nb" * 99], [(0.25, np.float64(0.9))], [3.14], "Table 1. C.")
    (row,) = rows(shown)
    assert row[:4] == ["0.5", "25%", "90%", "3.1"] and row[4] == ("a\u00b6b" * 99)[:80]


@pytest.mark.parametrize(("values", "shown"), [([1.0, 3.0], "2.00\xa0±\xa01.41"), ([2.0], "2.00\xa0±\xa00.00")])
def test_a_spread_is_mean_and_standard_deviation(values, shown):
    assert tables.spread(values) == shown
