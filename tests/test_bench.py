"""The benchmark: its turns, the figures of missing libraries, and the README that it makes."""

import copy
import os
from unittest.mock import patch

import numpy as np
import pytest
from contestants import CONTESTANTS
from test_project import ROOT

from lab import measured

with patch.dict(os.environ):  # it tells libraries that are not loaded yet how to behave
    import bench
    import readme


def test_turns_are_taken_round_by_round():
    order = []

    def run(name, steps):
        order.append(name)
        return np.zeros(steps), 1e-6 * steps * len(order)

    turns = bench.interleave({name: lambda steps, name=name: run(name, steps) for name in "ab"}, 5, 0.0)
    assert "".join(order) == "ab" + "ab" * 3  # a round that is not counted, and three that are
    assert turns["a"].tolist() == pytest.approx([3, 5, 7]) and turns["b"].tolist() == pytest.approx([4, 6, 8])


def test_the_readme_is_what_its_template_makes_of_the_measurements():
    assert readme.text(measured.speed()) == (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("missing", ["PyTorch", "JAX"])
def test_the_figures_of_a_library_that_is_missing_are_kept_with_their_day_and_machine(missing):
    before, now = measured.speed(), measured.speed() | {"date": "2027-01-01", "processor": "another"}
    names = [name for name in CONTESTANTS if missing in name]
    for row in now["turns"]:
        for name in names:
            row["us"].pop(name, None), row["ratio"].pop(name, None)
    alone = copy.deepcopy(now)
    if missing == "PyTorch":
        del now["autograd"]
    bench.keep_older(now, before)
    assert measured.ratios(now) == measured.ratios(before) and now["autograd"] == before["autograd"]
    when = f"{before['date']}, {before['processor']}"
    assert now["older"] == dict.fromkeys([*names, *["PyTorch's autograd"] * (missing == "PyTorch")], when)
    assert f" Measured earlier: {measured.older(now)}." in readme.text(now)
    later = copy.deepcopy(alone) | {"older": {}, "date": "2027-02-02"}
    bench.keep_older(later, now)  # once more without it: the day stays that of the measurement
    assert {name: later["older"][name] for name in names} == dict.fromkeys(names, when)
    assert readme.text(alone | {"older": {}})  # and where it was never there, the README does without
