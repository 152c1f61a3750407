"""The decoder that looks at the picture before every word: additive attention over a grid of features."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from minicap._types import Array, Arrays, Rng
from minicap.decoding import Step
from minicap.layers import (
    CELLS,
    AdditiveLook,
    Dropout,
    Embedding,
    Linear,
    RecurrentStack,
    Sigmoid,
    named,
    telling_stack_shapes,
)
from minicap.layers.base import Composite
from minicap.models.decoders import RecurrentState
from minicap.models.joining import MeanState
from minicap.ops import tanh_backward, tanh_forward


class AttendingMemory(NamedTuple):
    """What stays for a sentence: features (N, L, E), and their keys (N, L, A)."""

    features: Array
    keys: Array


class LookCache(NamedTuple):
    """The caches of one word: the look, its gate, and one step of the recurrent layers."""

    context: Array  # (N, E), before the gate
    look: Any
    gate: Any
    rnn: Any


class AttendingDecoderCache(NamedTuple):
    """The caches of the decoder's parts, in forward order, and where it looked, (N, T, L)."""

    embed: Any
    drop_words: Any
    keys: Any
    first: Any
    first_state: Array
    looks: list[LookCache]
    hidden: Any
    tanh: Any
    drop_states: Any
    to_vocab: Any
    weights: Array


