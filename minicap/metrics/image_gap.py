"""Does the model look? A caption's loss with the wrong picture, minus its loss with the right one."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from minicap._types import Array
from minicap.metrics.bootstrap import bootstrap_interval


class ImageGap(NamedTuple):
    """The gap in nats a word, and its bootstrap interval."""

    gap: float
    low: float
    high: float


def image_gap(
    matched: ArrayLike,
    shuffled: ArrayLike,
    words: ArrayLike | None = None,
    *,
    level: float = 0.95,
    n: int = 1000,
    seed: int = 0,
) -> ImageGap:
    """Return how many nats a word the right picture saves: ``(sum shuffled - sum matched) / sum words``.

    A model that ignores its picture has a gap of 0.

    Parameters
    ----------
    matched, shuffled : array_like of shape (N,)
        The loss of each caption with its own picture and with another's, in nats: of the whole caption
        where ``words`` is given, a word otherwise.
    words : array_like of shape (N,), optional
        Words in each caption, the end token among them; without it every caption counts alike.
    level, n, seed
        As for ``bootstrap_interval``; captions are drawn in pairs.

    Returns
    -------
    ImageGap

    Raises
    ------
    ValueError
        If the shapes differ, there is no caption, or one has no words.
    """
    right, wrong = np.asarray(matched, np.float64), np.asarray(shuffled, np.float64)
    weights = np.ones_like(right) if words is None else np.asarray(words, np.float64)
    if right.ndim != 1 or right.shape != wrong.shape or right.shape != weights.shape:
        raise ValueError(
            f"image_gap: matched is {right.shape}, shuffled {wrong.shape}, words {weights.shape}; "
            "each is (N,), one number a caption"
        )
    if right.size and weights.min() <= 0:
        raise ValueError(
            f"image_gap: words[{int(weights.argmin())}] is {weights.min():g}; 1 or more is needed"
        )
    rows = np.stack([wrong - right, weights], axis=1)  # (N, 2)
    interval = bootstrap_interval(rows, _ratio, level, n, seed)
    return ImageGap(float(rows[:, 0].sum() / weights.sum()), *interval)


def _ratio(rows: Array, axis: int) -> Array:
    """Return the summed differences over the summed words."""
    sums = rows.sum(axis=axis)
    return sums[..., 0] / sums[..., 1]
