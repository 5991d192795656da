"""Wrong versions of the five functions, each a change of the key's source, and right ones in other styles."""

import inspect
import types

import numpy as np

from lab import plain

KEY = inspect.getsource(plain)
SOFTMAX = inspect.getsource(plain.softmax)


def changed(task, *pairs):
    """The key with some words of one function replaced; a pair of "" is a softmax of its own for forward."""
    right = wrong = inspect.getsource(getattr(plain, task))
    head = ""
    for old, new in pairs:
        if old:
            assert old in wrong, f"{task} has no {old!r}"
            wrong = wrong.replace(old, new)
        else:
            head, wrong = new.replace("softmax(", "own(", 1) + "\n\n", wrong.replace("softmax(", "own(")
    return KEY.replace(right, head + wrong)


def module(source):
    """The functions of a source."""
    made = types.ModuleType("rnn")
    exec(compile(source, "rnn.py", "exec"), vars(made))
    return made


def functions(source):
    """What `classroom.grade.mark` wants: the functions, of which some are the key's."""

    def made(stand_ins):
        code = module(source)
        vars(code).update({name: getattr(plain, name) for name in stand_ins})
        return code

    return made


def softmax(body):
    """A softmax of its own."""
    return ("", f"def softmax(o):\n    {body}\n")


H, LOSS, BOTH = "h[t] = np.tanh(a_t)", "np.log(y_t @ p[t])", "k == x[t - 1], k == y[t - 1]"
FORWARD = {
    "W transposed": [("W @ h[t - 1]", "W.T @ h[t - 1]")],
    "b forgotten": [(" + b", "")],
    "c forgotten": [("V @ h[t] + c", "V @ h[t]")],
    "U x forgotten": [("+ U @ x_t ", "")],
    "W h forgotten": [("W @ h[t - 1] + ", "")],
    "sigmoid for tanh": [("np.tanh(a_t)", "1 / (1 + np.exp(-a_t))")],
    "relu for tanh": [("np.tanh(a_t)", "np.maximum(a_t, 0)")],
    "no tanh": [("np.tanh(a_t)", "a_t")],
    "arctan for tanh": [("np.tanh(a_t)", "np.arctan(a_t)")],
    "tanh of 1.1 a": [("np.tanh(a_t)", "np.tanh(1.1 * a_t)")],
    "h0 as zeros": [("{0: h0}", "{0: np.zeros_like(h0)}")],
    "h0 used, but h[0] zero": [("return L, h, p", "h[0] = 0 * h0\n    return L, h, p")],
    "always h0": [("W @ h[t - 1]", "W @ h[0]")],
    "V reads the h before": [("V @ h[t] + c", "V @ h[t - 1] + c")],
    "x of the next step": [("k == x[t - 1]", "k == x[t % len(x)]")],
    "x and y exchanged": [("x_t, y_t = ", "y_t, x_t = ")],
    "U reads y": [(BOTH, "k == y[t - 1], k == y[t - 1]")],
    "the loss of x": [(BOTH, "k == x[t - 1], k == x[t - 1]")],
    "mean over T": [("return L,", "return L / len(x),")],
    "bits": [(LOSS, "np.log2(y_t @ p[t])")],
    "log10": [(LOSS, "np.log10(y_t @ p[t])")],
    "the last step's loss": [("L -= np.log", "L = -np.log")],
    "the sign of L": [("L -= np.log", "L += np.log")],
    "the loss lacks the last step": [(LOSS, LOSS + " * (t < len(x))")],
    "1 - p": [(LOSS, "np.log(1 - y_t @ p[t])")],
    "binary cross-entropy": [(LOSS, f"({LOSS} + ((1 - y_t) * np.log(1 - p[t])).sum())")],
    "squared error": [("L -= " + LOSS, "L += ((y_t - p[t]) ** 2).sum()")],
    "log(p + 1e-6)": [(LOSS, "np.log(y_t @ p[t] + 1e-6)")],
    "softmax without shift": [softmax("return np.exp(o) / np.exp(o).sum()")],
    "softmax of base 2": [softmax("return 2.0 ** (o - o.max()) / (2.0 ** (o - o.max())).sum()")],
    "softmax of -o": [softmax("return np.exp(o.min() - o) / np.exp(o.min() - o).sum()")],
    "softmax not normalised": [softmax("return np.exp(o - o.max())")],
    "softmax over the largest": [softmax("return np.exp(o - o.max()) / np.exp(o - o.max()).max()")],
    "softmax at temperature 0.9": [softmax("return np.exp((o - o.max()) / 0.9) / np.exp((o - o.max()) / 0.9).sum()")],
    "sigmoids normalised": [softmax("return 1 / (1 + np.exp(-o)) / (1 / (1 + np.exp(-o))).sum()")],
    "b added twice": [(" + b", " + b + b")],
    "one array for all h": [(H, "h[t] = h[t - 1] if t > 1 else h[0].copy()\n        h[t][:] = np.tanh(a_t)")],
    "writes into h0": [(H, "h[t] = h[t - 1]\n        h[t][:] = np.tanh(a_t)")],
    "T - 1 steps": [("range(1, len(x) + 1)", "range(1, len(x))")],
    "W h squared": [("W @ h[t - 1]", "W @ h[t - 1] ** 2")],
    "W h entry by entry": [("W @ h[t - 1]", "np.diag(W) * h[t - 1]")],
    "a row of U added": [("U @ x_t", "U.T[1].sum() + U @ x_t")],
    "U of all characters so far": [("U @ x_t", "U @ (k[:, None] == x[:t]).mean(axis=1)")],
    "h leaks": [(H, "h[t] = 0.9 * np.tanh(a_t) + 0.1 * h[t - 1]")],
    "h added": [("W @ h[t - 1]", "W @ h[t - 1] + h[t - 1]")],
    "dropout": [(H, "h[t] = np.tanh(a_t) * (np.random.rand(len(a_t)) > 0.1)")],
    "float32": [("a_t = W", "a_t = np.float32(W)")],
}
RETURN, G, STEPS = "return dW, dU, dV, db, dc", "g_t = p[t] - y_t", "range(len(x), 0, -1)"
NUMERICAL = """made = []
    for i, theta in enumerate(params):
        made.append(np.zeros_like(theta))
        for j in np.ndindex(theta.shape):
            moved = [each.astype(complex) for each in params]
            moved[i][j] += 1e-30j
            made[i][j] = forward(moved, x, y, h[0])[0].imag / 1e-30
    return made"""
