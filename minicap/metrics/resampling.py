"""What a corpus metric needs of each image, so that it can be computed again for many sets of images at once.

A corpus metric is a function of sums over the images: BLEU of its counts, METEOR of its alignments, a mean of
a sum and a number. Drawing images with replacement gives each a weight, how often it was drawn, so a thousand
samples are one product of matrices, (samples, N) @ (N, K), and one call of the function.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from minicap._types import Array, Rng
from minicap.metrics._pairs import Tokens, check_pairs
from minicap.metrics.bleu import bleu_counts, bleu_from_rows

CHUNK = 1_000_000  # weights held at once


class Statistics(NamedTuple):
    """A corpus metric: a row (K,) an image, and the metric as a function of sums of rows, (..., K) to (...)."""

    rows: Array
    score: Callable[[Array], Array]


def mean_statistics(values: ArrayLike) -> Statistics:
    """Return a metric that is the mean of the images' values, as ROUGE-L, CIDEr and exact match are.

    CIDEr's document frequencies are held fixed: other images change which are drawn, not what a word weighs.

    Parameters
    ----------
    values : array_like of shape (N,)

    Returns
    -------
    Statistics

    Raises
    ------
    ValueError
        If there is no value, or one is not finite.
    """
    column = np.asarray(values, np.float64)
    if column.ndim != 1 or not column.size:
        raise ValueError(f"mean_statistics: values is {column.shape}; (N,), one a picture, is needed")
    if not np.isfinite(column).all():
        raise ValueError(f"mean_statistics: values[{np.flatnonzero(~np.isfinite(column))[0]}] is not finite")
    return Statistics(np.stack([column, np.ones_like(column)], axis=1), _mean)


def bleu_statistics(
    hypotheses: Sequence[Tokens], references: Sequence[Sequence[Tokens]], max_n: int = 4
) -> dict[str, Statistics]:
    """Return BLEU-1 to BLEU-N, as ``bleu_1`` and so on.

    Parameters
    ----------
    hypotheses : sequence of token lists
        One caption a picture.
    references : sequence of lists of token lists
        At least one reference a picture.
    max_n : int
        The longest n-gram.

    Returns
    -------
    dict of Statistics

    Raises
    ------
    ValueError
        As ``corpus_bleu``.
    """
    check_pairs("bleu_statistics", hypotheses, references)
    rows = bleu_counts(hypotheses, references, max_n).astype(np.float64)
    return {f"bleu_{n}": Statistics(rows, _bleu(n)) for n in range(1, max_n + 1)}


def images_drawn(n_images: int, n: int, rng: Rng) -> Iterator[Array]:
    """Yield how often each image is drawn in ``n`` samples with replacement, some samples at a time.

    Parameters
    ----------
    n_images : int
    n : int
    rng : Generator

    Yields
    ------
    Array
        float64, (samples, N); a row sums to N.
    """
    for size in _blocks(n_images, n):
        drawn = rng.integers(n_images, size=(size, n_images)) + n_images * np.arange(size)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=size * n_images)
        yield counts.reshape(size, n_images).astype(np.float64)


def coins_tossed(n_images: int, n: int, rng: Rng) -> Iterator[Array]:
    """Yield for each image whether the systems change places, 0 or 1, in ``n`` samples, some at a time.

    Parameters
    ----------
    n_images : int
    n : int
    rng : Generator

    Yields
    ------
    Array
        float64, (samples, N).
    """
    for size in _blocks(n_images, n):
        yield rng.integers(2, size=(size, n_images), dtype=np.int8).astype(np.float64)


def _blocks(n_images: int, n: int) -> Iterator[int]:
    """Yield sizes that sum to ``n``, each small enough."""
    at_once = max(1, CHUNK // n_images)
    for start in range(0, n, at_once):
        yield min(at_once, n - start)


def _mean(sums: Array) -> Array:
    """Return the mean of sums of ``mean_statistics``' rows."""
    return sums[..., 0] / sums[..., 1]


def _bleu(n: int) -> Callable[[Array], Array]:
    """Return BLEU-n of sums of rows."""
    return lambda sums: bleu_from_rows(sums)[..., n - 1]
