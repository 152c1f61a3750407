"""The places where a picture can enter a recurrent decoder, and none.

Each takes the features and the embedded words and gives what the recurrent layers read: their inputs, the
state they start from, and the mask. ``init`` sets the first state, ``pre`` is read as the first word,
``par`` stands beside every word; ``none`` keeps it out. Two more join the picture behind the recurrent layers,
see ``minicap.models.joining``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from minicap._types import Array, Arrays, Rng
from minicap.layers import Linear, named
from minicap.ops import tanh_backward, tanh_forward


class Drive(NamedTuple):
    """What the recurrent layers read; backward, the gradient of each."""

    inputs: Array  # (N, T, D)
    beside: Array | None  # (N, E), beside every input
    state: Array  # (N, S)
    mask: Array | None  # (N, T)


class Conditioning:
    """A way to show the picture to the recurrent layers; this base shows nothing.

    Attributes
    ----------
    lead : int
        How many inputs stand before the first word.
    grid : bool
        Whether the features are a grid (N, L, E), a vector a place, rather than one vector (N, E).
    """

    lead = 0
    grid = False

    def __init__(self, feature_size: int, embed_size: int) -> None:
        self.feature_size, self.embed_size = feature_size, embed_size

    @property
    def input_size(self) -> int:
        """Width D' of what the recurrent layers read at a step, with what stands beside it."""
        return self.embed_size

    @property
    def params(self) -> Arrays:
        """Parameters of the layers in between, none by default."""
        return {}

    def telling_shapes(self, state_size: int, hidden_size: int) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the weights of the layers in between, which a file has to bear out."""
        return {}

    def build(self, state_size: int, hidden_size: int, *, rng: Rng, dtype: DTypeLike) -> None:
        """Create the layers in between, once the widths S of the state and H of the top layer are known."""
        self.state_size, self.hidden_size, self.dtype = state_size, hidden_size, np.dtype(dtype)

    def forward(self, features: Array, words: Array, mask: Array | None) -> tuple[Drive, Any]:
        """Join features (N, E) and words (N, T, D); the cache is what ``backward`` needs."""
        raise NotImplementedError

    def backward(self, upstream: Drive, cache: Any) -> tuple[Array, Array, Arrays]:
        """Return (dfeatures (N, E), dwords (N, T, D), grads)."""
        raise NotImplementedError

    def join(self, hs: Array, features: Array) -> tuple[Array, Any]:
        """Return what the vocabulary reads (N, T, H): the states, unless the picture joins them here."""
        return hs, None

    def join_backward(self, dread: Array, cache: Any) -> tuple[Array, Array | None, Arrays]:
        """Return (dhs (N, T, H), dfeatures or None, grads)."""
        return dread, None, {}

    def first(self, features: Array) -> tuple[Array, Array | None]:
        """Return the first state (N, S), and what is read before the first word (N, D') if anything."""
        return self._zero_state(features), None

    def remember(self, features: Array) -> Array | None:
        """Return what ``recall`` needs of the features at every word, with N rows."""
        return None

    def recall(self, h: Array, shown: Array) -> tuple[Array, Array | None]:
        """Return what the vocabulary reads (N, H), and where the decoder looked (N, L) if anywhere."""
        return h, None

    def beside(self, features: Array) -> Array:
        """Return what stands beside every word (N, D' - D), the same at each step: nothing by default."""
        return features[:, :0]

    def _zero_state(self, features: Array) -> Array:
        return np.zeros((len(features), self.state_size), self.dtype)


class ToState:
    """A map to a state: ``state = tanh(x @ weight + bias)``, in the range that recurrent layers themselves produce."""

    def __init__(self, in_size: int, state_size: int, *, rng: Rng, dtype: DTypeLike) -> None:
        self.linear = Linear(in_size, state_size, rng=rng, dtype=dtype)

    @property
    def params(self) -> Arrays:
        """Weight and bias of the map."""
        return self.linear.params

    def forward(self, x: Array) -> tuple[Array, Any]:
        """Map x (N, E) to a state (N, S)."""
        z, c_linear = self.linear.forward(x)
        state, c_tanh = tanh_forward(z)
        return state, (c_linear, c_tanh)

    def backward(self, dstate: Array, cache: Any) -> tuple[Array, Arrays]:
        """Send the state's upstream through the map."""
        c_linear, c_tanh = cache
        return self.linear.backward(tanh_backward(dstate, c_tanh).dx, c_linear)


class Init(Conditioning):
    """The picture sets the first state: ``state_0 = tanh(features @ weight + bias)``."""

    @property
    def params(self) -> Arrays:
        """The map from features to state."""
        return named(to_state=self.to_state.params)

    def telling_shapes(self, state_size: int, hidden_size: int) -> dict[str, tuple[int, ...]]:
        """Return the shape of the map's weight."""
        return {"to_state.weight": (self.feature_size, state_size)}

    def build(self, state_size: int, hidden_size: int, *, rng: Rng, dtype: DTypeLike) -> None:
        """Create the map from features to state."""
        super().build(state_size, hidden_size, rng=rng, dtype=dtype)
        self.to_state = ToState(self.feature_size, state_size, rng=rng, dtype=dtype)

    def forward(self, features: Array, words: Array, mask: Array | None) -> tuple[Drive, Any]:
        """Start from the mapped features."""
        state, cache = self.to_state.forward(features)
        return Drive(words, None, state, mask), cache

    def backward(self, upstream: Drive, cache: Any) -> tuple[Array, Array, Arrays]:
        """Send the first state's upstream through the map."""
        dfeatures, grads = self.to_state.backward(upstream.state, cache)
        return dfeatures, upstream.inputs, named(to_state=grads)

    def first(self, features: Array) -> tuple[Array, Array | None]:
        """Start from the mapped features."""
        return self.to_state.forward(features)[0], None


class Pre(Conditioning):
    """The picture is read as the first word: ``x_0 = features @ weight + bias``, then ``<start>``.

    References
    ----------
    Vinyals et al., "Show and tell: a neural image caption generator" (2015), equations 10-12.
    """

    lead = 1

    @property
    def params(self) -> Arrays:
        """The map from features to a word vector."""
        return named(to_word=self.to_word.params)

    def telling_shapes(self, state_size: int, hidden_size: int) -> dict[str, tuple[int, ...]]:
        """Return the shape of the map's weight."""
        return {"to_word.weight": (self.feature_size, self.embed_size)}

    def build(self, state_size: int, hidden_size: int, *, rng: Rng, dtype: DTypeLike) -> None:
        """Create the map from features to a word vector."""
        super().build(state_size, hidden_size, rng=rng, dtype=dtype)
        self.to_word = Linear(self.feature_size, self.embed_size, rng=rng, dtype=dtype)

    def forward(self, features: Array, words: Array, mask: Array | None) -> tuple[Drive, Any]:
        """Put the mapped features in front of the words."""
        picture, cache = self.to_word.forward(features)  # (N, D)
        inputs = np.concatenate([picture[:, None], words], axis=1)  # (N, 1 + T, D)
        if mask is not None:
            mask = np.concatenate([np.ones_like(mask[:, :1]), mask], axis=1)
        return Drive(inputs, None, self._zero_state(features), mask), cache

    def backward(self, upstream: Drive, cache: Any) -> tuple[Array, Array, Arrays]:
        """Send the first input's upstream through the map."""
        dfeatures, grads = self.to_word.backward(upstream.inputs[:, 0], cache)
        return dfeatures, upstream.inputs[:, 1:], named(to_word=grads)

    def first(self, features: Array) -> tuple[Array, Array | None]:
        """Read the mapped features first."""
        return self._zero_state(features), self.to_word.forward(features)[0]


class Par(Conditioning):
    """The picture stands beside every word: ``x_t = [word_t, features]``.

    Each state is then a nonlinearity of the picture's features, the word and the state before,
    ``h_t = f(W_v v + W_x x_t + W_h h_{t-1})``, the classic equation.

    References
    ----------
    Mao et al., "Deep captioning with multimodal recurrent neural networks" (2015); Donahue et al.,
    "Long-term recurrent convolutional networks" (2015), section 4.2.
    """

    @property
    def input_size(self) -> int:
        """Width of word and features side by side."""
        return self.embed_size + self.feature_size

    def forward(self, features: Array, words: Array, mask: Array | None) -> tuple[Drive, Any]:
        """Put the features beside every word."""
        return Drive(words, features, self._zero_state(features), mask), None

    def backward(self, upstream: Drive, cache: Any) -> tuple[Array, Array, Arrays]:
        """Hand on what the features receive, the sum over time."""
        assert upstream.beside is not None
        return upstream.beside, upstream.inputs, {}

    def beside(self, features: Array) -> Array:
        """Put the features beside every word."""
        return features


class Nothing(Conditioning):
    """The picture is not shown: what is learnt is a language model of the captions."""

    def forward(self, features: Array, words: Array, mask: Array | None) -> tuple[Drive, Any]:
        """Read the words alone."""
        return Drive(words, None, self._zero_state(features), mask), features.shape

    def backward(self, upstream: Drive, cache: Any) -> tuple[Array, Array, Arrays]:
        """Send nothing to the features."""
        return np.zeros(cache, self.dtype), upstream.inputs, {}
