"""Embedding: one learned vector a word."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from minicap import kernels
from minicap._types import Array
from minicap.ops import _check


class EmbeddingCache(NamedTuple):
    """Which rows were read, and of how many."""

    ids: Array
    w_shape: tuple[int, int]
    dtype: np.dtype


class EmbeddingGrads(NamedTuple):
    """Gradient of ``embedding``; ids are no numbers to move and have none."""

    dw: Array


def embedding_forward(ids: Array, w: Array) -> tuple[Array, EmbeddingCache]:
    """Look up the row of each id: ``y[...] = w[ids[...]]``.

    Parameters
    ----------
    ids : Array of int, any shape (...)
        Word ids, 0 to V - 1.
    w : Array, (V, D)
        One vector a word.

    Returns
    -------
    y : Array, (..., D)
    cache : EmbeddingCache
        The ids and the shape of ``w``.

    Raises
    ------
    ValueError
        If an id is outside 0 to V - 1.
    TypeError
        If ids are not integers.
    """
    (w,) = _check.floats("embedding", w=w)
    _check.ndim("embedding", "w", w, "(V, D)")
    ids = _check.ids("embedding", "ids", ids, w.shape[0], "V")
    return w[ids], EmbeddingCache(ids, w.shape, w.dtype)


def embedding_backward(dy: Array, cache: EmbeddingCache) -> EmbeddingGrads:
    """Add each upstream to the row it came from: ``dw[ids[...]] += dy[...]``.

    A word that occurs twice was used twice, so its row collects both.

    Parameters
    ----------
    dy : Array, (..., D)
        Upstream gradient.
    cache : EmbeddingCache

    Returns
    -------
    EmbeddingGrads
        dw (V, D).

    Raises
    ------
    ValueError, TypeError
        If ``dy`` does not fit the forward's output.
    """
    rows, width = cache.w_shape
    dy = _check.upstream("embedding", "dy", dy, (*cache.ids.shape, width), cache.dtype)
    flat_ids = np.ascontiguousarray(cache.ids.reshape(-1))
    flat_dy = np.ascontiguousarray(dy.reshape(flat_ids.size, width))
    return EmbeddingGrads(kernels.embedding.embedding_backward(flat_dy, flat_ids, rows))
