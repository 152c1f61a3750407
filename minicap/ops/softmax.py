"""Softmax: scores to probabilities."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from minicap._types import Array
from minicap.ops import _check


class SoftmaxCache(NamedTuple):
    """The probabilities, in which the derivative is written."""

    y: Array
    axis: int


class SoftmaxGrads(NamedTuple):
    """Gradient of ``softmax``."""

    dx: Array


def softmax_forward(x: Array, *, axis: int = -1) -> tuple[Array, SoftmaxCache]:
    """Exponentiate and divide by the sum: ``y_i = exp(x_i) / sum_j exp(x_j)`` along an axis.

    Parameters
    ----------
    x : Array, any shape
        Logits; -inf gives probability 0.
    axis : int

    Returns
    -------
    y : Array, like x
        Sums to 1 along ``axis``.
    cache : SoftmaxCache
        ``y`` and ``axis``.

    Raises
    ------
    ValueError
        If ``x`` has no such axis.
    """
    (x,) = _check.floats("softmax", x=x)
    if not -x.ndim <= axis < x.ndim:
        raise ValueError(f"softmax: x {x.shape} has no axis {axis}")
    # Subtracting the maximum changes nothing in exact arithmetic and keeps exp from overflowing.
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    y = e / e.sum(axis=axis, keepdims=True)
    return y, SoftmaxCache(y, axis)


def softmax_backward(dy: Array, cache: SoftmaxCache) -> SoftmaxGrads:
    """Propagate through ``softmax``: ``dx = y * (dy - sum_j dy_j y_j)``.

    From ``dy_j/dx_i = y_j ([i = j] - y_i)``: raising one logit raises its own probability and takes from
    all others in proportion. An upstream of equal entries gives zero, since the sum of y cannot change.

    Parameters
    ----------
    dy : Array, like y
        Upstream gradient.
    cache : SoftmaxCache

    Returns
    -------
    SoftmaxGrads
        dx, like y.

    Raises
    ------
    ValueError, TypeError
        If ``dy`` does not fit the forward's output.
    """
    y, axis = cache
    dy = _check.upstream("softmax", "dy", dy, y.shape, y.dtype)
    return SoftmaxGrads(y * (dy - (dy * y).sum(axis=axis, keepdims=True)))
