"""The experiments that are too long for the notebook, in parts: `make long`.

    python benchmarks/training.py                  all parts, about two hours on two cores
    python benchmarks/training.py reset lengths    these two

The result of every run is in lab/measured/training.json as soon as the run ends, with its setting, its seed and the
machine; the report reads it from there. Results with the same setting are kept: to measure one anew, take it out of the
file. The parameters of the best recipe are in best.npz beside it.
"""

import json
import sys
from functools import partial

import gated
import joblib
import numpy as np
from bench import BOOK, HERE, machine

import rnn_core as rnn
from lab.bugs import bug
from lab.checkpoint import Checkpoint, save_params
from lab.interventions import keep_W, resize
from lab.measured import BEST_PARAMS, BEST_RECIPE, CURVE_EVERY, LONG_RUNS, STEPS_PER_EPOCH
from lab.memory import basins, bits_by_context
from lab.sweep import BEST, EVERY, SETTINGS, run
from lab.yardsticks import NGram, compressed_bits_per_character

UNFINISHED = HERE.parent / "build"  # checkpoints of runs that take minutes
THREE_EPOCHS = 3 * STEPS_PER_EPOCH


def three_times(ids):
    """The book three times end to end, as one text: the state is never set to zero."""
    return np.tile(ids, 3)


def beginning(ids):
    """The characters that 10,000 steps of 25 read."""
    return ids[:250_001]


def forget(params, x, y, fwd):
    """The right gradient, but the state that is carried on is set to zero."""
    grads = rnn.backward(params, x, y, fwd)
    fwd.h[-1] = 0
    return grads


