"""The instruments: each tried on a network whose memory is known."""

import tracemalloc
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small import BOOK, IDS, VOCAB, train

import rnn_core as rnn
from lab.memory import (
    basins,
    bits_by_context,
    bits_by_place,
    gradient_by_lag,
    horizon,
    jacobian,
    limit_cycle,
    read,
    saturation,
    windows,
)

SEEDS = st.integers(0, 2**32 - 1)
BINARY = np.random.default_rng(0).integers(0, 2, 3000)


def network(seed=0, sigma=0.5):
    return rnn.init_params(VOCAB.size, hidden_size=7, sigma=sigma, seed=seed)


def delay(steps):
    """A network that repeats what it read that many characters ago, one of two: a chain of that many units."""
    params = rnn.Params(steps + 1, 2)
    params.W[np.arange(1, steps + 1), np.arange(steps)] = 3
    params.U[0] = -5, 5
    params.V[:, steps] = -5, 5
    return params


@pytest.fixture(scope="module")
def trained():
    result = train(params=network(), steps=1500)
    return result.params, result.h


@given(SEEDS, st.integers(2, 30))
def test_a_reading_has_the_bits_of_the_loss_and_the_most_probable_characters(seed, length):
    params, ids = network(seed), np.random.default_rng(seed).integers(0, VOCAB.size, length)
    h0 = np.full(7, 0.3)
    bits, guesses, h = read(params, ids, h0)
    fwd = rnn.forward(params, ids[:-1], ids[1:], h0)
    assert bits.sum() == pytest.approx(fwd.loss / np.log(2))
    np.testing.assert_array_equal(h, fwd.h[1:])
    chosen = np.take_along_axis(fwd.p, guesses, axis=1)
    np.testing.assert_array_equal(chosen, np.sort(fwd.p, axis=1)[:, :-4:-1])


def test_a_long_text_is_read_in_pieces_as_if_in_one():
    params, ids = network(), np.tile(IDS, 4)
    bits = read(params, ids).bits
    assert len(ids) > 3000
    assert bits.mean() == pytest.approx(rnn.bits_per_character(params, ids))
    np.testing.assert_allclose(bits, read(params.astype(np.float32), ids).bits, rtol=1e-3)


def test_a_text_without_a_character_to_predict_is_refused():
    with pytest.raises(ValueError, match="not be empty"):
        read(network(), IDS[:1])


def test_windows_go_from_the_beginning_of_a_text_to_its_end():
    stretches = windows(IDS, 50, 5)
    np.testing.assert_array_equal(stretches[:, 0], IDS[:50])
    np.testing.assert_array_equal(stretches[:, -1], IDS[-50:])
    assert stretches.shape == (50, 5)
    with pytest.raises(ValueError, match=r"^A text of 49 characters has no stretch of 50"):
        windows(IDS[:49], 50, 5)


@given(SEEDS)
def test_the_gradient_by_lag_is_that_of_central_differences(seed):
    params, ids, lags, eps = network(seed), IDS[:20], 3, 1e-5
    h0 = np.random.default_rng(seed).uniform(-1, 1, 7)
    shares = gradient_by_lag(params, ids[: 2 * lags + 2], h0, lags, places=1)
    x, y = ids[: 2 * lags + 1], ids[1 : 2 * lags + 2]
    h = rnn.forward(params, x, y, h0).h
    np.testing.assert_array_equal(shares[0], shares[2])  # of one place, all quartiles are the same
    g = rnn.forward(params, x, y, h0).p[-1] - np.eye(VOCAB.size)[y[-1]]
    at_once = np.linalg.norm(params.V.T @ g)
    for k in range(1, lags + 1):  # start at h_{T-k}, of which the last k characters make the last loss

        def last_loss(h_start, k=k):
            return -np.log(rnn.forward(params, x[-k:], y[-k:], h_start).p[-1, y[-1]])

        start = h[len(x) - k]
        numerical = [(last_loss(start + e) - last_loss(start - e)) / (2 * eps) for e in eps * np.eye(7)]
        assert shares[1, k] * at_once == pytest.approx(np.linalg.norm(numerical), rel=1e-4, abs=1e-9)


