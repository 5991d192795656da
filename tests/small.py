"""A small book, and an optimiser that interrupts, for the tests of training."""

import itertools
import signal

import rnn_core as rnn

BOOK = "the quick brown fox jumps over the lazy dog.\n" * 20
VOCAB = rnn.Vocabulary(BOOK)
IDS = VOCAB.encode(BOOK)


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
