"""What does the network remember, and why? Instruments for a network that has been trained.

Each answers one question. How far back does a character act on the gradient, and how far back does knowing it help?
From which states does the network read well? Which cycle does it run into if it always writes the most probable
character? Which characters surprise it?

References
----------
.. [1] R. Pascanu, T. Mikolov, Y. Bengio, "On the difficulty of training recurrent neural networks", ICML 2013.
"""

from functools import reduce
from itertools import accumulate
from typing import NamedTuple

import numpy as np

import rnn_core as rnn
from lab.words import WORD

PIECE, ROOM = 1000, 1 << 20  # characters, and probabilities, that are computed at a time


class Predictions(NamedTuple):
    """What a network made of a text of N characters. The first character is only read, the others are predicted.

    Attributes
    ----------
    bits : ndarray (N - 1,)
        -log2 p_t[y_t]: the surprise at each character.
    guesses : int ndarray (N - 1, 3)
        The three most probable characters at each place, best first (fewer if K is less than 3).
    h : ndarray (N - 1, m)
        The hidden state from which each is predicted.
    """

    bits: np.ndarray
    guesses: np.ndarray
    h: np.ndarray


def read(params, ids, h0=None):
    """Let the network read a text, and keep what it expects at each place.

    Parameters
    ----------
    params : rnn_core.Params
    ids : int array (N,)
        At least two characters.
    h0 : array (m,), optional
        The hidden state before the first character; zeros if it is not given.

    Returns
    -------
    Predictions
        In float64.

    Raises
    ------
    ValueError, IndexError
        As `rnn_core.forward`.
    """
    params, parts = params.astype(float), []
    for fwd, y in _pieces(params, ids, np.zeros(params.hidden_size) if h0 is None else h0):
        bits, best = _bits(fwd, y), np.empty((len(y), min(3, params.vocab_size)), int)
        for guess in best.T:  # the most probable, then the most probable of the others: quicker than to sort them all
            guess[:] = fwd.p.argmax(axis=1)
            fwd.p[fwd.rows, guess] = -1
        parts.append((bits, best, fwd.h[1:]))
    return Predictions(*map(np.concatenate, zip(*parts, strict=True)))


