"""What the loss alone says: derivatives from differences, or from the complex step.

References
----------
.. [1] J. Martins, P. Sturdza, J. Alonso, "The complex-step derivative approximation", ACM Transactions on Mathematical
   Software 29(3), 2003.
"""

import math
import re
import traceback
import warnings
from pathlib import Path

import numpy as np

from .arrays import copied, named

METHODS = {  # the step, the type of the parameters, the relative error that a right gradient stays below, and how far
    # rounding may move an entry, for each unit of the loss: four times as far as was measured
    "central": (1e-5, float, 1e-5, 2e-11),
    "extrapolated": (1e-5, float, 1e-5, 3e-11),
    "complex-step": (1e-30, complex, 1e-10, 1e-16),
}
CALLS = {"central": 2, "extrapolated": 4, "complex-step": 1}  # calls of the loss for one slope
FOLLOWS_NOT = "the loss does not follow complex numbers (abs, .real, comparisons and tensors do not)"
DELAY = {"delay": 0.5}  # what takes no time needs no bar


def slope(loss, weights, where, direction, method, eps=None):
    """The derivative of loss(), a number or an array, as weights[where] move along a direction."""
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
        The name of the array, for messages.
    weights : ndarray
        Of the type that the method needs; left as it is.
    method : str
        One of METHODS.
    eps : float, optional
        The step; that of the method if it is not given.
    entries : int, optional
        At most this many entries, drawn at random; all if it is not given.
    rng : numpy.random.Generator, optional
        It draws them.
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
    hidden = {} if shown else {"disable": True}  # not False, which would overrule TQDM_DISABLE=1
    return tqdm(items, words, leave=False, **hidden, **DELAY)


def check_entries(entries):
    """Raise a ValueError unless `entries` is a number of entries, or None for all."""
    if entries is not None and not (isinstance(entries, int | np.integer) and entries >= 1):
        raise ValueError(f"entries must be a whole number, 1 or more, or None for all: it is {entries!r}.")


def check_tolerance(tolerance):
    """Raise a ValueError unless `tolerance` is a relative error, or None for that of the method."""
    if tolerance is not None and not (isinstance(tolerance, float | int | np.number) and 0 <= tolerance < math.inf):
        raise ValueError(f"tolerance must be a number, 0 or more, or None for the usual one: it is {tolerance!r}.")


def worst_entry(slope_of, shape):
    """An entry in which something differs, found by halves.

    Parameters
    ----------
    slope_of : function (direction) -> float
        By how much it differs along a direction, an array of that shape.
    shape : tuple of int

    Returns
    -------
    tuple of int
    """
    rng = np.random.default_rng(0)
    signs, inside = rng.standard_normal(shape), [slice(0, size) for size in shape]
    for axis, size in enumerate(shape):
        start, stop = 0, size
        while stop - start > 1:
            middle, errors = (start + stop) // 2, []
            for half in (slice(start, middle), slice(middle, stop)):
                inside[axis], direction = half, np.zeros(shape)
                direction[tuple(inside)] = signs[tuple(inside)]
                errors.append(abs(slope_of(direction)))
            start, stop = (start, middle) if errors[0] >= errors[1] else (middle, stop)
        inside[axis] = slice(start, stop)
    return tuple(half.start for half in inside)


# ------------------------------------------------------------------------------------------- what suits the loss


def number(value):
    """What a loss returns, as a float, or a ValueError that says what is wrong with it."""
    if value is None:
        raise ValueError("loss returns None: let it return the loss.")
    if isinstance(value, tuple | list):
        place = next((i for i, part in enumerate(value) if np.ndim(part) == 0 and part is not None), 0)
        raise ValueError(f"loss returns a {type(value).__name__}: return the loss alone, perhaps with [{place}].")
    given = np.asarray(value.detach() if hasattr(value, "detach") else value)
    if given.shape:
        raise ValueError(f"loss returns an array of shape {given.shape}: let it return one number, perhaps its .sum().")
    if given.dtype != np.float64:
        raise ValueError(
            f"loss returns a number of type {given.dtype}, the check needs float64: compute it in float64."
        )
    if not np.isfinite(given):
        raise ValueError(f"loss returns {value}: choose another point.")
    if abs(given) > 1e100:
        raise ValueError(f"loss returns {float(given):.6g}, too large to compare: choose smaller weights.")
    return float(given)


