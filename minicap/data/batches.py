"""Batches of pictures and captions: bucketed by length, masked, and driven by one seed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, overload

import numpy as np
from numpy.typing import DTypeLike

from minicap._types import Array
from minicap.data.augment import Augmentation, says_side
from minicap.data.collate import CaptionBatch, Change, EncodedData, Plan, unchanged
from minicap.data.dataset import CaptionData, Pictures
from minicap.data.preprocessing import Preprocessing
from minicap.data.report import ReadingReport
from minicap.data.vocabulary import Vocabulary
from minicap.errors import InputError

CHUNK = 32  # batches whose images are sorted by caption length together


class Batches(Sequence[Any]):
    """Build batches one at a time, when they are asked for: ``len(batches)`` builds none, ``batches[k]`` one.

    Parameters
    ----------
    build : callable
        From the number of a batch to the batch.
    numbers : sequence of int
        Which batches, in order.
    """

    def __init__(self, build: Callable[[int], Any], numbers: Sequence[int]) -> None:
        self._build, self._numbers = build, numbers

    def __len__(self) -> int:
        """Return the number of batches."""
        return len(self._numbers)

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> Batches: ...
    def __getitem__(self, index: int | slice) -> Any:
        """Return one batch, or a part of the sequence."""
        if isinstance(index, slice):
            return Batches(self._build, self._numbers[index])
        return self._build(self._numbers[index])

    def __iter__(self) -> Iterator[Any]:
        """Build the batches in order."""
        return (self[k] for k in range(len(self)))


class Epochs:
    """What the batches of every task share: pictures decoded once, and epochs that their seed decides.

    Parameters
    ----------
    data : Pictures
        The split. Files that cannot be decoded are left out, and counted in `report`.
    preprocessing : Preprocessing
        Makes the pictures' tensors.
    batch_size : int
        Images a batch; the last one may have fewer.
    may_flip : callable
        From the data to Booleans (N,): which pictures may be mirrored without making a text wrong.
    augmentation : Augmentation, optional
        How pictures are changed at random, differently in each epoch.
    dtype : dtype
        Of the images.
    progress : bool
        Show a progress bar while decoding.

    Raises
    ------
    InputError
        If the batch is larger than the data.
    """

    def __init__(
        self,
        data: Pictures,
        preprocessing: Preprocessing,
        batch_size: int,
        *,
        may_flip: Callable[[Any], Array],
        augmentation: Augmentation | None = None,
        dtype: DTypeLike = np.float32,
        progress: bool = False,
    ) -> None:
        self.batch_size, self.preprocessing, self.dtype = batch_size, preprocessing, dtype
        self.augmentation = augmentation or Augmentation()
        self.report = ReadingReport()
        check_batch_size(batch_size, data)  # before the long work, and again on what remains
        self.data: Any
        self.data, self.pixels = data.load(preprocessing, report=self.report, progress=progress)
        check_batch_size(batch_size, self.data)
        self._may_flip = may_flip(self.data) if self.augmentation.flip else None

    def __len__(self) -> int:
        """Return the number of batches an epoch."""
        return -(-len(self.data) // self.batch_size)

    def epoch(self, seed_sequence: np.random.SeedSequence | int, start: int = 0) -> Batches:
        """Return the batches of one epoch from number ``start`` on, which its seed decides alone."""
        raise NotImplementedError

    def _check_start(self, start: int) -> None:
        """Raise unless an epoch has so many batches to leave out."""
        if not 0 <= start <= len(self):
            raise ValueError(f"epoch: start must be from 0 to {len(self)} batches, but it is {start}")

    def _changes(self, rng: np.random.Generator) -> Callable[[int], Change]:
        """Return what changes the pictures of each batch of an epoch, whichever batch comes first."""
        if not self.augmentation:
            return lambda number: unchanged
        seed = int(rng.integers(2**63))

        def changes(number: int) -> Change:
            def change(pixels: Array, places: list[int]) -> Array:
                may_flip = None if self._may_flip is None else self._may_flip[places]
                return self.augmentation.apply(pixels, np.random.default_rng((seed, number)), may_flip)

            return change

        return changes


class CaptionBatches(Epochs):
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
    augmentation : Augmentation, optional
        How pictures are changed at random; one whose captions speak of left or right is never mirrored.
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
        augmentation: Augmentation | None = None,
        dtype: DTypeLike = np.float32,
        progress: bool = False,
    ) -> None:
        if captions_per_image is not None and captions_per_image < 1:
            raise InputError(f"captions an image: {captions_per_image} makes no sense; use 1 or more")
        self.captions_per_image = captions_per_image
        super().__init__(
            data, preprocessing, batch_size, may_flip=_no_side_in_captions, augmentation=augmentation,
            dtype=dtype, progress=progress,
        )  # fmt: skip
        captions = self.data.captions
        self._encoded = EncodedData(self.pixels, captions, vocabulary, preprocessing, max_length, self.report)

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
        self._check_start(start)
        rng = np.random.default_rng(seed_sequence)
        chosen = [self._choose(len(captions), rng) for captions in self._encoded.captions]
        lengths = self._encoded.longest(chosen)
        order = rng.permutation(len(self.data))
        chunk = CHUNK * self.batch_size
        chunks = [order[i : i + chunk] for i in range(0, len(order), chunk)]
        order = np.concatenate([part[np.argsort(lengths[part], kind="stable")] for part in chunks])
        starts = rng.permutation(len(self)) * self.batch_size
        changes = self._changes(rng)

        def build(number: int) -> CaptionBatch:
            images = order[starts[number] : starts[number] + self.batch_size].tolist()
            plan = Plan(images, [chosen[i] for i in images])
            return self._encoded.batch(plan, self.dtype, changes(number))

        return Batches(build, range(start, len(self)))

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
    check_batch_size(batch_size)
    report = ReadingReport() if report is None else report
    pixels = data.pixels(preprocessing)
    encoded = EncodedData(pixels, data.captions, vocabulary, preprocessing, max_length, report)
    groups = [list(range(i, min(i + batch_size, len(data)))) for i in range(0, len(data), batch_size)]
    everything = [list(range(len(captions))) for captions in data.captions]
    plans = [Plan(g, [everything[i] for i in g]) for g in groups]
    return Batches(lambda number: encoded.batch(plans[number], dtype), range(len(plans)))


def _no_side_in_captions(data: CaptionData) -> Array:
    """Tell which pictures have no caption that speaks of left or right."""
    return np.array([not any(map(says_side, texts)) for texts in data.captions])


def check_batch_size(batch_size: int, data: Pictures | None = None) -> None:
    """Refuse a batch of nothing, or of more than there is.

    Parameters
    ----------
    batch_size : int
    data : Pictures, optional
        Where there must be so many.

    Raises
    ------
    InputError
        If it makes no sense.
    """
    if batch_size < 1:
        raise InputError(f"batch size {batch_size} makes no sense; use 1 or more")
    if data is not None and batch_size > len(data):
        raise InputError(
            f"batch size {batch_size} is larger than the {len(data)} images of {data.split}; "
            f"use --batch-size {len(data)} or less"
        )
