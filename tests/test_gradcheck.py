"""Is the gradient right? The check, of the lab's own code and of anybody's."""

import doctest
import itertools
import subprocess
import sys
import warnings
from collections import namedtuple
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import handout
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small import IDS, VOCAB, busy_bar, problems

import rnn_core as rnn
from lab import diagnosis, gradcheck
from lab.gradcheck import METHODS, GradientCheck, check, check_gradients, check_points, numerical_gradient

ROOT = Path(__file__).parent.parent

# --------------------------------------------------------------------------------------------------- the lab's own code


def test_the_gradient_check_of_the_course_passes_for_every_parameter(course):
    rows = check_gradients(*course, method="central", progress=False)
    assert [row.name for row in rows] == ["W", "U", "V", "b", "c"]
    assert rows.passed and all(0 < row.difference < 1e-6 for row in rows)


@settings(max_examples=200)
@given(problems())
def test_right_gradients_pass_everywhere(problem):
    rows = check_gradients(*problem, progress=False)
    assert rows.passed, rows.diagnosis


def test_right_gradients_pass_at_the_default_points_to_thirteen_digits():
    rows = check_gradients(progress=False)
    assert len(rows) == 15 and rows.passed and rows.wrong == () and "agree" in rows.diagnosis
    assert max(row.relative_error for row in rows) < 1e-13


def test_the_default_points_are_what_their_names_say():
    names = "with sigma = 0.01, h0 = 0", "with sigma = 0.5, h0 not 0", "with sigma = 0.5, h0 not 0, B = 3"
    many = [check_points(seed) for seed in range(60)]
    for points, name, sigma, batch in zip(
        zip(*many, strict=True), names, (0.01, 0.5, 0.5), ((), (), (3,)), strict=True
    ):
        assert {point.name for point in points} == {name}
        x, y, h0 = (np.array([getattr(point, part) for point in points]) for part in ("x", "y", "h0"))
        assert x.shape[2:] == y.shape[2:] == h0.shape[1:-1] == batch
        assert (x.min(), x.max(), y.min(), y.max()) == (0, 4, 0, 4) and (x != y).any()
        for part in rnn.Params.names:
            weights = np.array([getattr(point.params, part) for point in points])
            if sigma == 0.01 and part in "bc":
                assert not weights.any()
            else:
                assert weights.std() == pytest.approx(sigma, rel=0.1) and abs(weights.mean()) < 0.2 * sigma
        if sigma == 0.01:
            assert not h0.any()
        else:
            assert -1 < h0.min() < -0.9 and 0.9 < h0.max() < 1


def test_the_default_points_are_small_and_the_same_every_time():
    def numbers(points):
        return np.concatenate([a.ravel() for _, params, *rest in points for a in (params.flat, *rest)])

    points = check_points()
    assert [(p.params.hidden_size, p.params.vocab_size, len(p.x)) for p in points] == [(6, 5, 7)] * 3
    np.testing.assert_array_equal(numbers(points), numbers(check_points(seed=0)))
    assert all(len(set(values)) == values.size for p in points[1:] for values in (p.params.b, p.params.c))
    for one, other in zip(points, check_points(seed=1), strict=True):
        assert (one.params.flat != other.params.flat).any() and (one.x != other.x).any()


@pytest.mark.parametrize(("factor", "error"), [(3, 2 / 3), (0, 1), (-1, 2)])
def test_the_relative_error_is_the_distance_over_the_longer_of_the_two_gradients(course, factor, error):
    right = rnn.backward(*course[:3], rnn.forward(*course))
    rows = check_gradients(*course, gradients=right.like(factor * right.flat), progress=False)
    assert [row.relative_error for row in rows] == pytest.approx([error] * 5)
    assert {row.point for row in rows} == {"here"} and rows.wrong == rnn.Params.names


def test_the_relative_error_of_a_gradient_that_is_zero_is_the_distance_over_a_floor(course):
    params, x, y, h0 = course
    point = params, x[:1], y[:1], h0  # with T = 1 and h0 = 0, W does not matter
    gradients = rnn.backward(*point[:3], rnn.forward(*point))
    gradients.W[2, 3] = 1e-6
    rows = check_gradients(*point, gradients=gradients, progress=False)
    assert rows.wrong == ("W",) and rows[0].relative_error == pytest.approx(1e-6 / 1e-4)


