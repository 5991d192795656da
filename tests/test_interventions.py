"""Interventions: each changes the one thing that it says, and nothing else."""

from functools import partial

import numpy as np
import pytest
from small import BOOK, IDS, VOCAB

import rnn_core as rnn
from lab import interventions
from lab.interventions import CAUSES, Hooked
from lab.training import Reading, train


def parameters(optimizer, steps):
    """What a small network is after so many steps."""
    params = rnn.init_params(VOCAB.size, 5)
    return train(params, Reading(IDS), steps=steps, optimizer=optimizer, progress=False).params.flat


def test_a_hook_that_does_nothing_changes_nothing():
    hooked = Hooked(lambda optimizer, params: 1.0, eta=0.05, g2=1.0)
    np.testing.assert_array_equal(parameters(hooked, 20), parameters(rnn.AdaGrad(0.05, 1.0), 20))
    assert hooked.done == 20


def test_a_warm_up_begins_with_a_thousandth_and_ends_with_the_whole_rate():
    optimizer = Hooked(interventions.warm_up)
    rates = []
    for optimizer.done in (0, 499, 999, 5000):
        rates.append(interventions.warm_up(optimizer, None))
    assert rates == [0.001, 0.5, 1, 1]


def test_rewound_weights_are_the_first_ones_and_G_is_kept():
    first = rnn.init_params(VOCAB.size, 5).flat
    optimizer = Hooked(interventions.rewind)
    moved = parameters(optimizer, 100)
    assert np.abs(moved - first).max() > 0.01
    params, G = rnn.init_params(VOCAB.size, 5), optimizer.g2.copy()
    params.flat[:] = moved
    assert interventions.rewind(optimizer, params) == 1.0
    np.testing.assert_array_equal(params.flat, first)
    np.testing.assert_array_equal(optimizer.g2, G)


def test_in_the_first_100_steps_only_G_grows():
    first, optimizer = rnn.init_params(VOCAB.size, 5).flat, Hooked(interventions.only_G_grows)
    np.testing.assert_array_equal(parameters(optimizer, 100), first)
    assert (optimizer.g2 > 1e-8).any()
    assert np.abs(parameters(Hooked(interventions.only_G_grows), 101) - first).max() > 0.001


def test_G_grows_by_10_after_ten_steps():
    early, late = (Hooked(interventions.add_late) for _ in range(2))
    np.testing.assert_array_equal(parameters(early, 10), parameters(rnn.AdaGrad(), 10))
    assert early.g2.min() < 1
    parameters(late, 11)
    assert late.g2.min() > 10


def test_each_cause_makes_a_new_optimizer_for_each_run():
    for setting in CAUSES.values():
        first, second = setting["optimizer"](), setting["optimizer"]()
        assert first is not second and first.eta == 0.1


def test_a_W_that_is_kept_has_no_gradient_and_all_else_has_the_right_one():
    params = rnn.init_params(3, 4, sigma=0.5)
    x, y = np.array([0, 1, 2]), np.array([1, 2, 0])
    fwd, same = (rnn.forward(params, x, y, np.zeros(4)) for _ in range(2))
    kept, right = interventions.keep_W(params, x, y, fwd), rnn.backward(params, x, y, same)
    assert not kept.W.any() and right.W.any()
    for name in "UVbc":
        np.testing.assert_array_equal(getattr(kept, name), getattr(right, name))


def test_U_gets_its_deviation_and_W_its_factor():
    params = rnn.init_params(50, 40, sigma=0.3)
    before = params.copy()
    interventions.resize(params, U=2.0, W=0.5)
    assert params.U.std() == pytest.approx(2.0)
    np.testing.assert_array_equal(params.W, before.W / 2)
    np.testing.assert_array_equal(params.V, before.V)
    interventions.resize(params)
    assert params.U.std() == pytest.approx(2.0)


def test_a_moved_weight_changes_the_loss_by_little_and_an_unmoved_one_by_nothing():
    moved = partial(interventions.moved, CAUSES["G from 10"], BOOK, seeds=(0, 3), steps=20)
    losses, changes = moved()
    assert losses.shape == changes.shape == (2, 20) and losses.dtype == float and (losses[0] != losses[1]).all()
    assert (0 < changes.max(axis=1)).all() and changes.max() < 1e-9
    assert not moved(by=0.0)[1].any()
