"""Sums over many numbers, in which float32 alone would lose digits."""

from __future__ import annotations

import numpy as np

from minicap._types import Array


def channel_sums(x: Array) -> Array:
    """Add up every channel over the batch and its pixels: the gradient of a bias.

    Parameters
    ----------
    x : (N, C, S), S pixels in a row

    Returns
    -------
    sums : (C,)
    """
    return x.sum(axis=(0, 2), dtype=np.float64).astype(x.dtype)


def row_means(x: Array) -> Array:
    """Average every row.

    Parameters
    ----------
    x : (M, S), S at least 1

    Returns
    -------
    means : (M,)
    """
    return x.mean(axis=1, dtype=np.float64).astype(x.dtype)
