"""A vanilla RNN that reads and writes text, character by character.

The network, for t = 1..T; x_t and y_t = x_{t+1} are two of K characters, in U x_t one-hot; the hidden state has size m:

    a_t = W h_{t-1} + U x_t + b        W (m, m)   U (m, K)   b (m,)
    h_t = tanh(a_t)
    o_t = V h_t + c                    V (K, m)   c (K,)
    p_t = SoftMax(o_t)
    L   = -sum_t log p_t[y_t]          nats, summed over the T characters, mean over the B sequences of a batch

and back, with delta_{T+1} = 0:

    g_t     = p_t - y_t                                            dL/do_t
    delta_t = (V^T g_t + W^T delta_{t+1}) * (1 - h_t^2)            dL/da_t
    dL/dW = sum_t delta_t h_{t-1}^T     dL/dU = sum_t delta_t x_t^T     dL/db = sum_t delta_t
    dL/dV = sum_t g_t h_t^T             dL/dc = sum_t g_t

`lab/plain.py` has these equations as they stand; here they are fast. The file reads top to bottom in the order in which
one would explain it: a book and its characters, the parameters, forward, backward, the optimisers, writing text.

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
"""

import math
import numbers
import operator
from itertools import pairwise
from pathlib import Path

import numpy as np

# ---------------------------------------------------------------------------------------------- a book, its characters


def read_book(path, least=27):
    """Read a book as one string.

    Line ends become ``\\n`` and a byte-order mark is dropped, so that they do not count as characters of the book.

    Parameters
    ----------
    path : str or path-like
        A text file in UTF-8.
    least : int
        The fewest characters that the book may have; to train on sequences of T, at least T + 2.

    Returns
    -------
    str

    Raises
    ------
    FileNotFoundError
        There is no such file.
    ValueError
        The file is empty, too short, or not UTF-8; for UTF-16, cp1252 and Latin-1 the message says how to convert it.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f"There is no book at {str(path)!r}: give the path of a text file in UTF-8.")
    data = path.read_bytes()
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path.name} is not UTF-8: byte {error.start} (0x{data[error.start]:02x}) does not fit; "
            f"{_conversion(path, data) or 'save it as UTF-8.'}"
        ) from None
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    if not text:
        raise ValueError(f"{path.name} is empty: choose a book with some text in it.")
    if len(text) < least:
        raise ValueError(f"{path.name} has {len(text):,} characters, too few: choose a book of {least:,} or more.")
    return text


def _conversion(path, data):
    """Half a sentence that names the encoding of some bytes and how to convert them; "" if no encoding seems to fit."""
    marked = data[:2] in (b"\xff\xfe", b"\xfe\xff")
    high = sum(data.count(byte) for byte in range(0x80, 0x100))
    intact = sum(character > "\x7f" for character in data.decode(errors="ignore"))
    if not marked and (high > len(data) / 4 or 4 * intact > high or b"\0" in data):
        return ""  # another alphabet, damaged UTF-8, or no text at all
    encoding = "utf-16" if marked else "cp1252" if any(byte in data for byte in range(0x80, 0xA0)) else "latin-1"
    try:
        data.decode(encoding)
    except UnicodeDecodeError:
        return ""
    copy = path.with_name(f"{path.stem}-utf-8{path.suffix}")
    names = (
        "".join(c if c.isalnum() or c in " /.:_-" else f"\\U{ord(c):08x}" for c in file.as_posix())  # for any shell
        for file in (copy, path)
    )
    into, source = (f"open('{name}', '{mode}')" for name, mode in zip(names, ("wb", "rb"), strict=True))
    line = f"{into}.write({source}.read().decode('{encoding}').encode())"
    return f'it seems to be {encoding}, and this line makes a copy in UTF-8: python -c "{line}"'


def code_points(text):
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
        K, the number of characters.
    opening : str
        A character for a network to read before it writes: a full stop, or where there is none, character 0.
    dtype : numpy.dtype
        The smallest unsigned integer type that holds every number: what `encode` returns.
    """

    _piece = 1 << 20  # characters encoded at a time: all at once, a book of 100 MB would take 400 MB

    def __init__(self, text):
        self.chars = "".join(sorted(set(text)))
        self.size = len(self.chars)
        self.opening = "." if "." in self.chars else self.chars[:1]
        self.dtype = np.min_scalar_type(max(self.size - 1, 0))
        self._codes = code_points(self.chars)
        self._numbers = np.zeros(self._codes.max(initial=0) + 1, self.dtype)  # by code point
        self._numbers[self._codes] = np.arange(self.size)

    def encode(self, text):
        """Turn a text into numbers, int array (len(text),); a ValueError names a character that is not in the book."""
        if unknown := set(text).difference(self.chars):
            char = min(unknown)
            raise ValueError(
                f"The character {char!r} (U+{ord(char):04X}) is not in the book, so the network has no number for it."
            )
        ids = np.empty(len(text), self.dtype)
        for i in range(0, len(text), self._piece):
            ids[i : i + self._piece] = self._numbers[code_points(text[i : i + self._piece])]
        return ids

    def decode(self, ids):
        """Turn numbers back into text; an IndexError if one is not in 0..K-1."""
        ids = np.asarray(ids).ravel()
        check_ids(ids, self.size, "decode")
        pieces = (self._codes[ids[i : i + self._piece]] for i in range(0, len(ids), self._piece))
        return "".join(piece.tobytes().decode("utf-32-le", "surrogatepass") for piece in pieces)


