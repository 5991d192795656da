"""How fast the network learns, beside other libraries that do the same work: `make bench`.

One process on one core; what is compared takes turns of a few steps, so that a busy moment of the machine hits all
alike. The results go into README.md, speed.svg and speed.json beside this file.
"""
# ruff: noqa: E402 - the number of threads must be set before the libraries are loaded

import os

for library in ("OPENBLAS", "OMP", "MKL", "VECLIB_MAXIMUM"):
    os.environ[f"{library}_NUM_THREADS"] = "1"
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
os.environ["JAX_PLATFORMS"] = "cpu"

import importlib.metadata
import json
import platform
import re
import resource
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import rnn_core as rnn
from lab.gradcheck import check_gradients
from lab.speed import as_the_equations, interleave, learn
from lab.training import Reading, train
from report.show import COLOURS, LINES, use_house_style

HERE = Path(__file__).parent
BOOK = HERE.parent / "data" / "the_drowned_bell.txt"
T, M, ETA, CLIP = 25, 100, 0.1, 5.0
BATCHES = {1: 100, 16: 30, 64: 10}  # B, and how many steps a turn has
BASE = "rnn_core, float32"
GROWTH = {  # (T, m, B)
    "T = 25 to 400": [(T, M, 1) for T in (25, 50, 100, 200, 400)],
    "m = 50 to 800": [(T, m, 1) for m in (50, 100, 200, 400, 800)],
    "m = 50 to 800, B = 64": [(T, m, 64) for m in (50, 100, 200, 400, 800)],
    "B = 1 to 256": [(T, M, B) for B in (1, 4, 16, 64, 256)],
}


# ------------------------------------------------------------------- the same training in every library
#
# Each of these makes, for a book, B and a dtype, a function (steps) -> (losses, seconds) that starts anew each time.


def batches(ids, B, steps):
    """The x and y of the first steps, each int64 (steps, T, B), as lab.training.train reads them."""
    x, y, _ = zip(*Reading(ids, T, B).steps(0, steps), strict=True)
    return tuple(np.reshape(text, (steps, T, B)).astype(np.int64) for text in (x, y))


def with_rnn_core(vocab, ids, B, dtype):
    params = rnn.init_params(vocab.size, M, dtype=dtype)

    def run(steps):
        result = train(params, Reading(ids, T, B), steps=steps, progress=False)
        return result.losses, result.seconds

    return run


def with_tutorial(vocab, ids, B, dtype):
    return lambda steps: learn(as_the_equations, rnn.init_params(vocab.size, M, dtype=dtype), ids, steps, T)


def with_torch(vocab, ids, B, dtype, fused=False, compiled=False):
    import torch
    from torch.nn.functional import cross_entropy

    torch.set_num_threads(1)
    K, kind, first = vocab.size, torch.from_numpy(np.zeros(0, dtype)).dtype, rnn.init_params(vocab.size, M, dtype=dtype)
    one_hot, net, out = torch.eye(K, dtype=kind), torch.nn.RNN(K, M, dtype=kind), torch.nn.Linear(M, K, dtype=kind)
    net.bias_hh_l0.requires_grad_(False)  # PyTorch adds two biases; the equations have one
    weights = {"W": net.weight_hh_l0, "U": net.weight_ih_l0, "V": out.weight, "b": net.bias_ih_l0, "c": out.bias}

    def forward(h, x, y):
        states, h = net(one_hot[x], h)
        return cross_entropy(out(states).reshape(-1, K), y.reshape(-1), reduction="sum") / B, h.detach()

    if compiled:
        torch._dynamo.config.allow_rnn = True
        forward = torch.compile(forward)

    def run(steps):
        x, y = map(torch.from_numpy, map(np.ascontiguousarray, batches(ids, B, steps)))
        with torch.no_grad():
            net.bias_hh_l0.zero_()
            for name, weight in weights.items():
                weight.copy_(torch.from_numpy(np.ascontiguousarray(getattr(first, name))))
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


