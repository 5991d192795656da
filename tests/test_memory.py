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
    all_units,
    balanced_accuracy,
    basins,
    bits_by_context,
    bits_by_place,
    detectors,
    find_detector,
    gradient_by_lag,
    jacobian,
    limit_cycle,
    positions,
    read,
    windows,
)

SEEDS = st.integers(0, 2**32 - 1)
BINARY = np.random.default_rng(0).integers(0, 2, 3000)


def network(seed=0, sigma=0.5):
    return rnn.init_params(VOCAB.size, hidden_size=7, sigma=sigma, seed=seed)


def delay(steps):
    """A network that says again what it read so many characters ago, out of two: a chain of that many units."""
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
    with pytest.raises(ValueError, match="A text of 49 characters has no stretch of 50"):
        windows(IDS[:49], 50, 5)


@given(SEEDS)
def test_the_gradient_by_lag_is_that_of_central_differences(seed):
    params, ids, lags, eps = network(seed), IDS[:20], 3, 1e-5
    h0 = np.random.default_rng(seed).uniform(-1, 1, 7)
    norms = gradient_by_lag(params, ids[: 2 * lags + 2], h0, lags, places=1)
    x, y = ids[: 2 * lags + 1], ids[1 : 2 * lags + 2]
    h = rnn.forward(params, x, y, h0).h
    for k in range(1, lags + 1):  # start at h_{T-k}, of which the last k characters make the last loss

        def last_loss(h_start, k=k):
            return -np.log(rnn.forward(params, x[-k:], y[-k:], h_start).p[-1, y[-1]])

        start = h[len(x) - k]
        numerical = [(last_loss(start + e) - last_loss(start - e)) / (2 * eps) for e in eps * np.eye(7)]
        assert norms[k] == pytest.approx(np.linalg.norm(numerical), rel=1e-4, abs=1e-9)


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


def test_bits_by_place_are_the_means_over_first_second_and_later_letters():
    text = ". one a two-b"
    bits = np.arange(1, len(text))  # of the character at each place but the first
    found = bits_by_place(text, bits, longest=4)
    np.testing.assert_array_equal(found[:3], [np.mean([2, 6, 8, 12]), np.mean([3, 9]), np.mean([4, 10])])
    assert np.isnan(found[3])


def test_the_first_letter_of_a_text_that_begins_with_a_word_is_not_predicted():
    np.testing.assert_array_equal(bits_by_place("ab c", np.array([1, 2, 3]), longest=2), [3, 1])


def test_a_network_without_a_memory_has_one_basin_and_a_latch_has_two():
    forgetful = network(sigma=0.01)
    result = basins(forgetful, IDS, np.zeros(7), length=20, places=10)
    assert result["zero fails"] == result["mirror fails"] == result["constant"] == result["saturated"] == 0
    assert result["carried"] == pytest.approx(result["mirror"], rel=1e-3)
    latch = rnn.Params(2, 2)
    latch.W[:] = 5 * np.eye(2)  # it stays where it is
    latch.V[:] = [[9, 9], [-9, -9]]
    result = basins(latch, np.zeros(200, int), np.ones(2), length=20, places=4)
    assert result["mirror fails"] == 1
    assert result["zero"] == pytest.approx(1)  # between the two
    assert result["constant"] == result["saturated"] == 1
    assert result["carried"] < 0.01 < 10 < result["mirror"]


def test_argmax_runs_into_the_cycle_of_a_text_that_repeats(trained):
    params, h = trained
    cycle = limit_cycle(params, VOCAB.encode(".")[0], h, steps=400)
    assert VOCAB.decode(cycle.ids) in BOOK + BOOK
    assert 0 < cycle.radius
    assert cycle.length == len(cycle.ids)


def test_a_cycle_begins_where_the_text_begins_to_repeat():
    alternating = rnn.Params(1, 3)  # 2 comes first; after it 0 and 1 take turns
    alternating.U[0] = -1, 1, 1
    alternating.V[:, 0], alternating.c[:] = [9, -9, 0], [0, 0, -50]
    cycle = limit_cycle(alternating, 2, np.zeros(1), steps=40)
    assert (cycle.begin, cycle.length, cycle.radius) == (0, 2, 0)
    assert sorted(cycle.ids) == [0, 1]


