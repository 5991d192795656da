"""Derivatives from the loss alone: by the complex step where it can be trusted, else by differences."""

import itertools
import os
import subprocess
import sys
import warnings

import numpy as np
import pytest

from lab.gradcheck import check, slopes


def checked(loss, params, gradients, **kwargs):
    return check(loss, params, gradients, progress=False, **kwargs)


@pytest.mark.parametrize(
    "square",
    [
        lambda w: abs(w) ** 2,  # real, and as large
        lambda w: w**2 + np.iscomplexobj(w),  # another loss
        lambda w: (w * w.conj()).real,
        lambda w: np.asarray(w, dtype=float) ** 2,  # warns that it drops the imaginary part
        lambda w: np.array([float(value) ** 2 for value in w.ravel()]),  # raises
    ],
)
def test_a_loss_that_takes_complex_numbers_wrongly_is_found_out(square):
    w = np.random.default_rng(0).normal(size=(4, 3))
    result = checked(lambda w: square(w).sum(), w, 2 * w)
    assert result.method == "extrapolated" and result.passed
    assert not checked(lambda w: square(w).sum(), w, 2.001 * w).passed


def test_a_loss_that_changes_fast_is_checked_with_care():
    assert checked(lambda w: float(np.sin(5000 * w).sum()), np.zeros(3), np.full(3, 5000.0)).passed


def drifting(loss, by, call):
    """A loss that is another one from that call on."""
    calls = itertools.count(1)
    return lambda w: loss + by * (next(calls) >= call)


@pytest.mark.parametrize("call", [2, 3])
@pytest.mark.parametrize(("loss", "by"), [(0.0, 1.1e-12), (0.5, 1.5e-12), (-3.0, 4e-12), (1e6, 1.1e-6)])
def test_a_loss_must_be_the_same_for_the_same_numbers(loss, by, call):
    with pytest.raises(ValueError) as refused:
        checked(drifting(loss, by, call), np.ones(3), np.zeros(3))
    assert str(refused.value) == (
        f"loss returns {loss:.6g} and then {loss + by:.6g}: it must not draw random numbers, nor remember anything "
        "from one call to the next."
    )


@pytest.mark.parametrize(("loss", "by"), [(0.0, 1e-12), (-3.0, 2e-12), (1e6, 0.9e-6)])
def test_a_loss_may_be_summed_in_another_order_each_time(loss, by):
    assert checked(drifting(loss, by, 2), np.ones(3), np.zeros(3)).passed


@pytest.mark.filterwarnings("ignore:slow")
def test_a_loss_that_warns_of_something_else_is_taken_as_fit_for_complex_numbers():
    def loss(w):
        warnings.warn("slow", UserWarning, stacklevel=1)
        return (w**2).sum()

    w = np.ones(3)
    assert checked(loss, w, 2 * w).method == "complex-step"


def test_a_check_shows_a_bar_for_each_array(capsys, monkeypatch):
    monkeypatch.setattr(slopes, "DELAY", {"delay": 0, "mininterval": 0})
    w = np.ones(3)
    check(lambda w: (w**2).sum(), w, 2 * w)
    assert "Computing gradients for params" in capsys.readouterr().err


@pytest.mark.parametrize("disabled", ["", "1"])
def test_a_bar_is_shown_where_it_takes_long_and_is_not_disabled(disabled):
    script = "import time, numpy as np; from lab.gradcheck import check; w = np.ones(50)\n"
    script += "check(lambda w: time.sleep(0.02) or w.sum(), w, np.ones(50))"
    words = {"env": os.environ | {"TQDM_DISABLE": disabled}, "capture_output": True, "check": True}
    assert bool(subprocess.run([sys.executable, "-c", script], **words).stderr) == (not disabled)