@pytest.mark.parametrize(("method", "tolerance"), [("central", 1e-5), ("complex-step", 1e-10)])
def test_a_gradient_passes_below_the_tolerance_of_its_method_and_fails_above(course, method, tolerance):
    right = rnn.backward(*course[:3], rnn.forward(*course))
    for factor, wrong in ((0.5, ()), (2, rnn.Params.names)):
        gradients = right.like(right.flat * (1 + factor * tolerance))
        rows = check_gradients(*course, gradients=gradients, method=method, progress=False)
        assert rows.wrong == wrong


def test_a_gradient_of_nan_does_not_pass(course):
    gradients = rnn.backward(*course[:3], rnn.forward(*course))
    gradients.b[7] = np.nan
    rows = check_gradients(*course, gradients=gradients, progress=False)
    assert rows.wrong == ("b",) and rows[3].worst == (7,)


def test_an_infinite_gradient_does_not_pass_even_beside_an_infinite_numerical_one(course):
    gradients = rnn.backward(*course[:3], rnn.forward(*course))
    gradients.b[7] = np.inf
    rows = check_gradients(*course, gradients=gradients, numerical=gradients, progress=False)
    assert rows.wrong == ("b",) and rows[3].worst == (7,)


def test_the_complex_step_is_exact_where_central_differences_round(course):
    exact = rnn.backward(*course[:3], rnn.forward(*course)).flat
    errors = {
        method: np.linalg.norm(numerical_gradient(*course, method=method, progress=False).flat - exact)
        for method in ("central", "complex-step")
    }
    assert errors["complex-step"] < 1e-13 < 1e-10 < errors["central"] < 1e-6


def test_extrapolation_takes_away_the_error_of_the_third_derivative():
    """Which is large where the state is amplified from step to step."""
    rng = np.random.default_rng(0)
    point = rnn.init_params(8, 20, sigma=1), *rng.integers(0, 8, (2, 25)), rng.uniform(-1, 1, 20)
    exact = rnn.backward(*point[:3], rnn.forward(*point)).flat
    errors = [
        np.nanmax(abs(numerical_gradient(*point, method=method, entries=20, progress=False).flat - exact))
        for method in ("central", "extrapolated")
    ]
    assert errors[1] < errors[0] / 10


def test_a_subset_of_the_entries_holds_the_same_values_and_nan_elsewhere(course):
    full = numerical_gradient(*course, progress=False)
    some = numerical_gradient(*course, entries=7, progress=False)
    for name in rnn.Params.names:
        a, b = getattr(full, name), getattr(some, name)
        assert np.isfinite(b).sum() == 7
        np.testing.assert_array_equal(a[np.isfinite(b)], b[np.isfinite(b)])
    assert check_gradients(*course, entries=7, progress=False).passed


@pytest.mark.parametrize("method", METHODS)
def test_a_numerical_gradient_that_was_computed_already_gives_the_same_check(course, method, monkeypatch):
    numerical = numerical_gradient(*course, method=method, entries=7, progress=False)
    check = partial(check_gradients, *course, method=method, entries=7, progress=False)
    wrong = course[0].like(np.full_like(course[0].flat, 9.0))
    expected = [check(gradients=gradients) for gradients in (None, wrong)]
    monkeypatch.setattr(gradcheck, "numerical_gradient", None)  # it is not computed again
    assert [check(gradients=gradients, numerical=numerical) for gradients in (None, wrong)] == expected
    numerical.V[:] = np.nan
    with pytest.raises(ValueError, match="numerical gradient of V is NaN throughout"):
        check(numerical=numerical)


def test_a_gradient_that_is_not_finite_does_not_pass_even_where_it_is_not_compared(course):
    gradients = rnn.backward(*course[:3], rnn.forward(*course))
    gradients.W[2, 3] = np.nan
    row, *others = check_gradients(*course, gradients=gradients, entries=1, progress=False)
    assert not row.passed and row.worst == (2, 3) and all(row.passed for row in others)


def test_the_entry_that_differs_most_is_one_that_was_compared(course):
    gradients = rnn.backward(*course[:3], rnn.forward(*course))
    for row in check_gradients(*course, gradients=gradients, numerical=gradients, progress=False):
        assert row.passed and row.difference == 0 and row.worst in ((0, 0), (0,))
    sparse = gradients.like(np.where(gradients.flat == gradients.flat[::-1], gradients.flat, np.nan))
    for name in rnn.Params.names:
        getattr(sparse, name)[-1] = getattr(gradients, name)[-1]
    for row in check_gradients(*course, gradients=gradients, numerical=sparse, progress=False):
        assert row.passed and row.analytic == row.numerical


