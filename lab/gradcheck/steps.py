"""What each step contributes to a gradient, found by letting the given forward pass read step by step.

Nothing is assumed of how the pass computes. Moving a vector in one step alone gives that step's share of its gradient.
The share of a matrix may be the outer product of a vector's share with a state or a character; trying shows which.
Adding up the shares wrongly then gives the gradients that the usual mistakes lead to.
"""

from functools import partial
from itertools import product
from typing import NamedTuple

import numpy as np

from .arrays import copied
from .slopes import METHODS, slope


class Steps(NamedTuple):
    """The shares of the steps in the gradients of a network that hands a state on.

    Attributes
    ----------
    losses : dict of str to ndarray (T, T, n)
        For each vector, the part of its gradient that step t contributes to the loss of step s.
    inputs : dict of str to ndarray (T, n)
        What matrices may be multiplied with: "h_t", "h_{t-1}", "x_t" and "y_t".
    parts : dict of str to tuple
        For each gradient, the name of the vector whose shares it has, the name of what they are multiplied with (None
        for the vector itself), and whether it is stored transposed.
    roles : dict of str to str
        Which array is which: b, c, W, U or V.
    sizes : dict of int to str
        What a number may stand for: {T: "T"}.
    others : function () -> dict of str to tuple
        Mistakes that a second forward pass, in the code of the gradients, may have: in words, and the losses and inputs
        that they lead to.
    """

    losses: dict
    inputs: dict
    parts: dict
    roles: dict
    sizes: dict
    others: object

    def causes(self, comparison):
        """For each wrong gradient, the mistakes that lead to exactly it."""
        found = {name: self._explaining(comparison, name, self._mistakes) for name in comparison.wrong}
        if not all(found.values()):
            others = self.others()

            def mistakes(name):
                for words, (losses, inputs) in others.items():
                    with_it = self._replace(losses=losses, inputs=inputs)
                    yield words, with_it._sum(name, losses[self.parts[name][0]].sum(axis=1))

            for name in found:
                found[name] += self._explaining(comparison, name, mistakes)
        return found

    def _explaining(self, comparison, name, mistakes):
        """The mistakes that lead to exactly this gradient, in words."""
        a, n = comparison.analytic[name], comparison.numerical[name]
        limit = np.abs(a).max()
        clipped = limit and comparison.agree(a, n.clip(-limit, limit))
        if name not in self.parts or clipped or not comparison.tells(n):
            return []
        right = self._sum(name, self.losses[self.parts[name][0]].sum(axis=1))
        tried = [(words, _explains(a, wrong, right, comparison.tolerance)) for words, wrong in mistakes(name)]
        return [words + extra for words, extra in tried if extra is not None]

    def _sum(self, name, shares, taken=None):
        """The gradient from the shares of the vector, and from what they are multiplied with, right or wrong."""
        _, other, turned = self.parts[name]
        if other is None:
            return shares.sum(axis=0)
        taken = self.inputs[other] if taken is None else taken
        return taken.T @ shares if turned else shares.T @ taken

    def _mistakes(self, name):
        """Yield the usual mistakes, in words, each with the gradient that it leads to."""
        vector, other, _ = self.parts[name]
        by_loss = self.losses[vector]
        shares, T = by_loss.sum(axis=1), len(by_loss)
        steps, later = np.arange(T)[:, None], np.arange(T)[None, :] - np.arange(T)[:, None]
        if other is not None:
            for words, taken in self._taken_wrongly(other):
                yield words, self._sum(name, shares, taken)
        first = ": h before the first step taken as zero" if other == "h_{t-1}" else ", which is not counted"
        yield "what is right but for the first step" + first, self._sum(name, shares * (steps > 0))
        yield "what is right but for the last step, which is not counted", self._sum(name, shares * (steps < T - 1))
        without = by_loss[:, :-1].sum(axis=1)
        yield "what is right but for the last step, which is not counted", self._sum(name, without)
        yield "what the first step alone gives, as with = in place of +=", self._sum(name, shares * (steps == 0))
        yield "what the last step alone gives", self._sum(name, shares * (steps == T - 1))
        for n in range(2, T - 1):
            yield f"what the last {n} steps alone give", self._sum(name, shares * (steps >= T - n))
            yield f"what the first {n} steps alone give", self._sum(name, shares * (steps < n))
        for k in range(T - 1):
            words = f"over more than {k} steps" if k > 1 else "over more than one step" if k else "from the step after"
            kept = (by_loss * (later <= k)[:, :, None]).sum(axis=1)
            yield f"what is right if nothing is carried back {words}", self._sum(name, kept)

    def _taken_wrongly(self, other):
        """Yield what may have been taken in place of a state or a character."""
        h, before, x = (self.inputs.get(it) for it in ("h_t", "h_{t-1}", "x_t"))
        if other == "h_{t-1}":
            yield "h_t in place of h_{t-1}", h
            yield "h of the last step in place of h before the first, as h[-1] is", np.roll(h, 1, axis=0)
            yield "h_{t-2} in place of h_{t-1}", np.vstack([0 * before[:1], before[:-1]])
            yield "h_{t-2} in place of h_{t-1}", np.vstack([h[-1:], before[:-1]])
        if other == "h_t":
            yield "h_{t-1} in place of h_t", before
        if other in ("h_t", "h_{t-1}"):
            last = np.broadcast_to(h[-1], h.shape)
            yield "the h of the last step in place of each (are all h one array? append h.copy())", last
            yield "the steps of h in reverse order", self.inputs[other][::-1]
        if other == "x_t":
            lost = x * ~np.array([(x[t + 1 :] == x[t]).all(axis=1).any() for t in range(len(x))])[:, None]
            yield "each character counts once, as with dU[:, x] += ...: use np.add.at", lost
            yield "y_t in place of x_t", self.inputs["y_t"]
            yield "x_{t-1} in place of x_t", np.vstack([0 * x[:1], x[:-1]])
            yield "the steps of x in reverse order", x[::-1]


