"""Scheduled sampling: while it learns, a decoder sometimes reads its own words, as it will when it writes alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from minicap._types import Array, Rng


def own_words(decoder: Any, features: Array, seen: Array, mask: Array, *, share: float, rng: Rng) -> Array:
    """Return what a decoder reads, some of its words exchanged for words that it draws itself.

    Two passes: the first reads the caption and gives at each place the distribution of the next word; a word is drawn
    from it, and at a random ``share`` of the places it is read instead of the caption's in the second pass, whose loss
    counts. Drawing has no derivative and is taken as given. (The original samples word after word, so that one drawn
    word can lead to the next; drawing all from one pass costs one pass.)

    Parameters
    ----------
    decoder
        With ``forward(features, seen, mask) -> (logits, cache)``.
    features : Array, (N, E) or (N, L, E)
    seen : Array of int, (N, T)
        ``<start>`` and the caption's words; ``<start>`` is never exchanged.
    mask : Array of bool, (N, T)
    share : float
        Probability that a word is exchanged.
    rng : numpy.random.Generator

    Returns
    -------
    Array of int, (N, T)

    References
    ----------
    Bengio et al., "Scheduled sampling for sequence prediction with recurrent neural networks" (2015); in two passes:
    Mihaylova and Martins, "Scheduled sampling for transformers" (2019).
    """
    logits, _ = decoder.forward(features, seen, mask)  # (N, T, V)
    # The largest of log p + Gumbel noise is a draw from p.
    drawn = (logits + rng.gumbel(size=logits.shape)).argmax(axis=2)  # (N, T), the word after each
    exchanged = (rng.random(seen.shape) < share) & mask
    exchanged[:, 0] = False
    return np.where(exchanged, np.roll(drawn, 1, axis=1), seen)
