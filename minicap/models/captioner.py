"""The captioner: a picture in, a sentence out, encoder and decoder trained together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from minicap._types import Array, Arrays, Rng
from minicap.data.batches import CaptionBatch
from minicap.data.preprocessing import Preprocessing
from minicap.data.vocabulary import Vocabulary
from minicap.layers import named
from minicap.models.base import Model
from minicap.models.decoders import RecurrentDecoder, RecurrentDecoderCache, telling_decoder_shapes
from minicap.models.describing import Describer
from minicap.models.encoder import Encoder, flat_size
from minicap.models.trunk import Trunk, map_shape, telling_trunk_shapes
from minicap.ops import softmax_cross_entropy_backward, softmax_cross_entropy_forward


class CaptionerCache(NamedTuple):
    """The shape of the pictures, and the caches of encoder, decoder and loss."""

    images: tuple[int, ...]
    encoder: Any
    decoder: RecurrentDecoderCache
    loss: Any


class Captioner(Describer, Model):
    """CNN encoder and recurrent decoder: P(caption | image) as the product over its words.

    Parameters
    ----------
    vocabulary : Vocabulary
    encoder : str
        The convolutions, by name or written down, see ``minicap.models.trunk``.
    decoder : str
        ``rnn``, ``lstm`` or ``gru``.
    conditioning : str
        How the picture reaches the decoder: ``par``, ``init``, ``pre``, or ``none``: a language model.
    image_size : int
        Side S of the square pictures, in pixels.
    embed_size : int
        Width of word vectors and of the feature vector.
    hidden_size : int
        Width H of the recurrent layers.
    layers : int
        Recurrent layers on top of each other.
    dropout : float
        Probability dropped in the decoder while training.
    batch_norm : bool
        Whether batch norm stands behind the convolutions and in front of the features.
    dtype : str
        ``float32`` or ``float64``.
    seed : int
        Of the initial weights.
    blind : bool
        See nothing: every picture is replaced by the same grey one. The baseline that any captioner has to
        beat.
    preprocessing : Preprocessing, optional
        How pictures become tensors; by default colour, cropped square, scaled to [-1, 1].

    Raises
    ------
    ValueError
        If an option is unknown or sizes do not fit.

    References
    ----------
    Vinyals et al., "Show and tell: a neural image caption generator" (2015); Karpathy and Fei-Fei, "Deep
    visual-semantic alignments for generating image descriptions" (2015).
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        *,
        encoder: str = "small",
        decoder: str = "lstm",
        conditioning: str = "par",
        image_size: int = 64,
        embed_size: int = 256,
        hidden_size: int = 256,
        layers: int = 1,
        dropout: float = 0.0,
        batch_norm: bool = False,
        dtype: str = "float32",
        seed: int = 0,
        blind: bool = False,
        preprocessing: Preprocessing | None = None,
    ) -> None:
        self._settle(
            {
                "encoder": encoder, "decoder": decoder, "conditioning": conditioning, "image_size": image_size,
                "embed_size": embed_size, "hidden_size": hidden_size, "layers": layers, "dropout": dropout,
                "batch_norm": bool(batch_norm), "dtype": str(dtype), "seed": seed, "blind": blind,
            },
            preprocessing,
        )  # fmt: skip
        self.vocabulary = vocabulary
        self.blind = blind or conditioning == "none"  # who shows nothing need not look
        rng = np.random.default_rng(seed)
        self.encoder = Encoder(encoder, image_size, embed_size, batch_norm=batch_norm, rng=rng, dtype=dtype)
        self.decoder = RecurrentDecoder(
            len(vocabulary), self.encoder.feature_size, cell=decoder, conditioning=conditioning, layers=layers,
            embed_size=embed_size, hidden_size=hidden_size, dropout=dropout, rng=rng, dtype=dtype,
        )  # fmt: skip

    @property
    def parts(self) -> Mapping[str, Any]:
        """Encoder and decoder."""
        return {"encoder": self.encoder, "decoder": self.decoder}

    @property
    def trunk(self) -> Trunk:
        """The encoder's convolutions."""
        return self.encoder.convs

    def loss(
        self, batch: CaptionBatch, *, training: bool = False, rng: Rng | None = None
    ) -> tuple[Array, CaptionerCache]:
        """Return the mean negative log-probability of the captions' words.

        Parameters
        ----------
        batch : CaptionBatch
            images (M, 3, S, S); tokens (N, T+1); mask (N, T). Each image carries N/M consecutive captions.
        training : bool
            Whether dropout drops and norms use the batch's statistics.
        rng : numpy.random.Generator, optional
            For dropout.

        Returns
        -------
        loss : 0-d
            In nats a word, the end marker counted as one.
        cache : CaptionerCache

        Raises
        ------
        ValueError
            If the shapes do not fit.
        """
        self._check(batch)
        seen, target = batch.tokens[:, :-1], batch.tokens[:, 1:]
        features, c_encoder = self.encoder.forward(self._seen(batch.images), training=training)  # (M, E)
        features = np.repeat(features, len(batch.tokens) // len(features), axis=0)  # (N, E)
        logits, c_decoder = self.decoder.forward(features, seen, batch.mask, training=training, rng=rng)
        loss, c_loss = softmax_cross_entropy_forward(logits, target, mask=batch.mask)
        return loss, CaptionerCache(batch.images.shape, c_encoder, c_decoder, c_loss)

    def backward(
        self, cache: CaptionerCache, dloss: float = 1.0, *, image_gradient: bool = True
    ) -> tuple[Array | None, Arrays]:
        """Propagate from the loss to the pixels.

        Parameters
        ----------
        cache : CaptionerCache
        dloss : float
            Upstream gradient.
        image_gradient : bool
            Whether to go on to the pixels, which training does not need.

        Returns
        -------
        dimages : Array, (M, 3, S, S), or None where not asked for or the convolutions are frozen
            Zero where the model is blind.
        grads : dict of str to Array
            Named and shaped like ``params``.
        """
        dlogits = softmax_cross_entropy_backward(dloss, cache.loss).dlogits
        dfeatures, g_decoder = self.decoder.backward(dlogits, cache.decoder)  # (N, E)
        seen = 1 if self.blind else cache.images[0]
        dfeatures = dfeatures.reshape(seen, -1, dfeatures.shape[1]).sum(
            axis=1
        )  # (M, E): captions share a picture
        dimages, g_encoder = self.encoder.backward(dfeatures, cache.encoder, image_gradient)
        if self.blind and image_gradient:  # what it saw was none of these pictures
            dimages = np.zeros(cache.images, self.dtype)
        return dimages, named(encoder=g_encoder, decoder=g_decoder)

    def weigh(self, batch: CaptionBatch) -> float:
        """Return the number of words in a batch, each end marker counted as one.

        Parameters
        ----------
        batch : CaptionBatch

        Returns
        -------
        float
        """
        return float(batch.mask.sum())

    @staticmethod
    def telling_shapes(config: Mapping[str, Any], words: int) -> dict[str, tuple[int, ...]]:
        """Return the shapes of some parameters, from which all sizes follow: a file must have them.

        Parameters
        ----------
        config : dict
            As in ``config``.
        words : int
            Size V of the vocabulary.

        Returns
        -------
        dict of str to tuple
        """
        filters, side = map_shape(config["encoder"], config["image_size"])
        features = config["embed_size"]
        sizes = {name: config[name] for name in ("conditioning", "embed_size", "hidden_size", "layers")}
        decoder = telling_decoder_shapes(words, features, cell=config["decoder"], **sizes)
        return {
            **telling_trunk_shapes(config["encoder"]),
            "encoder.where.linear.weight": (flat_size(filters, side), features),
            **{f"decoder.{name}": shape for name, shape in decoder.items()},
        }

    def _check(self, batch: CaptionBatch) -> None:
        """Raise unless pictures, tokens and mask belong together."""
        self._check_images(batch.images)
        images, tokens, mask = (np.shape(array) for array in batch)
        if len(tokens) != 2 or tokens[0] == 0 or tokens[0] % images[0]:
            raise ValueError(
                f"Captioner: tokens are {tokens} but (N, T+1) with N a multiple of {images[0]} is needed"
            )
        if mask != (tokens[0], tokens[1] - 1):
            raise ValueError(f"Captioner: mask is {mask} but (N, T) = {(tokens[0], tokens[1] - 1)} is needed")
