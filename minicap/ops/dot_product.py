"""Scaled dot-product attention: queries meet keys, and take the values behind them.

``multi_head`` runs several of them side by side.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from minicap._types import Array
from minicap.ops import _check
from minicap.ops._attention import blank, may_look, seen_by_any, softmax_where
from minicap.ops.softmax import SoftmaxCache, softmax_backward


class ScaledDotProductAttentionCache(NamedTuple):
    """The inputs and the weights (..., Tq, Tk); keys and values that no query may see are zero."""

    q: Array
    k: Array
    v: Array
    weights: Array


class ScaledDotProductAttentionGrads(NamedTuple):
    """Gradients of ``scaled_dot_product_attention``, shaped like its arguments."""

    dq: Array
    dk: Array
    dv: Array


def scaled_dot_product_attention_forward(
    q: Array, k: Array, v: Array, *, mask: Array | None = None, causal: bool = False
) -> tuple[tuple[Array, Array], ScaledDotProductAttentionCache]:
    """Average the values by how well their keys fit each query.

    ::

        scores = q @ k.T / sqrt(D)        a dot product of D terms grows like sqrt(D)
        weights = softmax(scores)         over the keys a query may see
        y = weights @ v

    Parameters
    ----------
    q : Array, (..., Tq, D)
        Queries; the leading axes, if any, are batch axes and the same in q, k and v.
    k : Array, (..., Tk, D)
        Keys.
    v : Array, (..., Tk, Dv)
        Values.
    mask : Array of bool, (..., Tq, Tk) or what broadcasts to it, optional
        True = the query may see the key. Counted from the right, every axis of the mask is as long as
        the one of (..., Tq, Tk) or 1, and axes may be missing on the left: (Tq, Tk), or (Tk,), is the same
        for every row of the batch. So a mask of keys alone, (N, Tk), must come as ``mask[:, None]``,
        (N, 1, Tk). What a key and value hold that no query may see does not matter, be it NaN.
    causal : bool
        Whether query i sees key j only where ``j <= i + (Tk - Tq)``: the ends are aligned, so that a new
        query sees all keys kept from before (PyTorch's ``is_causal`` aligns the beginnings instead). With
        Tq = Tk nobody sees what comes later. With a mask both must allow it. A query that sees nothing has
        zero weights and a zero y.

    Returns
    -------
    y : Array, (..., Tq, Dv)
    weights : Array, (..., Tq, Tk)
        Sum to 1 in every row that sees something.
    cache : ScaledDotProductAttentionCache
        Inputs and weights.

    Raises
    ------
    ValueError
        If the shapes do not fit.
    TypeError
        If the dtypes are not all float32 or all float64, or the mask is not bool.

    References
    ----------
    Vaswani et al., "Attention is all you need" (2017), section 3.2.1, equation 1 (their Q, K, V are our
    q, k, v, d_k our D, d_v our Dv).
    """
    q, k, v = _check.floats("scaled_dot_product_attention", q=q, k=k, v=v)
    mask = _check_dot_product(q, k, v, mask)
    allowed = may_look(mask, causal, q.shape[-2], k.shape[-2])
    seen = seen_by_any(allowed)  # (..., Tk)
    k, v = blank(k, seen), blank(v, seen)
    scores = q @ k.swapaxes(-1, -2) / math.sqrt(q.shape[-1])  # (..., Tq, Tk)
    weights = softmax_where(scores, allowed)
    return (weights @ v, weights), ScaledDotProductAttentionCache(q, k, v, weights)


def scaled_dot_product_attention_backward(
    dy: Array, dweights: Array, cache: ScaledDotProductAttentionCache
) -> ScaledDotProductAttentionGrads:
    """Propagate through ``scaled_dot_product_attention``: the forward's lines upward.

    ::

        dv = weights.T @ dy                     dweights += dy @ v.T         both factors of a product
        dscores = weights * (dweights - sum_j dweights_j weights_j)          softmax
        dq = dscores @ k / sqrt(D)              dk = dscores.T @ q / sqrt(D)

    Where a weight is zero because the pair was not allowed, its score's gradient is zero as well.

    Parameters
    ----------
    dy : Array, (..., Tq, Dv)
        Upstream gradient of y.
    dweights : Array, (..., Tq, Tk)
        Upstream gradient of the weights themselves: zeros, unless the loss reads them.
    cache : ScaledDotProductAttentionCache

    Returns
    -------
    ScaledDotProductAttentionGrads
        dq (..., Tq, D), dk (..., Tk, D), dv (..., Tk, Dv).

    Raises
    ------
    ValueError, TypeError
        If an upstream gradient does not fit the forward's output.
    """
    q, k, v, weights = cache
    op = "scaled_dot_product_attention"
    dy = _check.upstream(op, "dy", dy, (*q.shape[:-1], v.shape[-1]), q.dtype)
    dweights = _check.upstream(op, "dweights", dweights, weights.shape, q.dtype)
    dv = weights.swapaxes(-1, -2) @ dy  # (..., Tk, Dv)
    dweights = dweights + dy @ v.swapaxes(-1, -2)  # (..., Tq, Tk)
    dscores = softmax_backward(dweights, SoftmaxCache(weights, -1)).dx / math.sqrt(q.shape[-1])
    return ScaledDotProductAttentionGrads(dscores @ k, dscores.swapaxes(-1, -2) @ q, dv)


def _check_dot_product(q: Array, k: Array, v: Array, mask: Array | None) -> Array | None:
    """Raise unless queries, keys, values and mask fit each other; return the checked mask."""
    op = "scaled_dot_product_attention"
    if q.ndim < 2 or q.shape[-1] == 0:
        raise ValueError(f"{op}: q is {q.shape} but (..., Tq, D) with D of at least 1 is needed")
    batch, keys = q.shape[:-2], k.shape[-2] if k.ndim > 1 else 0
    _check.shape(op, "k", k, (*batch, keys, q.shape[-1]), "(..., Tk, D)")
    _check.shape(op, "v", v, (*batch, keys, v.shape[-1] if v.ndim else 0), "(..., Tk, Dv)")
    if mask is None:
        return None
    mask, scores = np.asarray(mask), (*batch, q.shape[-2], keys)
    fits = [m in (1, s) for m, s in zip(mask.shape[::-1], scores[::-1], strict=False)]
    if mask.ndim > len(scores) or not all(fits):
        raise ValueError(
            f"{op}: mask is {mask.shape} but a shape that broadcasts to (..., Tq, Tk) = {scores} is needed; "
            "a mask of keys, (N, Tk), comes as mask[:, None]"
        )
    return _check.mask(op, mask, mask.shape, "mask.shape")