BACKWARD = {
    "W not transposed": [("W.T @ delta_t", "W @ delta_t")],
    "nothing carried": [(" + W.T @ delta_t", "")],
    "no tanh'": [(" * (1 - h[t] ** 2)", "")],
    "tanh' before the sum": [
        ("(V.T @ g_t + W.T @ delta_t) * (1 - h[t] ** 2)", "V.T @ g_t * (1 - h[t] ** 2) + W.T @ delta_t")
    ],
    "tanh' of the h before": [("1 - h[t] ** 2", "1 - h[t - 1] ** 2")],
    "dW with h_t": [("np.outer(delta_t, h[t - 1])", "np.outer(delta_t, h[t])")],
    "dV with the h before": [("np.outer(g_t, h[t])", "np.outer(g_t, h[t - 1])")],
    "dU with y": [("np.outer(delta_t, x_t)", "np.outer(delta_t, y_t)")],
    "g = p": [(G, "g_t = p[t]")],
    "g = p - x": [(G, "g_t = p[t] - x_t")],
    "the first step left out": [(STEPS, "range(len(x), 1, -1)")],
    "the last step left out": [(STEPS, "range(len(x) - 1, 0, -1)")],
    "from first to last": [(STEPS, "range(1, len(x) + 1)")],
    "db = ": [("db += delta_t", "db = delta_t")],
    "db is delta_t": [("db += delta_t", "db = delta_t if t == len(x) else db + delta_t\n        delta_t *= 0.5")],
    "dW transposed": [("np.outer(delta_t, h[t - 1])", "np.outer(h[t - 1], delta_t)")],
    "clipped to 1": [(RETURN, "return [np.clip(d, -1, 1) for d in (dW, dU, dV, db, dc)]")],
    "mean over T": [(RETURN, "return [d / len(x) for d in (dW, dU, dV, db, dc)]")],
    "another order": [(RETURN, "return dU, dW, dV, db, dc")],
    "h0 as zero": [("np.outer(delta_t, h[t - 1])", "np.outer(delta_t, h[t - 1]) * (t > 1)")],
    "the sign": [(G, "g_t = y_t - p[t]")],
    "dW of the last steps": [("np.outer(delta_t, h[t - 1])", "np.outer(delta_t, h[t - 1]) * (t > 4)")],
    "h changed on the way": [("dc += g_t", "dc += g_t\n        h[t - 1] = h[t - 1] * 1.01")],
    "numerical": [("W, _, V, b, c = params", NUMERICAL)],
}
CLIP, ADD, MOVE = "g = np.clip(g, -5, 5)", "G += g**2", "theta -= eta * g / np.sqrt(G + 1e-8)"
ADAGRAD = {
    "no AdaGrad": [(MOVE, "theta -= eta * g")],
    "no root": [("np.sqrt(G + 1e-8)", "(G + 1e-8)")],
    "G after the step": [(f"{ADD}\n        {MOVE}", f"{MOVE}\n        {ADD}")],
    "RMSprop": [(ADD, "G *= 0.9\n        G += 0.1 * g**2")],
    "G is the last square": [(ADD, "G[...] = g**2")],
    "G is a new array": [(ADD, "G = G + g**2")],
    "theta is a new array": [("theta -= eta", "theta = theta - eta")],
    "ascent": [("theta -=", "theta +=")],
    "absolute values": [(ADD, "G += abs(g)")],
    "not clipped": [(CLIP, "g = 1.0 * g")],
    "clipped above only": [(CLIP, "g = np.minimum(g, 5)")],
    "clipped to 1": [("-5, 5", "-1, 1")],
    "clipped to [0, 5]": [("-5, 5", "0, 5")],
    "clipped by the norm": [(CLIP, "g = g * min(1, 5 / (np.linalg.norm(g) + 1e-300))")],
    "clipped in place": [(CLIP, "np.clip(g, -5, 5, out=g)")],
    "1e-2 for 1e-8": [("1e-8", "1e-2")],
    "0 for 1e-8": [("G + 1e-8", "G")],
    "1 for 1e-8": [("1e-8", "1.0")],
    "one sum for an array": [(ADD, "G += (g**2).sum()")],
    "the mean of squares": [(ADD, "G += (g**2).mean()")],
    "squares not clipped": [(f"{CLIP}\n        {ADD}", f"{ADD}\n        {CLIP}")],
    "eta twice": [("eta * g", "eta * eta * g")],
    "eta fixed": [("eta * g", "0.1 * g")],
    "the first parameter only": [(MOVE, f"{MOVE}\n        break")],
    "squares twice": [(ADD, "G += 2 * g**2")],
}
DRAW, STATE = "x = rng.choice(len(c), p=p)", "h = np.tanh(W @ h + U @ (k == x) + b)"
CUMULATIVE = "x = min(np.searchsorted(np.cumsum(p), r) + {}, len(c) - 1)"
SYNTHESIZE = {
    "argmax": [(DRAW, "x = np.argmax(p)")],
    "not fed back": [(f"{DRAW}\n        text.append(x)", f"text.append({DRAW[4:]})")],
    "h not carried on": [(STATE, STATE.replace("W @ h ", "W @ h0 "))],
    "h0 as zero": [("first, h0, []", "first, 0 * h0, []")],
    "all alike": [(", p=p", "")],
    "np.random": [("rng.choice", "np.random.choice")],
    "a seed of its own": [("rng.choice", "np.random.default_rng(0).choice")],
    "the first is part of it": [("first, h0, []", "first, h0, [first]"), ("range(n)", "range(n - 1)")],
    "n + 1": [("range(n)", "range(n + 1)")],
    "temperature 0.8": [("softmax(V @ h + c)", "softmax((V @ h + c) / 0.8)")],
    "p to the power 1.5": [(DRAW, f"p = p**1.5 / (p**1.5).sum()\n        {DRAW}")],
    "top-p": [(DRAW, f"p = np.where(p < 0.05, 0, p) / p[p >= 0.05].sum()\n        {DRAW}")],
    "the one after": [(DRAW, f"r = rng.random()\n        {CUMULATIVE.format(1)}")],
    "one number for all draws": [("    for _", "    r = rng.random()\n    for _"), (DRAW, CUMULATIVE.format(0))],
    "writes into h0": [("h = np.tanh", "h[:] = np.tanh")],
    "c forgotten": [("V @ h + c", "V @ h")],
    "b forgotten": [("(k == x) + b", "(k == x)")],
    "U by rows": [("U @ (k == x)", "U[x % len(U)].sum()")],
    "W transposed": [("W @ h", "W.T @ h")],
    "floats": [("text.append(x)", "text.append(float(x))")],
    "a string": [("np.array(text)", "''.join(map(str, text))")],
    "first forgotten": [("first, h0, []", "0, h0, []")],
    "h updated twice": [(STATE, f"{STATE}\n        {STATE}")],
    "no tanh": [("np.tanh(W @ h + U @ (k == x) + b)", "(W @ h + U @ (k == x) + b)")],
}
UPDATE = "adagrad(params, backward(params, x, y, h, p), g2, eta)"
SAMPLE = "samples[step] = synthesize(params, x[0], h0, length, rng)"
TRAIN = {
    "the state is not carried on": [("e, h0 = e + T, h[T]", "e, h0 = e + T, 0 * h0")],
    "the state is never reset": [
        ("e, h0 = 0, np.zeros(len(g2[3]))", "e, h0 = 0, h0 if step else np.zeros(len(g2[3]))")
    ],
    "the state after one character": [("h[T]", "h[1]")],
    "one character a step": [("e + T, h[T]", "e + 1, h[T]")],
    "an epoch too long": [("if e + T + 1 > len(ids)", "if e >= len(ids)")],
    "an epoch too short": [("if e + T + 1 > len(ids)", "if e + T + 1 >= len(ids)")],
    "y is x": [("ids[e + 1 : e + T + 1]", "ids[e : e + T]")],
    "the smooth loss from 0": [(" if step else L", " if step else 0.001 * L")],
    "0.99 and 0.01": [("0.999", "0.99"), ("0.001", "0.01")],
    "the mean of all losses": [("0.999 * smooth_losses[-1] + 0.001 * L", "np.mean([*losses, L])")],
    "a text after the step": [
        (
            f"        if step % every == 0:\n            {SAMPLE}\n        {UPDATE}",
            f"        {UPDATE}\n        if step % every == 0:\n            {SAMPLE}",
        )
    ],
    "texts one step late": [("step % every == 0", "step % every == 1")],
    "a text at each step": [("step % every == 0", "True")],
    "texts from zero": [("x[0], h0, length", "x[-1], h0, length")],
    "G forgotten": [(UPDATE, UPDATE.replace("g2, eta", "[0 * G for G in g2], eta"))],
    "eta fixed": [(UPDATE, UPDATE.replace("eta", "0.1"))],
    "learns nothing": [(UPDATE, "backward(params, x, y, h, p)")],
    "the gradient of the other text": [(UPDATE, UPDATE.replace("x, y", "y, x"))],
    "the loss after the update": [
        ("        losses.append(L)", "        L = forward(params, x, y, h0)[0]\n        losses.append(L)")
    ],
    "the best is the last": [("if smooth < lowest:", "if True:")],
    "the best is not copied": [("[theta.copy() for theta in params]", "list(params)")],
    "the best after the update": [("return np.array", "best = params, h0\n    return np.array")],
    "the parameters are copied": [("    g2 = ", "    params = [theta.copy() for theta in params]\n    g2 = ")],
}
WRONG = {"forward": FORWARD, "backward": BACKWARD, "adagrad": ADAGRAD, "synthesize": SYNTHESIZE, "train": TRAIN}


