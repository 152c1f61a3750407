"""Brute force: every sentence there is, which proves what a beam found. For tiny vocabularies and short sentences."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import numpy as np

from minicap._types import Array
from minicap.decoding.beam import BEAM, beam_search
from minicap.decoding.hypothesis import LENGTH_PENALTY, Hypothesis, normalised
from minicap.decoding.search import score
from minicap.decoding.steps import Decoder, take_rows
from minicap.decoding.words import Rules, check_limits, log_probs_of

MOST = 1_000_000  # sentences an image
AT_ONCE = 4096  # beginnings a step
SAME = 1e-9  # scores no farther apart are equal: the same terms, added up in another order


def exhaustive_search(
    decoder: Decoder,
    features: Array,
    *,
    start: int,
    end: int,
    length_penalty: float = LENGTH_PENALTY,
    banned: Collection[int] = (),
    min_length: int = 0,
    max_length: int = 40,
    no_repeat: int = 0,
    most: int = MOST,
) -> list[Hypothesis]:
    """Look at every sentence and return the best one.

    Parameters
    ----------
    decoder : Decoder
    features : Array, (N, E)
    start, end, length_penalty, banned, min_length, max_length, no_repeat
        See `beam_search`.
    most : int
        How many sentences an image there may be.

    Returns
    -------
    list of N Hypothesis
        Of each image a sentence that no other has a better score than.

    Raises
    ------
    ValueError
        If there are more sentences, or the limits contradict each other.
    """
    if not 0 <= length_penalty < np.inf:
        raise ValueError(f"exhaustive_search: length_penalty is {length_penalty} but 0 or more is needed")
    check_limits("exhaustive_search", min_length=min_length, max_length=max_length, no_repeat=no_repeat)
    if not max_length or not len(features):
        return [Hypothesis([], []) for _ in features]
    rules = Rules(end, banned, min_length, no_repeat)
    with np.errstate(invalid="ignore", over="ignore"):
        memory, state = decoder.start(features)
        logits = decoder.step(np.full(len(features), start), state, memory).logits
        _check_size(logits.shape[1] - len({*map(int, banned), end}), max_length, most)
        tree = _Tree(decoder, rules, start, max_length, length_penalty)
        best = [
            tree.best(take_rows(memory, row), take_rows(state, row))
            for row in np.arange(len(features))[:, None]
        ]
    return score(decoder, features, best, start=start)


class SearchErrors(NamedTuple):
    """Whose fault it is: the search's, which missed the best sentence, or the model's, which prefers a wrong one."""

    found: list[Hypothesis]  # by the beam
    best: list[Hypothesis]  # by brute force
    missed: Array  # (N,) bool: what the beam found has a worse score than the best
    preferred: Array  # (N,) bool: the best sentence is no reference

    @property
    def search_error(self) -> float:
        """Share of the images whose best sentence the beam missed."""
        return float(self.missed.mean()) if len(self.missed) else 0.0

    @property
    def model_error(self) -> float:
        """Share of the images whose best sentence is no reference: no search could have been right."""
        return float(self.preferred.mean()) if len(self.preferred) else 0.0


def search_errors(
    decoder: Decoder,
    features: Array,
    references: Sequence[Sequence[Sequence[int]]],
    *,
    start: int,
    end: int,
    beam: int = BEAM,
    length_penalty: float = LENGTH_PENALTY,
    most: int = MOST,
    **limits: Any,
) -> SearchErrors:
    """Hold a beam against brute force, and brute force against what is right.

    Parameters
    ----------
    decoder : Decoder
    features : Array, (N, E)
    references : sequence of N sequences of sequences of int
        The sentences that are right for each image, without the start and with the end marker.
    start, end, beam, length_penalty
        See `beam_search`.
    most : int
        See `exhaustive_search`.
    **limits
        ``banned``, ``min_length``, ``max_length``, ``no_repeat`` of both.

    Returns
    -------
    SearchErrors

    Raises
    ------
    ValueError
        If there are too many sentences to look at all, or not as many references as images.
    """
    if len(references) != len(features):
        raise ValueError(
            f"search_errors: {len(features)} images but references of {len(references)}; give each image its own"
        )
    options: dict[str, Any] = {"start": start, "end": end, "length_penalty": length_penalty, **limits}
    best = exhaustive_search(decoder, features, most=most, **options)
    beams = [several[0].tokens for several in beam_search(decoder, features, beam=beam, **options)]
    found = score(decoder, features, beams, start=start)  # as the best ones are scored, to the last digit
    missed = [
        one.tokens != other.tokens and one.score(length_penalty) < other.score(length_penalty) - SAME
        for one, other in zip(found, best, strict=True)
    ]
    preferred = [
        h.tokens not in [list(map(int, one)) for one in right]
        for h, right in zip(best, references, strict=True)
    ]
    return SearchErrors(found, best, np.array(missed, bool), np.array(preferred, bool))


class _Beginnings(NamedTuple):
    """Sentences of one length that are not whole yet."""

    total: Array  # (M,) log-probability so far
    said: Array  # (M, t)


class _Tree:
    """All sentences of one image: each beginning branches into the words that may follow."""

    def __init__(
        self, decoder: Decoder, rules: Rules, start: int, max_length: int, length_penalty: float
    ) -> None:
        self.decoder, self.rules, self.start = decoder, rules, start
        self.max_length, self.length_penalty = max_length, length_penalty

    def best(self, memory: Any, state: Any) -> list[int]:
        """Return the tokens of the best sentence; memory and state have one row."""
        top, tokens = -np.inf, np.empty(0, int)
        waiting = [(_Beginnings(np.zeros(1), np.empty((1, 0), int)), state)]
        while waiting:
            whole, branches = self._branch(*waiting.pop(), memory)
            waiting += branches
            for total, said in whole:
                scores = normalised(total, said.shape[1], self.length_penalty)
                if len(total) and np.max(scores) > top:
                    top, tokens = np.max(scores), said[np.argmax(scores)]
        return [int(token) for token in tokens]

    def _branch(self, begun: _Beginnings, state: Any, memory: Any) -> tuple[list[_Beginnings], list[Any]]:
        """Return the sentences that are whole now, and the beginnings that are not, with their states."""
        count, length = begun.said.shape
        last = begun.said[:, -1] if length else np.full(count, self.start)
        logits, after, _ = self.decoder.step(last, state, take_rows(memory, np.zeros(count, int)))
        forbidden = self.rules.forbidden(begun.said, logits.shape[1])
        log_p = np.where(forbidden, -np.inf, log_probs_of(np.asarray(logits)))
        stuck = np.flatnonzero(np.isneginf(log_p).all(axis=1))  # nothing may or can follow
        rows, words = np.nonzero(log_p > -np.inf)
        grown = _Beginnings(
            begun.total[rows] + log_p[rows, words], np.column_stack([begun.said[rows], words])
        )
        done: Array = (words == self.rules.end) | (length + 1 == self.max_length)
        whole = [take_rows(begun, stuck), take_rows(grown, done)]
        left = np.flatnonzero(~done)
        parts = [left[i : i + AT_ONCE] for i in range(0, len(left), AT_ONCE)]
        return whole, [(take_rows(grown, part), take_rows(after, rows[part])) for part in parts]


def _check_size(words: int, max_length: int, most: int) -> None:
    """Raise where the tree has more sentences than so many."""
    ended, going_on = 0, 1
    for _ in range(max_length):
        ended, going_on = ended + going_on, going_on * words
        if ended + going_on > most:
            raise ValueError(
                f"exhaustive_search: with {words} words, sentences of up to {max_length} tokens are more than "
                f"{most:,}; a smaller max_length or vocabulary makes the tree smaller"
            )
        if not going_on:
            return
