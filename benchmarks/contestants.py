"""The same training in every library that `bench.py` compares.

Each `with_...` makes a function (steps) -> (losses, seconds), for a book of K characters, B and a dtype. Each call
starts anew.
"""

import sys
import time
from functools import partial

import loops
import numpy as np
from ladder import rungs
from limit import bare_step

import rnn_core as rnn
from lab.training import Reading, train

T, M, ETA, CLIP = 25, 100, 0.1, 5.0
BATCHES = {1: 100, 16: 20, 64: 8}  # B, and how many steps a turn has
BASE, BARE = "rnn_core", "its NumPy calls alone"


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


def with_numba(K, ids, B, dtype):
    import numba

    first, eta, clip = rnn.init_params(K, M, dtype=dtype), dtype(ETA), dtype(CLIP)
    gradient, update = (numba.njit(fastmath=True)(function) for function in (loops.gradient, loops.adagrad))

    def run(steps):
        x, y = batches(ids, B, steps)
        theta = [np.array(weights, order="C") for weights in first]
        grads, g2 = [np.zeros_like(weights) for weights in theta], [np.full_like(weights, 1e-8) for weights in theta]
        h, p, delta, kept = (np.zeros(shape, dtype) for shape in ((T + 1, M), (T, K), (2, M), (B, M)))
        losses, started = np.empty(steps), time.perf_counter()
        for n in range(steps):
            losses[n] = gradient(*theta, *grads, x[n], y[n], h, p, delta, kept)
            for weights, g, squares in zip(theta, grads, g2, strict=True):
                update(weights.ravel(), g.ravel(), squares.ravel(), eta, clip)
        return losses, time.perf_counter() - started

    return run


CONTESTANTS = {  # how each is made
    BASE: with_rnn_core,
    "PyTorch, eager": with_torch,
    "PyTorch, eager, fused AdaGrad": partial(with_torch, fused=True),
    "PyTorch, compiled, fused AdaGrad": partial(with_torch, fused=True, compiled=True),
    "JAX, a jit of one step": with_jax,
    "JAX, all steps in one scan": partial(with_jax, whole=True),
    "Numba, plain loops": with_numba,
}


def contestants(vocab, K, ids, B, dtype, able):
    """The contestants that take part: by name, a function (steps) -> (losses, seconds)."""
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
    from step to step, but mistakes would show at once. Compiling takes long, so it is done only for float32 and the
    book.
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


def book_of(K, length=200_000):
    """A book of this length in random order, whose n-th character occurs about 1 / n as often as the first."""
    rng, p = np.random.default_rng(0), 1 / np.arange(1, K + 1)
    return rng.permutation(K)[rng.choice(K, length, p=p / p.sum())].astype(np.uint16)
