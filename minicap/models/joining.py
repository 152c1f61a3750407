"""Two ways for a picture to join the decoder behind its recurrent layers, which then read words alone.

``merge`` adds one feature vector to every state; ``dot`` lets every state look at a grid of features, and adds
what it saw.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from minicap._types import Array, Arrays, Rng
from minicap.layers import Linear, ScaledDotProductAttention, named
from minicap.models.conditioning import Conditioning, Drive, Init, Nothing, Par, Pre, ToState
from minicap.ops import tanh_backward, tanh_forward


class Merge(Nothing):
    """The picture joins after the recurrent layers: ``read_t = tanh(h_t + features @ weight + bias)``.

    The recurrent layers are a language model that never sees the picture; only the last step, from a state to
    the next word, is shown it.

    References
    ----------
    Tanti, Gatt and Camilleri, "What is the role of recurrent neural networks (RNNs) in an image caption
    generator?" (2017); Mao et al. (2015), the multimodal layer.
    """

    @property
    def params(self) -> Arrays:
        """The map from features to what is added to a state."""
        return named(to_hidden=self.to_hidden.params)

    def telling_shapes(self, state_size: int, hidden_size: int) -> dict[str, tuple[int, ...]]:
        """Return the shape of the map's weight."""
        return {"to_hidden.weight": (self.feature_size, hidden_size)}

    def build(self, state_size: int, hidden_size: int, *, rng: Rng, dtype: DTypeLike) -> None:
        """Create the map from features to what is added to a state."""
        super().build(state_size, hidden_size, rng=rng, dtype=dtype)
        self.to_hidden = Linear(self.feature_size, hidden_size, rng=rng, dtype=dtype)

    def join(self, hs: Array, features: Array) -> tuple[Array, Any]:
        """Add the mapped features to every state."""
        shown, c_linear = self.to_hidden.forward(features)  # (N, H)
        read, c_tanh = tanh_forward(hs + shown[:, None])  # (N, T, H)
        return read, (c_linear, c_tanh)

    def join_backward(self, dread: Array, cache: Any) -> tuple[Array, Array | None, Arrays]:
        """Add up over time what the mapped features receive."""
        c_linear, c_tanh = cache
        dhs = tanh_backward(dread, c_tanh).dx
        dfeatures, grads = self.to_hidden.backward(dhs.sum(axis=1), c_linear)
        return dhs, dfeatures, named(to_hidden=grads)

    def remember(self, features: Array) -> Array | None:
        """Keep the mapped features (N, H)."""
        return self.to_hidden.forward(features)[0]

    def recall(self, h: Array, shown: Array) -> tuple[Array, Array | None]:
        """Add the mapped features."""
        return np.tanh(h + shown), None


class MeanState(ToState):
    """The first state of a decoder that sees a grid: ``state_0 = tanh(mean_l features_l @ weight + bias)``.

    References
    ----------
    Xu et al., "Show, attend and tell" (2015), section 3.1.2.
    """

    def forward(self, features: Array) -> tuple[Array, Any]:
        """Map the mean of features (N, L, E) to a state (N, S)."""
        state, cache = super().forward(features.mean(axis=1))
        return state, (cache, features.shape)

    def backward(self, dstate: Array, cache: Any) -> tuple[Array, Arrays]:
        """Share the state's upstream out among the places that the mean was taken of."""
        c_state, shape = cache
        dmean, grads = super().backward(dstate, c_state)
        return np.broadcast_to(dmean[:, None] / shape[1], shape), grads


class DotCache(NamedTuple):
    """The caches of ``Dot``'s parts, in forward order."""

    query: Any
    look: Any
    hidden: Any
    tanh: Any


