"""Find arrays by name in dicts, lists, tuples, objects and PyTorch's modules, also nested."""

import copy
import numbers
import re
import types

import numpy as np

_NO_CONTAINER = str, bytes, numbers.Number, np.generic, type, types.ModuleType, types.FunctionType, types.MethodType


def named(arrays, what="params"):
    """The arrays by name: in a flat list "array 0", "array 1" and so on; if nested, by their path, "layers[1].W".

    Parameters
    ----------
    arrays : dict, list, tuple, namedtuple, ndarray, tensor, module or object
        They may be nested. An object holds them in its attributes. An array of which others are views is left out.
    what : str, optional
        What the message calls it.

    Returns
    -------
    dict of str to ndarray
        The arrays themselves, not copies; numbers and nested lists of numbers as arrays.

    Raises
    ------
    ValueError
        There are none, or one is an np.matrix.
    """
    arrays = _boxed(arrays)
    found = dict(_leaves(arrays, "", set()))
    if isinstance(arrays, list | tuple) and all(re.fullmatch(r"\[\d+\]", name) for name in found):
        found = {f"array {name[1:-1]}": it for name, it in found.items()}
    for name, it in found.items():
        if isinstance(it, np.matrix):
            raise ValueError(
                f"{name or what} is an np.matrix, whose * is another product: make it an array, np.asarray."
            )
    if "" in found:
        return {"params": found[""]}
    held = {id(it) for it in _holders(found.values())}
    found = {name: it for name, it in found.items() if id(it) not in held}
    if not found:
        raise ValueError(
            f"{what} must be a dict, a list, a tuple, an array, or an object with arrays as its attributes: "
            f"this {type(arrays).__name__} holds none."
        )
    return found


def _boxed(thing, inside=False, seen=None):
    """A container with its numbers and inner lists of numbers as arrays, and an array that comes twice as two."""
    seen = [] if seen is None else seen
    if isinstance(thing, numbers.Number | np.generic):
        return np.asarray(thing)
    if isinstance(thing, np.ndarray):
        again = any(it is thing for it in seen)
        seen.append(thing)
        return thing.view() if again else thing
    if isinstance(thing, dict):
        boxed = copy.copy(thing)
        boxed.update((key, _boxed(it, True, seen)) for key, it in thing.items())
        return boxed
    if isinstance(thing, list | tuple):
        if inside and thing and _only_numbers(thing):
            return np.asarray(thing)
        return getattr(thing, "_make", type(thing))([_boxed(it, True, seen) for it in thing])
    return thing


def _only_numbers(thing):
    if isinstance(thing, list | tuple):
        return all(map(_only_numbers, thing))
    return isinstance(thing, numbers.Number | np.generic)


def _leaves(thing, path, seen):
    """The path and the array of each array in something, each array once."""
    if thing is None or isinstance(thing, _NO_CONTAINER) or id(thing) in seen:
        return
    seen.add(id(thing))
    if _is_tensor(thing):
        yield path, thing.detach().numpy()  # a view: writing into it changes the tensor
    elif isinstance(thing, np.ndarray) and thing.dtype != object:
        yield path, thing
    else:
        for name, it in _items(thing):
            yield from _leaves(it, (path + name).removeprefix("."), seen)


def _holders(arrays):
    """Larger arrays of which these are views."""
    return [it.base for it in arrays if isinstance(it.base, np.ndarray) and it.base.size > it.size]


def _is_tensor(thing):
    return hasattr(thing, "detach") and hasattr(thing, "numpy")


def _items(thing):
    """The items of a container, each with the end of its path."""
    if isinstance(thing, dict):
        return [(f".{key}" if str(key).isidentifier() or not isinstance(key, int) else f"[{key}]", it)
                for key, it in thing.items()]  # fmt: skip
    if isinstance(thing, list | tuple | np.ndarray):
        names = [f".{field}" for field in getattr(thing, "_fields", ())] or [f"[{i}]" for i in range(len(thing))]
        return zip(names, thing, strict=True)
    if hasattr(thing, "named_parameters"):  # a module of PyTorch
        return [(f".{name}", it) for name, it in thing.named_parameters()]
    return [(f".{name}", it) for name, it in _attributes(thing).items()]


def _attributes(thing):
    """The attributes of an object: listed in its class's `names`, in slots, its own, and arrays of the class."""
    classes = type(thing).__mro__
    names = [*getattr(type(thing), "names", ())]
    names += [slot for kind in classes for slot in np.atleast_1d(getattr(kind, "__slots__", ())).tolist()]
    names += getattr(thing, "__dict__", {})
    names += [name for kind in classes for name, it in vars(kind).items() if isinstance(it, np.ndarray)]
    return {name: getattr(thing, name) for name in dict.fromkeys(names) if hasattr(thing, name)}