# ---------------------------------------------------------------------------------------------------------- right ones


def stored(keep_h, keep_p, keep_gradients=tuple, loss=float):
    """The key with h, p, the gradients and the loss kept in another way; backward gets the first two as they are "
    "kept."""
    code, last = types.SimpleNamespace(synthesize=plain.synthesize), {}

    def forward(*arguments):
        L, h, p = plain.forward(*arguments)
        kept = keep_h(np.array(list(h.values()))), keep_p(np.array(list(p.values())))
        last[_numbers(kept)] = h, p
        return (L if np.iscomplexobj(L) else loss(L)), *kept

    def backward(params, x, y, h, p):
        return keep_gradients(plain.backward(params, x, y, *last[_numbers((h, p))]))

    code.forward, code.backward = forward, backward
    return code


def _numbers(value):
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return b"".join(map(_numbers, value))
    return b"" if value is None else np.ascontiguousarray(value).tobytes()


def rewritten(*changes):
    """The key with other sources for some of its functions."""
    return module(KEY + "\n\n" + "\n\n".join(changes))


REAL = """def forward(params, x, y, h0):
    W, U, V, b, c = params
    h, p, L = np.zeros((len(x) + 1, len(b))), np.zeros((len(x), len(c))), 0.0
    h[0] = h0
    for t, (x_t, y_t) in enumerate(zip(x, y)):
        h[t + 1] = np.tanh(W @ h[t] + U[:, x_t] + b)
        o = V @ h[t + 1] + c
        p[t] = np.exp(o - o.max()) / np.exp(o - o.max()).sum()
        L += -np.log(p[t, y_t])
    return L, h, p"""
