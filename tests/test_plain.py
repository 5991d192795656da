"""The fast network equals the equations as they stand: `rnn_core` beside `lab.plain`."""

import numpy as np
from hypothesis import given
from small import problems

import rnn_core as rnn
from lab import plain


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
