"""A vanilla RNN that reads and writes text, character by character.

The network, for t = 1..T; x_t and y_t = x_{t+1} are two of K characters, in U x_t one-hot; the hidden state has size m:

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
   Software 29(3), 2003.
.. [9] Stanford CS231n, course notes, "Neural Networks Part 3: Learning and Evaluation", section "Gradient Checks".
"""

import hashlib
import json
import math
import numbers
import operator
import os
import signal
import sys
import threading
import time
import warnings
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
    path = Path(path).expanduser()
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
        return "".join(map(self.chars.__getitem__, ids.ravel().tolist()))


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
        U, W, b, V and c one after the other, used as it is and not copied; zeros if it is not given.
    dtype : dtype
        The type of those zeros.

    Raises
    ------
    ValueError
        hidden_size or vocab_size is less than 1.

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
        m, K = self.hidden_size, self.vocab_size = operator.index(hidden_size), operator.index(vocab_size)
        if m < 1 or K < 1:
            raise ValueError(
                f"hidden_size and vocab_size must be at least 1, not {m} and {K}: choose, for example, hidden_size=100."
            )
        cuts = np.cumsum([0, K * m, m * m, m, K * m, K])
        self.flat = np.zeros(cuts[-1], dtype) if flat is None else flat
        if self.flat.shape != (cuts[-1],) or self.flat.dtype not in (np.float32, np.float64, np.complex128):
            raise ValueError(
                f"The parameters for m = {m} and K = {K} are {cuts[-1]} numbers, float32, float64 or complex128; these "
                f"have the shape {self.flat.shape} and the type {self.flat.dtype}."
            )
        U, W, b, V, c = (self.flat[i:j] for i, j in pairwise(cuts))
        self.U, self.W = U.reshape(K, m).T, W.reshape(m, m).T  # stored by columns: U x_t is one, and h @ W.T is faster
        self.V, self.b, self.c = V.reshape(K, m), b, c

    def __reduce__(self):  # copy and pickle: the copies of W, U, V, b and c must be views, too
        return Params, (self.hidden_size, self.vocab_size, self.flat)

    def like(self, flat):
        """The same shapes over another vector."""
        return Params(self.hidden_size, self.vocab_size, flat)

    def astype(self, dtype):
        """A copy as another type."""
        return self.like(self.flat.astype(dtype))

    def copy(self):
        """A copy over a vector of its own."""
        return self.like(self.flat.copy())

    def not_finite(self):
        """The names of those that hold NaN or infinity."""
        return [name for name in self.names if not np.isfinite(getattr(self, name)).all()]


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
        "normal": sigma for all three. "scaled": variance 1/(2m) for W, 1/(2K) for U, 1/m for V, so that the size of
        W h and V h does not depend on m. "orthogonal": as "scaled", but W is a random orthogonal matrix [5]_, so that
        W h is as long as h.

    Returns
    -------
    Params

    Raises
    ------
    ValueError
        hidden_size or vocab_size is less than 1, or the scheme is unknown.
    """
    params = Params(hidden_size, vocab_size)
    m, K = params.hidden_size, params.vocab_size
    rng = np.random.default_rng(seed)
    deviations = {
        "normal": (sigma, sigma, sigma),
        "scaled": (1 / np.sqrt(2 * m), 1 / np.sqrt(2 * K), 1 / np.sqrt(m)),
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


class Forward:
    """What a forward pass leaves behind, and the room that it and `backward` work in.

    Training uses one of these in every step: arrays, and views of their rows, cost more to make than to fill.

    Parameters
    ----------
    params : Params
    shape : tuple
        The shape of x, (T,) or (T, B).

    Attributes
    ----------
    loss : float
        L in nats: summed over the T characters of a sequence, mean over the B sequences.
    h : ndarray (T+1, m) or (T+1, B, m)
        The hidden states; h[0] is h0, h[t] is h_t, h[-1] is carried on to the next sequence.
    p : ndarray (T, K) or (T, B, K)
        The probabilities; p[t-1] is p_t.
    da, dtanh : ndarray (T, m) or (T, B, m)
        Room for dL/da_t and tanh'(a_t), which `backward` fills.
    product : ndarray (m,) or (B, m)
        Room for W h_{t-1} and for W^T dL/da_{t+1}.
    steps, steps_back
        What the loops over t run over: (h_{t-1}, h_t) from first to last, (dL/da_t, tanh'(a_t)) from last to first.
    rows, ones : ndarray (T,) or (T B,)
        0, 1, 2, ... picks one number from each row, 1, 1, 1, ... sums the rows, in `_rows` of an array.
    """

    def __init__(self, params, shape):
        m, K, dtype = params.hidden_size, params.vocab_size, params.flat.dtype
        self.loss = np.nan
        self.h = np.empty((shape[0] + 1, *shape[1:], m), dtype)
        self.p = np.moveaxis(np.empty((K, *shape), dtype), 0, -1)  # stored by columns: sums over K are fast
        self.da, self.dtanh = np.empty((*shape, m), dtype), np.empty((*shape, m), dtype)
        self.product = np.empty((*shape[1:], m), dtype)
        self.rows = np.arange(math.prod(shape))
        self.ones = np.ones(self.rows.size, dtype)  # a product with it is faster than a sum
        self.__setstate__({})

    def __setstate__(self, state):  # copy and pickle: the steps of the copy must be views of its own arrays
        vars(self).update(state)
        self.steps = list(pairwise(self.h))  # h_{t-1} and h_t, t = 1..T
        self.steps_back = list(zip(self.da[::-1], self.dtanh[::-1], strict=True))  # dL/da_t and tanh'(a_t), t = T..1


def _rows(a):
    """One row a character, of one sequence or of a batch: a sum over all of them is then one matrix product."""
    return a.reshape(-1, a.shape[-1])


def softmax(o):
    """Turn o into SoftMax(o) along the last axis, in place.

    Parameters
    ----------
    o : ndarray (..., K)

    Returns
    -------
    ndarray (...)
        log sum_k exp(o_k), in nats: log p_k is o_k as it was, less this, and can't underflow as p_k can.
    """
    largest = o.real.max(axis=-1, keepdims=True)  # exp must not overflow; .real: o may be complex
    o -= largest
    np.exp(o, out=o)
    z = o.sum(axis=-1, keepdims=True)
    o /= z
    return (largest + np.log(z))[..., 0]


def hidden_states(params, x, h0, fwd):
    """Fill fwd.h with h_0 = h0 (m,) or (B, m), h_1, ..., h_T for the characters x (T,) or (T, B)."""
    fwd.h[0] = h0
    params.U.T.take(x, axis=0, out=fwd.h[1:], mode="clip")  # U x_t, for all t: a column of U
    fwd.h[1:] += params.b  # h_t is U x_t + b until the loop comes to it
    W_T, W_h = params.W.T, fwd.product
    for h_prev, h_t in fwd.steps:  # only this must go step by step
        h_t += h_prev.dot(W_T, W_h)  # a_t = W h_{t-1} + U x_t + b
        np.tanh(h_t, out=h_t)  # h_t = tanh(a_t)


def logits(params, fwd):
    """Fill fwd.p with o_1, ..., o_T from fwd.h, for `softmax` to turn into p_1, ..., p_T; return its rows."""
    V_T = params.V.T if fwd.p.ndim == 2 else params.V.T.copy()  # in a batch, faster stored by rows
    np.matmul(fwd.h[1:], V_T, out=fwd.p)
    o = _rows(fwd.p)
    o += params.c  # o_t = V h_t + c
    return o


def _checked(params, x, y, h0):
    """x, y and h0 as arrays of the right shapes, or a clear error."""
    x, y, h0 = np.asarray(x), np.asarray(y), np.asarray(h0)
    if x.shape != y.shape or x.ndim not in (1, 2) or x.size == 0:
        raise ValueError(
            f"x and y must have the same shape, (T,) or (T, B), and not be empty: these have {x.shape} and {y.shape}."
        )
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
    Goodfellow et al. [1]_, equations 10.8 to 10.14.
    """
    x, y, h0 = _checked(params, x, y, h0)
    return _forward(params, x, y, h0, Forward(params, x.shape))


def _forward(params, x, y, h0, fwd):
    """`forward` for input that has been checked, in `fwd`: `train` checks a whole book once, not every step."""
    B, rows = y.size // len(y), fwd.rows
    hidden_states(params, x, h0, fwd)
    o = logits(params, fwd)
    o_y = o[rows, y.ravel()]
    log_z = softmax(o)  # p_t = SoftMax(o_t)
    fwd.loss = -(o_y - log_z).sum() / B  # L = -sum_t log p_t[y_t]
    return fwd


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
        dL/dW, dL/dU, dL/dV, dL/db and dL/dc under the names W, U, V, b and c, in nats per sequence (mean over the
        batch); `flat` is the whole gradient.

    Raises
    ------
    ValueError, IndexError
        As `forward`; or fwd is not what it returned for these.

    References
    ----------
    Goodfellow et al. [1]_, equations 10.18 to 10.28; Werbos [2]_.
    """
    expected = (*np.shape(x), params.vocab_size), params.hidden_size, params.flat.dtype
    if (fwd.p.shape, fwd.h.shape[-1], fwd.h.dtype) != expected:
        raise ValueError("fwd must be what forward returned for these params, x and y.")
    x, y, _ = _checked(params, x, y, fwd.h[0])
    return _backward(params, x, y, fwd, params.like(np.empty_like(params.flat)))


def _backward(params, x, y, fwd, grads):
    """`backward` for input that has been checked, into `grads`: `train` uses the same ones in every step."""
    T, B, rows = len(y), y.size // len(y), fwd.rows
    W = params.W if x.ndim == 1 else params.W.copy()  # in a batch, faster stored by rows
    h_prev, h, da = _rows(fwd.h[:-1]), _rows(fwd.h[1:]), _rows(fwd.da)
    x_one_hot = np.zeros((T * B, params.vocab_size), h.dtype)  # for dL/dU: one product with it is
    x_one_hot[rows, x.ravel()] = 1  # faster than adding each dL/da_t to its column
    g = _rows(fwd.p) / B
    g[rows, y.ravel()] -= 1 / B  # dL/do_t = (p_t - y_t) / B: L is the mean over the batch
    np.matmul(g.reshape(fwd.p.shape), params.V, out=fwd.da)  # V^T dL/do_t: h_t acts through o_t
    np.subtract(1, np.square(fwd.h[1:], out=fwd.dtanh), out=fwd.dtanh)  # dh_t/da_t = 1 - h_t^2
    carried = fwd.product  # W^T dL/da_{t+1}
    carried[...] = 0  # nothing comes from beyond the last step
    for da_t, dtanh_t in fwd.steps_back:
        da_t += carried  # dL/dh_t = V^T dL/do_t + W^T dL/da_{t+1}
        da_t *= dtanh_t  # dL/da_t = dL/dh_t * dh_t/da_t
        da_t.dot(W, carried)  # to the step before
    np.dot(h_prev.T, da, out=grads.W.T)  # dL/dW = sum_t dL/da_t h_{t-1}^T
    np.dot(x_one_hot.T, da, out=grads.U.T)  # dL/dU = sum_t dL/da_t x_t^T
    np.dot(fwd.ones, da, out=grads.b)  # dL/db = sum_t dL/da_t
    np.dot(g.T, h, out=grads.V)  # dL/dV = sum_t dL/do_t h_t^T
    np.dot(fwd.ones, g, out=grads.c)  # dL/dc = sum_t dL/do_t
    return grads


def _bar(items, shown, **kwargs):
    """A progress bar that is gone when it is done. TQDM_DISABLE=1 hides those that are shown, too."""
    # On stdout, because in a notebook what is gone from stderr leaves an empty red strip behind.
    return tqdm(items, leave=False, file=sys.stdout, **kwargs, **({} if shown else {"disable": True}))


# ---------------------------------------------------------------------------------------------- is the gradient right?


METHODS = {  # the step, the type of the parameters, and the relative error that a right gradient stays below
    "central": (1e-5, float, 1e-5),
    "complex-step": (1e-30, complex, 1e-10),
}


def numerical_gradient(params, x, y, h0, eps=None, method="central", entries=None, seed=0, progress=True):
    """The gradient of the loss from the loss alone, entry by entry.

    "central" takes (L(theta + eps) - L(theta - eps)) / (2 eps). Its error has two parts: that of the third derivative,
    about eps^2, and the rounding of two nearly equal losses, about 1e-16 L / eps. "complex-step" takes
    Im L(theta + i eps) / eps [8]_: no two losses are subtracted, so eps can be so small that neither part is left.

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
        eps is not above 0, the method is unknown, entries is less than 1, the parameters are not float64, they or the
        loss are not finite; or x, y and h0 do not fit each other.
    IndexError
        A number in x or y is not one of 0..K-1.
    """
    default_eps, dtype, _ = _choice("method", method, METHODS)
    eps = default_eps if eps is None else eps
    if not 0 < eps < np.inf:
        raise ValueError(f"eps must be above 0 and finite, it is {eps}: leave it out for {default_eps}.")
    if entries is not None and entries < 1:
        raise ValueError(f"entries must be 1 or more, it is {entries}.")
    _check_precise(params)
    x, y, h0 = _checked(params, x, y, h0)
    theta = params.astype(dtype)
    fwd = Forward(theta, x.shape)
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
                return _forward(theta, x, y, h0, fwd).loss

            if method == "central":
                result[entry] = (loss(eps) - loss(-eps)) / (2 * eps)
            else:
                result[entry] = loss(1j * eps).imag / eps
            weights[entry] = value
            if not math.isfinite(result[entry]):
                raise ValueError(f"The loss near {name}{list(map(int, entry))} is not finite: choose another point.")
    return gradient


def _check_precise(params):
    if params.flat.dtype != np.float64:
        raise ValueError(f"The check needs float64, the parameters are {params.flat.dtype}: use params.astype(float).")
    _check_finite(params)


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
        ||a - n|| / max(||a||, ||n||, 1e-4): the relative error of [9]_, which does not depend on how large the gradient
        happens to be; there for single entries, here for a whole parameter. The floor is an addition: it keeps the
        rounding of a gradient that should be zero, some 1e-16, from being taken for an error.
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
        # Off by one factor, which is neither 0 nor 1?
        if {"V", "c"} <= set(wrong) and np.ptp(ratios) < 1e-6 * min(abs(ratios[0]), abs(ratios[0] - 1)):
            cause = f"all are {ratios[0]:.4g} times what they should be: a sum in place of a mean, or the reverse"
        else:
            cause = _DIAGNOSES.get(wrong, "the first step that they share is the place to look")
        if len(where) < len({row.point for row in self}):
            cause += f"; only {' and '.join(where)}"
        return f"{names} wrong: {cause}."


_DIAGNOSES = {  # which gradients are wrong: where the error usually is
    ("W", "U", "V", "b", "c"): "everything flows from dL/do_t = p_t - y_t, so the error is there",
    ("W", "U", "b"): "V and c are right, so dL/do_t is; the error is in the recurrence, in dL/dh_t or in dL/da_t",
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


def check_points(seed=0):
    """Three points at which, together, the classic bugs all show.

    The usual one comes first: tiny weights, h0 = 0, one sequence. There W h_{t-1} is next to nothing, so what is wrong
    in the recurrence hardly shows. At the others sigma = 0.5, and the biases and h0 are not zero; the last is a batch.

    Parameters
    ----------
    seed : int

    Returns
    -------
    list of Point
    """
    rng, points = np.random.default_rng(seed), []
    hidden_size, vocab_size, seq_length = 6, 5, 7  # small, so that a check of all entries is quick
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
    params=None, x=None, y=None, h0=None, *, backward=backward, gradients=None, numerical=None, eps=None,
    method="complex-step", tolerance=None, entries=None, seed=0, progress=True,
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
    numerical : Params, optional
        What `numerical_gradient` returned there by this method, to compare with: several checks at one point need it
        only once.
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
        The point is given in part, or gradients are given without a point or have other shapes; and all that
        `numerical_gradient` raises.
    """
    given = [argument is not None for argument in (params, x, y, h0)]
    computed = gradients is not None or numerical is not None
    if any(given) != all(given) or (computed and not all(given)):
        raise ValueError("Give all of params, x, y and h0, or none of them for the default points.")
    if tolerance is None:
        *_, tolerance = _choice("method", method, METHODS)
    rows = GradientCheck()
    for point in [Point("here", params, x, y, h0)] if all(given) else check_points():
        _check_precise(point.params)
        analytic = backward(*point[1:4], forward(*point[1:])) if gradients is None else gradients
        for candidate in (analytic, point.params if numerical is None else numerical):
            if any(np.shape(getattr(candidate, n, None)) != getattr(point.params, n).shape for n in Params.names):
                raise ValueError("These gradients do not have the shapes of the parameters.")
        expected = numerical or numerical_gradient(*point[1:], eps, method, entries, seed, progress)
        for name in Params.names:
            a, n = getattr(analytic, name), getattr(expected, name)
            if np.isnan(n).all():
                raise ValueError(f"The numerical gradient of {name} is NaN throughout: compute it anew.")
            compared = ~np.isnan(n) | ~np.isfinite(a)  # what is not finite is wrong, whatever it should be
            deviation = np.abs(a - n)
            difference = np.linalg.norm(deviation[compared])
            scale = max(np.linalg.norm(a[compared]), np.linalg.norm(n[compared]), 1e-4)
            worst = np.where(compared, np.nan_to_num(deviation, nan=np.inf), -1).argmax()
            worst = np.unravel_index(worst, a.shape)
            passed = bool(difference / scale < tolerance)  # False also for NaN
            numbers = map(float, (difference, difference / scale, a[worst], n[worst]))
            rows.append(GradientRow(point.name, name, *numbers, tuple(map(int, worst)), passed))
    return rows


# --------------------------------------------------------------------------------------------------------- optimisers


class AdaGrad:
    """theta -= eta * g / sqrt(g2), where g2 is 1e-8 plus the sum of all g * g so far. It serves one training run.

    Parameters
    ----------
    eta : float
        The learning rate.

    References
    ----------
    Duchi et al. [3]_, section 1.1 (the diagonal version); the 1e-8, against division by zero, is not in its update.
    """

    def __init__(self, eta=0.1):
        self.eta = eta
        self.g2 = 1e-8  # an array from the first step on

    def step(self, params, grads, rate=1.0):
        """Update the parameters in place, with the learning rate times `rate`."""
        g = grads.flat
        self.g2 += g * g
        params.flat -= rate * self.eta * g / np.sqrt(self.g2)


class Adam:
    """theta -= eta * m / (sqrt(v) + 1e-8), where m and v are moving averages of g and g * g, corrected for their start.

    It serves one training run.

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
        self.m = self.v = 0.0  # arrays from the first step on
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
        The hidden state that the text starts from: the one that training carries on (of a batch, the first).
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
    params, h : Params, ndarray (m,) or (B, m)
        The parameters after the last step, and the hidden state.
    best_params, best_h, best_step : Params, ndarray (m,) or (B, m), int
        The same at the lowest smooth loss, which is `smooth_losses[best_step]`: as they were before that step's update.
    losses, smooth_losses : ndarray (steps,)
        In nats per sequence (summed over its T characters, mean over the batch): L, and its moving average
        0.999 smooth_loss + 0.001 L, which starts at the first L.
    samples : list of Sample
        One before the first and before every `sample_every`-th step, and one after the last.
    steps_per_epoch : int
    seconds : float
        The time that the update steps took, without that for the samples.
    stopped : str
        "interrupted" (Kernel > Interrupt), or what is not finite, and at which step; empty if nothing was amiss.
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
    stopped: str


@contextmanager
def _deferred_interrupt():
    """Let SIGINT (Kernel > Interrupt, Ctrl-C) set an event instead of cutting an update step in two."""
    asked = threading.Event()
    before = signal.getsignal(signal.SIGINT)
    # Only the main thread may set a handler. None: it was not set from Python; SIG_IGN: it is to be ignored.
    if threading.current_thread() is not threading.main_thread() or before in (None, signal.SIG_IGN):
        yield asked
        return
    signal.signal(signal.SIGINT, lambda *_: asked.set())
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
        "book": from beginning to end. "chunks": B at a time, in an order drawn anew, without those that do not fill a
        batch; the first begins at one of the first T characters, drawn anew as well, so that epochs seldom cut the
        book at the same places. "random": anywhere, each sequence on its own.
    chunks : int
        How many, for the order "chunks".
    rng : numpy.random.Generator, optional
        For the orders "chunks" and "random"; another one each time if it is not given.

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
    room = seq_length - 1 if order == "chunks" else 0
    size = (length - room) // max(pieces, 1)
    if min(seq_length, batch_size) < 1 or pieces < batch_size or size < seq_length + 1:
        raise ValueError(
            f"A book of {length} characters can't be cut into {pieces} pieces for {batch_size} sequences of "
            f"{seq_length} at a time: ask for fewer."
        )
    per_piece, rng = (size - 1) // seq_length, np.random.default_rng(rng)
    if order == "random":
        return rng.integers(0, length - seq_length, (per_piece, batch_size)), np.ones(per_piece, bool)
    first = size * np.arange(pieces)
    if order == "chunks":
        first = rng.permutation(first) + rng.integers(room + 1)
    first = first[: pieces // batch_size * batch_size].reshape(-1, 1, batch_size)
    starts = (first + seq_length * np.arange(per_piece)[:, None]).reshape(-1, batch_size)
    return starts, np.arange(len(starts)) % per_piece == 0


def train(
    params, vocab, ids, *, epochs=1, steps=None, seq_length=25, batch_size=1, order="book", chunks=100,
    optimizer=None, schedule="constant", clip=5.0, backward=None,
    sample_every=10_000, sample_length=200, prompt=".", seed=0, progress=True, checkpoint=None, checkpoint_every=5000,
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
        AdaGrad() if it is not given. It serves one run only, because it remembers. Its attributes must be numbers and
        arrays: they go into the checkpoint.
    schedule : {"constant", "cosine"}
        How the learning rate goes from the first step to the last: as it is, or down to 0 along half a cosine, as in
        [7]_ but without restarts.
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
    checkpoint : str or path-like, optional
        A file to save everything in, every `checkpoint_every` steps and at the end. If it is there already, training
        goes on from it, to the same bits as if it had never stopped. It knows optimizer and backward by their names.
    checkpoint_every : int

    Returns
    -------
    Training
        Also after Kernel > Interrupt (Ctrl-C), and after a loss or a gradient that is not finite: then it holds what
        was learned so far.

    Raises
    ------
    ValueError
        The book is shorter than T + 2 characters or too short for the batch; epochs, steps, seq_length or batch_size
        is not a whole number of at least 1; sample_every is negative; clip is not above 0; the order or the schedule is
        unknown; a character of the prompt is not in the book; a parameter is not finite; the vocabulary has another
        size; or the checkpoint is damaged or was made with other settings (the message names them).
    IndexError
        A number in ids is not one of 0..K-1.
    TypeError
        optimizer is a class, or has no step.

    Warns
    -----
    RuntimeWarning
        A checkpoint could not be saved (training goes on), or something was not finite (training stopped).
    """
    sizes = {"seq_length": seq_length, "batch_size": batch_size, "epochs": epochs, "steps": steps}
    for name, size in sizes.items():
        if size is not None and not (isinstance(size, numbers.Integral) and size >= 1):
            raise ValueError(f"{name} must be a whole number, 1 or more; it is {size}.")
    ids, T = np.asarray(ids), int(seq_length)
    if not sample_every >= 0:
        raise ValueError(f"sample_every must be 0 (never) or more, it is {sample_every}.")
    if not clip > 0:
        raise ValueError(f"clip must be above 0 (np.inf does not clip), it is {clip}.")
    _check_ids(ids, params.vocab_size, "ids")
    if ids.ndim != 1 or len(ids) < T + 2:
        size = " x ".join(map(str, ids.shape))
        raise ValueError(f"The book has {size} characters; sequences of {T} need at least {T + 2}, in one row.")
    _check_finite(params)
    _check_vocabulary(params, vocab)
    vocab.encode(prompt)
    rate = _choice("schedule", schedule, SCHEDULES)
    optimizer = optimizer or AdaGrad()
    if isinstance(optimizer, type) or not hasattr(optimizer, "step"):
        raise TypeError(f"optimizer must be an object with step(params, grads, rate), as AdaGrad(), not {optimizer!r}.")

    def places(epoch):
        rng = np.random.default_rng((seed, 0, epoch))
        return sequence_starts(len(ids), T, batch_size, order, chunks, rng)

    epoch, (starts, fresh) = 0, places(0)
    steps_per_epoch = len(starts)
    steps = steps or epochs * steps_per_epoch
    fwd = Forward(params, (T, batch_size) if batch_size > 1 else (T,))
    h = fwd.h[-1]  # where each step leaves its last state
    h[...] = 0
    losses, smooth_losses = np.empty(steps), np.empty(steps)
    run = Training(
        params.copy(), h.copy(), params.copy(), h.copy(), 0, losses, smooth_losses, [], steps_per_epoch, 0.0, ""
    )
    done = 0
    if checkpoint is not None:
        checkpoint = Path(checkpoint).expanduser()
        settings = {
            "book": _digest(ids), "vocabulary": vocab.chars, "first parameters": _digest(params.flat),
            "hidden_size": params.hidden_size, "dtype": str(params.flat.dtype), "steps": steps, "seq_length": T,
            "batch_size": batch_size, "order": order, "chunks": chunks, "schedule": schedule, "clip": clip,
            "seed": seed, "optimizer": type(optimizer).__name__, **vars(optimizer), "sample_every": sample_every,
            "sample_length": sample_length, "prompt": prompt,
            "backward": getattr(backward, "__qualname__", type(backward).__name__),
        }  # fmt: skip
        if checkpoint.exists():
            done = _load_checkpoint(checkpoint, settings, run, optimizer)
            h[...] = run.h
    params = run.params
    backward = backward or partial(_backward, grads=params.copy())
    windows = sliding_window_view(ids, T + 1)
    started = time.perf_counter() - run.seconds

    def save():
        run.h[...], run.seconds = h, time.perf_counter() - started
        sound = run.stopped in ("", "interrupted") and not params.not_finite()
        if checkpoint is not None and sound:  # else the last good one stays
            _save_checkpoint(checkpoint, settings, run, optimizer, done)

    def sample(h):
        nonlocal started
        if params.not_finite():  # they can't write; training is about to stop
            return
        began = time.perf_counter()
        h = _rows(h)[0].copy()
        try:
            text = synthesize(params, vocab, sample_length, prompt, seed=(seed, 1, done), h0=h)
        except FloatingPointError:  # nor can these
            return
        run.samples.append(Sample(done, float(smooth_loss), text, params.copy(), h))
        started += time.perf_counter() - began  # not a part of training

    bar = _bar(None, progress, total=steps, initial=done, unit="step")
    with _deferred_interrupt() as interrupt, bar, np.errstate(over="ignore", invalid="ignore"):
        while done < steps:
            if epoch != done // steps_per_epoch:
                epoch = done // steps_per_epoch
                starts, fresh = places(epoch)
            i = done % steps_per_epoch
            text = windows[starts[i] if batch_size > 1 else starts[i, 0]].T  # (T+1,) or (T+1, B)
            x, y = text[:-1], text[1:]
            if fresh[i]:
                h[...] = 0
            _forward(params, x, y, h, fwd)
            losses[done] = loss = fwd.loss
            smooth_losses[done] = smooth_loss = 0.999 * smooth_losses[done - 1] + 0.001 * loss if done else loss
            if sample_every and done % sample_every == 0:
                sample(fwd.h[0])
            grads = backward(params, x, y, fwd)
            # A sum that is finite says that all are; one that is not may only have overflowed
            total = loss + np.dot(grads.flat, grads.flat) + np.dot(params.flat, params.flat)
            if not math.isfinite(total) and (broken := _not_finite(done, params, loss, grads)):
                run.stopped = broken
                h[...] = fwd.h[0]  # this step does not count
                break
            grads.flat.clip(-clip, clip, out=grads.flat)
            if done == 0 or smooth_loss < smooth_losses[run.best_step]:
                run.best_step = done
                run.best_params.flat[:], run.best_h[:] = params.flat, fwd.h[0]
            optimizer.step(params, grads, rate(done / steps))
            if done % 500 == 0:
                bar.set_description(f"epoch {epoch + 1}, smooth loss {smooth_loss:.2f}")
            done += 1
            bar.update()
            if checkpoint_every and done % checkpoint_every == 0 and done < steps:
                save()
            if interrupt.is_set():
                run.stopped = "interrupted"
                break
        if broken := _not_finite(done, params):  # the update itself went wrong: an absurd learning rate
            if run.stopped in ("", "interrupted"):
                run.stopped = broken
            params.flat[:] = run.best_params.flat
        if run.stopped not in ("", "interrupted"):
            warnings.warn(f"Training stopped at {run.stopped}; what was learned until then is kept.", RuntimeWarning, 2)
        save()
        if sample_every and not (run.samples and run.samples[-1].step == done):
            smooth_loss = smooth_losses[done - 1]
            sample(h)
    run.losses, run.smooth_losses = losses[:done], smooth_losses[:done]
    return run


def _check_vocabulary(params, vocab):
    if vocab.size != params.vocab_size:
        raise ValueError(f"The vocabulary has {vocab.size} characters, but the parameters are for {params.vocab_size}.")


def _check_finite(params):
    if broken := params.not_finite():
        raise ValueError(f"{broken[0]} holds NaN or infinity: draw the parameters anew, or load others.")


def _not_finite(step, params, loss=0.0, grads=None):
    """Which numbers are not finite, for people."""
    names = params.not_finite() + ([] if np.isfinite(loss) else ["the loss"])
    names += [f"the gradient of {name}" for name in (grads.not_finite() if grads else [])]
    return f"step {step:,}: {', '.join(names)} not finite" if names else ""


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
    IndexError
        A number in ids is not one of 0..K-1.
    """
    if len(ids) < 2:
        raise ValueError(f"A text of {len(ids)} characters has none to predict: give two or more.")
    nats, h, piece = 0.0, np.zeros(params.hidden_size) if h0 is None else h0, 1000
    for e in range(0, len(ids) - 1, piece):  # piece by piece: the result is the same, the memory is not
        fwd = forward(params, ids[e : e + piece][: len(ids) - 1 - e], ids[e + 1 : e + 1 + piece], h)
        nats, h = nats + float(fwd.loss), fwd.h[-1]
    return float(nats / (len(ids) - 1) / np.log(2))


# -------------------------------------------------------------------------------------------------------- writing text


def draw(p, u, temperature=1.0, top_p=1.0):
    """Draw characters from the network's probabilities.

    Parameters
    ----------
    p : array (..., K)
        The probabilities p_t, or a multiple of them; not all zero.
    u : float or ndarray (...)
        Uniform random numbers in [0, 1), one for each character to draw.
    temperature : float
        Draw from SoftMax(o_t / temperature), that is p_t ** (1 / temperature) over its sum: below 1 more cautious,
        above 1 more daring, 0 always the most probable character.
    top_p : float
        Draw only from the nucleus: the smallest set of most probable characters whose probabilities, at this
        temperature, sum to at least top_p.

    Returns
    -------
    int or int ndarray (...)

    Raises
    ------
    ValueError
        temperature is negative or infinite, or top_p is not in (0, 1].

    References
    ----------
    Holtzman et al. [4]_, sections 3.1 (top-p) and 3.3 (temperature).
    """
    if not 0 <= temperature < np.inf:
        raise ValueError(f"temperature must be 0 (the most probable character) or more, not {temperature}.")
    if not 0 < top_p <= 1:
        raise ValueError(f"top_p must be above 0 and at most 1 (all characters), it is {top_p}.")
    p = np.asarray(p, np.float64)
    if temperature == 0:
        return p.argmax(axis=-1)
    if temperature != 1:
        p = (p / p.max(axis=-1, keepdims=True)) ** (1 / temperature)  # the largest stays 1: they can't all underflow
    if top_p < 1:
        p = np.where(nucleus(p / p.sum(axis=-1, keepdims=True), top_p), p, 0)
    total = p.cumsum(axis=-1)
    if p.ndim == 1:  # the same, but quicker: texts are long
        return total.searchsorted(u * total[-1], side="right")
    return (total <= np.asarray(u)[..., None] * total[..., -1:]).sum(axis=-1)


def nucleus(p, top_p):
    """Which characters belong to the smallest set whose probability is at least top_p: bool (..., K) for p (..., K)."""
    order = np.argsort(-p, axis=-1, kind="stable")
    sorted_p = np.take_along_axis(p, order, axis=-1)
    mass = np.cumsum(sorted_p, axis=-1)
    inside, short = np.empty(p.shape, bool), np.ones(p.shape, bool)  # the first is in it
    short[..., 1:] = mass[..., :-1] < top_p  # and each for which those before it are not enough
    np.put_along_axis(inside, order, short, axis=-1)
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
        The prompt is empty or has a character that is not in the book, length is not a whole number of at least 0, h0
        has another shape, temperature is negative or infinite, top_p is not in (0, 1], a parameter or h0 is not finite,
        or the vocabulary has another size.
    FloatingPointError
        The parameters are so large that the outputs o_t overflow.
    """
    _check_vocabulary(params, vocab)
    _check_finite(params)
    if not prompt:
        raise ValueError("The prompt is empty: give the network at least one character to read first.")
    if not (isinstance(length, numbers.Integral) and length >= 0):
        raise ValueError(f"length must be a whole number, 0 or more; it is {length}.")
    h = np.zeros(params.hidden_size) if h0 is None else np.asarray(h0)
    if h.shape != (params.hidden_size,):
        raise ValueError(f"h0 must have the shape ({params.hidden_size},); this one has {h.shape}.")
    if not np.isfinite(h).all():
        raise ValueError("h0 holds NaN or infinity: give the hidden state of a network that has read something.")
    x, ids, fwd = vocab.encode(prompt), np.empty(length, np.intp), Forward(params, (1,))
    *before, x = x[:, None]  # each is a sequence of one character; the last one is read in the loop below
    for read in before:
        hidden_states(params, read, h, fwd)
        h = fwd.h[-1]
    for n, u in enumerate(np.random.default_rng(seed).random(length)):
        hidden_states(params, x, h, fwd)
        h, o = fwd.h[-1], logits(params, fwd)[0]
        if not math.isfinite(largest := o.max()):
            raise FloatingPointError("The network can't write: its outputs overflow, the parameters are too large.")
        p = np.exp(o - largest)  # SoftMax(o) but for its sum: `draw` divides by that
        ids[n] = draw(p, u, temperature, top_p)
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
    _check_vocabulary(params, vocab)
    _write_npz(path, flat=params.flat, hidden_size=params.hidden_size, chars=_code_points(vocab.chars))


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
    with _reading(path, "saved parameters") as file:
        chars = file["chars"].astype("<u4").tobytes().decode("utf-32-le", "surrogatepass")
        params = Params(int(file["hidden_size"]), len(chars), file["flat"])
    if chars != vocab.chars:
        raise ValueError(
            f"{Path(path).name} was made for another vocabulary ({len(chars)} characters, this book has {vocab.size}): "
            "load it with the book that it was trained on."
        )
    return params


def _write_npz(path, **arrays):
    """Write a file that is whole or not there: a crash or a full disk leaves the previous one as it was."""
    path = Path(path).expanduser()
    new = path.with_name(path.name + ".new")
    if objects := [name for name, array in arrays.items() if np.asarray(array).dtype.hasobject]:
        raise ValueError(f"{', '.join(objects)} can't be saved: only numbers, text and arrays of them can")
    try:
        with open(new, "wb") as file:
            np.savez(file, **arrays)
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise


@contextmanager
def _reading(path, what):
    """Open an .npz file, and report whatever is wrong with it in one sentence. Nothing is ever unpickled."""
    path = Path(path).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f"There is no file with {what} at {str(path)!r}.")
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.testzip() is not None:  # compares the checksums of all that is in it
                raise ValueError("a checksum is wrong")
        with np.load(path, allow_pickle=False) as file:
            yield file
    except Exception as error:  # a damaged file can raise anything: BadZipFile, KeyError, OverflowError, zlib.error ...
        raise ValueError(f"{path.name} does not hold {what}, or it is damaged: {str(error).rstrip('.')}.") from None


