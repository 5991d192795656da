"""The mathematics: laws (hypothesis), gradients, training, and what bad input is told."""

import copy
import pickle
import re
import signal
import threading
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from small import IDS, VOCAB, interrupting

import rnn_core as rnn
from report.bugs import BUGS

CHECK_POINTS = rnn.check_points

texts = st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1)


@st.composite
def problems(draw):
    """A network of any small shape, with characters and a hidden state: one sequence, or a batch."""
    K, m, T, B = (draw(st.integers(1, n)) for n in (6, 6, 7, 4))
    sigma, seed, single = draw(st.floats(0.01, 1)), draw(st.integers(0, 2**32)), draw(st.booleans())
    rng = np.random.default_rng(seed)
    params = rnn.init_params(K, m, sigma, seed)
    params.b[:], params.c[:] = sigma * rng.standard_normal(m), sigma * rng.standard_normal(K)
    shape = (T,) if single else (T, B)
    return params, rng.integers(0, K, shape), rng.integers(0, K, shape), rng.uniform(-1, 1, (*shape[1:], m))


def train(ids=IDS, **kwargs):
    """A short training run on the small book."""
    params = rnn.init_params(VOCAB.size, hidden_size=12, seed=1)
    return rnn.train(params, VOCAB, ids, **{"sample_every": 0, "progress": False, **kwargs})


# ---------------------------------------------------------------------------------------------- a book, its characters


@given(texts)
def test_decode_undoes_encode(text):
    vocab = rnn.Vocabulary(text)
    assert vocab.decode(vocab.encode(text)) == text
    assert vocab.size == len(set(text))
    assert list(vocab.chars) == sorted(set(text))


def test_a_large_text_is_encoded_in_pieces_without_a_seam():
    text = "ab" * 600_000 + "c"
    ids = rnn.Vocabulary(text).encode(text)
    assert ids.dtype == np.uint8
    np.testing.assert_array_equal(ids, [0, 1] * 600_000 + [2])


@pytest.mark.parametrize(("size", "dtype"), [(256, np.uint8), (257, np.uint16)])
def test_numbers_of_a_large_alphabet_take_two_bytes(size, dtype):
    text = "".join(map(chr, range(0x4E00, 0x4E00 + size)))
    assert rnn.Vocabulary(text).encode(text).dtype == dtype


def test_encode_names_the_character_that_is_not_in_the_book():
    with pytest.raises(ValueError, match=r"'é' \(U\+00E9\) is not in the book"):
        VOCAB.encode("thé")


@pytest.mark.parametrize("ids", [[-1], [VOCAB.size], [0.5]])
def test_decode_refuses_numbers_outside_the_vocabulary(ids):
    with pytest.raises(IndexError, match=f"decode: .* integers from 0 to {VOCAB.size - 1}"):
        VOCAB.decode(ids)


def test_read_book_returns_the_text_with_unix_line_ends_and_no_byte_order_mark(tmp_path):
    path = tmp_path / "book.txt"
    path.write_bytes(b"\xef\xbb\xbfone\r\ntwo\rthree\n" + "Bäckström och".encode())
    text = "one\ntwo\nthree\nBäckström och"
    assert rnn.read_book(path) == text and len(text) == 25 + 2  # as short as a book may be


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (b"x" * 26, "has 26 characters, too few for sequences of 25: it needs at least 27"),
        (b"a long enough book, but caf\xe9 is Latin-1", r"not UTF-8: byte 27 \(0xe9\)"),
    ],
)
def test_read_book_says_what_is_wrong_with_a_book(tmp_path, content, complaint):
    path = tmp_path / "book.txt"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=complaint):
        rnn.read_book(path)


def test_read_book_says_that_there_is_no_book(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"There is no book at .*nowhere.txt"):
        rnn.read_book(tmp_path / "nowhere.txt")


# -------------------------------------------------------------------------------------------------------- parameters


def test_the_named_parameters_are_views_into_one_vector():
    params = rnn.Params(3, 5)
    params.flat[:] = np.arange(params.flat.size)
    shapes = {name: getattr(params, name).shape for name in rnn.Params.names}
    assert shapes == {"W": (3, 3), "U": (3, 5), "V": (5, 3), "b": (3,), "c": (5,)}
    together = np.concatenate([getattr(params, name).ravel() for name in rnn.Params.names])
    np.testing.assert_array_equal(np.sort(together), params.flat)
    assert all(np.shares_memory(getattr(params, name), params.flat) for name in rnn.Params.names)
    assert rnn.Params(3, 5, dtype=np.float32).flat.dtype == np.float32


copies = pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))])


@copies
def test_copies_of_parameters_are_views_into_one_vector_as_well(copied):
    params = copied(rnn.init_params(5, 3))
    np.testing.assert_array_equal(params.flat, rnn.init_params(5, 3).flat)
    params.W[:] = 7
    assert (params.flat == 7).sum() == 9


@pytest.mark.parametrize("flat", [np.zeros(3), np.zeros((3, 13)), np.zeros(39, int), np.zeros(39, np.float16)])
def test_a_vector_that_does_not_hold_the_parameters_is_refused(flat):
    with pytest.raises(ValueError, match="m = 3 and K = 4 are 40 numbers, float32, float64 or complex128; these have"):
        rnn.Params(3, 4, flat)


def test_sizes_from_numpy_draw_the_same_numbers():
    small = rnn.init_params(np.uint8(200), np.uint8(100), scheme="scaled")
    np.testing.assert_array_equal(small.flat, rnn.init_params(200, 100, scheme="scaled").flat)


def test_init_params_draws_weights_and_leaves_biases_zero():
    params = rnn.init_params(80, seed=3)
    assert params.hidden_size == 100
    for weights in (params.W, params.U, params.V):
        assert abs(weights.std() - 0.01) < 5e-4
        assert abs(weights.mean()) < 5e-4
    assert not params.b.any() and not params.c.any()


def test_init_params_draws_the_same_numbers_for_every_type():
    exact = rnn.init_params(8, 4).flat
    np.testing.assert_array_equal(rnn.init_params(8, 4, seed=0, dtype=np.float32).flat, exact.astype(np.float32))
    assert (rnn.init_params(8, 4, seed=8).flat != exact).any()


def test_an_unknown_scheme_is_refused():
    with pytest.raises(ValueError, match="no scheme 'xavier': choose one of 'normal', 'scaled', 'orthogonal'"):
        rnn.init_params(3, 3, scheme="xavier")


@pytest.mark.parametrize("sizes", [(5, 0), (0, 5), (5, -1)])
def test_a_network_without_units_or_characters_is_refused(sizes):
    with pytest.raises(ValueError, match="must be at least 1"):
        rnn.init_params(*sizes)


# --------------------------------------------------------------------------------------------------- forward, backward


@given(hnp.arrays(float, st.tuples(st.integers(1, 3), st.integers(1, 9)), elements=st.floats(-1e6, 1e6)))
def test_softmax_sums_to_one_however_large_its_input(o):
    p = o.copy()
    log_z = rnn.softmax(p)
    np.testing.assert_allclose(p.sum(axis=-1), 1, rtol=1e-12)
    np.testing.assert_allclose(np.exp(o - log_z[..., None]), p, rtol=1e-6, atol=1e-12)