def check_ids(ids, vocab_size, name):
    """Raise an IndexError that says `name` unless ids are integers in 0..K-1: NumPy would take -1 for the last one."""
    whole = np.issubdtype(ids.dtype, np.integer)
    if ids.size and not (whole and ids.min() >= 0 and ids.max() < vocab_size):
        kind = f"from {ids.min()} to {ids.max()}" if whole else f"of type {ids.dtype}"
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
    W, U, V, b, c : ndarray (m, m), (m, K), (K, m), (m,), (K,)
    names : tuple of str
        Theirs, in this order.
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
        # Stored by columns: U x_t, a column of U, is then one stretch of memory; and h @ W.T, with rows of h, is faster
        self.U, self.W = U.reshape(K, m).T, W.reshape(m, m).T
        self.V, self.b, self.c = V.reshape(K, m), b, c

    def __iter__(self):
        """Unpack: ``W, U, V, b, c = params``."""
        return (getattr(self, name) for name in self.names)

    def __reduce__(self):  # copy and pickle: the copies of W, U, V, b and c must be views, too
        return Params, (self.hidden_size, self.vocab_size, self.flat)

    def like(self, flat):
        """The same shapes over another vector."""
        return Params(self.hidden_size, self.vocab_size, flat)

    def astype(self, dtype):
        """A copy converted to another type."""
        return self.like(self.flat.astype(dtype))

    def copy(self):
        """A copy with a vector of its own."""
        return self.like(self.flat.copy())

    def not_finite(self):
        """The names of the parameters that hold NaN or infinity."""
        return [name for name in self.names if not np.isfinite(getattr(self, name)).all()]

    def check(self, vocab=None):
        """Raise a ValueError if a number is NaN or infinite, or if a vocabulary is given and has another size."""
        if vocab is not None and vocab.size != self.vocab_size:
            raise ValueError(
                f"The vocabulary has {vocab.size} characters, but the parameters are for {self.vocab_size}."
            )
        if broken := self.not_finite():
            raise ValueError(f"{broken[0]} holds NaN or infinity: draw the parameters anew, or load others.")


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
    scheme : {"normal", "scaled", "orthogonal", "large U"}
        "normal": sigma for all three. "scaled": variance 1/(2m) for W, 1/(2K) for U, 1/m for V, so that the size of
        W h and V h does not depend on m. "orthogonal": as "scaled", but W is a random orthogonal matrix [5]_, so that
        W h is as long as h. "large U": variance 1 for U, so that each character moves the state far, 1/m for V, and W
        is half an orthogonal matrix.

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
    scaled = 1 / np.sqrt(2 * m), 1 / np.sqrt(2 * K), 1 / np.sqrt(m)
    large_u = scaled[0], 1.0, scaled[2]
    deviations = {"normal": (sigma, sigma, sigma), "scaled": scaled, "orthogonal": scaled, "large U": large_u}
    for weights, deviation in zip((params.W, params.U, params.V), choose("scheme", scheme, deviations), strict=True):
        weights[...] = deviation * rng.standard_normal(weights.shape)
    if scheme in ("orthogonal", "large U"):
        q, r = np.linalg.qr(params.W)
        params.W[...] = q * np.sign(np.diag(r))  # without the signs, not all orthogonal matrices are equally likely
    if scheme == "large U":
        params.W /= 2
    return params.astype(dtype)


