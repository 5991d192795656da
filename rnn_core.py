"""A vanilla RNN that reads and writes text, character by character.

The network, for t = 1..T, with x_t and y_t = x_{t+1} one-hot over K characters and a hidden state of size m:

    a_t = W h_{t-1} + U x_t + b        W (m, m)   U (m, K)   b (m,)
    h_t = tanh(a_t)
    o_t = V h_t + c                    V (K, m)   c (K,)
    p_t = SoftMax(o_t)
    L   = -sum_t log p_t[y_t]          nats, summed over the T characters, mean over the B sequences of a batch

The file reads top to bottom in the order in which one would explain it: a book and its characters, the parameters,
forward, backward, is the gradient right?, the optimisers, training, writing text, keeping what was learned.

Arrays hold a state in a row: h is (T+1, m) for one sequence and (T+1, B, m) for a batch, so `h @ W.T` is W h for every
row at once, and the same lines serve a sequence and a batch, float32 and float64, real and complex numbers.

References
----------
.. [1] I. Goodfellow, Y. Bengio, A. Courville, "Deep Learning", MIT Press 2016, section 10.2 (the equations).
.. [2] P. Werbos, "Backpropagation through time: what it does and how to do it", Proc. IEEE 78(10), 1990.
.. [3] J. Duchi, E. Hazan, Y. Singer, "Adaptive subgradient methods for online learning and stochastic optimization",
   JMLR 12, 2011 (AdaGrad).
.. [4] A. Holtzman, J. Buys, L. Du, M. Forbes, Y. Choi, "The curious case of neural text degeneration", ICLR 2020.
.. [5] A. Saxe, J. McClelland, S. Ganguli, "Exact solutions to the nonlinear dynamics of learning in deep linear neural
   networks", ICLR 2014.
.. [6] D. Kingma, J. Ba, "Adam: a method for stochastic optimization", ICLR 2015.
.. [7] I. Loshchilov, F. Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR 2017.
.. [8] J. Martins, P. Sturdza, J. Alonso, "The complex-step derivative approximation", ACM Transactions on Mathematical
   Software 29(3), 2003, equation 6.
.. [9] Stanford CS231n, course notes, "Neural networks part 3", section "Gradient checks" (the relative error).
"""

import math
import os
import signal
import tempfile
import threading
import time
import zipfile
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from tqdm import tqdm

# ---------------------------------------------------------------------------------------------- a book, its characters


def read_book(path, seq_length=25):
    """Read a book as one string.

    Line ends become ``\\n`` and a byte-order mark is dropped, so that they do not count as characters of the book.

    Parameters
    ----------
    path : str or path-like
        A text file in UTF-8.
    seq_length : int
        T, the length of the sequences that will be cut out of it: the book must hold at least T + 2 characters.

    Returns
    -------
    str

    Raises
    ------
    FileNotFoundError
        There is no such file.
    ValueError
        The file is empty, too short, or not UTF-8 (the message names the first byte that is not).
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no book at {str(path)!r}: give the path of a text file in UTF-8.")
    data = path.read_bytes()
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path.name} is not UTF-8: byte {error.start} (0x{data[error.start]:02x}) does not fit; save it as UTF-8."
        ) from None
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    if not text:
        raise ValueError(f"{path.name} is empty: choose a book with some text in it.")
    if len(text) < seq_length + 2:
        raise ValueError(
            f"{path.name} has {len(text)} characters, too few for sequences of {seq_length}: "
            f"it needs at least {seq_length + 2}."
        )
    return text


def _code_points(text):
    """The code points of a text, uint32 (len(text),)."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")


class Vocabulary:
    """The K different characters of a text, numbered 0..K-1 in the order of their code points.

    Parameters
    ----------
    text : str

    Attributes
    ----------
    chars : str
        The characters; character k has number k.
    size : int
        K, how many there are.
    dtype : numpy.dtype
        The smallest unsigned integer type that holds every number: what `encode` returns.
    """

    def __init__(self, text):
        self.chars = "".join(sorted(set(text)))
        self.size = len(self.chars)
        self.dtype = np.min_scalar_type(max(self.size - 1, 0))
        self._codes = _code_points(self.chars)

    def encode(self, text):
        """Turn a text into the numbers of its characters, an int array (len(text),).

        Raises
        ------
        ValueError
            A character of the text is not in the vocabulary (the message names it).
        """
        unknown = set(text).difference(self.chars)
        if unknown:
            char = min(unknown)
            raise ValueError(
                f"The character {char!r} (U+{ord(char):04X}) is not in the book, so the network has no number for it."
            )
        ids = np.empty(len(text), self.dtype)
        for start in range(0, len(text), 1 << 20):  # a piece at a time: 4 bytes a character would be 400 MB for 100 MB
            piece = text[start : start + (1 << 20)]
            ids[start : start + len(piece)] = np.searchsorted(self._codes, _code_points(piece))
        return ids

    def decode(self, ids):
        """Turn numbers back into text.

        Raises
        ------
        IndexError
            A number is not one of 0..K-1.
        """
        ids = np.asarray(ids)
        _check_ids(ids, self.size, "decode")
        return "".join(map(self.chars.__getitem__, ids.tolist()))


def _check_ids(ids, vocab_size, name):
    """Numbers of characters must be integers in 0..K-1: NumPy would let -1 pass as the last one."""
    if ids.size and (ids.dtype.kind not in "iu" or ids.min() < 0 or ids.max() >= vocab_size):
        kind = f"of type {ids.dtype}" if ids.dtype.kind not in "iu" else f"from {ids.min()} to {ids.max()}"
        raise IndexError(f"{name}: characters are integers from 0 to {vocab_size - 1}, these are {kind}.")


