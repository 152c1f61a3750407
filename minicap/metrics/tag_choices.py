"""From scores or lists of tags to choices, and how right they are, tag by tag and over all.

A model that scores every tag chooses by a threshold or takes the k best. One that writes tags as a sequence
names some, in an order: read as a set the order is ignored, and the k best are the first k.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from minicap._types import Array
from minicap.metrics._pairs import check_ids, name_of, shown
from minicap.metrics.tagging import PrecisionRecallF1, precision_recall_f1, recalled_tags


class PerTag(NamedTuple):
    """Precision, recall and F1 of each tag (K,), NaN for a tag without a positive, and its positives (K,)."""

    precision: Array
    recall: Array
    f1: Array
    support: Array


class TagListScore(NamedTuple):
    """Scores of lists of tags: over all, tag by tag in the order of ``tags``, and two shares.

    ``recalled`` is the share of true tags that are ever found, ``exact`` of pictures whose tags are all right.
    """

    overall: PrecisionRecallF1
    per_tag: PerTag
    tags: tuple[str, ...]
    recalled: float
    exact: float


def choose_above(scores: ArrayLike, threshold: float = 0.5) -> Array:
    """Choose every tag that scores at least ``threshold``.

    Parameters
    ----------
    scores : array_like of shape (N, K)
    threshold : float
        0.5 for probabilities, 0 for logits.

    Returns
    -------
    Array
        bool, (N, K).

    Raises
    ------
    ValueError
        If ``scores`` is no table, or holds a NaN.
    """
    return _table("choose_above", scores) >= threshold


def choose_top_k(scores: ArrayLike, k: int) -> Array:
    """Choose the ``k`` tags of each picture that score highest, the first of equal ones.

    Parameters
    ----------
    scores : array_like of shape (N, K)
    k : int
        From 1 to K.

    Returns
    -------
    Array
        bool, (N, K), ``k`` a row.

    Raises
    ------
    ValueError
        If ``scores`` is no table or holds a NaN, or ``k`` is out of range.
    """
    values = _table("choose_top_k", scores)
    if not 1 <= k <= values.shape[1]:
        raise ValueError(
            f"choose_top_k: k is {k} but there are {values.shape[1]} tags; 1 to so many are needed"
        )
    best = np.argsort(-values, axis=1, kind="stable")[:, :k]
    chosen = np.zeros(values.shape, bool)
    np.put_along_axis(chosen, best, True, axis=1)
    return chosen


def per_tag_scores(predicted: ArrayLike, truth: ArrayLike) -> PerTag:
    """Return precision, recall and F1 of each tag.

    Parameters
    ----------
    predicted, truth : array_like of shape (N, K)
        Bool, or 0 and 1.

    Returns
    -------
    PerTag
        A tag that is never chosen has precision 0; one without a positive has NaN throughout, so that
        ``np.nanmean`` gives the macro averages of ``precision_recall_f1``.

    Raises
    ------
    ValueError
        As ``precision_recall_f1``.
    """
    precision_recall_f1(predicted, truth)  # it checks both
    chosen, has = np.asarray(predicted) == 1, np.asarray(truth) == 1
    right, n_chosen, support = (x.sum(axis=0) for x in (chosen & has, chosen, has))  # (K,) each
    without = support == 0
    precision = np.where(without, np.nan, right / np.maximum(n_chosen, 1))
    recall = np.where(without, np.nan, right / np.maximum(support, 1))
    f1 = np.where(without, np.nan, 2 * right / np.maximum(n_chosen + support, 1))
    return PerTag(precision, recall, f1, support)


def tag_table(lists: Sequence[Sequence[str]], tags: Sequence[str], *, k: int | None = None) -> Array:
    """Return which tags each list names.

    Parameters
    ----------
    lists : sequence of lists of str
        A list a picture; a tag said twice counts once.
    tags : sequence of str
        The tags, each once: the columns.
    k : int, optional
        Only the first ``k`` different tags of each list.

    Returns
    -------
    Array
        bool, (N, K).

    Raises
    ------
    ValueError
        If a list is none, names a tag that is not in ``tags``, or a tag stands twice there.
    """
    return _ranked("tag_table", lists, tags, k) > 0


def sequence_scores(sequences: Sequence[Sequence[str]], tags: Sequence[str]) -> Array:
    """Return scores that rank the tags of a sequence by where they stand: 1, 1/2, 1/3, ..., and 0 for the others.

    So average precision can be asked of a model that writes tags.

    Parameters
    ----------
    sequences : sequence of lists of str
    tags : sequence of str

    Returns
    -------
    Array
        float64, (N, K).

    Raises
    ------
    ValueError
        As ``tag_table``.
    """
    return _ranked("sequence_scores", sequences, tags, None)


def score_tag_lists(
    predicted: Sequence[Sequence[str]],
    truth: Sequence[Sequence[str]],
    *,
    k: int | None = None,
    ids: Sequence[Hashable] | None = None,
) -> TagListScore:
    """Score lists of tags as sets.

    Parameters
    ----------
    predicted : sequence of lists of str
        The tags of each picture, in the order the model says them; an unknown tag is a wrong one.
    truth : sequence of lists of str
    k : int, optional
        Score only the first ``k`` different tags of each prediction.
    ids : sequence, optional
        What a message calls the pictures.

    Returns
    -------
    TagListScore

    Raises
    ------
    ValueError
        If the two do not pair up, a list is none, or no picture has any tag.
    """
    who = "score_tag_lists"
    if len(predicted) != len(truth):
        raise ValueError(
            f"{who}: {len(predicted)} predictions but {len(truth)} lists of true tags; one a picture"
        )
    check_ids(who, len(truth), ids)
    for what, lists in (("predicted", predicted), ("truth", truth)):
        for i, several in enumerate(lists):
            _check_list(who, f"{what}[{i}]{name_of(i, ids)}", several)
    tags = sorted({tag for several in (*predicted, *truth) for tag in several})
    chosen, has = tag_table(predicted, tags, k=k), tag_table(truth, tags)
    overall = precision_recall_f1(chosen, has)
    exact = float((chosen == has).all(axis=1).mean())
    return TagListScore(overall, per_tag_scores(chosen, has), tuple(tags), recalled_tags(chosen, has), exact)


def _ranked(who: str, lists: Sequence[Sequence[str]], tags: Sequence[str], k: int | None) -> Array:
    """Return 1 / (1 + place) of each tag in each list (N, K), 0 where it is not among the first ``k``."""
    columns = {tag: column for column, tag in enumerate(tags)}
    if len(columns) < len(tags):
        raise ValueError(f"{who}: a tag stands twice in tags")
    if k is not None and k < 1:
        raise ValueError(f"{who}: k is {k} but at least 1 is needed")
    table = np.zeros((len(lists), len(tags)))
    for i, several in enumerate(lists):
        _check_list(who, f"lists[{i}]", several)
        for place, tag in enumerate(list(dict.fromkeys(several))[:k]):
            if tag not in columns:
                raise ValueError(f"{who}: lists[{i}] names {tag!r:.40}, which is not among the tags")
            table[i, columns[tag]] = 1 / (1 + place)
    return table


def _check_list(who: str, what: str, several: Sequence[str]) -> None:
    """Raise ValueError unless this is a list of texts."""
    if isinstance(several, str) or not hasattr(several, "__len__"):
        raise ValueError(f"{who}: {what} is {shown(several)}; a list of tags is needed")
    for tag in several:
        if not isinstance(tag, str):
            raise ValueError(f"{who}: {what} holds {shown(tag)}, which is no text")


def _table(who: str, scores: ArrayLike) -> Array:
    """Return scores as an array (N, K), or raise."""
    values = np.asarray(scores)
    if values.ndim != 2 or values.dtype.kind not in "fiub":
        raise ValueError(f"{who}: scores is {values.dtype} {values.shape}; numbers (N, K) are needed")
    if np.isnan(values).any():
        raise ValueError(f"{who}: scores[{', '.join(map(str, np.argwhere(np.isnan(values))[0]))}] is NaN")
    return values.astype(np.float64)
