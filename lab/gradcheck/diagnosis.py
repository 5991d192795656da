"""What would make a wrong gradient right? The usual mistakes, put into words.

A gradient that is wrong is compared with what the mistakes that everybody makes would give: a factor, a transpose, rows
or columns that are off by one, the gradient of another array. A function that recognises the network can name more.
"""

from typing import NamedTuple

import numpy as np


class Comparison(NamedTuple):
    """Gradients beside numerical ones, at one point.

    Attributes
    ----------
    point : str
        Its name.
    params, analytic, numerical : dict of str to ndarray
        The parameters, the gradients to be checked, and the numerical ones, NaN where they were not computed; all with
        the same names and shapes.
    loss : float
    tolerance : float
        The relative error that a right gradient stays below.
    rounding : float
        How far rounding may move a numerical entry: a difference that is no larger does not count.
    args : tuple
        The other arguments of the loss: usually the text and the first state that it reads, x, y and h0.
    theta
        The parameters as they were given.
    """

    point: str
    params: dict
    analytic: dict
    numerical: dict
    loss: float
    tolerance: float
    rounding: float
    args: tuple = ()
    theta: object = None

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
        """Whether a numerical gradient is far enough from zero for its values to mean something."""
        return np.linalg.norm(n[~np.isnan(n)]) > 1000 * max(1e-4 * self.tolerance, self._rounding_of(n))

    @property
    def wrong(self):
        """The names of the gradients that do not agree."""
        return [name for name in self.params if not self.agree(self.analytic[name], self.numerical[name])]


def diagnose(comparisons, recognise=()):
    """Say which gradients are wrong, and what would make them right.

    Parameters
    ----------
    comparisons : list of Comparison
        Of the same gradients, at one point or at several: a cause must hold at all points where something is wrong.
    recognise : sequence of functions (Comparison) -> network or None
        As for `check`.

    Returns
    -------
    str
        A sentence for each group of gradients that share a cause.
    """
    failed = [comparison for comparison in comparisons if comparison.wrong]
    if not failed:
        return "Every gradient agrees."
    known = [[network for of in recognise if (network := of(comparison))] for comparison in failed]
    causes = [_causes(*both) for both in zip(failed, known, strict=True)]
    shared = {}  # the causes that hold at all points where a gradient is wrong
    for name in failed[0].params:
        if found := [at_point[name] for at_point in causes if name in at_point]:
            shared[name] = [cause for cause in found[0] if all(cause in others for others in found[1:])]
    groups = {}  # of names, by the cause that explains most of them
    for name, of_name in shared.items():
        cause = max(of_name, key=lambda cause: sum(cause in others for others in shared.values()), default=None)
        groups.setdefault(cause, []).append(name)
    if None in groups:
        unnamed = groups.pop(None)
        groups[_where_to_look(sum(groups.values(), unnamed), failed, known[0])] = unnamed
    said = [f"{listed(names)} {'are' if names[1:] else 'is'} wrong: {cause}." for cause, names in groups.items()]
    if len(failed) < len(comparisons):
        said.append(f"This shows only {listed([comparison.point for comparison in failed])}.")
    if recognise and not any(known):
        said.append("With x, y and h0 as given the network is not recognised: only simple changes were looked for.")
    return " ".join(said)


def listed(names):
    """Names as in a sentence: W, U and b."""
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def _where_to_look(wrong, failed, known):
    """Without a cause, the pattern of the wrong gradients says where to look, if the network is known."""
    errors = [errors for it in failed for name in it.wrong
              if np.isfinite(errors := it.errors(it.analytic[name], it.numerical[name])[1])]  # fmt: skip
    if errors and max(errors) < 1e-4:
        return (
            f"off by {max(errors):.0e} at most, too little for a wrong formula: it looks like an epsilon in a log or a "
            "root that the gradient leaves out, as in log(p + 1e-8), or like float32 somewhere"
        )
    for network in known:
        if set(network.roles.values()) >= set("WUVbc") and len(network.roles) == 5:
            return _PATTERNS.get(frozenset(map(network.roles.get, wrong)), "look at the first step that they share")
    return "no simple change makes it right; begin at the entry that differs most"


