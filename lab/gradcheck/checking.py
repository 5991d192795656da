"""The gradient check of any code.

References
----------
.. [1] J. Martins, P. Sturdza, J. Alonso, "The complex-step derivative approximation", ACM Transactions on Mathematical
   Software 29(3), 2003.
"""

import copy
import inspect
import math
from contextlib import nullcontext
from typing import NamedTuple

import numpy as np

from . import slopes
from .arrays import copied, named, paired
from .diagnosis import Comparison, listed
from .slopes import CALLS, METHODS, check_entries, check_tolerance, derivative, slope
from .steps import steps_of
from .table import GradientCheck

MOST_CALLS = 1600  # of the loss, for single entries; all else takes a few hundred at most


def check(
    loss, params, gradients, *args, forward=None, entries=200, tolerance=None, seed=0, progress=True, recognise=(),
):  # fmt: skip
    """Compare gradients, whoever computed them, with what the loss says.

    The numerical gradients come from the complex step [1]_ if the loss can take complex numbers. To find out, `check`
    tries it along a random direction in each array, where central differences must give the same. If they do not, or
    if the loss fails, `check` takes central differences, extrapolated from two steps. If an array has many entries, it
    computes only some, drawn at random. The derivative along the random direction depends on every entry. It must then
    agree as well, or `check` computes more.

    Parameters
    ----------
    loss : function (params, *args) -> float
        The loss, computed from the params that it is given. It is called often, with changed copies of them, and may
        take params alone.
    params : dict, list, tuple, array, object, tensor or module
        Arrays of float64, of any shapes, also nested; in an object its attributes. Other attributes are left alone.
    gradients : the same, or function (params, *args) -> the same
        Their gradients, under the same names (or dW, grad_W, ...) or in the same order, and with the same shapes. With
        a function a second point is checked, with larger weights and another first state: tiny weights and a state of
        zeros hide bugs.
    *args
        The other arguments of loss, gradients and forward: usually the text that is read, the text that should come
        out, and the first state, x, y and h0. An argument that is alone, third or later is a state if it holds floats.
    forward : function (params, x, y, h0) -> (loss, last state), optional
        The forward pass of a network that hands a state on. It is then called with one character at a time, and the
        usual mistakes in adding up the steps can be named. Characters are numbers or one-hot.
    entries : int, optional
        Check at most this many entries of each array, fewer if that takes over 2,000 calls of the loss; None for all.
    tolerance : float, optional
        An array passes if its relative error is below this. If it is not given, that is 1e-10 for the complex step,
        where right code stays below 1e-13 and most bugs are above 1e-3, and 1e-5 for central differences, which are
        exact to some 1e-8 where the gradient is not small. A difference that rounding explains passes, too: 1e-16 of
        the loss for each entry of the complex step, 3e-11 for central differences, four times what was measured.
    seed : int
        For the entries, the direction and the second point.
    progress : bool
        Show a bar for each array.
    recognise : sequence of functions (Comparison) -> network or None
        They may know the network behind the loss. A network has `roles` (which array is which), `sizes` (what a number
        such as 25 means) and `causes` (the known mistakes that explain what is wrong).

    Returns
    -------
    GradientCheck
        A row for each array and point. It prints as a table with a diagnosis.

    Raises
    ------
    ValueError
        params and gradients do not fit each other, are not float64, or params are not finite; loss does not return one
        finite number, returns another one the second time, changes its params, or is not smooth; entries is not a
        number of entries, or tolerance not an error.

    Examples
    --------
    The mean of squares of a linear model, with a gradient that lacks the factor 2:

    >>> rng = np.random.default_rng(0)
    >>> A, target, w = rng.normal(size=(5, 3)), rng.normal(size=(5, 1)), rng.normal(size=(3, 1))
    >>> result = check(lambda w: np.mean((A @ w - target) ** 2), w, A.T @ (A @ w - target) / 5, progress=False)
    >>> result.diagnosis
    'params is wrong: 0.5 times what is right.'
    """
    if not callable(loss):
        raise ValueError(f"loss must be a function of params that returns the loss, not of type {type(loss).__name__}.")
    check_entries(entries)
    check_tolerance(tolerance)
    code, options = _Code(loss, gradients, forward), _Options(entries, tolerance, progress, np.random.default_rng(seed))
    with _one_thread():
        comparison, method, remarks = _compared("here", code, params, args, options)
        comparisons = [comparison]
        if callable(gradients):
            theta, further_args = _further_out(params, comparison.params, args if code.takes(args) else (), options.rng)
            further_args = further_args or args
            if _is_defined(code.loss_of(further_args), theta):
                further, *_ = _compared("with larger weights", code, theta, further_args, options)
                comparisons = [comparison._replace(point="as given"), further]
            else:
                remarks.append("With larger weights the loss is not finite, so only this point was checked.")
        if forward is not None:
            steps = {it.point: steps_of(it, forward, method) for it in comparisons if it.wrong}
            recognise = (*recognise, lambda comparison: steps.get(comparison.point))
    result = GradientCheck(comparisons, method, recognise)
    result.remarks = (*remarks, *_remarks(result, callable(gradients), args))
    return result