def test_the_seed_says_which_entries_are_checked(course):
    def chosen(**seed):
        return np.flatnonzero(np.isfinite(numerical_gradient(*course, entries=1, progress=False, **seed).flat))

    def checked(**seed):
        wrong = course[0].like(np.full_like(course[0].flat, 9.0))
        rows = check_gradients(*course, gradients=wrong, entries=1, progress=False, **seed)
        marks = course[0].like(np.zeros_like(wrong.flat))
        for row in rows:
            getattr(marks, row.name)[row.worst] = 1
        return np.flatnonzero(marks.flat)

    np.testing.assert_array_equal(chosen(), chosen(seed=0))
    assert (chosen(seed=3) != chosen()).any()
    np.testing.assert_array_equal(checked(), chosen())
    np.testing.assert_array_equal(checked(seed=3), chosen(seed=3))


def test_the_gradient_check_shows_a_bar_for_each_parameter(capsys, monkeypatch):
    monkeypatch.setattr("lab.gradcheck.bar", busy_bar)
    params = rnn.init_params(VOCAB.size, hidden_size=2)
    point = params, IDS[:3], IDS[1:4], np.zeros(2)
    for compute in (check_gradients, numerical_gradient):
        compute(*point)
        bars = capsys.readouterr().out
        assert all(f"Computing gradients for {name}" in bars for name in rnn.Params.names)
        compute(*point, progress=False)
        assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("kwargs", "complaint"),
    [
        ({"eps": 0}, "eps must be above 0"),
        ({"eps": -1e-5}, "eps must be above 0"),
        ({"eps": np.nan}, "eps must be above 0"),
        ({"eps": np.inf}, "eps must be above 0"),
        ({"entries": 0}, "entries must be 1 or more"),
        ({"method": "forward"}, "no method 'forward': choose one of 'central', 'extrapolated', 'complex-step'"),
    ],
)
def test_the_gradient_check_says_what_is_wrong_with_its_input(course, kwargs, complaint):
    with pytest.raises(ValueError, match=complaint):
        check_gradients(*course, progress=False, **kwargs)


def test_the_gradient_check_does_not_pass_where_the_loss_is_not_finite(course):
    params, x, y, h0 = course
    with (
        np.errstate(invalid="ignore"),
        pytest.raises(ValueError, match=r"loss near W\[0, 0\] is not finite: choose another point"),
    ):
        check_gradients(params, x, y, h0 * np.nan, progress=False)


def test_no_relative_error_is_below_a_tolerance_of_zero(course):
    assert not check_gradients(*course, method="central", tolerance=0, progress=False).passed


@pytest.mark.parametrize(
    ("gradients", "complaint"),
    [
        (None, "gradients must be a dict.*this NoneType holds none"),
        (rnn.Params(VOCAB.size, 10), r"gradient of W has the shape \(29, 29\), W has the shape \(10, 10\)"),
    ],
)
def test_a_backward_that_returns_something_else_is_named(course, gradients, complaint):
    with pytest.raises(ValueError, match=complaint):
        check_gradients(*course, backward=lambda *_: gradients, progress=False)


def test_the_gradient_check_refuses_parameters_that_cannot_be_checked(course):
    params, *point = course
    with pytest.raises(ValueError, match=r"W is float32: use W.astype\(float\), the check needs float64"):
        check_gradients(params.astype(np.float32), *point)
    with pytest.raises(ValueError, match="needs float64"):
        check_gradients(params.astype(np.float32), *point, numerical=params)
    broken = params.copy()
    broken.V[1, 1] = np.nan
    with pytest.raises(ValueError, match="V holds NaN"):
        check_gradients(broken, *point)
    for part in ({"params": params}, {"gradients": params}, {"numerical": params}, {"gradients": {}}):
        with pytest.raises(ValueError) as refused:
            check_gradients(**part)
        assert str(refused.value) == "Give all of params, x, y and h0, or none of them for the default points."
    with pytest.raises(ValueError, match="has the shape"):
        check_gradients(params, *point, gradients=rnn.Params(2, 2))
    with pytest.raises(ValueError, match="has the shape"):
        check_gradients(params, *point, numerical=rnn.Params(2, 2))
    with pytest.raises(ValueError, match="this dict holds none"):
        check_gradients(params, *point, numerical={})