ADAGRAD = {**SETTINGS["AdaGrad 0.1, N(0, 0.01²)"], "steps": THREE_EPOCHS, "seeds": 8}
ADAM = {**SETTINGS["Adam 0.002, cosine, orthogonal"], "steps": 10_000}
BATCHES = {**BEST, "reading": {**BEST["reading"], "batch_size": 16}, "steps": 66_000}
# The larger, the smaller the steps: chosen, with one seed, on the last 5 % of the training part
RATES = {25: 0.016, 50: 0.016, 100: 0.008, 200: 0.004, 400: 0.002}
STARTS = {"G from 1e-8": SETTINGS["AdaGrad 0.1, N(0, 0.01²)"], "G from 10": SETTINGS["AdaGrad 0.1, G from 10"]}
WRONG = ("No gradient carried to the earlier step", "tanh' applied before the carried gradient is added")
GRADIENTS = {"right": rnn.backward} | {name: bug(name).backward for name in WRONG}
ORTHOGONAL, LARGE_U = {"scheme": "orthogonal"}, {"scheme": "orthogonal", "first": partial(resize, U=1.0, W=0.5)}
PAIRS = {
    "AdaGrad": STARTS["G from 1e-8"],
    "AdaGrad, orthogonal W": {**STARTS["G from 1e-8"], **ORTHOGONAL},
    "G from 10, orthogonal W": {**STARTS["G from 10"], **ORTHOGONAL},
    "G from 10, orthogonal W / 2, U from N(0, 1)": {**STARTS["G from 10"], **LARGE_U},
    "Adam, orthogonal W": {"optimizer": rnn.Adam, **ORTHOGONAL},
    "Adam, orthogonal W / 2, U from N(0, 1)": {"optimizer": rnn.Adam, **LARGE_U},
}
SIDE_BY_SIDE = "Adam 0.008, cosine, orthogonal, B = 16"
NO_W = {**PAIRS["Adam, orthogonal W"], "first": partial(resize, W=0.0), "backward": keep_W}
PARTS = {  # for each way to train: the arguments of `lab.sweep.run` and, under `text`, what to read
    "recipes": {
        "Adam 0.001, scaled": {**SETTINGS["Adam 0.001, scaled"], "steps": THREE_EPOCHS},
        "Adam 0.002, cosine, orthogonal": {**ADAM, "steps": THREE_EPOCHS},
        BEST_RECIPE: {**BEST, "steps": 132_000},
    },
    # What does setting the state to zero cost, and what makes the network fail there?
    "reset": {
        "reset": ADAGRAD,
        "no reset": {**ADAGRAD, "text": three_times},
        "G from 1": {**ADAGRAD, "optimizer": partial(rnn.AdaGrad, g2=1.0)},
        "G from 10": {**ADAGRAD, "optimizer": partial(rnn.AdaGrad, g2=10.0)},
        "G from 100": {**ADAGRAD, "optimizer": partial(rnn.AdaGrad, g2=100.0)},
    },
    # How far back must gradients reach? Each update sees 200 characters.
    "lengths": {
        f"T = {T}": {
            **ADAM, "optimizer": partial(rnn.Adam, 0.008), "steps": 4000,
            "reading": {"seq_length": T, "batch_size": 200 // T},
        }
        for T in (1, 2, 5, 10, 25, 50, 100)
    },
    # From each line to the next, one thing changes: the state, the order, the text.
    "order": {
        "the beginning in order": {**ADAM, "text": beginning},
        "the beginning in order, forgetting": {**ADAM, "text": beginning, "backward": forget},
        "the beginning at random": {**ADAM, "text": beginning, "reading": {"order": "random"}},
        "the whole book at random": {**ADAM, "reading": {"order": "random"}},
    },
    # How many bits do more parameters save?
    "sizes": {
        f"m = {m}": {**BATCHES, "hidden_size": m, "optimizer": partial(rnn.Adam, rate)} for m, rate in RATES.items()
    },
    # Does a wrong gradient show in what training comes to?
    "bugs": {
        f"{start}, {code}": {**way, "steps": 10_000, "backward": backward}
        for start, way in STARTS.items()
        for code, backward in GRADIENTS.items()
    },
    # What do batches bring for the same number of steps, and for the same number of characters?
    "batches": {
        "B = 16": {**SETTINGS[SIDE_BY_SIDE], "steps": 10_000},
        "B = 16, fewer steps": {**SETTINGS[SIDE_BY_SIDE], "steps": 625},
    },
    # What is training W worth?
    "W": {
        f"{name}, W {kept}": {**way, "steps": 10_000, **({"backward": keep_W} if kept == "kept" else {})}
        for name, way in PAIRS.items()
        for kept in ("trained", "kept")
    } | {"W = 0": {**NO_W, "steps": 10_000}},
    # How large should U be at first?
    "U": {
        f"{name}, {deviation}": {**SETTINGS[name], "steps": 10_000, "first": partial(resize, U=deviation)}
        for name in ("AdaGrad 0.1, G from 10", "Adam 0.001, scaled", "Adam 0.002, cosine, orthogonal")
        for deviation in (0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
    },
    # What is left of the gain of a large first U after three epochs?
    "U-later": {
        name: {**SETTINGS[name], "steps": THREE_EPOCHS, "first": partial(resize, U=1.0)}
        for name in ("AdaGrad 0.1, G from 10", "Adam 0.002, cosine, orthogonal")
    },
    # What do gates bring a network with as many parameters?
    "gates": {
        "vanilla": {**ADAM, "steps": STEPS_PER_EPOCH},
        "gated": {
            "run": gated.run, "optimizer": partial(rnn.Adam, 0.008), "schedule": "cosine", "steps": STEPS_PER_EPOCH,
            "hidden_size": 54,
        },
    },
}  # fmt: skip


def seeds(part, name):
    """The seeds that a way is measured from: five, if its setting does not say how many."""
    return range(PARTS[part][name].get("seeds", 5))


def described(setting):
    """A setting in words and numbers, for the file."""

    def word(value):
        if isinstance(value, partial):
            named = (f"{name}={argument}" for name, argument in value.keywords.items())
            return f"{value.func.__name__}({', '.join([*map(str, value.args), *named])})"
        return getattr(value, "__name__", value)

    return {key: word(value) for key, value in setting.items() if key != "seeds"}


def data():
    """The vocabulary, the characters to train on and those held out, as in the report."""
    book = rnn.read_book(BOOK)
    vocab = rnn.Vocabulary(book)
    ids = vocab.encode(book)
    held_out = int(0.95 * len(book))
    return vocab, ids[:held_out], ids[held_out:]


def ngrams():
    """Bits per character held out of n-grams up to order 7, and how many numbers they keep: n-grams, back-off weights.

    Returns
    -------
    dict of str to list of dict
        "every": with every n-gram, by order. "pruned": the rare ones left out, from small models to large ones. Which
        order goes with which threshold is chosen on the last 5 % of the training part.
    """
    vocab, ids, held_out_ids = data()
    known = int(0.95 * len(ids))

    def models(read, then):
        whole, found = NGram(read, vocab.size, order=7), {}
        for least in (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128):
            ngram = whole.pruned(least)
            numbers = ngram.parameters().tolist(), ngram.back_off_weights().tolist(), ngram.bits_by_order(then).tolist()
            for order, (kept, weights, bits) in enumerate(zip(*numbers, strict=True)):
                found[order, least] = {
                    "order": order,
                    "least": least,
                    "n-grams": kept,
                    "weights": weights,
                    "bits": bits,
                }
        return found

    chosen, found = models(ids[:known], ids[known:]), models(ids, held_out_ids)
    useful = [  # no other that is smaller needs fewer bits
        key
        for key, model in chosen.items()
        if all(model["bits"] <= other["bits"] for other in chosen.values() if other["n-grams"] <= model["n-grams"])
    ]
    pruned = [found[key] for key in useful if found[key]["order"] > 1]
    return {
        "every": [found[order, 1] for order in range(1, 8)],
        "pruned": sorted(pruned, key=lambda model: model["n-grams"]),
    }


def ppmd():
    """Bits per character held out of PPMd, a compressor for text, primed with the training text; None without pyppmd.

    It looks back 16 characters and may use 256 MiB.
    """
    try:
        from pyppmd import compress
    except ImportError:
        return None
    vocab, ids, held_out_ids = data()
    texts = vocab.decode(ids), vocab.decode(held_out_ids)
    return compressed_bits_per_character(*texts, partial(compress, max_order=16, mem_size=1 << 28))


def measure(part, name, seed):
    """The result of one run: a dict of numbers and lists."""
    vocab, ids, held_out_ids = data()
    setting = {key: value for key, value in PARTS[part][name].items() if key != "seeds"}
    text, hidden_size = setting.pop("text", np.asarray), setting.pop("hidden_size", 100)
    arguments, train_once = (seed, vocab, text(ids), held_out_ids, hidden_size), setting.pop("run", run)
    if train_once is run and setting["steps"] > 50_000:
        checkpoint = Checkpoint(UNFINISHED / f"{part}-{name}-{seed}.npz".replace(" ", "-"))
        outcome = run({**setting, "checkpoint": checkpoint}, *arguments)
        checkpoint.path.unlink()
    else:
        outcome = train_once(setting, *arguments)
    size = setting.get("reading", {})
    result = {
        "parameters": outcome.params.flat.size,
        "steps": setting["steps"],
        "characters": setting["steps"] * size.get("batch_size", 1) * size.get("seq_length", 25),
        "lowest": outcome.lowest,
        "last": float(outcome.smooth_losses[-1]),
        "bits": outcome.bits,
        "seconds": round(outcome.seconds, 1),
    }
    if part == "reset":
        # The same run, as it is when the second epoch begins
        before = run({**setting, "steps": STEPS_PER_EPOCH}, *arguments)
        result |= basins(before.params, ids, before.h)
        if seed == 0:
            result["curve"] = outcome.smooth_losses[:: CURVE_EVERY // EVERY].round(2).tolist()
    if part == "gates":
        forward = rnn.forward if train_once is run else gated.forward
        result["context"] = bits_by_context(outcome.params, held_out_ids, outcome.h, forward=forward).tolist()
    if name == BEST_RECIPE and seed == 0:
        save_params(BEST_PARAMS, outcome.params, vocab)
        result["text"] = rnn.synthesize(outcome.params, vocab, 1000, ".", seed=seed, h0=outcome.h)
    return result


def main(*parts):
    unknown = set(parts).difference(PARTS)
    if unknown:
        sys.exit(f"There is no part {min(unknown)!r}: choose from {', '.join(PARTS)}.")
    UNFINISHED.mkdir(exist_ok=True)
    stored = json.loads(LONG_RUNS.read_text(encoding="utf-8")) if LONG_RUNS.exists() else {}

    def kept(part, name):
        """The stored results with the same setting."""
        way, setting = stored.get(part, {}).get("ways", {}).get(name, {}), described(PARTS[part][name])
        return way if way.get("setting") == setting else {"setting": setting, "seeds": {}}

    results, jobs = {"ngrams": ngrams(), "PPMd": ppmd() or stored.get("PPMd")}, []
    for part in PARTS:
        if part in stored or part in (parts or PARTS):
            ways = {name: kept(part, name) for name in PARTS[part]}
            results[part] = {"machine": stored.get(part, {}).get("machine") or machine(), "ways": ways}
        if part in (parts or PARTS):
            jobs += [(part, name, n) for name in ways for n in seeds(part, name) if str(n) not in ways[name]["seeds"]]

    def save():
        LONG_RUNS.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    save()
    outcomes = joblib.Parallel(n_jobs=-1, return_as="generator")(joblib.delayed(measure)(*job) for job in jobs)
    for (part, name, seed), outcome in zip(jobs, outcomes, strict=True):
        of_seeds = results[part]["ways"][name]["seeds"]
        of_seeds[str(seed)] = outcome
        results[part]["ways"][name]["seeds"] = dict(sorted(of_seeds.items()))
        save()
        print(f"{part}, {name}, seed {seed}: {outcome['bits']:.3f} bits held out", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
