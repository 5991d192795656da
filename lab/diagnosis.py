"""What would make a wrong gradient right? The usual mistakes, put into words.

A gradient that is wrong is compared with what the mistakes that everybody makes would give: a factor, a transpose, rows
or columns that are off by one. Of the network of this lab more is known, whatever the code and the layout of its
arrays: there a single step in place of the sum and the bugs of `lab.bugs` are told apart, too.
"""

from itertools import permutations, product
from math import prod
from typing import NamedTuple

import numpy as np

from lab.bugs import BUGS
from rnn_core import Params, backward, forward


class Comparison(NamedTuple):
    """Gradients beside numerical ones, at one point.

    Attributes
    ----------
    point : str
        Where.
    params, analytic, numerical : dict of str to ndarray
        The parameters, the gradients to be checked, and the numerical ones, NaN where they were not computed; all with
        the same names and shapes.
    loss : float
    tolerance : float
        The relative error that a right gradient stays below.
    rounding : float
        What a numerical entry may be off by rounding: a difference that is no larger is none.
    x, y, h0 : array, optional
        What the network read, should have written, and its first state, in any layout; without x and y nothing is
        assumed of what the loss computes.
    """

    point: str
    params: dict
    analytic: dict
    numerical: dict
    loss: float
    tolerance: float
    rounding: float
    x: object = None
    y: object = None
    h0: object = None

    def errors(self, a, n):
        """||a - n|| over the entries compared, and the same over the largest of ||a||, ||n|| and 1e-4."""
        a, n = np.asarray(a), np.asarray(n)
        compared = ~np.isnan(n) | ~np.isfinite(a)  # what is not finite is wrong, whatever it should be
        with np.errstate(invalid="ignore", over="ignore"):
            difference = np.linalg.norm((a - n)[compared])
            scale = max(np.linalg.norm(a[compared]), np.linalg.norm(n[compared]), 1e-4)
            return float(difference), float(difference / scale)

    def agree(self, a, n):
        """Whether the relative error is below the tolerance, or the difference no more than rounding."""
        difference, relative = self.errors(a, n)
        return relative < self.tolerance or difference < self._rounding_of(n)  # False also for NaN

    def _rounding_of(self, n):
        return self.rounding * np.sqrt(np.count_nonzero(~np.isnan(n)))

    def tells(self, n):
        """Whether a numerical gradient is so far from zero that something can be told from its values."""
        return np.linalg.norm(n[~np.isnan(n)]) > 1000 * max(1e-4 * self.tolerance, self._rounding_of(n))

    @property
    def wrong(self):
        """The names of the gradients that do not agree."""
        return [name for name in self.params if not self.agree(self.analytic[name], self.numerical[name])]


def diagnose(comparisons):
    """Say which gradients are wrong, and what would make them right.

    Parameters
    ----------
    comparisons : list of Comparison
        Of the same gradients, at one point or at several: what is said holds at all of them where something is wrong.

    Returns
    -------
    str
        A sentence for each group of gradients that share a cause.
    """
    failed = [comparison for comparison in comparisons if comparison.wrong]
    if not failed:
        return "Every gradient agrees."
    networks = [_as_this_network(comparison) for comparison in failed]
    causes = [_causes(*both) for both in zip(failed, networks, strict=True)]
    groups = {}  # of names, by their cause
    for name in failed[0].params:
        if found := [at_point[name] for at_point in causes if name in at_point]:
            shared = [cause for cause in found[0] if all(cause in others for others in found[1:])]
            groups.setdefault(shared[0] if shared else None, []).append(name)
    if None in groups:
        wrong = groups.pop(None)
        groups[_where_to_look(wrong, failed[0].params, networks[0])] = wrong
    said = [f"{_and(names)} {'are' if names[1:] else 'is'} wrong: {cause}." for cause, names in groups.items()]
    if len(failed) < len(comparisons):
        said.append(f"This shows only {_and([comparison.point for comparison in failed])}.")
    if failed[0].x is not None and networks[0] is None:
        said.append("With x, y and h0 as given this is not the network of the lab: its known bugs were not looked for.")
    return " ".join(said)


def _and(names):
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def _where_to_look(wrong, params, network):
    """Without a cause, the pattern of what is wrong says where the error is."""
    if network is None and set(params) != set(Params.names):
        return "no simple change makes it right; begin at the entry that differs most"
    roles = {name: name for name in params} if network is None else network.roles
    return _PATTERNS.get(frozenset(map(roles.get, wrong)), "look at the first step that they share")


_PATTERNS = {
    frozenset(wrong.split()): place
    for wrong, place in {
        "W U V b c": "everything flows from g_t = p_t - y_t, so the error is there",
        "W U b": "V and c are right, so g_t = p_t - y_t is, and the error is in the recurrence of delta_t = dL/da_t",
        "V c": "the error is in the sums of g_t = p_t - y_t",
        "W": "delta_t = dL/da_t is right, so the error is in the sum of delta_t h_{t-1}^T: which h, from which step on",
        "U": "delta_t = dL/da_t is right, so the error is in the sum of delta_t x_t^T: which x, repeated characters",
        "V": "g_t = p_t - y_t is right, so the error is in the sum of g_t h_t^T: which h, from which step on",
        "b": "delta_t = dL/da_t is right, so the error is in its sum, which may lack a step",
        "c": "g_t = p_t - y_t is right, so the error is in its sum, which may lack a step",
    }.items()
}


