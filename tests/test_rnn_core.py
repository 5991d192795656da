"""The network: laws (hypothesis), gradients, optimisers, writing, and the errors for bad input."""

import copy
import pickle
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from small import IDS, VOCAB, problems, train

import rnn_core as rnn
from lab.gradients import numerical_gradient

texts = st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1)
copies = pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))])


# ----------------------------------------------------------------------------------------------- a book, its characters


@given(texts)
def test_decode_undoes_encode(text):
    vocab = rnn.Vocabulary(text)
    assert vocab.decode(vocab.encode(text)) == text
    assert vocab.size == len(set(text))
    assert list(vocab.chars) == sorted(set(text))


def test_a_large_text_is_encoded_in_pieces_without_a_seam():
    text = "ab" * 600_000 + "c"
    vocab = rnn.Vocabulary(text)
    ids = vocab.encode(text)
    assert ids.dtype == np.uint8 and vocab.decode(ids) == text
    np.testing.assert_array_equal(ids, [0, 1] * 600_000 + [2])


def test_a_lone_surrogate_is_a_character_like_any_other():
    vocab = rnn.Vocabulary("a\ud800")
    assert vocab.decode(vocab.encode("\ud800a")) == "\ud800a"


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
    ("encoding", "text"),
    [
        ("utf-16", "Жил да был “старик”.\n"),
        ("cp1252", "“Åsa, ça va bien, et vous?”\n"),
        ("latin-1", "Åsa såg älgen på ön.\n"),
    ],
)
def test_a_book_in_an_older_encoding_comes_with_the_line_that_converts_it(encoding, text, tmp_path):
    book = tmp_path / "it's my $HOME `book` %PATH%.v2.txt"  # which shells would change
    book.write_bytes((20 * text).encode(encoding))
    with pytest.raises(ValueError, match=f"it seems to be {encoding}, and this line makes a copy") as complaint:
        rnn.read_book(book)
    line = str(complaint.value).partition("UTF-8: python ")[2]
    subprocess.run(f'"{sys.executable}" {line}', shell=True, check=True)
    assert rnn.read_book(book.with_name(f"{book.stem}-utf-8.txt")) == 20 * text


@pytest.mark.parametrize(
    "data",
    ["Жил да был старик. ".encode("cp1251"), "Åsa såg älgen. ".encode() * 9 + b"\xe5", b"\x89PNG\0", b"\xff\xfe\0\xd8"],
    ids=["another alphabet", "UTF-8 with a fault", "a picture", "half a UTF-16"],
)
def test_no_encoding_is_named_where_none_seems_to_fit(data, tmp_path):
    (tmp_path / "book.txt").write_bytes(data)
    with pytest.raises(ValueError, match=r"byte \d+ \(0x..\) does not fit; save it as UTF-8\.$"):
        rnn.read_book(tmp_path / "book.txt")


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (b"x" * 26, "has 26 characters, too few: choose a book of 27 or more"),
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


# ----------------------------------------------------------------------------------------------------------- parameters


def test_the_named_parameters_are_views_into_one_vector():
    params = rnn.Params(3, 5)
    params.flat[:] = np.arange(params.flat.size)
    shapes = {name: getattr(params, name).shape for name in rnn.Params.names}
    assert shapes == {"W": (3, 3), "U": (3, 5), "V": (5, 3), "b": (3,), "c": (5,)}
    together = np.concatenate([getattr(params, name).ravel() for name in rnn.Params.names])
    np.testing.assert_array_equal(np.sort(together), params.flat)
    assert all(np.shares_memory(getattr(params, name), params.flat) for name in rnn.Params.names)
    assert rnn.Params(3, 5, dtype=np.float32).flat.dtype == np.float32


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


@pytest.mark.parametrize("scheme", ["normal", "scaled", "orthogonal", "large U"])
def test_initialization_has_the_spread_that_its_scheme_states(scheme):
    m, K = 80, 60
    params = rnn.init_params(K, m, sigma=0.02, scheme=scheme)
    normal = {"W": 0.02, "U": 0.02, "V": 0.02}
    wanted = normal if scheme == "normal" else {"W": (2 * m) ** -0.5, "U": (2 * K) ** -0.5, "V": m**-0.5}
    if scheme == "large U":
        wanted["U"], params.W[...] = 1, 2 * params.W
    if scheme in ("orthogonal", "large U"):
        np.testing.assert_allclose(params.W @ params.W.T, np.eye(m), atol=1e-12)
        del wanted["W"]
    for name, deviation in wanted.items():
        assert getattr(params, name).std() == pytest.approx(deviation, rel=0.05)


def test_an_unknown_scheme_is_refused():
    with pytest.raises(ValueError, match="no scheme 'xavier': choose one of 'normal', 'scaled', 'orthogonal'"):
        rnn.init_params(3, 3, scheme="xavier")


