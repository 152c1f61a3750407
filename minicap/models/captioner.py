"""The captioner: a picture in, a sentence out, encoder and decoder trained together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from minicap._types import Array, Arrays, Rng
from minicap.data.batches import CaptionBatch
from minicap.data.preprocessing import Preprocessing
from minicap.data.vocabulary import END, PAD, START, UNK, Vocabulary
from minicap.decoding import Hypothesis, greedy_search, random_search, score
from minicap.layers import named
from minicap.models import storage
from minicap.models.decoders import RecurrentDecoder, RecurrentDecoderCache
from minicap.models.encoder import ENCODERS
from minicap.models.pictures import as_tensors
from minicap.ops import softmax_cross_entropy_backward, softmax_cross_entropy_forward

NEVER_SAID = (PAD, START, UNK)


class CaptionerCache(NamedTuple):
    """The caches of encoder, decoder and loss."""

    encoder: Any
    decoder: RecurrentDecoderCache
    loss: Any


class Caption(str):
    """A sentence that knows its log-probability: a plain ``str`` with two more attributes.

    Attributes
    ----------
    log_prob : float
        Log-probability of the whole sentence under the model, in nats.
    word_log_probs : tuple of float
        Of each token, the end marker included.
    """

    log_prob: float
    word_log_probs: tuple[float, ...]

    def __new__(cls, text: str, word_log_probs: Sequence[float]) -> Caption:
        caption = super().__new__(cls, text)
        caption.word_log_probs = tuple(word_log_probs)
        caption.log_prob = float(sum(word_log_probs))
        return caption


class Captioner:
    """CNN encoder and recurrent decoder: P(caption | image) as the product over its words.

    Parameters
    ----------
    vocabulary : Vocabulary
    encoder : str
        ``small``, see ``minicap.models.encoder``.
    decoder : str
        ``rnn``, ``lstm`` or ``gru``.
    conditioning : str
        How the picture reaches the decoder: ``par``, ``init`` or ``pre``.
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
    dtype : str
        ``float32`` or ``float64``.
    seed : int
        Of the initial weights.
    blind : bool
        See nothing: every picture is replaced by the same grey one. The baseline that any captioner has to
        beat.
    preprocessing : Preprocessing, optional
        How pictures become tensors; by default colour, cropped square, scaled to [-1, 1].

    Attributes
    ----------
    params, buffers : dict of str to Array
        Flat, live, named like ``encoder.conv1.weight``.

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
        dtype: str = "float32",
        seed: int = 0,
        blind: bool = False,
        preprocessing: Preprocessing | None = None,
    ) -> None:
        if encoder not in ENCODERS:
            raise ValueError(
                f"Captioner: there is no encoder {encoder!r}; choose one of {', '.join(ENCODERS)}"
            )
        self.config = {
            "encoder": encoder, "decoder": decoder, "conditioning": conditioning, "image_size": image_size,
            "embed_size": embed_size, "hidden_size": hidden_size, "layers": layers, "dropout": dropout,
            "dtype": str(np.dtype(dtype)), "seed": seed, "blind": blind,
        }  # fmt: skip
        self.vocabulary = vocabulary
        self.preprocessing = preprocessing or Preprocessing(image_size)
        if self.preprocessing.size != image_size:
            raise ValueError(
                f"Captioner: image_size is {image_size} but preprocessing.size is {self.preprocessing.size}"
            )
        self.dtype, self.blind = np.dtype(dtype), blind
        rng = np.random.default_rng(seed)
        self.encoder = ENCODERS[encoder](image_size, embed_size, rng=rng, dtype=dtype)
        self.decoder = RecurrentDecoder(
            len(vocabulary), self.encoder.feature_size, cell=decoder, conditioning=conditioning, layers=layers,
            embed_size=embed_size, hidden_size=hidden_size, dropout=dropout, rng=rng, dtype=dtype,
        )  # fmt: skip
        self.buffers: Arrays = {}

    @property
    def params(self) -> Arrays:
        """All parameters in one flat dict of live arrays."""
        return named(encoder=self.encoder.params, decoder=self.decoder.params)

    def loss(
        self, batch: CaptionBatch, *, training: bool = False, rng: Rng | None = None
    ) -> tuple[Array, CaptionerCache]:
        """Return the mean negative log-probability of the captions' words.

        Parameters
        ----------
        batch : CaptionBatch
            images (M, 3, S, S); tokens (N, T+1); mask (N, T). Each image carries N/M consecutive captions.
        training : bool
            Whether dropout drops.
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
        images = self._seen(batch.images)
        seen, target = batch.tokens[:, :-1], batch.tokens[:, 1:]
        features, c_encoder = self.encoder.forward(images)  # (M, E)
        features = np.repeat(features, self._captions_per_image(images, batch.tokens), axis=0)  # (N, E)
        logits, c_decoder = self.decoder.forward(
            features, seen, batch.mask, training=training, rng=rng
        )  # (N, T, V)
        loss, c_loss = softmax_cross_entropy_forward(logits, target, mask=batch.mask)
        return loss, CaptionerCache(c_encoder, c_decoder, c_loss)

    def backward(self, cache: CaptionerCache, dloss: float = 1.0) -> tuple[Array, Arrays]:
        """Propagate from the loss to the pixels.

        Parameters
        ----------
        cache : CaptionerCache
        dloss : float
            Upstream gradient.

        Returns
        -------
        dimages : Array, (M, 3, S, S)
        grads : dict of str to Array
            Named and shaped like ``params``.
        """
        dlogits = softmax_cross_entropy_backward(dloss, cache.loss).dlogits
        dfeatures, g_decoder = self.decoder.backward(dlogits, cache.decoder)  # (N, E)
        images = len(cache.encoder.relu.x)
        dfeatures = dfeatures.reshape(images, -1, dfeatures.shape[1]).sum(
            axis=1
        )  # (M, E): captions share a picture
        dimages, g_encoder = self.encoder.backward(dfeatures, cache.encoder)
        return dimages, named(encoder=g_encoder, decoder=g_decoder)

    def features(self, images: Any, *, batch_size: int = 64) -> Array:
        """Return what the decoder is told of each picture.

        Parameters
        ----------
        images
            As ``caption`` takes them.
        batch_size : int
            Pictures encoded at once.

        Returns
        -------
        Array, (N, E)
        """
        tensors = as_tensors(images, self.preprocessing, self.dtype)
        blocks = (tensors[i : i + batch_size] for i in range(0, len(tensors), batch_size))
        found = [np.repeat(self.encoder.forward(seen)[0], len(block) // len(seen), axis=0)
                 for block in blocks for seen in [self._seen(block)]]  # fmt: skip
        return np.concatenate(found) if found else np.empty((0, self.encoder.feature_size), self.dtype)

    def caption(
        self,
        images: Any,
        *,
        sample: bool = False,
        temperature: float = 1.0,
        seed: int = 0,
        max_length: int = 40,
        batch_size: int = 64,
    ) -> list[Caption]:
        """Describe pictures.

        Parameters
        ----------
        images
            A path, a Pillow image, a uint8 array (H, W, 3) or (N, H, W, 3) of any size, a list of these, or
            a float array (N, 3, S, S) that is preprocessed already.
        sample : bool
            Draw words at random (random search) instead of taking the most probable ones (greedy search).
        temperature : float
            With ``sample``: below 1 more cautious, above 1 wilder.
        seed : int
            With ``sample``: the same seed draws the same captions.
        max_length : int
            Longest caption in tokens.
        batch_size : int
            Pictures described at once.

        Returns
        -------
        list of Caption
            One a picture: a ``str`` with ``log_prob``.

        Raises
        ------
        InputError
            If a picture cannot be read.
        ValueError
            If the temperature is not positive.
        """
        features = self.features(images, batch_size=batch_size)
        options: dict[str, Any] = {
            "sample": sample,
            "temperature": temperature,
            "seed": seed,
            "max_length": max_length,
        }
        return self.caption_features(features, batch_size=batch_size, **options)

    def caption_features(
        self,
        features: Array,
        *,
        sample: bool = False,
        temperature: float = 1.0,
        seed: int = 0,
        max_length: int = 40,
        batch_size: int = 64,
    ) -> list[Caption]:
        """Describe pictures whose features (N, E) are known; options as in ``caption``.

        Parameters
        ----------
        features : Array, (N, E)
        sample, temperature, seed, max_length, batch_size
            See ``caption``.

        Returns
        -------
        list of N Caption
        """
        limits: dict[str, Any] = {"start": START, "end": END, "banned": NEVER_SAID, "max_length": max_length}
        rng = np.random.default_rng(seed)
        found: list[Hypothesis] = []
        for i in range(0, len(features), batch_size):
            block = features[i : i + batch_size]
            if sample:
                found += random_search(self.decoder, block, rng=rng, temperature=temperature, **limits)
            else:
                found += greedy_search(self.decoder, block, **limits)
        return [Caption(self.vocabulary.decode(h.tokens), h.log_probs) for h in found]

    def log_prob(self, images: Any, captions: Sequence[str], *, batch_size: int = 64) -> Array:
        """Return the log-probability of given captions.

        Parameters
        ----------
        images
            As ``caption`` takes them.
        captions : sequence of N str
            One a picture; unknown words are scored as ``<unk>``.
        batch_size : int
            Captions scored at once.

        Returns
        -------
        Array, (N,)
            Sum over the words and the end marker, in nats.

        Raises
        ------
        ValueError
            If there are not as many captions as pictures.
        """
        features = self.features(images, batch_size=batch_size)
        captions = [captions] if isinstance(captions, str) else list(captions)
        if len(features) != len(captions):
            raise ValueError(
                f"log_prob: {len(features)} images but {len(captions)} captions; give one caption an image"
            )
        return np.array([h.log_prob for h in self.score(features, captions, batch_size=batch_size)])

    def score(
        self, features: Array, captions: Sequence[str], *, batch_size: int = 64
    ) -> Iterator[Hypothesis]:
        """Score captions (N) word by word against features (N, E), in blocks.

        Parameters
        ----------
        features : Array, (N, E)
        captions : sequence of N str
        batch_size : int

        Yields
        ------
        Hypothesis
            Tokens and their log-probabilities.
        """
        for i in range(0, len(captions), batch_size):
            sentences = [self.vocabulary.encode(text)[1:] for text in captions[i : i + batch_size]]
            yield from score(self.decoder, features[i : i + batch_size], sentences, start=START)

    def save(self, path: str | Path) -> None:
        """Write everything needed to caption again: parameters, vocabulary, preprocessing, options.

        Parameters
        ----------
        path : str or Path
            A ``.npz`` file.

        Raises
        ------
        InputError
            If it cannot be written.
        """
        storage.save_model(path, self)

    @classmethod
    def load(cls, path: str | Path) -> Captioner:
        """Read a captioner back.

        Parameters
        ----------
        path : str or Path
            A file that ``save`` or a training wrote, or a run folder: its best checkpoint.

        Returns
        -------
        Captioner

        Raises
        ------
        InputError
            If there is no such file, it is damaged, or of another version.
        """
        return storage.load_model(path, cls)

    def _seen(self, images: Array) -> Array:
        """Return what the encoder sees: the pictures, or one grey one for all where the model is blind."""
        return np.zeros_like(images[:1]) if self.blind else images

    @staticmethod
    def _captions_per_image(images: Array, tokens: Array) -> int:
        """Return N / M, or raise where the captions do not fit the images."""
        if len(images) == 0 or len(tokens) % len(images):
            raise ValueError(
                f"Captioner: tokens {tokens.shape} must have a multiple of the rows of images {images.shape}"
            )
        return len(tokens) // len(images)
