"""Softmax and logarithm in one, and the gradient of the cross-entropy behind it."""

from __future__ import annotations

import numpy as np

from minicap._types import Array


def log_softmax(x: Array) -> Array:
    """Return the logarithms of the softmax of every row, exact also where a probability underflows.

        log p_v = (x_v - max x) - log sum_u exp(x_u - max x)

    Parameters
    ----------
    x : (M, V), V at least 1

    Returns
    -------
    log_probs : (M, V)
    """
    shifted = x - x.max(axis=1, keepdims=True)
    shifted -= np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return shifted


def cross_entropy_backward(
    log_probs: Array, targets: Array, kept: Array, scale: float, smoothing: float
) -> Array:
    """Return the scaled difference of two distributions, and zeros for rows that do not count.

        dx = scale * (p - q)          q = (1 - smoothing) * onehot(target) + smoothing / V

    Parameters
    ----------
    log_probs : (M, V)
    targets : (M,) int64, in 0 .. V - 1
    kept : (M,) bool, whether a row counts
    scale : upstream gradient over the number of rows that count
    smoothing : share of the target that is spread evenly

    Returns
    -------
    dx : (M, V)
    """
    dx = np.exp(log_probs)  # p
    if smoothing:
        dx -= smoothing / dx.shape[1]
    dx[np.arange(len(targets)), targets] -= 1 - smoothing
    dx *= log_probs.dtype.type(scale)
    dx[~kept] = 0
    return dx
