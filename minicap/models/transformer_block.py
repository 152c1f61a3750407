"""One block of a Transformer: words look at the words before them, then at the picture, then each thinks alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from minicap._types import Array, Arrays, Rng
from minicap.layers import named
from minicap.layers.base import Composite
from minicap.models.sublayers import CrossAttention, FeedForward, SelfAttention, SublayerCache


class BlockCache(NamedTuple):
    """The caches of a block's sublayers; ``cross`` is None where it does not look at a picture."""

    own: SublayerCache
    cross: SublayerCache | None
    feed: SublayerCache


class TransformerBlock(Composite):
    """Self-attention, cross-attention where there is a picture to look at, feed-forward.

    Parameters
    ----------
    size : int
        Width D of a word's vector.
    heads : int
    inner_size : int
        Width of the feed-forward.
    memory_size : int, optional
        Width E of the places looked at; without it there is no cross-attention.
    activation : str
        ``gelu`` or ``relu``.
    rng : numpy.random.Generator
    **options
        ``dropout``, ``norm_first`` and ``dtype``, see ``Sublayer``.
    """

    def __init__(
        self,
        size: int,
        heads: int,
        inner_size: int,
        *,
        memory_size: int | None = None,
        activation: str = "gelu",
        rng: Rng,
        **options: Any,
    ) -> None:
        self.self_attention = SelfAttention(size, heads, rng=rng, **options)
        self.cross = (
            None
            if memory_size is None
            else CrossAttention(size, heads, memory_size=memory_size, rng=rng, **options)
        )
        self.feed = FeedForward(size, inner_size, activation=activation, rng=rng, **options)

    @property
    def parts(self) -> Mapping[str, Any]:
        """The sublayers by name."""
        cross = {} if self.cross is None else {"cross": self.cross}
        return {"self": self.self_attention, **cross, "feed": self.feed}

    def forward(
        self,
        x: Array,
        features: Array | None = None,
        mask: Array | None = None,
        *,
        training: bool = False,
        rng: Rng | None = None,
    ) -> tuple[Array, BlockCache]:
        """Return what the words become.

        Parameters
        ----------
        x : Array, (N, T, D)
        features : Array, (N, L, E), optional
            The places to look at.
        mask : Array of bool, (N, T), optional
            Which words are real.
        training : bool
        rng : numpy.random.Generator, optional

        Returns
        -------
        y : Array, (N, T, D)
        cache : BlockCache
        """
        options: dict[str, Any] = {"training": training, "rng": rng}
        x, c_own = self.self_attention.forward(x, mask, **options)
        c_cross = None
        if self.cross is not None:
            x, c_cross = self.cross.forward(x, features, **options)
        x, c_feed = self.feed.forward(x, **options)
        return x, BlockCache(c_own, c_cross, c_feed)

    def backward(
        self, dy: Array, cache: BlockCache, dweights: Array | None = None
    ) -> tuple[Array, Array | None, Arrays]:
        """Propagate back to words and places.

        Parameters
        ----------
        dy : Array, (N, T, D)
        cache : BlockCache
        dweights : Array, (N, heads, T, L), optional
            Upstream of where the words looked.

        Returns
        -------
        dx : Array, (N, T, D)
        dfeatures : Array, (N, L, E), or None where there is no picture to look at
        grads : dict of str to Array
            Named like ``params``.
        """
        dx, _, g_feed = self.feed.backward(dy, cache.feed)
        dfeatures, g_cross = None, dict[str, Arrays]()
        if self.cross is not None and cache.cross is not None:
            dx, dfeatures, g_cross["cross"] = self.cross.backward(dx, cache.cross, dweights)
        dx, _, g_own = self.self_attention.backward(dx, cache.own)
        return dx, dfeatures, named(self=g_own, **g_cross, feed=g_feed)

    def remember(self, features: Array) -> tuple[Array, Array]:
        """Return keys and values (N, heads, L, D / heads) of the places, which serve every word.

        Parameters
        ----------
        features : Array, (N, L, E)

        Returns
        -------
        keys, values : Array, (N, heads, L, D / heads)
        """
        assert self.cross is not None
        return self.cross.project(features)

    def step(
        self, x: Array, keys: Array, values: Array, seen_keys: Array, seen_values: Array
    ) -> tuple[Array, Array | None]:
        """Read one more word: what ``forward`` gives at its position.

        Parameters
        ----------
        x : Array, (N, D)
        keys, values : Array, (N, heads, t + 1, D / heads)
            Of the t words before; at the last place the word's own are written.
        seen_keys, seen_values : Array, (N, heads, L, D / heads)
            From ``remember``; not read where there is no picture to look at.

        Returns
        -------
        y : Array, (N, D)
        weights : Array, (N, L), or None
            Where it looked, the mean over the heads.
        """
        x, _ = self.self_attention.step(x, keys, values)
        looked = None
        if self.cross is not None:
            x, weights = self.cross.step(x, seen_keys, seen_values)
            assert weights is not None
            looked = weights.mean(axis=1)[:, 0]
        return self.feed.step(x)[0], looked