def loss_at(loss, params, arrays):
    """The loss as a float, if it is a function of params and nothing else.

    A loss may remember a state that has come to rest, so it is computed at another point in between.
    """
    theta, weights = copied(params, arrays)
    first = number(loss(theta))
    now = named(theta)
    if changed := [name for name, values in arrays.items() if not np.array_equal(now.get(name), values)]:
        raise ValueError(f"loss changes {changed[0]}: it must leave its params as they are.")
    rng = np.random.default_rng(0)
    for values in weights.values():
        values += 0.5 * rng.standard_normal(values.shape)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            loss(theta)
        except Exception:  # it need not be defined there
            pass
    for name, values in weights.items():
        values[...] = arrays[name]
    check_again(first, loss(theta))
    return first


def check_again(first, again):
    """Raise an error if the second loss differs by more than rounding; NaN always differs."""
    if not abs(again - first) <= 1e-12 * max(1, abs(first)):
        raise ValueError(
            f"loss returns {first:.6g} and then {number(again) if np.isreal(again) else again:.6g}: it must not draw "
            "random numbers, nor remember anything from one call to the next."
        )


def fitting_method(loss, params, value, directions):
    """The method that suits the loss.

    Parameters
    ----------
    loss : function (params) -> float
    params
    value : float
        The loss at params.
    directions : dict of str to ndarray
        A direction in each array.

    Returns
    -------
    method : str
    slopes : ndarray
        By this method, along each direction.
    reason : str
        Why it is not the complex step; empty if it is.
    """

    def along(method):
        theta, weights = copied(params, directions, METHODS[method][1])
        check_again(value, loss(theta))
        each = directions.items()
        return np.array([float(slope(lambda: loss(theta), weights[name], ..., way, method)) for name, way in each])

    def close(slopes, others):
        return np.allclose(slopes, others, rtol=1e-3, atol=1e-7 * max(1, abs(value)))

    careful = along("extrapolated")
    reason = FOLLOWS_NOT
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", np.exceptions.ComplexWarning)  # a cast that drops the imaginary part
            exact = along("complex-step")
        if close(exact, careful):
            return "complex-step", exact, ""
    except Exception as error:  # whatever other people's code raises when it is given complex numbers
        reason = _reason(error)
    if not close(along("central"), careful) or _has_kink(loss, params, value, directions):
        raise ValueError(
            "Central differences with steps of 1e-5 and 2e-5 disagree: the loss has a kink or a jump near this point, "
            "such as a ReLU at 0 (move the weights), changes too fast here (choose smaller weights), or is computed "
            "in float32."
        )
    return "extrapolated", careful, reason


def _has_kink(loss, params, value, directions):
    """Whether the slopes before and after this point differ, however small the step."""
    theta, weights = copied(params, directions)
    for name, way in directions.items():
        jumps = []
        for eps in (1e-5, 5e-6):
            weights[name][...] += eps * way
            after = float(loss(theta))
            weights[name][...] -= 2 * eps * way
            jumps.append(abs(after + float(loss(theta)) - 2 * value) / eps)
            weights[name][...] += eps * way
        if jumps[0] > 1e-6 * max(1, abs(value)) and jumps[1] > 0.9 * jumps[0]:
            return True
    return False


def _reason(error):
    """Why code can't take complex numbers, from the line that failed."""
    ours = Path(__file__).parent, Path(np.__file__).parent
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [frame.line for frame in frames if not any(room in Path(frame.filename).parents for room in ours)]
    if not theirs or not theirs[-1]:
        return FOLLOWS_NOT
    line = theirs[-1].strip()
    if buffer := re.match(r"([\w.]+)\s*\[[^=]*\]\s*[+\-*/]?=[^=]", line):
        return (
            f"your {buffer[1]} is made by np.zeros or the like, which holds no complex numbers: with "
            f"np.zeros(..., dtype=W.dtype) this check is a million times sharper"
        )
    return f"`{line}` takes no complex numbers; without it this check would be a million times sharper"
