"""Three ways from a map to tags: a logit at every place, fully connected layers, or a sequence of tags.

Each head takes maps (N, F, s, s) and offers the loss with its backward, and what it finds on pictures.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from minicap._types import Array, Arrays, Rng
from minicap.data.collate import pad_captions
from minicap.data.vocabulary import END, PAD, SPECIALS, START, UNK
from minicap.layers import Conv2d, MaxPool2d, Sequential, named
from minicap.layers.base import Composite
from minicap.models.decoders import RecurrentDecoder
from minicap.models.dense import dense_layers, read_widths
from minicap.models.encoder import Reading
from minicap.ops import (
    sigmoid_binary_cross_entropy_backward,
    sigmoid_binary_cross_entropy_forward,
    sigmoid_forward,
    softmax_cross_entropy_backward,
    softmax_cross_entropy_forward,
    softmax_forward,
)

HEADS = ("spatial", "dense", "sequence")
DOUBT = -2.0  # first bias of the spatial head: the largest of many logits is high, yet most tags are absent


class Findings(NamedTuple):
    """What a head finds on N pictures: probabilities, which tags it says, and where it saw them.

    Attributes
    ----------
    probabilities : Array, (N, K)
    said : Array of bool, (N, K), or None
        Where the head decides by itself; None where a threshold is to decide.
    places : Array of int, (N, K, 2), or None
        Row and column of the map where the tag's logit is largest.
    """

    probabilities: Array
    said: Array | None = None
    places: Array | None = None


class HeadCache(NamedTuple):
    """The caches of the layers and of the loss."""

    layers: Any
    loss: Any


class LogitHead(Composite):
    """One logit a tag, each a yes or no of its own: sigmoid and binary cross-entropy."""

    def __init__(self, layers: Sequential) -> None:
        self.layers = layers

    @property
    def parts(self) -> Mapping[str, Any]:
        """The layers by name."""
        return self.layers.parts

    def loss(
        self, maps: Array, tags: Array, *, training: bool = False, rng: Rng | None = None
    ) -> tuple[Array, HeadCache]:
        """Return the mean binary cross-entropy over pictures and tags.

        Parameters
        ----------
        maps : Array, (N, F, s, s)
        tags : Array, (N, K)
            1 where a picture has the tag.
        training : bool
        rng : numpy.random.Generator, optional
            For dropout.

        Returns
        -------
        loss : 0-d
            In nats a tag.
        cache : HeadCache
        """
        logits, c_layers = self.layers.forward(maps, training=training, rng=rng)
        loss, c_loss = sigmoid_binary_cross_entropy_forward(logits.reshape(tags.shape), tags)
        return loss, HeadCache(c_layers, c_loss)

    def backward(self, dloss: float, cache: HeadCache) -> tuple[Array, Arrays]:
        """Propagate from the loss to the maps.

        Parameters
        ----------
        dloss : float
        cache : HeadCache

        Returns
        -------
        dmaps : Array, (N, F, s, s)
        grads : dict of str to Array
            Named like ``params``.
        """
        dlogits = sigmoid_binary_cross_entropy_backward(dloss, cache.loss).dlogits
        return self.layers.backward(self._as_output(dlogits), cache.layers)

    def find(self, maps: Array) -> Findings:
        """Return the tags' probabilities.

        Parameters
        ----------
        maps : Array, (N, F, s, s)

        Returns
        -------
        Findings
        """
        logits, _ = self.layers.forward(maps)
        return Findings(sigmoid_forward(logits)[0])

    def _as_output(self, dlogits: Array) -> Array:
        """Return the upstream (N, K) in the shape of the last layer's output."""
        return dlogits


class SpatialHead(LogitHead):
    """A logit for each tag at every place of the map, and of these the largest.

    A thing counts wherever it stands, and small as it may be; and where it stands comes free.

    Parameters
    ----------
    filters, side, tags : int
        F, s and K.
    rng : numpy.random.Generator
    dtype : dtype

    References
    ----------
    Oquab, Bottou, Laptev and Sivic, "Is object localization for free?" (2015), section 3.
    """

    def __init__(self, filters: int, side: int, tags: int, *, rng: Rng, dtype: DTypeLike) -> None:
        to_tags = Conv2d(filters, tags, (1, 1), rng=rng, dtype=dtype)
        to_tags.params["bias"][...] = DOUBT
        super().__init__(Sequential(to_tags=to_tags, most=MaxPool2d(side)))
        self.side = side

    def find(self, maps: Array) -> Findings:
        """Return the tags' probabilities and places.

        Parameters
        ----------
        maps : Array, (N, F, s, s)

        Returns
        -------
        Findings
        """
        logits, cache = self.layers.forward(maps)  # (N, K, 1, 1)
        winner = cache["most"].winner[:, :, 0, 0]
        places = np.stack(np.divmod(winner, self.side), axis=-1)
        return Findings(sigmoid_forward(logits[:, :, 0, 0])[0], places=places)

    def _as_output(self, dlogits: Array) -> Array:
        return dlogits[:, :, None, None]


