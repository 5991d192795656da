"""The network as the course's handout asks for it: one-hot columns, a dict with b, c, U, W and V, a loop over t."""

import numpy as np


def make(m=10, K=7, T=25, B=1, sigma=0.5, seed=0):
    """A network, X and Y of shape (K, T), or (K, T, B) for a batch, and h0 of shape (m, B)."""
    rng = np.random.default_rng(seed)
    shapes = {"b": (m, 1), "c": (K, 1), "U": (m, K), "W": (m, m), "V": (K, m)}
    rnn = {name: rng.normal(0, sigma, shape) for name, shape in shapes.items()}
    X, Y = np.moveaxis(np.eye(K)[rng.integers(0, K, (2, T, B))], -1, 1)
    return rnn, *((X[..., 0], Y[..., 0]) if B == 1 else (X, Y)), rng.uniform(-1, 1, (m, B))


def forward(rnn, X, h0):
    h, p = [h0], []
    for t in range(X.shape[1]):
        h.append(np.tanh(rnn["W"] @ h[-1] + rnn["U"] @ X[:, t].reshape(len(X), -1) + rnn["b"]))
        e = np.exp(rnn["V"] @ h[-1] + rnn["c"])
        p.append(e / e.sum(axis=0))
    return h, p


def loss(rnn, X, Y, h0, mean=False):
    """Summed over the steps, or their mean; mean over the batch."""
    _, p = forward(rnn, X, h0)
    total = -sum(np.log((Y[:, t].reshape(len(Y), -1) * p[t]).sum(axis=0)).sum() for t in range(len(p)))
    return total / h0.shape[1] / (len(p) if mean else 1)


def gradients(rnn, X, Y, h0, mean=False, bug=None, steps=slice(None)):
    """By back-propagation; with one of the bugs of `lab.bugs`, by its number, or with only some steps counted."""
    h, p = forward(rnn, X, h0)
    grads = {name: np.zeros_like(values) for name, values in rnn.items()}
    count = (1 if bug == 7 else h0.shape[1]) * (len(p) if mean else 1)
    carried = 0
    for t in reversed(range(len(p))):
        x, y = (Z[:, t].reshape(len(Z), -1) for Z in (X, Y))
        g = (p[t] - (0 if bug == 6 else y)) / count
        dtanh = 1 - (np.arctanh(h[t + 1]) if bug == 3 else h[t + 1]) ** 2
        dh = rnn["V"].T @ g
        delta = dh * dtanh + carried if bug == 2 else (dh + carried) * dtanh
        carried = 0 if bug == 0 else (rnn["W"] if bug == 1 else rnn["W"].T) @ delta
        if t not in range(len(p))[steps]:
            continue
        grads["W"] += 0 if bug == 4 and t == 0 else delta @ h[t].T
        grads["U"] += delta @ x.T
        grads["b"] += 0 if bug == 5 and t == 0 else delta.sum(axis=1, keepdims=True)
        grads["V"] += g @ h[t + 1].T
        grads["c"] += g.sum(axis=1, keepdims=True)
    return grads


def turned(rnn):
    """A network in rows, h W + x U + b, as one in columns; and back."""
    return {name: values.T for name, values in rnn.items()}
