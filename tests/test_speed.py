"""The ladder from the tutorial loop to rnn_core: the same mathematics on every rung."""

import numpy as np
import pytest
from small import IDS, VOCAB

import rnn_core as rnn
from lab import speed
from lab.training import Reading, train

RUNGS = speed.rungs(VOCAB, IDS, hidden_size=12, seq_length=7)


@pytest.mark.parametrize("name", RUNGS)
def test_every_rung_learns_the_same(name):
    losses, seconds = RUNGS[name](8)
    expected = train(rnn.init_params(VOCAB.size, 12), Reading(IDS, 7), steps=8, progress=False).losses
    # Rounding grows from step to step, and float32 begins with more of it.
    steps, tolerance = (2, 1e-5) if "float32" in name else (8, 1e-9)
    np.testing.assert_allclose(losses[:steps], expected[:steps], rtol=tolerance)
    assert len(losses) == 8 and seconds > 0


def test_the_ladder_goes_from_the_tutorial_loop_to_rnn_core():
    measured = speed.ladder(VOCAB, IDS, hidden_size=12, seconds=0.2, steps=10)
    assert [name for name, _ in measured] == list(RUNGS)
    assert all(microseconds > 0 for _, microseconds in measured)


def test_turns_are_taken_round_by_round():
    order = []

    def run(name, steps):
        order.append(name)
        return np.zeros(steps), 1e-6 * steps * len(order)

    turns = speed.interleave({name: lambda steps, name=name: run(name, steps) for name in "ab"}, 5, 0.0)
    assert "".join(order) == "ab" + "ab" * 3  # a round that is not counted, and three that are
    assert turns["a"].tolist() == pytest.approx([3, 5, 7]) and turns["b"].tolist() == pytest.approx([4, 6, 8])
