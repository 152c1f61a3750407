"""Which words may come next, and how probable they are, whatever the logits."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import numpy as np

from minicap import kernels
from minicap._types import Array

IMPOSSIBLE = -1e290  # nats: what is less probable has no probability, and sums of the others stay finite
FEW = 16  # the best so many words are found one after another, more of them by sorting


class Rules(NamedTuple):
    """What may not be said next."""

    end: int
    banned: Collection[int] = ()
    min_length: int = 0
    no_repeat: int = 0

    def forbidden(self, said: Array, words: int) -> Array:
        """Return which words may not follow.

        Parameters
        ----------
        said : Array of int, (M, t)
            The tokens so far, without the start marker.
        words : int
            V.

        Returns
        -------
        Array of bool, (M, V), or (1, V) where it is the same for all
        """
        flags = np.zeros((1, words), bool)
        flags[:, list(self.banned)] = True
        so_far, n = said.shape[1], self.no_repeat
        if so_far < self.min_length:
            flags[:, self.end] = True
        if not n or so_far < n:
            return flags
        flags = np.repeat(flags, len(said), axis=0)
        grams = np.lib.stride_tricks.sliding_window_view(said, n, axis=1)  # (M, t - n + 1, n)
        again = (grams[:, :, :-1] == said[:, None, so_far - n + 1 :]).all(
            axis=2
        )  # it began like the present one
        rows, places = np.nonzero(again)
        flags[rows, grams[rows, places, -1]] = True
        return flags


def check_limits(where: str, *, min_length: int, max_length: int, no_repeat: int) -> None:
    """Raise unless the limits of a sentence make sense together.

    Parameters
    ----------
    where : str
        Who asks.
    min_length, max_length, no_repeat : int

    Raises
    ------
    ValueError
        If one is negative, or the longest sentence is shorter than the shortest.
    """
    for name, value in (("min_length", min_length), ("max_length", max_length), ("no_repeat", no_repeat)):
        if value < 0:
            raise ValueError(f"{where}: {name} is {value} but 0 or more is needed")
    if min_length > max_length:
        raise ValueError(
            f"{where}: min_length is {min_length} but max_length is {max_length}; a sentence cannot be both"
        )


def settled(logits: Array) -> Array:
    """Return logits that always make a distribution, also where a model has gone out of bounds.

    NaN is impossible; infinite logits share all the probability; where nothing is possible, all words are alike.

    Parameters
    ----------
    logits : Array, (M, V)

    Returns
    -------
    Array, (M, V)
        The same array where nothing was strange. The largest of each row is finite.
    """
    strange = np.flatnonzero(~np.isfinite(logits.max(axis=1)))  # a NaN comes out as the largest
    if not len(strange):
        return logits
    rows = logits[strange]
    rows[np.isnan(rows)] = -np.inf
    sure = np.isposinf(rows)
    rows = np.where(sure.any(axis=1, keepdims=True), np.where(sure, 0, -np.inf), rows)
    rows[np.isneginf(rows).all(axis=1)] = 0
    logits = logits.copy()
    logits[strange] = rows
    return logits


def log_probs_of(logits: Array) -> Array:
    """Return the log-probabilities of all words in float64.

    Parameters
    ----------
    logits : Array, (M, V)

    Returns
    -------
    Array, (M, V)
        -inf, never NaN, for what cannot be said.
    """
    shifted = settled(logits).astype(np.float64)
    shifted -= shifted.max(axis=1, keepdims=True)
    return _possible(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))


def best_word(logits: Array, forbidden: Array) -> tuple[Array, Array]:
    """Return the most probable word that may be said, the first of equals, and its log-probability.

    Parameters
    ----------
    logits : Array, (M, V)
    forbidden : Array of bool, (M, V) or (1, V)

    Returns
    -------
    ids : Array of int, (M,)
        -1 where no word that may be said is possible.
    log_probs : Array, (M,)
        The share of the forbidden words stays theirs.
    """
    logits = np.ascontiguousarray(logits)
    if len(forbidden) == 1:
        with np.errstate(invalid="ignore", over="ignore"):
            ids, log_probs = kernels.decoding.best_words(logits, forbidden[0])
        # NaN or an infinity anywhere would have come out as one; where nothing may be said, something was.
        if (log_probs > IMPOSSIBLE).all() and not forbidden[0, ids].any():
            return ids, log_probs
    ids, several = best_few(logits, forbidden, 1)
    return np.where(several[:, 0] > -np.inf, ids[:, 0], -1), several[:, 0]


def best_few(logits: Array, forbidden: Array, count: int) -> tuple[Array, Array]:
    """Return the most probable words that may be said, best first, the first of equals first.

    Parameters
    ----------
    logits : Array, (M, V)
    forbidden : Array of bool, (M, V) or (1, V)
    count : int
        C, at most V are returned.

    Returns
    -------
    ids : Array of int, (M, C)
    log_probs : Array, (M, C)
        -inf where there are no more words.
    """
    logits = settled(np.ascontiguousarray(logits))
    rows, count = np.arange(len(logits)), min(count, logits.shape[1])
    top, rest = kernels.decoding.best_words(logits, np.zeros(logits.shape[1], bool))
    left = logits + np.where(forbidden, -np.inf, 0).astype(logits.dtype)
    if count > FEW:
        ids = np.argsort(-left, axis=1, kind="stable")[:, :count]
        values = np.take_along_axis(left, ids, axis=1)
    else:
        ids, values = np.empty((len(rows), count), np.int64), np.empty((len(rows), count), logits.dtype)
        for c in range(count):
            ids[:, c] = left.argmax(axis=1)
            values[:, c] = left[rows, ids[:, c]]
            left[rows, ids[:, c]] = -np.inf
    # log p_v = (x_v - max x) - log sum exp(x - max x); of the best word the second part is all there is.
    return ids, _possible((values.astype(np.float64) - logits[rows, top, None]) + rest[:, None])


def narrowed(scores: Array, top_k: int, top_p: float) -> Array:
    """Leave only the most probable words.

    Parameters
    ----------
    scores : Array, (M, V)
        Log-probabilities but for a constant a row; -inf for what cannot be said.
    top_k : int
        How many words stay, the first of equals; 0: all.
    top_p : float
        Of these, the fewest best ones that have this share of the probability stay; 1: all.

    Returns
    -------
    Array, (M, V)
        -inf for the others.

    References
    ----------
    Fan et al., "Hierarchical neural story generation" (2018): top-k; Holtzman et al., "The curious case of neural text
    degeneration" (2020): top-p, the nucleus.
    """
    if not top_k and top_p >= 1:
        return scores
    order = np.argsort(-scores, axis=1, kind="stable")
    ranked = np.take_along_axis(scores, order, axis=1)
    if top_k:
        ranked[:, top_k:] = -np.inf
    if top_p < 1:
        p = np.exp(ranked - ranked[:, :1])
        p /= p.sum(axis=1, keepdims=True)
        ranked[np.cumsum(p, axis=1) - p >= top_p] = -np.inf  # what stands before it suffices
    kept = np.empty_like(ranked)
    np.put_along_axis(kept, order, ranked, axis=1)
    return kept


def _possible(log_probs: Array) -> Array:
    """Return log-probabilities, -inf for the impossible."""
    return np.where(log_probs > IMPOSSIBLE, log_probs, -np.inf)
