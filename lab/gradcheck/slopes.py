"""What the loss alone says: derivatives from differences, or from the complex step.

References
----------
.. [1] J. Martins, P. Sturdza, J. Alonso, "The complex-step derivative approximation", ACM Transactions on Mathematical
   Software 29(3), 2003.
"""

import math
import warnings

import numpy as np

from .arrays import copied, named

METHODS = {  # the step, the type of the parameters, the relative error that a right gradient stays below, and what an
    # entry may be off by rounding, for each unit of the loss: measured, a quarter of it at most
    "central": (1e-5, float, 1e-5, 2e-11),
    "extrapolated": (1e-5, float, 1e-5, 3e-11),
    "complex-step": (1e-30, complex, 1e-10, 1e-16),
}

DELAY = {"delay": 0.5}  # what takes no time needs no bar


def slope(loss, weights, where, direction, method, eps=None):
    """The derivative of loss() as weights[where] move along a direction."""
    eps = METHODS[method][0] if eps is None else eps
    value = np.copy(weights[where])

    def at(step):
        weights[where] = value + step * direction
        return loss()

    result = at(1j * eps).imag / eps if method == "complex-step" else (at(eps) - at(-eps)) / (2 * eps)
    if method == "extrapolated":
        result += (result - (at(2 * eps) - at(-2 * eps)) / (4 * eps)) / 3
    weights[where] = value
    return result


def derivative(loss, name, weights, method, eps=None, entries=None, rng=None, progress=False):
    """The derivative of loss() with respect to weights, an array that loss reads, entry by entry.

    Parameters
    ----------
    loss : function () -> float
    name : str
        Of the array, for messages.
    weights : ndarray
        Of the type that the method needs; left as it is.
    method : str
        One of METHODS.
    eps : float, optional
        The step, if it is another one than that of the method.
    entries : int, optional
        So many entries at most, drawn at random; all if it is not given.
    rng : numpy.random.Generator, optional
        What draws them.
    progress : bool
        Show a bar, where tqdm is installed.

    Returns
    -------
    ndarray
        float64, NaN where no entry was computed.
    """
    result = np.full(weights.shape, np.nan)
    chosen = np.arange(weights.size)
    if entries is not None and entries < weights.size:
        chosen = rng.choice(weights.size, entries, replace=False)
    for index in _bar(chosen, progress, f"Computing gradients for {name}"):
        entry = tuple(map(int, np.unravel_index(index, weights.shape)))
        result[entry] = slope(loss, weights, entry, 1, method, eps)
        if not math.isfinite(result[entry]):
            raise ValueError(f"The loss near {name}{list(entry)} is not finite: choose another point.")
    return result


def _bar(items, shown, words):
    """A progress bar that is gone when it is done, where tqdm is installed."""
    try:
        from tqdm import tqdm
    except ImportError:
        return items
    return tqdm(items, words, leave=False, disable=not shown, **DELAY)


def check_entries(entries):
    """Raise a ValueError unless `entries` is a number of entries, or None for all."""
    if entries is not None and entries < 1:
        raise ValueError(f"entries must be 1 or more, it is {entries}.")


def loss_at(loss, params, arrays):
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


def slopes(loss, params, value, directions):
    """The method that the loss is fit for, and by it the slopes along a direction in each array."""

    def along(method):
        theta, weights = copied(params, directions, METHODS[method][1])
        _check_again(value, loss(theta))
        each = directions.items()
        return np.array([slope(lambda: loss(theta), weights[name], ..., way, method) for name, way in each])

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