def test_a_cycle_whose_neighbours_come_nearer_has_a_radius_below_1(trained):
    params, h = trained
    cycle = limit_cycle(params, VOCAB.encode(".")[0], h, steps=400)
    around = np.r_[cycle.ids, cycle.ids[:1]]
    states = [h, h + 0.01]
    for _ in range(20):
        states = [rnn.forward(params, around[:-1], around[1:], state).h[-1] for state in states]
    assert cycle.radius < 1
    assert np.linalg.norm(states[0] - states[1]) < 1e-3


def test_a_text_that_does_not_repeat_has_no_cycle():
    assert limit_cycle(network(), 0, np.zeros(7), steps=2) is None


def test_positions_say_where_each_character_is():
    text = 'He said "yes, wonderful" now.\nNext'
    where = positions(text)
    assert {name: len(label) for name, label in where.items()} == dict.fromkeys(where, len(text))
    said = {
        name: "".join(char for char, true in zip(text, label, strict=True) if true) for name, label in where.items()
    }
    assert said["in quotes"] == '"yes, wonderful'
    assert said["deep in a word"] == "erful"
    assert said["early in a line"] == text[:25] + "Next"


@given(SEEDS, st.sampled_from([-1, 1]))
def test_the_unit_that_knows_the_answer_is_found_and_judged_on_another_text(seed, sign):
    rng = np.random.default_rng(seed)
    h, label = rng.normal(size=(400, 5)), np.arange(400) % 3 == 0
    h[:, 3] = 0.1 * h[:, 3] + sign * label
    detector = find_detector(h[:200], label[:200])
    assert (detector.unit, detector.sign) == (3, sign)
    assert balanced_accuracy(detector.says(h[:200]), label[:200]) > 0.98
    assert balanced_accuracy(detector.says(h[200:]), label[200:]) > 0.95
    assert balanced_accuracy(np.ones(400, bool), label) == 0.5


def test_equal_values_are_not_told_apart():
    label = np.array([True, False, True, False, False, True])
    assert find_detector(np.ones((6, 2)), label) is None
    two_values = np.array([[0.0], [1], [0], [1], [1], [1]])
    detector = find_detector(two_values, label)
    assert (detector.threshold, detector.sign) == (0.5, -1)
    assert balanced_accuracy(detector.says(two_values), label) == pytest.approx(5 / 6)


@given(SEEDS)
def test_all_units_together_tell_what_each_tells_in_part(seed):
    rng = np.random.default_rng(seed)
    label = np.arange(1000) % 3 == 0
    h = rng.normal(size=(1000, 8)) + 0.7 * label[:, None]

    def accuracy(unit):
        detector = find_detector(unit[:500], label[:500])
        return balanced_accuracy(detector.says(unit[500:]), label[500:])

    assert accuracy((h @ all_units(h[:500], label[:500]))[:, None]) > accuracy(h) + 0.05


def test_a_network_learns_100_characters_of_noise_by_heart():
    """The quickest check that learning works: noise can be predicted only by who remembers it."""
    noise = np.random.default_rng(0).integers(0, VOCAB.size, 101)
    params = rnn.init_params(VOCAB.size, 100, scheme="orthogonal", dtype=np.float32)
    result = train(noise, params, partial(rnn.Adam, 0.002), steps=1500)
    assert read(result.params, noise).bits.mean() < 0.01
    recited = rnn.synthesize(result.params, VOCAB, 100, VOCAB.decode(noise[:1]), temperature=0)
    assert recited == VOCAB.decode(noise[1:])


def test_detectors_are_tested_on_the_half_in_which_they_were_not_found():
    rng = np.random.default_rng(0)
    label = rng.random(400) < 0.5
    h = rng.normal(size=(400, 3))
    h[:, 1] += 8 * label
    unit, units = detectors(h, label)
    assert unit > 0.95 and units > 0.95
    h[200:] = rng.normal(size=(200, 3))
    assert detectors(h, label)[0] < 0.7
    assert np.isnan(detectors(h, np.arange(400) < 100)).all()
    assert detectors(np.zeros((400, 3)), label) == (0.5, 0.5)


def test_a_large_alphabet_takes_time_and_not_memory():
    params, ids, h = rnn.init_params(4000, hidden_size=3), np.arange(1000), np.zeros(3)
    at_once = 30 * 100 * 4000 * 8  # bytes of the probabilities at 100 places of 30 characters
    for instrument, length in ((basins, 30), (gradient_by_lag, 15)):
        tracemalloc.start()
        instrument(params, ids, h, length, 100)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < at_once / 2
