"""What the tests of searches share: a decoder that remembers every word, and brute force in a few plain lines."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import pytest

from minicap.decoding import Step, score

PAD, START, END = range(3)


class Path(NamedTuple):
    """State of the decoder below: a number that stands for all words so far (N,)."""

    code: np.ndarray


class Memory(NamedTuple):
    """What stays: the features (N, V), and something without rows."""

    features: np.ndarray
    nothing: None = None


class Wanderer:
    """Each word depends on all words before it; a feature vector (N, V) is added to the logits of every word.

    Ids are padding, start, end and the words. With places it looks at them, also as all words so far say.
    """

    CODES = 5003

    def __init__(self, words: int = 2, *, seed: int = 0, spread: float = 1.5, places: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self.size = 3 + words
        self.logits = spread * rng.standard_normal((self.CODES, self.size))
        self.maps = rng.dirichlet(np.ones(places), self.CODES) if places else None
        self.rows: list[tuple[int, int]] = []  # of tokens and memory, step by step

    def features(self, rows: int, seed: int = 0) -> np.ndarray:
        """Draw features."""
        return np.random.default_rng(seed).standard_normal((rows, self.size))

    def start(self, features: np.ndarray) -> tuple[Memory, Path]:
        """Begin."""
        return Memory(features), Path(np.zeros(len(features), int))

    def step(self, tokens: np.ndarray, state: Path, memory: Memory) -> Step:
        """Read a word."""
        assert len(tokens) == len(state.code) == len(memory.features)
        self.rows.append((len(tokens), len(memory.features)))
        code = (31 * state.code + tokens + 1) % self.CODES
        looked = None if self.maps is None else self.maps[code]
        return Step(self.logits[code] + memory.features, Path(code), looked)


class Broken(Wanderer):
    """A decoder whose logits are out of bounds here and there."""

    def __init__(self, *values: float, **options: Any) -> None:
        super().__init__(**options)
        rng = np.random.default_rng(options.get("seed", 0) + 1)
        where = rng.random(self.logits.shape) < 0.4
        self.logits[where] = rng.choice(values, where.sum())


def limited(tokens: tuple[int, ...], min_length: int, no_repeat: int) -> bool:
    """Tell whether a sentence keeps to the rules."""
    grams = [tokens[i : i + no_repeat] for i in range(len(tokens) - no_repeat + 1)] if no_repeat else []
    return len(set(grams)) == len(grams) and (END not in tokens or len(tokens) > min_length)


def sentences(words: int, max_length: int, min_length: int = 0, no_repeat: int = 0) -> list[list[int]]:
    """Return every sentence of a tree in which something can always follow."""
    said = range(3, 3 + words)
    ended = [(*begun, END) for n in range(max_length) for begun in product(said, repeat=n)]
    whole = [*ended, *product(said, repeat=max_length)]
    return [list(tokens) for tokens in whole if limited(tokens, min_length, no_repeat)]


@pytest.fixture
def wanderer() -> Callable[..., Wanderer]:
    """Return a maker of decoders that remember every word."""
    return Wanderer


@pytest.fixture
def broken() -> Callable[..., Broken]:
    """Return a maker of decoders whose logits are out of bounds."""
    return Broken


@pytest.fixture
def marks() -> dict[str, Any]:
    """Return the ids that every search is told."""
    return {"start": START, "end": END, "banned": (PAD, START)}


@pytest.fixture
def brute_force() -> Callable[..., list[tuple[float, list[int]]]]:
    """Return a function that scores every sentence of a tree for one row of features, best first."""

    def ranked(
        decoder: Wanderer, features: np.ndarray, length_penalty: float, max_length: int, **rules: int
    ) -> list[tuple[float, list[int]]]:
        every = sentences(decoder.size - 3, max_length, **rules)
        found = score(decoder, np.repeat(features, len(every), axis=0), every, start=START)
        scores = [sum(h.log_probs) / len(h.tokens) ** length_penalty for h in found]
        return sorted(zip(scores, every, strict=True), reverse=True)

    return ranked