# -------------------------------------------------------------------------------------------------------- parameters


class Params:
    """W, U, V, b and c (or their gradients): five views into one vector, `flat`.

    What treats every number alike (clipping, an optimiser, a numerical gradient, saving) is then one line on `flat`.

    Parameters
    ----------
    hidden_size, vocab_size : int
        m and K.
    flat : ndarray (K m + m m + m + K m + K,), optional
        The vector, used as it is and not copied; zeros if it is not given.
    dtype : dtype
        The type of those zeros.

    Attributes
    ----------
    W : ndarray (m, m)
    U : ndarray (m, K)
    V : ndarray (K, m)
    b : ndarray (m,)
    c : ndarray (K,)
    """

    names = ("W", "U", "V", "b", "c")

    def __init__(self, hidden_size, vocab_size, flat=None, dtype=np.float64):
        if hidden_size < 1 or vocab_size < 1:
            raise ValueError(
                f"hidden_size and vocab_size must be at least 1, not {hidden_size} and {vocab_size}: "
                "choose, for example, hidden_size=100."
            )
        m, K = self.hidden_size, self.vocab_size = int(hidden_size), int(vocab_size)
        cuts = np.cumsum([0, K * m, m * m, m, K * m, K])
        self.flat = np.zeros(cuts[-1], dtype) if flat is None else flat
        U, W, b, V, c = (self.flat[i:j] for i, j in pairwise(cuts))
        self.U = U.reshape(K, m).T  # stored by columns: U x_t is a column, and is picked in one piece
        self.W, self.b, self.V, self.c = W.reshape(m, m), b, V.reshape(K, m), c

    def like(self, flat):
        """The same shapes over another vector."""
        return Params(self.hidden_size, self.vocab_size, flat)

    def astype(self, dtype):
        """A copy as another type."""
        return self.like(self.flat.astype(dtype))

    def copy(self):
        """A copy over a vector of its own."""
        return self.like(self.flat.copy())


def init_params(vocab_size, hidden_size=100, sigma=0.01, seed=0, dtype=np.float64, scheme="normal"):
    """Draw W, U and V from normal distributions with mean 0; b and c are zero.

    Parameters
    ----------
    vocab_size, hidden_size : int
        K and m.
    sigma : float
        The standard deviation of the scheme "normal".
    seed : int or numpy.random.Generator
    dtype : dtype
        The type of the result; the numbers are drawn in float64 and then rounded, the same for every type.
    scheme : {"normal", "scaled", "orthogonal"}
        "normal": sigma for all three. "scaled": variance 1/(2m) for W, 1/(2K) for U, 1/m for V, so that sums over m
        terms neither grow nor shrink. "orthogonal": as "scaled", but W is a random orthogonal matrix [5]_, which
        neither stretches nor shrinks the hidden state.

    Returns
    -------
    Params

    Raises
    ------
    ValueError
        hidden_size or vocab_size is less than 1, or the scheme is unknown.
    """
    params = Params(hidden_size, vocab_size)
    rng = np.random.default_rng(seed)
    deviations = {
        "normal": (sigma, sigma, sigma),
        "scaled": (1 / np.sqrt(2 * hidden_size), 1 / np.sqrt(2 * vocab_size), 1 / np.sqrt(hidden_size)),
    }
    deviations["orthogonal"] = deviations["scaled"]
    for weights, deviation in zip((params.W, params.U, params.V), _choice("scheme", scheme, deviations), strict=True):
        weights[...] = deviation * rng.standard_normal(weights.shape)
    if scheme == "orthogonal":
        q, r = np.linalg.qr(params.W)
        params.W[...] = q * np.sign(np.diag(r))  # without the signs, not all orthogonal matrices are equally likely
    return params.astype(dtype)


def _choice(what, name, choices):
    """The choice of that name, or a clear error."""
    if name not in choices:
        raise ValueError(f"There is no {what} {name!r}: choose one of {', '.join(map(repr, choices))}.")
    return choices[name]


# --------------------------------------------------------------------------------------------------- forward, backward


class Forward(NamedTuple):
    """What a forward pass leaves behind.

    Attributes
    ----------
    loss : float
        L in nats: summed over the T characters of a sequence, mean over the B sequences.
    h : ndarray (T+1, m) or (T+1, B, m)
        The hidden states; h[0] is h0, h[t] is h_t, h[-1] is carried on to the next sequence.
    p : ndarray (T, K) or (T, B, K)
        The probabilities; p[t-1] is p_t.
    """

    loss: float
    h: np.ndarray
    p: np.ndarray


def hidden_states(params, x, h0):
    """h_0 .. h_T, with a_t = W h_{t-1} + U x_t + b and h_t = tanh(a_t).

    Parameters
    ----------
    params : Params
    x : int ndarray (T,) or (T, B)
    h0 : ndarray (m,) or (B, m)

    Returns
    -------
    ndarray (T+1, m) or (T+1, B, m)
    """
    h = np.empty((len(x) + 1, *x.shape[1:], params.hidden_size), params.flat.dtype)
    h[0] = h0
    np.add(params.U.T[x], params.b, out=h[1:])  # U x_t + b for all t at once; x_t is one-hot: U x_t is a column of U
    W_T = params.W.T
    for h_prev, h_t in pairwise(h):  # only this goes step by step; h_t is a view, so h is filled
        h_t += np.dot(h_prev, W_T)  # a_t = W h_{t-1} + U x_t + b
        np.tanh(h_t, out=h_t)  # h_t = tanh(a_t)
    return h


