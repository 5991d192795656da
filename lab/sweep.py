"""Train the same network in several ways and from several seeds: one run proves nothing, since another seed can make a
larger difference than what is compared.

The runs are independent, so joblib runs them side by side, on whatever `joblib.parallel_config` names: the cores of
this machine, or the workers of a dask cluster.
"""

from functools import partial
from itertools import product
from typing import NamedTuple

import joblib
import numpy as np

import rnn_core as rnn
from lab.progress import bar
from lab.threads import few_threads
from lab.training import Reading, train

EVERY = 100  # every 100th smooth loss is kept
NOT_FOR_TRAIN = ("scheme", "first", "reading", "hidden_size", "most_epochs", "seeds")  # other entries of a setting
FEW_STEPS, MANY_EPOCHS = 40_000, 40  # fewer steps teach little; in more epochs a short book is learned by heart

# Ways to train, by the arguments of `run`. Learning rates, chunks and the clipping of the last one were chosen by the
# bits per character of the last 5 % of the training part, held out for that, with one seed.
ADAM = {"optimizer": partial(rnn.Adam, 0.002), "schedule": "cosine", "scheme": "orthogonal"}
SETTINGS = {
    "AdaGrad 0.1, N(0, 0.01²)": {"optimizer": rnn.AdaGrad, "scheme": "normal"},
    "AdaGrad 0.1, G from 10": {"optimizer": partial(rnn.AdaGrad, g2=10.0), "scheme": "normal"},
    "Adam 0.001, scaled": {"optimizer": rnn.Adam, "scheme": "scaled"},
    "Adam 0.002, cosine, orthogonal": ADAM,
    "Adam 0.008, cosine, orthogonal, B = 16": {
        **ADAM,
        "optimizer": partial(rnn.Adam, 0.008),
        "reading": {"batch_size": 16},
    },
}
BEST = {
    **ADAM,
    "optimizer": partial(rnn.Adam, 0.008),
    "clip": 0.1,
    "reading": {"batch_size": 64, "order": "chunks", "chunks": 640},
}


# Chosen by the same bits for a minute on one core, on the book that ships with the project
MINUTE = {
    "optimizer": partial(rnn.Adam, 0.004, u=12.0),
    "schedule": "warm-up, linear",
    "clip": 0.1,
    "scheme": "large U",
    "reading": {"batch_size": 32, "order": "chunks", "chunks": 320},
    "hidden_size": 320,
    "steps": 6800,
    "most_epochs": 8,
}
RECIPES = {**SETTINGS, "best in a minute": MINUTE}  # the notebook's `recipe` is one of these
SHORTEST = 2_100  # characters of a book: a shorter one leaves too little to hold out


class Outcome(NamedTuple):
    """The result of one run.

    Attributes
    ----------
    smooth_losses : ndarray
        Every 100th, in nats per sequence.
    lowest : float
        The lowest smooth loss, in nats per sequence.
    bits : float
        Bits per character on the text held out, for the parameters at the end, from the last hidden state.
    seconds : float
        The time that the update steps took.
    params : rnn_core.Params
        The parameters at the end.
    h : ndarray (m,)
        The hidden state at the end; of a batch, that of the last sequence, which the text held out continues.
    samples : list of lab.training.Sample
        What the network was on the way, if the setting has `samples`.
    """

    smooth_losses: np.ndarray
    lowest: float
    bits: float
    seconds: float
    params: rnn.Params
    h: np.ndarray
    samples: list = ()


