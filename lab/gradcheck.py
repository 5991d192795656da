"""Is the gradient right? What back-propagation returns, beside what the loss alone says.

`check` is for any code, `check_gradients` for this lab's own. NumPy is all that they need.

References
----------
.. [1] J. Martins, P. Sturdza, J. Alonso, "The complex-step derivative approximation", ACM Transactions on Mathematical
   Software 29(3), 2003.
.. [2] Stanford CS231n, course notes, "Neural Networks Part 3: Learning and Evaluation", section "Gradient Checks".
"""

import math
import warnings
from typing import NamedTuple

import numpy as np

from lab.arrays import check_values, copied, named, paired
from lab.diagnosis import Comparison, diagnose
from lab.progress import bar
from rnn_core import Forward, Params, backward, choose, forward, init_params

METHODS = {  # the step, the type of the parameters, the relative error that a right gradient stays below, and what an
    # entry may be off by rounding, for each unit of the loss: measured, a quarter of it at most
    "central": (1e-5, float, 1e-5, 2e-11),
    "extrapolated": (1e-5, float, 1e-5, 3e-11),
    "complex-step": (1e-30, complex, 1e-10, 1e-16),
}

# ------------------------------------------------------------------------------------------------ numerical derivatives


def _slope(loss, weights, where, direction, method, eps):
    """The derivative of loss() as weights[where] move along a direction."""
    value = np.copy(weights[where])

    def at(step):
        weights[where] = value + step * direction
        return loss()

    slope = at(1j * eps).imag / eps if method == "complex-step" else (at(eps) - at(-eps)) / (2 * eps)
    if method == "extrapolated":
        slope += (slope - (at(2 * eps) - at(-2 * eps)) / (4 * eps)) / 3
    weights[where] = value
    return slope


def _derivative(loss, name, weights, method, eps, entries, rng, progress):
    """dL/dweights, entry by entry: all, or so many that are drawn at random, and NaN in the others."""
    result = np.full(weights.shape, np.nan)
    chosen = np.arange(weights.size)
    if entries is not None and entries < weights.size:
        chosen = rng.choice(weights.size, entries, replace=False)
    for index in bar(chosen, progress, desc=f"Computing gradients for {name}"):
        entry = np.unravel_index(index, weights.shape)
        result[entry] = _slope(loss, weights, entry, 1, method, eps)
        if not math.isfinite(result[entry]):
            raise ValueError(f"The loss near {name}{_plain(entry)} is not finite: choose another point.")
    return result


def _plain(entry):
    return list(map(int, entry))


def _check_entries(entries):
    if entries is not None and entries < 1:
        raise ValueError(f"entries must be 1 or more, it is {entries}.")


