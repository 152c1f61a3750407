"""Greedy search and random search: one word at a time, for a batch of images at once."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, NamedTuple

import numpy as np

from minicap import kernels
from minicap._types import Array, Rng
from minicap.decoding.steps import Decoder, take_rows

FEW = 0.75  # of the rows: once no more are unfinished, the others are left out


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

    def choose(logits: Array) -> tuple[Array, Array]:
        return kernels.decoding.best_words(logits, _flags(banned, logits))

    return _search(decoder, features, choose, start, end, max_length, leave_out=True)


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

    def draw(logits: Array) -> tuple[Array, Array]:
        # The largest of log p + Gumbel noise is a draw from p: no cumulative sum, no rounding at its end.
        below = np.where(_flags(banned, logits), -np.inf, logits.astype(np.float64))
        below -= below.max(axis=1, keepdims=True)  # 0 for the best word, at any temperature
        with np.errstate(over="ignore"):  # what falls to -inf is not drawn, and rightly so
            cooled = below / max(temperature, np.finfo(float).tiny)
        tokens = (cooled + rng.gumbel(size=below.shape)).argmax(axis=1)
        return tokens, kernels.decoding.word_log_probs(logits, tokens)

    return _search(decoder, features, draw, start, end, max_length)


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

    def say(logits: Array) -> tuple[Array, Array]:
        tokens = np.array(next(given))
        return tokens, kernels.decoding.word_log_probs(logits, tokens)

    found = _search(decoder, features, say, start, -1, steps)
    return [
        Hypothesis(h.tokens[: len(s)], h.log_probs[: len(s)]) for h, s in zip(found, sentences, strict=True)
    ]


def _search(
    decoder: Decoder,
    features: Array,
    choose: Callable[[Array], tuple[Array, Array]],
    start: int,
    end: int,
    max_length: int,
    *,
    leave_out: bool = False,
) -> list[Hypothesis]:
    """Say the words (N,) that ``choose`` picks from the logits (N, V), until every sentence has ended.

    ``choose`` returns their log-probabilities (N,) as well. Sentences that have ended may be left out of the
    batch, unless what is drawn for one row depends on how many there are.
    """
    count = len(features)
    rows, lengths = np.arange(count), np.zeros(count, int)
    said: list[tuple[Array, Array, Array]] = []  # rows, words and log-probabilities, step by step
    memory, state = decoder.start(features)
    tokens, alive = np.full(count, start), np.ones(count, bool)
    while len(said) < max_length and alive.any():
        if leave_out and alive.sum() <= FEW * len(rows):
            kept = np.flatnonzero(alive)
            rows, tokens, alive = rows[kept], tokens[kept], alive[kept]
            memory, state = _take_memory(memory, kept), take_rows(state, kept)
        logits, state, _ = decoder.step(tokens, state, memory)
        tokens, log_probs = choose(np.ascontiguousarray(logits))
        lengths[rows] += alive
        said.append((rows, tokens, log_probs))
        alive = alive & (tokens != end)
    words, scores = np.zeros((count, len(said)), int), np.zeros((count, len(said)))
    for t, (where, chosen, log_probs) in enumerate(said):
        words[where, t], scores[where, t] = chosen, log_probs
    return [
        Hypothesis(words[n, :length].tolist(), scores[n, :length].tolist())
        for n, length in enumerate(lengths)
    ]


def _take_memory(memory: Any, rows: Array) -> Any:
    """Pick rows of a memory: an array, or a NamedTuple of arrays as a state is."""
    return memory[rows] if isinstance(memory, np.ndarray) else take_rows(memory, rows)


def _flags(banned: Collection[int], logits: Array) -> Array:
    """Return which of the V words are banned."""
    flags = np.zeros(logits.shape[1], bool)
    flags[list(banned)] = True
    return flags