BACK = """def backward(params, x, y, h, p):
    W, U, V, b, c = params
    g = p.copy()
    g[np.arange(len(y)), y] -= 1
    delta, from_later = np.zeros((len(x), len(b))), 0
    for t in reversed(range(len(x))):
        delta[t] = (g[t] @ V + from_later) * (1 - h[t + 1] ** 2)
        from_later = delta[t] @ W
    dU = np.zeros_like(U)
    np.add.at(dU.T, x, delta)
    return delta.T @ h[:-1], dU, g.T @ h[1:], delta.sum(0), g.sum(0)"""
ONCE = """def adagrad(params, grads, g2, eta=0.1):
    for i in range(5):
        clipped = np.maximum(np.minimum(grads[i], 5), -5)
        g2[i] += clipped * clipped
        params[i] -= eta / (np.sqrt(g2[i]) + 1e-8) * clipped"""
DRAWN = """def synthesize(params, first, h0, n, rng):
    W, U, V, b, c = params
    h, text = np.array(h0), [int(first)]
    while len(text) <= n:
        h = np.tanh(W.dot(h) + U[:, text[-1]] + b)
        text.append(int(rng.multinomial(1, softmax(V.dot(h) + c)).argmax()))
    return text[1:]"""
CLASS = """class Network:
    def forward(self, params, x, y, h0):
        return key_forward(params, x, y, h0)


key_forward = forward
forward = Network().forward"""
EPSILON = KEY[KEY.index("def forward") : KEY.index("def backward")].replace("y_t @ p[t]", "y_t @ p[t] + 1e-13")
BIG = "def softmax(o):\n    return np.exp(o) / np.exp(o).sum()"
RIGHT = {
    "lists": stored(list, list, list),
    "rows": stored(np.asarray, np.asarray),
    "columns": stored(np.transpose, np.transpose),
    "column vectors": stored(lambda h: dict(enumerate(h[:, :, None])), lambda p: dict(enumerate(p[:, :, None], 1))),
    "a batch of one": stored(lambda h: h[:, None], lambda p: p[:, None]),
    "from -1 on": stored(lambda h: dict(enumerate(h, -1)), lambda p: dict(enumerate(p))),
    "nothing at 0": stored(list, lambda p: [None, *p]),
    "a row of zeros at 0": stored(np.asarray, lambda p: np.vstack([0 * p[:1], p])),
    "gradients in a dict": stored(
        list, list, lambda gradients: dict(zip(["dW", "dU", "dV", "db", "dc"], gradients, strict=True))
    ),
    "a loss (1, 1)": stored(list, list, list, lambda L: np.array([[L]])),
    "real arrays": rewritten(REAL, BACK),
    "another AdaGrad": rewritten(ONCE),
    "another draw": rewritten(DRAWN),
    "a class": rewritten(CLASS),
    "log(p + 1e-13)": rewritten(EPSILON),
    "a softmax that overflows": rewritten(BIG),
}