class LastLoss(NamedTuple):
    """A loss that returns only the loss of the last step; the gradients of the sum may be right.

    Attributes
    ----------
    right : list of str
        The gradients that are those of the sum over all steps.
    roles, sizes : dict
        As those of `Steps`.
    """

    right: list
    roles: dict
    sizes: dict

    def causes(self, comparison):
        """For each of them, that the loss is to blame."""
        words = "right for the sum over all steps, but loss returns the last step's alone, as with = in place of +="
        return {name: [words] for name in comparison.wrong if name in self.right}


def _explains(a, wrong, right, tolerance):
    """Whether a gradient is what a mistake gives, perhaps times a number or clipped: the words for that, or None."""
    if a.size != wrong.size:
        return None
    a, wrong, right = a.ravel(), wrong.ravel(), right.ravel()
    near, noise = (1e-6, 1e-14) if tolerance <= 1e-9 else (1e-3, 1e-9)
    noise *= np.linalg.norm(right)
    apart = np.linalg.norm(wrong - right)
    if not apart > 100 * noise or not np.isfinite(a).all():
        return None
    if np.linalg.norm(a - wrong) <= near * apart + noise:
        return ""
    limit = np.abs(a).max()
    clipped = np.count_nonzero(np.abs(a) == limit) > 1
    if clipped and np.linalg.norm(a - wrong.clip(-limit, limit)) <= near * apart + noise:
        return f", clipped to [-{limit:g}, {limit:g}]"
    return None


def steps_of(comparison, forward, method):
    """The shares of the steps, where forward reads one character after the other and hands a state on.

    Parameters
    ----------
    comparison : Comparison
        Its args begin with x, y and h0, of one sequence; characters are numbers or one-hot, with the steps along any
        axis.
    forward : function (params, x, y, h0) -> (loss, state)
        Called with params of the type that the method needs.
    method : str
        One of METHODS.

    Returns
    -------
    Steps or None
        None if the network is not of this form.
    """
    if len(comparison.args) < 3:
        return None
    x, y, h0 = map(np.asarray, comparison.args[:3])
    if h0.dtype.kind != "f" or h0.size != max(h0.shape, default=0):
        return None
    theta, weights = copied(comparison.theta, comparison.params, METHODS[method][1])
    for axis, axis_y in product(range(x.ndim), range(y.ndim)):
        if x.shape[axis] == y.shape[axis_y] > 1:
            texts = [[text[(slice(None),) * at + (slice(t, t + 1),)] for t in range(text.shape[at])]
                     for text, at in ((x, axis), (y, axis_y))]  # fmt: skip
            rows = [np.moveaxis(it, at, 0).reshape(x.shape[axis], -1) for it, at in ((x, axis), (y, axis_y))]
            reads = _Reader(forward, theta, weights, *texts, method)
            try:
                with np.errstate(all="ignore"):
                    losses, states = reads.through(h0)
                    total, last = forward(theta, x, y, h0)[:2]
            except Exception:  # one-hot vectors cut in two, states of another form
                continue
            if np.allclose(last, states[-1], rtol=1e-9, atol=1e-12) and np.isfinite(losses).all() and losses.any():
                scale = comparison.loss / losses.sum()
                if np.isclose(total, losses[-1], rtol=1e-12) and not np.isclose(total, losses.sum(), rtol=1e-6):
                    meant = comparison._replace(numerical=comparison.analytic)
                    found = _with_roles(meant, reads.shares(states, 1.0), states, rows)
                    return LastLoss(list(found.parts), found.roles, found.sizes)
                found = _with_roles(comparison, reads.shares(states, scale), states, rows)
                others = partial(_others, reads, found, texts, states, scale)
                return found._replace(others=others) if found.parts else None
    return None


