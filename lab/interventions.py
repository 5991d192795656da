"""Change the cause, and see whether the effect goes away: training runs that differ in one thing.

Each is a setting for `lab.sweep.run`. What differs is an optimiser with a hook (`Hooked`), the first weights
(`resize`), or the gradient (`keep_W`).

References
----------
.. [1] H. Jaeger, "The 'echo state' approach to analysing and training recurrent neural networks", GMD Report 148, 2001
   (W is drawn and never trained).
"""

from functools import partial

import numpy as np

import rnn_core as rnn
from lab.sweep import SETTINGS, prepare
from lab.training import Reading, train


class Hooked(rnn.AdaGrad):
    """AdaGrad with a hook that is called before each step.

    Parameters
    ----------
    before : function (optimizer, params) -> float
        It may change both, and returns a factor for the learning rate of this step.
    **options
        As for `rnn_core.AdaGrad`.

    Attributes
    ----------
    done : int
        How many steps are done.
    first : ndarray
        `params.flat` before the first.
    """

    def __init__(self, before, **options):
        super().__init__(**options)
        self.before, self.done, self.first = before, 0, None

    def step(self, params, grads, rate=1.0):
        """As `rnn_core.AdaGrad.step`."""
        if self.done == 0:
            self.first = params.flat.copy()
        super().step(params, grads, rate * self.before(self, params))
        self.done += 1


def warm_up(optimizer, params):
    """Raise the learning rate from 0 over the first 1,000 steps."""
    return min(1.0, (optimizer.done + 1) / 1000)


def rewind(optimizer, params):
    """After 100 steps put the first weights back; keep G."""
    if optimizer.done == 100:
        params.flat[:] = optimizer.first
    return 1.0


def only_G_grows(optimizer, params):
    """In the first 100 steps update nothing but G."""
    return float(optimizer.done >= 100)


def add_late(optimizer, params):
    """After ten steps add 10 to G."""
    if optimizer.done == 10:
        optimizer.g2 += 10
    return 1.0


ASSIGNMENT = SETTINGS["AdaGrad 0.1, N(0, 0.01²)"]
# What the first steps of AdaGrad do: in each of these one thing differs from the assignment
CAUSES = {
    "as in the assignment": ASSIGNMENT,
    "G from 10": SETTINGS["AdaGrad 0.1, G from 10"],
    "the learning rate warmed up over 1,000 steps": {**ASSIGNMENT, "optimizer": partial(Hooked, warm_up)},
    "the first weights put back after 100 steps, G kept": {**ASSIGNMENT, "optimizer": partial(Hooked, rewind)},
    "no update in the first 100 steps, but G grows": {**ASSIGNMENT, "optimizer": partial(Hooked, only_G_grows)},
    "10 added to G, but only after ten steps": {**ASSIGNMENT, "optimizer": partial(Hooked, add_late)},
}


def keep_W(params, x, y, fwd):
    """The right gradient, except that of W, which is zero: W stays as it was drawn [1]_."""
    grads = rnn.backward(params, x, y, fwd)
    grads.W[...] = 0
    return grads


def resize(params, U=None, W=1.0):
    """Scale the first U to this standard deviation, and W by this factor."""
    if U is not None:
        params.U *= U / params.U.std()
    params.W *= W


def moved(setting, text, seeds=(0,), steps=200, by=1e-12):
    """The losses of a run in float64, and by how much they change if one weight is moved at the start.

    Parameters
    ----------
    setting : dict
        See `lab.sweep.run`; one sequence at a time.
    text : str
        Its beginning is read; the alphabet is what occurs there.
    seeds : sequence of int
    steps : int
    by : float
        How far W[0, 0] is moved.

    Returns
    -------
    losses, changes : ndarray (seeds, steps)
        In nats per sequence, and relative to those.
    """
    beginning = text[: 25 * steps + 1]
    vocab = rnn.Vocabulary(beginning)
    reading = Reading(vocab.encode(beginning))

    def losses(seed, shift):
        params, options = prepare(setting, vocab.size, seed=seed, dtype=np.float64)
        params.W[0, 0] += shift
        return train(params, reading, progress=False, **options | {"steps": steps}).losses

    first, second = (np.array([losses(seed, shift) for seed in seeds]) for shift in (0.0, by))
    return first, np.abs(second - first) / np.maximum(first, np.finfo(float).tiny)  # a book of one character costs 0
