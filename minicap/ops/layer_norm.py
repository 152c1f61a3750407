"""Layer normalisation: every vector with mean 0 and variance 1 by itself, then a learned scale and shift."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from minicap import kernels
from minicap._types import Array
from minicap.ops import _check


class LayerNormCache(NamedTuple):
    """The input, and the statistics (...) of its last axis."""

    x: Array
    gamma: Array
    mean: Array
    inv_std: Array


class LayerNormGrads(NamedTuple):
    """Gradients of ``layer_norm``, shaped like its arguments."""

    dx: Array
    dgamma: Array
    dbeta: Array


def layer_norm_forward(
    x: Array, gamma: Array, beta: Array, *, eps: float = 1e-5
) -> tuple[Array, LayerNormCache]:
    """Normalise along the last axis, then scale and shift each entry.

    For every vector x of D entries::

        mean = sum_d x_d / D          var = sum_d (x_d - mean)**2 / D
        y_d = gamma_d * x_hat_d + beta_d          x_hat_d = (x_d - mean) / sqrt(var + eps)

    A vector's result depends on no other vector, so training and inference are the same.

    Parameters
    ----------
    x : Array, (..., D)
    gamma : Array, (D,)
        Scale.
    beta : Array, (D,)
        Shift.
    eps : float
        Added to the variance, so that a vector of equal entries divides by no zero.

    Returns
    -------
    y : Array, (..., D)
    cache : LayerNormCache
        ``x``, ``gamma``, and mean and ``1 / sqrt(var + eps)`` of each vector.

    Raises
    ------
    ValueError
        If the shapes do not fit.
    TypeError
        If the dtypes are not all float32 or all float64.

    References
    ----------
    Ba, Kiros and Hinton, "Layer normalization" (2016), equation 4 (their g, b, H are our gamma, beta, D).
    """
    x, gamma, beta = _check.floats("layer_norm", x=x, gamma=gamma, beta=beta)
    if x.ndim == 0 or x.shape[-1] == 0:
        raise ValueError(f"layer_norm: x (..., D) = {x.shape} has no entries to normalise")
    _check.shape("layer_norm", "gamma", gamma, x.shape[-1:], "(D,)")
    _check.shape("layer_norm", "beta", beta, x.shape[-1:], "(D,)")
    _check.positive("layer_norm", "eps", eps)
    x, gamma, beta = (np.ascontiguousarray(array) for array in (x, gamma, beta))
    y, mean, inv_std = kernels.norm.layer_norm_forward(_rows(x), gamma, beta, eps)
    batch = x.shape[:-1]
    return y.reshape(x.shape), LayerNormCache(x, gamma, mean.reshape(batch), inv_std.reshape(batch))


def layer_norm_backward(dy: Array, cache: LayerNormCache) -> LayerNormGrads:
    """Propagate through ``layer_norm``.

    Sums for gamma and beta run over all vectors, the means of dx along one::

        dbeta  = sum dy          dgamma = sum dy * x_hat
        dx     = (g - mean(g) - x_hat * mean(g * x_hat)) / sqrt(var + eps)          g = dy * gamma

    The two means come through the statistics: no shift and no scaling of a vector can change y, so dx has no
    part along either.

    Parameters
    ----------
    dy : Array, (..., D)
        Upstream gradient.
    cache : LayerNormCache

    Returns
    -------
    LayerNormGrads
        dx (..., D), dgamma (D,), dbeta (D,).

    Raises
    ------
    ValueError, TypeError
        If ``dy`` does not fit the forward's output.
    """
    x, gamma, mean, inv_std = cache
    dy = np.ascontiguousarray(_check.upstream("layer_norm", "dy", dy, x.shape, x.dtype))
    dx, dgamma, dbeta = kernels.norm.layer_norm_backward(
        _rows(dy), _rows(x), mean.reshape(-1), inv_std.reshape(-1), gamma
    )
    return LayerNormGrads(dx.reshape(x.shape), dgamma, dbeta)


def _rows(x: Array) -> Array:
    """Return a view of contiguous x (..., D) as (M, D)."""
    return x.reshape(x.size // x.shape[-1], x.shape[-1])
