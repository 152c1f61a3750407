"""How to decode, in one record; and decoding so."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from minicap._types import Array
from minicap.decoding.beam import beam_search
from minicap.decoding.exhaustive import exhaustive_search
from minicap.decoding.hypothesis import LENGTH_PENALTY, Hypothesis
from minicap.decoding.search import greedy_search, random_search
from minicap.decoding.steps import Decoder

SAMPLING = ("temperature", "top_k", "top_p", "seed")


@dataclass(frozen=True)
class Decoding:
    """How sentences are made: by greedy search unless a beam, a sample or brute force is asked for.

    Parameters
    ----------
    beam : int
        Width K; 1 is greedy search.
    sample : bool
        Draw words at random instead of taking the most probable ones.
    exhaustive : bool
        Look at every sentence; for tiny vocabularies and a small ``max_length``.
    temperature : float
        With ``sample``: below 1 more cautious, above 1 wilder.
    top_k : int
        With ``sample``: draw from so many best words; 0: from all.
    top_p : float
        With ``sample``: draw from the best words that have this share of the probability; 1: from all.
    seed : int
        With ``sample``: the same seed draws the same sentences.
    length_penalty : float
        With a beam and ``exhaustive``: the exponent of the length by which log-probabilities are divided. 0 ranks
        whole sentences and prefers short ones, 1 ranks by the mean of a word.
    min_length : int
        Fewest words.
    max_length : int
        Longest sentence in tokens, the end marker included.
    no_repeat : int
        No run of so many words stands twice in a sentence; 0: it may.

    Raises
    ------
    ValueError
        If a value makes no sense, or two contradict each other.
    """

    beam: int = 1
    sample: bool = False
    exhaustive: bool = False
    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    seed: int = 0
    length_penalty: float = LENGTH_PENALTY
    min_length: int = 0
    max_length: int = 40
    no_repeat: int = 0

    def __post_init__(self) -> None:
        problem = self._senseless() or self._contradiction()
        if problem:
            raise ValueError(problem)

    def changed(self) -> set[str]:
        """Return the names of the fields that are not at their defaults.

        Returns
        -------
        set of str
        """
        return {field.name for field in fields(self) if getattr(self, field.name) != field.default}

    def _senseless(self) -> str | None:
        """Return what is wrong with a value."""
        if not 0 < self.temperature < np.inf:
            return f"temperature: {self.temperature} is not a positive number"
        if not 0 < self.top_p <= 1:
            return f"top_p: {self.top_p} is no share of the probability; use more than 0, up to 1"
        if not 0 <= self.length_penalty < np.inf:
            return f"length_penalty: {self.length_penalty} makes no sense; use 0 or more"
        least = {"beam": 1, "top_k": 0, "seed": 0, "min_length": 0, "max_length": 1, "no_repeat": 0}
        for name, smallest in least.items():
            value = getattr(self, name)
            if not isinstance(value, int | np.integer) or value < smallest:
                return f"{name}: {value} makes no sense; use a whole number of {smallest} or more"
        if self.min_length > self.max_length:
            return f"min_length: {self.min_length} is more than max_length, {self.max_length}"
        return None

    def _contradiction(self) -> str | None:
        """Return what does not go together."""
        asked = [name for name in ("beam", "sample", "exhaustive") if name in self.changed()]
        if len(asked) > 1:
            return f"{asked[0]} and {asked[1]}: a sentence is made in one way; choose one"
        idle = [name for name in SAMPLING[:3] if name in self.changed() and not self.sample]
        if idle:
            return f"{idle[0]}: only a sample is drawn so; say sample too"
        if self.sample and "length_penalty" in self.changed():
            return "length_penalty: a sample is not compared with others; leave it out"
        return None


def decode(
    decoder: Decoder,
    features: Array,
    settings: Decoding,
    *,
    start: int,
    end: int,
    banned: Collection[int] = (),
) -> list[Hypothesis]:
    """Make one sentence of each feature vector.

    Parameters
    ----------
    decoder : Decoder
    features : Array, (N, E)
    settings : Decoding
    start, end : int
        Ids of the markers.
    banned : collection of int
        Ids never to be said, such as padding.

    Returns
    -------
    list of N Hypothesis

    Raises
    ------
    ValueError
        If there are too many sentences for brute force.
    """
    options: dict[str, Any] = {"start": start, "end": end, "banned": banned, "no_repeat": settings.no_repeat}
    options |= {"min_length": settings.min_length, "max_length": settings.max_length}
    if settings.sample:
        return random_search(
            decoder, features, rng=np.random.default_rng(settings.seed), temperature=settings.temperature,
            top_k=settings.top_k, top_p=settings.top_p, **options,
        )  # fmt: skip
    if settings.exhaustive:
        return exhaustive_search(decoder, features, length_penalty=settings.length_penalty, **options)
    if settings.beam > 1:
        beams = beam_search(
            decoder, features, beam=settings.beam, length_penalty=settings.length_penalty, **options
        )
        return [several[0] for several in beams]
    return greedy_search(decoder, features, **options)
