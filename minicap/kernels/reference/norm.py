"""Batch and layer normalisation: the same arithmetic along different axes.

    mean = sum(x) / M;   var = sum((x - mean)**2) / M;   x_hat = (x - mean) / sqrt(var + eps)
    y = gamma * x_hat + beta

Batch normalisation gathers M = N * S values a channel, layer normalisation M = D values a row. The variance
takes a second pass over centred values: the shortcut mean(x**2) - mean**2 loses all digits where the mean is
large. Sums are made in float64, and so is the subtraction of the mean before its result is rounded.

With g the gradient of x_hat, every x moves its own x_hat, and all others through mean and variance:

    dx = (g - mean(g) - x_hat * mean(g * x_hat)) / sqrt(var + eps)
"""

from __future__ import annotations

import numpy as np

from minicap._types import Array


def batch_norm_forward(x: Array, gamma: Array, beta: Array, eps: float) -> tuple[Array, Array, Array, Array]:
    """Normalise every channel by the statistics of the batch, then scale and shift it.

    Parameters
    ----------
    x : (N, C, S), S pixels in a row
    gamma, beta : (C,)
    eps : added to the variance

    Returns
    -------
    y : (N, C, S)
    mean, var, inv_std : (C,), the biased variance, and 1 / sqrt(var + eps)
    """
    mean = x.mean(axis=(0, 2), dtype=np.float64)
    centred = _minus(x, mean[:, None])
    var = np.square(centred).mean(axis=(0, 2), dtype=np.float64)
    inv_std = 1 / np.sqrt(var + eps)
    mean, var, inv_std = (statistic.astype(x.dtype) for statistic in (mean, var, inv_std))
    y = centred * (gamma * inv_std)[:, None] + beta[:, None]
    return y, mean, var, inv_std


def batch_norm_apply(x: Array, mean: Array, inv_std: Array, gamma: Array, beta: Array) -> Array:
    """Normalise every channel by given statistics, then scale and shift it.

    Parameters
    ----------
    x : (N, C, S)
    mean, inv_std, gamma, beta : (C,)

    Returns
    -------
    y : (N, C, S)
    """
    return (x - mean[:, None]) * (gamma * inv_std)[:, None] + beta[:, None]


def batch_norm_backward(
    dy: Array, x: Array, mean: Array, inv_std: Array, gamma: Array, training: bool
) -> tuple[Array, Array, Array]:
    """Propagate through the map, and through the statistics where they are the batch's own.

    Parameters
    ----------
    dy, x : (N, C, S) upstream gradient, and the forward's input
    mean, inv_std, gamma : (C,)
    training : whether mean and inv_std were computed from x; if not, they are constants

    Returns
    -------
    dx : (N, C, S)
    dgamma, dbeta : (C,)
    """
    x_hat = (x - mean[:, None]) * inv_std[:, None]
    dgamma, dbeta = ((dy * x_hat).sum(axis=(0, 2), dtype=np.float64), dy.sum(axis=(0, 2), dtype=np.float64))
    dgamma, dbeta = dgamma.astype(x.dtype), dbeta.astype(x.dtype)
    if training:
        count = x.shape[0] * x.shape[2]
        dy = dy - (dbeta / count)[:, None] - x_hat * (dgamma / count)[:, None]
    return dy * (gamma * inv_std)[:, None], dgamma, dbeta


def layer_norm_forward(x: Array, gamma: Array, beta: Array, eps: float) -> tuple[Array, Array, Array]:
    """Normalise every row by its own statistics, then scale and shift each column.

    Parameters
    ----------
    x : (M, D)
    gamma, beta : (D,)
    eps : added to the variance

    Returns
    -------
    y : (M, D)
    mean, inv_std : (M,)
    """
    mean = x.mean(axis=1, dtype=np.float64)
    centred = _minus(x, mean[:, None])
    inv_std = 1 / np.sqrt(np.square(centred).mean(axis=1, dtype=np.float64) + eps)
    mean, inv_std = mean.astype(x.dtype), inv_std.astype(x.dtype)
    return centred * inv_std[:, None] * gamma + beta, mean, inv_std


def layer_norm_backward(
    dy: Array, x: Array, mean: Array, inv_std: Array, gamma: Array
) -> tuple[Array, Array, Array]:
    """Propagate through rows and columns.

    Parameters
    ----------
    dy, x : (M, D) upstream gradient, and the forward's input
    mean, inv_std : (M,)
    gamma : (D,)

    Returns
    -------
    dx : (M, D)
    dgamma, dbeta : (D,)
    """
    x_hat = (x - mean[:, None]) * inv_std[:, None]
    dgamma, dbeta = (dy * x_hat).sum(axis=0, dtype=np.float64), dy.sum(axis=0, dtype=np.float64)
    g = dy * gamma
    along = (g * x_hat).mean(axis=1, dtype=np.float64).astype(x.dtype)
    g = g - g.mean(axis=1, keepdims=True) - x_hat * along[:, None]
    return g * inv_std[:, None], dgamma.astype(x.dtype), dbeta.astype(x.dtype)


def _minus(x: Array, mean: Array) -> Array:
    """Return x - mean in the dtype of x; a large mean must not be rounded before it is taken away."""
    return np.subtract(x, mean, out=np.empty_like(x), casting="same_kind")
