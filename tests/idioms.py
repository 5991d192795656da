"""How people write the network: the same recurrence in many idioms, each with loss, gradients and forward.

`broken` changes a line of one. All take the network first, then the text read, the text that should come out, and the
state before the first step.
"""

import inspect

import numpy as np

# ------------------------------------------------------------------- a dict, one-hot columns, lists of states, a mean


def forward_of_dict(net, X, Y, h0):
    h, L = h0, 0
    for t in range(X.shape[1]):
        h = np.tanh(net["W"] @ h + net["U"] @ X[:, [t]] + net["b"])
        o = net["V"] @ h + net["c"]
        L = L - np.log((Y[:, [t]] * np.exp(o) / np.exp(o).sum()).sum())
    return L / X.shape[1], h


def gradients_of_dict(net, X, Y, h0):
    T = X.shape[1]
    a, h, p = {}, {-1: h0}, {}
    for t in range(T):
        a[t] = net["W"] @ h[t - 1] + net["U"] @ X[:, [t]] + net["b"]
        h[t] = np.tanh(a[t])
        o = net["V"] @ h[t] + net["c"]
        p[t] = np.exp(o) / np.exp(o).sum()
    grads = {name: np.zeros_like(values) for name, values in net.items()}
    grad_a = np.zeros_like(h0)
    for t in reversed(range(T)):
        grad_o = (p[t] - Y[:, [t]]) / T
        grad_h = net["V"].T @ grad_o + net["W"].T @ grad_a
        grad_a = grad_h * (1 - h[t] ** 2)
        grads["V"] += grad_o @ h[t].T
        grads["c"] += grad_o
        grads["W"] += grad_a @ h[t - 1].T
        grads["U"] += grad_a @ X[:, [t]].T
        grads["b"] += grad_a
    return grads


# ------------------------------------------------------------------- a class, characters as numbers, a tuple comes back


class CharRNN:
    """Weights as attributes, beside other things."""

    def __init__(self, Wxh, Whh, Why, bh, by):
        self.Wxh, self.Whh, self.Why, self.bh, self.by = Wxh, Whh, Why, bh, by
        self.eta, self.chars, self.mWxh = 0.1, list("abc"), np.zeros_like(Wxh)


def forward_of_class(net, inputs, targets, hprev):
    loss, h = 0, hprev
    for i, j in zip(inputs, targets, strict=True):
        h = np.tanh(net.Wxh[:, [i]] + net.Whh @ h + net.bh)
        y = net.Why @ h + net.by
        p = np.exp(y) / np.sum(np.exp(y))
        loss += -np.log(p[j, 0])
    return loss, h


def gradients_of_class(net, inputs, targets, hprev):
    xs, hs, ps, loss = [], [hprev], [], 0
    for i in inputs:
        xs.append(np.eye(net.Wxh.shape[1])[:, [i]])
        hs.append(np.tanh(net.Wxh @ xs[-1] + net.Whh @ hs[-1] + net.bh))
        y = net.Why @ hs[-1] + net.by
        ps.append(np.exp(y) / np.sum(np.exp(y)))
    dWxh, dWhh, dWhy = np.zeros_like(net.Wxh), np.zeros_like(net.Whh), np.zeros_like(net.Why)
    dbh, dby, dhnext = np.zeros_like(net.bh), np.zeros_like(net.by), np.zeros_like(hprev)
    for t in reversed(range(len(inputs))):
        dy = ps[t].copy()
        dy[targets[t]] -= 1
        dWhy += dy @ hs[t + 1].T
        dby += dy
        dh = net.Why.T @ dy + dhnext
        dhraw = (1 - hs[t + 1] * hs[t + 1]) * dh
        dbh += dhraw
        dWxh += dhraw @ xs[t].T
        dWhh += dhraw @ hs[t].T
        dhnext = net.Whh.T @ dhraw
    return loss, dWxh, dWhh, dWhy, dbh, dby, hs[-1]


# ------------------------------------------------------------------- a list, rows, buffers of np.zeros, matrix products


