"""How well tags are ranked, chosen and covered: average precision, precision, recall and F1."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from minicap._types import Array


class MeanAveragePrecision(NamedTuple):
    """The mean over the tags with a positive, and every tag's own (K,), NaN for a tag without one."""

    map: float
    per_tag: Array


class PrecisionRecallF1(NamedTuple):
    """Micro averages (all decisions pooled) by their plain names, macro ones (mean over tags) marked so."""

    precision: float
    recall: float
    f1: float
    macro_precision: float
    macro_recall: float
    macro_f1: float


def average_precision(scores: ArrayLike, truth: ArrayLike) -> float:
    """Return the area under one tag's precision-recall curve, as scikit-learn computes it.

        AP = sum_n (R_n - R_{n-1}) P_n

    over the thresholds n, one at each distinct score, where R_n and P_n are recall and precision of the
    pictures that score at least so much; equal scores enter together. Recall moves by 1/P at each of the P
    positives, so the sum is a mean over them:

        AP = mean over the positives of (positives scored at least as high) / (pictures scored at least as high)

    Parameters
    ----------
    scores : array_like of shape (N,)
        How sure the model is of the tag; logits and probabilities rank alike.
    truth : array_like of shape (N,)
        Whether each picture has the tag: bool, or 0 and 1.

    Returns
    -------
    float
        In 0..1; the share of positives is what chance gives.

    Raises
    ------
    ValueError
        If the two do not pair up, there is no picture, a score is NaN, or no picture has the tag.

    References
    ----------
    M. Zhu: Recall, precision and average precision. University of Waterloo, 2004.
    """
    values, has = np.asarray(scores), np.asarray(truth)
    if values.ndim != 1 or values.shape != has.shape:
        raise ValueError(
            f"average_precision: scores is {values.shape}, truth {has.shape}; each is (N,), one a picture"
        )
    values, has = _numbers("average_precision", values), _flags("average_precision", "truth", has)
    if not has.any():
        raise ValueError("average_precision: no picture has the tag; at least one positive is needed")
    return _area(values, has)


def mean_average_precision(scores: ArrayLike, truth: ArrayLike) -> MeanAveragePrecision:
    """Return the mean of the tags' average precisions, over the tags that some picture has.

    Parameters
    ----------
    scores : array_like of shape (N, K)
        Of each picture and tag; pictures are ranked within a tag, never across tags.
    truth : array_like of shape (N, K)
        Bool, or 0 and 1.

    Returns
    -------
    MeanAveragePrecision
        ``map``, and ``per_tag`` (K,) in float64: NaN for a tag without a positive.

    Raises
    ------
    ValueError
        If the two do not pair up, there is no picture, a score is NaN, or no picture has any tag.
    """
    who = "mean_average_precision"
    values, has = _tables(who, "scores", scores, truth)
    values, has = _numbers(who, values), _some(who, _flags(who, "truth", has))
    per_tag = np.full(has.shape[1], np.nan)
    for tag in np.flatnonzero(has.any(axis=0)):
        per_tag[tag] = _area(values[:, tag], has[:, tag])
    return MeanAveragePrecision(float(np.nanmean(per_tag)), per_tag)


def precision_recall_f1(predicted: ArrayLike, truth: ArrayLike) -> PrecisionRecallF1:
    """Return how many of the chosen tags are right, how many of the right ones are chosen, and F1 of the two.

        precision = right / chosen        recall = right / true        F1 = 2 right / (chosen + true)

    Micro averages pool the decisions on all pictures and tags, so that common tags weigh more; macro averages
    are means of the tags' own figures, over the tags that some picture has. A tag that is never chosen has
    precision 0.

    Parameters
    ----------
    predicted, truth : array_like of shape (N, K)
        Bool, or 0 and 1.

    Returns
    -------
    PrecisionRecallF1
        ``precision``, ``recall``, ``f1`` (micro), ``macro_precision``, ``macro_recall``, ``macro_f1``.

    Raises
    ------
    ValueError
        If the two do not pair up, there is no picture, or no picture has any tag.
    """
    chosen, has = _decisions("precision_recall_f1", predicted, truth)
    right, n_chosen, n_true = (x.sum(axis=0) for x in (chosen & has, chosen, has))  # (K,) each
    micro = _shares(right.sum(), n_chosen.sum(), n_true.sum())
    occurring = n_true > 0
    macro = _shares(right[occurring], n_chosen[occurring], n_true[occurring])
    return PrecisionRecallF1(*(float(x.mean()) for x in (*micro, *macro)))


