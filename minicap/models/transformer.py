"""From features to a sentence without recurrence: the Transformer decoder."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from minicap._types import Array, Arrays, Rng
from minicap.decoding import Step
from minicap.initializers import normal
from minicap.layers import Composite, Dropout, Embedding, LayerNorm, Linear, TiedLinear, named
from minicap.layers.positions import POSITIONS
from minicap.models.showing import Showing
from minicap.models.transformer_block import TransformerBlock
from minicap.models.transformer_options import WIDER, check_transformer

SMALL = normal(0.02)  # words before and behind the blocks: the first logits are near 0


class TransformerState(NamedTuple):
    """Keys and values of all words so far, (N, B, heads, t, D / heads): B blocks, t words."""

    keys: Array
    values: Array


class TransformerMemory(NamedTuple):
    """What stays for a sentence.

    ``keys`` and ``values`` (N, B, heads, L, D / heads) are those of the places that ``attention`` looks at, with L = 0
    elsewhere; ``shown`` (N, D) is what ``par`` adds to every word, (N, 0) elsewhere.
    """

    keys: Array
    values: Array
    shown: Array


class TransformerDecoderCache(NamedTuple):
    """The caches of the decoder's parts, in forward order, and where it looked, (N, T, L) or None."""

    embed: Any
    show: Any
    positions: Any
    drop: Any
    blocks: list[Any]
    norm: Any
    to_vocab: Any
    weights: Array | None