def with_jax(vocab, ids, B, dtype, whole=False):
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    first, tree = rnn.init_params(vocab.size, M, dtype=dtype), jax.tree.map
    unroll = 1 if B == 1 else T  # of the loop over t: what is faster

    def loss_of(params, h, x, y):
        def cell(h, z):
            h = jnp.tanh(h @ params["W"].T + z)
            return h, h

        h, states = jax.lax.scan(cell, h, params["U"].T[x] + params["b"], unroll=unroll)
        log_p = jax.nn.log_softmax(states @ params["V"].T + params["c"])
        return -jnp.take_along_axis(log_p, y[..., None], -1).sum() / B, h

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


CONTESTANTS = {  # the name, how it is made, its dtype, the B it is for
    BASE: (with_rnn_core, np.float32, BATCHES),
    "rnn_core, float64": (with_rnn_core, np.float64, BATCHES),
    "tutorial loop, float64": (with_tutorial, np.float64, [1]),
    "PyTorch, eager": (with_torch, np.float32, BATCHES),
    "PyTorch, eager, fused AdaGrad": (partial(with_torch, fused=True), np.float32, BATCHES),
    "PyTorch, compiled, fused AdaGrad": (partial(with_torch, fused=True, compiled=True), np.float32, [1]),
    "JAX, a jit of one step": (with_jax, np.float32, BATCHES),
    "JAX, all steps in one scan": (partial(with_jax, whole=True), np.float32, BATCHES),
}


def available(vocab, ids):
    """The contestants that can run here, after proof that they all do the same work.

    In float64 and from the same start, the losses of the first 20 steps must be those of rnn_core to 1e-4: rounding
    grows from step to step, mistakes would show at once.
    """
    expected, able = {B: with_rnn_core(vocab, ids, B, np.float64)(20)[0] for B in BATCHES}, {}
    for name, (make, dtype, sizes) in CONTESTANTS.items():
        try:
            worst = 0.0
            for B in sizes:
                losses, _ = make(vocab, ids, B, np.float64)(20)
                worst = max(worst, np.abs(losses / expected[B] - 1).max())
        except ImportError as error:
            print(f"{name}: skipped, {error}")
            continue
        except Exception as error:
            if "compiled" not in name:
                raise
            print(f"{name}: skipped, it does not compile here ({type(error).__name__})")
            continue
        if not worst < 1e-4:
            sys.exit(f"{name} does not do the same work: in the first 20 steps its losses differ by up to {worst:.1e}.")
        print(f"{name}: the same losses, to {worst:.0e}")
        able[name] = make, dtype, sizes
    return able


# ------------------------------------------------------------------------------------- measuring


def compare(vocab, ids, able, seconds):
    """The microseconds per update step of each contestant, turn by turn: {B: {name: array}}."""
    turns = {}
    for B, steps in BATCHES.items():
        runs = {name: make(vocab, ids, B, dtype) for name, (make, dtype, sizes) in able.items() if B in sizes}
        turns[B] = interleave(runs, steps, seconds)
        print(f"B = {B}: {len(turns[B][BASE])} rounds")
    return turns


def matrix_peak(n=768, tries=10):
    """The billions of floating-point operations per second of a large matrix product in float32, at its best."""
    a, b, product = (np.ones((n, n), np.float32) for _ in range(3))
    times = []
    for _ in range(tries):
        started = time.perf_counter()
        np.dot(a, b, out=product)
        times.append(time.perf_counter() - started)
    return 2 * n**3 / min(times) / 1e9


def operations(T, m, B, K):
    """The floating-point operations of the products that one step needs; the rest is not counted.

    Forward, W h and V h: 2 T B (m^2 + K m); backward, the derivatives by both factors of each: twice that. U x is
    picked, so that is no arithmetic at all, although rnn_core gets dL/dU from a product.
    """
    return 3 * 2 * T * B * (m * m + K * m)


