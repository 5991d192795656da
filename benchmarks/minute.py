"""What a minute of training on one core comes to: the recipe "best in a minute", and PyTorch's recurrent networks.

    python benchmarks/minute.py cost    what an update step costs, alone on the machine: 20 seconds
    python benchmarks/minute.py         the training, from all seeds
    python benchmarks/minute.py 0 1     from these seeds alone

All read the same book in the same way. Each makes as many update steps as fit into 60 seconds by what they cost, which
is measured in turns, in one process on one core; so the training itself need not be alone on the machine. The results
go to `lab.measured`, where what is there already is kept; `readme.py` writes them into README.md.
"""
# ruff: noqa: I001 - bench comes before NumPy, since it tells every library to use one thread

from bench import BOOK, interleave, machine

import json
import os
import sys
import time
from functools import partial

import numpy as np

import rnn_core as rnn
from lab.measured import MINUTE
from lab.sweep import RECIPES, held_out_length, prepare
from lab.train import bits_after
from lab.training import SCHEDULES, Reading, train

OURS = "best in a minute"


def by_our_recipe(vocab, ids, seed):
    """A function (steps) -> (parameters, seconds) that trains with the recipe, and one that says how well they read."""
    way = RECIPES[OURS]

    def run(steps):
        params, options = prepare(way, vocab.size, way["hidden_size"], seed)
        reading = Reading(ids, seed=seed, **way["reading"])
        made = train(params, reading, progress=False, **{**options, "steps": steps})
        return made.params, made.seconds

    def read(params, then):
        text = rnn.synthesize(params, vocab, 1000, seed=seed)
        return {"parameters": params.flat.size, "bits": bits_after(params, ids, then), "text": text}

    return run, read


def by_torch(kind, hidden_size, eta, vocab, ids, seed, clip=1.0):
    """The same with torch.nn.RNN, GRU or LSTM: one layer, fused Adam, the same batches and the same schedule."""
    import torch
    from torch.nn.functional import cross_entropy

    torch.set_num_threads(1)
    K, one_hot = vocab.size, torch.eye(vocab.size)
    reading = Reading(ids, seed=seed, **RECIPES[OURS]["reading"])

    def tensor(ids):
        return torch.from_numpy(np.ascontiguousarray(ids, np.int64))

    def run(steps):
        torch.manual_seed(seed)
        net, out = getattr(torch.nn, kind)(K, hidden_size), torch.nn.Linear(hidden_size, K)
        weights, h, started = [*net.parameters(), *out.parameters()], None, time.perf_counter()
        optimizer = torch.optim.Adam(weights, eta, fused=True)
        for n, (x, y, fresh) in enumerate(reading.steps(0, steps)):
            states, h = net(one_hot[tensor(x)], None if fresh else h)
            h = tuple(state.detach() for state in h) if kind == "LSTM" else h.detach()
            loss = cross_entropy(out(states).reshape(-1, K), tensor(y).reshape(-1))
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(weights, clip)
            optimizer.param_groups[0]["lr"] = eta * SCHEDULES["warm-up, linear"](n / steps)
            optimizer.step()
        return (net, out), time.perf_counter() - started

    def read(made, then):
        (net, out), end = made, np.concatenate([ids[-1001:], then])
        with torch.no_grad():
            states, _ = net(one_hot[tensor(end[:-1])])
            nats = cross_entropy(out(states)[1000:], tensor(end[1001:])).item()
        size = sum(weight.numel() for part in made for weight in part.parameters())
        return {"parameters": size, "bits": float(nats / np.log(2))}

    return run, read


# Of each, the size and the rate: the best of those tried, by the bits of the last 5% of the training part
CONTESTANTS = {
    OURS: by_our_recipe,
    "torch.nn.RNN": partial(by_torch, "RNN", 256, 0.006),
    "torch.nn.GRU": partial(by_torch, "GRU", 192, 0.012),
    "torch.nn.LSTM": partial(by_torch, "LSTM", 160, 0.012),
}
SEEDS = {OURS: 5}  # of the others three


def stored():
    """What was measured so far."""
    return json.loads(MINUTE.read_text(encoding="utf-8")) if MINUTE.exists() else {"us": {}, "runs": {}}


def store(result):
    MINUTE.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def able(vocab, ids, seed):
    """Those whose library is there: their functions, by name."""
    found = {}
    for name, contestant in CONTESTANTS.items():
        try:
            found[name] = contestant(vocab, ids, seed)
        except ImportError as error:
            print(f"{name}: skipped, {error}")
    return found


def cost(vocab, ids):
    """Measure the microseconds of an update step in turns; of each, the quickest turn was disturbed least."""
    runs = {name: run for name, (run, _) in able(vocab, ids, 0).items()}
    us = {name: round(times.min()) for name, times in interleave(runs, 12, 16).items()}
    result = stored()
    store(result | {"machine": machine(), "us": result["us"] | us})
    print(us)


def learn(vocab, ids, then, seeds):
    """Train each for 60 seconds' worth of update steps, from each seed, and store what comes of it at once."""
    for seed in seeds:
        for name, (run, read) in able(vocab, ids, seed).items():
            if seed < SEEDS.get(name, 3):
                steps = 60_000_000 // stored()["us"][name]
                made, seconds = run(steps)
                outcome = {"steps": steps, "seconds": round(seconds, 1)} | read(made, then)
                result = stored()
                of_seeds = result["runs"].setdefault(name, {})
                of_seeds[str(seed)] = outcome
                store(result)
                print(f"{name}, seed {seed}: {outcome['bits']:.3f} bits held out, {seconds:.0f} s", flush=True)


def main(*words):
    if hasattr(os, "sched_setaffinity"):  # one core, for the threads that no setting reaches
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    text = rnn.read_book(BOOK)
    vocab, n = rnn.Vocabulary(text), held_out_length(len(text))
    ids = vocab.encode(text)
    if words == ("cost",) or not stored()["us"]:
        cost(vocab, ids[:-n])
    if words != ("cost",):
        learn(vocab, ids[:-n], ids[-n:], map(int, words or range(5)))


if __name__ == "__main__":
    main(*sys.argv[1:])
