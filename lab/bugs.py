"""Eight classic bugs in back-propagation through time, each a change of a line or two in the right `backward`.

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


def bug(name):
    """The bug of the gallery that has this name.

    Raises
    ------
    ValueError
        There is none; the message lists those that there are.
    """
    return rnn_core.choose("bug", name, {bug.name: bug for bug in BUGS})
