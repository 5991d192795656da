"""Training on every rung of `lab.speed`, from the equations as they stand to rnn_core."""

import time

import numpy as np

import rnn_core as rnn
from lab.speed import GRADIENTS
from lab.training import Reading, train


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


def rungs(vocab, ids, hidden_size=100, seq_length=25, seed=0, dtype=np.float64):
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
    dtype : dtype
        Of all rungs: float32 halves the bytes, and so it is no rung.

    Returns
    -------
    dict of str: function (steps) -> (losses, seconds)
    """
    params = rnn.init_params(vocab.size, hidden_size, seed=seed, dtype=dtype)

    def core(steps):
        run = train(params, Reading(ids, seq_length), steps=steps, progress=False)
        return run.losses, run.seconds

    def plainly(name, **options):
        return lambda steps: learn(GRADIENTS[name], params, ids, steps, seq_length, **options)

    return {name: plainly(name) for name in GRADIENTS if name != "rnn_core"} | {
        "one vector for the optimiser": plainly("outer products as one product", one_vector=True),
        "rnn_core": core,
    }
