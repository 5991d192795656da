"""What `make long` and `make bench` measured on the book that ships with the project.

The scripts in benchmarks/ write training.json, best.npz and speed.json beside this file, so the package contains them.
"""

import json
from pathlib import Path

import numpy as np

import rnn_core as rnn
from lab.checkpoint import load_params

FOLDER = Path(__file__).parent
LONG_RUNS, BEST_PARAMS, SPEED = (FOLDER / name for name in ("training.json", "best.npz", "speed.json"))
BEST_RECIPE = "Adam 0.008, cosine, orthogonal, B = 64, 640 chunks, clipped to 0.1"  # of the long runs
STEPS_PER_EPOCH = 44_448  # of that book, one sequence of 25 characters at a time
CURVE_EVERY = 500  # steps from one point of a stored curve to the next


def _read(path):
    return json.loads(path.read_text(encoding="utf-8"))


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
    ways = _read(LONG_RUNS)[part]["ways"]
    return {name: list(way["seeds"].values()) for name, way in ways.items()}


def full_length():
    """The runs of whole epochs.

    Returns
    -------
    dict of str to dict
        For each way to train: "steps", "characters", and a list with an entry for each seed of the "lowest" and the
        "last" smooth loss, in nats per sequence, and of the "bits" per character held out.
    """
    of_adagrad = long_runs("reset")
    ways = {
        "AdaGrad 0.1, N(0, 0.01²)": of_adagrad["reset"],
        "AdaGrad 0.1, G from 10": of_adagrad["G from 10"],
        **long_runs("recipes"),
    }
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
    params, known = load_params(BEST_PARAMS)
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
    return next(run["text"] for run in long_runs("recipes")[BEST_RECIPE] if "text" in run)


def long_counts():
    """For n-grams, {order: (how many counts they keep, bits per character held out)}, as `long_runs`."""
    return {order: tuple(found) for order, found in enumerate(_read(LONG_RUNS)["ngrams"], 1)}


def counts_for_the_same_bits(sizes, counts):
    """How many times as many numbers n-grams need for the bits of each network, interpolated between the orders.

    Parameters
    ----------
    sizes : list of (int, sequence of float)
        As `long_sizes`.
    counts : dict of int to (int, float)
        As `long_counts`.

    Returns
    -------
    list of float
        One for each network that needs no fewer bits than the highest order.
    """
    numbers, bits = np.transpose(list(counts.values())[::-1])  # bits rise now
    means = [(parameters, np.mean(of_seeds)) for parameters, of_seeds in sizes]
    return [float(np.exp(np.interp(b, bits, np.log(numbers))) / n) for n, b in means if b >= bits[0]]


def speed():
    """What `make bench` measured last: the dict that benchmarks/bench.py made."""
    return _read(SPEED)


def ratios(result, K=79, dtype="float32"):
    """The median time of an update step in steps of rnn_core: {(name, B): ratio}, from `speed`."""
    rows = [row for row in result["turns"] if (row["K"], row["dtype"]) == (K, dtype)]
    return {(name, row["B"]): median for row in rows for name, (_, median, _) in row["ratio"].items()}


def older(result):
    """What the last `make bench` had no library for, with the day and the machine of its figures; may be empty."""
    names = {
        when: [name for name in result["older"] if result["older"][name] == when] for when in result["older"].values()
    }
    return "; ".join(f"{'; '.join(names[when])} ({when})" for when in names)
