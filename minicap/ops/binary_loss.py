"""Sigmoid cross-entropy: the loss of a tagger, where each tag is a yes or no of its own."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from minicap._types import Array
from minicap.ops import _check
from minicap.ops.activations import sigmoid_forward


class SigmoidBinaryCrossEntropyCache(NamedTuple):
    """Probabilities, targets in their dtype, and which of them count; what does not count holds 0."""

    probs: Array
    targets: Array
    mask: Array | None


class SigmoidBinaryCrossEntropyGrads(NamedTuple):
    """Gradient of ``sigmoid_binary_cross_entropy``; targets and mask have none."""

    dlogits: Array


def sigmoid_binary_cross_entropy_forward(
    logits: Array, targets: Array, *, mask: Array | None = None
) -> tuple[Array, SigmoidBinaryCrossEntropyCache]:
    """Average the negative log-probability of independent yes-or-no targets.

    With ``p = 1 / (1 + exp(-x))`` for logit x, target t, and M elements that the mask keeps::

        loss = -1/M sum_kept [ t log p + (1 - t) log(1 - p) ]

    As ``log(1 - p) = log p - x``, each term is also ``log(1 + exp(-|x|)) + |x| * (t on the other side of x)``,
    where nothing overflows and no probability is rounded to 0 or 1 before its logarithm.

    Parameters
    ----------
    logits : Array, any shape, such as (N, K)
    targets : Array of bool, int or float, like logits
        From 0 (no) to 1 (yes). They are data: a float array of them has no gradient either.
    mask : Array of bool, like logits, optional
        True where an element counts; elsewhere logits and targets may hold anything.

    Returns
    -------
    loss : 0-d, dtype of logits
        Mean over the elements the mask keeps, in nats; 0 where it keeps none.
    cache : SigmoidBinaryCrossEntropyCache
        Probabilities, targets and mask.

    Raises
    ------
    ValueError
        If shapes do not fit, or a target that counts is not within 0 to 1.
    TypeError
        If the logits are not float32 or float64, the targets no numbers, or the mask is not Boolean.
    """
    (x,) = _check.floats("sigmoid_binary_cross_entropy", logits=logits)
    mask = _check.mask("sigmoid_binary_cross_entropy", mask, x.shape, "logits.shape")
    t = _check_targets(targets, x, mask)
    if mask is not None:
        x = np.where(mask, x, 0)
    size = np.abs(x)
    per_element = np.log1p(np.exp(-size)) + size * np.where(x >= 0, 1 - t, t)
    if mask is not None:
        per_element = np.where(mask, per_element, 0)
    probs, _ = sigmoid_forward(x)
    cache = SigmoidBinaryCrossEntropyCache(probs, t, mask)
    return x.dtype.type(per_element.sum() / max(_kept(cache), 1)), cache


def sigmoid_binary_cross_entropy_backward(
    dloss: float | Array, cache: SigmoidBinaryCrossEntropyCache
) -> SigmoidBinaryCrossEntropyGrads:
    """Propagate through ``sigmoid_binary_cross_entropy``.

    Sigmoid and logarithm together leave a plain difference, which is why they are one op::

        dlogits = dloss / M * (p - t)         where the mask drops: 0

    since ``d log p / dx = 1 - p`` and ``d log(1 - p) / dx = -p``.

    Parameters
    ----------
    dloss : float
        Upstream gradient, 1.0 where the loss is the end of the chain.
    cache : SigmoidBinaryCrossEntropyCache

    Returns
    -------
    SigmoidBinaryCrossEntropyGrads
        dlogits, like logits.

    Raises
    ------
    ValueError
        If ``dloss`` is not one number.
    """
    probs, targets, mask = cache
    dtype = probs.dtype
    dloss = _check.upstream("sigmoid_binary_cross_entropy", "dloss", np.asarray(dloss, dtype), (), dtype)
    dlogits = (probs - targets) * (dloss / dtype.type(max(_kept(cache), 1)))
    if mask is not None:
        dlogits = np.where(mask, dlogits, dtype.type(0))
    return SigmoidBinaryCrossEntropyGrads(dlogits)


def _check_targets(targets: Array, logits: Array, mask: Array | None) -> Array:
    """Return a copy in the dtype of the logits, 0 where the mask drops, or name the first that is not in 0 to 1."""
    targets = np.asarray(targets)
    if targets.dtype.kind not in "biuf":
        raise TypeError(
            f"sigmoid_binary_cross_entropy: targets is {targets.dtype} but bool, int or float is needed"
        )
    _check.shape("sigmoid_binary_cross_entropy", "targets", targets, logits.shape, "logits.shape")
    outside = ~((targets >= 0) & (targets <= 1))  # also true for NaN
    if mask is not None:
        outside &= mask
    if outside.any():
        where = tuple(int(i) for i in np.argwhere(outside)[0])
        raise ValueError(
            f"sigmoid_binary_cross_entropy: targets{list(where)} is {targets[where]} but 0 to 1 is needed"
        )
    kept = targets if mask is None else np.where(mask, targets, 0)
    return kept.astype(logits.dtype)


def _kept(cache: SigmoidBinaryCrossEntropyCache) -> int:
    """Count the elements that the mask keeps."""
    return cache.probs.size if cache.mask is None else int(cache.mask.sum())
