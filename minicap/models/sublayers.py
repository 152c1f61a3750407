"""What a Transformer's block is made of: attention to words and to places, and a map of each word by itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from minicap import ops
from minicap._types import Array, Arrays, Rng
from minicap.initializers import he_normal
from minicap.layers import Dropout, Gelu, LayerNorm, Linear, MultiHeadAttention, Relu, named
from minicap.layers.base import Composite
from minicap.ops.multi_head import merge_heads, split_heads

ACTIVATIONS: dict[str, Any] = {"gelu": Gelu, "relu": Relu}


class SublayerCache(NamedTuple):
    """The caches of a sublayer in forward order; of the two norms one is None."""

    before: Any
    inner: Any
    drop: Any
    after: Any


class Sublayer(Composite):
    """Something added to what went in, with layer norm before or after.

    ::

        y = x + dropout(inner(norm(x)))          norm_first: the sum itself is never touched, and trains easily
        y = norm(x + dropout(inner(x)))          as in the first Transformers

    Backward, x was used twice: by the sum and by ``inner``.

    Parameters
    ----------
    size : int
        D.
    dropout : float
    norm_first : bool
    dtype : dtype

    References
    ----------
    Vaswani et al. (2017), sections 3.1 and 5.4; Xiong et al., "On layer normalization in the Transformer
    architecture" (2020).
    """

    def __init__(self, size: int, *, dropout: float, norm_first: bool, dtype: DTypeLike) -> None:
        self.norm, self.norm_first = LayerNorm(size, dtype=dtype), norm_first
        self.dropout = Dropout(dropout)

    def inner(self, x: Array, *given: Any) -> tuple[Array, Any]:
        """Return what is added (N, T, D), and its cache."""
        raise NotImplementedError

    def inner_backward(self, dy: Array, cache: Any, *more: Any) -> tuple[Array, Array | None, Arrays]:
        """Return (dx, the gradient of what was given or None, grads)."""
        raise NotImplementedError

    def inner_step(self, x: Array, *given: Any) -> tuple[Array, Array | None]:
        """Return what is added for one word (N, D), and where it looked (N, heads, 1, Tk) if anywhere."""
        raise NotImplementedError

    def forward(
        self, x: Array, *given: Any, training: bool = False, rng: Rng | None = None
    ) -> tuple[Array, SublayerCache]:
        """Add the inner part.

        Parameters
        ----------
        x : Array, (N, T, D)
        *given
            What the inner part takes besides x.
        training : bool
        rng : numpy.random.Generator, optional

        Returns
        -------
        y : Array, (N, T, D)
        cache : SublayerCache
        """
        seen, c_before = self.norm.forward(x) if self.norm_first else (x, None)
        found, c_inner = self.inner(seen, *given)
        found, c_drop = self.dropout.forward(found, training=training, rng=rng)
        y, c_after = (x + found, None) if self.norm_first else self.norm.forward(x + found)
        return y, SublayerCache(c_before, c_inner, c_drop, c_after)

    def backward(self, dy: Array, cache: SublayerCache, *more: Any) -> tuple[Array, Array | None, Arrays]:
        """Propagate back, the same lines upward.

        Parameters
        ----------
        dy : Array, (N, T, D)
        cache : SublayerCache
        *more
            Upstreams of what else the inner part gave.

        Returns
        -------
        dx : Array, (N, T, D)
        dgiven : Array or None
        grads : dict of str to Array
        """
        dsum, g_norm = (dy, {}) if self.norm_first else self.norm.backward(dy, cache.after)
        dfound, _ = self.dropout.backward(dsum, cache.drop)
        dseen, dgiven, grads = self.inner_backward(dfound, cache.inner, *more)
        if self.norm_first:
            dseen, g_norm = self.norm.backward(dseen, cache.before)
        return dsum + dseen, dgiven, grads | named(norm=g_norm)

    def step(self, x: Array, *given: Any) -> tuple[Array, Array | None]:
        """Add the inner part to one word's vector: the ``forward`` of a single position.

        Parameters
        ----------
        x : Array, (N, D)
        *given

        Returns
        -------
        y : Array, (N, D)
        weights : Array, (N, heads, 1, Tk), or None
        """
        found, weights = self.inner_step(self.norm.forward(x)[0] if self.norm_first else x, *given)
        return (x + found if self.norm_first else self.norm.forward(x + found)[0]), weights


class Attention(Sublayer):
    """What self- and cross-attention share: queries meet keys that are known already.

    Parameters
    ----------
    size, heads : int
    memory_size : int, optional
        Width of what keys and values are made of, if not D.
    rng : numpy.random.Generator
    **options
        As for ``Sublayer``.
    """

    def __init__(
        self, size: int, heads: int, *, rng: Rng, memory_size: int | None = None, **options: Any
    ) -> None:
        super().__init__(size, **options)
        self.heads = heads
        self.attention = MultiHeadAttention(
            size, heads, memory_size=memory_size, rng=rng, dtype=options["dtype"]
        )

    @property
    def parts(self) -> Mapping[str, Any]:
        """Norm and attention."""
        return {"norm": self.norm, "attention": self.attention}

    def project(self, x: Array) -> tuple[Array, Array]:
        """Return keys and values (N, heads, T, D / heads) of x (N, T, .)."""
        return self._map(x, "k"), self._map(x, "v")

    def look(self, x: Array, keys: Array, values: Array) -> tuple[Array, Array]:
        """Look with one vector each: x (N, D) to what is found (N, D) and weights (N, heads, 1, Tk)."""
        (found, weights), _ = ops.scaled_dot_product_attention_forward(
            self._map(x[:, None], "q"), keys, values
        )
        params = self.attention.params
        return ops.linear_forward(merge_heads(found)[:, 0], params["w_o"], params["b_o"])[0], weights

    def _map(self, x: Array, letter: str) -> Array:
        """Return queries, keys or values of x (N, T, .), split into heads."""
        params = self.attention.params
        return split_heads(ops.linear_forward(x, params[f"w_{letter}"], params[f"b_{letter}"])[0], self.heads)


class SelfAttention(Attention):
    """Every word looks at itself and at the words before it."""

    def inner(self, x: Array, mask: Array | None = None) -> tuple[Array, Any]:
        """Look back; ``mask`` (N, T) says which words are real."""
        (found, _), cache = self.attention.forward(x, x, x, mask=mask, causal=True)
        return found, cache

    def inner_backward(self, dy: Array, cache: Any) -> tuple[Array, None, Arrays]:
        """Add up what x receives as queries, keys and values."""
        (dq, dk, dv), grads = self.attention.backward(dy, np.zeros_like(cache.weights), cache)
        return dq + dk + dv, None, named(attention=grads)

    def inner_step(self, x: Array, keys: Array, values: Array) -> tuple[Array, Array]:
        """Write the word's own key and value at the last place of (N, heads, t + 1, D / heads), and look back."""
        own_key, own_value = self.project(x[:, None])
        keys[:, :, -1:], values[:, :, -1:] = own_key, own_value
        return self.look(x, keys, values)


