"""This lab's network in other people's code: which array is which, and which of the usual bugs it has.

Whatever the code and the layout of its arrays, it finds the bugs of `lab.bugs`, and sums that leave out steps.
"""

from itertools import permutations, product
from math import prod
from typing import NamedTuple

import numpy as np

from lab.bugs import BUGS, MORE
from rnn_core import Params, backward, forward


class _Network(NamedTuple):
    """A loss that is that of this lab's network, perhaps times a constant, and the layout of its arrays."""

    params: Params
    x: np.ndarray
    y: np.ndarray
    h0: np.ndarray
    scale: float  # of the loss, beside the sum over the steps and mean over the batch
    layout: dict  # name: role, one of W, U, V, b and c; is it stored transposed?; its shape

    @property
    def roles(self):
        return {name: role for name, (role, *_) in self.layout.items()}

    @property
    def sizes(self):
        return dict(zip(self.x.shape[::-1], ("B", "T")[-self.x.ndim :], strict=True))

    def as_given(self, gradients):
        """Gradients of this network in the layout of the code that is checked."""
        arrays = {}
        for name, (role, transposed, shape) in self.layout.items():
            gradient = self.scale * getattr(gradients, role)
            arrays[name] = (gradient.T if transposed else gradient).reshape(shape)
        return arrays

    def causes(self, comparison):
        """For each wrong gradient, the mistakes that lead to exactly it."""
        return _known_mistakes(comparison, self)


def recognise(comparison):
    """Find out by trial which array is which: in that arrangement the right gradients equal the numerical ones."""
    if len(comparison.args) < 2 or len(comparison.params) != len(Params.names):
        return None
    for params, layout in _arrangements(comparison.params):
        for x, y, h0 in _sequences(comparison, params.hidden_size):
            try:
                fwd = forward(params, x, y, h0)
            except (IndexError, ValueError):  # such as characters beyond K, if the wrong axis was taken for one-hot
                continue
            scale = float(comparison.loss / fwd.loss) if fwd.loss else 1.0
            network = _Network(params, x, y, h0, scale, layout)
            right = network.as_given(backward(params, x, y, fwd))
            if all(comparison.agree(right[name], n) for name, n in comparison.numerical.items()):
                return network
    return None


def _arrangements(arrays):
    """All ways to take five arrays for W, U, V, b and c; where they have these names, only that one."""
    named = set(arrays) == set(Params.names)
    for names in [Params.names] if named else permutations(arrays):
        *matrices, b, c = (arrays[name] for name in names)
        params = Params(b.size or 1, c.size or 1)
        for transposed in product((False, True), repeat=3):
            turned = [a.T if is_turned else a for a, is_turned in zip(matrices, transposed, strict=True)]
            if [a.shape for a in turned] == [a.shape for a in (params.W, params.U, params.V)]:
                for view, values in zip(params, (*turned, b.ravel(), c.ravel()), strict=True):
                    view[...] = values
                shapes = [arrays[name].shape for name in names]
                roles = zip(Params.names, (*transposed, False, False), shapes, strict=True)
                yield params, dict(zip(names, roles, strict=True))


def _sequences(comparison, hidden_size):
    """All ways to read x, y and h0 as `forward` takes them."""
    text, target, *states = comparison.args
    for x, y in product(_readings(text), _readings(target)):
        shape = (*x.shape[1:], hidden_size)
        h0 = np.asarray(states[0]) if states and states[0] is not None else np.zeros(shape)
        if x.shape == y.shape and h0.size == prod(shape):
            for state in (h0, h0.T):
                yield x, y, state.reshape(shape)


def _readings(characters):
    """Characters as numbers, (T,) or (T, B): they may be so already, or one-hot along some axis."""
    given = np.asarray(characters)
    one_hot = [axis for axis in range(given.ndim) if np.isin(given, (0, 1)).all() and (given.sum(axis) == 1).all()]
    for numbers in [given] * (given.dtype.kind in "iu") + [given.argmax(axis) for axis in one_hot]:
        if numbers.ndim in (1, 2):
            yield from (numbers, numbers.T)[: numbers.ndim]


def _known_mistakes(comparison, network):
    """For each wrong gradient, the mistakes that lead to exactly it."""
    params, x, y, h0, *_ = network
    fwd = forward(params, x, y, h0)
    right = network.as_given(backward(params, x, y, fwd))
    causes = {name: [] for name in comparison.wrong}

    def explained(names, gradients):
        """Whether these gradients and those given are wrong in the same way, to six digits."""
        given, mistaken, meant = (
            np.concatenate([arrays[name].ravel() for name in names])
            for arrays in (comparison.analytic, network.as_given(gradients), right)
        )
        return np.linalg.norm(given - mistaken) <= 1e-6 * np.linalg.norm(mistaken - meant)

    with np.errstate(all="ignore"):
        for bug in (*BUGS, *MORE):  # some write into what forward has left
            if explained(comparison.params, bug.backward(params, x, y, forward(params, x, y, h0))):
                for name in causes:
                    causes[name].append(f'exactly what the bug "{bug.name}" gives')
        for cause, gradients in _single_steps(network, fwd):
            for name in causes:
                if explained([name], gradients):
                    causes[name].append(cause)
    return causes


def _single_steps(network, fwd):
    """The gradients when not every step is counted, from what `backward` left in fwd."""
    params, x, y, *_ = network
    one_hot = np.eye(params.vocab_size)
    g = (fwd.p - one_hot[y]) / (y.size // len(y))
    for cause, part in (
        ("what the first step alone gives, as with = in place of +=", slice(0, 1)),
        ("what the last step alone gives", slice(-1, None)),
        ("what is right but for the first step, which is not counted", slice(1, None)),
        ("what is right but for the last step, which is not counted", slice(0, -1)),
    ):
        delta, g_t, x_t, before, h = (
            a[part].reshape(-1, a.shape[-1]) for a in (fwd.delta, g, one_hot[x], fwd.h[:-1], fwd.h[1:])
        )
        gradients = params.like(np.empty_like(params.flat))
        for view, values in zip(
            gradients, (delta.T @ before, delta.T @ x_t, g_t.T @ h, delta.sum(0), g_t.sum(0)), strict=True
        ):
            view[...] = values
        yield cause, gradients
