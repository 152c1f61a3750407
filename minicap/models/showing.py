"""How the picture comes to a Transformer's words before its first block: added to each, as one before them, or not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from minicap._types import Array, Arrays, Rng
from minicap.layers import Linear, named
from minicap.layers.base import Composite


class Showing(Composite):
    """Join the features of a picture and the vectors of words.

    ::

        par     x_t = word_t + features @ weight + bias
        pre     x_0 = features @ weight + bias, and the words stand behind it
        other   x_t = word_t          the blocks look for themselves (attention), or nobody does (none)

    Parameters
    ----------
    way : str
        The conditioning.
    feature_size, size : int
        E and D.
    rng : numpy.random.Generator
    dtype : dtype

    Attributes
    ----------
    lead : int
        How many positions stand before the first word.
    """

    def __init__(self, way: str, feature_size: int, size: int, *, rng: Rng, dtype: DTypeLike) -> None:
        self.way, self.lead = way, int(way == "pre")
        self.to_word = Linear(feature_size, size, rng=rng, dtype=dtype) if way in ("par", "pre") else None

    @property
    def parts(self) -> Mapping[str, Any]:
        """The map from features to a word's vector, where there is one."""
        return {} if self.to_word is None else {"to_word": self.to_word}

    def picture(self, features: Array) -> Array:
        """Map features (N, E) to a word's vector (N, D)."""
        assert self.to_word is not None
        return self.to_word.forward(features)[0]

    def forward(self, features: Array, words: Array, mask: Array | None) -> tuple[Array, Array | None, Any]:
        """Return what the first block reads, and which of it is real.

        Parameters
        ----------
        features : Array, (N, E) or (N, L, E)
        words : Array, (N, T, D)
        mask : Array of bool, (N, T), or None

        Returns
        -------
        x : Array, (N, T, D), with ``pre`` (N, 1 + T, D)
        mask : Array of bool, (N, T) or (N, 1 + T), or None
        cache
        """
        if self.to_word is None:
            return words, mask, features.shape
        picture, cache = self.to_word.forward(features)  # (N, D)
        if self.way == "par":
            return words + picture[:, None], mask, cache
        if mask is not None:
            mask = np.concatenate([np.ones_like(mask[:, :1]), mask], axis=1)
        return np.concatenate([picture[:, None], words], axis=1), mask, cache

    def backward(self, dx: Array, cache: Any) -> tuple[Array, Array, Arrays]:
        """Share what the first block's input receives out among features and words.

        Parameters
        ----------
        dx : Array, (N, T, D), with ``pre`` (N, 1 + T, D)
        cache
            From ``forward``.

        Returns
        -------
        dfeatures : Array, (N, E) or (N, L, E)
            Zero where the blocks look for themselves, or nobody looks.
        dwords : Array, (N, T, D)
        grads : dict of str to Array
            Named like ``params``.
        """
        if self.to_word is None:
            return np.zeros(cache, dx.dtype), dx, {}
        # With par the picture was added to every word, so it receives the sum.
        dpicture = dx.sum(axis=1) if self.way == "par" else dx[:, 0]
        dfeatures, grads = self.to_word.backward(dpicture, cache)
        return dfeatures, dx[:, self.lead :], named(to_word=grads)
