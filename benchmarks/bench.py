"""How fast the network learns, beside other libraries that do the same work: `make bench`.

One process on one core; what is compared takes turns of a few steps, so that a busy moment of the machine hits all
alike. The results go to `lab.measured`; `readme.py` writes them into README.md and draws its figures.
"""
# ruff: noqa: E402 - what the libraries are told must be set before they are loaded

import os

for library in ("OPENBLAS", "OMP", "MKL", "VECLIB_MAXIMUM"):
    os.environ[f"{library}_NUM_THREADS"] = "1"
for limit in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):  # every library uses what the processor has
    os.environ.pop(limit, None)
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
os.environ["JAX_PLATFORMS"] = "cpu"

import importlib.metadata
import json
import platform
import re
import subprocess
import sys
import tempfile
import time
from datetime import date
from functools import partial
from pathlib import Path

import numpy as np
from contestants import BASE, BATCHES, CONTESTANTS, M, T, available, book_of, contestants
from limit import bytes_moved, in_series, machine_limits, operations

import rnn_core as rnn
from lab.gradients import check_gradients
from lab.measured import SPEED, speed
from lab.training import Reading, train

HERE = Path(__file__).parent
BOOK = HERE.parent / "data" / "the_drowned_bell.txt"
COMPARED = [  # K, dtype, the B, seconds for each
    (79, np.float32, (1, 16, 64), 20),
    (79, np.float64, (1, 16, 64), 8),
    (500, np.float32, (1, 16), 8),
    (5000, np.float32, (1, 16), 12),
]
GROWTH = {  # (T, m, B)
    "T = 25 to 400": [(T, M, 1) for T in (25, 50, 100, 200, 400)],
    "m = 50 to 800": [(T, m, 1) for m in (50, 100, 200, 400, 800)],
    "m = 50 to 800, B = 64": [(T, m, 64) for m in (50, 100, 200, 400, 800)],
    "B = 1 to 256": [(T, M, B) for B in (1, 4, 16, 64, 256)],
}


def interleave(runs, steps, seconds, rounds=1000):
    """Measure several ways to train in turn, again and again, so that a busy moment of the machine hits all alike.

    Parameters
    ----------
    runs : dict of str: function (steps) -> (losses, seconds)
    steps : int
        How many update steps a turn has.
    seconds, rounds : float, int
        No further round begins after this time, or so many rounds; there are at least three.

    Returns
    -------
    dict of str: ndarray (rounds,)
        Microseconds per update step, turn by turn.
    """
    for run in runs.values():
        run(steps)  # the first turn is slow everywhere: caches, compilers
    turns, started = [], time.perf_counter()
    while len(turns) < 3 or (len(turns) < rounds and time.perf_counter() - started < seconds):
        turns.append([1e6 * run(steps)[1] / steps for run in runs.values()])
    return dict(zip(runs, np.transpose(turns), strict=True))


