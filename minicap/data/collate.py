"""What a batch is for each task, and how captions and pixels become one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import DTypeLike

from minicap._types import Array
from minicap.data.preprocessing import Preprocessing
from minicap.data.report import LONG_CAPTION, ReadingReport
from minicap.data.vocabulary import END, PAD, Vocabulary
from minicap.errors import InputError


class CaptionBatch(NamedTuple):
    """Give a model pictures with captions.

    Attributes
    ----------
    images : Array
        Floats, shape (M, 3, S, S), or stored features (M, F) or (M, F, s, s).
    tokens : Array
        int64, shape (N, T+1): ``<start> ... <end> <pad>``. N is a multiple of M: image m carries the
        N/M consecutive captions from row ``m * N/M`` on.
    mask : Array
        bool, shape (N, T): True where the target ``tokens[:, 1:]`` is real.
    """

    images: Array
    tokens: Array
    mask: Array


class ClassBatch(NamedTuple):
    """Give a model pictures with a class each.

    Attributes
    ----------
    images : Array
        Floats, shape (N, 3, S, S).
    labels : Array
        int64, shape (N,): the class of each, 0 to K - 1.
    """

    images: Array
    labels: Array


class TagBatch(NamedTuple):
    """Give a model pictures with tags.

    Attributes
    ----------
    images : Array
        Floats, shape (N, 3, S, S).
    tags : Array
        Floats like the images, shape (N, K): 1 where a picture has the tag, else 0.
    """

    images: Array
    tags: Array


class Plan(NamedTuple):
    """Say what one batch is made of: places of images, and of their captions, as many for each."""

    images: list[int]
    captions: list[list[int]]


Change: TypeAlias = Callable[[Array, list[int]], Array]  # from pixels and their places in the data


def unchanged(pixels: Array, places: list[int]) -> Array:
    """Return pictures as they are.

    Parameters
    ----------
    pixels : Array
        uint8, shape (N, S, S, 3).
    places : list of int
        Where they stand in the data.

    Returns
    -------
    Array
        The same.
    """
    return pixels


def pad_captions(sequences: Sequence[Sequence[int]]) -> tuple[Array, Array]:
    """Stack captions of different lengths, filled up with ``<pad>``.

    Parameters
    ----------
    sequences : sequence of sequence of int
        N encoded captions, ``<start> ... <end>``.

    Returns
    -------
    tokens : Array
        int64, shape (N, T+1); T+1 is the longest caption.
    mask : Array
        bool, shape (N, T): True where the target ``tokens[:, 1:]`` is real.

    Raises
    ------
    ValueError
        If there is no caption, or one has fewer than two tokens.
    """
    lengths = np.array([len(sequence) for sequence in sequences], np.int64)
    if not len(lengths) or lengths.min() < 2:
        raise ValueError("pad_captions: there must be captions, each with <start> and <end> at least")
    tokens = np.full((len(lengths), lengths.max()), PAD, np.int64)
    for row, sequence in zip(tokens, sequences, strict=True):
        row[: len(sequence)] = sequence
    return tokens, np.arange(1, lengths.max()) < lengths[:, None]


class EncodedData:
    """Hold a split's pixels, or what a network has found in them, and its captions as ids."""

    def __init__(
        self,
        pixels: Array,
        captions: Sequence[Sequence[str]],
        vocabulary: Vocabulary,
        preprocessing: Preprocessing,
        max_length: int | None,
        report: ReadingReport,
    ) -> None:
        self._limit = vocabulary.tokenizer.max_length if max_length is None else max_length
        if self._limit < 1:
            raise InputError(f"longest caption: {self._limit} tokens make no sense; use 1 or more")
        self._pixels, self._preprocessing = pixels, preprocessing
        report.set_total(LONG_CAPTION, sum(map(len, captions)))
        self.captions = [[self._encode(text, vocabulary, report) for text in texts] for texts in captions]

    def _encode(self, caption: str, vocabulary: Vocabulary, report: ReadingReport) -> list[int]:
        """Return a caption's ids, cut to the limit."""
        ids = vocabulary.encode(caption)
        if len(ids) <= self._limit + 2:
            return ids
        report.add(LONG_CAPTION, caption)
        return [*ids[: self._limit + 1], END]

    def longest(self, chosen: list[list[int]]) -> Array:
        """Return the length of each image's longest chosen caption."""
        pairs = zip(self.captions, chosen, strict=True)
        return np.array([max(len(captions[k]) for k in places) for captions, places in pairs])

    def batch(self, plan: Plan, dtype: DTypeLike, change: Change = unchanged) -> CaptionBatch:
        """Build the batch that a plan describes, its pictures changed first."""
        counts = [len(places) for places in plan.captions]
        even = len(set(counts)) == 1
        images = plan.images if even else np.repeat(plan.images, counts).tolist()
        tokens, mask = pad_captions(
            [
                self.captions[i][k]
                for i, places in zip(plan.images, plan.captions, strict=True)
                for k in places
            ]
        )
        if self._pixels.dtype.kind == "f":  # stored features are ready to be read
            return CaptionBatch(self._pixels[images].astype(dtype, copy=False), tokens, mask)
        pixels = change(self._pixels[images], images)
        return CaptionBatch(self._preprocessing.tensor(pixels, dtype), tokens, mask)
