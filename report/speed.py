"""From the loop that tutorials write to rnn_core, in steps: what makes a small network in NumPy fast.

Each class below changes a few lines of the one before it and leaves the mathematics alone; the last two rungs are
rnn_core itself. All of them learn the same from the same book, so their losses agree to rounding.
"""

import time
from functools import partial

import numpy as np

import rnn_core as rnn


class Tutorial:
    """The network as tutorials write it: one-hot columns, one step at a time, one array at a time.

    Parameters
    ----------
    params : rnn_core.Params
        Where to start. They are copied.
    eta, clip : float
        The learning rate of AdaGrad, and the bound for every entry of the gradient.
    """

    def __init__(self, params, eta=0.1, clip=5.0):
        self.eta, self.clip = eta, clip
        self.W, self.U, self.V = (np.array(weights, order="C") for weights in (params.W, params.U, params.V))
        self.b, self.c = params.b[:, None].copy(), params.c[:, None].copy()
        self.weights = [self.W, self.U, self.V, self.b, self.c]
        self.g2 = [np.zeros_like(weights) for weights in self.weights]

    def one_hot(self, k):
        x = np.zeros((len(self.c), 1))
        x[k] = 1
        return x

    def read(self, k):
        return np.dot(self.U, self.one_hot(k))  # U x_t

    def credit(self, dU, k, da):
        dU += np.dot(da, self.one_hot(k).T)  # dL/da_t x_t^T

    def inputs(self, x):
        return [self.read(k) + self.b for k in x]  # U x_t + b

    def outputs(self, h, y):
        loss, g = 0.0, []
        for h_t, k in zip(h, y, strict=True):
            p = softmax(np.dot(self.V, h_t) + self.c)  # p_t = SoftMax(V h_t + c)
            loss -= np.log(p[k, 0])
            p[k] -= 1
            g.append(p)  # dL/do_t = p_t - y_t
        return loss, g

    def from_outputs(self, g):
        return [np.dot(self.V.T, g_t) for g_t in g]  # V^T dL/do_t

    def sums(self, x, h, da, g):
        dW, dU, dV, db, dc = grads = [np.zeros_like(weights) for weights in self.weights]
        for t, k in enumerate(x):
            self.credit(dU, k, da[t])
            dW += np.dot(da[t], h[t].T)  # dL/da_t h_{t-1}^T: h begins with h_0
            dV += np.dot(g[t], h[t + 1].T)
            db += da[t]
            dc += g[t]
        return grads

    def update(self, grads):
        for weights, g, g2 in zip(self.weights, grads, self.g2, strict=True):
            np.clip(g, -self.clip, self.clip, out=g)
            g2 += g * g
            weights -= self.eta * g / np.sqrt(g2 + 1e-8)

    def step(self, x, y, h0):
        """Forward, backward and update for one sequence; the loss, and the hidden state to be carried on."""
        h, da = [h0], []
        for z in self.inputs(x):
            h.append(np.tanh(np.dot(self.W, h[-1]) + z))
        loss, g = self.outputs(h[1:], y)
        carried = 0
        for dh, h_t in zip(self.from_outputs(g)[::-1], h[:0:-1], strict=True):
            da.append((dh + carried) * (1 - h_t * h_t))
            carried = np.dot(self.W.T, da[-1])
        self.update(self.sums(x, h, da[::-1], g))
        return loss, h[-1]

    def train(self, ids, steps, seq_length=25):
        """Make so many steps from the beginning of a book; the losses, and the seconds that they took."""
        h, losses, started = np.zeros_like(self.b), np.empty(steps), time.perf_counter()
        for n in range(steps):
            e = n * seq_length
            losses[n], h = self.step(ids[e : e + seq_length], ids[e + 1 : e + seq_length + 1], h)
        return losses, time.perf_counter() - started


class Indices(Tutorial):
    """U x_t is a column of U: pick it. Only that column has a gradient."""

    def read(self, k):
        return self.U[:, k : k + 1]

    def credit(self, dU, k, da):
        dU[:, k : k + 1] += da


class OutsideTheLoop(Indices):
    """Only W h_{t-1} must wait for the step before: the products with U and V are done for all t at once."""

    def inputs(self, x):
        return columns(self.U[:, x] + self.b)

    def outputs(self, h, y):
        p, t = softmax(np.dot(self.V, np.hstack(h)) + self.c), np.arange(len(y))
        loss = -np.log(p[y, t]).sum()
        p[y, t] -= 1
        return loss, p

    def from_outputs(self, g):
        return columns(np.dot(self.V.T, g))

    def sums(self, x, h, da, g):
        return super().sums(x, h, da, columns(g))


class OneProduct(OutsideTheLoop):
    """A sum of outer products over t is one matrix product."""

    def sums(self, x, h, da, g):
        h, da, x_one_hot = np.hstack(h), np.hstack(da), np.eye(len(self.c))[x]
        dW, dU, dV = np.dot(da, h[:, :-1].T), np.dot(da, x_one_hot), np.dot(g, h[:, 1:].T)
        return dW, dU, dV, da.sum(axis=1, keepdims=True), g.sum(axis=1, keepdims=True)


class OneVector(OneProduct):
    """The optimiser treats all numbers alike: give it one vector, and it makes one pass in place of five."""

    def __init__(self, params, eta=0.1, clip=5.0):
        super().__init__(params, eta, clip)
        self.params, self.grads, self.optimizer = params.copy(), params.copy(), rnn.AdaGrad(eta)
        self.W, self.U, self.V = self.params.W, self.params.U, self.params.V
        self.b, self.c = self.params.b[:, None], self.params.c[:, None]

    def update(self, grads):
        for name, g in zip(self.params.names, grads, strict=True):
            getattr(self.grads, name)[...] = g.reshape(getattr(self.grads, name).shape)
        np.clip(self.grads.flat, -self.clip, self.clip, out=self.grads.flat)
        self.optimizer.step(self.params, self.grads)


def softmax(o):
    """The columns of o turned into probabilities."""
    p = np.exp(o - o.max(axis=0))
    return p / p.sum(axis=0)


def columns(matrix):
    """The columns of a matrix, each as a matrix."""
    return [matrix[:, t : t + 1] for t in range(matrix.shape[1])]


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

    def own(rung, steps):
        return rung(params).train(ids, steps, seq_length)

    def core(dtype, steps):
        options = {"steps": steps, "seq_length": seq_length, "sample_every": 0, "prompt": vocab.chars[0]}
        result = rnn.train(params.astype(dtype), vocab, ids, progress=False, **options)
        return result.losses, result.seconds

    return {
        "tutorial loop": partial(own, Tutorial),
        "indices, no one-hot products": partial(own, Indices),
        "U and V outside the loop over t": partial(own, OutsideTheLoop),
        "outer products as one product": partial(own, OneProduct),
        "one vector for the optimiser": partial(own, OneVector),
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
    """Measure the rungs from the tutorial loop to rnn_core.

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
        Each rung and its microseconds per update step, from the tutorial loop on: the least of its turns, because
        whatever disturbs a measurement makes it longer.
    """
    turns = interleave(rungs(vocab, ids, hidden_size, seq_length), min(steps, (len(ids) - 1) // seq_length), seconds)
    return [(name, float(times.min())) for name, times in turns.items()]
