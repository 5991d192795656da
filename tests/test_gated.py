"""The gated network: its gradient, and that it learns."""

from functools import partial

import gated
import numpy as np
import pytest
from small import IDS, VOCAB

import rnn_core as rnn
from lab.gradcheck import check


@pytest.mark.parametrize("shape", [(7,), (7, 3)])
def test_its_gradient_is_that_of_the_check(shape):
    rng = np.random.default_rng(0)
    params = gated.Gated(4, 5)
    params.flat[:] = rng.normal(0, 0.5, params.flat.size)
    x, y = rng.integers(0, 5, (2, *shape))
    h0 = rng.normal(0, 0.5, (*shape[1:], 4))
    gradients = gated.backward(params, x, y, gated.forward(params, x, y, h0))
    as_dict = [{name: getattr(of, name) for name in gated.Gated.names} for of in (params, gradients)]

    def loss(net):
        flat = np.concatenate([net[name].ravel() for name in gated.Gated.names])
        return gated.forward(gated.Gated(4, 5, flat), x, y, h0).loss

    found = check(loss, *as_dict, progress=False)
    assert found.passed, found


def test_with_the_update_gate_open_it_is_the_vanilla_network():
    vanilla = rnn.init_params(5, 4, sigma=0.5)
    params, x, y, h0 = gated.Gated(4, 5), np.array([0, 3, 1]), np.array([3, 1, 4]), np.full(4, 0.2)
    params.W[:, 8:], params.U[:, 8:], params.V[:] = vanilla.W.T, vanilla.U.T, vanilla.V
    params.b[:4], params.b[4:8] = -50, 50  # z = 0: nothing stays; r = 1: the state is read
    ours, theirs = gated.forward(params, x, y, h0), rnn.forward(vanilla, x, y, h0)
    np.testing.assert_allclose(ours.h, theirs.h)
    np.testing.assert_allclose(ours.p, theirs.p)
    assert ours.loss == pytest.approx(theirs.loss)


def test_a_state_that_the_gate_keeps_stays():
    params, x = gated.Gated(2, 3), np.array([0, 1, 2])
    params.b[:2] = 50
    np.testing.assert_allclose(gated.forward(params, x, x, np.array([0.3, -0.7])).h, [[0.3, -0.7]] * 4)


def test_it_learns_a_text_as_well_as_the_vanilla_network_does():
    setting = {"optimizer": partial(rnn.Adam, 0.01), "schedule": "cosine", "steps": 400}
    outcome = gated.run(setting, 0, VOCAB, IDS, IDS, hidden_size=10)
    assert outcome.bits < 1 and outcome.lowest == outcome.smooth_losses.min() < 0.8 * outcome.smooth_losses[0]
    assert outcome.h.shape == (10,) and outcome.params.flat.dtype == np.float32
    assert outcome.bits == gated.run(setting, 0, VOCAB, IDS, IDS, hidden_size=10).bits
    assert outcome.bits != gated.run(setting, 1, VOCAB, IDS, IDS, hidden_size=10).bits
