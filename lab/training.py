"""Training by truncated back-propagation through time: the sequences, the loop, and its result.

References
----------
.. [1] I. Loshchilov, F. Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR 2017.
"""

import math
import numbers
import signal
import sys
import threading
import time
import traceback
import warnings
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

import rnn_core
from lab.progress import View, bar
from lab.threads import few_threads
from rnn_core import AdaGrad, Forward, Params, Vocabulary, check_ids, choose, forward, synthesize

SCHEDULES = {  # the learning rate over that of the first step, after a share of the steps
    "constant": lambda done: 1.0,
    "cosine": lambda done: 0.5 * (1 + math.cos(math.pi * done)),
    "warm-up, linear": lambda done: min(30 * done, 1 - done),  # up in the first 3%, then straight down to 0
}


def _check_whole(**sizes):
    for name, size in sizes.items():
        if size is not None and not (isinstance(size, numbers.Integral) and size >= 1):
            raise ValueError(f"{name} must be a whole number, 1 or more; it is {size}.")


def sequence_starts(length, seq_length=25, batch_size=1, order="book", chunks=100, rng=None):
    """Where in the book the sequences of one epoch start.

    The book is cut into equal chunks, and each is read from its beginning, T characters per step, until fewer than
    T + 1 are left. In the order of the book there are B chunks, read side by side; with B = 1 that is the whole book.

    Parameters
    ----------
    length : int
        The number of characters in the book.
    seq_length, batch_size : int
        T and B.
    order : {"book", "chunks", "random"}
        "book": from beginning to end. "chunks": B chunks at a time in a random order, without those that do not fill a
        batch. The first chunk begins at a random one of the first T characters, so that epochs seldom cut the book at
        the same places. "random": each sequence begins anywhere.
    chunks : int
        The number of chunks, for the order "chunks".
    rng : numpy.random.Generator, optional
        For the orders "chunks" and "random"; another one each time if it is not given.

    Returns
    -------
    starts : int ndarray (steps, B)
    fresh : bool ndarray (steps,)
        Where the hidden state must be set to zero, because the sequences do not continue those of the step before.

    Raises
    ------
    ValueError
        The order is unknown, or the book is too short for so many streams.
    """
    pieces = choose("order", order, {"book": batch_size, "chunks": chunks, "random": batch_size})
    room = seq_length - 1 if order == "chunks" else 0
    size = (length - room) // max(pieces, 1)
    if min(seq_length, batch_size) < 1 or pieces < batch_size or size < seq_length + 1:
        raise ValueError(
            f"A book of {length} characters can't be cut into {pieces} pieces for {batch_size} sequences of "
            f"{seq_length} at a time: ask for fewer."
        )
    per_piece, rng = (size - 1) // seq_length, np.random.default_rng(rng)
    if order == "random":
        return rng.integers(0, length - seq_length, (per_piece, batch_size)), np.ones(per_piece, bool)
    first = size * np.arange(pieces)
    if order == "chunks":
        first = rng.permutation(first) + rng.integers(room + 1)
    first = first[: pieces // batch_size * batch_size].reshape(-1, 1, batch_size)
    starts = (first + seq_length * np.arange(per_piece)[:, None]).reshape(-1, batch_size)
    return starts, np.arange(len(starts)) % per_piece == 0


class Reading:
    """The book as a stream of sequences: what training reads, in which order.

    Parameters
    ----------
    ids : int array (N,)
        The book: `Vocabulary.encode` of its text.
    seq_length, batch_size, order, chunks
        T, B and where the sequences come from: see `sequence_starts`.
    seed : int
        For the orders "chunks" and "random".

    Attributes
    ----------
    shape : tuple
        The shape of x and of y: (T,), or (T, B) if B > 1.
    steps_per_epoch : int

    Raises
    ------
    ValueError
        The book is shorter than T + 2 characters or too short for the batch, the order is unknown, or seq_length or
        batch_size is not a whole number of at least 1.
    """

    def __init__(self, ids, seq_length=25, batch_size=1, order="book", chunks=100, seed=0):
        _check_whole(seq_length=seq_length, batch_size=batch_size)
        self.ids, self.seq_length, self.batch_size = np.asarray(ids), int(seq_length), int(batch_size)
        self.order, self.chunks, self.seed = order, chunks, seed
        if self.ids.ndim != 1 or len(self.ids) < seq_length + 2:
            size = " x ".join(map(str, self.ids.shape))
            raise ValueError(
                f"The book has {size} characters; sequences of {seq_length} need at least {seq_length + 2}, in one row."
            )
        self.shape = (self.seq_length,) if batch_size == 1 else (self.seq_length, self.batch_size)
        self.steps_per_epoch = len(self.starts(0)[0])

    def starts(self, epoch):
        """What `sequence_starts` returns for an epoch; the first is 0."""
        rng = np.random.default_rng((self.seed, 0, epoch))
        return sequence_starts(len(self.ids), self.seq_length, self.batch_size, self.order, self.chunks, rng)

    def steps(self, done, upto):
        """Yield the sequences that the update steps after the first `done` read, up to step `upto`.

        Yields
        ------
        x, y : int ndarray (T,) or (T, B)
        fresh : bool
            Whether the hidden state must be set to zero first.
        """
        windows = sliding_window_view(self.ids, self.seq_length + 1)
        while done < upto:
            epoch, first = divmod(done, self.steps_per_epoch)
            starts, fresh = self.starts(epoch)
            starts = starts[:, 0] if self.batch_size == 1 else starts
            last = min(self.steps_per_epoch, first + upto - done)
            for i in range(first, last):
                text = windows[starts[i]].T  # (T+1,) or (T+1, B)
                yield text[:-1], text[1:], fresh[i]
            done += last - first


class Samples(NamedTuple):
    """The texts that `train` lets the network write on the way.

    Attributes
    ----------
    vocab : Vocabulary
    every : int or tuple of int
        The number of update steps from one text to the next, or the steps themselves.
    length : int
        The number of characters.
    prompt, seed
        See `synthesize`. Each sample has a seed of its own, which follows from this one.
    """

    vocab: Vocabulary
    every: int | tuple[int, ...] = 10_000
    length: int = 200
    prompt: str | None = None
    seed: int = 0

    def due(self, done):
        """Whether there is a text to write after `done` steps."""
        return done in self.every if isinstance(self.every, tuple) else done % self.every == 0


class Sample(NamedTuple):
    """The network after `step` update steps, and what it wrote.

    Attributes
    ----------
    step : int
    smooth_loss : float
        In nats per sequence.
    text : str
        The synthesized text, without the prompt.
    params : Params
        A copy of the parameters.
    h : ndarray (m,)
        The hidden state that the text starts from: the one that training carries on (of a batch, the first).
    """

    step: int
    smooth_loss: float
    text: str
    params: Params
    h: np.ndarray


@dataclass
class Training:
    """The state of a training run between two update steps, and so the result of `train`.

    Attributes
    ----------
    params, h : Params, ndarray (m,) or (B, m)
        The parameters after the last step, and the hidden state.
    losses, smooth_losses : ndarray (steps,)
        In nats per sequence (summed over its T characters, mean over the batch): L, and its moving average
        0.999 smooth_loss + 0.001 L, which starts at the first L. One for each step that is done, and for one whose
        update raised an error.
    smooth_loss : float
        The last one of these; NaN before the first step.
    best_params, best_h, best_step : Params, ndarray (m,) or (B, m), int
        The parameters and the hidden state at the lowest smooth loss, which is `smooth_losses[best_step]`: as they were
        before that step's update.
    done : int
        How many update steps are done.
    samples : list of Sample
        One wherever `Samples.every` says (if it is a number, before the first step and before every so many), and one
        after the last step.
    seconds : float
        The time that the update steps took, without that for the samples.
    stopped : str
        Empty if the run has ended; "interrupted" (Kernel > Interrupt) if it has not; or what went wrong, and at which
        step.
    """

    params: Params
    h: np.ndarray
    losses: np.ndarray
    smooth_losses: np.ndarray
    best_params: Params
    best_h: np.ndarray
    best_step: int = 0
    smooth_loss: float = np.nan
    done: int = 0
    samples: list = field(default_factory=list)
    seconds: float = 0.0
    stopped: str = ""

    def note(self, loss, h):
        """Record the loss of a step before its update, and the parameters and h if its smooth loss is the lowest."""
        n = self.done
        self.smooth_loss = 0.999 * self.smooth_losses[n - 1] + 0.001 * loss if n else loss
        self.losses[n], self.smooth_losses[n] = loss, self.smooth_loss
        if n == 0 or self.smooth_loss < self.smooth_losses[self.best_step]:
            self.best_step = n
            self.best_params.flat[:], self.best_h[...] = self.params.flat, h

    def add_sample(self, samples):
        """Add a sample, unless the parameters are so large that the network can't write; return the seconds it took."""
        began = time.perf_counter()
        h = self.h.reshape(-1, self.params.hidden_size)[0].copy()
        options = {"seed": (samples.seed, 1, self.done), "h0": h}
        with suppress(FloatingPointError):  # training is about to stop
            text = synthesize(self.params, samples.vocab, samples.length, samples.prompt, **options)
            self.samples.append(Sample(self.done, float(self.smooth_loss), text, self.params.copy(), h))
        return time.perf_counter() - began

    def view(self, steps_per_epoch):
        """What to show of the run on the way: a `lab.progress.View`."""
        words = f"epoch {max(1, math.ceil(self.done / steps_per_epoch))}, smooth loss {self.smooth_loss:.2f}"
        text = f"Step {self.samples[-1].step:,}:\n{self.samples[-1].text}" if self.samples else ""
        return View(words, self.smooth_losses, text)


def train(
    params, reading, *, epochs=1, steps=None, optimizer=None, schedule="constant", clip=5.0,
    backward=rnn_core.backward, samples=None, progress=True, checkpoint=None,
):  # fmt: skip
    """Train on a book by truncated back-propagation through time.

    The hidden state is carried on from step to step, and set to zero where the text does not go on: at the start of
    each epoch, and where the reading says so.

    Parameters
    ----------
    params : Params
        Where to start. They are copied; their type, float32 or float64, is the type of the whole computation.
    reading : Reading
        The book as a stream of sequences.
    epochs : int
        How often to read the book.
    steps : int, optional
        How many update steps to make, if not whole epochs.
    optimizer : object with step(params, grads, rate), optional
        AdaGrad() if it is not given. Each run needs its own, because it has a state. Its attributes must be numbers
        and arrays: they go into the checkpoint.
    schedule : {"constant", "cosine", "warm-up, linear"}
        How the learning rate changes from the first step to the last: not at all; down to 0 along half a cosine, as in
        [1]_ but without restarts; or up in the first 3% of the steps and then down to 0 along a line.
    clip : float
        Every entry of the gradient is clipped to [-clip, clip].
    backward : function (params, x, y, fwd) -> Params
        What takes the place of `rnn_core.backward`, to see its effect.
    samples : Samples, optional
        The texts to write on the way; none if it is not given.
    progress : bool
        Show a bar; in a notebook also the curve of the smooth loss and the latest sample, until training is done.
    checkpoint : lab.checkpoint.Checkpoint, optional
        Where to save the state of training, at intervals and at the end. If the file exists, training goes on from it,
        with exactly the result of a run that never stopped. With a constant learning rate, a finished run can go on,
        too, with more epochs or steps.

    Returns
    -------
    Training
        Also after Kernel > Interrupt (Ctrl-C), after a loss or a gradient that is not finite, and after an error in a
        step after the first: then it holds what was learned so far.

    Raises
    ------
    ValueError
        epochs or steps is not a whole number of at least 1; clip is not above 0; the schedule is unknown; a character
        of the prompt is not in the book; a parameter is not finite; the vocabulary has another size; or the checkpoint
        is damaged or was made with other settings (the message names them).
    IndexError
        A number in the book is not one of 0..K-1.
    TypeError
        optimizer is a class, or has no step.

    Warns
    -----
    RuntimeWarning
        A checkpoint could not be saved (training goes on), or training stopped because something was not finite or
        raised an error.

    Examples
    --------
    >>> text = "the quick brown fox jumps over the lazy dog. " * 20
    >>> vocab = rnn_core.Vocabulary(text)
    >>> params = rnn_core.init_params(vocab.size, hidden_size=20)
    >>> run = train(params, Reading(vocab.encode(text)), epochs=20, progress=False)
    >>> run.done, bool(run.smooth_losses[-1] < 0.9 * run.smooth_losses[0])
    (700, True)
    """
    steps, optimizer, rate = _checked(params, reading, epochs, steps, optimizer, schedule, clip, samples)
    run = _before_the_first_step(params, reading, steps)
    if checkpoint is not None:
        settings = _made_with(params, reading, steps, optimizer, schedule, clip, backward, samples)
        checkpoint.resume(run, optimizer, settings)
    params, h, fwd = run.params, run.h, Forward(params, reading.shape)
    if backward is rnn_core.backward:
        backward = partial(backward, out=params.copy())
    view = partial(run.view, reading.steps_per_epoch)
    stream = bar(reading.steps(run.done, steps), progress, view, total=steps, initial=run.done, unit="step")
    started = time.perf_counter() - run.seconds
    one_thread, quietly = few_threads(reading.batch_size * params.W.size), np.errstate(over="ignore", invalid="ignore")
    with _deferred_interrupt() as interrupt, one_thread, quietly:
        with _errors_end(run):
            for x, y, fresh in stream:
                if fresh:
                    h[...] = 0
                forward(params, x, y, h, out=fwd)
                grads = backward(params, x, y, fwd)
                if broken := _not_finite(params, fwd.loss, grads):
                    run.stopped = f"step {run.done:,}: {broken}"  # it does not count
                    break
                run.note(fwd.loss, h)
                if samples and samples.due(run.done):
                    started += run.add_sample(samples)  # it does not count as training
                grads.flat.clip(-clip, clip, out=grads.flat)
                optimizer.step(params, grads, rate(run.done / steps))
                h[...] = fwd.h[-1]
                run.done += 1
                run.seconds = time.perf_counter() - started
                if checkpoint is not None and checkpoint.due(run.done) and run.done < steps:
                    checkpoint.save(run, optimizer)
                if interrupt.is_set() and run.done < steps:
                    run.stopped = "interrupted"
                    break
        _keep_what_was_learned(run)
        if checkpoint is not None and run.stopped in ("", "interrupted"):
            checkpoint.save(run, optimizer)
        if samples and not (run.samples and run.samples[-1].step == run.done):
            run.add_sample(samples)
    return run


def _checked(params, reading, epochs, steps, optimizer, schedule, clip, samples):
    """The number of steps, the optimiser and the schedule, or one sentence about what is wrong."""
    _check_whole(epochs=epochs, steps=steps)
    if not clip > 0:
        raise ValueError(f"clip must be above 0 (np.inf does not clip), not {clip}.")
    check_ids(reading.ids, params.vocab_size, "the book")
    params.check(samples and samples.vocab)
    if samples:
        for step in samples.every if isinstance(samples.every, tuple) else (samples.every,):
            _check_whole(every=step)
        samples.vocab.encode(samples.prompt or "")
    rate = choose("schedule", schedule, SCHEDULES)
    optimizer = optimizer or AdaGrad()
    if isinstance(optimizer, type) or not hasattr(optimizer, "step"):
        raise TypeError(f"optimizer must be an object with step(params, grads, rate), as AdaGrad(), not {optimizer!r}.")
    return steps or epochs * reading.steps_per_epoch, optimizer, rate


def _before_the_first_step(params, reading, steps):
    """A run that has done nothing yet, with room for its losses."""
    h = np.zeros((*reading.shape[1:], params.hidden_size), params.flat.dtype)
    return Training(params.copy(), h, np.full(steps, np.nan), np.full(steps, np.nan), params.copy(), h.copy())


def _made_with(params, reading, steps, optimizer, schedule, clip, backward, samples):
    """All that a run depends on: a checkpoint is valid for these settings only."""
    return {
        "book": reading.ids, "seq_length": reading.seq_length, "batch_size": reading.batch_size,
        "order": reading.order, "chunks": reading.chunks, "seed": reading.seed, "first parameters": params.flat,
        "hidden_size": params.hidden_size, "dtype": str(params.flat.dtype), "steps": steps, "schedule": schedule,
        "clip": clip, "optimizer": type(optimizer).__name__, **vars(optimizer), "kind of samples": samples,
        "backward": getattr(backward, "__qualname__", type(backward).__name__),
    }  # fmt: skip


def _keep_what_was_learned(run):
    """After the last step, put the best parameters in place of spoiled ones, and drop the losses that never came."""
    if broken := _not_finite(run.params):  # the update itself went wrong: an absurd learning rate
        if run.stopped in ("", "interrupted"):
            run.stopped = f"step {run.done:,}: {broken}"
        run.params.flat[:] = run.best_params.flat
    if run.stopped not in ("", "interrupted"):
        warn(f"Training stopped at {run.stopped}; what was learned until then is kept.", stacklevel=4)
    noted = np.isfinite(run.losses).sum()
    run.losses, run.smooth_losses = run.losses[:noted], run.smooth_losses[:noted]


@contextmanager
def _deferred_interrupt():
    """Let SIGINT (Kernel > Interrupt, Ctrl-C) set an event instead of cutting an update step in two."""
    asked = threading.Event()
    before = signal.getsignal(signal.SIGINT)
    # Only the main thread may set a handler. None: it was not set from Python; SIG_IGN: it is to be ignored.
    if threading.current_thread() is not threading.main_thread() or before in (None, signal.SIG_IGN):
        yield asked
        return
    signal.signal(signal.SIGINT, lambda *_: asked.set())
    try:
        yield asked
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _errors_end(run):
    """Let an error after the first step end training, so that what was learned until then is not lost."""
    try:
        yield
    except Exception as error:
        if run.done == 0:
            raise
        place = traceback.extract_tb(error.__traceback__)[-1]
        cause = f"{type(error).__name__} in line {place.lineno} of {place.name}: {error}".removesuffix(": ")
        run.stopped = f"step {run.done:,}: {cause}"


def _not_finite(params, loss=0.0, grads=None):
    """Which numbers are not finite, in words; empty if all are."""
    # A sum that is finite says that all are; one that is not may only have overflowed
    total = loss + np.dot(params.flat, params.flat) + (np.dot(grads.flat, grads.flat) if grads else 0.0)
    if math.isfinite(total):
        return ""
    names = params.not_finite() + ([] if np.isfinite(loss) else ["the loss"])
    names += [f"the gradient of {name}" for name in (grads.not_finite() if grads else [])]
    return f"{', '.join(names)} not finite" if names else ""


def warn(message, stacklevel):
    """Warn without ever raising: what was learned is worth more. Where warnings are errors, the message is printed.

    Parameters
    ----------
    message : str
    stacklevel : int
        As for `warnings.warn`: 1 is this function, 2 what called it, and so on.
    """
    with suppress(Exception):  # stderr may be closed
        try:
            warnings.warn(message, RuntimeWarning, stacklevel)
        except RuntimeWarning:
            print(message, file=sys.stderr)