@given(hnp.arrays(float, 5, elements=st.floats(-50, 50)), st.floats(-50, 50))
def test_softmax_does_not_change_when_a_constant_is_added(o, constant):
    moved = o + constant
    np.testing.assert_allclose(rnn.softmax(moved), rnn.softmax(o) + constant, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(moved, o, rtol=1e-9)


@given(problems())
def test_forward_is_the_equations(problem):
    params, x, y, h0 = problem
    fwd = rnn.forward(params, x, y, h0)
    loss, columns = 0.0, [()] if x.ndim == 1 else [(j,) for j in range(x.shape[1])]
    for j in columns:
        h = h0[j]
        for t in range(len(x)):
            h = np.tanh(params.W @ h + params.U[:, x[t][j]] + params.b)
            np.testing.assert_allclose(fwd.h[t + 1][j], h, rtol=1e-12, atol=1e-14)
            o = params.V @ h + params.c
            p = np.exp(o) / np.exp(o).sum()
            np.testing.assert_allclose(fwd.p[t][j], p, rtol=1e-12)
            loss -= np.log(p[y[t][j]]) / len(columns)
    np.testing.assert_allclose(fwd.loss, loss, rtol=1e-12, atol=1e-14)


@given(problems())
def test_a_batch_is_its_sequences_one_by_one(problem):
    params, x, y, h0 = problem
    x, y, h0 = x.reshape(len(x), -1), y.reshape(len(y), -1), h0.reshape(-1, params.hidden_size)
    fwd = rnn.forward(params, x, y, h0)
    grads = rnn.backward(params, x, y, fwd)
    single = [rnn.forward(params, x[:, j], y[:, j], h0[j]) for j in range(len(h0))]
    single_grads = [rnn.backward(params, x[:, j], y[:, j], one).flat for j, one in enumerate(single)]
    np.testing.assert_allclose(fwd.loss, np.mean([one.loss for one in single]), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(fwd.h, np.stack([one.h for one in single], axis=1), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(grads.flat, np.mean(single_grads, axis=0), rtol=1e-9, atol=1e-12)


@given(problems())
def test_backward_agrees_with_central_differences(problem):
    params, x, y, h0 = problem
    grads = rnn.backward(params, x, y, rnn.forward(params, x, y, h0))
    numerical = rnn.numerical_gradient(params, x, y, h0, progress=False)
    np.testing.assert_allclose(grads.flat, numerical.flat, rtol=1e-5, atol=1e-7)


@given(problems())
def test_float32_agrees_with_float64(problem):
    params, x, y, h0 = problem
    single, double = rnn.forward(params.astype(np.float32), x, y, h0), rnn.forward(params, x, y, h0)
    grads = rnn.backward(params.astype(np.float32), x, y, single)
    assert all(a.dtype == np.float32 for a in (single.h, single.p, single.da, single.dtanh, grads.flat))
    np.testing.assert_allclose(single.loss, double.loss, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(grads.flat, rnn.backward(params, x, y, double).flat, rtol=1e-3, atol=1e-4)


def test_the_loss_of_an_ignorant_network_is_T_log_K():
    params = rnn.Params(4, VOCAB.size)
    assert rnn.forward(params, IDS[:25], IDS[1:26], np.zeros(4)).loss == pytest.approx(25 * np.log(VOCAB.size))


def test_forward_and_backward_leave_their_input_alone():
    params = rnn.init_params(VOCAB.size, 4, sigma=0.5)
    x, y, h0 = IDS[:25].copy(), IDS[1:26].copy(), np.full(4, 0.5)
    fwd = rnn.forward(params, x, y, h0)
    before = [a.copy() for a in (params.flat, x, y, h0, fwd.h, fwd.p)]
    rnn.backward(params, x, y, fwd)
    for now, then in zip((params.flat, x, y, h0, fwd.h, fwd.p), before, strict=True):
        np.testing.assert_array_equal(now, then)


@pytest.mark.parametrize(
    ("x", "y", "h0", "error", "complaint"),
    [
        ([0, 1], [1], np.zeros(4), ValueError, r"same shape.*\(2,\) and \(1,\)"),
        ([], [], np.zeros(4), ValueError, "same shape"),
        ([0, 1], [1, 2], np.zeros(5), ValueError, r"h0 must have the shape \(4,\).*\(5,\)"),
        ([[0, 1]], [[1, 2]], np.zeros(4), ValueError, r"h0 must have the shape \(2, 4\)"),
        ([0, -1], [1, 2], np.zeros(4), IndexError, f"x: .*integers from 0 to {VOCAB.size - 1}.*from -1 to 0"),
        ([0, 1], [1, VOCAB.size], np.zeros(4), IndexError, "y: .*integers from 0"),
        ([0.0, 1.0], [1, 2], np.zeros(4), IndexError, "of type float64"),
    ],
)
def test_forward_says_what_is_wrong_with_its_input(x, y, h0, error, complaint):
    with pytest.raises(error, match=complaint):
        rnn.forward(rnn.Params(4, VOCAB.size), x, y, h0)


# ---------------------------------------------------------------------------------------------- is the gradient right?


def check(**kwargs):
    return rnn.check_gradients(progress=False, **kwargs)


@pytest.fixture(scope="module")
def course():
    """The point of the course's check: m = 10, the first 25 characters, h0 = 0."""
    return rnn.init_params(VOCAB.size, hidden_size=10), IDS[:25], IDS[1:26], np.zeros(10)


def test_the_gradient_check_of_the_course_passes_for_every_parameter(course):
    rows = rnn.check_gradients(*course, method="central", progress=False)
    assert [row.name for row in rows] == ["W", "U", "V", "b", "c"]
    assert rows.passed and all(0 < row.difference < 1e-6 for row in rows)


@settings(max_examples=200)
@given(problems())
def test_right_gradients_pass_everywhere(problem):
    rows = rnn.check_gradients(*problem, progress=False)
    assert rows.passed, rows.diagnosis


def test_right_gradients_pass_at_the_default_points_to_thirteen_digits():
    rows = check()
    assert len(rows) == 15 and rows.passed and rows.wrong == () and "agree" in rows.diagnosis
    assert max(row.relative_error for row in rows) < 1e-13


def test_the_default_points_are_what_their_names_say():
    names = "with sigma = 0.01, h0 = 0", "with sigma = 0.5, h0 not 0", "with sigma = 0.5, h0 not 0, B = 3"
    many = [rnn.check_points(seed) for seed in range(60)]
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

    points = rnn.check_points()
    assert [(p.params.hidden_size, p.params.vocab_size, len(p.x)) for p in points] == [(6, 5, 7)] * 3
    np.testing.assert_array_equal(numbers(points), numbers(rnn.check_points(seed=0)))
    for one, other in zip(points, rnn.check_points(seed=1), strict=True):
        assert (one.params.flat != other.params.flat).any() and (one.x != other.x).any()


@pytest.mark.parametrize(("factor", "error"), [(3, 2 / 3), (0, 1), (-1, 2)])
def test_the_relative_error_is_the_distance_over_the_longer_of_the_two_gradients(course, factor, error):
    right = rnn.backward(*course[:3], rnn.forward(*course))
    rows = rnn.check_gradients(*course, gradients=right.like(factor * right.flat), progress=False)
    assert [row.relative_error for row in rows] == pytest.approx([error] * 5)
    assert {row.point for row in rows} == {"here"} and rows.wrong == rnn.Params.names


def test_the_relative_error_of_a_gradient_that_is_zero_is_the_distance_over_a_floor(course):
    params, x, y, h0 = course
    point = params, x[:1], y[:1], h0  # with T = 1 and h0 = 0, W does not matter
    gradients = rnn.backward(*point[:3], rnn.forward(*point))
    gradients.W[2, 3] = 1e-6
    rows = rnn.check_gradients(*point, gradients=gradients, progress=False)
    assert rows.wrong == ("W",) and rows[0].relative_error == pytest.approx(1e-6 / 1e-4)


@pytest.mark.parametrize(("method", "tolerance"), [("central", 1e-5), ("complex-step", 1e-10)])
def test_a_gradient_passes_below_the_tolerance_of_its_method_and_fails_above(course, method, tolerance):
    right = rnn.backward(*course[:3], rnn.forward(*course))
    for factor, wrong in ((0.5, ()), (2, rnn.Params.names)):
        gradients = right.like(right.flat * (1 + factor * tolerance))
        rows = rnn.check_gradients(*course, gradients=gradients, method=method, progress=False)
        assert rows.wrong == wrong


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_every_classic_bug_is_caught(bug, monkeypatch):
    for seed in range(20):
        monkeypatch.setattr(rnn, "check_points", lambda seed=seed: CHECK_POINTS(seed=seed))
        assert not check(backward=bug.backward).passed


@pytest.mark.parametrize(
    ("bug", "wrong", "words"),
    [
        (0, "WUb", "error is in the recurrence"),
        (4, "W", "which h, and from which step on; only with sigma = 0.5, h0 not 0 and with sigma = 0.5, h0 not 0, B"),
        (5, "b", "may lack a step"),
        (6, "WUVbc", "p_t - y_t, so the error is there"),
        (
            7,
            "WUVbc",
            "all are 3 times what they should be: a sum in place of a mean, or the reverse; only with .* B = 3",
        ),
    ],
)
def test_the_diagnosis_says_where_to_look(bug, wrong, words):
    rows = check(backward=BUGS[bug].backward)
    assert rows.wrong == tuple(wrong)
    assert re.search(words, rows.diagnosis)


@pytest.mark.parametrize(
    ("factors", "words"),
    [
        ({"V": 2, "c": 2}, "V and c wrong: all are 2 times what they should be"),
        ({"V": 2, "c": 2.5}, "V and c wrong: the sums over t of dL/do_t"),
        ({"W": 2}, "W wrong: the recurrence is right, so it is the sum of dL/da_t h_{t-1}^T"),
        ({"U": 2}, "U wrong: the recurrence is right, so it is the sum of dL/da_t x_t^T"),
        ({"V": 2}, "V wrong: dL/do_t is right, so it is the sum of dL/do_t h_t^T"),
        ({"b": 2}, "b wrong: the recurrence is right, so it is the sum of dL/da_t, which may lack a step"),
        ({"c": 2}, "c wrong: dL/do_t is right, so it is the sum of dL/do_t, which may lack a step"),
    ],
)
def test_the_diagnosis_follows_from_which_gradients_are_wrong_and_by_how_much(course, factors, words):
    gradients = rnn.backward(*course[:3], rnn.forward(*course))
    for name, factor in factors.items():
        getattr(gradients, name)[...] *= factor
    rows = rnn.check_gradients(*course, gradients=gradients, progress=False)
    assert rows.diagnosis.startswith(words) and rows.wrong == tuple(factors)


def test_a_pattern_without_a_name_still_gets_a_diagnosis(course):
    gradients = rnn.backward(*course[:3], rnn.forward(*course))
    gradients.W[2, 3] += 1
    gradients.c[5] += 3
    rows = rnn.check_gradients(*course, gradients=gradients, progress=False)
    assert rows.diagnosis == "W and c wrong: the first step that they share is the place to look."
    worst = rows[0]
    assert worst.worst == (2, 3) and worst.analytic - worst.numerical == pytest.approx(1)
    assert worst.difference == pytest.approx(1) and not worst.passed


def test_a_gradient_of_nan_does_not_pass(course):
    gradients = rnn.backward(*course[:3], rnn.forward(*course))
    gradients.b[7] = np.nan
    rows = rnn.check_gradients(*course, gradients=gradients, progress=False)
    assert rows.wrong == ("b",) and rows[3].worst == (7,)


def test_the_complex_step_is_exact_where_central_differences_round(course):
    exact = rnn.backward(*course[:3], rnn.forward(*course)).flat
    errors = {
        method: np.linalg.norm(rnn.numerical_gradient(*course, method=method, progress=False).flat - exact)
        for method in ("central", "complex-step")
    }
    assert errors["complex-step"] < 1e-13 < 1e-10 < errors["central"] < 1e-6


def test_a_subset_of_the_entries_holds_the_same_values_and_nan_elsewhere(course):
    full = rnn.numerical_gradient(*course, progress=False)
    some = rnn.numerical_gradient(*course, entries=7, progress=False)
    for name in rnn.Params.names:
        a, b = getattr(full, name), getattr(some, name)
        assert np.isfinite(b).sum() == 7
        np.testing.assert_array_equal(a[np.isfinite(b)], b[np.isfinite(b)])
    assert rnn.check_gradients(*course, entries=7, progress=False).passed


@pytest.mark.parametrize("method", rnn.METHODS)
def test_a_numerical_gradient_that_was_computed_already_gives_the_same_check(course, method, monkeypatch):
    numerical = rnn.numerical_gradient(*course, method=method, entries=7, progress=False)
    check = partial(rnn.check_gradients, *course, method=method, entries=7, progress=False)
    wrong = course[0].like(np.full_like(course[0].flat, 9.0))
    expected = [check(gradients=gradients) for gradients in (None, wrong)]
    monkeypatch.setattr(rnn, "numerical_gradient", None)  # it is not computed again
    assert [check(gradients=gradients, numerical=numerical) for gradients in (None, wrong)] == expected
    numerical.V[:] = np.nan
    with pytest.raises(ValueError, match="numerical gradient of V is NaN throughout"):
        check(numerical=numerical)


def test_a_gradient_that_is_not_finite_does_not_pass_even_where_it_is_not_compared(course):
    gradients = rnn.backward(*course[:3], rnn.forward(*course))
    gradients.W[2, 3] = np.nan
    row, *others = rnn.check_gradients(*course, gradients=gradients, entries=1, progress=False)
    assert not row.passed and row.worst == (2, 3) and all(row.passed for row in others)


def test_the_entry_that_differs_most_is_one_that_was_compared(course):
    gradients = rnn.backward(*course[:3], rnn.forward(*course))
    for row in rnn.check_gradients(*course, gradients=gradients, numerical=gradients, progress=False):
        assert row.passed and row.difference == 0 and row.worst in ((0, 0), (0,))
    sparse = gradients.like(np.where(gradients.flat == gradients.flat[::-1], gradients.flat, np.nan))
    for name in rnn.Params.names:
        getattr(sparse, name)[-1] = getattr(gradients, name)[-1]
    for row in rnn.check_gradients(*course, gradients=gradients, numerical=sparse, progress=False):
        assert row.passed and row.analytic == row.numerical


def test_the_seed_says_which_entries_are_checked(course):
    def chosen(**seed):
        return np.flatnonzero(np.isfinite(rnn.numerical_gradient(*course, entries=1, progress=False, **seed).flat))

    def checked(**seed):
        wrong = course[0].like(np.full_like(course[0].flat, 9.0))
        rows = rnn.check_gradients(*course, gradients=wrong, entries=1, progress=False, **seed)
        marks = course[0].like(np.zeros_like(wrong.flat))
        for row in rows:
            getattr(marks, row.name)[row.worst] = 1
        return np.flatnonzero(marks.flat)

    np.testing.assert_array_equal(chosen(), chosen(seed=0))
    assert (chosen(seed=3) != chosen()).any()
    np.testing.assert_array_equal(checked(), chosen())
    np.testing.assert_array_equal(checked(seed=3), chosen(seed=3))


def test_the_gradient_check_shows_a_bar_for_each_parameter(capsys):
    params = rnn.init_params(VOCAB.size, hidden_size=2)
    point = params, IDS[:3], IDS[1:4], np.zeros(2)
    for compute in (rnn.check_gradients, rnn.numerical_gradient):
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
        ({"method": "forward"}, "no method 'forward': choose one of 'central', 'complex-step'"),
    ],
)
def test_the_gradient_check_says_what_is_wrong_with_its_input(course, kwargs, complaint):
    with pytest.raises(ValueError, match=complaint):
        rnn.check_gradients(*course, progress=False, **kwargs)


def test_the_gradient_check_does_not_pass_where_the_loss_is_not_finite(course):
    params, x, y, h0 = course
    with (
        np.errstate(invalid="ignore"),
        pytest.raises(ValueError, match=r"loss near W\[0, 0\] is not finite: choose another point"),
    ):
        rnn.check_gradients(params, x, y, h0 * np.nan, progress=False)


def test_no_relative_error_is_below_a_tolerance_of_zero(course):
    assert not rnn.check_gradients(*course, method="central", tolerance=0, progress=False).passed


@pytest.mark.parametrize("gradients", [None, rnn.Params(VOCAB.size, 10)])
def test_a_backward_that_returns_something_else_is_named(course, gradients):
    with pytest.raises(ValueError, match="do not have the shapes of the parameters"):
        rnn.check_gradients(*course, backward=lambda *_: gradients, progress=False)


@copies
@pytest.mark.parametrize("batch", [(), (2,)])
def test_a_copy_of_a_forward_pass_has_the_same_gradient(copied, batch):
    params, h0 = rnn.init_params(VOCAB.size, 10), np.zeros((*batch, 10))
    x, y = np.random.default_rng(0).integers(VOCAB.size, size=(2, 25, *batch))
    fwd = rnn.forward(params, x, y, h0)
    gradients = [rnn.backward(params, x, y, one).flat for one in (copied(fwd), fwd)]
    np.testing.assert_allclose(*gradients, atol=1e-14)


def test_backward_refuses_a_forward_pass_of_another_sequence(course):
    params, x, y, _ = course
    with pytest.raises(ValueError, match="fwd must be what forward returned"):
        rnn.backward(rnn.init_params(VOCAB.size, 9), x, y, rnn.forward(*course))
    with pytest.raises(ValueError, match="fwd must be what forward returned"):
        rnn.backward(params, x[:5], y[:5], rnn.forward(*course))


def test_the_gradient_check_refuses_parameters_that_cannot_be_checked(course):
    params, *point = course
    with pytest.raises(ValueError, match=r"needs float64.*float32: use params.astype\(float\)"):
        rnn.check_gradients(params.astype(np.float32), *point)
    with pytest.raises(ValueError, match="needs float64"):
        rnn.check_gradients(params.astype(np.float32), *point, numerical=params)
    broken = params.copy()
    broken.V[1, 1] = np.nan
    with pytest.raises(ValueError, match="V holds NaN"):
        rnn.check_gradients(broken, *point)
    with pytest.raises(ValueError, match="all of params, x, y and h0, or none"):
        rnn.check_gradients(params)
    with pytest.raises(ValueError, match="all of params, x, y and h0, or none"):
        rnn.check_gradients(gradients=params)
    with pytest.raises(ValueError, match="all of params, x, y and h0, or none"):
        rnn.check_gradients(numerical=params)
    with pytest.raises(ValueError, match="all of params, x, y and h0, or none"):
        rnn.check_gradients(gradients={})
    with pytest.raises(ValueError, match="do not have the shapes"):
        rnn.check_gradients(params, *point, gradients=rnn.Params(2, 2))
    with pytest.raises(ValueError, match="do not have the shapes"):
        rnn.check_gradients(params, *point, numerical=rnn.Params(2, 2))
    with pytest.raises(ValueError, match="do not have the shapes"):
        rnn.check_gradients(params, *point, numerical={})


# ------------------------------------------------------------------------------------------------ optimisers, training


def test_adagrad_is_its_formula():
    params, grads, adagrad = rnn.init_params(3, 2, sigma=1), rnn.init_params(3, 2, sigma=1, seed=1), rnn.AdaGrad()
    theta, g, g2 = params.flat.copy(), grads.flat, 0
    for _ in range(3):
        adagrad.step(params, grads)
        g2 = g2 + g * g
        theta = theta - 0.1 * g / np.sqrt(g2 + 1e-8)
        np.testing.assert_allclose(params.flat, theta, rtol=1e-12)


@pytest.mark.parametrize("sign", [1, -1])
def test_adams_first_step_is_the_learning_rate_whatever_the_gradient(sign):
    params, grads = rnn.Params(2, 3), rnn.init_params(3, 2, sigma=1)
    grads.flat[:] = sign * (np.abs(grads.flat) + 1)
    rnn.Adam(0.01).step(params, grads)
    np.testing.assert_allclose(params.flat, -0.01 * sign, rtol=1e-6)


def test_adam_is_its_formula():
    params, adam = rnn.init_params(3, 2, sigma=1), rnn.Adam()
    theta, m, v = params.flat.copy(), 0, 0
    for t in range(1, 6):
        grads = rnn.init_params(3, 2, sigma=1, seed=t)
        adam.step(params, grads, rate=0.5)
        g = grads.flat
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        theta = theta - 0.5 * 0.001 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
        np.testing.assert_allclose(params.flat, theta, rtol=1e-10)


def test_the_cosine_schedule_goes_from_the_full_rate_to_none():
    cosine = rnn.SCHEDULES["cosine"]
    assert cosine(0) == 1 and cosine(0.5) == pytest.approx(0.5) and cosine(1) == pytest.approx(0)
    assert rnn.SCHEDULES["constant"](0.7) == 1


@given(st.integers(27, 400), st.integers(1, 5), st.integers(1, 4))
def test_in_the_order_of_the_book_every_stream_reads_its_part_once(length, T, B):
    starts, fresh = rnn.sequence_starts(length, T, B)
    np.testing.assert_array_equal(np.diff(starts, axis=0), T)
    np.testing.assert_array_equal(starts[0], length // B * np.arange(B))
    assert starts[-1, 0] + T + 1 <= length // B < starts[-1, 0] + 2 * T + 1
    assert fresh[0] and not fresh[1:].any()


@given(st.integers(2, 9), st.integers(1, 3), st.integers(0, 99))
def test_chunks_are_read_whole_each_once_in_another_order(chunks, B, seed):
    B = min(B, chunks)
    starts, fresh = rnn.sequence_starts(400, 3, B, "chunks", chunks, np.random.default_rng(seed))
    first, size = starts[fresh].ravel(), (400 - 2) // chunks
    shift = first.min() % size
    assert shift in (0, 1, 2)  # where the book is cut: somewhere else in another epoch
    assert len(set(first)) == len(first) == chunks // B * B
    assert set(first) <= set(shift + size * np.arange(chunks))
    assert (np.diff(starts, axis=0)[~fresh[1:]] == 3).all()
    assert ((starts - shift) // size == (starts - shift + 3) // size).all() and starts.max() + 3 + 1 <= 400


def test_every_epoch_cuts_the_book_into_chunks_at_another_place():
    rng = np.random.default_rng(0)
    assert {rnn.sequence_starts(400, 3, 1, "chunks", 5, rng)[0].min() for _ in range(30)} == {0, 1, 2}


def test_sequences_of_25_in_the_order_of_the_book_or_100_chunks_are_the_default():
    np.testing.assert_array_equal(rnn.sequence_starts(4000)[0], 25 * np.arange(3999 // 25)[:, None])
    assert rnn.sequence_starts(4000, order="chunks", rng=np.random.default_rng(0))[1].sum() == 100


def test_a_piece_must_hold_one_sequence_and_the_character_after_it():
    np.testing.assert_array_equal(rnn.sequence_starts(4 * 26, 25, 4)[0], [[0, 26, 52, 78]])
    with pytest.raises(ValueError, match="A book of 103 characters can't be cut into 4 pieces"):
        rnn.sequence_starts(4 * 26 - 1, 25, 4)
    with pytest.raises(ValueError, match="sequences of 0 at a time"):
        rnn.sequence_starts(100, 0)


def test_random_places_are_all_in_the_book_and_each_is_fresh():
    starts, fresh = rnn.sequence_starts(100, 10, 4, "random", rng=np.random.default_rng(0))
    assert fresh.dtype == bool and fresh.all() and starts.min() >= 0 and starts.max() + 10 + 1 <= 100
    assert len(np.unique(starts)) > 5
    rng = np.random.default_rng(0)
    assert {int(rnn.sequence_starts(12, 10, 1, "random", rng=rng)[0][0, 0]) for _ in range(20)} == {0, 1}
    assert len({rnn.sequence_starts(10**6, order="random")[0][0, 0] for _ in range(3)}) > 1


@pytest.mark.parametrize("order", ["book", "chunks", "random"])
@pytest.mark.parametrize("batch_size", [1, 3])
def test_every_order_and_batch_size_learns(order, batch_size):
    result = train(steps=300, order=order, chunks=4, batch_size=batch_size, seq_length=10)
    assert result.smooth_losses[-1] < result.smooth_losses[0]
    assert result.h.shape == ((12,) if batch_size == 1 else (3, 12))


@pytest.mark.parametrize("scheme", ["normal", "scaled", "orthogonal"])
def test_initialization_has_the_spread_that_its_scheme_states(scheme):
    m, K = 80, 60
    params = rnn.init_params(K, m, sigma=0.02, scheme=scheme)
    normal = {"W": 0.02, "U": 0.02, "V": 0.02}
    wanted = normal if scheme == "normal" else {"W": (2 * m) ** -0.5, "U": (2 * K) ** -0.5, "V": m**-0.5}
    if scheme == "orthogonal":
        np.testing.assert_allclose(params.W @ params.W.T, np.eye(m), atol=1e-12)
        del wanted["W"]
    for name, deviation in wanted.items():
        assert getattr(params, name).std() == pytest.approx(deviation, rel=0.05)


def test_bits_per_character_carries_the_state_through_however_long_the_text():
    params = rnn.init_params(VOCAB.size, 5, sigma=0.5)
    ids = np.tile(IDS, 3)
    for length in (2, 1001, 1002, len(ids)):  # it is read a thousand characters at a time
        for h0 in (None, np.linspace(-1, 1, 5)):
            nats = rnn.forward(params, ids[: length - 1], ids[1:length], np.zeros(5) if h0 is None else h0).loss
            bits = nats / (length - 1) / np.log(2)
            assert rnn.bits_per_character(params, ids[:length], h0) == pytest.approx(bits, rel=1e-12)
    assert rnn.bits_per_character(rnn.Params(5, VOCAB.size), ids) == pytest.approx(np.log2(VOCAB.size))
    with pytest.raises(ValueError, match="none to predict"):
        rnn.bits_per_character(params, ids[:1])


def test_training_with_another_backward_uses_it():
    stuck = train(steps=5, backward=lambda params, x, y, fwd: params.like(np.zeros_like(params.flat)))
    np.testing.assert_array_equal(stuck.params.flat, rnn.init_params(VOCAB.size, hidden_size=12, seed=1).flat)


def test_training_follows_the_book_carries_the_state_and_resets_it_at_each_epoch():
    params, optimizer, T, steps_per_epoch = rnn.init_params(VOCAB.size, 12, seed=1), rnn.AdaGrad(), 10, 89
    result = train(epochs=2, seq_length=T)
    assert result.steps_per_epoch == steps_per_epoch == (len(IDS) - 1) // T
    losses = []
    for _ in range(2):
        h, e = np.zeros(12), 0
        while e + T + 1 <= len(IDS):
            x, y = IDS[e : e + T], IDS[e + 1 : e + T + 1]
            fwd = rnn.forward(params, x, y, h)
            grads = rnn.backward(params, x, y, fwd)
            grads.flat[:] = np.clip(grads.flat, -5, 5)
            optimizer.step(params, grads)
            losses.append(fwd.loss)
            h, e = fwd.h[-1], e + T
    np.testing.assert_array_equal(result.losses, losses)
    np.testing.assert_array_equal(result.params.flat, params.flat)
    np.testing.assert_array_equal(result.h, h)


@pytest.mark.parametrize("B", [1, 2])
@pytest.mark.parametrize("order", ["book", "chunks", "random"])
def test_training_reads_every_epoch_in_the_order_that_was_asked_for(order, B):
    kwargs = {"seq_length": 10, "batch_size": B, "order": order, "chunks": 4}
    result = train(epochs=2, schedule="cosine", seed=3, **kwargs)
    params, optimizer, losses = rnn.init_params(VOCAB.size, 12, seed=1), rnn.AdaGrad(), []
    for epoch in range(2):
        places = rnn.sequence_starts(len(IDS), **kwargs, rng=np.random.default_rng((3, 0, epoch)))
        for starts, fresh in zip(*places, strict=True):
            if fresh:
                h = np.zeros((B, 12))
            text = np.stack([IDS[e : e + 11] for e in starts], axis=1)
            fwd = rnn.forward(params, text[:-1], text[1:], h)
            grads = rnn.backward(params, text[:-1], text[1:], fwd)
            grads.flat[:] = np.clip(grads.flat, -5, 5)
            optimizer.step(params, grads, rnn.SCHEDULES["cosine"](len(losses) / len(result.losses)))
            losses.append(fwd.loss)
            h = fwd.h[-1]
    np.testing.assert_allclose(result.losses, losses, rtol=1e-9)


def test_the_smooth_loss_is_the_moving_average_of_the_loss():
    result = train(steps=50)
    smooth = result.losses[0]
    for loss, reported in zip(result.losses, result.smooth_losses, strict=True):
        smooth = 0.999 * smooth + 0.001 * loss
        assert reported == pytest.approx(smooth, rel=1e-12)


def test_the_best_parameters_are_those_at_the_lowest_smooth_loss():
    class Turning(rnn.AdaGrad):
        """Learns for 30 steps, and from then on the contrary."""

        steps = 0

        def step(self, params, grads, rate):
            self.steps += 1
            super().step(params, grads, rate if self.steps <= 30 else -rate)

    result = train(steps=60, seq_length=5, optimizer=Turning())
    assert 0 < result.best_step == result.smooth_losses.argmin() < 59
    e = result.best_step % result.steps_per_epoch * 5
    fwd = rnn.forward(result.best_params, IDS[e : e + 5], IDS[e + 1 : e + 6], result.best_h)
    assert fwd.loss == result.losses[result.best_step]


def test_training_learns_a_repeated_sentence():
    result = train(steps=1500)
    assert result.losses[-1] < 0.2 * result.losses[0]
    assert "quick brown fox" in rnn.synthesize(result.params, VOCAB, 100, temperature=0, h0=result.h)


def test_training_clips_every_entry_of_the_gradient():
    class Recorder:
        largest = 0

        def step(self, params, grads, rate):
            self.largest = max(self.largest, np.abs(grads.flat).max())

    recorder = Recorder()
    train(steps=3, optimizer=recorder, clip=0.25)
    assert recorder.largest == 0.25


def test_samples_come_before_the_first_step_every_so_often_and_at_the_end():
    result = train(steps=25, sample_every=10, sample_length=30)
    assert [sample.step for sample in result.samples] == [0, 10, 20, 25]
    assert [sample.smooth_loss for sample in result.samples] == result.smooth_losses[[0, 10, 20, 24]].tolist()
    assert not result.samples[0].h.any()
    assert all(len(sample.text) == 30 for sample in result.samples)
    np.testing.assert_array_equal(result.samples[0].params.flat, rnn.init_params(VOCAB.size, 12, seed=1).flat)
    np.testing.assert_array_equal(result.samples[-1].params.flat, result.params.flat)
    again = result.samples[2]
    assert again.text == rnn.synthesize(again.params, VOCAB, 30, seed=(0, 1, 20), h0=again.h)


def test_samples_do_not_change_what_is_learned():
    silent = train(steps=20)
    np.testing.assert_array_equal(train(steps=20, sample_every=3).params.flat, silent.params.flat)
    assert silent.samples == []


def test_training_takes_the_shortest_book_and_a_single_step():
    result = train(ids=IDS[:27], sample_every=1)
    assert len(result.losses) == result.steps_per_epoch == 1
    assert len(train(steps=1).losses) == 1


def test_training_leaves_the_parameters_it_starts_from_alone():
    params = rnn.init_params(VOCAB.size, 12)
    before = params.flat.copy()
    rnn.train(params, VOCAB, IDS, steps=3, progress=False)
    np.testing.assert_array_equal(params.flat, before)


def test_training_keeps_the_type_of_the_parameters():
    params = rnn.init_params(VOCAB.size, 12, dtype=np.float32)
    result = rnn.train(params, VOCAB, IDS, steps=3, progress=False)
    assert result.params.flat.dtype == result.best_params.flat.dtype == result.h.dtype == np.float32


def test_an_interrupt_ends_training_between_two_steps_and_keeps_what_was_learned():
    handler = signal.getsignal(signal.SIGINT)
    result = train(steps=50, optimizer=interrupting(rnn.AdaGrad, 7)(), sample_every=5)
    assert result.stopped == "interrupted" and len(result.losses) == 7
    np.testing.assert_array_equal(result.params.flat, train(steps=7).params.flat)
    assert [sample.step for sample in result.samples] == [0, 5, 7]
    assert signal.getsignal(signal.SIGINT) is handler


def test_training_works_outside_the_main_thread():
    results = []
    thread = threading.Thread(target=lambda: results.append(train(steps=3)))
    thread.start()
    thread.join()
    np.testing.assert_array_equal(results[0].losses, train(steps=3).losses)


def test_training_shows_epoch_and_smooth_loss(capsys):
    rnn.train(rnn.init_params(VOCAB.size, 12), VOCAB, IDS, steps=3)
    bar = capsys.readouterr().out
    assert re.search(r"epoch 1, smooth loss \d\d\.\d\d: .* 0/3 .*step", bar) and bar.endswith("\r")  # it is wiped out
    train(steps=3, progress=False)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("kwargs", "complaint"),
    [
        ({"steps": 0}, "steps must be a whole number, 1 or more; it is 0"),
        ({"sample_every": -1}, "sample_every must be 0"),
        ({"sample_every": np.nan}, "sample_every must be 0"),
        ({"clip": 0}, "clip must be above 0"),
        ({"clip": np.nan}, "clip must be above 0"),
        ({"epochs": 1.5}, "epochs must be a whole number, 1 or more; it is 1.5"),
        ({"seq_length": 0}, "seq_length must be a whole number, 1 or more; it is 0"),
        ({"seq_length": len(IDS) - 1}, f"has {len(IDS)} characters; sequences of .* need at least {len(IDS) + 1}"),
        ({"prompt": "#"}, "'#'"),
        ({"schedule": "linear"}, "no schedule 'linear': choose one of 'constant', 'cosine'"),
        ({"order": "backwards"}, "no order 'backwards': choose one of 'book', 'chunks', 'random'"),
        ({"batch_size": 0}, "batch_size must be a whole number, 1 or more; it is 0"),
        ({"batch_size": 100}, "can't be cut into 100 pieces for 100 sequences of 25 at a time"),
        ({"order": "chunks", "chunks": 2, "batch_size": 3}, "can't be cut into 2 pieces for 3"),
    ],
)
def test_training_says_what_is_wrong_with_its_input(kwargs, complaint):
    with pytest.raises(ValueError, match=complaint):
        train(**kwargs)


@pytest.mark.parametrize("optimizer", [rnn.Adam, 3])
def test_training_asks_for_an_optimiser_where_it_gets_something_else(optimizer):
    with pytest.raises(
        TypeError, match=r"optimizer must be an object with step\(params, grads, rate\), as AdaGrad\(\)"
    ):
        train(optimizer=optimizer)


def test_sizes_of_numpy_types_train_as_those_of_python():
    expected = train(steps=3, seq_length=200).losses
    np.testing.assert_array_equal(train(steps=np.uint8(3), seq_length=np.uint8(200)).losses, expected)


def test_training_and_writing_refuse_a_vocabulary_for_other_parameters(tmp_path):
    params, larger = rnn.init_params(VOCAB.size, 4), rnn.Vocabulary(VOCAB.chars + "é")
    complaint = f"vocabulary has {VOCAB.size + 1} characters, but the parameters are for {VOCAB.size}"
    with pytest.raises(ValueError, match=complaint):
        rnn.train(params, larger, IDS, progress=False)
    with pytest.raises(ValueError, match=complaint):
        rnn.synthesize(params, larger)
    with pytest.raises(ValueError, match=complaint):
        rnn.save_params(tmp_path / "params.npz", params, larger)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("ids", [IDS.reshape(20, -1), np.array(3)])
def test_training_refuses_a_book_that_is_not_one_row(ids):
    params = rnn.init_params(VOCAB.size, 4)
    with pytest.raises(ValueError, match=r"sequences of 25 need at least 27, in one row"):
        rnn.train(params, VOCAB, ids, progress=False)


def test_large_gradients_are_not_taken_for_infinite_ones():
    def backward(params, x, y, fwd):
        return params.like(np.full_like(params.flat, 1e20))

    params = rnn.init_params(VOCAB.size, 4, dtype=np.float32)
    result = rnn.train(params, VOCAB, IDS, steps=3, backward=backward, clip=np.inf, sample_every=0, progress=False)
    assert result.stopped == "" and len(result.losses) == 3


def test_training_refuses_characters_that_the_network_does_not_know():
    with pytest.raises(IndexError, match="ids: "):
        rnn.train(rnn.Params(4, 3), VOCAB, IDS)


# -------------------------------------------------------------------------------------------------------- writing text


def test_an_untrained_network_draws_all_characters_alike():
    p = np.full((100_000, 7), 1 / 7)
    counts = np.bincount(rnn.draw(p, np.random.default_rng(0).random(100_000)), minlength=7)
    assert ((counts - 1e5 / 7) ** 2 / (1e5 / 7)).sum() < chi_square_limit(6)


def chi_square_limit(degrees, z=3.09):
    """What chi-square exceeds once in a thousand times (Wilson and Hilferty's approximation)."""
    return degrees * (1 - 2 / (9 * degrees) + z * np.sqrt(2 / (9 * degrees))) ** 3


def test_characters_are_drawn_from_exactly_the_probabilities_of_a_trained_network():
    result = train(steps=200)
    p = rnn.forward(result.params, IDS[:30], IDS[1:31], np.zeros(12)).p[-1].astype(float)
    u = np.random.default_rng(0).random(100_000)
    drawn = rnn.draw(np.broadcast_to(7 * p, (len(u), len(p))), u)
    expected, counts = len(u) * p, np.bincount(drawn, minlength=len(p))
    rare = expected < 5  # too few for the test: they count as one
    expected, counts = (np.append(a[~rare], a[rare].sum()) for a in (expected, counts))
    assert 3 < len(counts) and p.max() > 5 * np.median(p)
    assert ((counts - expected) ** 2 / expected).sum() < chi_square_limit(len(counts) - 1)


@given(hnp.arrays(float, 8, elements=st.floats(-5, 5, width=16)), st.floats(0.05, 3), st.floats(0.01, 1))
@example(np.linspace(-5, 5, 8), 2.0, 1.0)
def test_temperature_and_top_p_together_draw_from_the_nucleus_of_the_tempered_probabilities(o, temperature, top_p):
    p, u = np.exp(o), (np.arange(200) + 0.5) / 200
    tempered = (p / p.max()) ** (1 / temperature)
    share = tempered * rnn.nucleus(tempered / tempered.sum(), top_p)
    counts = np.bincount(rnn.draw(p, u, temperature, top_p), minlength=8)
    assert (np.abs(counts - 200 * share / share.sum()) < 1 + 1e-9).all()  # numbers that are evenly spaced: no chance


@given(hnp.arrays(float, (2, 8), elements=st.floats(-5, 5)), st.floats(0.1, 2), st.floats(0.1, 1))
def test_one_character_is_drawn_as_one_of_many_is(o, temperature, top_p):
    p, u = np.exp(o), np.random.default_rng(0).random((10, 2))
    one_by_one = [[rnn.draw(p[j], u[i, j], temperature, top_p) for j in range(2)] for i in range(10)]
    np.testing.assert_array_equal(rnn.draw(np.tile(p, (10, 1, 1)), u, temperature, top_p), one_by_one)
    np.testing.assert_array_equal(rnn.draw(p, u[0, 0], temperature, top_p)[0], one_by_one[0][0])


def test_a_character_of_probability_zero_is_never_drawn():
    p = np.array([0, 0.5, 0, 0.5, 0])
    for u, character in ((0, 1), (0.5, 3), (np.nextafter(1, 0), 3)):
        assert rnn.draw(p, u) == character
        assert rnn.draw(p[None], np.array([u])) == [character]


def test_temperature_zero_takes_the_most_probable_character():
    p = np.random.default_rng(0).random((20, 9)) * 10.0 ** -np.arange(20)[:, None]  # multiples of probabilities, too
    for temperature in (0, 1e-3):
        drawn = rnn.draw(p, np.random.default_rng(1).random(20), temperature)
        np.testing.assert_array_equal(drawn, p.argmax(axis=1))


@given(hnp.arrays(float, 8, elements=st.floats(-5, 5)), st.floats(0.01, 1))
def test_top_p_keeps_the_smallest_set_that_reaches_its_mass(o, top_p):
    p = np.exp(o) / np.exp(o).sum()
    kept = rnn.nucleus(p, top_p)
    assert p[kept].sum() >= top_p - 1e-12
    assert p[kept].sum() - p[kept].min() < top_p
    assert kept.all() or p[kept].min() >= p[~kept].max()


def test_the_nucleus_takes_the_first_of_equally_probable_characters_and_no_more_than_it_needs():
    p = np.random.default_rng(0).permutation(np.repeat([1 / 128, 3 / 128], 32))  # the probable half: exactly 3/4
    inside = p == 3 / 128
    inside[np.flatnonzero(~inside)[:16]] = True  # half of the others: 1/8
    np.testing.assert_array_equal(rnn.nucleus(np.tile(p, (2, 1)), 7 / 8), [inside, inside])
    np.testing.assert_array_equal(rnn.nucleus(np.array([0.2, 0.2, 0.24, 0.24, 0.12]), 0.48), [0, 0, 1, 1, 0])


def test_without_top_p_the_rarest_character_may_be_drawn():
    assert rnn.draw(np.array([1, 1e-8], np.float32), 1 - 1e-9) == 1  # although float32 has no number for 1 + 1e-8


def test_the_same_seed_writes_the_same_text_and_another_seed_another():
    params = rnn.init_params(VOCAB.size, 8, sigma=1)
    text = rnn.synthesize(params, VOCAB)
    assert text == rnn.synthesize(params, VOCAB, 200, ".", temperature=1.0, top_p=1.0, seed=0, h0=np.zeros(8))
    assert text != rnn.synthesize(params, VOCAB, seed=1)
    assert len(rnn.synthesize(params, VOCAB, length=0)) == 0


def test_the_whole_prompt_is_read_before_the_network_writes():
    params = rnn.init_params(VOCAB.size, 8, sigma=1)
    x = VOCAB.encode("the fox")
    h = rnn.forward(params, x[:-1], x[1:], np.zeros(8)).h[-1]
    assert rnn.synthesize(params, VOCAB, 50, "the fox") == rnn.synthesize(params, VOCAB, 50, "x", h0=h)


@pytest.mark.parametrize(
    ("kwargs", "complaint"),
    [
        ({"prompt": ""}, "prompt is empty"),
        ({"params": rnn.Params(8, VOCAB.size, np.full(rnn.Params(8, VOCAB.size).flat.size, np.nan))}, "W holds NaN"),
        ({"prompt": "fox #1"}, "'#'"),
        ({"length": -1}, "length must be a whole number, 0 or more"),
        ({"length": 2.5}, "length must be a whole number, 0 or more"),
        ({"temperature": -0.1}, "temperature must be 0"),
        ({"temperature": np.nan}, "temperature must be 0"),
        ({"temperature": np.inf}, "temperature must be 0"),
        ({"top_p": 0}, "top_p must be above 0"),
        ({"top_p": 1.1}, "top_p must be above 0"),
        ({"h0": np.zeros(3)}, r"h0 must have the shape \(8,\)"),
        ({"h0": np.full(8, np.nan)}, "h0 holds NaN or infinity"),
    ],
)
def test_synthesize_says_what_is_wrong_with_its_input(kwargs, complaint):
    with pytest.raises(ValueError, match=complaint):
        rnn.synthesize(**{"params": rnn.Params(8, VOCAB.size), "vocab": VOCAB, **kwargs})


@pytest.mark.parametrize("sign", [1, -1])
def test_a_network_whose_outputs_overflow_cannot_write(sign):
    params = rnn.Params(8, VOCAB.size, dtype=np.float32)
    params.b[:], params.V[:] = 3, sign * 3e38
    with np.errstate(over="ignore"), pytest.raises(FloatingPointError, match="outputs overflow"):
        rnn.synthesize(params, VOCAB)


# ------------------------------------------------------------------------------------------- keeping what was learned


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_saved_parameters_come_back_bit_for_bit(tmp_path, dtype):
    vocab = rnn.Vocabulary("\x00\n aé漢😀\ud800")
    params = rnn.init_params(vocab.size, 5, dtype=dtype)
    rnn.save_params(tmp_path / "params.npz", params, vocab)
    back = rnn.load_params(tmp_path / "params.npz", vocab)
    assert back.flat.dtype == dtype and (back.hidden_size, back.vocab_size) == (5, vocab.size)
    np.testing.assert_array_equal(back.flat, params.flat)
    assert [path.name for path in tmp_path.iterdir()] == ["params.npz"]


def test_parameters_for_another_vocabulary_are_refused(tmp_path):
    rnn.save_params(tmp_path / "params.npz", rnn.init_params(VOCAB.size, 5), VOCAB)
    with pytest.raises(ValueError, match=r"params.npz was made for another vocabulary"):
        rnn.load_params(tmp_path / "params.npz", rnn.Vocabulary("abc"))


def test_a_damaged_parameter_file_is_refused_wherever_it_is_cut_or_flipped(tmp_path):
    path = tmp_path / "params.npz"
    params = rnn.init_params(VOCAB.size, 5)
    rnn.save_params(path, params, VOCAB)
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for cut in rng.integers(0, len(whole), 40):
        path.write_bytes(whole[:cut])
        with pytest.raises(ValueError, match="does not hold saved parameters, or it is damaged"):
            rnn.load_params(path, VOCAB)
    for place in rng.integers(0, len(whole), 40):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        try:
            np.testing.assert_array_equal(rnn.load_params(path, VOCAB).flat, params.flat)  # a byte that means nothing
        except ValueError as error:
            assert "params.npz" in str(error)
    path.write_bytes(b"not parameters at all")
    with pytest.raises(ValueError, match="does not hold saved parameters"):
        rnn.load_params(path, VOCAB)


def test_a_parameter_file_with_the_wrong_contents_is_refused(tmp_path):
    path, codes = tmp_path / "params.npz", np.array([ord(c) for c in VOCAB.chars], np.uint32)
    for contents, complaint in (
        ({"flat": np.zeros(3)}, "chars is not a file"),
        ({"flat": np.zeros(3), "hidden_size": 4, "chars": codes}, "parameters for m = 4 and K"),
    ):
        np.savez(path, **contents)
        with pytest.raises(ValueError, match=f"does not hold saved parameters, or it is damaged: .*{complaint}"):
            rnn.load_params(path, VOCAB)


def test_loading_never_unpickles(tmp_path):
    class Bomb:
        def __reduce__(self):
            return Path.touch, (tmp_path / "it went off",)

    path = tmp_path / "params.npz"
    np.savez(path, flat=np.array([Bomb()], object), hidden_size=4, chars=np.array([97], np.uint32))
    with pytest.raises(ValueError, match="does not hold saved parameters"):
        rnn.load_params(path, VOCAB)
    assert list(tmp_path.iterdir()) == [path]


def test_missing_parameters_are_reported(tmp_path):
    with pytest.raises(FileNotFoundError, match="no file with saved parameters"):
        rnn.load_params(tmp_path / "none.npz", VOCAB)


def test_a_failed_save_leaves_the_previous_file_intact(tmp_path, monkeypatch):
    path, first = tmp_path / "params.npz", rnn.init_params(VOCAB.size, 5)
    rnn.save_params(path, first, VOCAB)

    def full_disk(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(rnn.np, "savez", full_disk)
    with pytest.raises(OSError, match="No space left"):
        rnn.save_params(path, rnn.init_params(VOCAB.size, 5, seed=9), VOCAB)
    np.testing.assert_array_equal(rnn.load_params(path, VOCAB).flat, first.flat)
    assert [p.name for p in tmp_path.iterdir()] == ["params.npz"]