def choose(what, name, choices):
    """The choice of that name, or a ValueError that lists the names; `what` is its word for such a choice."""
    if name not in list(choices):
        raise ValueError(f"There is no {what} {name!r}: choose one of {', '.join(map(repr, choices))}.")
    return choices[name]


# --------------------------------------------------------------------------------------------------- forward, backward


# Sizes at which another way to compute the same becomes faster, and how much of a step it saves (m = 100, T = 25).
MANY_CHARACTERS = 8  # K over T B; above it p is stored by rows (13 % at K = 5,000), else by columns (4 % at B = 64)
SMALL_WEIGHTS = 1 << 14  # numbers in V; with fewer, a batch makes T small products, else a large one (4 % at B = 16)
SHORT_TEXT = 10_000  # K T B; up to it dL/dU is a product (8 % at B = 1), above it a sum of sorted rows (25 % at 5,000)
PIECE = 1 << 15  # numbers; optimisers update more of them piece by piece (two thirds with Adam at K = 5,000)


class Forward:
    """The results of a forward pass, and work space for it and for `backward`.

    Training reuses one in every step: to create its arrays and views anew would take a quarter of the time.

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
    delta, dtanh : ndarray (T, m) or (T, B, m)
        Work space for delta_t and for 1 - h_t^2 = tanh'(a_t), which `backward` fills.
    carried : ndarray (m,) or (B, m)
        Work space for what one step hands to the next: W h_{t-1} on the way forward, W^T delta_{t+1} on the way back.
    steps, steps_back : list of pairs of views
        The pairs in the loops over t: (h_{t-1}, h_t) from first to last, (delta_t, 1 - h_t^2) from last to first.
    rows : int ndarray (T,) or (T B,)
        0, 1, 2, ...: ``o[rows, y]`` is o_t[y_t] for every t.
    ones : ndarray (T,) or (T B,)
        1, 1, 1, ...: ``ones @ delta`` is the sum of delta_t over t, and faster than ``delta.sum(axis=0)``.
    """

    def __init__(self, params, shape):
        m, K, dtype = params.hidden_size, params.vocab_size, params.flat.dtype
        self.loss = np.nan
        self.h = np.empty((shape[0] + 1, *shape[1:], m), dtype)
        by_rows = K > MANY_CHARACTERS * math.prod(shape)
        self.p = np.empty((*shape, K), dtype) if by_rows else np.moveaxis(np.empty((K, *shape), dtype), 0, -1)
        self.delta, self.dtanh, self.carried = (np.empty((*size, m), dtype) for size in (shape, shape, shape[1:]))
        self.rows = np.arange(math.prod(shape))
        self.ones = np.ones(self.rows.size, dtype)
        self.steps = list(pairwise(self.h))
        self.steps_back = list(zip(self.delta[::-1], self.dtanh[::-1], strict=True))


def _rows(a):
    """A sequence or a batch with one row for each character: a sum over all rows is then one matrix product."""
    return a.reshape(-1, a.shape[-1])