def _causes(comparison, network):
    """For each gradient that is wrong, what would explain it, the most telling first."""
    known = {} if network is None else _known_mistakes(comparison, network)
    sizes = {} if network is None else network.sizes
    return {name: known.get(name, []) + _simple_changes(comparison, name, sizes) for name in comparison.wrong}


# ----------------------------------------------------------------------------------------------- whatever the loss is


def _simple_changes(comparison, name, sizes):
    """What would make a gradient right, without knowing what the loss computes."""
    a, n = comparison.analytic[name], comparison.numerical[name]
    known = ~np.isnan(n)
    if not np.isfinite(a).all():
        return ["not finite"]
    if not n[known].any():
        return [
            "not zero, although the loss does not depend on it (it must be computed from the params that it is given)"
        ]
    if not comparison.tells(n):
        return []
    if not a.any():
        return ["zero"]
    found = []
    factor = np.vdot(n[known], a[known]) / np.vdot(n[known], n[known])
    says_something = factor and not np.isclose(factor, 1, rtol=1e-3)
    if says_something and np.count_nonzero(n[known]) > 1 and comparison.agree(a / factor, n):
        found.append(_in_words(factor, sizes))
    limit = np.abs(a).max()
    if (limit.is_integer() or np.count_nonzero(np.abs(a) == limit) > 1) and comparison.agree(a, n.clip(-limit, limit)):
        found.append(f"what is right, clipped to [-{limit:g}, {limit:g}]; clip after the check")
    if a.ndim == 2 and a.shape == a.T.shape and comparison.agree(a.T, n):
        found.append("the transpose of what is right")
    for axis, size in enumerate(a.shape):
        for by in (1, -1) if size > 2 else ():
            moved, rest = np.roll(a, by, axis), n.copy()
            np.moveaxis(rest, axis, 0)[0 if by == 1 else -1] = np.nan  # what came round from the other end
            if comparison.tells(rest) and comparison.agree(moved, rest) and not comparison.agree(a, rest):
                what = "entries" if a.size == size else ("rows", "columns")[axis] if a.ndim == 2 else f"axis {axis}"
                found.append(f"what is right, with its {what} shifted by one")
    return found


def _in_words(factor, sizes):
    """A constant factor, and what it usually comes from; sizes is a dict such as {25: "T"}."""
    count = round(max(factor, 1 / factor))
    if not np.isclose(max(factor, 1 / factor), count, rtol=1e-4) or (count < 3 and count not in sizes):
        return f"{factor:.4g} times what is right"
    over = f"{sizes[count]} = {count}" if count in sizes else f"{count}"
    if factor > 1:
        return f"{count} times what is right, as with a sum over {over} in place of the mean"
    return f"1/{count} of what is right, as with a mean over {over} in place of the sum"


# ------------------------------------------------------------------------------------------------ the lab's network


class _Network(NamedTuple):
    """That a loss is that of this lab's network, with arrays in some layout, perhaps times a constant."""

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
        """Gradients of this network, as the code that is checked should give them."""
        arrays = {}
        for name, (role, transposed, shape) in self.layout.items():
            gradient = self.scale * getattr(gradients, role)
            arrays[name] = (gradient.T if transposed else gradient).reshape(shape)
        return arrays


def _as_this_network(comparison):
    """Tell which array is which by trying: the arrangement in which the right gradients are the numerical ones."""
    if comparison.x is None or len(comparison.params) != len(Params.names):
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
    """All ways to take five arrays for W, U, V, b and c; where they have these names, they are meant by them."""
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
    for x, y in product(_readings(comparison.x), _readings(comparison.y)):
        shape = (*x.shape[1:], hidden_size)
        h0 = np.zeros(shape) if comparison.h0 is None else np.asarray(comparison.h0)
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
    """For each gradient that is wrong, the mistakes from which exactly this comes."""
    params, x, y, h0, *_ = network
    fwd = forward(params, x, y, h0)
    right = network.as_given(backward(params, x, y, fwd))
    causes = {name: [] for name in comparison.wrong}

    def explained(names, gradients):
        """To six digits, what is wrong in them is what is wrong in these."""
        given, mistaken, meant = (
            np.concatenate([arrays[name].ravel() for name in names])
            for arrays in (comparison.analytic, network.as_given(gradients), right)
        )
        return np.linalg.norm(given - mistaken) <= 1e-6 * np.linalg.norm(mistaken - meant)

    with np.errstate(all="ignore"):
        steps = list(_single_steps(network, fwd))  # before the bugs write into fwd
        for bug in BUGS:
            if explained(comparison.params, bug.backward(params, x, y, fwd)):
                for name in causes:
                    causes[name].append(f'exactly what the bug "{bug.name}" gives')
        for cause, gradients in steps:
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
