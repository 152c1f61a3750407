"""Batches of pictures and captions: bucketed by length, masked, and driven by one seed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import overload

import numpy as np
from numpy.typing import DTypeLike

from minicap.data.collate import CaptionBatch, EncodedData, Plan
from minicap.data.dataset import CaptionData
from minicap.data.preprocessing import Preprocessing
from minicap.data.report import ReadingReport
from minicap.data.vocabulary import Vocabulary
from minicap.errors import InputError

CHUNK = 32  # batches whose images are sorted by caption length together


class Batches(Sequence[CaptionBatch]):
    """Build batches one at a time, when they are asked for.

    `CaptionBatches.epoch` and `eval_batches` make it. ``len(batches)`` builds none, ``batches[k]`` one.
    """

    def __init__(self, encoded: EncodedData, plans: Sequence[Plan], dtype: DTypeLike) -> None:
        self._encoded, self._plans, self._dtype = encoded, plans, dtype

    def __len__(self) -> int:
        """Return the number of batches."""
        return len(self._plans)

    @overload
    def __getitem__(self, index: int) -> CaptionBatch: ...
    @overload
    def __getitem__(self, index: slice) -> Batches: ...
    def __getitem__(self, index: int | slice) -> CaptionBatch | Batches:
        """Return one batch, or a part of the sequence."""
        if isinstance(index, slice):
            return Batches(self._encoded, self._plans[index], self._dtype)
        return self._encoded.batch(self._plans[index], self._dtype)

    def __iter__(self) -> Iterator[CaptionBatch]:
        """Build the batches in order."""
        return (self[k] for k in range(len(self)))


class CaptionBatches:
    """Cut a training split into batches, differently each epoch, by nothing but the epoch's seed.

    Images are shuffled; within chunks of some batches they are sorted by the length of their captions, so
    that a batch holds little padding; then the batches are shuffled. Each image comes once an epoch.

    Parameters
    ----------
    data : CaptionData
        The split. Files that cannot be decoded are left out, and counted in `report`.
    vocabulary : Vocabulary
        Encodes all the captions, once.
    preprocessing : Preprocessing
        Makes the pictures' tensors.
    batch_size : int
        Images a batch; the last one may have fewer.
    captions_per_image : int or None
        Captions drawn for each image in each epoch, without replacement where it has enough; None takes all.
    max_length : int, optional
        Longest caption in tokens, without ``<start>`` and ``<end>``; by default the tokenizer's (40 words).
    dtype : dtype
        Of the images.
    progress : bool
        Show a progress bar while decoding.

    Raises
    ------
    InputError
        If the batch is larger than the data, or a number makes no sense.
    """

    def __init__(
        self,
        data: CaptionData,
        vocabulary: Vocabulary,
        preprocessing: Preprocessing,
        batch_size: int,
        *,
        captions_per_image: int | None = 1,
        max_length: int | None = None,
        dtype: DTypeLike = np.float32,
        progress: bool = False,
    ) -> None:
        if captions_per_image is not None and captions_per_image < 1:
            raise InputError(f"captions an image: {captions_per_image} makes no sense; use 1 or more")
        self.batch_size, self.captions_per_image, self.dtype = batch_size, captions_per_image, dtype
        self.report = ReadingReport()
        _check_batch_size(batch_size, data)  # before the long work, and again on what remains
        self.data, pixels = data.load(preprocessing, report=self.report, progress=progress)
        _check_batch_size(batch_size, self.data)
        captions = self.data.captions
        self._encoded = EncodedData(pixels, captions, vocabulary, preprocessing, max_length, self.report)

    def __len__(self) -> int:
        """Return the number of batches an epoch."""
        return -(-len(self.data) // self.batch_size)

    def epoch(self, seed_sequence: np.random.SeedSequence | int, start: int = 0) -> Batches:
        """Return the batches of one epoch, which its seed decides alone.

        Parameters
        ----------
        seed_sequence : SeedSequence or int
            The epoch's own; it is left as it was.
        start : int
            Number of batches to leave out, for an epoch that was interrupted; they are not built.

        Returns
        -------
        Batches
            ``len(self) - start`` batches, built when they are asked for.

        Raises
        ------
        ValueError
            If `start` is negative or beyond the end of the epoch.
        """
        if not 0 <= start <= len(self):
            raise ValueError(f"epoch: start must be from 0 to {len(self)} batches, but it is {start}")
        rng = np.random.default_rng(seed_sequence)
        chosen = [self._choose(len(captions), rng) for captions in self._encoded.captions]
        lengths = self._encoded.longest(chosen)
        order = rng.permutation(len(self.data))
        chunk = CHUNK * self.batch_size
        chunks = [order[i : i + chunk] for i in range(0, len(order), chunk)]
        order = np.concatenate([part[np.argsort(lengths[part], kind="stable")] for part in chunks])
        starts = rng.permutation(len(self))[start:] * self.batch_size
        batches = [order[i : i + self.batch_size].tolist() for i in starts]
        return Batches(self._encoded, [Plan(b, [chosen[i] for i in b]) for b in batches], self.dtype)

    def _choose(self, count: int, rng: np.random.Generator) -> list[int]:
        """Draw an image's captions for this epoch."""
        wanted = self.captions_per_image
        if wanted is None:
            return list(range(count))
        return rng.choice(count, wanted, replace=wanted > count).tolist()


def eval_batches(
    data: CaptionData,
    vocabulary: Vocabulary,
    preprocessing: Preprocessing,
    batch_size: int,
    *,
    max_length: int | None = None,
    dtype: DTypeLike = np.float32,
    report: ReadingReport | None = None,
) -> Batches:
    """Return every image with all its captions, in the data's order, for losses.

    Parameters
    ----------
    data : CaptionData
        Any split; every file must be decodable (`CaptionData.usable`).
    vocabulary : Vocabulary
        Encodes the captions.
    preprocessing : Preprocessing
        Makes the pictures' tensors.
    batch_size : int
        Images a batch; may be more than there are.
    max_length : int, optional
        Longest caption in tokens; by default the tokenizer's.
    dtype : dtype
        Of the images.
    report : ReadingReport, optional
        Where to count captions that were cut.

    Returns
    -------
    Batches
        Where the images of a batch have different numbers of captions, each caption carries a copy of its
        image (M = N).

    Raises
    ------
    InputError
        If a number makes no sense or an image cannot be decoded.
    """
    _check_batch_size(batch_size)
    report = ReadingReport() if report is None else report
    pixels = data.pixels(preprocessing)
    encoded = EncodedData(pixels, data.captions, vocabulary, preprocessing, max_length, report)
    groups = [list(range(i, min(i + batch_size, len(data)))) for i in range(0, len(data), batch_size)]
    everything = [list(range(len(captions))) for captions in data.captions]
    return Batches(encoded, [Plan(g, [everything[i] for i in g]) for g in groups], dtype)


def _check_batch_size(batch_size: int, data: CaptionData | None = None) -> None:
    """Refuse a batch of nothing, or of more than there is."""
    if batch_size < 1:
        raise InputError(f"batch size {batch_size} makes no sense; use 1 or more")
    if data is not None and batch_size > len(data):
        raise InputError(
            f"batch size {batch_size} is larger than the {len(data)} images of {data.split}; "
            f"use --batch-size {len(data)} or less"
        )
