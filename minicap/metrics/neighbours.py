"""Captions borrowed from training pictures that look alike: the baseline that a caption model has to beat.

The nearest picture's caption, or the consensus of the k nearest: of all their captions the one most like the
others, which leaves out what is special about a single picture.

References
----------
J. Devlin, S. Gupta, R. Girshick, M. Mitchell, C. L. Zitnick: Exploring nearest neighbor approaches for image
captioning. 2015. arXiv:1505.04467.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from minicap._types import Array
from minicap.metrics._pairs import Tokens, check_references
from minicap.metrics.bleu import bleu_from_rows, ngrams
from minicap.metrics.cider import SCALE, SIGMA
from minicap.metrics.idf import MAX_N, Gram, Idf

ROWS = 256  # pictures compared with all training pictures at once


def nearest_pictures(features: ArrayLike, train_features: ArrayLike, k: int = 1) -> Array:
    """Return the ``k`` training pictures whose features point most nearly the same way (cosine).

    Parameters
    ----------
    features : array_like of shape (N, E)
        Of the pictures to caption, from any encoder.
    train_features : array_like of shape (M, E)
        Of the training pictures, from the same.
    k : int
        How many; all where there are fewer.

    Returns
    -------
    Array
        int64, (N, min(k, M)), the nearest first.

    Raises
    ------
    ValueError
        If the shapes do not fit, a feature is not finite, or ``k`` is below 1.
    """
    queries, known = (
        _directions(n, f) for n, f in (("features", features), ("train_features", train_features))
    )
    if queries.shape[1] != known.shape[1]:
        raise ValueError(
            f"nearest_pictures: features is {queries.shape}, train_features {known.shape}; (N, E) and (M, E), "
            "from one encoder, are needed"
        )
    if k < 1:
        raise ValueError(f"nearest_pictures: k is {k} but at least 1 is needed")
    k = min(k, len(known))
    found = [_most_alike(queries[i : i + ROWS] @ known.T, k) for i in range(0, len(queries), ROWS)]
    return np.concatenate([np.empty((0, k), np.int64), *found])


def nearest_caption(
    features: ArrayLike, train_features: ArrayLike, train_captions: Sequence[Sequence[Tokens]]
) -> list[list[str]]:
    """Give each picture the first caption of the training picture nearest to it.

    Parameters
    ----------
    features : array_like of shape (N, E)
    train_features : array_like of shape (M, E)
    train_captions : sequence of M lists of token lists
        The references of each training picture.

    Returns
    -------
    list of token lists
        N captions.

    Raises
    ------
    ValueError
        As ``nearest_pictures``, or if the captions do not pair up with ``train_features``.
    """
    _check_captions("nearest_caption", train_features, train_captions)
    nearest = nearest_pictures(features, train_features)[:, 0]
    return [list(train_captions[i][0]) for i in nearest.tolist()]


def consensus_caption(
    features: ArrayLike,
    train_features: ArrayLike,
    train_captions: Sequence[Sequence[Tokens]],
    *,
    k: int = 10,
    similarity: str = "cider",
    idf: Idf | None = None,
) -> list[list[str]]:
    """Give each picture the caption on which its ``k`` nearest training pictures agree most.

    Parameters
    ----------
    features : array_like of shape (N, E)
    train_features : array_like of shape (M, E)
    train_captions : sequence of M lists of token lists
        The references of each training picture.
    k : int
        How many training pictures lend their captions.
    similarity : str
        ``"cider"`` (CIDEr-D) or ``"bleu"`` (BLEU-4 of one caption against one other).
    idf : Idf, optional
        CIDEr's document frequencies; without it those of ``train_captions``.

    Returns
    -------
    list of token lists
        N captions: of the candidates the one with the highest mean similarity to the others, the first of equals.

    Raises
    ------
    ValueError
        As ``nearest_caption``, or if the similarity is unknown.
    """
    _check_captions("consensus_caption", train_features, train_captions)
    if similarity not in ("cider", "bleu"):
        raise ValueError(f"consensus_caption: similarity is {similarity!r} but cider or bleu is needed")
    alike: Callable[[Sequence[Counter[Gram]]], Array] = pairwise_bleu
    if similarity == "cider":
        known = Idf.from_references(train_captions) if idf is None else idf
        rarity, unseen = known.weights(), known.unseen

        def alike(counts: Sequence[Counter[Gram]]) -> Array:
            return pairwise_cider(counts, lambda gram: rarity.get(gram, unseen))

    captions = []
    for pictures in nearest_pictures(features, train_features, k).tolist():
        candidates = [caption for i in pictures for caption in train_captions[i]]
        table = alike([ngrams(caption, MAX_N) for caption in candidates])
        to_others = table.sum(axis=1) - np.diagonal(table)
        captions.append(list(candidates[int(np.argmax(to_others.round(12)))]))
    return captions


def pairwise_cider(counts: Sequence[Counter[Gram]], weight: Callable[[Gram], float]) -> Array:
    """Return CIDEr-D of each caption (rows) against each other one as its only reference (columns).

    Parameters
    ----------
    counts : sequence of K Counter
        The n-grams of each caption.
    weight : callable
        The weight of an n-gram.

    Returns
    -------
    Array
        float64, (K, K).
    """
    total = np.zeros((len(counts), len(counts)))
    for n in range(1, MAX_N + 1):
        grams, table = _count_table(counts, n)
        weights = np.array([weight(gram) for gram in grams])
        vectors = table * weights  # (K, G)
        shared = _clipped_product(table, weights, vectors)
        norms = np.sqrt((vectors**2).sum(axis=1))
        product = norms[:, None] * norms
        total += np.divide(shared, product, out=np.zeros_like(shared), where=product > 0)
    lengths = _lengths(counts)
    penalty = np.exp(-((lengths[:, None] - lengths) ** 2) / (2 * SIGMA**2))
    return SCALE * penalty * total / MAX_N


def pairwise_bleu(counts: Sequence[Counter[Gram]]) -> Array:
    """Return BLEU-4 of each caption (rows) against each other one as its only reference (columns).

    Parameters
    ----------
    counts : sequence of K Counter
        The n-grams of each caption.

    Returns
    -------
    Array
        float64, (K, K).
    """
    lengths = _lengths(counts)
    rows = np.empty((len(counts), len(counts), 2 * MAX_N + 2))
    for n in range(MAX_N):
        _, table = _count_table(counts, n + 1)
        rows[..., n] = _clipped_product(table, np.ones(table.shape[1]), np.ones(table.shape))
        rows[..., MAX_N + n] = np.maximum(0, lengths - n)[:, None]
    rows[..., -2], rows[..., -1] = lengths[:, None], lengths
    return bleu_from_rows(rows)[..., -1]


def _clipped_product(table: Array, weights: Array, others: Array) -> Array:
    """Return ``sum over k of w_k min(h_k(c), h_k(s)) others_k(s)`` for all c and s.

    The minimum of two counts is the number of levels t = 1, 2, ... that both reach, which makes of it a product
    of matrices a level.
    """
    shared = np.zeros((len(table), len(table)))
    for t in range(1, int(table.max(initial=0)) + 1):
        reached = table >= t
        shared += (reached * weights) @ (reached * others).T
    return shared


def _count_table(counts: Sequence[Counter[Gram]], n: int) -> tuple[list[Gram], Array]:
    """Return the n-grams of ``n`` words that occur, and how often each caption has each (K, G)."""
    columns: dict[Gram, int] = {}
    cells = [
        (row, columns.setdefault(gram, len(columns)), times)
        for row, count in enumerate(counts)
        for gram, times in count.items()
        if len(gram) == n
    ]
    table = np.zeros((len(counts), len(columns)))
    for row, column, times in cells:
        table[row, column] = times
    return list(columns), table


def _lengths(counts: Sequence[Counter[Gram]]) -> Array:
    """Return the words in each caption (K,)."""
    return np.array([sum(t for gram, t in count.items() if len(gram) == 1) for count in counts], np.float64)


def _most_alike(similarity: Array, k: int) -> Array:
    """Return the columns of the ``k`` largest values of each row, the largest first, the first of equal ones."""
    if k < similarity.shape[1]:
        chosen = np.sort(np.argpartition(-similarity, k - 1, axis=1)[:, :k], axis=1)
    else:
        chosen = np.broadcast_to(np.arange(k), similarity.shape)
    order = np.argsort(-np.take_along_axis(similarity, chosen, axis=1), axis=1, kind="stable")
    return np.take_along_axis(chosen, order, axis=1)


def _directions(name: str, features: ArrayLike) -> Array:
    """Return features scaled to length 1 (a row of zeros is like nothing), or raise."""
    rows = np.asarray(features, np.float64)
    if rows.ndim != 2 or not rows.size:
        raise ValueError(f"nearest_pictures: {name} is {rows.shape}; one row a picture, (N, E), is needed")
    if not np.isfinite(rows).all():
        raise ValueError(f"nearest_pictures: {name}[{np.argwhere(~np.isfinite(rows))[0][0]}] is not finite")
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), np.finfo(np.float64).tiny)


def _check_captions(who: str, train_features: ArrayLike, train_captions: Sequence[Sequence[Tokens]]) -> None:
    """Raise ValueError unless each training picture has captions."""
    if len(np.asarray(train_features)) != len(train_captions):
        raise ValueError(
            f"{who}: {len(np.asarray(train_features))} rows of train_features but {len(train_captions)} lists of "
            "train_captions; each training picture needs one of both"
        )
    for i, several in enumerate(train_captions):
        check_references(who, i, several)