class CrossAttention(Attention):
    """Every word looks at the places of the picture."""

    def inner(self, x: Array, features: Array) -> tuple[Array, Any]:
        """Look at features (N, L, E); the cache has the weights (N, heads, T, L)."""
        (found, _), cache = self.attention.forward(x, features, features)
        return found, cache

    def inner_backward(
        self, dy: Array, cache: Any, dweights: Array | None = None
    ) -> tuple[Array, Array, Arrays]:
        """Add up what the features receive as keys and values."""
        dweights = np.zeros_like(cache.weights) if dweights is None else dweights
        (dx, dk, dv), grads = self.attention.backward(dy, dweights, cache)
        return dx, dk + dv, named(attention=grads)

    def inner_step(self, x: Array, keys: Array, values: Array) -> tuple[Array, Array]:
        """Look at the picture's keys (N, heads, L, D / heads)."""
        return self.look(x, keys, values)


class FeedForward(Sublayer):
    """Every word by itself: wider, through a nonlinearity, and narrow again.

    Parameters
    ----------
    size, inner_size : int
    activation : str
        ``gelu`` or ``relu``.
    rng : numpy.random.Generator
    **options
        As for ``Sublayer``.
    """

    def __init__(self, size: int, inner_size: int, *, activation: str, rng: Rng, **options: Any) -> None:
        super().__init__(size, **options)
        self.wide = Linear(size, inner_size, rng=rng, dtype=options["dtype"], init=he_normal)
        self.activation = ACTIVATIONS[activation]()
        self.narrow = Linear(inner_size, size, rng=rng, dtype=options["dtype"])

    @property
    def parts(self) -> Mapping[str, Any]:
        """Norm and the two maps."""
        return {"norm": self.norm, "wide": self.wide, "narrow": self.narrow}

    def inner(self, x: Array) -> tuple[Array, Any]:
        """Map, bend, map back."""
        z, c_wide = self.wide.forward(x)  # (N, T, 4 H)
        bent, c_activation = self.activation.forward(z)
        y, c_narrow = self.narrow.forward(bent)  # (N, T, D)
        return y, {"wide": c_wide, "activation": c_activation, "narrow": c_narrow}

    def inner_backward(self, dy: Array, cache: Any) -> tuple[Array, None, Arrays]:
        """Propagate through the three."""
        dbent, g_narrow = self.narrow.backward(dy, cache["narrow"])
        dz, _ = self.activation.backward(dbent, cache["activation"])
        dx, g_wide = self.wide.backward(dz, cache["wide"])
        return dx, None, named(wide=g_wide, narrow=g_narrow)

    def inner_step(self, x: Array) -> tuple[Array, None]:
        """Do the same for one word."""
        return self.inner(x)[0], None