def numerical_gradient(params, x, y, h0, eps=None, method="central", entries=None, seed=0, progress=True):
    """The gradient of the loss from the loss alone, entry by entry.

    "central" takes (L(theta + eps) - L(theta - eps)) / (2 eps). Its error has two parts: that of the third derivative,
    about eps^2, and the rounding of two nearly equal losses, about 1e-16 L / eps. "complex-step" takes
    Im L(theta + i eps) / eps [1]_: no two losses are subtracted, so eps can be so small that neither part is left.
    "extrapolated" is for a loss that is not fit for complex numbers: of central differences with the steps eps and
    2 eps it takes the combination in which the third derivative cancels out (Richardson).

    Parameters
    ----------
    params, x, y, h0
        As for `forward`; the parameters must be float64, and are left as they are.
    eps : float, optional
        The step; 1e-30 for the complex step and 1e-5 for the others if it is not given.
    method : {"central", "extrapolated", "complex-step"}
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
    default_eps, dtype, *_ = choose("method", method, METHODS)
    eps = default_eps if eps is None else eps
    if not 0 < eps < np.inf:
        raise ValueError(f"eps must be above 0 and finite, it is {eps}: leave it out for {default_eps}.")
    _check_entries(entries)
    check_values(named(params))
    x, y, h0 = map(np.asarray, (x, y, h0))
    forward(params, x, y, h0)  # do they fit each other?
    theta, gradient = params.astype(dtype), params.copy()
    fwd, rng = Forward(theta, x.shape), np.random.default_rng(seed)

    def loss():
        return forward(theta, x, y, h0, out=fwd).loss

    for name in Params.names:
        weights, result = getattr(theta, name), getattr(gradient, name)
        result[...] = _derivative(loss, name, weights, method, eps, entries, rng, progress)
    return gradient


# --------------------------------------------------------------------------------------------------- what a check shows


class GradientRow(NamedTuple):
    """How the two gradients of one parameter compare at one point.

    Attributes
    ----------
    point : str
        Where.
    name : str
        Of the parameter, such as W, U, V, b or c.
    difference : float
        ||a - n||, the Euclidean norm over the entries compared; a is the gradient checked, n the numerical one.
    relative_error : float
        ||a - n|| / max(||a||, ||n||, 1e-4): the relative error of [2]_, which does not depend on how large the gradient
        happens to be; there for single entries, here for a whole parameter. The floor is an addition: it keeps the
        rounding of a gradient that should be zero, some 1e-16, from being taken for an error.
    analytic, numerical : float
        The two values of the entry that differs most.
    worst : tuple of int
        The index of that entry.
    passed : bool
        The relative error is below the tolerance, or the difference is no more than rounding.
    """

    point: str
    name: str
    difference: float
    relative_error: float
    analytic: float
    numerical: float
    worst: tuple
    passed: bool


def _row(comparison, name):
    a, n = comparison.analytic[name], comparison.numerical[name]
    compared = ~np.isnan(n) | ~np.isfinite(a)
    with np.errstate(invalid="ignore"):
        deviation = np.nan_to_num(np.abs(a - n), nan=np.inf)
    worst = np.unravel_index(np.where(compared, deviation, -np.inf).argmax(), a.shape)
    values = float(a[worst]), float(n[worst])
    return GradientRow(
        comparison.point, name, *comparison.errors(a, n), *values, tuple(_plain(worst)), comparison.agree(a, n)
    )


class GradientCheck(list):
    """The rows of a check, a `GradientRow` for each point and parameter, and what they mean. It prints as a table.

    Parameters
    ----------
    comparisons : list of Comparison
    method : str
        How the numerical gradients were computed.

    Attributes
    ----------
    passed : bool
        Every row has passed.
    wrong : tuple of str
        The parameters that failed at some point, in the order W, U, V, b, c or as they were given.
    diagnosis : str
        What is wrong, and what would make it right.
    """

    def __init__(self, comparisons, method):
        super().__init__(_row(comparison, name) for comparison in comparisons for name in comparison.params)
        self.comparisons, self.method = comparisons, method

    @property
    def passed(self):
        return all(row.passed for row in self)

    @property
    def wrong(self):
        wrong = {row.name for row in self if not row.passed}
        return tuple(name for name in self.comparisons[0].params if name in wrong)

    @property
    def diagnosis(self):
        return diagnose(self.comparisons)

    def __repr__(self):
        names = max(len(row.name) for row in self)
        heads = "difference", "relative", "worst entry", "yours", "numerical", ""
        lines = [f"{'':{names}}  {'{:>10} {:>9}  {:12} {:>13} {:>13}  {}'.format(*heads)}".rstrip()]
        for row in self:
            if len(self.comparisons) > 1 and row.name == self[0].name:
                lines.append(row.point)
            lines.append(
                f"{row.name:{names}}  {row.difference:10.1e} {row.relative_error:9.1e}  {_plain(row.worst)!s:12} "
                f"{row.analytic:13.6g} {row.numerical:13.6g}  {'passed' if row.passed else 'WRONG'}"
            )
        method = "Complex step" if self.method == "complex-step" else "Central differences"
        tolerance = self.comparisons[0].tolerance
        return "\n".join([*lines, f"{method}: a relative error below {tolerance:.0e} passes.", self.diagnosis])


# ------------------------------------------------------------------------------------------------------- anybody's code


def check(
    loss, params, gradients, x=None, y=None, h0=None, *, entries=200, tolerance=None, seed=0, progress=True
):  # fmt: skip
    """Compare gradients, whoever computed them, with what the loss says.

    The numerical gradients come from the complex step [1]_ if the loss is fit for complex numbers. To find out, `check`
    tries it along a random direction in each array, where central differences must give the same. If they do not, or
    if the loss fails, `check` takes central differences, extrapolated from two steps. Of an array with many entries it
    computes some, drawn at random. The derivative along the random direction, which depends on every entry, must then
    agree as well, or it computes all.

    Parameters
    ----------
    loss : function (params) -> float
        The loss, computed from the params that it is given; it is called often, and with changed copies of them.
    params : dict, list, tuple, array or object
        Arrays of float64, of any shapes, in an object as its attributes. Other attributes are left alone.
    gradients : dict, list, tuple, array or object
        Their gradients, under the same names or in the same order, and with the same shapes.
    x, y, h0 : array, optional
        If the loss is that of this lab's network: the characters that it read, those that should have come out, and
        the first state (zeros if it is not given), so that the usual bugs can be named. Characters are numbers or
        one-hot, arrays in any layout, states rows or columns.
    entries : int, optional
        Check so many entries of each array at most; None for all.
    tolerance : float, optional
        An array passes if its relative error is below this. If it is not given, that is 1e-10 for the complex step,
        where right code stays below 1e-13 and most bugs are above 1e-3, and 1e-5 for central differences, which are
        exact to some 1e-8 where the gradient is not small. A difference that rounding explains passes, too: 1e-16 of
        the loss for each entry of the complex step, 3e-11 for central differences, four times what was measured.
    seed : int
        Of the entries and of the direction.
    progress : bool
        Show a bar for each array.

    Returns
    -------
    GradientCheck
        A row for each array. It prints as a table with a diagnosis.

    Raises
    ------
    ValueError
        params and gradients do not fit each other, are not float64, or params are not finite; loss does not return one
        finite number, returns another one the second time, changes its params, or is not smooth.

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
        raise ValueError(
            f"loss must be a function of params that returns the loss, it is of type {type(loss).__name__}."
        )
    _check_entries(entries)
    if (x is None) != (y is None):
        raise ValueError("Give both x and y, or neither of them.")
    arrays, analytic = paired(params, gradients)
    value = _loss_at(loss, params, arrays)
    rng = np.random.default_rng(seed)
    directions = {name: rng.standard_normal(a.shape) / math.sqrt(a.size) for name, a in arrays.items()}
    method, slopes = _slopes(loss, params, value, directions)
    comparison = _compare("here", arrays, analytic, {}, value, method, tolerance, x, y, h0)
    eps, dtype, *_ = METHODS[method]
    theta, weights = copied(params, arrays, dtype)
    for (name, a), slope in zip(analytic.items(), slopes, strict=True):
        some = entries if comparison.agree(np.sum(a * directions[name]), slope) else None
        comparison.numerical[name] = _derivative(
            lambda: loss(theta), name, weights[name], method, eps, some, rng, progress
        )
    return GradientCheck([comparison], method)


