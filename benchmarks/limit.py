"""Lower bounds for the time of an update step of this design: its NumPy calls, and the arithmetic in them.

Between the time of a step and that of its NumPy calls alone lies what Python does. Between that and the limits of the
arithmetic, operations over the peak of a matrix product and bytes over the bandwidth of the memory, lies what many
small calls cost, and that the time steps must follow one another: `in_series` counts that.
"""

import time

import numpy as np

import rnn_core as rnn


def bare_step(params, x, y):
    """One update step of `lab.training.train` with AdaGrad as nothing but its NumPy calls.

    All that can be made before is made before: arrays, views, names. The step reads the same text again and again,
    always from h_0 = 0; but the calls are those of any step, in their order and with their sizes.

    Parameters
    ----------
    params : Params
        What it updates.
    x, y : int array (T,) or (T, B)

    Returns
    -------
    function () -> None
    """
    fwd, grads, best = rnn.Forward(params, x.shape), params.copy(), params.copy()
    N, B, rows, ones, dtanh, W_h = x.size, y.size // len(y), fwd.rows, fwd.ones, fwd.dtanh, fwd.carried
    h_first, h_rest, h_last, steps, steps_back = fwd.h[0], fwd.h[1:], fwd.h[-1], fwd.steps, fwd.steps_back
    p, delta_all = fwd.p, fwd.delta
    h_prev, h, delta, o = (a.reshape(N, -1) for a in (fwd.h[:-1], h_rest, delta_all, p))
    x_rows, y_rows, h_kept = x.ravel(), y.ravel(), np.zeros_like(h_last)
    W, U, V, b, c = params
    dW, dU, dV, db, dc = grads
    W_T, U_T, V_T, dW_T, dU_T, h_prev_T = W.T, U.T, V.T, dW.T, dU.T, h_prev.T
    theta, g_theta, theta_kept, eta, g2 = params.flat, grads.flat, best.flat, 0.1, np.full_like(params.flat, 1e-8)
    cuts = list(rnn.pieces(theta, g_theta, g2))
    add, subtract, multiply, divide, dot, tanh = np.add, np.subtract, np.multiply, np.divide, np.dot, np.tanh

    def step():
        h_first[...] = 0  # forward
        U_T.take(x, axis=0, out=h_rest, mode="clip")
        add(h_rest, b, h_rest)
        for h_t_1, h_t in steps:
            add(h_t, h_t_1.dot(W_T, out=W_h), h_t)
            tanh(h_t, out=h_t)
        rnn.products(h_rest, V_T, p)
        add(o, c, o)
        o_y = o[rows, y_rows]
        largest = o.max(axis=-1, keepdims=True)
        subtract(o, largest, o)
        np.exp(o, o)
        z = o.sum(axis=-1, keepdims=True)
        divide(o, z, o)
        log_z = add(largest, np.log(z))[..., 0]
        subtract(o_y, log_z).sum()
        W_back = W if B == 1 else W.copy()  # backward
        g = divide(o, B)
        g[rows, y_rows] -= 1 / B
        rnn.products(g.reshape(p.shape), V, delta_all)
        np.square(h_rest, dtanh)
        subtract(1, dtanh, dtanh)
        W_h[...] = 0
        for delta_t, dtanh_t in steps_back:
            add(delta_t, W_h, delta_t)
            multiply(delta_t, dtanh_t, delta_t)
            delta_t.dot(W_back, out=W_h)
        dot(h_prev_T, delta, dW_T)
        rnn.sum_by_character(delta, x_rows, dU_T)
        dot(ones, delta, db)
        dot(g.T, h, dV)
        dot(ones, g, dc)
        dot(theta, theta)  # train: is all finite, the best parameters, clipping, AdaGrad, the state
        dot(g_theta, g_theta)
        theta_kept[...] = theta
        g_theta.clip(-5, 5, out=g_theta)
        for weights, g_weights, squares in cuts:
            add(squares, multiply(g_weights, g_weights), squares)
            subtract(weights, divide(multiply(eta, g_weights), np.sqrt(squares)), weights)
        h_kept[...] = h_last

    return step


def operations(hidden_size, vocab_size, seq_length=25, batch_size=1):
    """The floating-point operations of the matrix products in one step; the rest is not counted.

    Forward, W h and V h: 2 T B (m^2 + K m); backward, the derivatives by both factors of each: twice that. U x is
    picked and dL/dU is a sum of T B columns, which is no product.
    """
    return 6 * seq_length * batch_size * (hidden_size**2 + vocab_size * hidden_size)


def parameters(hidden_size, vocab_size):
    """How many numbers W, U, V, b and c have."""
    return hidden_size**2 + 2 * vocab_size * hidden_size + hidden_size + vocab_size


def bytes_moved(hidden_size, vocab_size, seq_length=25, batch_size=1, dtype=np.float32):
    """The bytes that one step with AdaGrad must at least read or write, if nothing stays in a cache.

    Of each parameter: read forward, read backward, its gradient written, and in the update theta and g2 read and
    written and the gradient read. Of h, delta, p and g: each written and read once.
    """
    m, K, N = hidden_size, vocab_size, seq_length * batch_size
    return np.dtype(dtype).itemsize * (8 * parameters(m, K) + 2 * N * (2 * m + 2 * K))


def in_series(limits, hidden_size, vocab_size, seq_length=25, batch_size=1, dtype=np.float32):
    """The seconds that no program spares on this core, compiled or not, since the recurrence is serial.

    Each of its 2 T products needs the one before. It reads W from the cache, or it computes at the peak: what takes
    longer counts. The other products run at the peak, and AdaGrad takes a root and a quotient of each number. What
    tanh and exp take is not counted.
    """
    read = 2 * seq_length * hidden_size**2  # numbers of W, in all of these products
    chain = 2 * read * batch_size
    products = max(chain / limits["peak"], read * np.dtype(dtype).itemsize / limits["cache"])
    rest = operations(hidden_size, vocab_size, seq_length, batch_size) - chain
    return products + rest / limits["peak"] + parameters(hidden_size, vocab_size) / limits["updates"]


def machine_limits(dtype=np.float32, tries=10):
    """What this machine does in a second, at the best of so many tries.

    Returns
    -------
    dict of str to float
        "peak": operations of a large matrix product. "bandwidth": bytes that memory reads and writes. "cache": bytes
        that are read from the cache. "updates": numbers of which it takes a root and a quotient.
    """
    a, product = np.ones((768, 768), dtype), np.empty((768, 768), dtype)
    source, target = np.ones(1 << 24, dtype), np.empty(1 << 24, dtype)  # 64 MB in float32: more than a cache holds
    cached, roots = np.ones(40_000, dtype), np.ones(40_000, dtype)  # that many, so that the call itself counts little

    def best(call, repeats=1):
        times = []
        for _ in range(tries):
            started = time.perf_counter()
            for _ in range(repeats):
                call()
            times.append((time.perf_counter() - started) / repeats)
        return min(times)

    def update():
        np.sqrt(cached, roots)
        np.divide(cached, roots, roots)

    return {
        "peak": 2 * 768**3 / best(lambda: np.dot(a, a, product)),
        "bandwidth": 2 * source.nbytes / best(lambda: np.copyto(target, source)),
        "cache": 2 * cached.nbytes / best(lambda: cached.dot(roots), 1000),
        "updates": cached.size / best(update, 100),
    }