def log_softmax(o):
    """log SoftMax(o) along the last axis, in nats: o - log sum_k exp(o_k).

    The largest o is taken off first, so that exp cannot overflow (its real part: for the complex step, the function
    must stay analytic). The logarithm of SoftMax(o) itself would be -inf wherever exp(o) underflows.
    """
    o = o - o.real.max(axis=-1, keepdims=True)
    o -= np.log(np.exp(o).sum(axis=-1, keepdims=True))
    return o


def log_probabilities(params, h):
    """log p_t in nats, with o_t = V h_t + c and p_t = SoftMax(o_t): h (..., m) becomes (..., K)."""
    o = np.dot(_rows(h), params.V.T) + params.c  # o_t = V h_t + c
    return log_softmax(o).reshape(*h.shape[:-1], -1)


def _rows(a):
    """One row a character, whether they come from one sequence or from a batch: one large matrix product."""
    return a.reshape(-1, a.shape[-1])


def _checked(params, x, y, h0):
    """x, y and h0 as arrays of the right shapes, or a clear error."""
    x, y, h0 = np.asarray(x), np.asarray(y), np.asarray(h0)
    if x.shape != y.shape or x.ndim not in (1, 2) or x.size == 0:
        raise ValueError(f"x and y must have the same shape, (T,) or (T, B); these have {x.shape} and {y.shape}.")
    wanted = (*x.shape[1:], params.hidden_size)
    if h0.shape != wanted:
        raise ValueError(f"h0 must have the shape {wanted} for x of shape {x.shape}; this one has {h0.shape}.")
    _check_ids(x, params.vocab_size, "x")
    _check_ids(y, params.vocab_size, "y")
    return x, y, h0


def forward(params, x, y, h0):
    """The loss of one sequence or of a batch, and what `backward` needs.

    Parameters
    ----------
    params : Params
    x, y : int array (T,) or (T, B)
        The characters that go in, and those that should come out: y_t = x_{t+1}.
    h0 : array (m,) or (B, m)
        The hidden state before the first character.

    Returns
    -------
    Forward

    Raises
    ------
    ValueError
        x and y differ in shape, or h0 does not fit them.
    IndexError
        A number in x or y is not one of 0..K-1.

    References
    ----------
    Goodfellow et al. [1]_, equations 10.8 to 10.11.
    """
    return _forward(params, *_checked(params, x, y, h0))


def _forward(params, x, y, h0):
    """`forward` for input that has been checked: `train` checks a whole book once, not every step."""
    h = hidden_states(params, x, h0)
    log_p = _rows(log_probabilities(params, h[1:]))
    T, B = len(y), y.size // len(y)
    loss = -log_p[np.arange(T * B), y.ravel()].sum() / B  # L = -sum_t log p_t[y_t]
    return Forward(loss, h, np.exp(log_p).reshape(*y.shape, -1))


def backward(params, x, y, fwd):
    """The gradient of the loss by back-propagation through time.

    Parameters
    ----------
    params, x, y
        As they were given to `forward`.
    fwd : Forward
        What it returned.

    Returns
    -------
    Params
        dL/dW, dL/dU, dL/dV, dL/db and dL/dc under the names W, U, V, b and c, in nats; `flat` is the whole gradient.

    References
    ----------
    Goodfellow et al. [1]_, equations 10.18 to 10.28; Werbos [2]_.
    """
    x, y, _ = _checked(params, x, y, fwd.h[0])
    return _backward(params, x, y, fwd, params.like(np.empty_like(params.flat)))


def _backward(params, x, y, fwd, grads):
    """`backward` for input that has been checked, into `grads`: `train` uses the same ones in every step."""
    T, B, rows = len(y), y.size // len(y), np.arange(y.size)
    h, h_prev, W = _rows(fwd.h[1:]), _rows(fwd.h[:-1]), params.W
    x_one_hot = np.zeros((T * B, params.vocab_size), h.dtype)
    x_one_hot[rows, x.ravel()] = 1
    g = _rows(fwd.p).copy()
    g[rows, y.ravel()] -= 1  # dL/do_t = p_t - y_t
    g /= B  # L is the mean over the batch
    da = np.dot(g, params.V)  # V^T dL/do_t: what reaches h_t through o_t
    dtanh = 1 - h * h  # dh_t/da_t
    shape = fwd.h[1:].shape
    carried = np.zeros(shape[1:], h.dtype)  # W^T dL/da_{t+1}: nothing comes from beyond the last step
    for da_t, dtanh_t in zip(da.reshape(shape)[::-1], dtanh.reshape(shape)[::-1], strict=True):  # t = T .. 1
        da_t += carried  # dL/dh_t = V^T dL/do_t + W^T dL/da_{t+1}
        da_t *= dtanh_t  # dL/da_t = dL/dh_t * dh_t/da_t
        carried = np.dot(da_t, W)
    np.dot(da.T, h_prev, out=grads.W)  # dL/dW = sum_t dL/da_t h_{t-1}^T
    np.dot(x_one_hot.T, da, out=grads.U.T)  # dL/dU = sum_t dL/da_t x_t^T
    np.sum(da, axis=0, out=grads.b)  # dL/db = sum_t dL/da_t
    np.dot(g.T, h, out=grads.V)  # dL/dV = sum_t dL/do_t h_t^T
    np.sum(g, axis=0, out=grads.c)  # dL/dc = sum_t dL/do_t
    return grads


