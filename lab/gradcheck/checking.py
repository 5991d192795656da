"""The check of anybody's code.

References
----------
.. [1] J. Martins, P. Sturdza, J. Alonso, "The complex-step derivative approximation", ACM Transactions on Mathematical
   Software 29(3), 2003.
"""

import math

import numpy as np

from .arrays import copied, paired
from .diagnosis import Comparison
from .slopes import METHODS, check_entries, derivative, loss_at, slopes
from .table import GradientCheck


def check(
    loss, params, gradients, x=None, y=None, h0=None, *, entries=200, tolerance=None, seed=0, progress=True,
    recognise=None,
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
    recognise : function (Comparison) -> network or None, optional
        What knows more of the loss than that it is one: a network has `roles`, which array is which, `sizes`, what
        a number such as 25 means, and `causes`, the known mistakes that explain what is wrong.

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
    check_entries(entries)
    if (x is None) != (y is None):
        raise ValueError("Give both x and y, or neither of them.")
    arrays, analytic = paired(params, gradients)
    value = loss_at(loss, params, arrays)
    rng = np.random.default_rng(seed)
    directions = {name: rng.standard_normal(a.shape) / math.sqrt(a.size) for name, a in arrays.items()}
    method, along = slopes(loss, params, value, directions)
    comparison = compare("here", arrays, analytic, {}, value, method, tolerance, x, y, h0)
    theta, weights = copied(params, arrays, METHODS[method][1])
    for (name, a), slope in zip(analytic.items(), along, strict=True):
        some = entries if comparison.agree(np.sum(a * directions[name]), slope) else None
        comparison.numerical[name] = derivative(
            lambda: loss(theta), name, weights[name], method, entries=some, rng=rng, progress=progress
        )
    return GradientCheck([comparison], method, recognise)


def compare(point, arrays, analytic, numerical, value, method, tolerance, *reading):
    """A comparison with the tolerance of the method, or with that which is given."""
    *_, default_tolerance, rounding = METHODS[method]
    if tolerance is None:
        tolerance, rounding = default_tolerance, rounding * max(1, abs(value))
    else:
        rounding = 0.0
    return Comparison(point, arrays, analytic, numerical, value, tolerance, rounding, *reading)
