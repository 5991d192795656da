"""Arrays by name, in whatever they come: a dict, a list, a tuple, an array, or any object."""

import copy

import numpy as np


def named(arrays, what="params"):
    """The arrays by name; those in a list or a tuple have the names "array 0", "array 1" and so on.

    Parameters
    ----------
    arrays : dict, list, tuple, namedtuple, ndarray or object
        Of an object, the attributes that are arrays. One that holds others (they are views of it) is left out.
    what : str, optional
        What the message calls it.

    Returns
    -------
    dict of str to ndarray
        The arrays themselves, not copies; numbers and nested lists as arrays.

    Raises
    ------
    ValueError
        There are none.
    """
    if isinstance(arrays, np.ndarray):
        found = {"params": arrays}
    elif isinstance(arrays, dict):
        found = {str(name): np.asarray(values) for name, values in arrays.items()}
    elif isinstance(arrays, list | tuple):
        names = getattr(arrays, "_fields", [f"array {i}" for i in range(len(arrays))])
        found = dict(zip(names, map(np.asarray, arrays), strict=True))
    else:
        found = _attributes(arrays)
        found = {name: it for name, it in found.items() if not any(other.base is it for other in found.values())}
    if not found:
        raise ValueError(
            f"{what} must be a dict, a list, a tuple, an array, or an object with arrays as its attributes: "
            f"this {type(arrays).__name__} holds none."
        )
    return found


def _attributes(thing):
    """The attributes that are arrays, first those that the class lists in `names`."""
    order = dict.fromkeys((*getattr(type(thing), "names", ()), *getattr(thing, "__dict__", {})))
    return {name: it for name in order if isinstance(it := getattr(thing, name, None), np.ndarray)}


def paired(params, gradients):
    """Parameters and their gradients by name, if they fit each other.

    An object may hold arrays that the other side lacks: those are left out.

    Parameters
    ----------
    params, gradients
        As for `named`.

    Returns
    -------
    params, gradients : dict of str to ndarray
        With the same names in the same order.

    Raises
    ------
    ValueError
        Names or shapes differ, or something is not fit for a check, see `check_values`.
    """
    arrays, slopes = named(params), named(gradients, "gradients")
    if not _holds_nothing_else(params):
        arrays = {name: values for name, values in arrays.items() if name in slopes}
    elif not _holds_nothing_else(gradients):
        slopes = {name: values for name, values in slopes.items() if name in arrays}
    if odd := [name for name in (*arrays, *slopes) if name not in arrays or name not in slopes]:
        having, lacking = ("params", "gradients") if odd[0] in arrays else ("gradients", "params")
        raise ValueError(f"{having} has {odd[0]}, {lacking} has not: give the same names to both, in the same form.")
    check_values(arrays)
    for name, values in arrays.items():
        slope = slopes[name]
        if slope.shape != values.shape:
            remedy = "its transpose would fit" if slope.T.shape == values.shape else "give both the same shape"
            raise ValueError(
                f"The gradient of {name} has the shape {slope.shape}, {name} has the shape {values.shape}: {remedy}."
            )
        if slope.dtype != np.float64:
            raise ValueError(f"The gradient of {name} is {slope.dtype}: compute it in float64, the check needs that.")
    return arrays, {name: slopes[name] for name in arrays}


def _holds_nothing_else(arrays):
    return isinstance(arrays, np.ndarray | dict | list | tuple)


def check_values(arrays):
    """Make sure that parameters can be checked.

    Parameters
    ----------
    arrays : dict of str to ndarray

    Raises
    ------
    ValueError
        One of them is not float64, is empty, or holds NaN or infinity.
    """
    for name, values in arrays.items():
        if values.dtype != np.float64:
            raise ValueError(f"{name} is {values.dtype}: use {name}.astype(float), the check needs float64.")
        if not values.size:
            raise ValueError(f"{name} is empty: leave it out.")
        if not np.isfinite(values).all():
            raise ValueError(f"{name} holds NaN or infinity: choose another point.")


def copied(params, names, dtype=np.float64):
    """A copy of params with its arrays in another type.

    Parameters
    ----------
    params
        As for `named`.
    names : iterable of str
        Which arrays of an object are meant; of everything else it must be all.
    dtype : dtype, optional

    Returns
    -------
    copied
        Of the same kind as params.
    arrays : dict of str to ndarray
        The arrays in it: what is written into them, it has.
    """
    if not _holds_nothing_else(params):  # a deep copy: what it remembers, such as a state, stays out of the original
        found = _attributes(params)
        holders = [it for it in found.values() if any(found[name].base is it for name in names)]
        theta = copy.deepcopy(params, {id(it): it.astype(dtype) for it in (*(found[name] for name in names), *holders)})
        return theta, {name: getattr(theta, name) for name in names}
    arrays = named(params)
    arrays = {name: arrays[name].astype(dtype) for name in names}
    if isinstance(params, np.ndarray):
        return arrays["params"], arrays
    if isinstance(params, dict):
        theta = copy.copy(params)
        theta.update(zip(params, arrays.values(), strict=True))
    else:
        theta = getattr(params, "_make", type(params))(arrays.values())
    return theta, arrays
