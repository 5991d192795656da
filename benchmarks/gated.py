"""A gated recurrent network (GRU) beside the vanilla one: how much do gates help at the same number of parameters?

    z_t, r_t = sigma(W_z h_{t-1} + U_z x_t + b_z), sigma(W_r h_{t-1} + U_r x_t + b_r)
    n_t = tanh(U_n x_t + b_n + r_t * (W_n h_{t-1}))
    h_t = (1 - z_t) * n_t + z_t * h_{t-1}               where z_t is 1 the state stays as it is
    p_t = SoftMax(V h_t + c)

W, U and b hold the three kinds one after the other, z, r, n, so that one product serves all of them.

References
----------
.. [1] K. Cho et al., "Learning phrase representations using RNN encoder-decoder for statistical machine translation",
   EMNLP 2014 (here with the reset gate after the product, as in cuDNN and PyTorch).
"""

import time
from itertools import pairwise
from typing import NamedTuple

import numpy as np

import rnn_core as rnn
from lab.sweep import Outcome
from lab.training import SCHEDULES, Reading


class Gated:
    """The parameters of a gated network, or their gradients: five views into one vector, `flat`.

    Parameters
    ----------
    hidden_size, vocab_size : int
        m and K.
    flat : ndarray, optional
        Used as it is and not copied; zeros in float64 if it is not given.

    Attributes
    ----------
    W : ndarray (m, 3m)
        Stored by rows: `h @ W` is W_z h, W_r h and W_n h for each row of h.
    U : ndarray (K, 3m)
        Row k is U x for character k.
    b : ndarray (3m,)
    V : ndarray (K, m)
    c : ndarray (K,)
    """

    names = ("W", "U", "b", "V", "c")

    def __init__(self, hidden_size, vocab_size, flat=None):
        m, K = self.hidden_size, self.vocab_size = hidden_size, vocab_size
        shapes = (m, 3 * m), (K, 3 * m), (3 * m,), (K, m), (K,)
        cuts = np.cumsum([0, *(int(np.prod(shape)) for shape in shapes)])
        self.flat = np.zeros(cuts[-1]) if flat is None else flat
        for name, shape, (i, j) in zip(self.names, shapes, pairwise(cuts), strict=True):
            setattr(self, name, self.flat[i:j].reshape(shape))

    def astype(self, dtype):
        """A copy converted to another type."""
        return Gated(self.hidden_size, self.vocab_size, self.flat.astype(dtype))


def init_gated(vocab_size, hidden_size, seed=0, dtype=np.float64):
    """Draw V, and each third of W and U, by the scheme "orthogonal" of `rnn_core.init_params`."""
    params = Gated(hidden_size, vocab_size)
    rng = np.random.default_rng(seed)
    for gate in range(3):
        columns = slice(gate * hidden_size, (gate + 1) * hidden_size)
        drawn = rnn.init_params(vocab_size, hidden_size, scheme="orthogonal", seed=rng)
        params.W[:, columns], params.U[:, columns], params.V[...] = drawn.W.T, drawn.U.T, drawn.V
    return params.astype(dtype)


class GatedForward(NamedTuple):
    """The results of a forward pass: `loss`, `h` and `p` as in `rnn_core.Forward`, `gates` (T, ..., 3m) with z, r
    and n, and `W_h` (T, ..., 3m), the products W h_{t-1}."""

    loss: float
    h: np.ndarray
    p: np.ndarray
    gates: np.ndarray
    W_h: np.ndarray


def forward(params, x, y, h0):
    """The loss of one sequence or of a batch, in nats, as `rnn_core.forward`, and what `backward` needs.

    Parameters
    ----------
    params : Gated
    x, y : int array (T,) or (T, B)
    h0 : array (m,) or (B, m)

    Returns
    -------
    GatedForward
    """
    m = params.hidden_size
    gates = params.U[x] + params.b
    h, W_h = np.empty((len(x) + 1, *gates.shape[1:-1], m), gates.dtype), np.empty_like(gates)
    h[0] = h0
    (zr, n), (W_zr_h, W_n_h) = (np.split(both, [2 * m], axis=-1) for both in (gates, W_h))
    z, r = np.split(zr, 2, axis=-1)
    for t, product in enumerate(W_h):
        h[t].dot(params.W, product)
        zr[t] += W_zr_h[t]
        zr[t] *= 0.5
        np.tanh(zr[t], zr[t])
        zr[t] += 1
        zr[t] *= 0.5  # sigma(a) = (1 + tanh(a / 2)) / 2
        n[t] += r[t] * W_n_h[t]
        np.tanh(n[t], n[t])
        h[t + 1] = n[t] + z[t] * (h[t] - n[t])
    o = h[1:] @ params.V.T + params.c
    right = np.take_along_axis(o, y[..., None].astype(int), axis=-1)[..., 0]
    loss = -(right - rnn.softmax(o)).sum() * len(y) / y.size
    return GatedForward(loss, h, o, gates, W_h)