# ------------------------------------------------------------------------------------------------------- anybody's code


def checked(loss, params, gradients, **kwargs):
    return check(loss, params, gradients, progress=False, **kwargs)


@st.composite
def handouts(draw):
    """A network as in the handout, of any small shape, and whether its loss is a mean over the steps."""
    m, K, T, B = (draw(st.integers(1, n)) for n in (6, 6, 7, 3))
    return *handout.make(m, K, T, B, draw(st.floats(0.01, 1)), draw(st.integers(0, 2**32))), draw(st.booleans())


class Record:
    """Arrays as attributes, and something else."""

    def __init__(self, arrays):
        vars(self).update(arrays)
        self.eta, self.words = 0.1, ["a", "b"]


Columns = namedtuple("Columns", "b c U W V")
CONTAINERS = {  # of the handout's dict, and back
    "dict": (dict, dict),
    "list": (lambda rnn: list(rnn.values()), lambda arrays: dict(zip("bcUWV", arrays, strict=True))),
    "tuple": (lambda rnn: tuple(rnn.values()), lambda arrays: dict(zip("bcUWV", arrays, strict=True))),
    "namedtuple": (lambda rnn: Columns(**rnn), lambda arrays: arrays._asdict()),
    "object": (Record, vars),
    "namespace": (lambda rnn: SimpleNamespace(**rnn), vars),
}


@settings(max_examples=500)
@given(handouts(), st.sampled_from(sorted(CONTAINERS)), st.sampled_from([1, 3, None]))
def test_right_code_is_never_accused(problem, container, entries):
    network, X, Y, h0, mean = problem
    pack, unpack = CONTAINERS[container]
    params, gradients = pack(network), pack(handout.gradients(*problem))
    result = checked(lambda p: handout.loss(unpack(p), X, Y, h0, mean), params, gradients, x=X, y=Y, entries=entries)
    assert len(result) == 5 and result.method == "complex-step"
    assert result.passed and result.wrong == () and result.diagnosis == "Every gradient agrees."


@settings(max_examples=100)
@given(handouts())
def test_right_code_that_is_not_fit_for_complex_numbers_is_not_accused_either(problem):
    network, *rest = problem
    result = checked(lambda p: float(handout.loss(p, *rest)), network, handout.gradients(*problem), entries=5)
    assert result.method == "extrapolated" and result.passed
    assert "Central differences" in repr(result)


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


def test_a_loss_without_a_network_is_checked_as_well():
    rng = np.random.default_rng(0)
    A, target, w = rng.normal(size=(9, 4)), rng.normal(size=(9, 2)), {"w": rng.normal(size=(4, 2)), "shift": 0.5}

    def loss(p):
        return ((A @ p["w"] + p["shift"] - target) ** 2).sum()

    residual = 2 * (A @ w["w"] + w["shift"] - target)
    assert checked(loss, w, {"shift": residual.sum(), "w": A.T @ residual}).passed
    assert checked(loss, w, {"shift": residual.sum(), "w": A.T @ residual / 2}).wrong == ("w",)
    best = {"w": np.linalg.lstsq(A, target, rcond=None)[0], "shift": 0.0}  # where the gradient of w is rounding
    residual = 2 * (A @ best["w"] - target)
    assert checked(loss, best, {"shift": residual.sum(), "w": A.T @ residual}).passed


def test_the_diagnosis_is_told_all_that_the_check_was_given(monkeypatch):
    monkeypatch.setattr(diagnosis, "BUGS", [])  # which are made from source that mutmut replaces
    point, h0 = check_points()[1], np.full(6, 0.5)
    _, params, x, y, _ = point
    wrong = params.like(7 * rnn.backward(params, x, y, rnn.forward(params, x, y, h0)).flat)
    rows = checked(lambda p: rnn.forward(p, x, y, h0).loss, params, wrong, x=x, y=y, h0=h0)
    words = "W, U, V, b and c are wrong: 7 times what is right, as with a sum over T = 7 in place of the mean."
    assert rows.diagnosis == check_gradients(params, x, y, h0, gradients=wrong, progress=False).diagnosis == words
    assert {row.point for row in rows} == {"here"}


