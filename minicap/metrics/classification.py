"""How often a classifier is right, and what it takes for what."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from minicap._types import Array


def accuracy(predicted: ArrayLike, labels: ArrayLike) -> float:
    """Return the share of pictures whose class was found.

    Parameters
    ----------
    predicted, labels : array_like of shape (N,)
        The class of each picture as the model sees it, and its true class; whole numbers.

    Returns
    -------
    float
        In 0..1.

    Raises
    ------
    ValueError
        If the two do not pair up, there is no picture, or a class is no whole number.
    """
    found, true = _pairs("accuracy", predicted, labels)
    return float((found == true).mean())


def confusion_matrix(predicted: ArrayLike, labels: ArrayLike, classes: int) -> Array:
    """Count which class was taken for which.

        confusion[i, j] = pictures of class i that were called j

    Parameters
    ----------
    predicted, labels : array_like of shape (N,)
        Whole numbers from 0 to ``classes - 1``.
    classes : int
        How many classes there are, K.

    Returns
    -------
    Array
        int64, shape (K, K): a row for each true class, a column for each predicted one.

    Raises
    ------
    ValueError
        If the two do not pair up, there is no picture, or a class is out of range.
    """
    found, true = _pairs("confusion_matrix", predicted, labels)
    for name, ids in (("predicted", found), ("labels", true)):
        outside = np.flatnonzero((ids < 0) | (ids >= classes))
        if outside.size:
            i = outside[0]
            raise ValueError(
                f"confusion_matrix: {name}[{i}] is {ids[i]}, but {classes} classes are numbered from 0 to {classes - 1}"
            )
    # One number for each cell, so that counting the cells is counting the numbers.
    cells = true.astype(np.int64) * classes + found.astype(np.int64)
    return np.bincount(cells, minlength=classes * classes).astype(np.int64).reshape(classes, classes)


def per_class_accuracy(confusion: ArrayLike) -> Array:
    """Return the share of each class's pictures that were found, which is the class's recall.

    A class without pictures has no accuracy: its entry is NaN, so that it can be taken neither for a class
    that is always missed nor for one that is always found. ``np.nanmean`` of the result is the balanced
    accuracy.

    Parameters
    ----------
    confusion : array_like of shape (K, K)
        Counts, as ``confusion_matrix`` gives them.

    Returns
    -------
    Array
        float64, shape (K,).

    Raises
    ------
    ValueError
        If the counts are no square, or one is negative.

    References
    ----------
    K. H. Brodersen et al.: The balanced accuracy and its posterior distribution. ICPR 2010.
    """
    counts = np.asarray(confusion)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1] or not counts.size:
        raise ValueError(f"per_class_accuracy: confusion is {counts.shape} but (K, K) is needed")
    if counts.min() < 0:
        raise ValueError(f"per_class_accuracy: confusion holds {counts.min()}, but a count is 0 or more")
    pictures = counts.sum(axis=1)  # (K,)
    shares = np.full(len(counts), np.nan)
    return np.divide(np.diagonal(counts), pictures, out=shares, where=pictures > 0)


def _pairs(who: str, predicted: ArrayLike, labels: ArrayLike) -> tuple[Array, Array]:
    """Return both as arrays, or raise where they cannot be compared."""
    found, true = np.asarray(predicted), np.asarray(labels)
    if found.ndim != 1 or found.shape != true.shape:
        raise ValueError(
            f"{who}: predicted is {found.shape}, labels {true.shape}; each is (N,), one class a picture"
        )
    if not found.size:
        raise ValueError(f"{who}: no pictures to score; at least one is needed")
    for name, ids in (("predicted", found), ("labels", true)):
        if ids.dtype.kind not in "iu":
            raise ValueError(f"{who}: {name} is {ids.dtype} but whole numbers are needed; give class ids")
    return found, true
