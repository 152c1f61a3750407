"""Using a trained captioner: features, captions, and what it thinks of given captions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from minicap._types import Array
from minicap.data.preprocessing import Preprocessing
from minicap.data.vocabulary import END, PAD, START, UNK, Vocabulary
from minicap.decoding import Hypothesis, greedy_search, random_search, score
from minicap.kernels import Workspace
from minicap.models.decoders import RecurrentDecoder
from minicap.models.encoder import Encoder
from minicap.models.pictures import tensor_blocks

NEVER_SAID = (PAD, START, UNK)


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

    def __new__(cls, text: str, word_log_probs: Sequence[float] = ()) -> Caption:
        caption = super().__new__(cls, text)
        caption.word_log_probs = tuple(word_log_probs)
        caption.log_prob = float(sum(word_log_probs))
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
    encoder: Encoder
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
        Array, (N, E)
        """
        found = [np.empty((0, self.encoder.feature_size), self.dtype)]
        for block in tensor_blocks(images, self.preprocessing, self.dtype, batch_size):
            features, _ = self.encoder.forward(self._seen(block))
            found.append(np.broadcast_to(features, (len(block), features.shape[1])))
        return np.concatenate(found)

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
        return self.caption_features(
            features,
            sample=sample,
            temperature=temperature,
            seed=seed,
            max_length=max_length,
            batch_size=batch_size,
        )

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
        if sample:  # all at once, so that what is drawn does not depend on how the pictures are grouped
            rng = np.random.default_rng(seed)
            found = random_search(self.decoder, features, rng=rng, temperature=temperature, **limits)
        else:
            blocks = (features[i : i + batch_size] for i in range(0, len(features), batch_size))
            with Workspace():  # every step multiplies into the same memory
                found = [h for block in blocks for h in greedy_search(self.decoder, block, **limits)]
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

    def _seen(self, images: Array) -> Array:
        """Return what the encoder sees: the pictures, or one grey one for all where the model is blind."""
        return np.zeros_like(images[:1]) if self.blind else images