def growth(vocab, ids):
    """How the time of a step of rnn_core grows: a row for each point of GROWTH; and the peak, measured in between."""
    rows, peak = [], matrix_peak()
    for seq_length, m, B in dict.fromkeys(point for points in GROWTH.values() for point in points):
        flops = operations(seq_length, m, B, vocab.size)
        steps, reading = int(np.clip(1e9 / flops, 3, 100)), Reading(ids, seq_length, B)
        params = rnn.init_params(vocab.size, m, dtype=np.float32)
        seconds = min(train(params, reading, steps=steps, progress=False).seconds for _ in range(5)) / steps
        peak = max(peak, matrix_peak())
        rows.append({"T": seq_length, "m": m, "B": B, "us": 1e6 * seconds, "gflops": flops / seconds / 1e9})
    return [row | {"of_peak": row["gflops"] / peak} for row in rows], peak


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
    names = re.findall(r"model name\s*: (.*)", cpu.read_text()) if cpu.exists() else []
    versions = {"Python": platform.python_version()}
    for package in ("numpy", "torch", "jax"):
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = "not installed"
    return {"processor": (names or [platform.machine()])[0], "system": platform.system(), "versions": versions}


def summary(turns):
    """Of each contestant: the median, the quartiles and the least of its turns, and its ratio to rnn_core in float32.

    The ratio is the median over the rounds of the ratio within a round.
    """
    return {
        str(B): {
            name: {
                "median": float(np.median(times)),
                "quartiles": np.percentile(times, [25, 75]).tolist(),
                "least": float(times.min()),
                "ratio": float(np.median(times / runs[BASE])),
                "rounds": len(times),
            }
            for name, times in runs.items()
        }
        for B, runs in turns.items()
    }


def targets(result):
    """What was aimed at: (what, the aim, what was measured, whether it was met)."""
    rows = [
        (f"a step of {name} at B = {B}, in steps of {BASE}", aim, f"{ratio:.2f}", ratio >= least)
        for name, B, aim, least in (
            ("PyTorch, eager", 1, "≥ 6", 6),
            ("tutorial loop, float64", 1, "≥ 8", 8),
            ("JAX, a jit of one step", 1, "≥ 0.77", 1 / 1.3),
            ("PyTorch, eager", 16, "> 1", 1),
            ("JAX, a jit of one step", 16, "> 1", 1),
            ("PyTorch, eager", 64, "> 1", 1),
            ("JAX, a jit of one step", 64, "> 1", 1),
        )
        if name in result["batches"][str(B)]
        for ratio in [result["batches"][str(B)][name]["ratio"]]
    ]
    peak = next(row["of_peak"] for row in result["growth"] if (row["m"], row["B"]) == (800, 64))
    memory, check, write = max(result["memory_mb"].values()), result["check_seconds"], result["synthesis_seconds"]
    return [
        *rows,
        ("share of the matrix-product peak at m = 800, B = 64", "> 50 %", f"{100 * peak:.0f} %", peak > 0.5),
        ("full check by central differences at m = 10", "< 0.5 s", f"{check:.2f} s", check < 0.5),
        ("100,000 characters written at B = 1", "< 1.5 s", f"{write:.2f} s", write < 1.5),
        ("peak memory for a book of 100 MB", "< 600 MB", f"{memory:.0f} MB", memory < 600),
    ]


def table(header, align, rows):
    """A Markdown table; `align` has a letter, l or r, per column."""
    rule = ["---" if letter == "l" else "---:" for letter in align]
    return "\n".join("| " + " | ".join(map(str, row)) + " |" for row in [header, rule, *rows])


