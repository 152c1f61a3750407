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
from minicap.models.attending import AttendingDecoder, telling_attending_shapes
from minicap.models.base import Model
from minicap.models.decoders import RecurrentDecoder, telling_decoder_shapes
from minicap.models.describing import Describer
from minicap.models.encoder import Encoder, telling_reading_shapes
from minicap.models.joining import GRIDS
from minicap.models.looking import PenaltyCache, penalty_backward, penalty_forward
from minicap.models.sampling import own_words
from minicap.models.trunk import Trunk, map_shape, telling_trunk_shapes
from minicap.ops import softmax_cross_entropy_backward, softmax_cross_entropy_forward


class CaptionerCache(NamedTuple):
    """The shape of the pictures, the caches of encoder, decoder and loss, and of the penalty on looking."""

    images: tuple[int, ...]
    encoder: Any
    decoder: Any
    loss: Any
    penalty: PenaltyCache | None


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
        How the picture reaches the decoder: ``par``, ``init``, ``pre``, ``merge``, ``attention``, ``dot``, or
        ``none``: a language model.
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
    attention_gate : bool
        For ``attention``: whether a gate says at each word how much the picture matters.
    attention_penalty : float
        For ``attention``: how much it costs a training, in nats a caption, not to look at every place about once.
    reset_after : bool
        For ``gru``: whether its reset gate acts after the product, as in cuDNN, or before it, as in the paper.
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
        attention_gate: bool = False,
        attention_penalty: float = 0.0,
        reset_after: bool = True,
        dtype: str = "float32",
        seed: int = 0,
        blind: bool = False,
        preprocessing: Preprocessing | None = None,
    ) -> None:
        self._settle(
            {
                "encoder": encoder, "decoder": decoder, "conditioning": conditioning, "image_size": image_size,
                "embed_size": embed_size, "hidden_size": hidden_size, "layers": layers, "dropout": dropout,
                "batch_norm": bool(batch_norm), "attention_gate": bool(attention_gate),
                "attention_penalty": float(attention_penalty), "reset_after": bool(reset_after),
                "dtype": str(dtype), "seed": seed, "blind": blind,
            },
            preprocessing,
        )  # fmt: skip
        self._check_attention()
        self.vocabulary = vocabulary
        self.blind = blind or conditioning == "none"  # who shows nothing need not look
        rng = np.random.default_rng(seed)
        self.encoder = Encoder(
            encoder,
            image_size,
            embed_size,
            batch_norm=batch_norm,
            grid=conditioning in GRIDS,
            rng=rng,
            dtype=dtype,
        )
        self.decoder: Any = self._build_decoder(rng)

    @property
    def parts(self) -> Mapping[str, Any]:
        """Encoder and decoder."""
        return {"encoder": self.encoder, "decoder": self.decoder}

    @property
    def trunk(self) -> Trunk:
        """The encoder's convolutions."""
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
            images (M, 3, S, S); tokens (N, T+1); mask (N, T). Each image carries N/M consecutive captions.
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
        features, c_encoder = self.encoder.forward(self._seen(batch.images), training=training)  # (M, E)
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
        dimages : Array, (M, 3, S, S), or None where not asked for or the convolutions are frozen
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
        sizes = {name: config[name] for name in ("embed_size", "hidden_size", "layers")}
        sizes |= {"cell": config["decoder"], "feature_size": config["embed_size"]}
        if config["conditioning"] == "attention":
            decoder = telling_attending_shapes(words, **sizes)
        else:
            decoder = telling_decoder_shapes(words, conditioning=config["conditioning"], **sizes)
        map_of = map_shape(config["encoder"], config["image_size"])
        reading = telling_reading_shapes(*map_of, config["embed_size"], grid=config["conditioning"] in GRIDS)
        return {
            **telling_trunk_shapes(config["encoder"]),
            **{f"encoder.{name}": shape for name, shape in reading.items()},
            **{f"decoder.{name}": shape for name, shape in decoder.items()},
        }

    def _build_decoder(self, rng: Rng) -> Any:
        """Return the decoder that the options describe."""
        shared = ("embed_size", "hidden_size", "layers", "dropout", "reset_after", "dtype")
        options = {name: self.config[name] for name in shared} | {"cell": self.config["decoder"], "rng": rng}
        sizes, conditioning = (len(self.vocabulary), self.config["embed_size"]), self.config["conditioning"]
        if conditioning == "attention":
            return AttendingDecoder(*sizes, gate=self.config["attention_gate"], **options)
        return RecurrentDecoder(*sizes, conditioning=conditioning, **options)

    def _check_attention(self) -> None:
        """Raise unless the options of attention go with it, and the penalty is one."""
        penalty, conditioning = self.config["attention_penalty"], self.config["conditioning"]
        if conditioning != "attention" and (self.config["attention_gate"] or penalty):
            raise ValueError(
                "Captioner: attention_gate and attention_penalty go with conditioning 'attention', "
                f"not {conditioning!r}"
            )
        if not 0 <= penalty < np.inf:
            raise ValueError(f"Captioner: attention_penalty is {penalty} but at least 0 is needed")

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
