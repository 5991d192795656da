"""Classic bugs in back-propagation through time, each a change of a line or two in the right `backward`.

BUGS are the eight that the report shows, MORE are others that people make, so that a check can name them.

The wrong versions are made from the source of the right one, so that there is no second copy of it to keep in step.
"""

import inspect
from typing import NamedTuple

import rnn_core


class Bug(NamedTuple):
    """A bug: what it is called, the lines it is in, and what they become."""

    name: str
    right: str
    wrong: str

    @property
    def backward(self):
        """The wrong `backward`, with the signature of the right one."""
        source = inspect.getsource(rnn_core.backward)
        if source.count(self.right) != 1:
            raise LookupError(f"The lines of the bug {self.name!r} do not occur exactly once in backward: {self.right}")
        namespace = dict(vars(rnn_core))
        exec(source.replace(self.right, self.wrong), namespace)
        return namespace["backward"]


BUGS = [
    Bug("No gradient carried to the earlier step", "delta_t.dot(W, out=carried)", "pass"),
    Bug("W in place of its transpose", "delta_t.dot(W, out=carried)", "delta_t.dot(W.T, out=carried)"),
    Bug(
        "tanh' applied before the carried gradient is added",
        "delta_t += carried\n        delta_t *= dtanh_t",
        "delta_t *= dtanh_t\n        delta_t += carried",
    ),
    Bug("tanh' computed from a in place of h", "np.square(fwd.h[1:], out=fwd.dtanh)", "np.arctanh(fwd.h[1:]) ** 2"),
    Bug(
        "h before the first step taken as zero",
        "np.dot(h_prev.T, delta, out=out.W.T)",
        "np.dot(h_prev[B:].T, delta[B:], out=out.W.T)",
    ),
    Bug("b summed over one step too few", "np.dot(fwd.ones, delta, out=out.b)", "np.sum(delta[B:], axis=0, out=out.b)"),
    Bug("SoftMax without the minus one-hot", "g[rows, y.ravel()] -= 1 / B", "pass"),
    Bug(
        "Sum over the batch in place of the mean",
        "g = _rows(fwd.p) / B\n    g[rows, y.ravel()] -= 1 / B",
        "g = _rows(fwd.p) / 1\n    g[rows, y.ravel()] -= 1",
    ),
]

MORE = [
    Bug("No tanh'", "delta_t *= dtanh_t", "pass"),
    Bug(
        "tanh' missing in what is carried",
        "delta_t *= dtanh_t",
        "delta_t, kept = delta_t.copy(), delta_t; kept *= dtanh_t",
    ),
    Bug("tanh' without the square, 1 - h", "np.square(fwd.h[1:], out=fwd.dtanh)", "fwd.h[1:]"),
    Bug("sigmoid' in place of tanh', h (1 - h)", "np.subtract(1, np.square(fwd.h[1:], out=fwd.dtanh), out=fwd.dtanh)",
        "np.multiply(fwd.h[1:], 1 - fwd.h[1:], out=fwd.dtanh)"),
    Bug("tanh of h once more, in tanh'", "np.square(fwd.h[1:], out=fwd.dtanh)", "np.tanh(fwd.h[1:]) ** 2"),
    Bug("tanh' of the step before", "np.square(fwd.h[1:], out=fwd.dtanh)", "np.square(fwd.h[:-1], out=fwd.dtanh)"),
    Bug("tanh' of the last step in each", "np.square(fwd.h[1:], out=fwd.dtanh)", "np.square(fwd.h[-1])"),
    Bug("The loop over t run forward", "in fwd.steps_back", "in reversed(fwd.steps_back)"),
    Bug("delta carried without W", "delta_t.dot(W, out=carried)", "carried[...] = delta_t"),
    Bug("All h one array", "h_prev, h, delta = _rows(fwd.h[:-1]), _rows(fwd.h[1:]), _rows(fwd.delta)",
        "fwd.h[:] = fwd.h[-1]; h_prev, h, delta = _rows(fwd.h[:-1]), _rows(fwd.h[1:]), _rows(fwd.delta)"),
]  # fmt: skip


def bug(name):
    """The bug of the gallery that has this name.

    Raises
    ------
    ValueError
        There is no bug of that name; the message lists the names.
    """
    return rnn_core.choose("bug", name, {bug.name: bug for bug in BUGS})
