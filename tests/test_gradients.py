"""Is the gradient right? The check of the lab's own code."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from small import IDS, VOCAB, problems

import rnn_core as rnn
from lab import gradients, recognise
from lab.gradcheck.slopes import METHODS
from lab.gradients import check, check_gradients, check_points, numerical_gradient


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
    """It is large where the state is amplified from step to step."""
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
    checked = partial(check_gradients, *course, method=method, entries=7, progress=False)
    wrong = course[0].like(np.full_like(course[0].flat, 9.0))
    expected = [checked(gradients=given) for given in (None, wrong)]
    monkeypatch.setattr(gradients, "numerical_gradient", None)  # it is not computed again
    assert [checked(gradients=given, numerical=numerical) for given in (None, wrong)] == expected
    numerical.V[:] = np.nan
    with pytest.raises(ValueError, match="numerical gradient of V is NaN throughout"):
        checked(numerical=numerical)


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
    monkeypatch.setattr("lab.gradcheck.slopes.DELAY", {"delay": 0, "mininterval": 0})
    params = rnn.init_params(VOCAB.size, hidden_size=2)
    point = params, IDS[:3], IDS[1:4], np.zeros(2)
    for compute in (check_gradients, numerical_gradient):
        compute(*point)
        bars = capsys.readouterr().err
        assert all(f"Computing gradients for {name}" in bars for name in rnn.Params.names)
        compute(*point, progress=False)
        assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("kwargs", "complaint"),
    [
        ({"eps": 0}, "eps must be above 0"),
        ({"eps": -1e-5}, "eps must be above 0"),
        ({"eps": np.nan}, "eps must be above 0"),
        ({"eps": np.inf}, "eps must be above 0"),
        ({"entries": 0}, "entries must be a whole number, 1 or more"),
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


def test_an_unknown_method_is_named_with_the_known_ones(course):
    with pytest.raises(ValueError, match="no method 'forward': choose one of 'central', "):
        numerical_gradient(*course, method="forward", progress=False)


def test_the_diagnosis_is_told_all_that_the_check_was_given(monkeypatch):
    monkeypatch.setattr(recognise, "BUGS", [])  # which are made from source that mutmut replaces
    point, h0 = check_points()[1], np.full(6, 0.5)
    _, params, x, y, _ = point
    wrong = params.like(7 * rnn.backward(params, x, y, rnn.forward(params, x, y, h0)).flat)
    rows = check(lambda p: rnn.forward(p, x, y, h0).loss, params, wrong, x, y, h0, progress=False)
    words = "W, U, V, b and c are wrong: 7 times what is right, as with a sum over T = 7 in place of the mean."
    assert rows.diagnosis == check_gradients(params, x, y, h0, gradients=wrong, progress=False).diagnosis == words
    assert {row.point for row in rows} == {"here"}


def test_params_of_the_lab_can_be_checked_against_the_plain_code(course):
    params, x, y, h0 = course
    right = rnn.backward(params, x, y, rnn.forward(*course))
    result = check(lambda p: rnn.forward(p, x, y, h0).loss, params, right, x, y, h0, progress=False)
    assert result.passed and [row.name for row in result] == ["W", "U", "V", "b", "c"]


def test_the_error_of_a_numerical_gradient_is_found_for_each_step_size():
    _, *point = gradients.check_points()[1]
    large, small = gradients.errors_by_step(point, "central", [1e-1, 1e-5])
    assert large > 1e-4 > 1e-7 > small > 0
