"""A step of training as plain loops, for Numba to compile: what NumPy's calls cost is not in it."""

import math

import numpy as np


def gradient(W, U, V, b, c, dW, dU, dV, db, dc, x, y, h, p, delta, kept):
    """Add the gradient of a batch to dW, dU, dV, db and dc, and return its loss.

    Parameters
    ----------
    W, U, V, b, c, dW, dU, dV, db, dc : ndarray
        The parameters, stored by rows, and their gradients.
    x, y : int array (T, B)
    h, p, delta : ndarray (T+1, m), (T, K), (2, m)
        Room.
    kept : ndarray (B, m)
        The hidden states before the first characters; afterwards those after the last.
    """
    T, B = x.shape
    K, m = V.shape
    zero, one = h.dtype.type(0), h.dtype.type(1)  # 1 - h would be float64, and slow
    share, loss = one / h.dtype.type(B), 0.0
    for s in range(B):
        h[0] = kept[s]
        for t in range(T):
            for i in range(m):
                a = U[i, x[t, s]] + b[i]
                for j in range(m):
                    a += W[i, j] * h[t, j]
                h[t + 1, i] = math.tanh(a)
            z = zero
            for k in range(K):
                o = c[k]
                for i in range(m):
                    o += V[k, i] * h[t + 1, i]
                p[t, k] = o
            largest = p[t].max()
            for k in range(K):
                p[t, k] = math.exp(p[t, k] - largest)
                z += p[t, k]
            for k in range(K):
                p[t, k] /= z
            loss -= math.log(p[t, y[t, s]])
        kept[s] = h[T]
        delta[1] = zero
        for t in range(T - 1, -1, -1):
            delta[0] = delta[1]
            delta[1] = zero
            p[t, y[t, s]] -= one
            for k in range(K):
                g = p[t, k] * share
                dc[k] += g
                for i in range(m):
                    delta[0, i] += V[k, i] * g
                for i in range(m):
                    dV[k, i] += g * h[t + 1, i]
            for i in range(m):
                d = delta[0, i] * (one - h[t + 1, i] * h[t + 1, i])
                db[i] += d
                dU[i, x[t, s]] += d
                for j in range(m):
                    dW[i, j] += d * h[t, j]
                for j in range(m):
                    delta[1, j] += W[i, j] * d
    return loss / B


def adagrad(theta, g, g2, eta, clip):
    """A step of AdaGrad with clipping, for a vector of parameters; the gradient is zero afterwards."""
    for i in range(theta.size):
        clipped = min(max(g[i], -clip), clip)
        g2[i] += clipped * clipped
        theta[i] -= eta * clipped / np.sqrt(g2[i])
    g[:] = 0
