"""Which entries of a large array to look at."""

from __future__ import annotations

import numpy as np

from minicap._types import Array, Rng


def stratified(gradient: Array, count: int, rng: Rng) -> Array:
    """Choose up to ``count`` entries that leave no row, channel or time step out.

    Half of them visit every index of every axis that is short enough; the rest are drawn where the analytic
    gradient is not zero (an embedding's gradient is mostly zeros), its largest entry always among them.

    Parameters
    ----------
    gradient : ndarray
        The analytic gradient.
    count : int
        How many entries to choose.
    rng : numpy.random.Generator
        Where the draws come from.

    Returns
    -------
    ndarray of int64
        Sorted positions in the flattened array, without repetition.
    """
    half = max(1, count // 2)
    spread = np.ravel_multi_index(
        [_every_index(length, half, rng) for length in gradient.shape], gradient.shape
    )
    active = np.flatnonzero(gradient)
    drawn = rng.choice(active, min(max(0, count - half - 1), active.size), replace=False)
    return np.unique(np.concatenate([[int(np.argmax(np.abs(gradient)))], spread, drawn]).astype(np.int64))


def _every_index(length: int, count: int, rng: Rng) -> Array:
    """Return ``count`` indices of an axis, each used before any is used again."""
    rounds = -(-count // length)
    return np.concatenate([rng.permutation(length) for _ in range(rounds)])[:count]