class _Code(NamedTuple):
    """What is checked: functions, or gradients that were computed already."""

    loss: object
    gradients: object
    forward: object

    def takes(self, args):
        """Whether all of them take these arguments: else one of them may have a state of its own."""
        return all(_takes(function, 1 + len(args)) for function in self if callable(function))

    def loss_of(self, args):
        """The loss as a function of params alone."""
        given = args if _takes(self.loss, 1 + len(args)) else ()

        def loss(params):
            value = self.loss(params, *given)
            return value.detach().item() if hasattr(value, "detach") and np.ndim(value) == 0 else value

        return loss

    def gradients_at(self, params, args):
        """The gradients, whether they are in params, and what their function has changed."""
        if not callable(self.gradients):
            return self.gradients, self.gradients is params, []
        theta, weights = copied(params, _floats(params))
        before, kept = {name: it.copy() for name, it in weights.items()}, copy.deepcopy(args)
        found = self.gradients(theta, *(kept if _takes(self.gradients, 1 + len(args)) else ()))
        found = theta if found is None else found  # a method may leave them in the network
        changed = [name for name, it in weights.items() if not np.array_equal(it, before[name])]
        changed += [f"argument {i + 2}" for i, it in enumerate(args) if not _same(it, kept[i])]
        return found, found is theta, changed


class _Options(NamedTuple):
    entries: int | None
    tolerance: float | None
    progress: bool
    rng: np.random.Generator


def _floats(params):
    """The names of arrays that may be parameters; the characters that an object may also hold are integers."""
    return [name for name, it in named(params).items() if it.dtype == np.float64]


def _is_defined(loss, theta):
    """Whether a loss can be computed at a point, and is finite there."""
    try:
        with np.errstate(all="ignore"):
            slopes.number(loss(theta))
    except (ArithmeticError, ValueError):
        return False
    return True


def _takes(function, count):
    """Whether a function can be called with this many arguments."""
    try:
        inspect.signature(function).bind(*range(count))
    except TypeError:
        return False
    except ValueError:  # written in C: nobody knows
        pass
    return True


def _same(one, other):
    return not isinstance(one, np.ndarray) or np.array_equal(one, other, equal_nan=one.dtype.kind in "fc")


def _one_thread():
    """Limit BLAS to one thread: on a busy machine, a second one only waits."""
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:
        return nullcontext()
    return threadpool_limits(1, "blas")


def _compared(point, code, params, args, options):
    """The comparison at one point, its method, and remarks on it."""
    loss = code.loss_of(args)
    before = loss(copied(params, _floats(params))[0]) if callable(code.gradients) else None
    found, same, changed = code.gradients_at(params, args)
    arrays, analytic, left = paired(params, found, same)
    value = slopes.loss_at(loss, params, arrays)
    if before is not None and not abs(before - value) <= 1e-12 * max(1, abs(value)):
        raise ValueError(
            "gradients changes what the loss reads, a state perhaps: let both take it as an argument, and hand it over."
        )
    directions = {name: options.rng.standard_normal(a.shape) / math.sqrt(a.size) for name, a in arrays.items()}
    method, along, reason = slopes.fitting_method(loss, params, value, directions)
    comparison = compare(point, arrays, analytic, {}, value, method, options.tolerance, args, params)
    theta, weights = copied(params, arrays, METHODS[method][1])
    for name, expected in zip(arrays, along, strict=True):
        agrees = comparison.agree(np.sum(analytic[name] * directions[name]), expected)
        _fill(comparison, name, lambda: loss(theta), weights[name], method, agrees, options)
    if not abs(loss(theta) - value) <= 1e-12 * max(1, abs(value)):
        raise ValueError("loss has changed during the check: it must not remember anything from one call to the next.")
    remarks = []
    if changed := [name for name in changed if name in arrays or name.startswith("argument ")]:
        remarks.append(f"gradients changes {listed(changed)}. The check gave it a copy; elsewhere that does harm.")
    if left:
        remarks.append(f"Left out: {listed(left)}, without a counterpart.")
    if reason:
        remarks.append(f"Central differences, because {reason}.")
    return comparison, method, remarks