def forward_of_buffers(net, x, y, h0):
    W, U, V, b, c = net
    H = np.zeros((len(x) + 1, len(b)))
    H[0] = h0
    for t in range(len(x)):
        H[t + 1] = np.tanh(H[t] @ W + U[x[t]] + b)
    out = H[1:] @ V + c
    out -= out.max(axis=1, keepdims=True)
    P = np.exp(out) / np.exp(out).sum(axis=1, keepdims=True)
    return -np.log(P[np.arange(len(x)), y]).sum(), H[-1]


def gradients_of_buffers(net, x, y, h0):
    W, U, V, b, c = net
    H = np.zeros((len(x) + 1, len(b)))
    H[0] = h0
    for t in range(len(x)):
        H[t + 1] = np.tanh(H[t] @ W + U[x[t]] + b)
    out = H[1:] @ V + c
    G = np.exp(out) / np.exp(out).sum(axis=1, keepdims=True)
    G[np.arange(len(x)), y] -= 1
    D = np.zeros((len(x), len(b)))
    carry = np.zeros(len(b))
    for t in range(len(x) - 1, -1, -1):
        D[t] = (G[t] @ V.T + carry) * (1 - H[t + 1] ** 2)
        carry = D[t] @ W.T
    dU = np.zeros_like(U)
    np.add.at(dU, x, D)
    return [H[:-1].T @ D, dU, H[1:].T @ G, D.sum(axis=0), G.sum(axis=0)]


def point(idiom, m=6, K=5, T=7, sigma=0.5, zero=False, seed=0):
    """A network of an idiom with its text and state: net, x, y, h0."""
    rng = np.random.default_rng(seed)
    W, U, V, b, c = (rng.normal(0, sigma, shape) for shape in ((m, m), (m, K), (K, m), (m, 1), (K, 1)))
    x, y = rng.integers(0, K, (2, T))
    h0 = np.zeros((m, 1)) if zero else rng.uniform(-1, 1, (m, 1))
    if zero:
        b, c = 0 * b, 0 * c
    if idiom == "dict":
        return {"b": b, "c": c, "U": U, "W": W, "V": V}, np.eye(K)[x].T, np.eye(K)[y].T, h0
    if idiom == "class":
        return CharRNN(U, W, V, b, c), x, y, h0
    return [W.T.copy(), U.T.copy(), V.T.copy(), b.ravel(), c.ravel()], x, y, h0.ravel()


IDIOMS = {
    "dict": (forward_of_dict, gradients_of_dict),
    "class": (forward_of_class, gradients_of_class),
    "buffers": (forward_of_buffers, gradients_of_buffers),
}


def loss_of(forward):
    """The loss alone."""
    return lambda *args: forward(*args)[0]


def broken(function, right, wrong):
    """A function with one of its lines changed."""
    source = inspect.getsource(function)
    if source.count(right) != 1:
        raise LookupError(f"{right!r} does not occur exactly once in {function.__name__}.")
    namespace = dict(function.__globals__)
    exec(source.replace(right, wrong), namespace)
    return namespace[function.__name__]