def held_out_length(length, vocab_size=1):
    """How many characters at the end of a book of that length are held out: 5%, of a very long one 100,000.

    With an alphabet of more than 500 characters there are fewer, since the time to read one grows with the alphabet,
    but no fewer than 1,000 (if that is not more than 5%).
    """
    return min(length - int(0.95 * length), max(1000, 50_000_000 // vocab_size), 100_000)


def plan(recipe, length, epochs=None, steps=None, hidden_size=None):
    """What a recipe means for a book: how large a network, how many steps, and what each of them reads.

    A recipe is made for a book the size of a novel. A short one is read more often, so that there are enough steps to
    learn from, but not so often that the network learns it by heart.

    Parameters
    ----------
    recipe : str
        The name of one of `RECIPES`.
    length : int
        The number of characters to train on.
    epochs, steps, hidden_size : int, optional
        What takes the place of the recipe's.

    Returns
    -------
    dict
        A setting for `run`, with "steps", "hidden_size" and "reading".

    Raises
    ------
    ValueError
        There is no such recipe.
    """
    way = {"hidden_size": 100, "reading": {}, **rnn.choose("recipe", recipe, RECIPES)}
    reading = way["reading"]
    if "chunks" in reading:  # a short book has fewer: a thousand characters each
        way["reading"] = {**reading, "chunks": min(reading["chunks"], max(reading["batch_size"], length // 1000))}
    per_epoch = max(1, (length - 1) // (25 * reading.get("batch_size", 1)))
    most = way.get("most_epochs", MANY_EPOCHS) * per_epoch
    usual = min(max(3 * per_epoch, FEW_STEPS), way.get("steps", most), most)
    if epochs is not None:
        usual = epochs * per_epoch
    way["steps"] = usual if steps is None else steps
    way["hidden_size"] = way["hidden_size"] if hidden_size is None else hidden_size
    return way


def prepare(setting, vocab_size, hidden_size=100, seed=0, dtype=np.float32):
    """The first parameters, and the other arguments of `lab.training.train`, for a way to train.

    Parameters
    ----------
    setting : dict
        See `run`.
    vocab_size, hidden_size, seed, dtype
        As for `rnn_core.init_params`.

    Returns
    -------
    params : Params
    options : dict
        With an optimiser of its own.
    """
    options = {name: value for name, value in setting.items() if name not in NOT_FOR_TRAIN}
    params = rnn.init_params(vocab_size, hidden_size, scheme=setting["scheme"], seed=seed)
    if "first" in setting:
        setting["first"](params)
    params = params.astype(dtype)
    return params, {**options, "optimizer": options["optimizer"]()}


def run(setting, seed, vocab, ids, held_out_ids, hidden_size=100):
    """Train once.

    Parameters
    ----------
    setting : dict
        Arguments for `lab.training.train`, and more: `scheme` is for `rnn_core.init_params`, `reading` has arguments
        for `lab.training.Reading`, `optimizer` is a function that makes one, since each run needs its own, and `first`,
        if there is one, is a function that changes the first parameters in place.
    seed : int
    vocab : rnn_core.Vocabulary
    ids, held_out_ids : int array
        The text to train on, and the text that follows it.
    hidden_size : int

    Returns
    -------
    Outcome
    """
    reading = Reading(ids, seed=seed, **setting.get("reading", {}))
    params, options = prepare(setting, vocab.size, hidden_size, seed)
    result = train(params, reading, progress=False, **options)
    if result.stopped == "interrupted":  # half a run is no outcome, and the others need not begin
        raise KeyboardInterrupt
    h = result.h.reshape(-1, hidden_size)[-1]
    with few_threads(hidden_size**2):
        bits = rnn.bits_per_character(result.params, held_out_ids, h)
    every = result.smooth_losses[::EVERY]
    return Outcome(every, float(result.smooth_losses.min()), bits, result.seconds, result.params, h, result.samples)


def for_steps(settings, steps):
    """The same settings with this number of update steps."""
    return {name: {**setting, "steps": steps} for name, setting in settings.items()}


def sweep(settings, seeds, *data, **options):
    """Run every setting from every seed.

    Parameters
    ----------
    settings : dict of str to dict
        See `run`. One that has `seeds` is run from these only.
    seeds : iterable of int
    *data, **options
        vocab, ids, held_out_ids and hidden_size, for `run`.

    Returns
    -------
    dict of str to list of Outcome
        For each setting, the outcome of each seed.
    """
    # Seed by seed, so that the bar's estimate knows after one seed how long all the settings take
    labels = [(name, seed) for seed, name in product(seeds, settings) if seed in settings[name].get("seeds", [seed])]
    jobs = [joblib.delayed(_labelled)((name, seed), settings[name], seed, *data, **options) for name, seed in labels]
    done = joblib.Parallel(return_as="generator_unordered")(jobs)
    outcomes = dict(bar(done, total=len(jobs), unit="run", delay=0, smoothing=0))
    return {name: [outcomes[label] for label in labels if label[0] == name] for name in settings}


def _labelled(label, *data, **options):
    """A run and its label, because runs arrive in the order in which they finish."""
    return label, run(*data, **options)
