"""Multi-head attention, the transformer's: several scaled dot products side by side."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from minicap._types import Array
from minicap.ops import _check
from minicap.ops._attention import blank, may_look, seen_by_any
from minicap.ops.dot_product import (
    ScaledDotProductAttentionCache,
    scaled_dot_product_attention_backward,
    scaled_dot_product_attention_forward,
)
from minicap.ops.linear import LinearCache, linear_backward, linear_forward


class MultiHeadAttentionCache(NamedTuple):
    """The inputs and everything on the way; what no query may see is zero in k and v.

    ``queries`` (N, heads, Tq, A / heads), ``keys`` and ``values`` are the projections, split into heads;
    ``merged`` (N, Tq, B) is what the heads found, side by side.
    """

    q: Array
    k: Array
    v: Array
    w_q: Array
    w_k: Array
    w_v: Array
    w_o: Array
    queries: Array
    keys: Array
    values: Array
    weights: Array
    merged: Array


class MultiHeadAttentionGrads(NamedTuple):
    """Gradients of ``multi_head_attention``, shaped like its arguments."""

    dq: Array
    dk: Array
    dv: Array
    dw_q: Array
    dw_k: Array
    dw_v: Array
    dw_o: Array
    db_q: Array
    db_k: Array
    db_v: Array
    db_o: Array


def multi_head_attention_forward(
    q: Array,
    k: Array,
    v: Array,
    w_q: Array,
    w_k: Array,
    w_v: Array,
    w_o: Array,
    b_q: Array,
    b_k: Array,
    b_v: Array,
    b_o: Array,
    *,
    heads: int,
    mask: Array | None = None,
    causal: bool = False,
) -> tuple[tuple[Array, Array], MultiHeadAttentionCache]:
    """Attend several times at once, each head in its own projection.

    ::

        queries, keys, values = q @ w_q + b_q, k @ w_k + b_k, v @ w_v + b_v
        head_i = scaled_dot_product_attention(block i of each)      blocks of columns, one a head
        y = [head_1, ..., head_heads] @ w_o + b_o

    Self-attention is ``q = k = v``; then the gradient of that one input is ``dq + dk + dv``.

    Parameters
    ----------
    q : Array, (N, Tq, D)
        What asks.
    k : Array, (N, Tk, Dk)
        What is asked; Dk and Dv may differ from D.
    v : Array, (N, Tk, Dv)
        What it answers.
    w_q : Array, (D, A)
    w_k : Array, (Dk, A)
    w_v : Array, (Dv, B)
    w_o : Array, (B, O)
    b_q, b_k : Array, (A,)
        ``b_k`` adds the same to all scores of a query, so it has no effect and its gradient is 0.
    b_v : Array, (B,)
    b_o : Array, (O,)
    heads : int
        How many; A and B are multiples of it.
    mask : Array of bool, (N, Tk) or (N, Tq, Tk), optional
        True = the key may be seen: by every query, or by each its own; the same for all heads. What a key
        and value hold that no query may see does not matter, be it NaN.
    causal : bool
        As in ``scaled_dot_product_attention_forward``. A query that sees nothing gets ``y = b_o``.

    Returns
    -------
    y : Array, (N, Tq, O)
    weights : Array, (N, heads, Tq, Tk)
    cache : MultiHeadAttentionCache
        Inputs, projections, weights and what the heads found.

    Raises
    ------
    ValueError
        If the shapes do not fit, or heads does not divide A and B.
    TypeError
        If the dtypes are not all float32 or all float64, or the mask is not bool.

    References
    ----------
    Vaswani et al., "Attention is all you need" (2017), section 3.2.2 (their h is our heads, d_model our D
    and O, d_k our A / heads, d_v our B / heads; their W^Q_i is block i of the columns of our w_q, W^K and
    W^V likewise, W^O our w_o; they have no biases).
    """
    q, k, v, w_q, w_k, w_v, w_o, b_q, b_k, b_v, b_o = _check.floats(
        "multi_head_attention",
        q=q, k=k, v=v, w_q=w_q, w_k=w_k, w_v=w_v, w_o=w_o, b_q=b_q, b_k=b_k, b_v=b_v, b_o=b_o,
    )  # fmt: skip
    _check_inputs(q, k, v)
    _check_parameters(q, k, v, heads, w_q=w_q, w_k=w_k, w_v=w_v, w_o=w_o, b_q=b_q, b_k=b_k, b_v=b_v, b_o=b_o)
    allowed = may_look(
        _check_mask(mask, q, k), causal, q.shape[1], k.shape[1]
    )  # (N, Tq, Tk), or what fits it
    seen = seen_by_any(allowed)  # (N, Tk)
    k, v = blank(k, seen), blank(v, seen)
    queries = split_heads(linear_forward(q, w_q, b_q)[0], heads)  # (N, heads, Tq, A / heads)
    keys = split_heads(linear_forward(k, w_k, b_k)[0], heads)  # (N, heads, Tk, A / heads)
    values = split_heads(linear_forward(v, w_v, b_v)[0], heads)  # (N, heads, Tk, B / heads)
    every_head = None if allowed is None else np.expand_dims(allowed, -3)  # (N, 1, Tq, Tk)
    (found, weights), inner = scaled_dot_product_attention_forward(queries, keys, values, mask=every_head)
    merged = merge_heads(found)  # (N, Tq, B)
    y, _ = linear_forward(merged, w_o, b_o)
    return (y, weights), MultiHeadAttentionCache(q, k, v, w_q, w_k, w_v, w_o, *inner, merged)


def multi_head_attention_backward(
    dy: Array, dweights: Array, cache: MultiHeadAttentionCache
) -> MultiHeadAttentionGrads:
    """Propagate through ``multi_head_attention``: the backwards of its parts, in reverse.

    Splitting and merging only move numbers, so the backward of one is the other. The parts are ``linear``
    and ``scaled_dot_product_attention``; nothing new is derived here, but for one sum that is known::

        db_k = sum_i (sum_j dscores_ij) q_i / sqrt(D) = 0        a softmax's dscores sum to 0 in every row i

    Parameters
    ----------
    dy : Array, (N, Tq, O)
        Upstream gradient of y.
    dweights : Array, (N, heads, Tq, Tk)
        Upstream gradient of the weights themselves: zeros, unless the loss reads them.
    cache : MultiHeadAttentionCache

    Returns
    -------
    MultiHeadAttentionGrads
        dq (N, Tq, D), dk (N, Tk, Dk), dv (N, Tk, Dv), dw_q (D, A), dw_k (Dk, A), dw_v (Dv, B), dw_o (B, O),
        db_q (A,), db_k (A,), db_v (B,), db_o (O,).

    Raises
    ------
    ValueError, TypeError
        If an upstream gradient does not fit the forward's output.
    """
    q, k, v, w_q, w_k, w_v, w_o, *inner, merged = cache
    weights = cache.weights
    op, heads = "multi_head_attention", weights.shape[1]
    dy = _check.upstream(op, "dy", dy, (*q.shape[:2], w_o.shape[1]), q.dtype)
    dweights = _check.upstream(op, "dweights", dweights, weights.shape, q.dtype)
    out = linear_backward(dy, LinearCache(merged, w_o))
    dfound = split_heads(out.dx, heads)  # (N, heads, Tq, B / heads)
    inside = scaled_dot_product_attention_backward(dfound, dweights, ScaledDotProductAttentionCache(*inner))
    asked = linear_backward(merge_heads(inside.dq), LinearCache(q, w_q))
    keyed = linear_backward(merge_heads(inside.dk), LinearCache(k, w_k))
    valued = linear_backward(merge_heads(inside.dv), LinearCache(v, w_v))
    # Exact, where the sum keyed.db would leave the rounding of terms that cancel: an optimiser that divides by
    # the gradient's own size, as Adam does, would make real steps of it.
    db_k = np.zeros_like(keyed.db)
    return MultiHeadAttentionGrads(
        asked.dx, keyed.dx, valued.dx, asked.dw, keyed.dw, valued.dw, out.dw, asked.db, db_k, valued.db, out.db
    )  # fmt: skip


def split_heads(x: Array, heads: int) -> Array:
    """Return (N, T, A) as (N, heads, T, A / heads): head i owns the i-th block of columns."""
    n, steps, width = x.shape
    return x.reshape(n, steps, heads, width // heads).swapaxes(1, 2)


def merge_heads(x: Array) -> Array:
    """Put the heads (N, heads, T, A / heads) side by side again, (N, T, A)."""
    n, heads, steps, width = x.shape
    return x.swapaxes(1, 2).reshape(n, steps, heads * width)


def _check_inputs(q: Array, k: Array, v: Array) -> None:
    """Raise unless queries, keys and values have fitting batch and time axes."""
    for name, array, letters in [("q", q, "(N, Tq, D)"), ("k", k, "(N, Tk, Dk)"), ("v", v, "(N, Tk, Dv)")]:
        _check.ndim("multi_head_attention", name, array, letters)
    _check.shape("multi_head_attention", "k", k, (q.shape[0], *k.shape[1:]), "(N, Tk, Dk)")
    _check.shape("multi_head_attention", "v", v, (*k.shape[:2], v.shape[2]), "(N, Tk, Dv)")


def _check_parameters(q: Array, k: Array, v: Array, heads: int, **params: Array) -> None:
    """Raise unless weights (in, out), biases and the number of heads fit."""
    op = "multi_head_attention"
    for name in ("w_q", "w_v", "w_o"):
        _check.ndim(op, name, params[name], "(in, out)")
    a, b, o = (params[name].shape[1] for name in ("w_q", "w_v", "w_o"))
    for name, expected, letters in [
        ("w_q", (q.shape[2], a), "(D, A)"),
        ("w_k", (k.shape[2], a), "(Dk, A)"),
        ("w_v", (v.shape[2], b), "(Dv, B)"),
        ("w_o", (b, o), "(B, O)"),
        ("b_q", (a,), "(A,)"),
        ("b_k", (a,), "(A,)"),
        ("b_v", (b,), "(B,)"),
        ("b_o", (o,), "(O,)"),
    ]:
        _check.shape(op, name, params[name], expected, letters)
    if not isinstance(heads, int | np.integer) or heads < 1 or a % heads or b % heads:
        raise ValueError(f"{op}: heads is {heads!r} but a number that divides A = {a} and B = {b} is needed")


def _check_mask(mask: Array | None, q: Array, k: Array) -> Array | None:
    """Return a mask of keys (N, Tk) or of pairs (N, Tq, Tk) as one of pairs, (N, 1 or Tq, Tk)."""
    if mask is None:
        return None
    n, queries, keys = *q.shape[:2], k.shape[1]
    if np.ndim(mask) == 3:
        return _check.mask("multi_head_attention", mask, (n, queries, keys), "(N, Tq, Tk)")
    mask = _check.mask("multi_head_attention", mask, (n, keys), "(N, Tk)")
    return None if mask is None else mask[:, None]  # one for all queries