class AttendingDecoder(Composite):
    """P(sentence | features): the state so far decides where to look, and what is seen is read with the word.

    ::

        keys_l = features_l @ W_k + b_k                          once for a sentence
        context_t, weights_t = additive attention of h_{t-1}     see ``minicap.ops.attention``
        gate_t = sigmoid(h_{t-1} @ W_g + b_g)                    one number: how much the picture matters now
        h_t = cell([word_t, gate_t context_t], h_{t-1})
        logits_t = tanh(h_t + gate_t context_t @ W_c + b_c) @ W_v + b_v

    The first state comes from the mean feature. With several recurrent layers, the topmost looks.

    Parameters
    ----------
    vocab_size, feature_size : int
        V and E.
    cell : str
        ``rnn``, ``lstm`` or ``gru``.
    embed_size, hidden_size : int
        D and H; the attention is H wide.
    layers : int
    dropout : float
        As in ``RecurrentDecoder``.
    gate : bool
        Whether there is a gate; without one the context is read whole.
    reset_after : bool
        Of the GRU, see ``minicap.ops.gru``.
    rng : numpy.random.Generator
    dtype : dtype

    References
    ----------
    Xu et al., "Show, attend and tell" (2015): the soft attention of section 4.2, its gate beta (section 4.2.1), the
    first state of section 3.1.2; their output layer reads the word as well.
    """

    def __init__(
        self,
        vocab_size: int,
        feature_size: int,
        *,
        cell: str = "lstm",
        embed_size: int = 256,
        hidden_size: int = 256,
        layers: int = 1,
        dropout: float = 0.0,
        gate: bool = False,
        reset_after: bool = True,
        rng: Rng,
        dtype: DTypeLike = "float32",
    ) -> None:
        self.embed_size, self.hidden_size = embed_size, hidden_size
        options: dict[str, Any] = {"rng": rng, "dtype": dtype}
        self.embed = Embedding(vocab_size, embed_size, **options)
        self.to_key = Linear(feature_size, hidden_size, **options)
        self.look = AdditiveLook(hidden_size, hidden_size, **options)
        self.gate = Linear(hidden_size, 1, **options) if gate else None
        self.rnn = RecurrentStack(
            cell, embed_size + feature_size, hidden_size, layers=layers, dropout=dropout,
            reset_after=reset_after, **options,
        )  # fmt: skip
        self.to_state = MeanState(feature_size, self.rnn.state_size, **options)
        self.to_hidden = Linear(feature_size, hidden_size, **options)
        self.to_vocab = Linear(hidden_size, vocab_size, **options)
        self.sigmoid, self.dropout = Sigmoid(), Dropout(dropout)

    @property
    def parts(self) -> dict[str, Any]:
        """The parts with parameters, by name."""
        gate = {} if self.gate is None else {"gate": self.gate}
        return {
            "embed": self.embed, "to_key": self.to_key, "look": self.look, **gate, "to_state": self.to_state,
            "rnn": self.rnn, "to_hidden": self.to_hidden, "to_vocab": self.to_vocab,
        }  # fmt: skip

    @property
    def buffers(self) -> Arrays:
        """None: nothing here keeps statistics."""
        return {}

    def forward(
        self,
        features: Array,
        seen: Array,
        mask: Array | None = None,
        *,
        training: bool = False,
        rng: Rng | None = None,
    ) -> tuple[Array, AttendingDecoderCache]:
        """Return the logits of every next word, given the right words before it (teacher forcing).

        Parameters
        ----------
        features : Array, (N, L, E)
        seen : Array of int, (N, T)
            ``<start>`` and the words, without the last token.
        mask : Array of bool, (N, T), optional
        training : bool
        rng : numpy.random.Generator, optional
            For dropout.

        Returns
        -------
        logits : Array, (N, T, V)
        cache : AttendingDecoderCache
            With ``weights`` (N, T, L).
        """
        words, c_embed = self.embed.forward(seen)  # (N, T, D)
        words, c_words = self.dropout.forward(words, training=training, rng=rng)
        keys, c_keys = self.to_key.forward(features)  # (N, L, A)
        first, c_first = self.to_state.forward(features)  # (N, S)
        state = first
        (n, steps), e = seen.shape, features.shape[2]
        contexts = np.empty((n, steps, e), words.dtype)
        hs = np.empty((n, steps, self.hidden_size), words.dtype)
        weights = np.empty((n, steps, features.shape[1]), words.dtype)
        looks = []
        for t in range(steps):
            contexts[:, t], weights[:, t], c_look = self._look(self._top(state), features, keys)
            here = None if mask is None else mask[:, t : t + 1]
            h, state, c_rnn = self.rnn.run(
                words[:, t : t + 1], state, beside=contexts[:, t], mask=here, training=training, rng=rng
            )
            hs[:, t] = h[:, 0]
            looks.append(c_look._replace(rnn=c_rnn))
        shown, c_hidden = self.to_hidden.forward(contexts)  # (N, T, H)
        read, c_tanh = tanh_forward(hs + shown)
        read, c_states = self.dropout.forward(read, training=training, rng=rng)
        logits, c_vocab = self.to_vocab.forward(read)  # (N, T, V)
        return logits, AttendingDecoderCache(
            c_embed, c_words, c_keys, c_first, first, looks, c_hidden, c_tanh, c_states, c_vocab, weights
        )

    def backward(
        self, dlogits: Array, cache: AttendingDecoderCache, dweights: Array | None = None
    ) -> tuple[Array, Arrays]:
        """Propagate back to the features.

        Parameters
        ----------
        dlogits : Array, (N, T, V)
        cache : AttendingDecoderCache
        dweights : Array, (N, T, L), optional
            Upstream gradient of where the decoder looked, if the loss reads that.

        Returns
        -------
        dfeatures : Array, (N, L, E)
        grads : dict of str to Array
            Named like ``params``.
        """
        dread, g_vocab = self.to_vocab.backward(dlogits, cache.to_vocab)
        dread, _ = self.dropout.backward(dread, cache.drop_states)
        dhs = tanh_backward(dread, cache.tanh).dx
        dcontexts, g_hidden = self.to_hidden.backward(dhs, cache.hidden)
        dweights = np.zeros_like(cache.weights) if dweights is None else dweights
        dwords = np.empty((*dhs.shape[:2], self.embed_size), dhs.dtype)
        dfeatures: Any = 0
        dkeys: Any = 0
        dstate = np.zeros_like(cache.first_state)
        totals: Arrays = {}
        for t in reversed(range(dhs.shape[1])):
            look = cache.looks[t]
            dword, dcontext, dstate, g_rnn = self.rnn.run_backward(dhs[:, t : t + 1], dstate, look.rnn)
            dwords[:, t] = dword[:, 0]
            # The context was read by the cell and by the output.
            dcontext = dcontext + dcontexts[:, t]
            dseen, dkeyed, dh, g_look = self._look_backward(dcontext, dweights[:, t], look)
            dfeatures, dkeys = dfeatures + dseen, dkeys + dkeyed
            self._top(dstate)[...] += dh  # the state so far was carried on, and it looked
            totals = _add(totals, named(rnn=g_rnn) | g_look)
        dkeyed, g_keys = self.to_key.backward(dkeys, cache.keys)
        dmean, g_state = self.to_state.backward(dstate, cache.first)
        dwords, _ = self.dropout.backward(dwords, cache.drop_words)
        _, g_embed = self.embed.backward(dwords, cache.embed)
        rest = named(embed=g_embed, to_key=g_keys, to_state=g_state, to_hidden=g_hidden, to_vocab=g_vocab)
        return dfeatures + dkeyed + dmean, totals | rest

    def start(self, features: Array) -> tuple[AttendingMemory, RecurrentState]:
        """Return (memory, state) in front of the first word.

        Parameters
        ----------
        features : Array, (N, L, E)

        Returns
        -------
        memory : AttendingMemory
        state : RecurrentState
        """
        memory = AttendingMemory(features, self.to_key.forward(features)[0])
        return memory, RecurrentState(self.to_state.forward(features)[0])

    def step(self, tokens: Array, state: RecurrentState, memory: AttendingMemory) -> Step:
        """Look, read one token each, and return the logits of the next.

        Parameters
        ----------
        tokens : Array of int, (N,)
        state : RecurrentState
        memory : AttendingMemory
            From ``start``.

        Returns
        -------
        Step
            logits (N, V), the new state, and where it looked (N, L).
        """
        word, _ = self.embed.forward(tokens)  # (N, D)
        context, weights, _ = self._look(self._top(state.state), *memory)
        z_x = self.rnn.cells[0].read(np.concatenate([word, context], axis=1))  # (N, gates H)
        h, after = self.rnn.advance(z_x, state.state)
        logits, _ = self.to_vocab.forward(np.tanh(h + self.to_hidden.forward(context)[0]))
        return Step(logits, RecurrentState(after), weights)

    def _top(self, state: Array) -> Array:
        """Return the hidden state of the topmost layer, a view (N, H) of the states (N, S) of all."""
        first = self.rnn.state_size - self.rnn.cells[-1].state_size
        return state[:, first : first + self.hidden_size]

    def _look(self, h: Array, features: Array, keys: Array) -> tuple[Array, Array, LookCache]:
        """Return the gated context (N, E), the weights (N, L), and the cache."""
        (context, weights), c_look = self.look.forward(features, keys, h)
        if self.gate is None:
            return context, weights, LookCache(context, c_look, None, None)
        z, c_linear = self.gate.forward(h)
        gate, c_sigmoid = self.sigmoid.forward(z)  # (N, 1)
        return gate * context, weights, LookCache(context, c_look, (gate, c_linear, c_sigmoid), None)

    def _look_backward(
        self, dcontext: Array, dweights: Array, cache: LookCache
    ) -> tuple[Array, Array, Array, Arrays]:
        """Return (dfeatures (N, L, E), dkeys (N, L, A), dh (N, H), grads)."""
        if cache.gate is None:
            (dfeatures, dkeys, dh), g_look = self.look.backward(dcontext, dweights, cache.look)
            return dfeatures, dkeys, dh, named(look=g_look)
        assert self.gate is not None
        gate, c_linear, c_sigmoid = cache.gate
        dgate = (dcontext * cache.context).sum(axis=1, keepdims=True)  # (N, 1)
        dz, _ = self.sigmoid.backward(dgate, c_sigmoid)
        dasked, g_gate = self.gate.backward(dz, c_linear)
        (dfeatures, dkeys, dh), g_look = self.look.backward(gate * dcontext, dweights, cache.look)
        return dfeatures, dkeys, dh + dasked, named(look=g_look, gate=g_gate)


def _add(totals: Arrays, grads: Arrays) -> Arrays:
    """Add one word's gradients to those of the words behind it, in place."""
    if not totals:
        return grads
    for name, grad in grads.items():
        totals[name] += grad
    return totals


def telling_attending_shapes(
    words: int, *, cell: str, feature_size: int, embed_size: int, hidden_size: int, layers: int = 1
) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the weights that are as large as any, which a file has to bear out.

    Parameters
    ----------
    words : int
        V.
    cell : str
    feature_size, embed_size, hidden_size, layers : int
        As for ``AttendingDecoder``.

    Returns
    -------
    dict of str to tuple
    """
    stack = telling_stack_shapes(cell, embed_size + feature_size, hidden_size, layers=layers)
    return {
        "embed.weight": (words, embed_size),
        "to_key.weight": (feature_size, hidden_size),
        "look.w_h": (hidden_size, hidden_size),
        **{f"rnn.{name}": shape for name, shape in stack.items()},
        "to_state.weight": (feature_size, layers * CELLS[cell].states * hidden_size),
        "to_hidden.weight": (feature_size, hidden_size),
        "to_vocab.weight": (hidden_size, words),
    }