def compare(vocab, ids, able):
    """The microseconds per update step of each contestant: a row for each K, dtype and B, see `summary`."""
    rows = []
    for K, dtype, sizes, seconds in COMPARED:
        for B in sizes:
            runs = contestants(vocab, K, ids if vocab.size == K else book_of(K), B, dtype, able)
            steps = max(10, BATCHES[B] * 79 // K)  # the first of a turn also touch memory that is new
            turns = interleave(runs, steps, seconds)
            rows.append({"K": K, "dtype": np.dtype(dtype).name, "B": B, "steps": steps} | summary(turns))
            print(f"K = {K}, {np.dtype(dtype).name}, B = {B}: {rows[-1]['rounds']} rounds", flush=True)
    return rows


def summary(turns):
    """For each contestant, the quartiles of its times, and of its ratios to rnn_core within a round."""
    return {
        "rounds": len(turns[BASE]),
        "us": {name: np.percentile(times, [25, 50, 75]).tolist() for name, times in turns.items()},
        "ratio": {name: np.percentile(times / turns[BASE], [25, 50, 75]).tolist() for name, times in turns.items()},
    }


def limits():
    """For each row of `compare` in float32, what the arithmetic allows: microseconds."""
    of_machine = machine_limits()
    rows = [
        {"K": K, "B": B, "operations": 1e6 * operations(M, K, T, B) / of_machine["peak"],
         "bytes": 1e6 * bytes_moved(M, K, T, B, dtype) / of_machine["bandwidth"],
         "in series": 1e6 * in_series(of_machine, M, K, T, B, dtype)}
        for K, dtype, sizes, _ in COMPARED if dtype == np.float32 for B in sizes
    ]  # fmt: skip
    return {"machine": of_machine, "rows": rows}


def growth(vocab, ids, peak):
    """How the time of a step of rnn_core in float32 grows: a row for each point of GROWTH."""
    rows = []
    for seq_length, m, B in dict.fromkeys(point for points in GROWTH.values() for point in points):
        flops = operations(m, vocab.size, seq_length, B)
        steps, reading = int(np.clip(1e9 / flops, 3, 100)), Reading(ids, seq_length, B)
        params = rnn.init_params(vocab.size, m, dtype=np.float32)
        seconds = min(train(params, reading, steps=steps, progress=False).seconds for _ in range(5)) / steps
        rows.append({"T": seq_length, "m": m, "B": B, "us": 1e6 * seconds, "gflops": flops / seconds / 1e9})
    return [row | {"of_peak": 1e9 * row["gflops"] / peak} for row in rows]


def check_and_synthesize(vocab, ids):
    """The seconds of a full central-difference check at m = 10, and of 100,000 characters written, at best."""
    small, large = rnn.init_params(vocab.size, 10), rnn.init_params(vocab.size, M, dtype=np.float32)
    tasks = (
        partial(check_gradients, small, ids[:T], ids[1 : T + 1], np.zeros(10), method="central", progress=False),
        partial(rnn.synthesize, large, vocab, 100_000),
    )
    best = []
    for task in tasks:
        times = []
        for _ in range(3):
            started = time.perf_counter()
            task()
            times.append(time.perf_counter() - started)
        best.append(min(times))
    return best


def peak_memory():
    """The peak resident size of this process so far, in megabytes."""
    import resource  # Windows has none

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def peaks(path):
    """Train 300 steps on a book of 100 MB; the peak after each stage, as JSON."""
    stages = {"Python, NumPy and what the bench loads": peak_memory()}
    text = rnn.read_book(path)
    stages["the book read"] = peak_memory()
    vocab = rnn.Vocabulary(text)
    ids = vocab.encode(text)
    stages["its characters numbered"] = peak_memory()
    params = rnn.init_params(vocab.size, M, dtype=np.float32)
    train(params, Reading(ids), steps=300, progress=False)
    stages["300 steps of training"] = peak_memory()
    print(json.dumps(stages))


def peaks_alone():
    """`peaks` in a process of its own, started before the large libraries are loaded here."""
    with tempfile.TemporaryDirectory() as folder:
        large = Path(folder) / "large.txt"
        book = BOOK.read_bytes()
        large.write_bytes(book * (100_000_000 // len(book) + 1))
        command = [sys.executable, __file__, "--peaks", large]
        return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def machine():
    """The processor, and the versions of what was measured."""
    cpu = Path("/proc/cpuinfo")
    names = re.findall(r"model name\s*: (.*)", cpu.read_text(encoding="utf-8")) if cpu.exists() else []
    versions = {"Python": platform.python_version()}
    for package in ("numpy", "torch", "jax", "numba"):
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = "not installed"
    return {"processor": (names or [platform.machine()])[0], "system": platform.system(), "versions": versions}


def autograd_error(vocab, ids):
    """{"autograd": the largest relative error of `backward`, at the point of Table 1}; nothing without PyTorch."""
    try:
        from lab.autograd import autograd
    except ImportError:
        return {}
    point = rnn.init_params(vocab.size, 10), ids[:T], ids[1 : T + 1], np.zeros(10)
    return {"autograd": max(row.relative_error for row in check_gradients(*point, numerical=autograd(*point)))}


def keep_older(result, before):
    """Add to a result the older figures of libraries that are missing now, with their day and machine."""
    when, older = f"{before['date']}, {before['processor']}", result["older"]
    rows = {(row["K"], row["dtype"], row["B"]): row for row in before["turns"]}
    for row in result["turns"]:
        was = rows.get((row["K"], row["dtype"], row["B"]), {"us": {}})
        for name in [name for name in CONTESTANTS if name in was["us"] and name not in row["us"]]:
            row["us"][name], row["ratio"][name] = was["us"][name], was["ratio"][name]
            older[name] = before["older"].get(name, when)
    if "autograd" in before and "autograd" not in result:
        result["autograd"] = before["autograd"]
        older["PyTorch's autograd"] = before["older"].get("PyTorch's autograd", when)


def main():
    if hasattr(os, "sched_setaffinity"):  # one core, for the threads that no setting reaches
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    text = rnn.read_book(BOOK)
    vocab = rnn.Vocabulary(text)
    ids = vocab.encode(text)
    result = {"date": f"{date.today()}"} | machine() | {"memory_mb": peaks_alone(), "limits": limits()}
    result["turns"] = compare(vocab, ids, available(vocab, ids))
    result["growth"] = growth(vocab, ids, result["limits"]["machine"]["peak"])
    result["check_seconds"], result["synthesis_seconds"] = check_and_synthesize(vocab, ids)
    result |= autograd_error(vocab, ids) | {"older": {}}
    if SPEED.exists():
        keep_older(result, speed())
    SPEED.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    peaks(sys.argv[2]) if sys.argv[1:2] == ["--peaks"] else main()