def softmax(o):
    """Turn o into SoftMax(o) along the last axis, in place.

    Parameters
    ----------
    o : ndarray (..., K)

    Returns
    -------
    ndarray (...)
        log sum_k exp(o_k), in nats. The old o_k minus this is log p_k, which can't underflow as p_k can.
    """
    largest = o.real.max(axis=-1, keepdims=True)  # exp must not overflow; .real: o may be complex
    o -= largest
    np.exp(o, out=o)
    z = o.sum(axis=-1, keepdims=True)
    o /= z
    return (largest + np.log(z))[..., 0]


def hidden_states(params, x, h0, fwd):
    """Fill fwd.h with h_0 = h0 (m,) or (B, m), h_1, ..., h_T for valid characters x (T,) or (T, B)."""
    fwd.h[0] = h0
    # U x_t, for all t: columns of U, (T, m). The mode "raise" would fill a copy first, in case a number is wrong
    params.U.T.take(x, axis=0, out=fwd.h[1:], mode="clip")
    fwd.h[1:] += params.b  # h_t is U x_t + b until the loop comes to it
    W_T, W_h, tanh = params.W.T, fwd.carried, np.tanh
    for h_prev, h_t in fwd.steps:  # only this must run step by step
        h_t += h_prev.dot(W_T, out=W_h)  # a_t = W h_{t-1} + U x_t + b, (m,)
        tanh(h_t, out=h_t)  # h_t = tanh(a_t), (m,)


def products(rows, weights, out):
    """rows @ weights, for rows (T, n) or (T, B, n): with few weights, T small products, else one large one."""
    if rows.ndim == 3 and weights.size < SMALL_WEIGHTS:  # OpenBLAS has fast kernels for small ones stored by rows
        weights = np.ascontiguousarray(weights)
    elif rows.ndim == 3:
        rows, out = _rows(rows), _rows(out)
    np.matmul(rows, weights, out)


def logits(params, fwd):
    """Fill fwd.p with o_1, ..., o_T from fwd.h, for `softmax` to turn into p_1, ..., p_T; return its rows."""
    products(fwd.h[1:], params.V.T, out=fwd.p)
    o = _rows(fwd.p)
    o += params.c  # o_t = V h_t + c, (T, K)
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
    check_ids(x, params.vocab_size, "x")
    check_ids(y, params.vocab_size, "y")
    return x, y, h0


def forward(params, x, y, h0, out=None):
    """The loss of one sequence or of a batch, and what `backward` needs: equations 10.8 to 10.14 of [1]_.

    `lab.plain.forward` is its plain twin: the same equations for one sequence, as they stand.

    Parameters
    ----------
    params : Params
    x, y : int array (T,) or (T, B)
        The characters that go in, and those that should come out: y_t = x_{t+1}.
    h0 : array (m,) or (B, m)
        The hidden state before the first character.
    out : Forward, optional
        A Forward for the same shapes, to be reused; x, y and h0 are then not checked, and must be valid arrays.

    Returns
    -------
    Forward
        `out`, if it is given.

    Raises
    ------
    ValueError
        x and y differ in shape, or h0 does not fit them.
    IndexError
        A number in x or y is not one of 0..K-1.

    Examples
    --------
    A network that knows nothing gives each of four characters the probability 1/4:

    >>> vocab = Vocabulary("a bcb a")
    >>> x, y = vocab.encode("a bc"), vocab.encode(" bcb")
    >>> ignorant = Params(hidden_size=3, vocab_size=vocab.size)
    >>> fwd = forward(ignorant, x, y, h0=np.zeros(3))
    >>> f"{fwd.loss:.6f} = {len(x) * np.log(4):.6f}"
    '5.545177 = 5.545177'
    """
    if out is None:
        x, y, h0 = _checked(params, x, y, h0)
        out = Forward(params, x.shape)
    B = y.size // len(y)
    hidden_states(params, x, h0, out)
    o = logits(params, out)
    o_y = o[out.rows, y.ravel()]  # o_t[y_t], (T,)
    log_z = softmax(o)  # p_t = SoftMax(o_t), (T, K); log_z is (T,)
    out.loss = -(o_y - log_z).sum() / B  # L = -sum_t log p_t[y_t]
    return out