def backward(params, x, y, fwd):
    """The gradient of the loss by back-propagation through time, as `rnn_core.backward`.

    Parameters
    ----------
    params, x, y
        As they were given to `forward`.
    fwd : GatedForward

    Returns
    -------
    Gated
    """
    m, B = params.hidden_size, y.size // len(y)
    grads = Gated(m, params.vocab_size, np.empty_like(params.flat))
    h, g = fwd.h[1:].reshape(-1, m), fwd.p.reshape(-1, params.vocab_size) / B
    g[np.arange(y.size), y.ravel()] -= 1 / B
    z, r, n = np.split(fwd.gates, 3, axis=-1)
    h_prev, W_n_h, W_T = fwd.h[:-1], fwd.W_h[..., 2 * m :], params.W.T
    # By how much a small change of z, r and n moves h_t, all t at once
    by_z, by_n = (h_prev - n) * z * (1 - z), (1 - z) * (1 - n * n)
    by_r = W_n_h * r * (1 - r)
    through_h, delta = (g @ params.V).reshape(n.shape), np.empty_like(fwd.gates)
    delta_W, carried = np.empty_like(delta), 0.0
    for t in range(len(x) - 1, -1, -1):
        d, d_t, dW_t = through_h[t] + carried, delta[t], delta_W[t]
        d_t[..., :m] = d * by_z[t]
        d_n = d_t[..., 2 * m :] = d * by_n[t]
        d_t[..., m : 2 * m] = d_n * by_r[t]
        dW_t[...] = d_t
        dW_t[..., 2 * m :] *= r[t]
        carried = d * z[t] + dW_t @ W_T
    delta, delta_W = delta.reshape(-1, 3 * m), delta_W.reshape(-1, 3 * m)
    np.dot(h_prev.reshape(-1, m).T, delta_W, out=grads.W)
    rnn.sum_by_character(delta, x.ravel(), out=grads.U)
    delta.sum(axis=0, out=grads.b)
    np.dot(g.T, h, out=grads.V)
    g.sum(axis=0, out=grads.c)
    return grads


def run(setting, seed, vocab, ids, held_out_ids, hidden_size=100):
    """Train once, as `lab.sweep.run` does, with its arguments "optimizer", "schedule", "clip", "steps" and "reading".

    Returns
    -------
    lab.sweep.Outcome
        All smooth losses are kept.
    """
    options = {"schedule": "constant", "clip": 5.0, **setting}
    reading = Reading(ids, seed=seed, **options.get("reading", {}))
    params, steps = init_gated(vocab.size, hidden_size, seed, np.float32), options["steps"]
    rate, optimizer = SCHEDULES[options["schedule"]], options["optimizer"]()
    h, smooth, started = np.zeros((*reading.shape[1:], hidden_size), np.float32), np.empty(steps), time.perf_counter()
    for step, (x, y, fresh) in enumerate(reading.steps(0, steps)):
        if fresh:
            h = np.zeros_like(h)
        fwd = forward(params, x, y, h)
        grads = backward(params, x, y, fwd)
        smooth[step] = 0.999 * smooth[step - 1] + 0.001 * fwd.loss if step else fwd.loss
        grads.flat.clip(-options["clip"], options["clip"], out=grads.flat)
        optimizer.step(params, grads, rate(step / steps))
        h = fwd.h[-1]
    seconds, h = time.perf_counter() - started, h.reshape(-1, hidden_size)[-1]
    bits = forward(params, held_out_ids[:-1], held_out_ids[1:], h).loss / (len(held_out_ids) - 1) / np.log(2)
    return Outcome(smooth, float(smooth.min()), float(bits), seconds, params, h)
