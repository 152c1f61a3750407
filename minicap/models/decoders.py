"""From a feature vector to a sentence: the recurrent decoder."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from minicap._types import Array, Arrays, Rng
from minicap.decoding import Step
from minicap.layers import CELLS, Dropout, Embedding, Linear, RecurrentStack, named
from minicap.models.conditioning import CONDITIONINGS, Drive

DECODERS = tuple(CELLS)


class RecurrentState(NamedTuple):
    """State of the recurrent layers, (N, S)."""

    state: Array


class RecurrentDecoderCache(NamedTuple):
    """The caches of the decoder's parts, in forward order."""

    embed: Any
    drop_words: Any
    conditioning: Any
    rnn: Any
    drop_states: Any
    to_vocab: Any


class RecurrentDecoder:
    """P(sentence | features) as the product over its words, by a recurrent network.

    Parameters
    ----------
    vocab_size, feature_size : int
        V and E.
    cell : str
        ``rnn``, ``lstm`` or ``gru``.
    conditioning : str
        ``par``, ``init``, ``pre`` or ``none``, see ``minicap.models.conditioning``.
    embed_size, hidden_size : int
        D and H.
    layers : int
    dropout : float
        Probability dropped of word vectors, between layers, and of the states in front of the vocabulary.
    rng : numpy.random.Generator
    dtype : dtype

    Raises
    ------
    ValueError
        If there is no such cell or conditioning.
    """

    def __init__(
        self,
        vocab_size: int,
        feature_size: int,
        *,
        cell: str = "lstm",
        conditioning: str = "par",
        embed_size: int = 256,
        hidden_size: int = 256,
        layers: int = 1,
        dropout: float = 0.0,
        rng: Rng,
        dtype: DTypeLike = "float32",
    ) -> None:
        if conditioning not in CONDITIONINGS:
            raise ValueError(
                f"RecurrentDecoder: there is no conditioning {conditioning!r}; choose one of {', '.join(CONDITIONINGS)}"
            )
        self.embed_size = embed_size
        self.embed = Embedding(vocab_size, embed_size, rng=rng, dtype=dtype)
        self.conditioning = CONDITIONINGS[conditioning](feature_size, embed_size)
        self.rnn = RecurrentStack(
            cell,
            self.conditioning.input_size,
            hidden_size,
            layers=layers,
            dropout=dropout,
            rng=rng,
            dtype=dtype,
        )
        self.conditioning.build(self.rnn.state_size, rng=rng, dtype=dtype)
        self.dropout = Dropout(dropout)
        self.to_vocab = Linear(hidden_size, vocab_size, rng=rng, dtype=dtype)

    @property
    def params(self) -> Arrays:
        """All parameters in one flat dict of live arrays."""
        return named(
            embed=self.embed.params,
            conditioning=self.conditioning.params,
            rnn=self.rnn.params,
            to_vocab=self.to_vocab.params,
        )

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
    ) -> tuple[Array, RecurrentDecoderCache]:
        """Return the logits of every next word, given the right words before it (teacher forcing).

        Parameters
        ----------
        features : Array, (N, E)
        seen : Array of int, (N, T)
            ``<start>`` and the words, without the last token.
        mask : Array of bool, (N, T), optional
        training : bool
        rng : numpy.random.Generator, optional
            For dropout.

        Returns
        -------
        logits : Array, (N, T, V)
        cache : RecurrentDecoderCache
        """
        words, c_embed = self.embed.forward(seen)  # (N, T, D)
        words, c_words = self.dropout.forward(words, training=training, rng=rng)
        (inputs, beside, state, mask), c_condition = self.conditioning.forward(features, words, mask)
        hs, c_rnn = self.rnn.run(inputs, state, beside=beside, mask=mask, training=training, rng=rng)
        hs, c_states = self.dropout.forward(hs[:, self.conditioning.lead :], training=training, rng=rng)
        logits, c_vocab = self.to_vocab.forward(hs)  # (N, T, V)
        return logits, RecurrentDecoderCache(c_embed, c_words, c_condition, c_rnn, c_states, c_vocab)

    def backward(self, dlogits: Array, cache: RecurrentDecoderCache) -> tuple[Array, Arrays]:
        """Propagate back to the features.

        Parameters
        ----------
        dlogits : Array, (N, T, V)
        cache : RecurrentDecoderCache

        Returns
        -------
        dfeatures : Array, (N, E)
        grads : dict of str to Array
            Named like ``params``.
        """
        dhs, g_vocab = self.to_vocab.backward(dlogits, cache.to_vocab)
        dhs, _ = self.dropout.backward(dhs, cache.drop_states)
        dhs = np.pad(
            dhs, ((0, 0), (self.conditioning.lead, 0), (0, 0))
        )  # nobody read what came before the words
        dinputs, dbeside, dstate, g_rnn = self.rnn.run_backward(dhs, cache.rnn)
        dfeatures, dwords, g_condition = self.conditioning.backward(
            Drive(dinputs, dbeside, dstate, mask=None), cache.conditioning
        )
        dwords, _ = self.dropout.backward(dwords, cache.drop_words)
        _, g_embed = self.embed.backward(dwords, cache.embed)
        return dfeatures, named(embed=g_embed, conditioning=g_condition, rnn=g_rnn, to_vocab=g_vocab)

    def start(self, features: Array) -> tuple[Array, RecurrentState]:
        """Return (memory, state) in front of the first word.

        Parameters
        ----------
        features : Array, (N, E)

        Returns
        -------
        memory : Array, (N, gates H)
            What the lowest recurrent layer reads at every word, whichever it is: its bias, and of the features
            what some conditionings show beside each.
        state : RecurrentState
        """
        state, lead = self.conditioning.first(features)
        if lead is not None:
            _, state = self.rnn.step(lead, state)
        memory = self.rnn.cells[0].read(self.conditioning.beside(features), self.embed_size)
        return memory, RecurrentState(state)

    def step(self, tokens: Array, state: RecurrentState, memory: Array) -> Step:
        """Read one token each and return the logits of the next.

        Parameters
        ----------
        tokens : Array of int, (N,)
        state : RecurrentState
        memory : Array, (N, gates H)
            From ``start``.

        Returns
        -------
        Step
            logits (N, V) and the new state.
        """
        word, _ = self.embed.forward(tokens)  # (N, D)
        z_x = word @ self.rnn.cells[0].params["w_x"][: self.embed_size]  # (N, gates H)
        z_x += memory
        h, after = self.rnn.advance(z_x, state.state)
        logits, _ = self.to_vocab.forward(h)
        return Step(logits, RecurrentState(after))


def telling_decoder_shapes(
    words: int,
    feature_size: int,
    *,
    cell: str,
    conditioning: str = "par",
    embed_size: int,
    hidden_size: int,
    layers: int = 1,
) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the weights that are as large as any, which a file has to bear out.

    Parameters
    ----------
    words, feature_size : int
        V and E.
    cell, conditioning : str
    embed_size, hidden_size, layers : int
        As for ``RecurrentDecoder``.

    Returns
    -------
    dict of str to tuple
    """
    kind, shown = CELLS[cell], CONDITIONINGS[conditioning](feature_size, embed_size)
    width = kind.gates * hidden_size
    between = shown.telling_shapes(layers * kind.states * hidden_size)
    return {
        "embed.weight": (words, embed_size),
        "rnn.layer1.w_x": (shown.input_size, width),
        **{f"rnn.layer{i}.w_h": (hidden_size, width) for i in range(1, layers + 1)},
        **{f"conditioning.{name}": shape for name, shape in between.items()},
        "to_vocab.weight": (hidden_size, words),
    }
