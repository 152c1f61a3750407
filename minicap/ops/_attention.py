"""What the attentions share: who may look where, and a softmax that leaves the rest out."""

from __future__ import annotations

import numpy as np

from minicap._types import Array


def may_look(mask: Array | None, causal: bool, queries: int, keys: int) -> Array | None:
    """Join a mask and the causal rule into one array that broadcasts to (..., Tq, Tk); None = all see all.

    The causal rule lets query i see key j where ``j <= i + (Tk - Tq)``: the last query sees the last key.
    """
    if mask is not None:
        mask = np.atleast_2d(mask)
    if not causal:
        return mask
    past = np.tri(queries, keys, keys - queries, dtype=bool)
    return past if mask is None else mask & past


def seen_by_any(allowed: Array | None) -> Array | None:
    """Return which keys (..., Tk) at least one query may see; None = all."""
    return None if allowed is None else np.logical_or.reduce(allowed, axis=-2)


def blank(x: Array, seen: Array | None) -> Array:
    """Return x (..., T, D) with zeros where ``seen`` (..., T) is False.

    A weight of 0 does not keep everything out: 0 * NaN is NaN.
    """
    return x if seen is None else np.where(seen[..., None], x, 0)


def softmax_where(scores: Array, allowed: Array | None) -> Array:
    """Return the softmax along the last axis over the allowed scores; a row without any is all zeros."""
    if allowed is not None:
        scores = np.where(allowed, scores, -np.inf)
    top = scores.max(axis=-1, keepdims=True, initial=-np.inf)
    # In a row without any the maximum is -inf itself, and -inf - -inf would be NaN.
    e = np.exp(scores - np.where(np.isneginf(top), 0, top))
    # The largest allowed score has e = 1, so a sum below 1 is the sum of nothing.
    return e / np.maximum(e.sum(axis=-1, keepdims=True), 1)
