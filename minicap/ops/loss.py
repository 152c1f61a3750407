"""Softmax cross-entropy: the loss of every classifier and of every captioner here."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from minicap import kernels
from minicap._types import Array
from minicap.ops import _check


class SoftmaxCrossEntropyCache(NamedTuple):
    """Log-probabilities (..., V), the targets, and how they were weighted."""

    log_probs: Array
    targets: Array
    mask: Array | None
    label_smoothing: float


class SoftmaxCrossEntropyGrads(NamedTuple):
    """Gradient of ``softmax_cross_entropy``; targets and mask have none."""

    dlogits: Array


def softmax_cross_entropy_forward(
    logits: Array, targets: Array, *, mask: Array | None = None, label_smoothing: float = 0.0
) -> tuple[Array, SoftmaxCrossEntropyCache]:
    """Average the negative log-probability of the targets.

    With ``log p_v = x_v - log sum_u exp(x_u)``, smoothing s and M targets that the mask keeps::

        loss = -1/M sum_kept [ (1 - s) log p_target + s/V sum_v log p_v ]

    Parameters
    ----------
    logits : Array, (N, V) or (N, T, V), in general (..., V)
    targets : Array of int, (...)
        The right class of each row, 0 to V - 1; what it holds where the mask is False does not matter
        as long as it is in that range.
    mask : Array of bool, (...), optional
        True where a target counts.
    label_smoothing : float
        Share s of the target's probability that is spread evenly over all V classes, 0 to 1.

    Returns
    -------
    loss : 0-d, dtype of logits
        Mean over the targets the mask keeps, in nats; 0 where it keeps none.
    cache : SoftmaxCrossEntropyCache
        Log-probabilities, targets, mask and smoothing.

    Raises
    ------
    ValueError
        If shapes do not fit, a target is out of range or the smoothing is not within 0 to 1.

    References
    ----------
    Szegedy et al., "Rethinking the Inception architecture" (2016), section 7 (their epsilon is our s).
    """
    (logits,) = _check.floats("softmax_cross_entropy", logits=logits)
    if logits.ndim == 0 or logits.shape[-1] == 0:
        raise ValueError(f"softmax_cross_entropy: logits (..., V) = {logits.shape} has no classes")
    targets = _check.ids("softmax_cross_entropy", "targets", targets, logits.shape[-1], "V")
    _check.shape("softmax_cross_entropy", "targets", targets, logits.shape[:-1], "logits.shape[:-1]")
    mask = _check.mask("softmax_cross_entropy", mask, targets.shape, "targets.shape")
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"softmax_cross_entropy: label_smoothing is {label_smoothing} but 0 to 1 is needed")
    log_probs = log_softmax(logits)
    cache = SoftmaxCrossEntropyCache(log_probs, targets, mask, label_smoothing)
    per_target = -np.take_along_axis(log_probs, targets[..., None], axis=-1)[..., 0]
    if label_smoothing:
        per_target = (1 - label_smoothing) * per_target - label_smoothing * log_probs.mean(axis=-1)
    if mask is not None:
        per_target = np.where(mask, per_target, 0)
    loss = per_target.sum() / max(_kept(cache), 1)
    return logits.dtype.type(loss), cache


def softmax_cross_entropy_backward(
    dloss: float | Array, cache: SoftmaxCrossEntropyCache
) -> SoftmaxCrossEntropyGrads:
    """Propagate through ``softmax_cross_entropy``.

    Softmax and logarithm together leave a difference of two distributions, which is why they are one op::

        dlogits = dloss / M * (p - q)         q = (1 - s) onehot(target) + s/V,  rows the mask drops: 0

    Parameters
    ----------
    dloss : float
        Upstream gradient, 1.0 where the loss is the end of the chain.
    cache : SoftmaxCrossEntropyCache

    Returns
    -------
    SoftmaxCrossEntropyGrads
        dlogits (..., V).

    Raises
    ------
    ValueError
        If ``dloss`` is not one number.
    """
    log_probs, targets, mask, smoothing = cache
    dloss = _check.upstream(
        "softmax_cross_entropy", "dloss", np.asarray(dloss, log_probs.dtype), (), log_probs.dtype
    )
    kept = np.ones(targets.shape, np.bool_) if mask is None else mask
    dlogits = kernels.loss.cross_entropy_backward(
        _rows(log_probs),
        np.ascontiguousarray(targets.reshape(-1)),
        np.ascontiguousarray(kept.reshape(-1)),
        float(dloss) / max(_kept(cache), 1),
        smoothing,
    )
    return SoftmaxCrossEntropyGrads(dlogits.reshape(log_probs.shape))


def log_softmax(logits: Array) -> Array:
    """Return ``log softmax`` along the last axis, exact also where a probability underflows.

    Parameters
    ----------
    logits : Array, (..., V)

    Returns
    -------
    Array, (..., V)
    """
    return kernels.loss.log_softmax(_rows(logits)).reshape(logits.shape)


def _rows(x: Array) -> Array:
    """Return x (..., V) as contiguous rows (M, V), a view where it can be one."""
    return np.ascontiguousarray(x.reshape(x.size // x.shape[-1], x.shape[-1]))


def _kept(cache: SoftmaxCrossEntropyCache) -> int:
    """Count the targets that the mask keeps."""
    return cache.targets.size if cache.mask is None else int(cache.mask.sum())