def _others(reads, found, texts, states, scale):
    """Mistakes that a second forward pass, in the code of the gradients, may have."""
    same = texts[0][0].shape == texts[1][0].shape
    others = {}
    if same:
        read_for_y = reads._replace(ys=reads.xs)
        others["what is right with the x_t that is read in place of the y_t that should come out"] = (
            read_for_y.shares(states, scale), found.inputs,
        )  # fmt: skip
    if states[0].any():
        _, from_zero = reads.through(0 * states[0])
        inputs = found.inputs | _state_inputs(from_zero)
        others["what is right if the state before the first step is zero"] = reads.shares(from_zero, scale), inputs
    return others


class _Reader(NamedTuple):
    """A forward pass that reads a text step by step, with parameters of the type that the method needs."""

    forward: object
    theta: object
    weights: dict
    xs: list
    ys: list
    method: str

    def through(self, h0):
        """The loss of each step, and the states before the first and after each."""
        losses, states = [], [h0]
        for x_t, y_t in zip(self.xs, self.ys, strict=True):
            loss, state = self.forward(self.theta, x_t, y_t, states[-1])[:2]
            losses.append(np.real(loss))
            states.append(np.real(state))
        return np.array(losses), states

    def shares(self, states, scale):
        """For each vector, from the last step to the first, what it contributes to the loss of each step."""
        T, m = len(self.xs), states[0].size
        vectors = {name: it for name, it in self.weights.items() if it.size == max(it.shape, default=1)}
        losses = {name: np.zeros((T, T, it.size)) for name, it in vectors.items()}
        later = np.zeros((T, m))  # dL_s/dh, for the state that is handed on to the step that follows
        for t in reversed(range(T)):
            h = states[t].astype(METHODS[self.method][1])
            for name, it in vectors.items():
                moves = self._moves(t, h, it)
                losses[name][t] = scale * (later @ moves[:, 1:].T)
                losses[name][t, t] = scale * moves[:, 0]
            moves = self._moves(t, h, h)
            later = later @ moves[:, 1:].T
            later[t] = moves[:, 0]
        return losses

    def _moves(self, t, h, it):
        """How the loss and the state of a step move with each entry of an array."""

        def step():
            loss, state = self.forward(self.theta, self.xs[t], self.ys[t], h)[:2]
            return np.append(loss, np.ravel(state))

        return np.array([slope(step, it, np.unravel_index(i, it.shape), 1, self.method) for i in range(it.size)])


def _state_inputs(states):
    flat = np.array([state.ravel() for state in states])
    return {"h_{t-1}": flat[:-1], "h_t": flat[1:]}


def _with_roles(comparison, losses, states, characters):
    """Which matrix is multiplied with what: the products that give the numerical gradients."""

    def right(name, gradient):
        numerical = comparison.numerical[name]
        return comparison.agree(gradient.reshape(numerical.shape), numerical)

    losses = {name: it for name, it in losses.items() if right(name, it.sum(axis=(0, 1)))}
    found = Steps(losses, _state_inputs(states), {name: (name, None, False) for name in losses}, {}, {}, None)
    for name, numerical in comparison.numerical.items():
        for vector, turned in product(losses, (False, True)):
            if name in found.parts or numerical.ndim != 2:
                continue
            n, k = numerical.shape[::-1] if turned else numerical.shape
            texts = {it: _one_hot(text, k) for it, text in zip(("x_t", "y_t"), characters, strict=True)}
            for other, taken in (found.inputs | {"x_t": texts["x_t"]}).items():
                if other == "y_t" or taken.shape[1:] != (k,) or losses[vector].shape[2] != n or name in found.parts:
                    continue
                found.parts[name] = vector, other, turned
                if not right(name, found._sum(name, losses[vector].sum(axis=1), taken)):
                    del found.parts[name]
                elif other == "x_t":
                    found.inputs.update(texts)
    carried = {name: bool(np.abs(it[~np.eye(len(it), dtype=bool)]).any()) for name, it in losses.items()}
    roles = {(True, None): "b", (False, None): "c", (True, "h_{t-1}"): "W", (True, "x_t"): "U", (False, "h_t"): "V"}
    known = {name: roles.get((carried[vector], other), "") for name, (vector, other, _) in found.parts.items()}
    return found._replace(roles=known, sizes={len(states) - 1: "T"})


def _one_hot(text, k):
    """Characters (T, ...) as rows with a one; they may be so already."""
    if text.shape[1:] == (k,):
        return text.astype(float)
    if text.shape[1:] == (1,) and text.dtype.kind in "iu" and 0 <= text.min() and text.max() < k:
        return np.eye(k)[text[:, 0]]
    return np.empty((len(text), 0))
