"""The limits of a step: its NumPy calls do all the work of a step, and the counts are those of the formulas."""

import limit
import numpy as np
import pytest
from small import IDS, VOCAB

import rnn_core as rnn
from lab.training import Reading, train


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("vocab_size, batch_size", [(VOCAB.size, 1), (VOCAB.size, 3), (5000, 1), (5000, 3)])
def test_the_bare_step_does_all_the_work_of_a_step(vocab_size, batch_size, dtype):
    params = rnn.init_params(vocab_size, 6, dtype=dtype)
    reading = Reading(IDS, 7, batch_size)
    x, y, _ = next(reading.steps(0, 1))
    updated = params.copy()
    limit.bare_step(updated, x, y)()
    assert (updated.flat == train(params, reading, steps=1, progress=False).params.flat).all()


def test_operations_and_bytes_are_counted_for_each_character_of_a_batch():
    assert limit.operations(3, 5, 2, 4) == 4 * limit.operations(3, 5, 2, 1) == 4 * 2 * 3 * 2 * (3 * 3 + 3 * 5)
    parameters = limit.bytes_moved(3, 5, 0, 0, np.float64)
    assert parameters == 8 * 8 * rnn.Params(3, 5).flat.size
    assert limit.bytes_moved(3, 5, 2, 4) - parameters // 2 == 4 * (2 * 4) * 2 * (2 * 3 + 2 * 5)


def test_in_series_the_recurrence_reads_its_matrix_until_a_batch_keeps_the_processor_busy():
    free = {"peak": 1e30, "cache": 1e30, "updates": 1e30}
    m, K, T = 3, 5, 2
    assert limit.in_series(free | {"cache": 4.0}, m, K, T, 64) == 2 * T * m * m
    assert limit.in_series(free | {"updates": 1.0}, m, K, T) == rnn.Params(m, K).flat.size
    for B in (1, 4):
        assert limit.in_series(free | {"peak": 1.0}, m, K, T, B) == limit.operations(m, K, T, B)


def test_the_limits_of_a_machine_are_those_of_its_quickest_moment():
    found = limit.machine_limits(tries=1)
    assert list(found) == ["peak", "bandwidth", "cache", "updates"]
    assert all(0 < per_second < 1e15 for per_second in found.values())