@given(SEEDS)
def test_a_jacobian_is_that_of_the_network(seed):
    params, h_prev = network(seed), np.random.default_rng(seed).uniform(-1, 1, 7)

    def step(h):
        return np.tanh(params.W @ h + params.U[:, 3] + params.b)

    numerical = [(step(h_prev + e) - step(h_prev - e)) / 2e-6 for e in 1e-6 * np.eye(7)]
    np.testing.assert_allclose(jacobian(params, step(h_prev)), np.transpose(numerical), atol=1e-8)


@pytest.mark.parametrize("steps", [1, 3, 5])
def test_context_helps_as_far_back_as_the_network_looks_and_no_further(steps):
    params, ids = delay(steps), BINARY.copy()
    for i in range(steps + 1, len(ids)):  # each character is that of `steps` + 1 places before, with exceptions
        ids[i] = ids[i - steps - 1] ^ (i % 97 == 0)
    bits = bits_by_context(params, ids, np.zeros(steps + 1), steps + 3, places=2000)
    assert (bits[steps:] < 0.5).all()
    assert (bits[:steps] > bits[steps] + 0.5).all()
    np.testing.assert_allclose(bits[steps:], read(params, ids).bits.mean(), atol=0.01)


def test_a_text_with_one_place_has_bits_by_context_too():
    assert bits_by_context(delay(1), BINARY[:6], np.zeros(2), longest=5).shape == (5,)


