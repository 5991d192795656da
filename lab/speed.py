"""From the equations as they stand to rnn_core, in steps: what makes a small network in NumPy fast.

Each function below changes a few lines of the one before it, the first of them those of `lab.plain`, and leaves the
mathematics alone; the last two rungs are rnn_core itself. All learn the same from the same book, so their losses agree
to rounding.
"""

import time
from functools import partial

import numpy as np

import rnn_core as rnn
from lab import plain
from lab.training import Reading, train


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
    x_one_hot = np.eye(len(params.c), dtype=h.dtype)[x]
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


def learn(gradient, params, ids, steps, seq_length=25, one_vector=False):
    """Train with AdaGrad as the course states it, from the beginning of a book.

    Parameters
    ----------
    gradient : function (params, x, y, h0) -> (loss, h_T, (dW, dU, dV, db, dc))
    params : Params
        Where to start. They are copied.
    ids : int array (N,)
        The book, at least as long as the steps that will be made.
    steps, seq_length : int
    one_vector : bool
        The optimiser treats all numbers alike: give it one vector, and it makes one pass in place of five.

    Returns
    -------
    losses : ndarray (steps,)
        In nats per sequence.
    seconds : float
    """
    params, grads, optimizer, T = params.copy(), params.copy(), rnn.AdaGrad(), seq_length
    squares = [np.zeros_like(weights) for weights in params]
    h, losses, started = np.zeros_like(params.b), np.empty(steps), time.perf_counter()
    for n in range(steps):
        x, y = ids[n * T : (n + 1) * T], ids[n * T + 1 : (n + 1) * T + 1]
        losses[n], h, new = gradient(params, x, y, h)
        if one_vector:
            for room, g in zip(grads, new, strict=True):
                room[...] = g
            np.clip(grads.flat, -5, 5, out=grads.flat)
            optimizer.step(params, grads)
        else:
            for weights, g, g2 in zip(params, new, squares, strict=True):
                np.clip(g, -5, 5, out=g)
                g2 += g * g
                weights -= optimizer.eta * g / np.sqrt(g2 + 1e-8)
    return losses, time.perf_counter() - started


def rungs(vocab, ids, hidden_size=100, seq_length=25, seed=0):
    """The ladder: the name of each rung, and a function that trains on it.

    Parameters
    ----------
    vocab : rnn_core.Vocabulary
    ids : int array (N,)
        The book, at least as long as the steps that will be made.
    hidden_size, seq_length : int
        m and T.
    seed : int
        Of the first parameters, which are the same for all.

    Returns
    -------
    dict of str: function (steps) -> (losses, seconds)
    """
    params = rnn.init_params(vocab.size, hidden_size, seed=seed)

    def core(dtype, steps):
        run = train(params.astype(dtype), Reading(ids, seq_length), steps=steps, progress=False)
        return run.losses, run.seconds

    return {
        "equations as they stand": lambda steps: learn(as_the_equations, params, ids, steps, seq_length),
        "indices, no one-hot products": lambda steps: learn(with_indices, params, ids, steps, seq_length),
        "U and V outside the loop over t": lambda steps: learn(outside_the_loop, params, ids, steps, seq_length),
        "outer products as one product": lambda steps: learn(one_product, params, ids, steps, seq_length),
        "one vector for the optimiser": lambda steps: learn(one_product, params, ids, steps, seq_length, True),
        "rnn_core: rows, in place": partial(core, np.float64),
        "rnn_core in float32": partial(core, np.float32),
    }


def interleave(runs, steps, seconds, rounds=1000):
    """Measure several ways to train in turn, again and again, so that a busy moment of the machine hits all alike.

    Parameters
    ----------
    runs : dict of str: function (steps) -> (losses, seconds)
    steps : int
        How many update steps a turn has.
    seconds, rounds : float, int
        No further round begins after this time, or so many rounds; there are at least three.

    Returns
    -------
    dict of str: ndarray (rounds,)
        Microseconds per update step, turn by turn.
    """
    for run in runs.values():
        run(steps)  # the first turn is slow everywhere: caches, compilers
    turns, started = [], time.perf_counter()
    while len(turns) < 3 or (len(turns) < rounds and time.perf_counter() - started < seconds):
        turns.append([1e6 * run(steps)[1] / steps for run in runs.values()])
    return dict(zip(runs, np.transpose(turns), strict=True))


def ladder(vocab, ids, hidden_size=100, seq_length=25, seconds=8.0, steps=50):
    """Measure the rungs from the equations as they stand to rnn_core.

    Parameters
    ----------
    vocab, ids, hidden_size, seq_length
        As for `rungs`.
    seconds : float
        How long to measure, in all; a round that has begun is finished.
    steps : int
        How many update steps a rung makes before it is the turn of the next; less where the book is too short.

    Returns
    -------
    list of (str, float)
        Each rung and its microseconds per update step, from the slowest on: the least of its turns, because
        whatever disturbs a measurement makes it longer.
    """
    turns = interleave(rungs(vocab, ids, hidden_size, seq_length), min(steps, (len(ids) - 1) // seq_length), seconds)
    return [(name, float(times.min())) for name, times in turns.items()]