def paired(params, gradients, same=False):
    """Parameters and their gradients by name, if they fit each other.

    The gradient of W may be called W, dW, grad_W, dLdW or W_grad, and that of W.v be W.d or W.grad. Gradients in a list
    or a tuple may be in the order of params, among other things. Arrays of an object without a gradient are left out.

    Parameters
    ----------
    params, gradients
        As for `named`.
    same : bool
        Whether one object holds both.

    Returns
    -------
    params, gradients : dict of str to ndarray
        With the same names in the same order.
    left : list of str
        The names of what is left out.

    Raises
    ------
    ValueError
        Names or shapes differ, or something is not fit for a check, see `check_values`.
    """
    arrays = named(params)
    same = same or params is gradients
    slopes, left = _matched(arrays, gradients, same)
    if not slopes or (_holds_nothing_else(params) and not same and len(slopes) < len(arrays)):
        lacking = next(name for name in arrays if name not in slopes)
        given = named(gradients)
        having, other = "params", "gradients"
        if not _holds_nothing_else(params) and _holds_nothing_else(gradients):
            lacking, having, other = next(iter(given)), other, having
        raise ValueError(f"{having} has {lacking}, {other} has not: give the same names to both, in the same form.")
    left += [name for name in arrays if name not in slopes and not same]
    arrays = {name: values for name, values in arrays.items() if name in slopes}
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
    return arrays, {name: slopes[name] for name in arrays}, left


def _matched(arrays, gradients, same=False):
    """The gradients by the names of their arrays, and the names of those that belong to none."""
    found = named(gradients, "gradients")
    values = list(found.values())
    if isinstance(gradients, list | tuple) and not hasattr(gradients, "_fields"):
        if len(values) == len(arrays):
            return dict(zip(arrays, values, strict=True)), []
        if run := _in_order(arrays, values):
            return run, []
        for part in gradients:
            if isinstance(part, dict | list | tuple) or hasattr(part, "__dict__"):
                slopes, left = _matched(arrays, part)
                if slopes:
                    return slopes, left
    slopes, names = {}, {}
    for name in arrays:
        known = [
            other for other in _called(name) if other in found and other not in names and not (same and other == name)
        ]
        if known:
            slopes[name], names[known[0]] = found[known[0]], name
    if same and not slopes:  # an array beside itself, say
        return found, []
    return slopes, [] if same else [name for name in found if name not in names]


def _in_order(arrays, values):
    """The longest run of values with the shapes of a run of arrays, if there is only one; a loss may come first."""
    names, shapes, given = list(arrays), [it.shape for it in arrays.values()], [it.shape for it in values]
    for n in range(min(len(names), len(values)), 1, -1):
        runs = [
            dict(zip(names[i : i + n], values[j : j + n], strict=True))
            for i in range(len(names) - n + 1)
            for j in range(len(values) - n + 1)
            if shapes[i : i + n] == given[j : j + n]
        ]
        if runs:
            return runs[0] if len(runs) == 1 else None
    return None


def _called(name):
    """What the gradient of an array may be called."""
    start, last = re.fullmatch(r"(.*?)([^.\[\]]*(?:\[\d+\])*)", name).groups()
    stem, index = re.fullmatch(r"([^\[]*)(.*)", last).groups()
    calls = [f"d{stem}", f"d_{stem}", f"grad_{stem}", f"dLd{stem}", f"dL_d{stem}", f"{stem}_grad", f"d{stem}_", stem]
    if stem in ("v", "value", "data", "val"):
        calls += ["d", "grad", "g"]
    return [start + call + index for call in calls]


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
        The arrays to convert.
    dtype : dtype, optional

    Returns
    -------
    copied
        A deep copy of the same kind as params: a state that it keeps does not reach the original.
    arrays : dict of str to ndarray
        Its arrays: writing into them changes it.

    Raises
    ------
    TypeError
        They are tensors of PyTorch, and dtype is not theirs.
    """
    params = _boxed(params)
    found = named(params)
    meant = [found[name] for name in names]
    replaced = {id(it): it.astype(dtype) for it in (*meant, *_holders(meant))}
    theta = copy.deepcopy(params, dict(replaced))
    for kind in type(theta).__mro__:
        for name, it in vars(kind).items():
            if id(it) in replaced:  # an array of the class: the copy gets one of its own
                setattr(theta, name, replaced[id(it)])
    now = named(theta)
    if any(now[name].dtype != dtype for name in names):
        raise TypeError("Tensors keep their type.")
    return theta, {name: now[name] for name in names}