def test_params_of_the_lab_can_be_checked_against_the_plain_code(course):
    params, x, y, h0 = course
    right = rnn.backward(params, x, y, rnn.forward(*course))
    result = checked(lambda p: rnn.forward(p, x, y, h0).loss, params, right, x=x, y=y, h0=h0)
    assert result.passed and [row.name for row in result] == ["W", "U", "V", "b", "c"]


@pytest.mark.parametrize(("factor", "computed"), [(2, 200), (3, 600)])
def test_of_a_large_array_200_entries_are_computed_and_all_if_it_is_wrong(factor, computed):
    w = np.random.default_rng(0).normal(size=(30, 20))
    (comparison,) = checked(lambda w: (w**2).sum(), w, factor * w).comparisons
    assert np.isfinite(comparison.numerical["params"]).sum() == computed


def test_every_entry_counts_even_where_few_are_drawn():
    w = np.random.default_rng(0).normal(size=(50, 40))
    gradient = 2 * w
    gradient[17, 3] += 1e-3
    result = checked(lambda w: (w**2).sum(), w, gradient, entries=10)
    assert not result.passed and result[0].worst == (17, 3)


def test_a_check_leaves_params_as_they_are_and_comes_out_the_same_every_time():
    network, X, Y, h0 = handout.make()
    before = {name: values.copy() for name, values in network.items()}
    results = [checked(lambda p: handout.loss(p, X, Y, h0), network, before, entries=3) for _ in range(2)]
    assert results[0] == results[1] and not results[0].passed
    for name, values in network.items():
        np.testing.assert_array_equal(values, before[name])


TABLE = """\
   difference  relative  worst entry          yours     numerical
w     3.7e+00   5.0e-01  [0, 2]                   3             6  WRONG
b     0.0e+00   0.0e+00  []                       1             1  passed
Complex step: a relative error below 1e-10 passes.
w is wrong: 0.5 times what is right."""


def test_a_check_prints_as_a_table_with_a_diagnosis():
    w = np.array([[1.0, 2.0, 3.0]])
    result = checked(lambda p: (p["w"] ** 2).sum() + p["b"], {"w": w, "b": 0.5}, {"w": w, "b": 1.0})
    assert repr(result) == TABLE
    lines = str(check_gradients(progress=False)).splitlines()
    assert lines[1:-2:6] == [point.name for point in check_points()]
    assert lines[-2] == "Complex step: a relative error below 1e-10 passes."
    two = GradientCheck(check_gradients(progress=False).comparisons[:2], "central")
    lines = str(two).splitlines()
    assert [line for line in lines if line.startswith("with")] == [point.name for point in check_points()[:2]]
    assert lines[-2] == "Central differences: a relative error below 1e-10 passes."


def test_a_tolerance_that_is_given_is_the_tolerance():
    w = np.ones(3)
    assert checked(lambda w: (w**2).sum(), w, 2.01 * w, tolerance=0.01).passed
    assert not checked(lambda w: (w**2).sum(), w, 2.01 * w, tolerance=0.001).passed
    assert not checked(lambda w: float((w**3).sum()), w, 3 * w**2, tolerance=0).passed


@pytest.mark.parametrize("loss", [0.5, 3.0, 1e6])
def test_what_rounding_explains_grows_with_the_loss(loss):
    w = np.zeros(3)
    for function, unit in ((lambda w: loss + w.sum(), 1e-16), (lambda w: float(loss + w.sum()), 3e-11)):
        (comparison,) = checked(function, w, np.ones(3)).comparisons
        assert comparison.rounding == pytest.approx(unit * max(1, loss)) and not comparison.wrong


def test_a_small_gradient_of_a_large_loss_passes_although_its_differences_are_rounded():
    result = checked(lambda w: float(1e6 + 1e-3 * w.sum()), np.zeros(3), np.full(3, 1e-3))
    assert result.method == "extrapolated" and result.passed


def test_a_check_shows_a_bar_for_each_array(capsys, monkeypatch):
    monkeypatch.setattr("lab.gradcheck.bar", busy_bar)
    w = np.ones(3)
    check(lambda w: (w**2).sum(), w, 2 * w)
    assert "Computing gradients for params" in capsys.readouterr().out


def squares(p):
    return (p["w"] ** 2).sum()


