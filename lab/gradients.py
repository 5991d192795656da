"""Is the gradient of `backward` right? The check of this lab's network, at points where its bugs show.

References
----------
.. [1] J. Martins, P. Sturdza, J. Alonso, "The complex-step derivative approximation", ACM Transactions on Mathematical
   Software 29(3), 2003.
"""

from typing import NamedTuple

import numpy as np

from lab import gradcheck
from lab.gradcheck.arrays import check_values, named, paired
from lab.gradcheck.checking import compare
from lab.gradcheck.slopes import METHODS, check_entries, derivative
from lab.gradcheck.table import GradientCheck
from lab.recognise import recognise
from rnn_core import Forward, Params, backward, choose, forward, init_params


def numerical_gradient(params, x, y, h0, eps=None, method="central", entries=None, seed=0, progress=True):
    """The gradient of the loss from the loss alone, entry by entry.

    "central" takes (L(theta + eps) - L(theta - eps)) / (2 eps). Its error has two parts: that of the third derivative,
    about eps^2, and the rounding of two nearly equal losses, about 1e-16 L / eps. "complex-step" takes
    Im L(theta + i eps) / eps [1]_: no two losses are subtracted, so eps can be so small that neither part is left.
    "extrapolated" is for a loss that can't take complex numbers: it combines central differences with the steps eps
    and 2 eps so that the third derivative cancels out (Richardson).

    Parameters
    ----------
    params, x, y, h0
        As for `forward`; the parameters must be float64, and are left as they are.
    eps : float, optional
        The step; 1e-30 for the complex step and 1e-5 for the others if it is not given.
    method : {"central", "extrapolated", "complex-step"}
    entries : int, optional
        Compute at most this many entries of each parameter, drawn at random, and leave NaN in the others; all if it is
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
        raise ValueError(f"eps must be above 0 and finite, not {eps}: leave it out for {default_eps}.")
    check_entries(entries)
    check_values(named(params))
    x, y, h0 = map(np.asarray, (x, y, h0))
    forward(params, x, y, h0)  # do they fit each other?
    theta, gradient = params.astype(dtype), params.copy()
    fwd, rng = Forward(theta, x.shape), np.random.default_rng(seed)

    def loss():
        return forward(theta, x, y, h0, out=fwd).loss

    for name in Params.names:
        weights, result = getattr(theta, name), getattr(gradient, name)
        result[...] = derivative(loss, name, weights, method, eps, entries, rng, progress)
    return gradient


class Point(NamedTuple):
    """Where gradients are compared: a name that says what is special, and the arguments of `forward`."""

    name: str
    params: Params
    x: np.ndarray
    y: np.ndarray
    h0: np.ndarray


def check_points(seed=0):
    """Three points that together show all classic bugs.

    The usual one comes first: tiny weights, h0 = 0, one sequence. There W h_{t-1} is next to nothing, so errors in
    the recurrence hardly show. At the others sigma = 0.5, and the biases and h0 are not zero; the last is a batch.

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
        arrays, analytic, _ = paired(point.params, backward(*point[1:4], fwd) if gradients is None else gradients)
        expected = numerical
        if expected is None:
            expected = numerical_gradient(*point[1:], eps, method, entries, seed, progress)
        _, expected, _ = paired(point.params, expected)
        for name, values in expected.items():
            if np.isnan(values).all():
                raise ValueError(f"The numerical gradient of {name} is NaN throughout: compute it anew.")
        loss = float(fwd.loss)
        comparisons.append(compare(point.name, arrays, analytic, expected, loss, method, tolerance, point[2:]))
    return GradientCheck(comparisons, method, [recognise])


def check(loss, params, gradients, x, y, *h0, **options):
    """`lab.gradcheck.check` of code that computes what this lab's network does: it names the bugs of the gallery, too.

    Parameters
    ----------
    loss, params, gradients, **options
        As for `lab.gradcheck.check`.
    x, y, *h0 : array
        The characters that were read, those that should have come out, and the first state (zeros if it is not given).
        Characters are numbers or one-hot, arrays in any layout, states rows or columns.

    Returns
    -------
    lab.gradcheck.table.GradientCheck
    """
    return gradcheck.check(loss, params, gradients, x, y, *h0, recognise=[recognise], **options)


def errors_by_step(point, method, sizes):
    """The largest relative error of a numerical gradient against `backward`, by its step size.

    Parameters
    ----------
    point : (params, x, y, h0)
        As for `check_gradients`.
    method : {"central", "complex-step"}
    sizes : array (N,)

    Returns
    -------
    list of float
    """
    checks = (check_gradients(*point, method=method, eps=eps, progress=False) for eps in sizes)
    return [max(row.relative_error for row in found) for found in checks]