def backward(params, x, y, fwd, out=None):
    """The gradient of the loss by back-propagation through time: equations 10.18 to 10.28 of [1]_, and [2]_.

    `lab.plain.backward` is its plain twin.

    Parameters
    ----------
    params, x, y
        As they were given to `forward`.
    fwd : Forward
        What it returned.
    out : Params, optional
        Where to store the result; x, y and fwd are then not checked, and must be valid.

    Returns
    -------
    Params
        dL/dW, dL/dU, dL/dV, dL/db and dL/dc under the names W, U, V, b and c, in nats per sequence (mean over the
        batch); `flat` is the whole gradient. It is `out`, if that is given.

    Raises
    ------
    ValueError, IndexError
        As for `forward`; or fwd is not what `forward` returned for these arguments.

    Examples
    --------
    Of a network that knows nothing, only c has a gradient: p_t - y_t, summed over t; here for " ", "a", "b" and "c".

    >>> vocab = Vocabulary("a bcb a")
    >>> x, y = vocab.encode("a bc"), vocab.encode(" bcb")
    >>> ignorant = Params(hidden_size=3, vocab_size=vocab.size)
    >>> grads = backward(ignorant, x, y, forward(ignorant, x, y, h0=np.zeros(3)))
    >>> grads.c.tolist(), float(abs(grads.W).max())
    ([0.0, 1.0, -1.0, 0.0], 0.0)
    """
    if out is None:
        expected = (*np.shape(x), params.vocab_size), params.hidden_size, params.flat.dtype
        if (fwd.p.shape, fwd.h.shape[-1], fwd.h.dtype) != expected:
            raise ValueError("fwd must be what forward returned for these params, x and y.")
        x, y, _ = _checked(params, x, y, fwd.h[0])
        out = params.like(np.empty_like(params.flat))
    # The shapes in the comments are those of one sequence. A batch has T B rows in place of T, and B in the loop.
    # lab/bugs.py quotes lines of what follows, benchmarks/limit.py repeats its NumPy calls: change them together.
    B, rows = y.size // len(y), fwd.rows
    W = params.W if x.ndim == 1 else params.W.copy()  # in a batch, faster stored by rows
    h_prev, h, delta = _rows(fwd.h[:-1]), _rows(fwd.h[1:]), _rows(fwd.delta)  # (T, m) each
    g = _rows(fwd.p) / B
    g[rows, y.ravel()] -= 1 / B  # g_t = p_t - y_t, (T, K); over B, since L is the mean over the batch
    products(g.reshape(fwd.p.shape), params.V, out=fwd.delta)  # V^T g_t, (T, m): h_t acts through o_t
    np.subtract(1, np.square(fwd.h[1:], out=fwd.dtanh), out=fwd.dtanh)  # tanh'(a_t) = 1 - h_t^2, (T, m)
    carried = fwd.carried  # W^T delta_{t+1}, (m,): h_t acts through a_{t+1}
    carried[...] = 0  # delta_{T+1} = 0: nothing comes from beyond the last step
    for delta_t, dtanh_t in fwd.steps_back:
        delta_t += carried
        delta_t *= dtanh_t  # delta_t = (V^T g_t + W^T delta_{t+1}) * (1 - h_t^2), (m,)
        delta_t.dot(W, out=carried)  # W^T delta_t, for the step before
    # W and U are stored by columns, so `out` takes the transposes: dW^T = sum_t h_{t-1} delta_t^T
    np.dot(h_prev.T, delta, out=out.W.T)  # dL/dW = sum_t delta_t h_{t-1}^T, (m, m)
    sum_by_character(delta, x.ravel(), out=out.U.T)  # dL/dU = sum_t delta_t x_t^T, (m, K)
    np.dot(fwd.ones, delta, out=out.b)  # dL/db = sum_t delta_t, (m,)
    np.dot(g.T, h, out=out.V)  # dL/dV = sum_t g_t h_t^T, (K, m)
    np.dot(fwd.ones, g, out=out.c)  # dL/dc = sum_t g_t, (K,)
    return out