class DenseHead(LogitHead):
    """Fully connected layers over the whole map, and a logit a tag: the form to compare with.

    Parameters
    ----------
    filters, side, tags : int
    hidden : str
        Widths of the layers in between, such as ``"512"``.
    dropout : float
    rng : numpy.random.Generator
    dtype : dtype
    """

    def __init__(
        self, filters: int, side: int, tags: int, *, hidden: str, dropout: float, rng: Rng, dtype: DTypeLike
    ) -> None:
        size, widths = filters * side * side, read_widths(hidden)
        super().__init__(dense_layers(size, widths, tags, dropout=dropout, rng=rng, dtype=dtype))


class SequenceCache(NamedTuple):
    """The caches of reading, decoder and loss."""

    reading: Any
    decoder: Any
    loss: Any


class SequenceHead(Composite):
    """A recurrent decoder that says one tag after another, the most frequent first, until it has done.

    So a tag may depend on those before it: who has said "beach" will rather say "sea".

    Parameters
    ----------
    filters, side, tags : int
    decoder : str
        ``rnn``, ``lstm`` or ``gru``.
    embed_size, hidden_size : int
    batch_norm : bool
        Whether the features of the map are normalised.
    dropout : float
    rng : numpy.random.Generator
    dtype : dtype

    References
    ----------
    Wang et al., "CNN-RNN: a unified framework for multi-label image classification" (2016).
    """

    def __init__(
        self,
        filters: int,
        side: int,
        tags: int,
        *,
        decoder: str,
        embed_size: int,
        hidden_size: int,
        batch_norm: bool,
        dropout: float,
        rng: Rng,
        dtype: DTypeLike,
    ) -> None:
        self.tags = tags
        self.reading = Reading(filters, side, embed_size, batch_norm=batch_norm, rng=rng, dtype=dtype)
        self.decoder = RecurrentDecoder(
            len(SPECIALS) + tags, embed_size, cell=decoder, embed_size=embed_size, hidden_size=hidden_size,
            dropout=dropout, rng=rng, dtype=dtype,
        )  # fmt: skip

    @property
    def parts(self) -> Mapping[str, Any]:
        """Reading and decoder."""
        return {"reading": self.reading, "decoder": self.decoder}

    def loss(
        self, maps: Array, tags: Array, *, training: bool = False, rng: Rng | None = None
    ) -> tuple[Array, SequenceCache]:
        """Return the mean negative log-probability of the tags in order, and of having done.

        Parameters
        ----------
        maps : Array, (N, F, s, s)
        tags : Array, (N, K)
        training : bool
        rng : numpy.random.Generator, optional

        Returns
        -------
        loss : 0-d
            In nats a tag said.
        cache : SequenceCache
        """
        tokens, mask = pad_captions(
            [[START, *(np.flatnonzero(row > 0.5) + len(SPECIALS)).tolist(), END] for row in tags]
        )
        features, c_reading = self.reading.forward(maps, training=training)
        logits, c_decoder = self.decoder.forward(features, tokens[:, :-1], mask, training=training, rng=rng)
        loss, c_loss = softmax_cross_entropy_forward(logits, tokens[:, 1:], mask=mask)
        return loss, SequenceCache(c_reading, c_decoder, c_loss)

    def backward(self, dloss: float, cache: SequenceCache) -> tuple[Array, Arrays]:
        """Propagate from the loss to the maps.

        Parameters
        ----------
        dloss : float
        cache : SequenceCache

        Returns
        -------
        dmaps : Array, (N, F, s, s)
        grads : dict of str to Array
            Named like ``params``.
        """
        dlogits = softmax_cross_entropy_backward(dloss, cache.loss).dlogits
        dfeatures, g_decoder = self.decoder.backward(dlogits, cache.decoder)
        dmaps, g_reading = self.reading.backward(dfeatures, cache.reading)
        return dmaps, named(reading=g_reading, decoder=g_decoder)

    def find(self, maps: Array) -> Findings:
        """Say tags greedily, none twice.

        Parameters
        ----------
        maps : Array, (N, F, s, s)

        Returns
        -------
        Findings
            A tag's probability is the largest it had at any step, up to the one that ended the sequence.
        """
        features, _ = self.reading.forward(maps)
        rows = np.arange(len(features))
        memory, state = self.decoder.start(features)
        tokens, going = np.full(len(rows), START), np.ones(len(rows), np.bool_)
        best = np.zeros((len(rows), self.tags), features.dtype)
        barred = np.zeros((len(rows), len(SPECIALS) + self.tags), np.bool_)
        barred[:, [PAD, START, UNK]] = True
        for _ in range(self.tags + 1):
            logits, state, _ = self.decoder.step(tokens, state, memory)
            probabilities, _ = softmax_forward(np.where(barred, -np.inf, logits))
            np.maximum(best, probabilities[:, len(SPECIALS) :], out=best, where=going[:, None])
            tokens = probabilities.argmax(axis=1)
            going &= tokens != END
            if not going.any():
                break
            barred[rows[going], tokens[going]] = True
        return Findings(best, said=barred[:, len(SPECIALS) :])
