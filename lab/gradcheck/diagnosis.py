"""What would make a wrong gradient right? The usual mistakes, put into words.

A gradient that is wrong is compared with what the mistakes that everybody makes would give: a factor, a transpose, rows
or columns that are off by one. Who knows the network may know more, and hands over what recognises it.
"""

from typing import NamedTuple

import numpy as np


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


def diagnose(comparisons, recognise=None):
    """Say which gradients are wrong, and what would make them right.

    Parameters
    ----------
    comparisons : list of Comparison
        Of the same gradients, at one point or at several: what is said holds at all of them where something is wrong.
    recognise : function (Comparison) -> network or None, optional
        As for `check`.

    Returns
    -------
    str
        A sentence for each group of gradients that share a cause.
    """
    failed = [comparison for comparison in comparisons if comparison.wrong]
    if not failed:
        return "Every gradient agrees."
    networks = [recognise(comparison) if recognise else None for comparison in failed]
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
    if recognise and failed[0].x is not None and networks[0] is None:
        said.append("With x, y and h0 as given this is not the network of the lab: its known bugs were not looked for.")
    return " ".join(said)


def _and(names):
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def _where_to_look(wrong, params, network):
    """Without a cause, the pattern of what is wrong says where the error is."""
    if network is None and set(params) != set(NAMES):
        return "no simple change makes it right; begin at the entry that differs most"
    roles = {name: name for name in params} if network is None else network.roles
    return _PATTERNS.get(frozenset(map(roles.get, wrong)), "look at the first step that they share")


NAMES = ("W", "U", "V", "b", "c")
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
    known = {} if network is None else network.causes(comparison)
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
