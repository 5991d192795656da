"""The fast network equals the equations as they stand: `rnn_core` and `lab.training` beside `lab.plain`."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from small import IDS, VOCAB, problems, train

import rnn_core as rnn
from lab import plain
from lab.training import Samples


@given(problems())
def test_forward_and_backward_are_those_of_the_equations(problem):
    params, x, y, h0 = problem
    fwd = rnn.forward(params, x, y, h0)
    sequences = [(x, y, h0)] if x.ndim == 1 else list(zip(x.T, y.T, h0, strict=True))
    losses, gradients = [], []
    for b, (x_b, y_b, h0_b) in enumerate(sequences):
        L, h, p = plain.forward(params, x_b, y_b, h0_b)
        for fast, states in ((fwd.h, h), (fwd.p, dict(enumerate(p.values())))):
            fast = fast.reshape(len(states), len(sequences), -1)[:, b]
            np.testing.assert_allclose(fast, [states[t] for t in range(len(states))], rtol=1e-12, atol=1e-14)
        losses.append(L)
        gradients.append(plain.backward(params, x_b, y_b, h, p))
    np.testing.assert_allclose(fwd.loss, np.mean(losses), rtol=1e-12, atol=1e-14)  # of a batch, the mean
    grads = rnn.backward(params, x, y, fwd)
    for fast, *each in zip(grads, *gradients, strict=True):
        np.testing.assert_allclose(fast, np.mean(each, axis=0), rtol=1e-9, atol=1e-12)


@given(problems())
def test_the_equations_keep_the_type_of_the_parameters_and_leave_their_input_alone(problem):
    params, x, y, h0 = (a.astype(np.float32) if a.dtype == float else a for a in (problem[0].flat, *problem[1:]))
    params, before = problem[0].like(params), params.copy()
    x, y, h0 = (a.reshape(len(a), -1)[:, 0] for a in (x, y, h0.T))
    L, h, p = plain.forward(params, x, y, h0)
    grads = plain.backward(params, x, y, h, p)
    assert {a.dtype for a in (*h.values(), *p.values(), *grads)} == {np.dtype(np.float32)}
    assert list(h) == list(range(len(x) + 1)) and list(p) == list(range(1, len(x) + 1)) and np.isfinite(L)
    np.testing.assert_array_equal(params.flat, before)


@given(problems(), st.integers(0, 2**32), st.floats(0.01, 100))
def test_three_steps_of_adagrad_are_those_of_the_equations(problem, seed, scale):
    params, rng, optimizer = problem[0], np.random.default_rng(seed), rnn.AdaGrad(eta=0.1)
    plainly, g2 = params.copy(), [np.zeros_like(theta) for theta in params]
    for _ in range(3):
        grads = params.like(scale * rng.standard_normal(params.flat.shape))
        before = grads.copy()
        plain.adagrad(plainly, grads, g2)
        np.testing.assert_array_equal(grads.flat, before.flat)
        grads.flat.clip(-5, 5, out=grads.flat)
        optimizer.step(params, grads)
    np.testing.assert_allclose(plainly.flat, params.flat, rtol=1e-9, atol=1e-9)


def test_both_write_the_same_text_with_the_same_generator():
    params = rnn.init_params(VOCAB.size, 8, sigma=1.0)
    h0 = np.random.default_rng(1).uniform(-1, 1, 8)
    text = plain.synthesize(params, int(VOCAB.encode("q")[0]), h0, 300, np.random.default_rng(2))
    assert VOCAB.decode(text) == rnn.synthesize(params, VOCAB, 300, "q", seed=np.random.default_rng(2), h0=h0)


def test_both_train_alike_over_the_end_of_an_epoch():
    params = rnn.init_params(VOCAB.size, 8, seed=3)
    run = train(params=params, seq_length=25, steps=2 * 35 + 3, samples=Samples(VOCAB, every=20))
    assert len(IDS) // 25 < 2 * 35 + 3
    plainly = params.copy()
    losses, smooth, samples, best = plain.train(plainly, IDS, run.done, np.random.default_rng(0), every=20, length=9)
    for a, b in (
        (losses, run.losses),
        (smooth, run.smooth_losses),
        (plainly.flat, run.params.flat),
        (best[1], run.best_h),
    ):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)  # AdaGrad's first steps magnify rounding
    np.testing.assert_allclose(losses[:10], run.losses[:10], rtol=1e-9)
    np.testing.assert_allclose(best[0][0], run.best_params.W, rtol=1e-4, atol=1e-6)
    assert list(samples) == [0, 20, 40, 60] and all(len(text) == 9 for text in samples.values())
    first = plain.synthesize(params, IDS[0], np.zeros(8), 9, np.random.default_rng(0))
    np.testing.assert_array_equal(samples[0], first)
