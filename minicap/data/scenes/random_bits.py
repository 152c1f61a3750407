"""Random choices from raw bits, the same on every platform and under every NumPy.

NumPy promises that a bit generator's raw stream never changes, but not the methods of `Generator` above it.
So scenes use the raw 64-bit outputs of PCG64 and nothing else of NumPy's. An integer below n is the high
half of the 128-bit product of n and one output; some values are then likelier than others by at most n /
2**64.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from minicap._types import Array

T = TypeVar("T")

_REFILL = 64  # outputs taken at once, because each call into NumPy costs as much as fifty of them


class RandomBits:
    """Draw integers, choices and bytes from one reproducible stream.

    Parameters
    ----------
    seed : int
        The user's seed, zero or more.
    *key : int
        What the stream is for (a split, an index); each key has its own independent stream.
    """

    def __init__(self, seed: int, *key: int) -> None:
        self._source = np.random.PCG64(np.random.SeedSequence(seed, spawn_key=key))
        self._words: list[int] = []

    def below(self, n: int) -> int:
        """Return an integer from 0 to n - 1, each equally likely."""
        if not self._words:
            self._words = self._source.random_raw(_REFILL).tolist()
        return (self._words.pop() * n) >> 64

    def between(self, low: int, high: int) -> int:
        """Return an integer from low to high, both included."""
        return low + self.below(high - low + 1)

    def choice(self, items: Sequence[T]) -> T:
        """Return one of the items, each equally likely."""
        return items[self.below(len(items))]

    def weighted(self, weights: Sequence[int]) -> int:
        """Return an index, index i with probability weights[i] / sum(weights); the weights are integers."""
        ticket = self.below(sum(weights))
        for index, weight in enumerate(weights):
            ticket -= weight
            if ticket < 0:
                return index
        raise ValueError(f"weighted: one weight must be above zero, got {list(weights)}")

    def octets(self, count: int) -> Array:
        """Return so many random bytes, uint8 (count,)."""
        words = self._source.random_raw(-(-count // 8))
        return words.astype("<u8").view(np.uint8)[:count]