def readme(result):
    """The text of README.md."""
    speed = []
    for name in result["batches"]["1"]:
        speed.append([name])
        for runs in result["batches"].values():
            r = runs.get(name)
            speed[-1] += [f"{r['median']:,.0f} ({r['quartiles'][0]:,.0f}-{r['quartiles'][1]:,.0f})" if r else ""]
            speed[-1] += [f"{r['ratio']:.2f}" if r else ""]
    parts = {
        "speed": table(["", *(cell for B in BATCHES for cell in (f"B = {B}, µs", "ratio"))], "lrrrrrr", speed),
        "growth": table(
            ["T", "m", "B", "µs", "GFLOP/s", "of the peak"],
            "rrrrrr",
            [
                (r["T"], r["m"], r["B"], f"{r['us']:,.0f}", f"{r['gflops']:.1f}", f"{100 * r['of_peak']:.0f} %")
                for r in result["growth"]
            ],
        ),
        "memory": table(["after", "MB"], "lr", [(name, f"{mb:.0f}") for name, mb in result["memory_mb"].items()]),
        "targets": table(
            ["", "aim", "measured", "met"],
            "lrrl",
            [(*row, "yes" if met else "**no**") for *row, met in result["targets"]],
        ),
        "where": f"{result['processor']}, {result['system']}, one core",
        "versions": ", ".join(f"{name} {version}" for name, version in result["versions"].items()),
        "turns": ", ".join(f"{steps} steps for B = {B}" for B, steps in BATCHES.items()),
        "peak": f"{result['peak_gflops']:.0f}",
    }
    return (HERE / "README.template.md").read_text().format(**parts)


def draw(result, path):
    """The figure: ratios for each B, and the share of the peak against the arithmetic in a step."""
    use_house_style()
    fig, (left, right) = plt.subplots(1, 2, figsize=(8.5, 3.2), width_ratios=[1.25, 1])
    names = [name for name in result["batches"]["1"] if name != BASE]
    for i, (B, runs) in enumerate(result["batches"].items()):
        bars = [(k + 0.26 * (i - 1), runs[name]["ratio"]) for k, name in enumerate(names) if name in runs]
        left.barh(*zip(*bars, strict=True), height=0.24, color=COLOURS[i], label=f"B = {B}")
        for y, ratio in bars:
            left.text(ratio * 1.04, y, f"{ratio:.2g}" if ratio < 10 else f"{ratio:.0f}", va="center", fontsize=7.5)
    left.axvline(1, color="black", linewidth=0.8)
    left.set(yticks=range(len(names)), yticklabels=names, xscale="log", xlabel=f"time of a step, in steps of {BASE}")
    left.set_xlim(0.3, 1.6 * max(r["ratio"] for runs in result["batches"].values() for r in runs.values()))
    left.set_xticks([0.5, 1, 2, 5, 10], ["0.5", "1", "2", "5", "10"])
    left.invert_yaxis()
    left.grid(axis="y", visible=False)
    left.legend(loc="lower right")
    shares = {(row["T"], row["m"], row["B"]): row["of_peak"] for row in result["growth"]}
    for i, (line, points) in enumerate(GROWTH.items()):
        work = [operations(*point, result["K"]) / 1e6 for point in points]
        share = [100 * shares[point] for point in points]
        right.plot(work, share, "osd^"[i], linestyle=LINES[i], color=COLOURS[i], markersize=3.5, label=line)
    right.set(xscale="log", ylim=(0, 100), xlabel="million operations in a step", ylabel="% of the matrix-product peak")
    right.legend(loc="upper left")
    with plt.rc_context({"svg.hashsalt": "lab"}):
        fig.savefig(path, metadata={"Date": None})
    plt.close(fig)


def main():
    if hasattr(os, "sched_setaffinity"):  # one core, for the threads that no setting reaches
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    text = rnn.read_book(BOOK)
    vocab = rnn.Vocabulary(text)
    ids = vocab.encode(text)
    result = machine() | {"K": vocab.size, "memory_mb": memory()}
    result["batches"] = summary(compare(vocab, ids, available(vocab, ids), seconds=25))
    result["growth"], result["peak_gflops"] = growth(vocab, ids)
    result["check_seconds"], result["synthesis_seconds"] = check_and_write(vocab, ids)
    result["targets"] = targets(result)
    (HERE / "speed.json").write_text(json.dumps(result, indent=1) + "\n")
    (HERE / "README.md").write_text(readme(result))
    draw(result, HERE / "speed.svg")
    for what, aim, value, met in result["targets"]:
        print(f"{'met    ' if met else 'NOT met'}  {what}: {value} ({aim})")


if __name__ == "__main__":
    memory_of_a_large_book(sys.argv[2]) if sys.argv[1:2] == ["--memory"] else main()