class Dot(Conditioning):
    """Every state looks at the places of the picture, and what it saw is added to it.

    ::

        q_t = h_t @ W_q + b_q
        context_t = sum_l softmax_l(q_t . features_l / sqrt(E)) features_l
        read_t = tanh(h_t + context_t @ W_c + b_c)

    Nothing of it waits for the word before, so all words look at once. The mean feature sets the first state, as in
    ``init``: otherwise the recurrent layers would never see the picture.

    References
    ----------
    Luong, Pham and Manning, "Effective approaches to attention-based neural machine translation" (2015),
    equations 5-7 with the score "general"; scaled as in Vaswani et al. (2017).
    """

    grid = True

    @property
    def params(self) -> Arrays:
        """The three linear maps."""
        return named(**{name: layer.params for name, layer in self._maps().items()})

    def telling_shapes(self, state_size: int, hidden_size: int) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the weights of the maps."""
        e, h = self.feature_size, hidden_size
        return {
            "to_state.weight": (e, state_size), "to_query.weight": (h, e), "to_hidden.weight": (e, h),
        }  # fmt: skip

    def build(self, state_size: int, hidden_size: int, *, rng: Rng, dtype: DTypeLike) -> None:
        """Create the first state's map, and those of queries and contexts."""
        super().build(state_size, hidden_size, rng=rng, dtype=dtype)
        e, h = self.feature_size, hidden_size
        self.to_state = MeanState(e, state_size, rng=rng, dtype=dtype)
        self.to_query = Linear(h, e, rng=rng, dtype=dtype)
        self.to_hidden = Linear(e, h, rng=rng, dtype=dtype)
        self.attention = ScaledDotProductAttention()

    def forward(self, features: Array, words: Array, mask: Array | None) -> tuple[Drive, Any]:
        """Start from the mapped mean of the features."""
        state, cache = self.to_state.forward(features)
        return Drive(words, None, state, mask), cache

    def backward(self, upstream: Drive, cache: Any) -> tuple[Array, Array, Arrays]:
        """Send the first state's upstream through the map."""
        dfeatures, grads = self.to_state.backward(upstream.state, cache)
        return dfeatures, upstream.inputs, named(to_state=grads)

    def join(self, hs: Array, features: Array) -> tuple[Array, DotCache]:
        """Look with every state at once."""
        q, c_query = self.to_query.forward(hs)  # (N, T, E)
        (context, _), c_look = self.attention.forward(q, features, features)  # (N, T, E)
        shown, c_hidden = self.to_hidden.forward(context)  # (N, T, H)
        read, c_tanh = tanh_forward(hs + shown)
        return read, DotCache(c_query, c_look, c_hidden, c_tanh)

    def join_backward(self, dread: Array, cache: DotCache) -> tuple[Array, Array | None, Arrays]:
        """Propagate to states and features, both of which were read twice or more."""
        dhs = tanh_backward(dread, cache.tanh).dx
        dcontext, g_hidden = self.to_hidden.backward(dhs, cache.hidden)
        unread = np.zeros_like(cache.look.weights)
        (dq, dk, dv), _ = self.attention.backward(dcontext, unread, cache.look)
        dasked, g_query = self.to_query.backward(dq, cache.query)
        return dhs + dasked, dk + dv, named(to_query=g_query, to_hidden=g_hidden)

    def first(self, features: Array) -> tuple[Array, Array | None]:
        """Start from the mapped mean of the features."""
        return self.to_state.forward(features)[0], None

    def beside(self, features: Array) -> Array:
        """Put nothing beside the words."""
        return features[:, 0, :0]

    def remember(self, features: Array) -> Array | None:
        """Keep the features (N, L, E)."""
        return features

    def recall(self, h: Array, shown: Array) -> tuple[Array, Array | None]:
        """Look with one state."""
        q, _ = self.to_query.forward(h)
        (context, weights), _ = self.attention.forward(q[:, None], shown, shown)
        return np.tanh(h + self.to_hidden.forward(context[:, 0])[0]), weights[:, 0]

    def _maps(self) -> dict[str, Linear | MeanState]:
        """Return the layers in between by name."""
        return {"to_state": self.to_state, "to_query": self.to_query, "to_hidden": self.to_hidden}


BESIDE_ATTENTION: dict[str, type[Conditioning]] = {
    "par": Par, "init": Init, "pre": Pre, "merge": Merge, "dot": Dot, "none": Nothing,
}  # fmt: skip
"""Every way for a picture to enter a recurrent decoder but one."""

CONDITIONINGS = ("par", "init", "pre", "merge", "attention", "dot", "none")
"""Every way; ``attention`` is a decoder of its own, see ``minicap.models.attending``."""

GRIDS = ("dot", "attention")
"""The ways that look at places, and so read a grid of features rather than one vector."""