def sum_by_character(values, x, out):
    """Row k of out (K, m) becomes the sum of the rows n of values (N, m) with x[n] = k: dL/dU = sum_t delta_t x_t^T."""
    if x.size * len(out) < SHORT_TEXT:  # one product with all x_t, one-hot
        x_one_hot = np.zeros((x.size, len(out)), values.dtype)
        x_one_hot[np.arange(x.size), x] = 1
        np.dot(x_one_hot.T, values, out=out)
    else:
        order = x.argsort(kind="stable")
        x = x[order]
        starts = np.flatnonzero(np.append(True, x[1:] != x[:-1]))  # of each character that occurs
        out.fill(0)
        out[x[starts]] = np.add.reduceat(values.take(order, axis=0), starts)


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
    for e in range(0, len(ids) - 1, piece):  # piece by piece: the same result in less memory
        fwd = forward(params, ids[e : e + piece][: len(ids) - 1 - e], ids[e + 1 : e + 1 + piece], h)
        nats, h = nats + float(fwd.loss), fwd.h[-1]
    return float(nats / (len(ids) - 1) / np.log(2))


# --------------------------------------------------------------------------------------------------------- optimisers


def pieces(*vectors, size=PIECE):
    """Cut vectors (N,) at the same places: for each piece, a list of views. So no large temporary array is needed."""
    if len(vectors[0]) <= size:
        return [vectors]
    return [[vector[start : start + size] for vector in vectors] for start in range(0, len(vectors[0]), size)]


def _for_each(state, flat):
    """An optimiser's state as an array (N,): before the first step it is one number for all parameters."""
    return state if np.ndim(state) else np.full_like(flat, state)


class AdaGrad:
    """theta -= eta * g / sqrt(g2), where g2 is an initial value plus the sum of all g * g so far.

    The diagonal version in section 1.1 of [3]_, which has no initial value. Each run needs its own.

    Parameters
    ----------
    eta : float
        The learning rate.
    g2 : float
        The initial value. With 1e-8, which only prevents division by zero, a number whose gradient is 0.001 moves in
        the first step as far as one whose gradient is 1: by eta.
    """

    def __init__(self, eta=0.1, g2=1e-8):
        self.eta, self.g2 = eta, g2

    def step(self, params, grads, rate=1.0):
        """Update the parameters in place, with the learning rate times `rate`."""
        self.g2 = _for_each(self.g2, params.flat)
        for theta, g, g2 in pieces(params.flat, grads.flat, self.g2):
            g2 += g * g
            theta -= rate * self.eta * g / np.sqrt(g2)


class Adam:
    """theta -= eta * m / (sqrt(v) + 1e-8), where m and v are moving averages of g and g * g, corrected for their start.

    Algorithm 1 of [6]_, with steps of their own for U. Each run needs its own.

    Parameters
    ----------
    eta : float
        The learning rate.
    beta1, beta2 : float
        The share of the old averages that each step keeps.
    u : float
        How many times as large the steps of U are. Where U is drawn from N(0, 1), steps that suit W are small for it.
    """

    def __init__(self, eta=1e-3, beta1=0.9, beta2=0.999, u=1.0):
        self.eta, self.beta1, self.beta2, self.u = eta, beta1, beta2, u
        self.m, self.v, self.t = 0.0, 0.0, 0

    def step(self, params, grads, rate=1.0):
        """Update the parameters in place, with the learning rate times `rate`."""
        self.m, self.v, self.t = _for_each(self.m, params.flat), _for_each(self.v, params.flat), self.t + 1
        before = params.U.copy() if self.u != 1 else None
        for theta, g, m, v in pieces(params.flat, grads.flat, self.m, self.v):
            m += (1 - self.beta1) * (g - m)
            v += (1 - self.beta2) * (g * g - v)
            m_hat, v_hat = m / (1 - self.beta1**self.t), v / (1 - self.beta2**self.t)
            theta -= rate * self.eta * m_hat / (np.sqrt(v_hat) + 1e-8)
        if self.u != 1:
            params.U[...] = before + self.u * (params.U - before)


