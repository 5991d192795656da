"""The ladder of the benchmark: training is the same on every rung."""

import numpy as np
import pytest
from ladder import rungs
from small import IDS, VOCAB

import rnn_core as rnn
from lab.training import Reading, train

RUNGS = rungs(VOCAB, IDS, hidden_size=12, seq_length=7)


@pytest.mark.parametrize("name", RUNGS)
def test_every_rung_trains_with_adagrad_and_clipping(name):
    losses, seconds = RUNGS[name](8)
    expected = train(rnn.init_params(VOCAB.size, 12), Reading(IDS, 7), steps=8, progress=False).losses
    np.testing.assert_allclose(losses, expected, rtol=1e-4)  # rounding grows from step to step
    assert len(losses) == 8 and seconds > 0
