"""A small book, small networks, and short training runs on it: what the tests share."""

import inspect
import itertools
import signal
from functools import partial

import numpy as np
from hypothesis import strategies as st

import rnn_core as rnn
from lab import training
from lab.progress import bar
from lab.training import Reading

BOOK = "the quick brown fox jumps over the lazy dog.\n" * 20
VOCAB = rnn.Vocabulary(BOOK)
IDS = VOCAB.encode(BOOK)

busy_bar = partial(bar, delay=0, mininterval=0)  # it is drawn after every item


@st.composite
def problems(draw):
    """A network of any small shape, with characters and a hidden state: one sequence, or a batch."""
    K, m, T, B = (draw(st.integers(1, n)) for n in (6, 6, 7, 4))
    sigma, seed, single = draw(st.floats(0.01, 1)), draw(st.integers(0, 2**32)), draw(st.booleans())
    rng = np.random.default_rng(seed)
    params = rnn.init_params(K, m, sigma, seed)
    params.b[:], params.c[:] = sigma * rng.standard_normal(m), sigma * rng.standard_normal(K)
    shape = (T,) if single else (T, B)
    return params, rng.integers(0, K, shape), rng.integers(0, K, shape), rng.uniform(-1, 1, (*shape[1:], m))


def train(ids=IDS, params=None, optimizer=rnn.AdaGrad, **kwargs):
    """A short run on the small book: a function that makes the optimiser, and arguments of `Reading` and of `train`."""
    names = inspect.signature(Reading).parameters
    reading = Reading(ids, **{name: kwargs.pop(name) for name in names if name in kwargs})
    params = params or rnn.init_params(VOCAB.size, hidden_size=12, seed=1)
    return training.train(params, reading, optimizer=optimizer(), **{"progress": False, **kwargs})


def same(a, b):
    """Make sure that two runs have exactly the same numbers."""
    for name in ("params", "best_params"):
        np.testing.assert_array_equal(getattr(a, name).flat, getattr(b, name).flat)
    for name in ("h", "best_h", "best_step", "losses", "smooth_losses"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
    assert [sample[:3] for sample in a.samples] == [sample[:3] for sample in b.samples]
    for one, other in zip(a.samples, b.samples, strict=True):
        np.testing.assert_array_equal(one.params.flat, other.params.flat)
        np.testing.assert_array_equal(one.h, other.h)


def interrupting(kind, at):
    """The same kind of optimiser, but the `at`-th step of all that are made of it raises SIGINT before its update."""
    steps = itertools.count(1)

    class Interrupting(kind):
        def step(self, params, grads, rate):
            if next(steps) == at:
                signal.raise_signal(signal.SIGINT)
            super().step(params, grads, rate)

    Interrupting.__name__ = kind.__name__  # a checkpoint is for an optimiser of that name
    return Interrupting


class Breaker(rnn.AdaGrad):
    """An optimiser that gets, or makes, numbers that are not finite in its fifth step."""

    steps = 0

    def step(self, params, grads, rate):
        self.steps += 1
        super().step(params, grads, np.inf if self.steps == 5 else rate)