def _bar(items, shown, **kwargs):
    """A progress bar that is gone when it is done. TQDM_DISABLE=1 hides those that are shown, too."""
    return tqdm(items, leave=False, **kwargs, **({} if shown else {"disable": True}))


# ---------------------------------------------------------------------------------------------- is the gradient right?


def numerical_gradient(params, x, y, h0, eps=None, method="central", entries=None, seed=0, progress=True):
    """The gradient of the loss from the loss alone, entry by entry.

    "central" takes (L(theta + eps) - L(theta - eps)) / (2 eps). Its error has two parts: the curvature, about eps^2,
    and the rounding of two nearly equal losses, about 1e-16 L / eps. "complex-step" takes Im L(theta + i eps) / eps
    [8]_: nothing is subtracted, so eps can be so small that only the rounding of L itself is left.

    Parameters
    ----------
    params, x, y, h0
        As for `forward`; the parameters must be float64, and are left as they are.
    eps : float, optional
        The step; 1e-5 for central differences and 1e-30 for the complex step if it is not given.
    method : {"central", "complex-step"}
    entries : int, optional
        Compute at most so many entries of each parameter, drawn at random, and leave NaN in the others; all if it is
        not given.
    seed : int
        Of that draw.
    progress : bool
        Show a bar for each parameter.

    Returns
    -------
    Params
        In float64, with the same names as those of `backward`, in nats.

    Raises
    ------
    ValueError
        eps is not above 0, the method is unknown, entries is less than 1, the parameters are not float64 or not
        finite; or x, y and h0 do not fit each other.
    IndexError
        A number in x or y is not one of 0..K-1.
    """
    default_eps, dtype = _choice("method", method, {"central": (1e-5, float), "complex-step": (1e-30, complex)})
    eps = default_eps if eps is None else eps
    if not 0 < eps < np.inf:
        raise ValueError(f"eps must be above 0 and finite, it is {eps}: leave it out for {default_eps}.")
    if entries is not None and entries < 1:
        raise ValueError(f"entries must be 1 or more, it is {entries}.")
    if params.flat.dtype != np.float64:
        raise ValueError(f"The check needs float64, the parameters are {params.flat.dtype}: use params.astype(float).")
    for name in Params.names:
        if not np.isfinite(getattr(params, name)).all():
            raise ValueError(f"{name} holds NaN or infinity: nothing can be checked there.")
    x, y, h0 = _checked(params, x, y, h0)
    theta = params.astype(dtype)
    gradient = params.like(np.full_like(params.flat, np.nan))
    rng = np.random.default_rng(seed)
    for name in Params.names:
        weights, result = getattr(theta, name), getattr(gradient, name)
        chosen = np.arange(weights.size)
        if entries is not None and entries < weights.size:
            chosen = rng.choice(weights.size, entries, replace=False)
        for index in _bar(chosen, progress, desc=f"Computing gradients for {name}"):
            entry = np.unravel_index(index, weights.shape)
            value = weights[entry]

            def loss(step, weights=weights, entry=entry, value=value):
                weights[entry] = value + step
                return _forward(theta, x, y, h0).loss

            if method == "central":
                result[entry] = (loss(eps) - loss(-eps)) / (2 * eps)
            else:
                result[entry] = loss(1j * eps).imag / eps
            weights[entry] = value
    return gradient


class GradientRow(NamedTuple):
    """How the two gradients of one parameter compare at one point.

    Attributes
    ----------
    point : str
        Where.
    name : str
        W, U, V, b or c.
    difference : float
        ||a - n||, the Euclidean norm over the entries compared, in nats; a is the gradient checked, n the numerical
        one.
    relative_error : float
        ||a - n|| / max(||a||, ||n||, 1e-4): the difference on the scale of what is compared [9]_, so that it does not
        depend on how large the gradient happens to be. The floor keeps the rounding of a gradient that should be zero,
        some 1e-16, from being taken for an error.
    analytic, numerical : float
        The two values of the entry that differs most.
    worst : tuple of int
        The index of that entry.
    passed : bool
        The relative error is below the tolerance.
    """

    point: str
    name: str
    difference: float
    relative_error: float
    analytic: float
    numerical: float
    worst: tuple
    passed: bool


class GradientCheck(list):
    """The rows of a check, a `GradientRow` for each point and parameter, and what they mean.

    Attributes
    ----------
    passed : bool
        Every row has passed.
    wrong : tuple of str
        The parameters that failed at some point, in the order W, U, V, b, c.
    diagnosis : str
        What that pattern usually means, in a sentence.
    """

    @property
    def passed(self):
        return all(row.passed for row in self)

    @property
    def wrong(self):
        return tuple(name for name in Params.names if any(row.name == name and not row.passed for row in self))

    @property
    def diagnosis(self):
        wrong, names = self.wrong, " and ".join(filter(None, [", ".join(self.wrong[:-1]), *self.wrong[-1:]]))
        if not wrong:
            return "All five gradients agree."
        failed = [row for row in self if not row.passed]
        ratios = [row.analytic / row.numerical if row.numerical else np.nan for row in failed]
        where = sorted({row.point for row in failed})
        if {"V", "c"} <= set(wrong) and np.ptp(ratios) < 1e-6 * abs(ratios[0]):
            cause = f"all are {ratios[0]:.4g} times what they should be: a sum in place of a mean, or the reverse"
        else:
            cause = _DIAGNOSES.get(wrong, "the first step that they share is the place to look")
        if len(where) < len({row.point for row in self}):
            cause += f"; only {' and '.join(where)}"
        return f"{names} wrong: {cause}."