def _digest(array):
    """A short name for the contents of an array."""
    return hashlib.sha256(np.ascontiguousarray(array)).hexdigest()[:16]


def _save_checkpoint(path, settings, run, optimizer, done):
    """Save all that `train` needs to go on when `done` steps are done; if that fails, warn and let it go on."""
    samples = [(sample.step, sample.smooth_loss, sample.text) for sample in run.samples]
    try:
        _write_npz(
            path, settings=_json(settings), seconds=run.seconds,
            params=run.params.flat, h=run.h,
            best_params=run.best_params.flat, best_h=run.best_h, best_step=run.best_step,
            losses=run.losses[:done], smooth_losses=run.smooth_losses[:done], samples=json.dumps(samples),
            sample_params=np.array([sample.params.flat for sample in run.samples]),
            sample_h=np.array([sample.h for sample in run.samples]),
            **{f"optimizer.{name}": value for name, value in vars(optimizer).items()},
        )  # fmt: skip
    except (OSError, ValueError, MemoryError) as error:
        message = f"The checkpoint {str(path)!r} could not be saved: {error}. Training goes on; what it held is kept."
        warnings.warn(message, RuntimeWarning, stacklevel=4)


def _load_checkpoint(path, settings, run, optimizer):
    """Put `run` and `optimizer` in the state that a checkpoint holds; return how many steps are done."""
    settings = json.loads(_json(settings))
    with _reading(path, "a checkpoint") as file:
        saved = json.loads(str(file["settings"]))
        differ = [name for name in settings | saved if settings.get(name) != saved.get(name)]
        if not differ:
            state = {name: file[name] for name in file.files}
            done = len(state["losses"])
            for name in ("params", "best_params"):
                getattr(run, name).flat[:] = state[name]
            run.h[...], run.best_h[...] = state["h"], state["best_h"]
            run.best_step, run.seconds = int(state["best_step"]), float(state["seconds"])
            run.losses[:done], run.smooth_losses[:done] = state["losses"], state["smooth_losses"]
            run.samples = [
                Sample(*sample, run.params.like(flat), h)
                for sample, flat, h in zip(
                    json.loads(str(state["samples"])), state["sample_params"], state["sample_h"], strict=True
                )
            ]
            for name, value in state.items():
                if name.startswith("optimizer."):
                    name = name.removeprefix("optimizer.")
                    was_numpy = isinstance(getattr(optimizer, name, None), np.generic)  # its type decides the result's
                    setattr(optimizer, name, value[()] if value.ndim or was_numpy else value.item())
    if differ:
        raise ValueError(
            f"The checkpoint {Path(path).name} was made with another {', another '.join(differ)}: "
            "train with what it was made with, or choose another file."
        )
    return done


def _json(settings):
    """As JSON, in which NumPy's numbers are the same as Python's."""
    return json.dumps(settings, default=lambda value: getattr(value, "tolist", value.__str__)())
