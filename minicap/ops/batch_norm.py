"""Batch normalisation: every channel with mean 0 and variance 1 over the batch, then a learned scale and shift."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from minicap import kernels
from minicap._types import Array
from minicap.ops import _check


class BatchNormCache(NamedTuple):
    """The input, and the statistics (C,) that it was normalised by.

    While training these are the batch's own: ``var`` is the biased variance over ``size`` values a channel,
    so ``var * size / (size - 1)`` is the unbiased one that a layer folds into its running variance.
    """

    x: Array
    gamma: Array
    mean: Array
    var: Array
    inv_std: Array
    size: int
    training: bool


class BatchNormGrads(NamedTuple):
    """Gradients of ``batch_norm``, shaped like its arguments."""

    dx: Array
    dgamma: Array
    dbeta: Array


def batch_norm_forward(
    x: Array,
    gamma: Array,
    beta: Array,
    *,
    running_mean: Array | None = None,
    running_var: Array | None = None,
    training: bool = True,
    eps: float = 1e-5,
) -> tuple[Array, BatchNormCache]:
    """Normalise each channel, then scale and shift it.

    Over the M values of channel c, one for each image and pixel::

        mean_c = sum x / M          var_c = sum (x - mean_c)**2 / M
        y = gamma_c * x_hat + beta_c          x_hat = (x - mean_c) / sqrt(var_c + eps)

    With ``training=False`` the running statistics stand in for mean and var, and an image's result does not
    depend on the others beside it.

    Parameters
    ----------
    x : Array, (N, C) or (N, C, H, W), in general (N, C, ...)
    gamma : Array, (C,)
        Scale.
    beta : Array, (C,)
        Shift.
    running_mean : Array, (C,), optional
        Needed with ``training=False``, and not read while training.
    running_var : Array, (C,), optional
        Likewise.
    training : bool
        Whether to normalise by the batch's own statistics.
    eps : float
        Added to the variance, so that a channel of equal values divides by no zero.

    Returns
    -------
    y : Array, like x
    cache : BatchNormCache
        ``x``, ``gamma``, the statistics used, and M as ``size``.

    Raises
    ------
    ValueError
        If shapes do not fit, running statistics are missing, or a channel has fewer than two values to
        train on.
    TypeError
        If the dtypes are not all float32 or all float64.

    References
    ----------
    Ioffe and Szegedy, "Batch normalization: accelerating deep network training" (2015), algorithm 1
    (their m, mu, sigma**2 are our M, mean, var).
    """
    x, gamma, beta = _check.floats("batch_norm", x=x, gamma=gamma, beta=beta)
    channels, size = _check_shapes(x, gamma=gamma, beta=beta)
    _check.positive("batch_norm", "eps", eps)
    x, gamma, beta = (np.ascontiguousarray(array) for array in (x, gamma, beta))
    rows = _rows(x)
    if training:
        if size < 2:
            raise ValueError(
                f"batch_norm: x {x.shape} has {size} value{'s' * (size != 1)} a channel, but the variance of a "
                "batch needs at least 2; use a larger batch or training=False"
            )
        y, mean, var, inv_std = kernels.norm.batch_norm_forward(rows, gamma, beta, eps)
    else:
        mean, var = _running(x, channels, running_mean, running_var)
        inv_std = 1 / np.sqrt(var + eps)
        y = kernels.norm.batch_norm_apply(rows, mean, inv_std, gamma, beta)
    return y.reshape(x.shape), BatchNormCache(x, gamma, mean, var, inv_std, size, bool(training))


def batch_norm_backward(dy: Array, cache: BatchNormCache) -> BatchNormGrads:
    """Propagate through ``batch_norm``.

    Sums run over the M values of a channel::

        dbeta  = sum dy
        dgamma = sum dy * x_hat
        dx     = gamma / sqrt(var + eps) * (dy - dbeta / M - x_hat * dgamma / M)

    The last two terms of dx come through the statistics: raising one value raises the mean, which lowers
    every ``x_hat`` a little, and spreads the channel, which shrinks them. So dx has neither a mean nor a part
    along x_hat, since no shift and no scaling of x can change y. With ``training=False`` the statistics are
    constants, and both terms fall away.

    Parameters
    ----------
    dy : Array, like x
        Upstream gradient.
    cache : BatchNormCache

    Returns
    -------
    BatchNormGrads
        dx like x, dgamma (C,), dbeta (C,).

    Raises
    ------
    ValueError, TypeError
        If ``dy`` does not fit the forward's output.
    """
    x, gamma, mean, _, inv_std, _, training = cache
    dy = np.ascontiguousarray(_check.upstream("batch_norm", "dy", dy, x.shape, x.dtype))
    dx, dgamma, dbeta = kernels.norm.batch_norm_backward(_rows(dy), _rows(x), mean, inv_std, gamma, training)
    return BatchNormGrads(dx.reshape(x.shape), dgamma, dbeta)


def _check_shapes(x: Array, **parameters: Array) -> tuple[int, int]:
    """Return the channels C and the number of values in each, or raise where a shape does not fit."""
    if x.ndim < 2:
        raise ValueError(f"batch_norm: x has {x.ndim} axes, shape {x.shape}, but x is (N, C, ...)")
    for name, array in parameters.items():
        _check.shape("batch_norm", name, array, x.shape[1:2], "(C,)")
    return x.shape[1], x.shape[0] * math.prod(x.shape[2:])


def _running(x: Array, channels: int, mean: Array | None, var: Array | None) -> tuple[Array, Array]:
    """Return the running statistics checked, and copied: a layer may update its own before the backward."""
    if mean is None or var is None:
        missing = "running_mean" if mean is None else "running_var"
        raise ValueError(
            f"batch_norm: {missing} is missing; with training=False pass running_mean and running_var"
        )
    _, mean, var = _check.floats("batch_norm", x=x, running_mean=mean, running_var=var)
    _check.shape("batch_norm", "running_mean", mean, (channels,), "(C,)")
    _check.shape("batch_norm", "running_var", var, (channels,), "(C,)")
    return mean.copy(), var.copy()


def _rows(x: Array) -> Array:
    """Return a view of contiguous x (N, C, ...) as (N, C, S)."""
    return x.reshape(*x.shape[:2], math.prod(x.shape[2:]))
