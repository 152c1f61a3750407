"""What a search asks of the logits of the next word: the best one, and how probable words are."""

from __future__ import annotations

import numpy as np

from minicap._types import Array


def best_words(logits: Array, banned: Array) -> tuple[Array, Array]:
    """Return the most probable word of every row that is not banned, the first of equals, and its log-probability.

    Parameters
    ----------
    logits : (N, V), V at least 1
    banned : (V,) bool; where every word is banned the first is taken

    Returns
    -------
    ids : (N,) int64
    log_probs : (N,) float64, see `word_log_probs`: the share that banned words have stays theirs
    """
    ids = np.where(banned, -np.inf, logits).argmax(axis=1)
    return ids, word_log_probs(logits, ids)


def word_log_probs(logits: Array, ids: Array) -> Array:
    """Return the log-probabilities of given words, one a row; sums and logarithms are float64.

        log p_v = (x_v - max x) - log sum_u exp(x_u - max x)

    Parameters
    ----------
    logits : (N, V), V at least 1
    ids : (N,) int64, in 0 .. V - 1

    Returns
    -------
    log_probs : (N,) float64
    """
    shifted = logits.astype(np.float64)
    shifted -= shifted.max(axis=1, keepdims=True)
    return shifted[np.arange(len(ids)), ids] - np.log(np.exp(shifted).sum(axis=1))
