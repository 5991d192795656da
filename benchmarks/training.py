"""How well the network learns when it is given time, from five seeds: `make long`.

The results go into training.json beside this file; the report shows them (Table 6). It takes half an hour on two cores.
"""

import json

import joblib
from bench import BOOK, HERE, machine

import rnn_core as rnn
from lab.sweep import BEST, SETTINGS, spread, sweep

SEEDS = range(5)
RUNS = {
    name: {**SETTINGS[name], "steps": 133_344}  # three epochs
    for name in ("AdaGrad 0.1, N(0, 0.01²)", "Adam 0.001, scaled", "Adam 0.002, cosine, orthogonal")
}
RUNS["Adam 0.008, cosine, orthogonal, B = 64, 640 chunks, clipped to 0.1"] = {**BEST, "steps": 132_000}


def main():
    text = rnn.read_book(BOOK)
    vocab = rnn.Vocabulary(text)
    ids = vocab.encode(text)
    held_out = int(0.95 * len(text))  # as in the report
    with joblib.parallel_config(n_jobs=-1, verbose=10):
        outcomes = sweep(RUNS, SEEDS, vocab, ids[:held_out], ids[held_out:])
    runs = {
        name: {
            "steps": RUNS[name]["steps"],
            "characters": RUNS[name]["steps"] * RUNS[name].get("reading", {}).get("batch_size", 1) * 25,
            "lowest": [outcome.lowest for outcome in of_seeds],
            "last": [float(outcome.smooth_losses[-1]) for outcome in of_seeds],
            "bits": [outcome.bits for outcome in of_seeds],
            "seconds": [outcome.seconds for outcome in of_seeds],
        }
        for name, of_seeds in outcomes.items()
    }
    (HERE / "training.json").write_text(json.dumps(machine() | {"runs": runs}, indent=1, ensure_ascii=False) + "\n")
    for name, run in runs.items():
        print(f"{name}: lowest smooth loss {spread(run['lowest'])}, {spread(run['bits'], 3)} bits held out")


if __name__ == "__main__":
    main()