def writes(p):
    p["w"] *= 2
    return (p["w"] ** 2).sum()


def removes(p):
    return (p.pop("w") ** 2).sum()


KINK = (
    "Central differences with steps of 1e-5 and 2e-5 disagree: the loss has a kink or a jump near this point, changes "
    "too fast here (choose smaller weights), or is computed in float32."
)


@pytest.mark.parametrize(
    ("loss", "complaint"),
    [
        (writes, "loss changes w: it must leave its params as they are."),
        (removes, "loss changes w: it must leave its params as they are."),
        (lambda p: None, "loss returns None: let it return the loss."),
        (
            lambda p: p["w"] ** 2,
            "loss returns an array of shape (2,): let it return one number, perhaps its .sum().",
        ),
        (lambda p: "1.5", "loss returns a number of type <U3, the check needs float64: compute it in float64."),
        (
            lambda p: p["w"].sum() + 0j,
            "loss returns a number of type complex128, the check needs float64: compute it in float64.",
        ),
        (
            lambda p: np.float32((p["w"] ** 2).sum()),
            "loss returns a number of type float32, the check needs float64: compute it in float64.",
        ),
        (lambda p: (p["w"] ** 2).sum() * np.inf, "loss returns inf: choose another point."),
        (lambda p: float(np.float32((p["w"] ** 2).sum())), KINK),
        (lambda p: float(abs(p["w"] - 1 - 1e-6).sum()), KINK),
        (lambda p: float(np.sin(50_000 * (p["w"] - 1)).sum()), KINK),
    ],
)
def test_a_loss_that_cannot_be_checked_is_told_why(loss, complaint):
    with pytest.raises(ValueError) as refused:
        checked(loss, {"w": np.ones(2), "b": np.ones(1)}, {"w": 2 * np.ones(2), "b": np.zeros(1)})
    assert str(refused.value) == complaint


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


def test_the_arguments_of_a_check_are_checked():
    w = np.ones(2)
    for loss, kwargs, complaint in (
        (squares, {"entries": 0}, "entries must be 1 or more, it is 0."),
        (3.5, {}, "loss must be a function of params that returns the loss, it is of type float."),
        (squares, {"x": [1, 2]}, "Give both x and y, or neither of them."),
    ):
        with pytest.raises(ValueError) as refused:
            checked(loss, {"w": w}, {"w": w}, **kwargs)
        assert str(refused.value) == complaint


def test_an_error_inside_the_loss_comes_out_as_it_is():
    with pytest.raises(KeyError, match="'v'"):
        checked(lambda p: p["v"], {"w": np.ones(2)}, {"w": np.ones(2)})


def test_the_examples_in_the_docstrings_come_out_as_shown():
    results = doctest.testmod(gradcheck)
    assert results.attempted and not results.failed


@pytest.mark.not_for_mutants
def test_the_five_lines_in_the_readme_check_code_as_the_handout_asks_for(capsys):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    section = readme.partition("## Check your own gradient")[2].partition("\n## ")[0]
    code = section.partition("```python\n")[2].partition("```")[0]
    rnn, X, Y, h0 = handout.make()

    def compute_loss(X, Y, h0, rnn):
        return handout.loss(rnn, X, Y, h0, mean=True)

    def compute_gradients(X, Y, h0, rnn):
        averaged, summed = (handout.gradients(rnn, X, Y, h0, mean) for mean in (True, False))
        return averaged | {"b": summed["b"], "W": summed["W"]}

    exec(code, {name: value for name, value in locals().items() if name != "code"})
    says = capsys.readouterr().out.splitlines()[-1]
    assert says == "b and W are wrong: 25 times what is right, as with a sum over T = 25 in place of the mean."
    assert says in section


def test_a_check_needs_nothing_but_numpy():
    code = """
import sys
for name in ("tqdm", "joblib", "matplotlib", "torch"):
    sys.modules[name] = None
import numpy as np
from lab.gradcheck import check, check_gradients
w = np.ones(3)
print(check(lambda w: (w**2).sum(), w, 2 * w).passed, check_gradients().passed)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", cwd=ROOT)
    assert (done.stdout, done.stderr) == ("True True\n", "")


def test_a_method_that_is_not_there_is_named_with_those_that_are(course):
    with pytest.raises(ValueError, match="no method 'forward': choose one of 'central', "):
        numerical_gradient(*course, method="forward", progress=False)