_PATTERNS = {
    frozenset(wrong.split()): place
    for wrong, place in {
        "W U V b c": "everything flows from g_t = dL/do_t, so the error may be there",
        "W U b": "V and c are right, so g_t = dL/do_t is, and the error is in the recurrence of delta_t = dL/da_t",
        "V c": "the error is in the sums of g_t = dL/do_t",
        "W": "delta_t = dL/da_t is right, so the error is in the sum of delta_t h_{t-1}^T: which h, from which step on",
        "U": "delta_t = dL/da_t is right, so the error is in the sum of delta_t x_t^T: which x, repeated characters",
        "V": "g_t = dL/do_t is right, so the error is in the sum of g_t h_t^T: which h, from which step on",
        "b": "delta_t = dL/da_t is right, so the error is in its sum, which may lack a step",
        "c": "g_t = dL/do_t is right, so the error is in its sum, which may lack a step",
    }.items()
}


def _causes(comparison, known):
    """For each wrong gradient, its causes, the most telling first; if there are none, those beside a factor."""
    sizes = {}
    for network in known:
        sizes |= network.sizes
    found = _explained(comparison, known, sizes)
    factor = _common_factor(comparison)
    if factor is not None:
        smaller = {name: a / factor for name, a in comparison.analytic.items()}
        beside = _explained(comparison._replace(analytic=smaller), known, sizes)
        for name in found:
            if not found[name] and beside.get(name):
                found[name] = [f"{_in_words(factor, sizes)}, and besides {cause}" for cause in beside[name]]
    return found


def _explained(comparison, known, sizes):
    found = {name: [] for name in comparison.wrong}
    for network in known:
        causes = network.causes(comparison)
        for name in found:
            found[name] += causes.get(name, [])
    return {name: causes + _simple_changes(comparison, name, sizes) for name, causes in found.items()}


def _common_factor(comparison):
    """The factor by which wrong gradients are too large, if all that have a factor have the same."""
    factors = {name: _factor(comparison, comparison.analytic[name], comparison.numerical[name])
               for name in comparison.wrong}  # fmt: skip
    factors = [factor for factor in factors.values() if factor is not None]
    return factors[0] if factors and np.allclose(factors, factors[0], rtol=1e-6) else None


# ----------------------------------------------------------------------------------------------- whatever the loss is


def _factor(comparison, a, n):
    """The factor by which a gradient is too large, or None."""
    known = ~np.isnan(n)
    if not comparison.tells(n) or not np.isfinite(a).all() or np.count_nonzero(n[known]) < 2:
        return None
    factor = np.vdot(n[known], a[known]) / np.vdot(n[known], n[known])
    says_something = factor and not np.isclose(factor, 1, rtol=1e-3)
    return factor if says_something and comparison.agree(a / factor, n) else None


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
    if (factor := _factor(comparison, a, n)) is not None:
        found.append(_in_words(factor, sizes))
    limit = np.abs(a).max()
    if (limit.is_integer() or np.count_nonzero(np.abs(a) == limit) > 1) and comparison.agree(a, n.clip(-limit, limit)):
        found.append(f"what is right, clipped to [-{limit:g}, {limit:g}]; clip after the check")
    if a.ndim == 2 and a.shape == a.T.shape and comparison.agree(a.T, n):
        found.append("the transpose of what is right")
    for other, values in comparison.numerical.items():
        alike = other != name and values.shape == a.shape and np.count_nonzero(~np.isnan(values)) > 1
        if alike and comparison.tells(values) and comparison.agree(a, values) and not comparison.agree(n, values):
            found.append(f"the gradient of {other}")
    return found + _shifts(comparison, a, n)


def _shifts(comparison, a, n):
    """Rows or columns that are off by one."""
    found = []
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
