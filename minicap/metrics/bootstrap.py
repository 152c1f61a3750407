"""Bootstrap intervals: how much a figure would move had other pictures been drawn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from minicap._types import Array

CHUNK = 1_000_000


class Interval(NamedTuple):
    """The ends of an interval."""

    low: float
    high: float


def bootstrap_interval(
    values: ArrayLike,
    statistic: Callable[..., Any] = np.mean,
    level: float = 0.95,
    n: int = 1000,
    seed: int = 0,
) -> Interval:
    """Return the percentile bootstrap interval of a statistic of independent rows.

    Rows are drawn with replacement ``n`` times; the interval holds the middle ``level`` of the statistics.

    Parameters
    ----------
    values : array_like of shape (N,) or (N, K)
        One row a picture.
    statistic : callable
        ``statistic(samples, axis=1)`` takes (B, N) or (B, N, K) and returns (B,): one figure a sample.
    level : float
        The share of resampled figures between the two ends, in 0..1.
    n : int
        How many samples to draw.
    seed : int
        Seeds the draws.

    Returns
    -------
    Interval
        ``low`` and ``high``.

    Raises
    ------
    ValueError
        If there are no values, one is not finite, or ``level`` or ``n`` is out of range.

    References
    ----------
    B. Efron: Bootstrap methods: another look at the jackknife. Annals of Statistics 7(1), 1979.
    """
    rows = np.asarray(values, dtype=np.float64)
    if rows.ndim == 0 or not len(rows):
        raise ValueError("bootstrap_interval: values is empty; at least one picture is needed")
    if not np.isfinite(rows).all():
        raise ValueError(f"bootstrap_interval: values[{np.argwhere(~np.isfinite(rows))[0][0]}] is not finite")
    if not 0 < level < 1 or n < 1:
        raise ValueError(
            f"bootstrap_interval: level is {level}, n is {n}; 0 < level < 1 and n >= 1 are needed"
        )
    rng = np.random.default_rng(seed)
    at_once = max(1, CHUNK // len(rows))
    figures: list[Array] = []
    for start in range(0, n, at_once):
        drawn = rng.integers(len(rows), size=(min(at_once, n - start), len(rows)))
        figures.append(np.asarray(statistic(rows[drawn], axis=1)))
    low, high = np.quantile(np.concatenate(figures), [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high))