_DIAGNOSES = {  # which gradients are wrong: where the error usually is
    ("W", "U", "V", "b", "c"): "everything flows from dL/do_t = p_t - y_t, so the error is there",
    ("W", "U", "b"): "V and c are right, so dL/do_t is; the error is in the recurrence, between dL/dh_t and dL/da_t",
    ("V", "c"): "the sums over t of dL/do_t",
    ("W",): "the recurrence is right, so it is the sum of dL/da_t h_{t-1}^T: which h, and from which step on",
    ("U",): "the recurrence is right, so it is the sum of dL/da_t x_t^T: which column, and characters that repeat",
    ("V",): "dL/do_t is right, so it is the sum of dL/do_t h_t^T: which h, and from which step on",
    ("b",): "the recurrence is right, so it is the sum of dL/da_t, which may lack a step",
    ("c",): "dL/do_t is right, so it is the sum of dL/do_t, which may lack a step",
}


class Point(NamedTuple):
    """Where gradients are compared: a name that says what is special, and the arguments of `forward`."""

    name: str
    params: Params
    x: np.ndarray
    y: np.ndarray
    h0: np.ndarray


def check_points(hidden_size=6, vocab_size=5, seq_length=7, seed=0):
    """Three points that together leave an error nowhere to hide.

    The usual one comes first: tiny weights, h0 = 0, one sequence. There W h_{t-1} is next to nothing, so what is wrong
    in the recurrence hardly shows. At the others sigma = 0.5, the biases and h0 are not zero, and there is a batch.

    Returns
    -------
    list of Point
    """
    rng = np.random.default_rng(seed)
    points = []
    for name, sigma, batch in (
        ("with sigma = 0.01, h0 = 0", 0.01, ()),
        ("with sigma = 0.5, h0 not 0", 0.5, ()),
        ("with sigma = 0.5, h0 not 0, B = 3", 0.5, (3,)),
    ):
        params = init_params(vocab_size, hidden_size, sigma, rng)
        h0 = np.zeros((*batch, hidden_size))
        if sigma > 0.1:
            params.b[:], params.c[:] = rng.normal(0, sigma, hidden_size), rng.normal(0, sigma, vocab_size)
            h0 = rng.uniform(-1, 1, h0.shape)
        x, y = rng.integers(0, vocab_size, (2, seq_length, *batch))
        points.append(Point(name, params, x, y, h0))
    return points


def check_gradients(
    params=None, x=None, y=None, h0=None, *, backward=backward, gradients=None, eps=None, method="complex-step",
    tolerance=None, entries=None, seed=0, progress=True,
):  # fmt: skip
    """Compare the gradients of `backward`, or of a function in its place, with numerical ones.

    Parameters
    ----------
    params, x, y, h0 : optional
        The point, as for `forward`. If they are not given, the points are those of `check_points`.
    backward : function (params, x, y, fwd) -> Params
        What to check.
    gradients : Params, optional
        Gradients at (params, x, y, h0) that were computed already, to be checked instead.
    eps, method, entries, seed, progress
        As for `numerical_gradient`.
    tolerance : float, optional
        A parameter passes if its relative error is below this; 1e-5 for central differences and 1e-10 for the complex
        step if it is not given.

    Returns
    -------
    GradientCheck
        A row for each point and each of W, U, V, b and c.

    Raises
    ------
    ValueError
        The point is given in part, or gradients are given without a point or have another shape; and all that
        `numerical_gradient` raises.
    """
    given = [argument is not None for argument in (params, x, y, h0)]
    if any(given) != all(given) or (gradients is not None and not all(given)):
        raise ValueError("Give all of params, x, y and h0, or none of them for the default points.")
    if gradients is not None and gradients.flat.shape != params.flat.shape:
        raise ValueError("These gradients do not have the shapes of the parameters.")
    tolerance = tolerance or {"central": 1e-5}.get(method, 1e-10)
    rows = GradientCheck()
    for point in [Point("here", params, x, y, h0)] if all(given) else check_points():
        numerical = numerical_gradient(*point[1:], eps, method, entries, seed, progress)
        analytic = gradients or backward(*point[1:4], forward(*point[1:]))
        for name in Params.names:
            a, n = getattr(analytic, name), getattr(numerical, name)
            known = ~np.isnan(n)
            deviation = np.where(known, np.abs(a - n), 0)
            difference = np.linalg.norm(deviation)
            scale = max(np.linalg.norm(a[known]), np.linalg.norm(n[known]), 1e-4)
            worst = np.unravel_index(np.nan_to_num(deviation, nan=np.inf).argmax(), a.shape)
            passed = bool(difference / scale < tolerance)  # False also for NaN
            numbers = map(float, (difference, difference / scale, a[worst], n[worst]))
            rows.append(GradientRow(point.name, name, *numbers, tuple(map(int, worst)), passed))
    return rows


# --------------------------------------------------------------------------------------------------------- optimisers


class AdaGrad:
    """theta -= eta * g / sqrt(g2 + 1e-8), where g2 is the sum of all g * g so far.

    Parameters
    ----------
    eta : float
        The learning rate.

    References
    ----------
    Duchi et al. [3]_, section 1.1 (the diagonal version).
    """

    def __init__(self, eta=0.1):
        self.eta = eta
        self.g2 = 1e-8

    def step(self, params, grads, rate=1.0):
        """Update the parameters in place, with the learning rate times `rate`."""
        g = grads.flat
        self.g2 += g * g
        params.flat -= rate * self.eta * g / np.sqrt(self.g2)