@pytest.mark.parametrize("sizes", [(5, 0), (0, 5), (5, -1)])
def test_a_network_without_units_or_characters_is_refused(sizes):
    with pytest.raises(ValueError, match="must be at least 1"):
        rnn.init_params(*sizes)


# ---------------------------------------------------------------------------------------------------- forward, backward


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
    numerical = numerical_gradient(params, x, y, h0, progress=False)
    np.testing.assert_allclose(grads.flat, numerical.flat, rtol=1e-5, atol=1e-7)


@given(problems())
def test_float32_agrees_with_float64(problem):
    params, x, y, h0 = problem
    single, double = rnn.forward(params.astype(np.float32), x, y, h0), rnn.forward(params, x, y, h0)
    grads = rnn.backward(params.astype(np.float32), x, y, single)
    assert all(a.dtype == np.float32 for a in (single.h, single.p, single.delta, single.dtanh, grads.flat))
    np.testing.assert_allclose(single.loss, double.loss, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(grads.flat, rnn.backward(params, x, y, double).flat, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(("K", "by_rows"), [(8 * 6, False), (8 * 6 + 1, True)])
def test_the_probabilities_lie_in_the_order_in_which_sums_over_the_characters_are_quick(K, by_rows):
    room = rnn.Forward(rnn.Params(2, K), (3, 2))
    assert room.p.shape == (3, 2, K) and np.isnan(room.loss)
    assert (room.p if by_rows else np.moveaxis(room.p, -1, 0)).flags.c_contiguous


@pytest.mark.parametrize("batch", [(), (3,)])
def test_a_network_of_many_characters_does_what_one_without_the_rare_ones_does(batch):
    """Only its first ten characters occur, and the others are all but impossible: c is -50 for them."""
    rng = np.random.default_rng(0)
    few, many = rnn.init_params(10, 4, 0.5, rng), rnn.init_params(5000, 4, 0.5, rng)
    few.c[:] = 0
    for name in rnn.Params.names:
        many_weights, weights = getattr(many, name), getattr(few, name)
        many_weights[tuple(map(slice, weights.shape))] = weights
    many.c[10:] = -50
    x, y = rng.integers(0, 10, (2, 7, *batch))
    h0 = rng.uniform(-1, 1, (*batch, 4))
    fwd, expected = rnn.forward(many, x, y, h0), rnn.forward(few, x, y, h0)
    np.testing.assert_allclose(fwd.loss, expected.loss, rtol=1e-12)
    grads, expected_grads = rnn.backward(many, x, y, fwd), rnn.backward(few, x, y, expected)
    for name in rnn.Params.names:
        g, expected_g = getattr(grads, name), getattr(expected_grads, name)
        np.testing.assert_allclose(g[tuple(map(slice, expected_g.shape))], expected_g, rtol=1e-9, atol=1e-12)
    assert not grads.U[:, 10:].any()


@given(
    x=st.lists(st.integers(0, 29), min_size=1, max_size=40),
    vocab_size=st.sampled_from([30, 1000]),  # one way for a few characters, another for many
    dtype=st.sampled_from([np.float32, np.float64, np.complex128]),
)
def test_sum_by_character_is_the_plain_sum(x, vocab_size, dtype):
    x = np.array(x)
    values = np.random.default_rng(0).normal(size=(len(x), 3, 2)).astype(np.float32) @ np.array([1, 1j])
    values = values.astype(dtype) if np.iscomplexobj(dtype()) else values.real.astype(dtype)
    expected, out = np.zeros((vocab_size, 3), dtype), np.full((vocab_size, 3), np.nan, dtype)
    for k, row in zip(x, values, strict=True):
        expected[k] += row
    rnn.sum_by_character(values, x, out)
    np.testing.assert_allclose(out, expected, rtol=len(x) * np.finfo(dtype).eps, atol=len(x) * np.finfo(dtype).eps)


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


def test_backward_refuses_a_forward_pass_of_another_sequence(course):
    params, x, y, _ = course
    for other in ((rnn.init_params(VOCAB.size, 9), x, y), (params, x[:5], y[:5])):
        with pytest.raises(ValueError) as refused:
            rnn.backward(*other, rnn.forward(*course))
        assert str(refused.value) == "fwd must be what forward returned for these params, x and y."


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


def test_huge_logits_do_not_overflow():
    params = rnn.init_params(VOCAB.size, 3, dtype=np.float32)
    params.c[:] = np.linspace(-1e30, 1e30, VOCAB.size)
    with np.errstate(all="raise", under="ignore"):
        fwd = rnn.forward(params, IDS[:5], IDS[1:6], np.zeros(3))
    assert np.isfinite(fwd.loss) and np.isfinite(fwd.p).all()
    with np.errstate(all="raise", under="ignore"):
        text = rnn.synthesize(params, VOCAB, 5)
    assert text == 5 * VOCAB.chars[-1]


# ----------------------------------------------------------------------------------------------------------- optimisers


def test_adagrad_is_its_formula():
    params, grads, adagrad = rnn.init_params(3, 2, sigma=1), rnn.init_params(3, 2, sigma=1, seed=1), rnn.AdaGrad()
    theta, g, g2 = params.flat.copy(), grads.flat, 0
    for _ in range(3):
        adagrad.step(params, grads)
        g2 = g2 + g * g
        theta = theta - 0.1 * g / np.sqrt(g2 + 1e-8)
        np.testing.assert_allclose(params.flat, theta, rtol=1e-12)


@pytest.mark.parametrize("kind", [rnn.AdaGrad, rnn.Adam])
def test_an_optimiser_treats_all_pieces_of_a_large_network_alike(kind):
    grads = rnn.Params(20, 2000)
    grads.flat[:] = np.random.default_rng(0).normal(size=grads.flat.size)
    large, optimizer = rnn.Params(20, 2000), kind()
    small = [rnn.Params(1, 1) for _ in range(3)]
    places = [slice(0, 5), slice(32_766, 32_771), slice(-5, None)]  # the second is cut by the end of a piece
    single = [kind() for _ in places]
    for _ in range(2):
        optimizer.step(large, grads)
        for params, one, place in zip(small, single, places, strict=True):
            one.step(params, params.like(grads.flat[place]))
    for params, place in zip(small, places, strict=True):
        np.testing.assert_array_equal(large.flat[place], params.flat)


@pytest.mark.parametrize("sign", [1, -1])
def test_adams_first_step_is_the_learning_rate_whatever_the_gradient(sign):
    params, grads = rnn.Params(2, 3), rnn.init_params(3, 2, sigma=1)
    grads.flat[:] = sign * (np.abs(grads.flat) + 1)
    rnn.Adam(0.01).step(params, grads)
    np.testing.assert_allclose(params.flat, -0.01 * sign, rtol=1e-6)


def test_adam_makes_the_steps_of_u_as_many_times_as_large_as_it_is_told():
    params, larger = rnn.init_params(3, 2, sigma=1), rnn.init_params(3, 2, sigma=1)
    grads, first = rnn.init_params(3, 2, sigma=1, seed=1), params.copy()
    rnn.Adam(0.01).step(params, grads)
    rnn.Adam(0.01, u=5.0).step(larger, grads)
    np.testing.assert_allclose(larger.U - first.U, 5 * (params.U - first.U), rtol=1e-10)
    larger.U[...] = params.U
    np.testing.assert_array_equal(larger.flat, params.flat)


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


# --------------------------------------------------------------------------------------------------------- writing text


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
    assert rnn.draw(np.array([1e-17, 1]), 0.0) == 0  # although float64 has no number for 1 + 1e-17


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


TEMPERATURE = "temperature must be 0 (the most probable character) or more, not"


@pytest.mark.parametrize(
    ("kwargs", "complaint"),
    [
        ({"prompt": ""}, "The prompt is empty: give the network at least one character to read first."),
        (
            {"params": rnn.Params(8, VOCAB.size, np.full(rnn.Params(8, VOCAB.size).flat.size, np.nan))},
            "W holds NaN or infinity: draw the parameters anew, or load others.",
        ),
        (
            {"prompt": "fox #1"},
            "The character '#' (U+0023) is not in the book, so the network has no number for it.",
        ),
        ({"length": -1}, "length must be a whole number, 0 or more; it is -1."),
        ({"length": 2.5}, "length must be a whole number, 0 or more; it is 2.5."),
        ({"temperature": -0.1}, f"{TEMPERATURE} -0.1."),
        ({"temperature": np.nan}, f"{TEMPERATURE} nan."),
        ({"temperature": np.inf}, f"{TEMPERATURE} inf."),
        ({"top_p": 0}, "top_p must be above 0 and at most 1 (all characters), not 0."),
        ({"top_p": 1.1}, "top_p must be above 0 and at most 1 (all characters), not 1.1."),
        ({"h0": np.zeros(3)}, "h0 must have the shape (8,); this one has (3,)."),
        (
            {"h0": np.full(8, np.nan)},
            "h0 holds NaN or infinity: give the hidden state of a network that has read something.",
        ),
    ],
)
def test_synthesize_says_what_is_wrong_with_its_input(kwargs, complaint):
    with pytest.raises(ValueError) as refused:
        rnn.synthesize(**{"params": rnn.Params(8, VOCAB.size), "vocab": VOCAB, **kwargs})
    assert str(refused.value) == complaint


@pytest.mark.parametrize("sign", [1, -1])
def test_a_network_whose_outputs_overflow_cannot_write(sign):
    params = rnn.Params(8, VOCAB.size, dtype=np.float32)
    params.b[:], params.V[:] = 3, sign * 3e38
    with np.errstate(over="ignore"), pytest.raises(FloatingPointError) as refused:
        rnn.synthesize(params, VOCAB)
    assert str(refused.value) == "The network can't write: its outputs overflow, the parameters are too large."
