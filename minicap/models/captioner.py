"""The captioner: a picture in, a sentence out, encoder and decoder trained together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from minicap._types import Array, Arrays, Rng
from minicap.data.batches import CaptionBatch
from minicap.data.preprocessing import Preprocessing
from minicap.data.vocabulary import Vocabulary
from minicap.errors import InputError
from minicap.layers import named
from minicap.models.base import Model
from minicap.models.choosing import build_decoder, check_decoder, telling_shapes_of_decoder
from minicap.models.describing import Describer
from minicap.models.encoders import build_encoder, telling_shapes_of_encoder
from minicap.models.looking import PenaltyCache, penalty_backward, penalty_forward
from minicap.models.sampling import own_words
from minicap.ops import softmax_cross_entropy_backward, softmax_cross_entropy_forward


class CaptionerCache(NamedTuple):
    """The shape of the pictures, the caches of encoder, decoder and loss, and of the penalty on looking."""

    images: tuple[int, ...]
    encoder: Any
    decoder: Any
    loss: Any
    penalty: PenaltyCache | None


class Captioner(Describer, Model):
    """CNN encoder and recurrent or Transformer decoder: P(caption | image) as the product over its words.

    Parameters
    ----------
    vocabulary : Vocabulary
    encoder : str
        The convolutions, by name or written down, see ``minicap.models.trunk``; ``efficientnet-lite0``; or stored
        features in place of pictures, ``features:1280`` or ``features:512x7x7``, see ``minicap.models.features``.
    decoder : str
        ``rnn``, ``lstm``, ``gru`` or ``transformer``.
    conditioning : str
        How the picture reaches the decoder: ``par``, ``init``, ``pre``, ``merge``, ``attention``, ``dot``, or
        ``none``: a language model. A Transformer has ``par``, ``pre``, ``attention`` and ``none``.
    image_size : int
        Side S of the square pictures, in pixels.
    embed_size : int
        Width of word vectors and of the feature vector; of a Transformer, the width all the way up.
    hidden_size : int
        Width H of the recurrent layers; the feed-forwards of a Transformer are 4 H wide.
    layers : int
        Recurrent layers, or a Transformer's blocks, on top of each other.
    dropout : float
        Probability dropped in the decoder while training, and of features that a network has learnt elsewhere.
    batch_norm : bool
        Whether batch norm stands behind the convolutions and in front of the features.
    attention_gate : bool
        For ``attention``: whether a gate says at each word how much the picture matters.
    attention_penalty : float
        For ``attention``: how much it costs a training, in nats a caption, not to look at every place about once.
    reset_after : bool
        For ``gru``: whether its reset gate acts after the product, as in cuDNN, or before it, as in the paper.
    heads, positions, norm_first, activation, tied
        For ``transformer``, see ``minicap.models.transformer``.
    dtype : str
        ``float32`` or ``float64``.
    seed : int
        Of the initial weights.
    blind : bool
        See nothing: every picture is replaced by the same grey one. The baseline that any captioner has to
        beat.
    features_of : str
        Which network computed the stored features, where somebody noted it.
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
        attention_gate: bool = False,
        attention_penalty: float = 0.0,
        reset_after: bool = True,
        heads: int = 4,
        positions: str = "learned",
        norm_first: bool = True,
        activation: str = "gelu",
        tied: bool = False,
        dtype: str = "float32",
        seed: int = 0,
        blind: bool = False,
        features_of: str = "",
        preprocessing: Preprocessing | None = None,
    ) -> None:
        self._settle(
            {
                "encoder": encoder, "decoder": decoder, "conditioning": conditioning, "image_size": image_size,
                "embed_size": embed_size, "hidden_size": hidden_size, "layers": layers, "dropout": dropout,
                "batch_norm": bool(batch_norm), "attention_gate": bool(attention_gate),
                "attention_penalty": float(attention_penalty), "reset_after": bool(reset_after),
                "heads": heads, "positions": positions, "norm_first": bool(norm_first),
                "activation": activation, "tied": bool(tied),
                "dtype": str(dtype), "seed": seed, "blind": blind, "features_of": str(features_of),
            },
            preprocessing,
        )  # fmt: skip
        try:
            check_decoder(self.config)
        except ValueError as error:
            raise ValueError(f"Captioner: {error}") from None
        self.vocabulary = vocabulary
        self.blind = blind or conditioning == "none"  # who shows nothing need not look
        rng = np.random.default_rng(seed)
        self.encoder: Any = build_encoder(self.config, rng)
        self.decoder: Any = build_decoder(self.config, len(vocabulary), rng)

    @property
    def parts(self) -> Mapping[str, Any]:
        """Encoder and decoder."""
        return {"encoder": self.encoder, "decoder": self.decoder}

    @property
    def trunk(self) -> Any:
        """The encoder's convolutions, which a captioner of stored features does not have."""
        if self.encoder.convs is None:
            raise InputError(
                f"the captioner reads stored features ({self.config['encoder']}): it has no convolutions"
            )
        return self.encoder.convs

    def loss(
        self,
        batch: CaptionBatch,
        *,
        training: bool = False,
        rng: Rng | None = None,
        label_smoothing: float = 0.0,
        sampling: float = 0.0,
    ) -> tuple[Array, CaptionerCache]:
        """Return the mean negative log-probability of the captions' words.

        Parameters
        ----------
        batch : CaptionBatch
            images (M, 3, S, S), or stored features (M, F) or (M, F, s, s); tokens (N, T+1); mask (N, T). Each image
            carries N/M consecutive captions.
        training : bool
            Whether dropout drops and norms use the batch's statistics.
        rng : numpy.random.Generator, optional
            For dropout and ``sampling``.
        label_smoothing : float
            See ``minicap.ops.softmax_cross_entropy_forward``.
        sampling : float
            Share of the words read that the model draws itself, see ``minicap.models.sampling``.

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
        images = self._seen(batch.images)
        features, c_encoder = self.encoder.forward(images, training=training, rng=rng)  # (M, E)
        features = np.repeat(features, len(batch.tokens) // len(features), axis=0)  # (N, E), or (N, L, E)
        if sampling:
            assert rng is not None
            seen = own_words(self.decoder, features, seen, batch.mask, share=sampling, rng=rng)
        logits, c_decoder = self.decoder.forward(features, seen, batch.mask, training=training, rng=rng)
        loss, c_loss = softmax_cross_entropy_forward(
            logits, target, mask=batch.mask, label_smoothing=label_smoothing
        )
        c_penalty = None
        if training and self.config["attention_penalty"]:
            extra, c_penalty = penalty_forward(
                c_decoder.weights, batch.mask, self.config["attention_penalty"]
            )
            loss = loss + extra
        return loss, CaptionerCache(batch.images.shape, c_encoder, c_decoder, c_loss, c_penalty)

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
        dimages : Array, shaped like the images, or None where not asked for or the convolutions are frozen
            Zero where the model is blind.
        grads : dict of str to Array
            Named and shaped like ``params``.
        """
        dlogits = softmax_cross_entropy_backward(dloss, cache.loss).dlogits
        looked = () if cache.penalty is None else (penalty_backward(dloss, cache.penalty),)
        dfeatures, g_decoder = self.decoder.backward(dlogits, cache.decoder, *looked)  # (N, E)
        # Captions share a picture: (M, E).
        seen = 1 if self.blind else cache.images[0]
        dfeatures = dfeatures.reshape(seen, -1, *dfeatures.shape[1:]).sum(axis=1)
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
        decoder = telling_shapes_of_decoder(config, words)
        return {
            **telling_shapes_of_encoder(config),
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
