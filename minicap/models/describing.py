"""Using a trained captioner: features, captions, and what it thinks of given captions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from minicap._types import Array
from minicap.data.preprocessing import Preprocessing
from minicap.data.vocabulary import END, PAD, START, UNK, Vocabulary
from minicap.decoding import Decoding, Hypothesis, SearchErrors, decode, score, search_errors
from minicap.kernels import Workspace
from minicap.models.decoders import RecurrentDecoder
from minicap.models.pictures import tensor_blocks

NEVER_SAID = (PAD, START, UNK)


class Caption(str):
    """A sentence that knows its log-probability: a plain ``str`` with three more attributes.

    Attributes
    ----------
    log_prob : float
        Log-probability of the whole sentence under the model, in nats.
    word_log_probs : tuple of float
        Of each token, the end marker included.
    attention : Array, (T, L), or None
        Where the decoder looked for each token, if it looks at places.
    """

    log_prob: float
    word_log_probs: tuple[float, ...]
    attention: Array | None

    def __new__(
        cls, text: str, word_log_probs: Sequence[float] = (), attention: Array | None = None
    ) -> Caption:
        caption = super().__new__(cls, text)
        caption.word_log_probs = tuple(word_log_probs)
        caption.log_prob = float(sum(word_log_probs))
        caption.attention = attention
        return caption


class Describer:
    """What a captioner can do once it is trained; ``Captioner`` adds how it learns.

    Attributes
    ----------
    vocabulary : Vocabulary
    preprocessing : Preprocessing
    encoder, decoder
    dtype : numpy.dtype
    blind : bool
    """

    vocabulary: Vocabulary
    preprocessing: Preprocessing
    encoder: Any
    decoder: RecurrentDecoder
    dtype: np.dtype
    blind: bool

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
        Array, (N, E), or (N, L, E) where the decoder looks at places
        """
        found = [np.empty((0, *self.encoder.feature_shape), self.dtype)]
        shapes = self.encoder.input_shapes
        for block in tensor_blocks(images, self.preprocessing, self.dtype, batch_size, shapes=shapes):
            features = self.encoder.infer(self._seen(block))
            found.append(np.broadcast_to(features, (len(block), *features.shape[1:])))
        return np.concatenate(found)

    def caption(
        self, images: Any, settings: Decoding | None = None, *, batch_size: int = 64, **options: Any
    ) -> list[Caption]:
        """Describe pictures.

            model.caption(paths)                                   # greedy search
            model.caption(paths, beam=5, length_penalty=1.0)
            model.caption(paths, sample=True, temperature=0.7, top_k=20, seed=3)

        Parameters
        ----------
        images
            A path, a Pillow image, a uint8 array (H, W, 3) or (N, H, W, 3) of any size, a list of these, or
            a float array (N, 3, S, S) that is preprocessed already, or of stored features where the model reads them.
        settings : Decoding, optional
            How sentences are made; greedy search unless told otherwise.
        batch_size : int
            Pictures described at once.
        **options
            Single settings by name, instead of or on top of ``settings``: ``beam``, ``sample``, ``temperature``,
            ``top_k``, ``top_p``, ``seed``, ``length_penalty``, ``min_length``, ``max_length``, ``no_repeat``,
            ``exhaustive``; see `minicap.decoding.Decoding`.

        Returns
        -------
        list of Caption
            One a picture: a ``str`` with ``log_prob``, ``word_log_probs`` and ``attention``.

        Raises
        ------
        InputError
            If a picture cannot be read.
        ValueError
            If settings make no sense, or contradict each other.
        """
        settings = replace(settings or Decoding(), **options)
        features = self.features(images, batch_size=batch_size)
        return self.caption_features(features, settings, batch_size=batch_size)

    def caption_features(
        self, features: Array, settings: Decoding | None = None, *, batch_size: int = 64, **options: Any
    ) -> list[Caption]:
        """Describe pictures whose features are known; everything else as in ``caption``.

        Parameters
        ----------
        features : Array, (N, E) or (N, L, E)
        settings, batch_size, **options
            See ``caption``.

        Returns
        -------
        list of N Caption
        """
        settings = replace(settings or Decoding(), **options)
        if (
            settings.sample
        ):  # all at once, so that what is drawn does not depend on how the pictures are grouped
            batch_size = max(1, len(features))
        found: list[Hypothesis] = []
        with Workspace():  # every step multiplies into the same memory
            for i in range(0, len(features), batch_size):
                block = features[i : i + batch_size]
                found += decode(self.decoder, block, settings, start=START, end=END, banned=NEVER_SAID)
        return [self._caption(hypothesis) for hypothesis in found]

    def search_errors(
        self,
        features: Array,
        references: Sequence[Sequence[str]],
        settings: Decoding | None = None,
        **options: Any,
    ) -> SearchErrors:
        """Hold a beam against brute force, and brute force against what people say.

        Parameters
        ----------
        features : Array, (N, E) or (N, L, E)
        references : sequence of N sequences of str
            Captions that are right for each picture.
        settings : Decoding, optional
        **options
            ``beam``, ``length_penalty``, ``min_length``, ``max_length``, ``no_repeat``, see ``caption``.

        Returns
        -------
        SearchErrors

        Raises
        ------
        ValueError
            If there are too many sentences to look at all.
        """
        settings = replace(settings or Decoding(), **options)
        right = [[self.vocabulary.encode(text)[1:] for text in texts] for texts in references]
        names = ("beam", "length_penalty", "min_length", "max_length", "no_repeat")
        limits = {name: getattr(settings, name) for name in names}
        return search_errors(self.decoder, features, right, start=START, end=END, banned=NEVER_SAID, **limits)

    def match(self, features: Array, captions: Sequence[str], *, batch_size: int = 256) -> Array:
        """Return how well every caption fits every picture: pictures for a sentence, or sentences for a picture.

        Parameters
        ----------
        features : Array, (N, E) or (N, L, E)
        captions : sequence of M str
        batch_size : int
            Pairs scored at once.

        Returns
        -------
        Array, (N, M)
            Log-probability of a word on average, the end marker counted as one, in nats.
        """
        fits = np.empty((len(features), len(captions)))
        for m, text in enumerate(captions):  # sentences of one length a batch
            found = self.score(features, [text] * len(features), batch_size=batch_size)
            fits[:, m] = [h.log_prob / len(h.tokens) for h in found]
        return fits

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

    def _caption(self, hypothesis: Hypothesis) -> Caption:
        """Return tokens as text, with what is known about them."""
        text = self.vocabulary.decode(hypothesis.tokens)
        return Caption(text, hypothesis.log_probs, hypothesis.attention)

    def _seen(self, images: Array) -> Array:
        """Return what the encoder sees: the pictures, or one grey one for all where the model is blind."""
        return np.zeros((1, *self.encoder.input_shapes[-1]), images.dtype) if self.blind else images
