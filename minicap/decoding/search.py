"""Greedy search and random search: one word at a time, for a batch of images at once."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import NamedTuple

import numpy as np
from scipy.special import log_softmax

from minicap._types import Array, Rng
from minicap.decoding.steps import Decoder


class Hypothesis(NamedTuple):
    """A sentence and what the model thinks of it."""

    tokens: list[int]  # without the start, with the end marker where it was reached
    log_probs: list[float]  # of each token, in nats

    @property
    def log_prob(self) -> float:
        """Log-probability of the whole sentence, in nats."""
        return sum(self.log_probs)


def greedy_search(
    decoder: Decoder,
    features: Array,
    *,
    start: int,
    end: int,
    banned: Collection[int] = (),
    max_length: int = 40,
) -> list[Hypothesis]:
    """Take the most probable word at each step.

    Parameters
    ----------
    decoder : Decoder
    features : Array, (N, E)
    start, end : int
        Ids of the markers.
    banned : collection of int
        Ids never to be said, such as padding.
    max_length : int
        Longest sentence in tokens, the end marker included.

    Returns
    -------
    list of N Hypothesis
    """
    return _search(decoder, features, lambda log_p: log_p.argmax(axis=1), start, end, banned, max_length)


def random_search(
    decoder: Decoder,
    features: Array,
    *,
    start: int,
    end: int,
    rng: Rng,
    temperature: float = 1.0,
    banned: Collection[int] = (),
    max_length: int = 40,
) -> list[Hypothesis]:
    """Draw each word from the model's distribution.

    Parameters
    ----------
    decoder : Decoder
    features : Array, (N, E)
    start, end : int
        Ids of the markers.
    rng : numpy.random.Generator
    temperature : float
        Logits are divided by it: below 1 the draw is more cautious, above 1 wilder.
    banned : collection of int
        Ids never to be said, such as padding.
    max_length : int
        Longest sentence in tokens, the end marker included.

    Returns
    -------
    list of N Hypothesis
        Log-probabilities are the model's own, at temperature 1.

    Raises
    ------
    ValueError
        If the temperature is not positive.
    """
    if not 0 < temperature < np.inf:
        raise ValueError(f"random_search: temperature is {temperature} but a positive number is needed")

    def draw(log_p: Array) -> Array:
        # The largest of log p + Gumbel noise is a draw from p: no cumulative sum, no rounding at its end.
        below = log_p - log_p.max(axis=1, keepdims=True)  # 0 for the best word, at any temperature
        with np.errstate(over="ignore"):  # what falls to -inf is not drawn, and rightly so
            cooled = below / max(temperature, np.finfo(float).tiny)
        return (cooled + rng.gumbel(size=log_p.shape)).argmax(axis=1)

    return _search(decoder, features, draw, start, end, banned, max_length)


def score(decoder: Decoder, features: Array, sentences: list[list[int]], *, start: int) -> list[Hypothesis]:
    """Return the log-probability of given sentences, word by word.

    Parameters
    ----------
    decoder : Decoder
    features : Array, (N, E)
    sentences : list of N lists of int
        Tokens to be said, without the start marker.
    start : int

    Returns
    -------
    list of N Hypothesis
    """
    given = iter(zip(*(s + [0] * (max(map(len, sentences)) - len(s)) for s in sentences), strict=True))
    steps = max(map(len, sentences), default=0)
    found = _search(decoder, features, lambda log_p: np.array(next(given)), start, -1, (), steps)
    return [
        Hypothesis(h.tokens[: len(s)], h.log_probs[: len(s)]) for h, s in zip(found, sentences, strict=True)
    ]


def _search(
    decoder: Decoder,
    features: Array,
    choose: Callable[[Array], Array],
    start: int,
    end: int,
    banned: Collection[int],
    max_length: int,
) -> list[Hypothesis]:
    """Say what ``choose`` picks from the log-probabilities (N, V), until every sentence has ended."""
    rows = np.arange(len(features))
    found = [Hypothesis([], []) for _ in rows]
    memory, state = decoder.start(features)
    tokens = np.full(len(rows), start)
    alive = np.ones(len(rows), bool)
    for _ in range(max_length):
        if not alive.any():
            break
        logits, state, _ = decoder.step(tokens, state, memory)
        log_p = log_softmax(logits.astype(np.float64), axis=1)
        allowed = log_p.copy()
        allowed[:, list(banned)] = -np.inf
        tokens = choose(allowed)
        for n in rows[alive]:
            found[n].tokens.append(int(tokens[n]))
            found[n].log_probs.append(float(log_p[n, tokens[n]]))
        alive &= tokens != end
    return found
