"""From a feature vector to a sentence: the recurrent decoder."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from minicap._types import Array, Arrays, Rng
from minicap.decoding import Step
from minicap.layers import CELLS, Dropout, Embedding, Linear, RecurrentStack, named, telling_stack_shapes
from minicap.models.conditioning import Drive
from minicap.models.joining import BESIDE_ATTENTION, CONDITIONINGS


class RecurrentState(NamedTuple):
    """State of the recurrent layers, (N, S)."""

    state: Array


class RecurrentMemory(NamedTuple):
    """What stays for a sentence.

    ``z_x`` (N, gates H) is what the lowest recurrent layer reads at every word, whichever it is: its bias, and of the
    features what some conditionings show beside each. ``shown`` is what
    the picture joins the states with, (N, 0) where it does not.
    """

    z_x: Array
    shown: Array


class RecurrentDecoderCache(NamedTuple):
    """The caches of the decoder's parts, in forward order."""

    embed: Any
    drop_words: Any
    conditioning: Any
    rnn: Any
    join: Any
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
        ``par``, ``init``, ``pre``, ``merge``, ``dot`` or ``none``, see ``minicap.models.conditioning`` and ``joining``.
    embed_size, hidden_size : int
        D and H.
    layers : int
    dropout : float
        Probability dropped of word vectors, between layers, and of the states in front of the vocabulary.
    reset_after : bool
        Of the GRU, see ``minicap.ops.gru``.
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
        reset_after: bool = True,
        rng: Rng,
        dtype: DTypeLike = "float32",
    ) -> None:
        if conditioning not in BESIDE_ATTENTION:
            raise ValueError(
                f"RecurrentDecoder: there is no conditioning {conditioning!r}; choose one of {', '.join(CONDITIONINGS)}"
            )
        self.embed_size = embed_size
        self.embed = Embedding(vocab_size, embed_size, rng=rng, dtype=dtype)
        self.conditioning = BESIDE_ATTENTION[conditioning](feature_size, embed_size)
        self.rnn = RecurrentStack(
            cell,
            self.conditioning.input_size,
            hidden_size,
            layers=layers,
            dropout=dropout,
            reset_after=reset_after,
            rng=rng,
            dtype=dtype,
        )
        self.conditioning.build(self.rnn.state_size, hidden_size, rng=rng, dtype=dtype)
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
        features : Array, (N, E), or (N, L, E) for ``dot``
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
        hs, _, c_rnn = self.rnn.run(inputs, state, beside=beside, mask=mask, training=training, rng=rng)
        read, c_join = self.conditioning.join(hs[:, self.conditioning.lead :], features)  # (N, T, H)
        read, c_states = self.dropout.forward(read, training=training, rng=rng)
        logits, c_vocab = self.to_vocab.forward(read)  # (N, T, V)
        return logits, RecurrentDecoderCache(c_embed, c_words, c_condition, c_rnn, c_join, c_states, c_vocab)

    def backward(self, dlogits: Array, cache: RecurrentDecoderCache) -> tuple[Array, Arrays]:
        """Propagate back to the features.

        Parameters
        ----------
        dlogits : Array, (N, T, V)
        cache : RecurrentDecoderCache

        Returns
        -------
        dfeatures : Array, shaped like the features
        grads : dict of str to Array
            Named like ``params``.
        """
        dread, g_vocab = self.to_vocab.backward(dlogits, cache.to_vocab)
        dread, _ = self.dropout.backward(dread, cache.drop_states)
        dhs, djoined, g_join = self.conditioning.join_backward(dread, cache.join)
        # Nobody read what came before the words.
        dhs = np.pad(dhs, ((0, 0), (self.conditioning.lead, 0), (0, 0)))
        dinputs, dbeside, dstate, g_rnn = self.rnn.run_backward(dhs, None, cache.rnn)
        dfeatures, dwords, g_condition = self.conditioning.backward(
            Drive(dinputs, dbeside, dstate, mask=None), cache.conditioning
        )
        if djoined is not None:  # the picture was read in two places
            dfeatures = dfeatures + djoined
        dwords, _ = self.dropout.backward(dwords, cache.drop_words)
        _, g_embed = self.embed.backward(dwords, cache.embed)
        grads = named(embed=g_embed, conditioning=g_condition | g_join, rnn=g_rnn, to_vocab=g_vocab)
        return dfeatures, grads

    def start(self, features: Array) -> tuple[RecurrentMemory, RecurrentState]:
        """Return (memory, state) in front of the first word.

        Parameters
        ----------
        features : Array, (N, E), or (N, L, E) for ``dot``

        Returns
        -------
        memory : RecurrentMemory
        state : RecurrentState
        """
        state, lead = self.conditioning.first(features)
        if lead is not None:
            _, state = self.rnn.step(lead, state)
        z_x = self.rnn.cells[0].read(self.conditioning.beside(features), self.embed_size)
        shown = self.conditioning.remember(features)
        return RecurrentMemory(z_x, z_x[:, :0] if shown is None else shown), RecurrentState(state)

    def step(self, tokens: Array, state: RecurrentState, memory: RecurrentMemory) -> Step:
        """Read one token each and return the logits of the next.

        Parameters
        ----------
        tokens : Array of int, (N,)
        state : RecurrentState
        memory : RecurrentMemory
            From ``start``.

        Returns
        -------
        Step
            logits (N, V), the new state, and for ``dot`` where it looked (N, L).
        """
        word, _ = self.embed.forward(tokens)  # (N, D)
        z_x = word @ self.rnn.cells[0].params["w_x"][: self.embed_size]  # (N, gates H)
        z_x += memory.z_x
        h, after = self.rnn.advance(z_x, state.state)
        read, looked = self.conditioning.recall(h, memory.shown)
        logits, _ = self.to_vocab.forward(read)
        return Step(logits, RecurrentState(after), looked)


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
    shown = BESIDE_ATTENTION[conditioning](feature_size, embed_size)
    between = shown.telling_shapes(layers * CELLS[cell].states * hidden_size, hidden_size)
    stack = telling_stack_shapes(cell, shown.input_size, hidden_size, layers=layers)
    return {
        "embed.weight": (words, embed_size),
        **{f"rnn.{name}": shape for name, shape in stack.items()},
        **{f"conditioning.{name}": shape for name, shape in between.items()},
        "to_vocab.weight": (hidden_size, words),
    }
