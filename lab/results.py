"""What `make long` measured on the book that ships with the project: benchmarks/training.json and best.npz."""

import json
from pathlib import Path

import numpy as np

import rnn_core as rnn
from lab.checkpoint import load_params
from lab.sweep import SETTINGS

LONG_RUNS = Path(__file__).parent.parent / "benchmarks" / "training.json"


def long_runs(part):
    """What `make long` measured on the book that ships with the project.

    Parameters
    ----------
    part : str
        "recipes", "reset", "lengths", "order" or "sizes".

    Returns
    -------
    dict of str to list of dict
        For each way to train, what came out of each seed's run: "bits" per character held out, the "lowest" and the
        "last" smooth loss, in nats per sequence, and what `benchmarks/training.py` measures besides.
    """
    ways = json.loads(LONG_RUNS.read_text(encoding="utf-8"))[part]["ways"]
    return {name: list(way["seeds"].values()) for name, way in ways.items()}


def full_length():
    """The runs of whole epochs, with the setting of the first assignment first and the best recipe last.

    Returns
    -------
    dict of str to dict
        For each way to train: "steps", "characters", and a list with an entry for each seed of the "lowest" and the
        "last" smooth loss, in nats per sequence, and of the "bits" per character held out.
    """
    of_adagrad = long_runs("reset")
    first, from_ten, *_ = SETTINGS
    ways = {first: of_adagrad["reset"], from_ten: of_adagrad["G from 10"]} | long_runs("recipes")
    return {
        name: {"steps": runs[0]["steps"], "characters": runs[0]["characters"]}
        | {what: [run[what] for run in runs] for what in ("lowest", "last", "bits")}
        for name, runs in ways.items()
    }


def best_reader(vocab, ids, then):
    """The network of the best recipe, as `make long` left it, about to read a text.

    Parameters
    ----------
    vocab : rnn_core.Vocabulary
    ids, then : int array
        The training text, and the text that follows it.

    Returns
    -------
    dict
        {"best recipe": (params, then, h)} with its state at the end of the training text; nothing if this book has
        other characters than the one that it was trained on.
    """
    params, known = load_params(LONG_RUNS.with_name("best.npz"))
    if known.chars != vocab.chars:
        return {}
    end = ids[-2000:]
    h = rnn.forward(params, end[:-1], end[1:], np.zeros(params.hidden_size)).h[-1]
    return {"best recipe": (params, then, h)}


def long_lengths():
    """Bits per character held out by the length T of a sequence: {T: one a seed}, as `long_runs`."""
    return {int(way.removeprefix("T = ")): [run["bits"] for run in runs] for way, runs in long_runs("lengths").items()}


def long_sizes():
    """Bits per character held out by the number of parameters: [(parameters, one a seed)], as `long_runs`."""
    return [(runs[0]["parameters"], [run["bits"] for run in runs]) for runs in long_runs("sizes").values() if runs]


def best_text():
    """The 1,000 characters that the best recipe wrote, trained on the book that ships with the project."""
    *_, best = long_runs("recipes").values()
    return best[0]["text"]


def long_counts():
    """For n-grams of the orders 1, 2, ...: (how many counts they keep, bits per character held out), as `long_runs`."""
    return json.loads(LONG_RUNS.read_text(encoding="utf-8"))["ngrams"]


def counts_for_the_same_bits(sizes, counts):
    """How many times as many numbers n-grams need for the bits of each network, interpolated between the orders.

    Parameters
    ----------
    sizes : list of (int, sequence of float)
        As `long_sizes`.
    counts : list of (int, float)
        As `long_counts`.

    Returns
    -------
    list of float
        One for each network that needs no fewer bits than the highest order.
    """
    numbers, bits = np.transpose(counts[::-1])  # bits rise now
    means = [(parameters, np.mean(of_seeds)) for parameters, of_seeds in sizes]
    return [float(np.exp(np.interp(b, bits, np.log(numbers))) / n) for n, b in means if b >= bits[0]]
