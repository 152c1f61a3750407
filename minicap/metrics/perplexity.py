"""Perplexity: between how many equally likely words the model hesitates, on average."""

from __future__ import annotations

import math


def perplexity(nats: float, words: int) -> float:
    """Return ``exp(nats / words)``.

    Parameters
    ----------
    nats : float
        The total negative log-probability of all captions, natural logarithm.
    words : int
        How many words that is, each caption's end token among them.

    Returns
    -------
    float
        At least 1; infinite where it exceeds the largest float.

    Raises
    ------
    ValueError
        If there are no words, or ``nats`` is negative or NaN.
    """
    if words < 1:
        raise ValueError(f"perplexity: words is {words} but at least one word is needed")
    if not nats >= 0:
        raise ValueError(f"perplexity: nats is {nats} but a negative log-probability is at least 0")
    try:
        return math.exp(nats / words)
    except OverflowError:
        return math.inf
