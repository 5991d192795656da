"""What `make long` and `make bench` measured on the book that ships with the project.

The scripts in benchmarks/ write training.json, best.npz, speed.json and minute.json beside this file, so the package
contains them.
"""

import json
from pathlib import Path

import numpy as np

import rnn_core as rnn
from lab.checkpoint import load_params

FOLDER = Path(__file__).parent
LONG_RUNS, BEST_PARAMS, SPEED = (FOLDER / name for name in ("training.json", "best.npz", "speed.json"))
MINUTE = FOLDER / "minute.json"
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
        One of the parts in `benchmarks/training.py`.

    Returns
    -------
    dict of str to list of dict
        For each way to train, what came out of each seed's run: "bits" per character held out, the "lowest" and the
        "last" smooth loss, in nats per sequence, and what else `benchmarks/training.py` measures.
    """
    ways = _read(LONG_RUNS)[part]["ways"]
    return {name: list(way["seeds"].values()) for name, way in ways.items()}


def full_length():
    """The long runs that are compared with one another.

    Returns
    -------
    dict of str to dict
        For each way to train: "steps", "characters", and a list with an entry for each seed of the "lowest" and the
        "last" smooth loss, in nats per sequence, and of the "bits" per character held out.
    """
    of_adagrad, of_epoch = long_runs("reset"), long_runs("gates")
    ways = {
        "AdaGrad 0.1, N(0, 0.01²)": of_adagrad["reset"],
        "AdaGrad 0.1, G from 10": of_adagrad["G from 10"],
        **long_runs("recipes"),
        "Adam 0.008, cosine, orthogonal, B = 16": long_runs("batches")["B = 16"],
        "Adam 0.002, cosine, orthogonal, one epoch": of_epoch["vanilla"],
        "Adam 0.008, cosine, gated (m = 54), one epoch": of_epoch["gated"],
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
        {"best recipe": (params, then, h)} with its state at the end of the training text; empty if this book has
        other characters than the one that it was trained on.
    """
    params, known = load_params(BEST_PARAMS)
    if known.chars != vocab.chars:
        return {}
    end = ids[-2000:]
    h = rnn.forward(params, end[:-1], end[1:], np.zeros(params.hidden_size)).h[-1]
    return {"best recipe": (params, then, h)}


def long_lengths():
    """Bits per character held out by the length T of a sequence: {T: bits of each seed}, from `long_runs`."""
    return {int(way.removeprefix("T = ")): [run["bits"] for run in runs] for way, runs in long_runs("lengths").items()}


def long_sizes():
    """Bits per character held out by the number of parameters: [(parameters, bits of each seed)], from `long_runs`."""
    return [(runs[0]["parameters"], [run["bits"] for run in runs]) for runs in long_runs("sizes").values() if runs]


def best_text():
    """The 1,000 characters that the best recipe wrote, trained on the book that ships with the project."""
    return next(run["text"] for run in long_runs("recipes")[BEST_RECIPE] if "text" in run)


def long_counts(kind):
    """Character n-grams on the book that ships with the project, from small models to large ones.

    Parameters
    ----------
    kind : {"every", "pruned"}
        All n-grams of the orders 1 to 7, or models without the rare ones.

    Returns
    -------
    list of dict
        "order", how often an n-gram must occur to be kept ("least"), how many are kept ("n-grams"), how many contexts
        have a back-off weight ("weights"), and "bits" per character held out.
    """
    return _read(LONG_RUNS)["ngrams"][kind]


def ppmd():
    """Bits per character held out of PPMd, primed with the training text of the book that ships with the project."""
    return _read(LONG_RUNS)["PPMd"]


def times_as_many(sizes, models, *what):
    """How many times as many numbers as each network n-grams need for its bits, interpolated between the models.

    Parameters
    ----------
    sizes : list of (int, sequence of float)
        As `long_sizes`.
    models : list of dict
        As `long_counts`.
    *what : str
        Which numbers are counted: "n-grams", "weights".

    Returns
    -------
    list of float
        One for each network that needs no fewer bits than the best of the models.
    """
    bits, numbers = np.transpose(sorted((model["bits"], sum(model[name] for name in what)) for model in models))
    means = [(parameters, np.mean(of_seeds)) for parameters, of_seeds in sizes]
    return [float(np.exp(np.interp(b, bits, np.log(numbers))) / n) for n, b in means if b >= bits[0]]


def wrong_gradients():
    """Bits per character held out after training with a right gradient and with wrong ones.

    Returns
    -------
    dict of str to dict of str to list of float
        For each kind of code and each start of AdaGrad an entry for each seed.
    """
    found = {}
    for name, runs in long_runs("bugs").items():
        start, code = name.split(", ", 1)
        found.setdefault(code, {})[start] = [run["bits"] for run in runs]
    return found


def pairs():
    """Bits per character held out where W is trained and where it stays as it was drawn.

    Returns
    -------
    dict of str to (list of float, list of float)
        For each way to train, the bits of each seed in both cases.
    """
    runs = {name: [run["bits"] for run in of_seeds] for name, of_seeds in long_runs("W").items()}
    names = (name.removesuffix(", W trained") for name in runs if name.endswith(", W trained"))
    return {name: (runs[f"{name}, W trained"], runs[f"{name}, W kept"]) for name in names}


def first_sizes():
    """Bits per character held out by the standard deviation of the first U.

    Returns
    -------
    dict of str to dict of float to list of float
        For each way to train and each standard deviation an entry for each seed.
    """
    found = {}
    for name, runs in long_runs("U").items():
        way, deviation = name.rsplit(", ", 1)
        found.setdefault(way, {})[float(deviation)] = [run["bits"] for run in runs]
    return found


def speed():
    """What `make bench` measured last: the dict that benchmarks/bench.py made."""
    return _read(SPEED)


def minute():
    """What a minute of training on one core comes to, for our recipe and PyTorch's networks, as `make bench` measured.

    Returns
    -------
    dict
        Under "us" the microseconds that an update step of each costs, by its name; under "runs", by name and seed, a
        dict: the "steps" and the "seconds" that they took, the number of "parameters", the "bits" per character held
        out, and for our network what it wrote, a "text". Under "machine", where the cost was measured.
    """
    return _read(MINUTE)


def ratios(result, K=79, dtype="float32"):
    """The median time of an update step in steps of rnn_core: {(name, B): ratio}, from `speed`."""
    rows = [row for row in result["turns"] if (row["K"], row["dtype"]) == (K, dtype)]
    return {(name, row["B"]): median for row in rows for name, (_, median, _) in row["ratio"].items()}


def older(result):
    """What the last `make bench` had no library for, with the day and the machine of the older figures; or nothing."""
    names = {
        when: [name for name in result["older"] if result["older"][name] == when] for when in result["older"].values()
    }
    return "; ".join(f"{'; '.join(names[when])} ({when})" for when in names)