# -------------------------------------------------------------------------------------------------------- writing text


def draw(p, u, temperature=1.0, top_p=1.0):
    """Draw characters from the network's probabilities: sections 3.1 (top-p) and 3.3 (temperature) of [4]_.

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
    """
    if not 0 <= temperature < np.inf:
        raise ValueError(f"temperature must be 0 (the most probable character) or more, not {temperature}.")
    if not 0 < top_p <= 1:
        raise ValueError(f"top_p must be above 0 and at most 1 (all characters), not {top_p}.")
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
    order = np.argsort(-p, kind="stable")
    mass = np.take_along_axis(p, order, axis=-1).cumsum(axis=-1)
    inside = np.empty(p.shape, bool)
    short = np.ones_like(inside)  # the most probable character is inside
    short[..., 1:] = mass[..., :-1] < top_p  # and so is each that follows less than top_p
    np.put_along_axis(inside, order, short, axis=-1)
    return inside


def synthesize(params, vocab, length=200, prompt=None, temperature=1.0, top_p=1.0, seed=0, h0=None):
    """Let the network write: draw x_{t+1} from p_t, and let it read that.

    Parameters
    ----------
    params : Params
    vocab : Vocabulary
    length : int
        How many characters to write.
    prompt : str, optional
        What the network reads first, at least one character; `vocab.opening` if it is not given. It is not part of the
        result.
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

    Examples
    --------
    A network that knows nothing draws all characters alike:

    >>> vocab = Vocabulary("abc .")
    >>> synthesize(Params(hidden_size=4, vocab_size=vocab.size), vocab, length=12)
    'b.  ccbbacc '
    """
    return "".join(characters(params, vocab, length, prompt, temperature, top_p, seed, h0))


def characters(params, vocab, length, prompt, temperature, top_p, seed, h0):
    """Yield what `synthesize` returns, each character as soon as it is drawn; the first also checks the arguments."""
    params.check(vocab)
    prompt = vocab.opening if prompt is None else prompt
    if not prompt:
        raise ValueError("The prompt is empty: give the network at least one character to read first.")
    if not (isinstance(length, numbers.Integral) and length >= 0):
        raise ValueError(f"length must be a whole number, 0 or more; it is {length}.")
    h = np.zeros(params.hidden_size) if h0 is None else np.asarray(h0)
    if h.shape != (params.hidden_size,):
        raise ValueError(f"h0 must have the shape ({params.hidden_size},); this one has {h.shape}.")
    if not np.isfinite(h).all():
        raise ValueError("h0 holds NaN or infinity: give the hidden state of a network that has read something.")
    fwd, rng = Forward(params, (1,)), np.random.default_rng(seed)
    *before, x = vocab.encode(prompt)[:, None]  # sequences of one character; the last is read in the loop below
    for read in before:
        hidden_states(params, read, h, fwd)
        h = fwd.h[1]
    for _ in range(length):
        hidden_states(params, x, h, fwd)
        h, o = fwd.h[1], logits(params, fwd)[0]
        if not math.isfinite(largest := o.max()):
            raise FloatingPointError("The network can't write: its outputs overflow, the parameters are too large.")
        p = np.exp(o - largest)  # SoftMax(o) but for its sum: `draw` divides by that
        x[0] = draw(p, rng.random(), temperature, top_p)
        yield vocab.chars[x[0]]