def _pieces(params, ids, h, forward=rnn.forward):
    """Read a text (N,), or B of them (N, B), in pieces: yield the forward pass of each, and its y. The result is that
    of one pass, but all probabilities of a text in Chinese would be gigabytes."""
    size = max(1, min(PIECE, ROOM // (params.vocab_size * ids[:1].size)))
    for e in range(0, max(len(ids) - 1, 1), size):
        y = ids[e + 1 : e + 1 + size]
        fwd = forward(params, ids[e : e + len(y)], y, h)
        yield fwd, y
        h = fwd.h[-1]


def _at_most(places, params):
    """So many places, or fewer if the alphabet is large: each takes K probabilities at every step."""
    return min(places, max(10, ROOM // params.vocab_size))


def _bits(fwd, y):
    """-log2 p_t[y_t], in the shape of y."""
    return -np.log2(np.take_along_axis(fwd.p, y[..., None].astype(int), axis=-1)[..., 0])


def windows(ids, length, places):
    """Stretches of a text, side by side.

    Parameters
    ----------
    ids : int array (N,)
    length, places : int

    Returns
    -------
    int ndarray (length, places)
        One per column, spread evenly from the beginning of the text to its end; where the text is short, they overlap.

    Raises
    ------
    ValueError
        The text is shorter than one of them.
    """
    if len(ids) < length:
        raise ValueError(
            f"A text of {len(ids)} characters has no stretch of {length}: give more text, or ask for less."
        )
    starts = np.linspace(0, len(ids) - length, places).astype(int)
    return np.asarray(ids)[starts + np.arange(length)[:, None]]


def saturation(params, ids, h):
    """The share of all values of the state that lie beyond ±0.9, where tanh' is below 0.2, on the way through a text.

    Parameters
    ----------
    params : rnn_core.Params
    ids : int array (N,)
    h : array (m,)
        The state before the first character.

    Returns
    -------
    float
    """
    W, U, b = (of.astype(float) for of in (params.W, params.U, params.b))
    states = list(accumulate(ids[:-1], lambda h, x: np.tanh(W @ h + U[:, x] + b), initial=h))  # no p is needed
    return float((np.abs(states[1:]) > 0.9).mean())


def basins(params, ids, h, length=500, places=100):
    """Does the network read well from a state of zeros?

    At each place it first reads `length` characters from h, so that its state fits the text. Then it reads
    the next `length` characters twice: from that state, and from zero. A reading fails if the state does not find its
    way back: in the second half of those characters it still needs over one bit per character more than the first.

    Parameters
    ----------
    params : rnn_core.Params
    ids : int array (N,)
    h : array (m,)
        A state that the network carried in training.
    length, places : int

    Returns
    -------
    dict
        "carried", "zero": bits per character in that second half, from each start; "zero fails": the share of places;
        "saturated": the share of all values of the state beyond ±0.9, from the carried one.
    """
    params, stretches = params.astype(float), windows(ids, 2 * length + 1, places)
    settled = [fwd.h[-1] for fwd, _ in _pieces(params, stretches[: length + 1], np.tile(h, (places, 1)))][-1]
    bits, saturated = {}, 0.0
    for name, start in (("zero", np.zeros_like(settled)), ("carried", settled)):
        parts = [(_bits(*made), np.abs(made[0].h[1:]) > 0.9) for made in _pieces(params, stretches[length:], start)]
        needed, beyond = map(np.concatenate, zip(*parts, strict=True))
        bits[name], saturated = needed[length // 2 :].mean(axis=0), float(beyond.mean())
    fails = float((bits["zero"] > bits["carried"] + 1).mean())
    return {name: float(of.mean()) for name, of in bits.items()} | {"zero fails": fails, "saturated": saturated}


def gradient_by_lag(params, ids, h, lags=50, places=500):
    """How much of the gradient is left k characters back?

    The loss at one character, L_t = -log p_t[y_t], depends on the state h_{t-k} through k more steps, and

        dL_t/dh_{t-k} = (J_t J_{t-1} ... J_{t-k+1})^T V^T g_t        J_t = dh_t/dh_{t-1} = diag(1 - h_t^2) W

    A product of k matrices shrinks or grows like the k-th power of a number [1]_.

    Parameters
    ----------
    params : rnn_core.Params
    ids : int array (N,)
        The text, in which the losses at `places` characters are taken (at fewer if the alphabet is large).
    h : array (m,)
        The state from which the network starts `lags` characters before each.
    lags, places : int

    Returns
    -------
    ndarray (3, lags + 1)
        The norm of dL_t/dh_{t-k} for k = 0, 1, ..., as a share of that for k = 0: lower quartile, median and upper
        quartile over the places. (A mean would be that of the few places where it is largest.)
    """
    places = _at_most(places, params)
    params, text, states = params.astype(float), windows(ids, 2 * lags + 2, places), []
    for fwd, _ in _pieces(params, text, np.tile(h, (places, 1))):
        states += list(fwd.h[1:])
    g = fwd.p[-1]
    g[np.arange(places), text[-1]] -= 1  # dL_t/do_t
    back, norms = g @ params.V, []  # dL_t/dh_t, of each place in a row
    for h_t in states[: -lags - 2 : -1]:
        norms.append(np.linalg.norm(back, axis=1))
        back = (back * (1 - h_t * h_t)) @ params.W
    shares = np.array(norms) / np.maximum(norms[0], 1e-300)
    return np.quantile(shares, (0.25, 0.5, 0.75), axis=1)


def bits_by_context(params, ids, h, longest=25, places=2000, starts=40, forward=rnn.forward):
    """How far back does it help to look? Bits per character if only the last k characters before it are known.

    At each place the network starts from a state that it has elsewhere in the text. It has learned to read
    on from such states, but this one knows nothing of what came before the place. From there it reads k characters and
    predicts the next one. A single wrong state would be punished for what it pretends to know, so the probabilities
    are averaged over several of them.

    Parameters
    ----------
    params : rnn_core.Params
    ids : int array (N,)
        At least `longest` + 1 characters.
    h : array (m,)
        The state before the first of them.
    longest, places : int
        With a large alphabet there are fewer places.
    starts : int
        How many states from elsewhere.
    forward : function
        That of another kind of network, with its `params`.

    Returns
    -------
    ndarray (longest,)
        For k = 1, 2, ..., longest: the mean of `Predictions.bits` plus what not knowing the rest costs.
    """
    whole = [(_bits(fwd, y), fwd.h[1:]) for fwd, y in _pieces(params, ids, h, forward)]
    bits, states = map(np.concatenate, zip(*whole, strict=True))
    places = _at_most(places, params)
    at = windows(np.arange(len(ids)), longest + 1, places)[0]
    elsewhere = (at + len(ids) * np.arange(1, starts + 1)[:, None] // (starts + 1)) % len(states)
    p = np.zeros((longest, places))
    for others in elsewhere:  # one at a time: all probabilities at once would be gigabytes
        h = states[others]
        for k in range(longest):
            x, y = ids[at + k], ids[at + k + 1]
            fwd = forward(params, x[None], y[None], h)
            h = fwd.h[-1]
            p[k] += fwd.p[0, np.arange(places), y] / starts
    cost = -np.log2(p) - bits[at + np.arange(longest)[:, None]]  # beside the same characters: their noise cancels
    return bits.mean() + cost.mean(axis=1)


def horizon(bits, least=0.01):
    """How many characters of context are enough: what came earlier is worth less than `least` bits.

    Parameters
    ----------
    bits : array (longest,)
        As `bits_by_context` returns them.
    least : float

    Returns
    -------
    int
    """
    return int(np.argmax(np.asarray(bits) < bits[-1] + least)) + 1


def bits_by_place(text, bits, longest=10):
    """Where in a word does a predictor need its bits?

    Parameters
    ----------
    text : str
    bits : array (len(text) - 1,)
        What any predictor needed for each character but the first: `Predictions.bits`, or a row of `NGram.bits`.
    longest : int

    Returns
    -------
    ndarray (longest,)
        The mean over the first letters of all words, over the second letters, and so on. What comes after a word has
        no place in it. NaN where no word is so long.
    """
    places = [[] for _ in range(longest)]
    for word in WORD.finditer(text):
        for place, at in zip(places, range(*word.span()), strict=False):
            if at > 0:  # the first character of the text is not predicted
                place.append(bits[at - 1])
    return np.array([np.mean(place) if place else np.nan for place in places])


class Cycle(NamedTuple):
    """What argmax decoding runs into.

    Attributes
    ----------
    begin, length : int
        From the `begin`-th character on, the text repeats after `length` characters.
    ids : int ndarray (length,)
        Those characters.
    radius : float
        The spectral radius of dh_{t+length}/dh_t along the cycle: the factor by which a small deviation of the state
        grows in a round. Below 1, the cycle attracts the states around it.
    """

    begin: int
    length: int
    ids: np.ndarray
    radius: float


def limit_cycle(params, first, h, steps=2000):
    """Let the network always write the most probable character, and find the cycle that it runs into.

    Parameters
    ----------
    params : rnn_core.Params
    first : int
        The character that it reads first.
    h : array (m,)
        The hidden state before that.
    steps : int
        How many characters to write.

    Returns
    -------
    Cycle or None
        None if the second half of what it wrote does not repeat itself.
    """
    params, x, ids, states = params.astype(float), first, np.empty(steps, int), np.empty((steps, params.hidden_size))
    for t in range(steps):
        fwd = rnn.forward(params, [x], [x], h)
        h, x = fwd.h[-1], int(fwd.p[0].argmax())
        states[t], ids[t] = h, x
    tail = ids[steps // 2 :]
    length = next((n for n in range(1, len(tail) // 2 + 1) if (tail[n:] == tail[:-n]).all()), 0)
    if not length:
        return None
    differs = np.flatnonzero(ids[length:] != ids[:-length])
    begin = int(differs[-1]) + 1 if len(differs) else 0
    around = reduce(np.matmul, [jacobian(params, h_t) for h_t in states[: -length - 1 : -1]])
    return Cycle(begin, length, ids[begin : begin + length], float(np.abs(np.linalg.eigvals(around)).max()))


def jacobian(params, h):
    """dh_t/dh_{t-1} = diag(1 - h_t^2) W for h = h_t (m,): ndarray (m, m)."""
    return (1 - np.square(h))[:, None] * params.W