def recalled_tags(predicted: ArrayLike, truth: ArrayLike) -> float:
    """Return the share of the tags in the truth that are ever found: chosen rightly at least once.

    It tells a model that has learnt a few common tags from one that has learnt the vocabulary.

    Parameters
    ----------
    predicted, truth : array_like of shape (N, K)
        Bool, or 0 and 1.

    Returns
    -------
    float
        In 0..1.

    Raises
    ------
    ValueError
        If the two do not pair up, there is no picture, or no picture has any tag.
    """
    chosen, has = _decisions("recalled_tags", predicted, truth)
    return float((chosen & has).any(axis=0).sum() / has.any(axis=0).sum())


def most_frequent_tags(train_truth: ArrayLike) -> Array:
    """Return the scores of somebody who never looks: each tag's share of the training pictures.

    Every picture gets the same ones, ``np.broadcast_to(result, (N, K))``.

    Parameters
    ----------
    train_truth : array_like of shape (N, K)
        The tags of the *training* pictures: bool, or 0 and 1.

    Returns
    -------
    Array
        float64, shape (K,).

    Raises
    ------
    ValueError
        If there is no picture, or the values are no flags.
    """
    has = np.asarray(train_truth)
    if has.ndim != 2 or not has.size:
        raise ValueError(f"most_frequent_tags: train_truth is {has.shape}; one row a picture is needed")
    return _flags("most_frequent_tags", "train_truth", has).mean(axis=0)


def _area(scores: Array, truth: Array) -> float:
    """Return the average precision of a tag that has a positive."""
    positives = np.sort(scores[truth])
    hits = len(positives) - np.searchsorted(positives, positives)
    above = len(scores) - np.searchsorted(np.sort(scores), positives)
    return float((hits / above).mean())


def _shares(right: Array, chosen: Array, true: Array) -> tuple[Array, Array, Array]:
    """Return precision, recall and F1; ``true`` is positive throughout."""
    return right / np.maximum(chosen, 1), right / true, 2 * right / (chosen + true)


def _decisions(who: str, predicted: ArrayLike, truth: ArrayLike) -> tuple[Array, Array]:
    """Return both as bool, or raise where they do not pair up or nothing is there to find."""
    chosen, has = _tables(who, "predicted", predicted, truth)
    return _flags(who, "predicted", chosen), _some(who, _flags(who, "truth", has))


def _tables(who: str, name: str, given: ArrayLike, truth: ArrayLike) -> tuple[Array, Array]:
    """Return both as arrays (N, K), or raise."""
    values, has = np.asarray(given), np.asarray(truth)
    if values.ndim != 2 or values.shape != has.shape:
        raise ValueError(
            f"{who}: {name} is {values.shape}, truth {has.shape}; each is (N, K), a row a picture, a column a tag"
        )
    return values, has


def _numbers(who: str, scores: Array) -> Array:
    """Return the scores, or raise where one cannot be ranked."""
    if scores.dtype.kind not in "fiub":
        raise ValueError(f"{who}: scores is {scores.dtype} but real numbers are needed")
    if np.isnan(scores).any():
        place = ", ".join(map(str, np.argwhere(np.isnan(scores))[0]))
        raise ValueError(f"{who}: scores[{place}] is NaN and has no rank; look for it in the model's weights")
    return scores


def _flags(who: str, name: str, given: Array) -> Array:
    """Return flags as bool, or raise where they are something else."""
    if given.dtype == bool:
        return given
    if given.dtype.kind not in "fiu" or not ((given == 0) | (given == 1)).all():
        raise ValueError(f"{who}: {name} must be bool, or 0 and 1 only; give decisions, not scores")
    return given == 1


def _some(who: str, truth: Array) -> Array:
    """Return the truth, or raise where it holds no tag at all."""
    if not len(truth):
        raise ValueError(f"{who}: no pictures to score; at least one is needed")
    if not truth.any():
        raise ValueError(f"{who}: no picture has any tag; at least one positive is needed")
    return truth
