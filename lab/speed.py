"""From the equations as they stand to rnn_core, in steps: what makes a small network in NumPy fast.

Each function below changes a few lines of the one before it, the first of them those of `lab.plain`, and leaves the
mathematics alone; the last rung is rnn_core itself. `agreement` proves that all compute the same.

References
----------
.. [1] N. Higham, "Accuracy and stability of numerical algorithms", 2nd edition, SIAM 2002, section 3.1 (the error of an
   inner product, whatever the order of its sum).
"""

from typing import NamedTuple

import numpy as np

import rnn_core as rnn
from lab import plain


def as_the_equations(params, x, y, h0):
    """Loss, last hidden state and gradient of one sequence: one-hot vectors, one time step at a time."""
    loss, h, p = plain.forward(params, x, y, h0)
    return loss, h[len(x)], plain.backward(params, x, y, h, p)


def with_indices(params, x, y, h0):
    """The same; U x_t is a column of U and y_t . p_t an entry of p_t: pick them."""
    W, U, V, b, c = params
    loss, h, p = 0.0, {0: h0}, {}
    for t in range(1, len(x) + 1):
        h[t] = np.tanh(W @ h[t - 1] + U[:, x[t - 1]] + b)
        p[t] = plain.softmax(V @ h[t] + c)
        loss -= np.log(p[t][y[t - 1]])
    dW, dU, dV, db, dc = grads = [np.zeros_like(weights) for weights in params]
    delta_t = np.zeros_like(b)
    for t in range(len(x), 0, -1):
        g_t = p[t]
        g_t[y[t - 1]] -= 1
        delta_t = (V.T @ g_t + W.T @ delta_t) * (1 - h[t] ** 2)
        dW += np.outer(delta_t, h[t - 1])
        dU[:, x[t - 1]] += delta_t
        dV += np.outer(g_t, h[t])
        db += delta_t
        dc += g_t
    return loss, h[len(x)], grads


def outside_the_loop(params, x, y, h0):
    """The same; only W h_{t-1} must wait for the step before: the products with U and V are done for all t at once."""
    h, delta, g, loss = _for_all_t(params, x, y, h0)
    dW, dU, dV, db, dc = grads = [np.zeros_like(weights) for weights in params]
    for t in range(len(x)):
        dW += np.outer(delta[t], h[t])
        dU[:, x[t]] += delta[t]
        dV += np.outer(g[t], h[t + 1])
        db += delta[t]
        dc += g[t]
    return loss, h[-1], grads


def one_product(params, x, y, h0):
    """The same; a sum of outer products over t is one matrix product."""
    h, delta, g, loss = _for_all_t(params, x, y, h0)
    x_one_hot = (x[:, None] == np.arange(len(params.c))).astype(h.dtype)
    grads = delta.T @ h[:-1], delta.T @ x_one_hot, g.T @ h[1:], delta.sum(axis=0), g.sum(axis=0)
    return loss, h[-1], grads


def _for_all_t(params, x, y, h0):
    """h (T+1, m), delta (T, m), g (T, K) and the loss: what depends on all t at once, in rows."""
    W, U, V, b, c = params
    h, delta = np.empty((len(x) + 1, len(b)), h0.dtype), np.empty((len(x), len(b)), h0.dtype)
    h[0], h[1:], rows = h0, U.T[x] + b, np.arange(len(x))
    for t in range(1, len(h)):
        h[t] = np.tanh(W @ h[t - 1] + h[t])
    o = h[1:] @ V.T + c
    g = np.exp(o - o.max(axis=1, keepdims=True))
    g /= g.sum(axis=1, keepdims=True)
    loss = -np.log(g[rows, y]).sum()
    g[rows, y] -= 1
    delta[:] = g @ V
    for t in range(len(x) - 1, -1, -1):
        if t + 1 < len(x):
            delta[t] += W.T @ delta[t + 1]
        delta[t] *= 1 - h[t + 1] ** 2
    return h, delta, g, loss


def by_rnn_core(params, x, y, h0):
    """The same; states in rows, no array created twice, and for each size the faster way."""
    fwd = rnn.forward(params, x, y, h0)
    return fwd.loss, fwd.h[-1], tuple(rnn.backward(params, x, y, fwd))


GRADIENTS = {
    "equations as they stand": as_the_equations,
    "indices, no one-hot products": with_indices,
    "U and V outside the loop over t": outside_the_loop,
    "outer products as one product": one_product,
    "rnn_core": by_rnn_core,
}


class Agreement(NamedTuple):
    """How far one step on a rung is from the equations as they stand in float64.

    Attributes
    ----------
    rung, dtype : str
    loss, gradient : float
        The difference of the loss, over L + T; and the norm of the difference of the gradient, over the norm of what
        the gradient would be if all its terms had the same sign, so that none could cancel another.
    bound : float
        What rounding can make of them at most: 2 (T + 1) (m + K + 10) times the distance from 1 to the next number of
        that type.
    """

    rung: str
    dtype: str
    loss: float
    gradient: float
    bound: float

    @property
    def holds(self):
        """Whether rounding alone explains both."""
        return max(self.loss, self.gradient) <= self.bound


def agreement(vocab, ids, hidden_size=100, seq_length=25, seed=0):
    """Prove that all rungs compute the same: the loss and the gradient of one step, from the same parameters.

    Only one step, because rounding grows from step to step: where a gradient is nearly 0, AdaGrad's first steps go a
    whole eta to one side or to the other. Within a step the longest chain of operations that depend on each other runs
    forward and back through all T steps, with sums of m and of K terms in each: 2 (T + 1) (m + K + 10) operations are
    enough for it, with 10 for what exp, log, tanh and the divisions add. Each rounds once, by half a unit in the last
    place; so two ways to compute the same differ by at most so many units of the sum of all terms without their
    signs, in whatever order they are summed [1]_. (Small parameters, as here before training, do not magnify that.)

    Parameters
    ----------
    vocab : rnn_core.Vocabulary
    ids : int array (N,)
        A text of T + 1 characters or more.
    hidden_size, seq_length : int
        m and T.
    seed : int
        Of the parameters.

    Returns
    -------
    list of Agreement
        One for each rung and type, float64 and float32.
    """
    x, y = ids[:seq_length], ids[1 : seq_length + 1]
    params = rnn.init_params(vocab.size, hidden_size, seed=seed)
    h0 = np.random.default_rng(seed).uniform(-1, 1, hidden_size)  # not 0: dL/dW shall have all its terms
    loss, h, p = plain.forward(params, x, y, h0)
    exact = _flat(plain.backward(params, x, y, h, p))
    for t, y_t in enumerate(y, 1):
        h[t], p[t][y_t] = abs(h[t]), p[t][y_t] + 2  # p_t - y_t becomes p_t + y_t
    h[0] = abs(h0)
    terms = _flat(plain.backward([abs(weights) for weights in params], x, y, h, p))
    operations, rows = 2 * (seq_length + 1) * (hidden_size + vocab.size + 10), []
    for name, gradient in GRADIENTS.items():
        for dtype in (np.float64, np.float32):
            its_loss, _, grads = gradient(params.astype(dtype), x, y, h0.astype(dtype))
            difference = np.linalg.norm(_flat(grads) - exact) / np.linalg.norm(terms)
            numbers = abs(its_loss - loss) / (loss + len(x)), difference, operations * np.finfo(dtype).eps
            rows.append(Agreement(name, np.dtype(dtype).name, *map(float, numbers)))
    return rows


def _flat(grads):
    return np.concatenate([np.ravel(g) for g in grads])