def _compare(point, arrays, analytic, numerical, value, method, tolerance, *reading):
    """A comparison with the tolerance of the method, or with that which is given."""
    *_, default_tolerance, rounding = METHODS[method]
    if tolerance is None:
        tolerance, rounding = default_tolerance, rounding * max(1, abs(value))
    else:
        rounding = 0.0
    return Comparison(point, arrays, analytic, numerical, value, tolerance, rounding, *reading)


def _loss_at(loss, params, arrays):
    """The loss as a float, if it is a function of params and nothing else."""
    theta, _ = copied(params, arrays)
    first = _number(loss(theta))
    now = named(theta)
    if changed := [name for name, values in arrays.items() if not np.array_equal(now.get(name), values)]:
        raise ValueError(f"loss changes {changed[0]}: it must leave its params as they are.")
    _check_again(first, _number(loss(theta)))
    return first


def _check_again(first, again):
    """Raise an error if the second loss differs by more than rounding; NaN always differs."""
    if not abs(again - first) <= 1e-12 * max(1, abs(first)):
        raise ValueError(
            f"loss returns {first:.6g} and then {again:.6g}: it must not draw random numbers, nor remember anything "
            "from one call to the next."
        )


def _number(value):
    if value is None:
        raise ValueError("loss returns None: let it return the loss.")
    given = np.asarray(value)
    if given.shape:
        raise ValueError(f"loss returns an array of shape {given.shape}: let it return one number, perhaps its .sum().")
    if given.dtype != np.float64:
        raise ValueError(
            f"loss returns a number of type {given.dtype}, the check needs float64: compute it in float64."
        )
    if not np.isfinite(given):
        raise ValueError(f"loss returns {value}: choose another point.")
    return float(value)


def _slopes(loss, params, value, directions):
    """The method that the loss is fit for, and by it the slopes along a direction in each array."""

    def along(method):
        eps, dtype, *_ = METHODS[method]
        theta, weights = copied(params, directions, dtype)
        _check_again(value, loss(theta))
        each = directions.items()
        return np.array([_slope(lambda: loss(theta), weights[name], ..., way, method, eps) for name, way in each])

    def close(slopes, others):
        return np.allclose(slopes, others, rtol=1e-3, atol=1e-7 * max(1, abs(value)))

    careful = along("extrapolated")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", np.exceptions.ComplexWarning)  # a cast that drops the imaginary part
            exact = along("complex-step")
        if close(exact, careful):
            return "complex-step", exact
    except Exception:  # whatever other people's code raises when it is given complex numbers
        pass
    if not close(along("central"), careful):
        raise ValueError(
            "Central differences with steps of 1e-5 and 2e-5 disagree: the loss has a kink or a jump near this point, "
            "changes too fast here (choose smaller weights), or is computed in float32."
        )
    return "extrapolated", careful


# -------------------------------------------------------------------------------------------------- this lab's own code


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
        As for `check`.

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
    choose("method", method, METHODS)
    comparisons = []
    for point in [Point("here", params, x, y, h0)] if all(given) else check_points():
        fwd = forward(*point[1:])
        arrays, analytic = paired(point.params, backward(*point[1:4], fwd) if gradients is None else gradients)
        expected = numerical
        if expected is None:
            expected = numerical_gradient(*point[1:], eps, method, entries, seed, progress)
        _, expected = paired(point.params, expected)
        for name, values in expected.items():
            if np.isnan(values).all():
                raise ValueError(f"The numerical gradient of {name} is NaN throughout: compute it anew.")
        loss = float(fwd.loss)
        comparisons.append(_compare(point.name, arrays, analytic, expected, loss, method, tolerance, *point[2:]))
    return GradientCheck(comparisons, method)
