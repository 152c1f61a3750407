"""Greedy search and random search: one word at a time, for a batch of images at once."""

from __future__ import annotations

from collections.abc import Callable, Collection

import numpy as np

from minicap import kernels
from minicap._types import Array, Rng
from minicap.decoding.hypothesis import Hypothesis
from minicap.decoding.steps import Decoder, take_rows
from minicap.decoding.words import Rules, best_word, check_limits, narrowed, settled

FEW = 0.75  # of the rows: once no more are unfinished, the others are left out
NOTHING = -1  # chosen where no word can follow


def greedy_search(
    decoder: Decoder,
    features: Array,
    *,
    start: int,
    end: int,
    banned: Collection[int] = (),
    min_length: int = 0,
    max_length: int = 40,
    no_repeat: int = 0,
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
    min_length : int
        Fewest words in front of the end marker.
    max_length : int
        Longest sentence in tokens, the end marker included.
    no_repeat : int
        No run of so many words stands twice in a sentence; 0: it may.

    Returns
    -------
    list of N Hypothesis
        A sentence that no word may or can follow stops without an end marker, as at the greatest length.

    Raises
    ------
    ValueError
        If the limits contradict each other.
    """
    check_limits("greedy_search", min_length=min_length, max_length=max_length, no_repeat=no_repeat)
    rules = Rules(end, banned, min_length, no_repeat)

    def choose(logits: Array, said: Array) -> tuple[Array, Array]:
        return best_word(logits, rules.forbidden(said, logits.shape[1]))

    return _search(decoder, features, choose, start, end, max_length, leave_out=True)


def random_search(
    decoder: Decoder,
    features: Array,
    *,
    start: int,
    end: int,
    rng: Rng,
    temperature: float = 1.0,
    top_k: int = 0,
    top_p: float = 1.0,
    banned: Collection[int] = (),
    min_length: int = 0,
    max_length: int = 40,
    no_repeat: int = 0,
) -> list[Hypothesis]:
    """Draw each word from the model's distribution.

    The words that may be said are cooled or heated by the temperature, then the best ``top_k`` of them are kept,
    then of these the fewest that have ``top_p`` of their probability.

    Parameters
    ----------
    decoder : Decoder
    features : Array, (N, E)
    start, end : int
        Ids of the markers.
    rng : numpy.random.Generator
    temperature : float
        Logits are divided by it: below 1 the draw is more cautious, above 1 wilder.
    top_k : int
        How many words to draw from; 0: all.
    top_p : float
        Share of the probability to draw from, above 0; 1: all.
    banned, min_length, max_length, no_repeat
        See `greedy_search`.

    Returns
    -------
    list of N Hypothesis
        Log-probabilities are the model's own, at temperature 1 and of all words.

    Raises
    ------
    ValueError
        If the temperature is not positive, ``top_k`` negative, ``top_p`` no share, or the limits contradict
        each other.
    """
    if not 0 < temperature < np.inf:
        raise ValueError(f"random_search: temperature is {temperature} but a positive number is needed")
    if top_k < 0 or not 0 < top_p <= 1:
        raise ValueError(
            f"random_search: top_k is {top_k} and top_p {top_p} but 0 or more, and above 0 up to 1, are needed"
        )
    check_limits("random_search", min_length=min_length, max_length=max_length, no_repeat=no_repeat)
    rules = Rules(end, banned, min_length, no_repeat)

    def draw(logits: Array, said: Array) -> tuple[Array, Array]:
        # The largest of log p + Gumbel noise is a draw from p: no cumulative sum, no rounding at its end.
        logits = settled(logits)
        below = np.where(rules.forbidden(said, logits.shape[1]), -np.inf, logits.astype(np.float64))
        stuck = np.isneginf(below.max(axis=1))
        below[stuck] = 0
        below -= below.max(axis=1, keepdims=True)  # 0 for the best word, at any temperature
        with np.errstate(over="ignore"):  # what falls to -inf is not drawn, and rightly so
            cooled = below / max(temperature, np.finfo(float).tiny)
        cooled = narrowed(cooled, top_k, top_p)
        tokens = (cooled + rng.gumbel(size=below.shape)).argmax(axis=1)
        log_probs = kernels.decoding.word_log_probs(logits, tokens)
        return np.where(stuck, NOTHING, tokens), log_probs

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

    def say(logits: Array, said: Array) -> tuple[Array, Array]:
        tokens = np.array(next(given))
        log_probs = kernels.decoding.word_log_probs(logits, tokens)
        if np.isnan(log_probs).any():
            log_probs = kernels.decoding.word_log_probs(settled(logits), tokens)
        return tokens, log_probs

    found = _search(decoder, features, say, start, NOTHING, steps)
    return [h.cut(len(s)) for h, s in zip(found, sentences, strict=True)]


def _search(
    decoder: Decoder,
    features: Array,
    choose: Callable[[Array, Array], tuple[Array, Array]],
    start: int,
    end: int,
    max_length: int,
    *,
    leave_out: bool = False,
) -> list[Hypothesis]:
    """Say the words (N,) that ``choose`` picks from the logits (N, V), until every sentence has ended.

    ``choose`` sees what was said so far (N, t) and returns the words' log-probabilities (N,) as well. Sentences
    that have ended may be left out of the batch, unless what is drawn for one row depends on how many there are.
    """
    count = len(features)
    rows, lengths = np.arange(count), np.zeros(count, int)
    said = np.empty((count, 0), int)
    trace: list[
        tuple[Array, Array, Array, Array | None]
    ] = []  # rows; their words, log-probabilities and maps
    tokens, alive = np.full(count, start), np.ones(count, bool)
    with np.errstate(invalid="ignore", over="ignore"):  # a search ends whatever the weights
        memory, state = decoder.start(features)
    while len(trace) < max_length and alive.any():
        if leave_out and alive.sum() <= FEW * len(rows):
            kept = np.flatnonzero(alive)
            rows, tokens, alive, said = rows[kept], tokens[kept], alive[kept], said[kept]
            memory, state = take_rows(memory, kept), take_rows(state, kept)
        with np.errstate(invalid="ignore", over="ignore"):
            logits, state, attention = decoder.step(tokens, state, memory)
            tokens, log_probs = choose(np.ascontiguousarray(logits), said)
        alive = alive & (tokens != NOTHING)
        lengths[rows] += alive
        trace.append((rows, tokens, log_probs, attention))
        alive = alive & (tokens != end)
        tokens = np.where(tokens == NOTHING, start, tokens)  # something to read for those that have ended
        said = np.column_stack([said, tokens])
    return _told(count, lengths, trace)


def _told(
    count: int, lengths: Array, trace: list[tuple[Array, Array, Array, Array | None]]
) -> list[Hypothesis]:
    """Gather each of N sentences from the steps that said it."""
    words, scores = np.zeros((count, len(trace)), int), np.zeros((count, len(trace)))
    maps: Array | None = None
    for t, (where, chosen, log_probs, attention) in enumerate(trace):
        words[where, t], scores[where, t] = chosen, log_probs
        if attention is not None:
            if maps is None:
                maps = np.zeros((count, len(trace), *attention.shape[1:]), attention.dtype)
            maps[where, t] = attention
    return [
        Hypothesis(
            words[n, :length].tolist(),
            scores[n, :length].tolist(),
            None if maps is None else maps[n, :length],
        )
        for n, length in enumerate(lengths)
    ]
