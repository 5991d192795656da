"""How fast the network learns, beside other libraries that do the same work: `make bench`.

One process on one core; what is compared takes turns of a few steps, so that a busy moment of the machine hits all
alike. The results go to `lab.measured`; `page.py` makes the page and the figure of them.
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
from ladder import rungs
from limit import bare_step, bytes_moved, machine_limits, operations

import rnn_core as rnn
from lab.gradients import check_gradients
from lab.measured import SPEED, speed
from lab.training import Reading, train

HERE = Path(__file__).parent
BOOK = HERE.parent / "data" / "the_drowned_bell.txt"
T, M, ETA, CLIP = 25, 100, 0.1, 5.0
BATCHES = {1: 100, 16: 20, 64: 8}  # B, and how many steps a turn has
BASE, BARE = "rnn_core", "its NumPy calls alone"
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


# ------------------------------------------------------------------- the same training in every library
#
# Each of these makes, for a book of K characters, B and a dtype, a function (steps) -> (losses, seconds) that starts
# anew each time.


def batches(ids, B, steps):
    """The x and y of the first steps, each int64 (steps, T, B), as lab.training.train reads them."""
    x, y, _ = zip(*Reading(ids, T, B).steps(0, steps), strict=True)
    return tuple(np.reshape(text, (steps, T, B)).astype(np.int64) for text in (x, y))


def with_rnn_core(K, ids, B, dtype):
    params = rnn.init_params(K, M, dtype=dtype)

    def run(steps):
        result = train(params, Reading(ids, T, B), steps=steps, progress=False)
        return result.losses, result.seconds

    return run


def with_numpy_calls(K, ids, B, dtype):
    x, y, _ = next(Reading(ids, T, B).steps(0, 1))
    step = bare_step(rnn.init_params(K, M, dtype=dtype), x, y)

    def run(steps):
        started = time.perf_counter()
        for _ in range(steps):
            step()
        return np.full(steps, np.nan), time.perf_counter() - started

    return run


def with_torch(K, ids, B, dtype, fused=False, compiled=False):
    import torch
    from torch.nn.functional import cross_entropy, embedding

    torch.set_num_threads(1)
    kind, first = torch.from_numpy(np.zeros(0, dtype)).dtype, rnn.init_params(K, M, dtype=dtype)
    net, out = torch.nn.RNN(K, M, dtype=kind), torch.nn.Linear(M, K, dtype=kind)
    net.bias_hh_l0.requires_grad_(False)  # PyTorch adds two biases; the equations have one
    weights = {"W": net.weight_hh_l0, "U": net.weight_ih_l0, "V": out.weight, "b": net.bias_ih_l0, "c": out.bias}
    one_hot = torch.eye(K, dtype=kind)

    def loss_of(states, y):
        return cross_entropy(out(states).reshape(-1, K), y.reshape(-1), reduction="sum") / B

    def forward(h, x, y):
        states, h = net(one_hot[x], h)
        return loss_of(states, y), h.detach()

    def forward_by_index(h, x, y):  # nn.RNN multiplies all that it is given by U, so this is a loop
        (h,), states = h, []
        for U_x in embedding(x, weights["U"]) + weights["b"]:
            h = torch.tanh(torch.addmm(U_x, h, weights["W"]))
            states.append(h)
        return loss_of(torch.stack(states), y), h.detach()[None]

    transposed = "UW" if compiled or K > 100 else ""  # where the index is faster
    if transposed:
        forward = forward_by_index
        weights |= {name: torch.nn.Parameter(weights[name].detach().T.contiguous()) for name in transposed}
    if compiled:
        forward = torch.compile(forward)

    def run(steps):
        x, y = map(torch.from_numpy, map(np.ascontiguousarray, batches(ids, B, steps)))
        with torch.no_grad():
            net.bias_hh_l0.zero_()
            for name, weight in weights.items():
                value = getattr(first, name).T if name in transposed else getattr(first, name)
                weight.copy_(torch.from_numpy(np.ascontiguousarray(value)))
        optimizer = torch.optim.Adagrad(weights.values(), ETA, initial_accumulator_value=1e-8, eps=0, fused=fused)
        losses, h, started = np.empty(steps), torch.zeros(1, B, M, dtype=kind), time.perf_counter()
        for n in range(steps):
            optimizer.zero_grad()
            loss, h = forward(h, x[n], y[n])
            loss.backward()
            torch.nn.utils.clip_grad_value_(weights.values(), CLIP)
            optimizer.step()
            losses[n] = loss.item()
        return losses, time.perf_counter() - started

    return run


def with_jax(K, ids, B, dtype, whole=False):
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    first, tree = rnn.init_params(K, M, dtype=dtype), jax.tree.map
    unroll = 1 if B == 1 else T  # of the loop over t: what is faster

    def loss_of(params, h, x, y):
        def cell(h, U_x):
            h = jnp.tanh(h @ params["W"].T + U_x)
            return h, h

        h, states = jax.lax.scan(cell, h, params["U"].T[x] + params["b"], unroll=unroll)
        o = states @ params["V"].T + params["c"]
        o_y = jnp.take_along_axis(o, y[..., None], -1)[..., 0]
        return (jax.nn.logsumexp(o, -1) - o_y).sum() / B, h  # faster than log_softmax, of which one entry is taken

    def step(state, text):
        params, g2, h = state
        (loss, h), grads = jax.value_and_grad(loss_of, has_aux=True)(params, h, *text)
        grads = tree(lambda g: jnp.clip(g, -CLIP, CLIP), grads)
        g2 = tree(lambda s, g: s + g * g, g2, grads)
        params = tree(lambda theta, g, s: theta - ETA * g / jnp.sqrt(s), params, grads, g2)
        return (params, g2, h), loss

    one_step = jax.jit(step, donate_argnums=0)
    all_steps = jax.jit(lambda state, texts: jax.lax.scan(step, state, texts))

    def run(steps):
        texts = [text.astype(np.int32) for text in batches(ids, B, steps)]
        params = {name: jnp.array(getattr(first, name)) for name in rnn.Params.names}
        g2, h = tree(lambda theta: jnp.full_like(theta, 1e-8), params), jnp.zeros((B, M), dtype)
        state, losses, started = (params, g2, h), [], time.perf_counter()
        if whole:
            state, losses = all_steps(state, texts)
        else:
            for n in range(steps):
                state, loss = one_step(state, [text[n] for text in texts])
                losses.append(loss)
        losses = np.array(losses)  # waits for the last step
        return losses, time.perf_counter() - started

    return run


CONTESTANTS = {  # how each is made
    BASE: with_rnn_core,
    "PyTorch, eager": with_torch,
    "PyTorch, eager, fused AdaGrad": partial(with_torch, fused=True),
    "PyTorch, compiled, fused AdaGrad": partial(with_torch, fused=True, compiled=True),
    "JAX, a jit of one step": with_jax,
    "JAX, all steps in one scan": partial(with_jax, whole=True),
}


def contestants(vocab, K, ids, B, dtype, able):
    """Those that take part: a function (steps) -> (losses, seconds) of each."""
    ladder = rungs(vocab, ids, M, T, dtype=dtype) if B == 1 and K == vocab.size else {}
    libraries = {
        name: make(K, ids, B, dtype)
        for name, make in CONTESTANTS.items()
        if name in able and not ("compiled" in name and dtype == np.float64)
    }
    return ladder | {BARE: with_numpy_calls(K, ids, B, dtype)} | libraries


def available(vocab, ids):
    """The names of the contestants that can run here, after proof that all do the same work.

    In float64 and from the same start, the losses of the first steps must be those of rnn_core to 1e-4: rounding grows
    from step to step, mistakes would show at once. Compiling takes long, so that is done for float32 alone, and for
    the book.
    """
    able, many = [], book_of(500)
    for name, make in CONTESTANTS.items():
        compiled = "compiled" in name
        dtype, steps, books = (np.float32, 3, [ids]) if compiled else (np.float64, 10, [ids, many])
        try:
            worst = 0.0
            for text in books:
                K = vocab.size if text is ids else 500
                for B in BATCHES:
                    expected, losses = (
                        with_rnn_core(K, text, B, np.float64)(steps)[0],
                        make(K, text, B, dtype)(steps)[0],
                    )
                    worst = max(worst, np.abs(losses / expected - 1).max())
        except ImportError as error:
            print(f"{name}: skipped, {error}")
            continue
        except Exception as error:
            if not compiled:
                raise
            print(f"{name}: skipped, it does not compile here ({type(error).__name__})")
            continue
        if not worst < 1e-4:
            sys.exit(f"{name} does not do the same work: in {steps} steps its losses differ by up to {worst:.1e}.")
        print(f"{name}: the same losses, to {worst:.0e}", flush=True)
        able.append(name)
    return able


# ------------------------------------------------------------------------------------- measuring


def book_of(K, length=200_000):
    """A book of so many characters, of which the n-th occurs about 1 / n as often as the first, in any order."""
    rng, p = np.random.default_rng(0), 1 / np.arange(1, K + 1)
    return rng.permutation(K)[rng.choice(K, length, p=p / p.sum())].astype(np.uint16)


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
            steps = max(2, BATCHES[B] * 79 // K)
            turns = interleave(runs, steps, seconds)
            rows.append({"K": K, "dtype": np.dtype(dtype).name, "B": B, "steps": steps} | summary(turns))
            print(f"K = {K}, {np.dtype(dtype).name}, B = {B}: {rows[-1]['rounds']} rounds", flush=True)
    return rows


def summary(turns):
    """Of each contestant: the quartiles of its times, and of its ratios to rnn_core within a round."""
    return {
        "rounds": len(turns[BASE]),
        "us": {name: np.percentile(times, [25, 50, 75]).tolist() for name, times in turns.items()},
        "ratio": {name: np.percentile(times / turns[BASE], [25, 50, 75]).tolist() for name, times in turns.items()},
    }


def limits():
    """For each row of `compare` in float32, what the arithmetic allows: microseconds."""
    peak, bandwidth = machine_limits()
    rows = [
        {"K": K, "B": B, "operations": 1e6 * operations(M, K, T, B) / peak,
         "bytes": 1e6 * bytes_moved(M, K, T, B, dtype) / bandwidth}
        for K, dtype, sizes, _ in COMPARED if dtype == np.float32 for B in sizes
    ]  # fmt: skip
    return {"gflops": peak / 1e9, "gigabytes": bandwidth / 1e9, "rows": rows}


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


def check_and_write(vocab, ids):
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
    """Megabytes resident at most so far, in this process."""
    import resource  # Windows has none

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def memory_of_a_large_book(path):
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


def memory():
    """`memory_of_a_large_book` in a process of its own, started before the large libraries are loaded here."""
    with tempfile.TemporaryDirectory() as folder:
        large = Path(folder) / "large.txt"
        book = BOOK.read_bytes()
        large.write_bytes(book * (100_000_000 // len(book) + 1))
        command = [sys.executable, __file__, "--memory", large]
        return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


# ------------------------------------------------------------------------------------- writing it down


def machine():
    """The processor, and the versions of what was measured."""
    cpu = Path("/proc/cpuinfo")
    names = re.findall(r"model name\s*: (.*)", cpu.read_text(encoding="utf-8")) if cpu.exists() else []
    versions = {"Python": platform.python_version()}
    for package in ("numpy", "torch", "jax"):
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
    """Add to a result what only the one before it has, since a library is missing now, with the day and the machine."""
    when, older = f"{before['date']}, {before['processor']}", result["older"]
    rows = {(row["K"], row["dtype"], row["B"]): row for row in before["turns"]}
    for row in result["turns"]:
        was = rows.get((row["K"], row["dtype"], row["B"]), {"us": {}})
        for name in [name for name in CONTESTANTS if name in was["us"] and name not in row["us"]]:
            row["us"][name], row["ratio"][name] = was["us"][name], was["ratio"][name]
            older[name] = before["older"].get(name, when)
    if "autograd" in before and "autograd" not in result:
        result["autograd"], older["autograd"] = before["autograd"], before["older"].get("autograd", when)


def main():
    if hasattr(os, "sched_setaffinity"):  # one core, for the threads that no setting reaches
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    text = rnn.read_book(BOOK)
    vocab = rnn.Vocabulary(text)
    ids = vocab.encode(text)
    result = {"date": f"{date.today()}"} | machine() | {"memory_mb": memory(), "limits": limits()}
    result["turns"] = compare(vocab, ids, available(vocab, ids))
    result["growth"] = growth(vocab, ids, 1e9 * result["limits"]["gflops"])
    result["check_seconds"], result["synthesis_seconds"] = check_and_write(vocab, ids)
    result |= autograd_error(vocab, ids) | {"older": {}}
    if SPEED.exists():
        keep_older(result, speed())
    SPEED.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    memory_of_a_large_book(sys.argv[2]) if sys.argv[1:2] == ["--memory"] else main()