class TransformerDecoder(Composite):
    """P(sentence | features) as the product over its words, by self-attention.

    ::

        x_t = sqrt(D) embed(word_t) + position_t
        x = block(x)                                             for each, see ``minicap.models.transformer_block``
        logits = norm(x) @ W + b                                 no norm here where the blocks end with one

    The picture comes in by ``attention``: every block looks at a grid of features; by ``par``: the mapped features are
    added to every word's vector; by ``pre``: they are the first position's; or, with ``none``, not at all.

    Parameters
    ----------
    vocab_size, feature_size : int
        V and E.
    conditioning : str
        ``par``, ``pre``, ``attention`` or ``none``.
    embed_size : int
        Width D of words all the way up, a multiple of ``heads``.
    hidden_size : int
        H; the feed-forwards are 4 H wide. Equal to D it is the usual Transformer.
    layers : int
        Blocks on top of each other.
    heads : int
    dropout : float
        Probability dropped of the first sums, and of what each sublayer adds.
    positions : str
        ``learned`` or ``sinusoidal``, see ``minicap.layers.positions``.
    norm_first : bool
        Whether layer norm stands before each sublayer, or behind the sum.
    activation : str
        ``gelu`` or ``relu``.
    tied : bool
        Whether W is the embedding's matrix, turned round; its gradient is then the sum of both uses.
    rng : numpy.random.Generator
    dtype : dtype

    Raises
    ------
    ValueError
        If there is no such choice, or the heads do not divide the width.

    References
    ----------
    Vaswani et al., "Attention is all you need" (2017): the decoder of figure 1 (their d_model is our D, d_ff our 4 H,
    h our heads, N our layers); Press and Wolf, "Using the output embedding to improve language models" (2017), for
    tied embeddings.
    """

    def __init__(
        self,
        vocab_size: int,
        feature_size: int,
        *,
        conditioning: str = "par",
        embed_size: int = 256,
        hidden_size: int = 256,
        layers: int = 1,
        heads: int = 4,
        dropout: float = 0.0,
        positions: str = "learned",
        norm_first: bool = True,
        activation: str = "gelu",
        tied: bool = False,
        rng: Rng,
        dtype: DTypeLike = "float32",
    ) -> None:
        check_transformer(
            {
                "conditioning": conditioning, "embed_size": embed_size, "heads": heads, "positions": positions,
                "activation": activation,
            }
        )  # fmt: skip
        self.way, self.heads, self.embed_size, self.dtype = conditioning, heads, embed_size, np.dtype(dtype)
        self.scale = math.sqrt(embed_size)  # so that small vectors are heard beside their positions
        options: dict[str, Any] = {"rng": rng, "dtype": dtype}
        self.embed = Embedding(vocab_size, embed_size, init=SMALL, **options)
        self.positions = POSITIONS[positions](embed_size, **options)
        self.conditioning = Showing(conditioning, feature_size, embed_size, **options)
        self.blocks = [
            TransformerBlock(
                embed_size, heads, WIDER * hidden_size, activation=activation, dropout=dropout,
                memory_size=feature_size if conditioning == "attention" else None, norm_first=norm_first, **options,
            )
            for _ in range(layers)
        ]  # fmt: skip
        self.norm = LayerNorm(embed_size, dtype=dtype) if norm_first else None
        self.to_vocab: Any = (
            TiedLinear(vocab_size, dtype=dtype)
            if tied
            else Linear(embed_size, vocab_size, init=SMALL, **options)
        )
        self.tied, self.dropout = tied, Dropout(dropout)

    @property
    def parts(self) -> Mapping[str, Any]:
        """The parts with parameters, by name."""
        blocks = {f"block{i}": block for i, block in enumerate(self.blocks, 1)}
        norm = {} if self.norm is None else {"norm": self.norm}
        return {
            "embed": self.embed, "positions": self.positions, "conditioning": self.conditioning, **blocks, **norm,
            "to_vocab": self.to_vocab,
        }  # fmt: skip

    def forward(
        self,
        features: Array,
        seen: Array,
        mask: Array | None = None,
        *,
        training: bool = False,
        rng: Rng | None = None,
    ) -> tuple[Array, TransformerDecoderCache]:
        """Return the logits of every next word, given the right words before it (teacher forcing).

        Parameters
        ----------
        features : Array, (N, E), or (N, L, E) for ``attention``
        seen : Array of int, (N, T)
            ``<start>`` and the words, without the last token.
        mask : Array of bool, (N, T), optional
        training : bool
        rng : numpy.random.Generator, optional
            For dropout.

        Returns
        -------
        logits : Array, (N, T, V)
        cache : TransformerDecoderCache
            With ``weights`` (N, T, L) for ``attention``.
        """
        words, c_embed = self.embed.forward(seen)  # (N, T, D)
        x, mask, c_show = self.conditioning.forward(features, words * self.scale, mask)
        x, c_positions = self.positions.forward(x)
        x, c_drop = self.dropout.forward(x, training=training, rng=rng)
        c_blocks: list[Any] = []
        for block in self.blocks:
            x, c_block = block.forward(x, features, mask, training=training, rng=rng)
            c_blocks.append(c_block)
        x, c_norm = (x, None) if self.norm is None else self.norm.forward(x)
        logits, c_vocab = self.to_vocab.forward(x[:, self.conditioning.lead :], *self._table)  # (N, T, V)
        looked = c_blocks[-1].cross.inner.weights.mean(axis=1) if self.way == "attention" else None
        return logits, TransformerDecoderCache(
            c_embed, c_show, c_positions, c_drop, c_blocks, c_norm, c_vocab, looked
        )

    def backward(
        self, dlogits: Array, cache: TransformerDecoderCache, dweights: Array | None = None
    ) -> tuple[Array, Arrays]:
        """Propagate back to the features.

        Parameters
        ----------
        dlogits : Array, (N, T, V)
        cache : TransformerDecoderCache
        dweights : Array, (N, T, L), optional
            Upstream gradient of where the decoder looked, if the loss reads that.

        Returns
        -------
        dfeatures : Array, shaped like the features
        grads : dict of str to Array
            Named like ``params``.
        """
        dx, g_vocab = self.to_vocab.backward(dlogits, cache.to_vocab)
        dx, *dtable = dx if self.tied else (dx,)
        # Nobody read what came before the words.
        dx = np.pad(dx, ((0, 0), (self.conditioning.lead, 0), (0, 0)))
        grads = named(to_vocab=g_vocab)
        if self.norm is not None:
            dx, g_norm = self.norm.backward(dx, cache.norm)
            grads |= named(norm=g_norm)
        dlooked: list[Array | None] = [None] * len(self.blocks)
        if dweights is not None:  # of the last block, the mean over its heads
            dlooked[-1] = np.repeat(dweights[:, None] / self.heads, self.heads, axis=1)
        dseen: Any = 0  # every block looked at the same places
        for i, block in reversed(list(enumerate(self.blocks))):
            dx, dplaces, g_block = block.backward(dx, cache.blocks[i], dlooked[i])
            dseen = dseen if dplaces is None else dseen + dplaces
            grads |= named(**{f"block{i + 1}": g_block})
        dx, _ = self.dropout.backward(dx, cache.drop)
        dx, g_positions = self.positions.backward(dx, cache.positions)
        dfeatures, dwords, g_show = self.conditioning.backward(dx, cache.show)
        _, g_embed = self.embed.backward(dwords * self.scale, cache.embed)
        for dw in dtable:  # the matrix was used twice
            g_embed["weight"] += dw.T
        return dseen + dfeatures, grads | named(positions=g_positions, conditioning=g_show, embed=g_embed)

    def start(self, features: Array) -> tuple[TransformerMemory, TransformerState]:
        """Return (memory, state) in front of the first word.

        Parameters
        ----------
        features : Array, (N, E), or (N, L, E) for ``attention``

        Returns
        -------
        memory : TransformerMemory
        state : TransformerState
        """
        blocks, width = len(self.blocks), self.embed_size // self.heads
        nothing = np.zeros((len(features), blocks, self.heads, 0, width), self.dtype)
        memory = TransformerMemory(nothing, nothing, nothing[:, 0, 0, :, 0])
        state = TransformerState(nothing, nothing)
        if self.way == "attention":
            keys, values = zip(*(block.remember(features) for block in self.blocks), strict=True)
            memory = memory._replace(keys=np.stack(keys, axis=1), values=np.stack(values, axis=1))
        elif self.way == "par":
            memory = memory._replace(shown=self.conditioning.picture(features))
        elif self.way == "pre":
            _, state, _ = self._advance(self.conditioning.picture(features), state, memory)
        return memory, state

    def step(self, tokens: Array, state: TransformerState, memory: TransformerMemory) -> Step:
        """Read one token each and return the logits of the next.

        Parameters
        ----------
        tokens : Array of int, (N,)
        state : TransformerState
            Left as it is: the new one is a copy that is one word longer.
        memory : TransformerMemory
            From ``start``.

        Returns
        -------
        Step
            logits (N, V), the new state, and for ``attention`` where the last block looked (N, L), the mean over its
            heads.
        """
        x = self.embed.forward(tokens)[0] * self.scale  # (N, D)
        if self.way == "par":
            x = x + memory.shown
        x, state, looked = self._advance(x, state, memory)
        if self.norm is not None:
            x, _ = self.norm.forward(x)
        return Step(self.to_vocab.forward(x, *self._table)[0], state, looked)

    def _advance(
        self, x: Array, state: TransformerState, memory: TransformerMemory
    ) -> tuple[Array, TransformerState, Array | None]:
        """Put one more vector (N, D) through the blocks."""
        x = self.positions.forward(x[:, None], first=state.keys.shape[3])[0][:, 0]
        keys, values = _with_room(state.keys), _with_room(state.values)
        looked = None
        for i, block in enumerate(self.blocks):
            x, looked = block.step(x, keys[:, i], values[:, i], memory.keys[:, i], memory.values[:, i])
        return x, TransformerState(keys, values), looked

    @property
    def _table(self) -> tuple[Array, ...]:
        """The embedding's matrix (D, V) for a vocabulary that shares it, else nothing."""
        return (self.embed.params["weight"].T,) if self.tied else ()


def _with_room(cache: Array) -> Array:
    """Return a copy of keys or values (N, B, heads, t, .) with room for one more at the end."""
    n, blocks, heads, t, width = cache.shape
    longer = np.empty((n, blocks, heads, t + 1, width), cache.dtype)
    longer[:, :, :, :t] = cache
    return longer