class Adam:
    """theta -= eta * m / (sqrt(v) + 1e-8), where m and v are moving averages of g and g * g, corrected for their start.

    Parameters
    ----------
    eta : float
        The learning rate.
    beta1, beta2 : float
        How much of the old averages stays in each step.

    References
    ----------
    Kingma and Ba [6]_, algorithm 1.
    """

    def __init__(self, eta=1e-3, beta1=0.9, beta2=0.999):
        self.eta, self.beta1, self.beta2 = eta, beta1, beta2
        self.m = self.v = 0.0
        self.t = 0

    def step(self, params, grads, rate=1.0):
        """Update the parameters in place, with the learning rate times `rate`."""
        g = grads.flat
        self.t += 1
        self.m += (1 - self.beta1) * (g - self.m)
        self.v += (1 - self.beta2) * (g * g - self.v)
        m, v = self.m / (1 - self.beta1**self.t), self.v / (1 - self.beta2**self.t)
        params.flat -= rate * self.eta * m / (np.sqrt(v) + 1e-8)


SCHEDULES = {  # the learning rate, as a share of the first one, when this share of the steps is done
    "constant": lambda done: 1.0,
    "cosine": lambda done: 0.5 * (1 + math.cos(math.pi * done)),
}


# ----------------------------------------------------------------------------------------------------------- training


class Sample(NamedTuple):
    """What the network was, and wrote, when `step` update steps were done.

    Attributes
    ----------
    step : int
    smooth_loss : float
        In nats per sequence.
    text : str
        The synthesized text, without the prompt.
    params : Params
        A copy of the parameters.
    h : ndarray (m,)
        The hidden state that the text starts from: the one that training carries on.
    """

    step: int
    smooth_loss: float
    text: str
    params: Params
    h: np.ndarray


@dataclass
class Training:
    """The result of `train`.

    Attributes
    ----------
    params, h : Params, ndarray (m,)
        The parameters after the last step, and the hidden state.
    best_params, best_h, best_step : Params, ndarray (m,), int
        The same at the lowest smooth loss, which is `smooth_losses[best_step]`: as they were before that step's update.
    losses, smooth_losses : ndarray (steps,)
        In nats per sequence (summed over its T characters, mean over the batch): L, and its moving average
        0.999 smooth_loss + 0.001 L, which starts at the first L.
    samples : list of Sample
        One before the first and before every `sample_every`-th step, and one after the last.
    steps_per_epoch : int
    seconds : float
        The time that the update steps took, without that for the samples.
    interrupted : bool
        Training was stopped (Kernel > Interrupt) before its last step.
    """

    params: Params
    h: np.ndarray
    best_params: Params
    best_h: np.ndarray
    best_step: int
    losses: np.ndarray
    smooth_losses: np.ndarray
    samples: list
    steps_per_epoch: int
    seconds: float
    interrupted: bool


@contextmanager
def _deferred_interrupt():
    """Let SIGINT (Kernel > Interrupt, Ctrl-C) set an event instead of cutting an update step in two."""
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():  # only the main thread may have, and gets, signals
        yield asked
        return
    before = signal.signal(signal.SIGINT, lambda *_: asked.set())
    try:
        yield asked
    finally:
        signal.signal(signal.SIGINT, before)


