"""The gradient by PyTorch's autograd: a second opinion. It needs the extra [torch]."""

import torch

from rnn_core import Params


def autograd(params, x, y, h0):
    """The gradient of the loss, from PyTorch's record of how the loss was computed.

    Parameters
    ----------
    params : Params
    x, y : int array (T,) or (T, B)
    h0 : array (m,) or (B, m)
        As for `rnn_core.forward`.

    Returns
    -------
    Params
        In the type of params, with the same names as those of `rnn_core.backward`, in nats.

    Examples
    --------
    Autograd in the place of the numerical gradient:

    >>> from lab.gradients import check_gradients, check_points
    >>> _, *point = check_points()[1]
    >>> check_gradients(*point, numerical=autograd(*point), tolerance=1e-12).passed
    True
    """
    W, U, V, b, c = leaves = [torch.tensor(values, requires_grad=True) for values in params]
    x, y, h = (torch.tensor(values) for values in (x.astype(int), y.astype(int), h0))
    L = 0.0
    for x_t, y_t in zip(x, y, strict=True):
        h = torch.tanh(h @ W.T + U.T[x_t] + b)
        L = L + torch.nn.functional.cross_entropy(h @ V.T + c, y_t, reduction="sum")
    (L * len(y) / y.numel()).backward()
    gradient = Params(params.hidden_size, params.vocab_size, dtype=params.flat.dtype)
    for values, leaf in zip(gradient, leaves, strict=True):
        values[...] = leaf.grad
    return gradient