BUGS = [  # the idiom, the line and what becomes of it, and a part of what is said where the forward pass is given;
    # "" if only the gallery of the lab has a name, None if nothing has
    ("dict", 'grads["V"] += grad_o', 'grads["V"] = grad_o', "what the first step alone gives"),
    ("dict", 'grads["W"] += grad_a', 'grads["W"] = grad_a', "what the first step alone gives"),
    ("dict", 'grads["b"] += grad_a', 'grads["b"] = grad_a', "what the first step alone gives"),
    ("dict", "/ T\n    ", "\n    ", "7 times what is right, as with a sum over T = 7"),
    ("dict", "(p[t] - Y[:, [t]])", "(Y[:, [t]] - p[t])", "-1 times what is right"),
    ("dict", "(p[t] - Y[:, [t]])", "(p[t] - X[:, [t]])", "the x_t that is read in place of the y_t"),
    ("dict", "(p[t] - Y[:, [t]])", "p[t]", ""),
    ("dict", ' + net["W"].T @ grad_a', "", "nothing is carried back"),
    ("dict", 'net["W"].T @ grad_a', 'net["W"] @ grad_a', ""),
    ("dict", "* (1 - h[t] ** 2)", "", ""),
    ("dict", "(1 - h[t] ** 2)", "(1 - a[t] ** 2)", ""),
    ("dict", "(1 - h[t] ** 2)", "(1 - np.tanh(h[t]) ** 2)", ""),
    ("dict", "(1 - h[t] ** 2)", "(1 - h[t])", ""),
    ("dict", "grad_a @ h[t - 1].T", "grad_a @ h[t].T", "h_t in place of h_{t-1}"),
    ("dict", "grad_a @ h[t - 1].T", "(grad_a @ h[t - 1].T).T", "the transpose of what is right"),
    ("dict", "grad_o @ h[t].T", "grad_o @ h[t - 1].T", "h_{t-1} in place of h_t"),
    ("dict", "grad_a @ X[:, [t]].T", "grad_a @ Y[:, [t]].T", "y_t in place of x_t"),
    ("dict", "h, p = {}, {-1: h0}, {}", "h, p = {}, {-1: 0 * h0}, {}", "if the state before the first step is zero"),
    ("dict", "in reversed(range(T))", "in range(T)", ""),
    ("dict", "return grads", "return {n: g.clip(-0.05, 0.05) for n, g in grads.items()}", "clipped to [-0.05, 0.05]"),
    ("class", "dhnext = net.Whh.T @ dhraw", "pass", "nothing is carried back"),
    ("class", "dhnext = net.Whh.T @ dhraw", "dhnext = dhraw", ""),
    ("class", "dhnext = net.Whh.T @ dhraw", "dhnext = net.Whh.T @ dh", ""),
    ("class", "dhnext = net.Whh.T @ dhraw", "dhnext = (net.Whh.T @ dhraw).clip(-0.1, 0.1)", None),
    ("class", "dhraw = (1 - hs[t + 1] * hs[t + 1]) * dh", "dhraw = dh", ""),
    ("class", "dhraw = (1 - hs[t + 1] * hs[t + 1])", "dhraw = (1 - hs[t] * hs[t])", ""),
    ("class", "dhraw @ hs[t].T", "dhraw @ hs[t - 1].T", "h_{t-2} in place of h_{t-1}"),
    ("class", "dhraw @ hs[t].T", "(dhraw @ hs[t].T if t else 0)", "h before the first step taken as zero"),
    ("class", "dhraw @ hs[t].T", "dhraw @ hs[-1].T", "the h of the last step in place of each"),
    ("class", "dy @ hs[t + 1].T", "dy @ hs[-1].T", "the h of the last step in place of each"),
    ("class", "dy @ hs[t + 1].T", "dy @ hs[t].T", "h_{t-1} in place of h_t"),
    ("class", "reversed(range(len(inputs)))", "reversed(range(1, len(inputs)))", "but for the first step"),
    ("class", "reversed(range(len(inputs)))", "reversed(range(len(inputs) - 1))", "but for the last step"),
    ("class", "dy[targets[t]] -= 1", "dy[inputs[t]] -= 1", "the x_t that is read in place of the y_t"),
    ("class", "dy[targets[t]] -= 1", "dy[targets[t]] -= 1; dy /= len(inputs)", "1/7 of what is right"),
    ("class", "dbh += dhraw", "dbh += dh", None),
    ("class", "dby += dy", "dby -= dy", "-1 times what is right"),
    ("class", "net.Why.T @ dy + dhnext", "net.Why.T @ dy", "nothing is carried back"),
    ("buffers", "np.add.at(dU, x, D)", "dU[x] += D", "each character counts once"),
    ("buffers", "np.add.at(dU, x, D)", "np.add.at(dU, y, D)", "y_t in place of x_t"),
    ("buffers", "H[:-1].T @ D", "H[1:].T @ D", "h_t in place of h_{t-1}"),
    ("buffers", "H[:-1].T @ D", "D.T @ H[:-1]", "the transpose of what is right"),
    ("buffers", "H[:-1].T @ D", "np.roll(H[1:], 1, axis=0).T @ D", "in place of h before the first"),
    ("buffers", "H[1:].T @ G", "H[:-1].T @ G", "h_{t-1} in place of h_t"),
    ("buffers", "D.sum(axis=0)", "D[-3:].sum(axis=0)", "what the last 3 steps alone give"),
    ("buffers", "G.sum(axis=0)", "G[:-1].sum(axis=0)", "but for the last step"),
    ("buffers", "carry = D[t] @ W.T", "carry = D[t] @ W", ""),
]