def _fill(comparison, name, loss, weights, method, agrees, options):
    """Compute entries of a numerical gradient; more if they agree although the gradient is known to be wrong."""
    some, a, how = None, comparison.analytic[name], {"method": method, "progress": options.progress}
    if options.entries is not None:
        most = MOST_CALLS // 2 // CALLS[method] // len(comparison.params)  # at each of two points
        some = max(1, min(options.entries, most))
        some = some if agrees or weights.size > 2 * max(options.entries, most) else None
    numerical = derivative(loss, name, weights, entries=some, rng=options.rng, **how)
    comparison.numerical[name] = numerical
    if agrees or not comparison.agree(a, numerical):
        return

    def differs(way):
        return np.sum(a * way) - slope(loss, weights, ..., way, method)

    entry = slopes.worst_entry(differs, weights.shape)
    numerical[entry] = slope(loss, weights, entry, 1, method)
    if comparison.agree(a, numerical):  # still no difference: look everywhere
        comparison.numerical[name] = derivative(loss, name, weights, **how)


def compare(point, arrays, analytic, numerical, value, method, tolerance, args=(), theta=None):
    """A `Comparison` with the given tolerance, or that of the method."""
    *_, default_tolerance, rounding = METHODS[method]
    if tolerance is None:
        tolerance, rounding = default_tolerance, rounding * max(1, abs(value))
    else:
        rounding = 0.0
    return Comparison(point, arrays, analytic, numerical, value, tolerance, rounding, args, theta)


def _states(args):
    """The places of first states among the arguments: floats, not one-hot, after x and y or alone."""
    for place, it in enumerate(args):
        if (place > 1 or len(args) == 1) and isinstance(it, np.ndarray) and it.dtype == np.float64:
            if not (np.isin(it, (0, 1)).all() and it.any()):
                yield place


def _further_out(params, names, args, rng):
    """A second point: weights that are not tiny, and a state that is not zero."""
    theta, weights = copied(params, names)
    for values in weights.values():
        values += min(0.5, 1.2 / math.sqrt(max(values.shape, default=1))) * rng.standard_normal(values.shape)
    states = list(args)
    for place in _states(args):
        states[place] = rng.uniform(-1, 1, args[place].shape)
    return theta, tuple(states)


def _remarks(result, second_point, args):
    """What the check may have missed."""
    first = result.comparisons[0]
    matrices = [it for it in first.params.values() if it.ndim > 1 and min(it.shape) > 1]
    if not result.passed:
        if any(np.isnan(it).any() for it in first.numerical.values()):
            yield "Not every entry was computed; a small network (m = 10) shows the same bugs in all of them."
        if not second_point and len(result.wrong) == len(first.params) and "no simple change" in result.diagnosis:
            yield "If what computes the gradients changes a network or a state in place, hand over the function."
        return
    if not second_point and matrices and all(np.abs(it).max() < 0.1 for it in matrices):
        yield (
            "All weights are tiny: bugs in a recurrence hide here. Hand over the function that computes the gradients, "
            "and larger weights are checked, too."
        )
    square = any(it.shape[0] == it.shape[1] for it in matrices)
    zero = all(not args[place].any() for place in _states(args))
    if square and zero and (not second_point or not list(_states(args))):
        yield (
            "A first state that is taken for zero can't be seen where it is zero: let the functions take it, and hand "
            "it over."
        )