def test_the_context_is_read_from_states_that_lie_elsewhere_in_equal_steps():
    params, ids, longest = network(sigma=1), IDS[:40], 3
    states = read(params, ids).h
    bits, costs = read(params, ids).bits, []
    for at in windows(np.arange(40), longest + 1, 5)[0]:
        x, y = ids[at : at + longest], ids[at + 1 : at + longest + 1]
        passes = [rnn.forward(params, x, y, states[(at + 40 * i // 4) % 39]) for i in (1, 2, 3)]
        p = np.mean([fwd.p[range(longest), y] for fwd in passes], axis=0)
        costs.append(-np.log2(p) - bits[at : at + longest])
    found = bits_by_context(params, ids, np.zeros(7), longest, places=5, starts=3)
    np.testing.assert_allclose(found, bits.mean() + np.mean(costs, axis=0))


def test_bits_by_place_are_the_means_over_first_second_and_later_letters():
    text = ". one a two-b"
    bits = np.arange(1, len(text))  # of the character at each place but the first
    found = bits_by_place(text, bits, longest=4)
    np.testing.assert_array_equal(found[:3], [np.mean([2, 6, 8, 12]), np.mean([3, 9]), np.mean([4, 10])])
    assert np.isnan(found[3]) and len(bits_by_place(text, bits)) == 10


def test_the_first_letter_of_a_text_that_begins_with_a_word_is_not_predicted():
    np.testing.assert_array_equal(bits_by_place("ab cd", np.array([1, 2, 3, 4]), longest=2), [3, 2.5])


def test_a_network_without_a_memory_reads_well_from_zero_and_a_latch_does_not():
    result = basins(network(sigma=0.01), IDS, np.zeros(7), length=20, places=10)
    assert result["zero fails"] == result["saturated"] == 0
    assert result["carried"] == pytest.approx(result["zero"], rel=1e-3)
    latch = rnn.Params(2, 2)
    latch.W[:] = 5 * np.eye(2)  # it stays where it is
    latch.V[:] = [[99, 99], [-99, -99]]
    result = basins(latch, np.zeros(200, int), np.ones(2), length=20, places=4)
    assert result == {"zero": 1, "carried": 0, "saturated": 1, "zero fails": 0}  # at zero it knows nothing: one bit
    latch.b[:] = -1  # from zero it falls to the wrong side, and is sure of it
    assert basins(latch, np.zeros(200, int), np.ones(2), length=20, places=4)["zero fails"] == 1


def test_the_carried_state_has_read_all_characters_before_the_reading_begins():
    result = basins(delay(1), np.tile([0, 1], 100), np.zeros(2), length=1, places=4)
    assert result["carried"] < 0.01 and result["zero"] == pytest.approx(1)


def test_a_latch_is_saturated_and_small_weights_are_not():
    latch = rnn.Params(2, VOCAB.size)
    latch.W[:] = np.diag([5, 0.1])
    assert saturation(latch, IDS, np.ones(2)) == 0.5
    assert saturation(network(sigma=0.01), IDS, np.zeros(7)) == 0


def test_saturation_and_basins_are_those_of_one_pass_after_the_other():
    params, h, needed, beyond = network(sigma=2), np.linspace(-0.9, 0.8, 7), {"zero": [], "carried": []}, {}
    params.b[:] = np.linspace(-1, 0.5, 7)
    beyond["whole"] = np.abs(rnn.forward(params, IDS[:-1], IDS[1:], h).h[1:]) > 0.9
    assert saturation(params, IDS, h) == pytest.approx(beyond["whole"].mean())
    for text in windows(IDS, 15, 40).T:
        settled = rnn.forward(params, text[:7], text[1:8], h).h[-1]
        for name, start in (("zero", np.zeros(7)), ("carried", settled)):
            fwd = rnn.forward(params, text[7:-1], text[8:], start)
            needed[name].append(-np.log2(fwd.p[range(7), text[8:]])[3:].mean())  # of its second half
            beyond.setdefault(name, []).append(np.abs(fwd.h[1:]) > 0.9)
    more = np.subtract(needed["zero"], needed["carried"])
    assert (more > 2).any() and ((1 < more) & (more < 2)).any() and (more < 1).any()
    expected = {name: np.mean(needed[name]) for name in needed} | {"zero fails": np.mean(more > 1)}
    found = basins(params, IDS, h, length=7, places=40)
    assert found == pytest.approx(expected | {"saturated": np.mean(beyond["carried"])})


def test_quartiles_are_those_of_the_places():
    low, median, high = gradient_by_lag(network(), IDS, np.zeros(7), lags=5, places=20)
    assert len(low) == len(median) == len(high) == 6
    assert (low <= median).all() and (median <= high).all() and (low[1:] < high[1:]).all()
    np.testing.assert_array_equal([low[0], median[0], high[0]], 1)


def test_the_horizon_is_the_first_context_that_is_enough():
    assert horizon([4.0, 3.0, 2.005, 2.02, 2.0]) == 3 and horizon([4.0, 3.0, 2.5, 2.0]) == 4
    assert horizon([2.0, 2.0]) == 1 and horizon([4.0, 3.0, 2.0], least=2.5) == 1
    assert horizon([4.0, 3.0, 2.0], least=1) == 3  # not what is worth exactly that


def test_states_from_elsewhere_are_averaged():
    """A latch knows from its state alone which of two characters comes; half the states are wrong."""
    latch, ids = rnn.Params(1, 2), np.repeat([0, 1], 400)
    latch.W[:], latch.U[:], latch.V[:, 0] = 4, [[-3, 3]], [-5, 5]
    alone = bits_by_context(latch, ids, np.array([-1.0]), longest=1, places=50, starts=1)
    many = bits_by_context(latch, ids, np.array([-1.0]), longest=1, places=50, starts=9)
    assert many[0] < alone[0] - 1


def test_argmax_runs_into_the_cycle_of_a_text_that_repeats(trained):
    params, h = trained
    cycle = limit_cycle(params, VOCAB.encode(".")[0], h, steps=400)
    assert VOCAB.decode(cycle.ids) in BOOK + BOOK
    assert 0 < cycle.radius
    assert cycle.length == len(cycle.ids)


def chain(*follows):
    """A network without a memory, which always writes character follows[k] after character k."""
    K = len(follows)
    params = rnn.Params(K, K)
    params.U[:], params.V[follows, np.arange(K)] = 5 * np.eye(K), 9
    return params


@pytest.mark.parametrize(
    ("follows", "begin", "ids"), [((1, 0, 0), 0, [0, 1]), ((1, 0, 0, 2, 3), 2, [0, 1]), ((0, 0, 1), 1, [0])]
)
def test_a_cycle_begins_where_the_text_begins_to_repeat(follows, begin, ids):
    cycle = limit_cycle(chain(*follows), len(follows) - 1, np.zeros(len(follows)), steps=40)
    assert (cycle.begin, cycle.length, cycle.radius, cycle.ids.tolist()) == (begin, len(ids), 0, ids)


def test_the_radius_of_a_cycle_is_that_of_the_derivative_of_a_round(trained):
    params, h = trained
    cycle = limit_cycle(params, VOCAB.encode(".")[0], h, steps=400)

    def around(h):
        return rnn.forward(params, cycle.ids, cycle.ids, h).h[-1]

    for _ in range(20):
        h = around(h)
    derivative = [(around(h + step) - around(h - step)) / 2e-4 for step in 1e-4 * np.eye(7)]
    assert cycle.radius == pytest.approx(np.abs(np.linalg.eigvals(derivative)).max(), rel=0.01, abs=1e-9)
    assert cycle.radius < 1


@pytest.mark.parametrize(("steps", "length"), [(2, None), (6, None), (8, 2)])
def test_a_cycle_is_one_only_if_its_second_half_has_it_twice(steps, length):
    cycle = limit_cycle(chain(1, 0, 0), 2, np.zeros(3), steps)
    assert cycle == length if length is None else cycle.length == length


def test_a_network_learns_100_characters_of_noise_by_heart():
    """The quickest check that learning works: to predict noise, a network must remember it."""
    noise = np.random.default_rng(0).integers(0, VOCAB.size, 101)
    params = rnn.init_params(VOCAB.size, 100, scheme="orthogonal", dtype=np.float32)
    result = train(noise, params, partial(rnn.Adam, 0.002), steps=1500)
    assert read(result.params, noise).bits.mean() < 0.01
    recited = rnn.synthesize(result.params, VOCAB, 100, VOCAB.decode(noise[:1]), temperature=0)
    assert recited == VOCAB.decode(noise[1:])


@pytest.mark.parametrize(
    ("instrument", "usual"),
    [
        (basins, {"length": 500, "places": 100}),
        (gradient_by_lag, {"lags": 50, "places": 500}),
        (bits_by_context, {"longest": 25, "places": 2000, "starts": 40}),
    ],
)
def test_an_instrument_measures_where_the_results_that_are_stored_were_measured(instrument, usual):
    of = rnn.init_params(2, 3, sigma=0.5), BINARY, np.zeros(3)
    np.testing.assert_equal(instrument(*of), instrument(*of, **usual))


def test_with_a_very_large_alphabet_ten_places_are_enough(monkeypatch):
    of = network(), IDS, np.zeros(7)
    expected = gradient_by_lag(*of, lags=5, places=10), bits_by_context(*of, longest=3, places=10)
    monkeypatch.setattr("lab.memory.ROOM", 1)
    np.testing.assert_allclose(gradient_by_lag(*of, lags=5), expected[0])
    np.testing.assert_allclose(bits_by_context(*of, longest=3), expected[1])


def test_a_large_alphabet_takes_time_and_not_memory():
    params, ids, h = rnn.init_params(4000, hidden_size=3), np.arange(1000), np.zeros(3)
    at_once = 30 * 100 * 4000 * 8  # bytes of the probabilities at 100 places of 30 characters
    for instrument, length, places in ((basins, 30, 100), (gradient_by_lag, 15, 100), (bits_by_context, 1, 2000)):
        tracemalloc.start()
        instrument(params, ids, h, length, places)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < at_once / 2
