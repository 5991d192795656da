"""Is the gradient right? What back-propagation returns, beside what the loss alone says.

References
----------
.. [1] J. Martins, P. Sturdza, J. Alonso, "The complex-step derivative approximation", ACM Transactions on Mathematical
   Software 29(3), 2003.
.. [2] Stanford CS231n, course notes, "Neural Networks Part 3: Learning and Evaluation", section "Gradient Checks".
"""

import math
from typing import NamedTuple

import numpy as np

from lab.progress import bar
from rnn_core import Forward, Params, backward, choose, forward, init_params

METHODS = {  # the step, the type of the parameters, and the relative error that a right gradient stays below
    "central": (1e-5, float, 1e-5),
    "complex-step": (1e-30, complex, 1e-10),
}


def numerical_gradient(params, x, y, h0, eps=None, method="central", entries=None, seed=0, progress=True):
    """The gradient of the loss from the loss alone, entry by entry.

    "central" takes (L(theta + eps) - L(theta - eps)) / (2 eps). Its error has two parts: that of the third derivative,
    about eps^2, and the rounding of two nearly equal losses, about 1e-16 L / eps. "complex-step" takes
    Im L(theta + i eps) / eps [1]_: no two losses are subtracted, so eps can be so small that neither part is left.

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
    default_eps, dtype, _ = choose("method", method, METHODS)
    eps = default_eps if eps is None else eps
    if not 0 < eps < np.inf:
        raise ValueError(f"eps must be above 0 and finite, it is {eps}: leave it out for {default_eps}.")
    if entries is not None and entries < 1:
        raise ValueError(f"entries must be 1 or more, it is {entries}.")
    _check_precise(params)
    x, y, h0 = map(np.asarray, (x, y, h0))
    forward(params, x, y, h0)  # do they fit each other?
    theta = params.astype(dtype)
    fwd = Forward(theta, x.shape)
    gradient = params.like(np.full_like(params.flat, np.nan))
    rng = np.random.default_rng(seed)
    for name in Params.names:
        weights, result = getattr(theta, name), getattr(gradient, name)
        chosen = np.arange(weights.size)
        if entries is not None and entries < weights.size:
            chosen = rng.choice(weights.size, entries, replace=False)
        for index in bar(chosen, progress, desc=f"Computing gradients for {name}"):
            entry = np.unravel_index(index, weights.shape)
            value = weights[entry]

            def loss(step, weights=weights, entry=entry, value=value):
                weights[entry] = value + step
                return forward(theta, x, y, h0, out=fwd).loss

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
    params.check()


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
        ||a - n|| / max(||a||, ||n||, 1e-4): the relative error of [2]_, which does not depend on how large the gradient
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
        *_, tolerance = choose("method", method, METHODS)
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