def sequence_starts(length, seq_length=25, batch_size=1, order="book", chunks=100, rng=None):
    """Where in the book the sequences of one epoch start.

    The book is cut into equal chunks, and each is read from its beginning, T characters a step, until fewer than T + 1
    are left. In the order of the book there are B chunks, read side by side; with B = 1 that is the whole book.

    Parameters
    ----------
    length : int
        The number of characters in the book.
    seq_length, batch_size : int
        T and B.
    order : {"book", "chunks", "random"}
        "book": from beginning to end. "chunks": B at a time, in an order drawn anew. "random": anywhere, each sequence
        on its own.
    chunks : int
        How many, for the order "chunks".
    rng : numpy.random.Generator
        For the orders "chunks" and "random".

    Returns
    -------
    starts : int ndarray (steps, B)
    fresh : bool ndarray (steps,)
        Where the hidden state must be set to zero, because the sequences do not continue those of the step before.

    Raises
    ------
    ValueError
        The order is unknown, or the book is too short for so many streams.
    """
    pieces = _choice("order", order, {"book": batch_size, "chunks": chunks, "random": batch_size})
    if batch_size < 1 or pieces < batch_size or length // pieces < seq_length + 1:
        raise ValueError(
            f"A book of {length} characters can't be cut into {pieces} pieces for {batch_size} sequences of "
            f"{seq_length} at a time: ask for fewer."
        )
    per_piece = (length // pieces - 1) // seq_length
    if order == "random":
        return rng.integers(0, length - seq_length, (per_piece, batch_size)), np.ones(per_piece, bool)
    first = length // pieces * (rng.permutation(pieces) if order == "chunks" else np.arange(pieces))
    first = first[: pieces // batch_size * batch_size].reshape(-1, 1, batch_size)
    starts = (first + seq_length * np.arange(per_piece)[:, None]).reshape(-1, batch_size)
    return starts, np.arange(len(starts)) % per_piece == 0


def train(
    params, vocab, ids, *, epochs=1, steps=None, seq_length=25, batch_size=1, order="book", chunks=100,
    optimizer=None, schedule="constant", clip=5.0, backward=None,
    sample_every=10_000, sample_length=200, prompt=".", seed=0, progress=True,
):  # fmt: skip
    """Train on a book by truncated back-propagation through time.

    The hidden state is carried on from step to step, and set to zero where the text does not go on: at the start of
    each epoch, and where `sequence_starts` says so.

    Parameters
    ----------
    params : Params
        Where to start. They are copied; their type, float32 or float64, is the type of the whole computation.
    vocab : Vocabulary
    ids : int array (N,)
        The book: `vocab.encode(text)`.
    epochs : int
        How often to read the book.
    steps : int, optional
        How many update steps to make, if not whole epochs.
    seq_length, batch_size, order, chunks
        T, B and where the sequences come from: see `sequence_starts`.
    optimizer : object with step(params, grads, rate), optional
        AdaGrad() if it is not given.
    schedule : {"constant", "cosine"}
        How the learning rate goes from the first step to the last: as it is, or down to 0 along half a cosine [7]_.
    clip : float
        Every entry of the gradient is clipped to [-clip, clip].
    backward : function (params, x, y, fwd) -> Params, optional
        Another one than `backward`, to see what it does.
    sample_every, sample_length, prompt
        Synthesize `sample_length` characters after `prompt` before every `sample_every`-th step; 0: never.
    seed : int
        Of the samples, and of the orders "chunks" and "random".
    progress : bool
        Show a bar.

    Returns
    -------
    Training
        Also after Kernel > Interrupt (Ctrl-C): then it holds what was learned so far.

    Raises
    ------
    ValueError
        The book is shorter than T + 2 characters or too short for the batch; epochs, steps or seq_length is less
        than 1; the order or the schedule is unknown; or a character of the prompt is not in the book.
    IndexError
        A number in ids is not one of 0..K-1.
    """
    ids, T = np.asarray(ids), seq_length
    if T < 1 or epochs < 1 or (steps is not None and steps < 1):
        raise ValueError(f"seq_length, epochs and steps must be 1 or more; they are {T}, {epochs} and {steps}.")
    if len(ids) < T + 2:
        raise ValueError(f"The book has {len(ids)} characters; sequences of {T} need at least {T + 2}.")
    _check_ids(ids, params.vocab_size, "ids")
    vocab.encode(prompt)
    rate = _choice("schedule", schedule, SCHEDULES)

    def places(epoch):
        rng = np.random.default_rng((seed, 0, epoch))
        return sequence_starts(len(ids), T, batch_size, order, chunks, rng)

    def sample(step):
        began = time.perf_counter()
        h_first = h.reshape(-1, params.hidden_size)[0]
        text = synthesize(params, vocab, sample_length, prompt, seed=(seed, 1, step), h0=h_first)
        samples.append(Sample(step, smooth_loss, text, params.copy(), h_first.copy()))
        return time.perf_counter() - began

    steps_per_epoch = len(places(0)[0])
    steps = steps or epochs * steps_per_epoch
    optimizer = optimizer or AdaGrad()
    params, best_params = params.copy(), params.copy()
    backward = backward or partial(_backward, grads=params.copy())
    losses, smooth_losses, samples = np.empty(steps), np.empty(steps), []
    best_step, smooth_loss = 0, None
    windows = sliding_window_view(ids, T + 1)
    zero_state = np.zeros((batch_size, params.hidden_size) if batch_size > 1 else params.hidden_size, params.flat.dtype)
    started, sampling = time.perf_counter(), 0.0

    with _deferred_interrupt() as interrupt, _bar(None, progress, total=steps, unit="step") as bar:
        for n in range(steps):
            epoch, i = divmod(n, steps_per_epoch)
            if i == 0:
                starts, fresh = places(epoch)
            text = windows[starts[i] if batch_size > 1 else starts[i, 0]].T  # (T+1,) or (T+1, B)
            x, y = text[:-1], text[1:]
            if fresh[i]:
                h = zero_state
            fwd = _forward(params, x, y, h)
            losses[n] = fwd.loss
            smooth_losses[n] = smooth_loss = 0.999 * smooth_loss + 0.001 * losses[n] if n else losses[n]
            if n == 0 or smooth_loss < smooth_losses[best_step]:
                best_step, best_h = n, h
                best_params.flat[:] = params.flat
            if sample_every and n % sample_every == 0:
                sampling += sample(n)
            grads = backward(params, x, y, fwd)
            np.clip(grads.flat, -clip, clip, out=grads.flat)
            optimizer.step(params, grads, rate(n / steps))
            h = fwd.h[-1]
            if n % 500 == 0:
                bar.set_description(f"epoch {epoch + 1}, smooth loss {smooth_loss:.2f}")
            bar.update()
            if interrupt.is_set():
                break
        done = n + 1
        if sample_every:
            sampling += sample(done)
    seconds = time.perf_counter() - started - sampling
    return Training(
        params, h, best_params, best_h, best_step, losses[:done], smooth_losses[:done], samples,
        steps_per_epoch, seconds, done < steps,
    )  # fmt: skip


def bits_per_character(params, ids, h0=None):
    """How many bits the network needs for each character of a text that it reads from beginning to end.

    Parameters
    ----------
    params : Params
    ids : int array (N,)
        The text; the first character is only read, the other N - 1 are predicted.
    h0 : array (m,), optional
        The hidden state before the first character; zeros if it is not given.

    Returns
    -------
    float
        The mean of -log2 p_t[y_t].

    Raises
    ------
    ValueError
        There are fewer than two characters, or h0 has another shape.
    """
    if len(ids) < 2:
        raise ValueError(f"A text of {len(ids)} characters has none to predict: give two or more.")
    nats, h, piece = 0.0, np.zeros(params.hidden_size) if h0 is None else h0, 1000
    for e in range(0, len(ids) - 1, piece):  # piece by piece: the result is the same, the memory is not
        fwd = forward(params, ids[e : e + piece][: len(ids) - 1 - e], ids[e + 1 : e + 1 + piece], h)
        nats, h = nats + fwd.loss, fwd.h[-1]
    return float(nats / (len(ids) - 1) / np.log(2))


# -------------------------------------------------------------------------------------------------------- writing text


def draw(log_p, u, temperature=1.0, top_p=1.0):
    """Draw characters from the network's probabilities.

    Parameters
    ----------
    log_p : ndarray (..., K)
        log p_t in nats.
    u : float or ndarray (...)
        Uniform random numbers in [0, 1), one for each character to draw.
    temperature : float
        Draw from SoftMax(log p_t / temperature): below 1 bolder, 0 always the most probable character.
    top_p : float
        Draw only from the nucleus: the smallest set of most probable characters whose probabilities, at this
        temperature, sum to at least top_p.

    Returns
    -------
    int or int ndarray (...)

    Raises
    ------
    ValueError
        temperature is negative, or top_p is not in (0, 1].

    References
    ----------
    Holtzman et al. [4]_, section 3.1 (top-p).
    """
    if not temperature >= 0:
        raise ValueError(f"temperature must be 0 (the most probable character) or more, it is {temperature}.")
    if not 0 < top_p <= 1:
        raise ValueError(f"top_p must be above 0 and at most 1 (all characters), it is {top_p}.")
    if temperature == 0:
        return log_p.argmax(axis=-1)
    p = np.exp(log_softmax(log_p / temperature))
    if top_p < 1:
        p = np.where(nucleus(p, top_p), p, 0)
    total = p.cumsum(axis=-1, dtype=np.float64)
    return (total <= np.asarray(u)[..., None] * total[..., -1:]).sum(axis=-1)


def nucleus(p, top_p):
    """Which characters belong to the smallest set whose probability is at least top_p: bool (..., K) for p (..., K)."""
    order = np.argsort(-p, axis=-1, kind="stable")
    sorted_p = np.take_along_axis(p, order, axis=-1)
    mass_before = np.cumsum(sorted_p, axis=-1) - sorted_p
    inside = np.empty(p.shape, bool)
    np.put_along_axis(inside, order, mass_before < top_p, axis=-1)
    return inside


def synthesize(params, vocab, length=200, prompt=".", temperature=1.0, top_p=1.0, seed=0, h0=None):
    """Let the network write: draw x_{t+1} from p_t, and let it read that.

    Parameters
    ----------
    params : Params
    vocab : Vocabulary
    length : int
        How many characters to write.
    prompt : str
        What the network reads first; at least one character. It is not part of the result.
    temperature, top_p : float
        See `draw`.
    seed : int, sequence of ints or numpy.random.Generator
    h0 : array (m,), optional
        The hidden state before the prompt; zeros if it is not given.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        The prompt is empty or has a character that is not in the book, length is negative, h0 has another shape,
        temperature is negative, or top_p is not in (0, 1].
    """
    if not prompt:
        raise ValueError("The prompt is empty: give the network at least one character to read first.")
    if length < 0:
        raise ValueError(f"length must be 0 or more, it is {length}.")
    h = np.zeros(params.hidden_size) if h0 is None else np.asarray(h0)
    if h.shape != (params.hidden_size,):
        raise ValueError(f"h0 must have the shape ({params.hidden_size},); this one has {h.shape}.")
    x = vocab.encode(prompt)
    ids = np.empty(length, np.intp)
    for n, u in enumerate(np.random.default_rng(seed).random(length)):
        h = hidden_states(params, x, h)[-1]
        ids[n] = draw(log_probabilities(params, h), u, temperature, top_p)
        x = ids[n : n + 1]
    return vocab.decode(ids)


# ------------------------------------------------------------------------------------------- keeping what was learned


def save_params(path, params, vocab):
    """Save parameters and the characters they are for, as .npz. The file is complete or not there at all.

    Parameters
    ----------
    path : str or path-like
        A file that is there already is replaced.
    params : Params
    vocab : Vocabulary
    """
    path = Path(path)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=path.name, suffix=".tmp", delete=False) as file:
        try:
            np.savez(file, flat=params.flat, hidden_size=params.hidden_size, chars=_code_points(vocab.chars))
            file.flush()
            os.fsync(file.fileno())
            os.replace(file.name, path)
        except BaseException:
            os.unlink(file.name)
            raise


def load_params(path, vocab):
    """Load what `save_params` wrote.

    Parameters
    ----------
    path : str or path-like
    vocab : Vocabulary
        The characters that the parameters must be for.

    Returns
    -------
    Params

    Raises
    ------
    FileNotFoundError
        There is no such file.
    ValueError
        The file is damaged, or made for another vocabulary.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There are no saved parameters at {str(path)!r}.")
    try:
        with np.load(path, allow_pickle=False) as file:
            flat, hidden_size, codes = file["flat"], int(file["hidden_size"]), file["chars"]
        chars = codes.astype(np.uint32).tobytes().decode("utf-32-le", "surrogatepass")
        right_size = flat.shape == Params(hidden_size, len(chars)).flat.shape and flat.dtype.kind == "f"
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path.name} is not a file of saved parameters, or it is damaged: {error}.") from None
    if not right_size:
        raise ValueError(f"{path.name} is damaged: its parameters do not have the size that it states.")
    if chars != vocab.chars:
        raise ValueError(
            f"{path.name} was made for another vocabulary ({len(chars)} characters, this book has {vocab.size}): "
            "load it with the book that it was trained on."
        )
    return Params(hidden_size, len(chars), flat)
