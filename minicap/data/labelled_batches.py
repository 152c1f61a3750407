"""Batches of pictures with a class or with tags."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from minicap._types import Array
from minicap.data.augment import Augmentation, says_side
from minicap.data.batches import Batches, Epochs, check_batch_size
from minicap.data.collate import ClassBatch, TagBatch
from minicap.data.labelled import ClassData, TagData
from minicap.data.labels import Labels
from minicap.data.preprocessing import Preprocessing


class LabelledBatches(Epochs):
    """Cut a training split into batches, shuffled anew each epoch, by nothing but the epoch's seed.

    Parameters
    ----------
    data : ClassData or TagData
        The split. Files that cannot be decoded are left out, and counted in `report`.
    labels : Labels
        The classes or tags that have a number; tags that have none are passed over.
    preprocessing : Preprocessing
        Makes the pictures' tensors.
    batch_size : int
        Images a batch; the last one may have fewer.
    augmentation : Augmentation, optional
        How pictures are changed at random; one whose class or tags speak of left or right is never mirrored.
    dtype : dtype
        Of the images, and of the tags.
    progress : bool
        Show a progress bar while decoding.

    Raises
    ------
    InputError
        If the batch is larger than the data, or a class has no number.
    """

    def __init__(
        self,
        data: ClassData | TagData,
        labels: Labels,
        preprocessing: Preprocessing,
        batch_size: int,
        *,
        augmentation: Augmentation | None = None,
        dtype: DTypeLike = np.float32,
        progress: bool = False,
    ) -> None:
        super().__init__(
            data, preprocessing, batch_size, may_flip=_no_side, augmentation=augmentation, dtype=dtype,
            progress=progress,
        )  # fmt: skip
        self._kind, self._targets = targets_of(self.data, labels, dtype)

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
            Of ClassBatch or TagBatch.

        Raises
        ------
        ValueError
            If `start` is negative or beyond the end of the epoch.
        """
        self._check_start(start)
        rng = np.random.default_rng(seed_sequence)
        order = rng.permutation(len(self.data))
        changes = self._changes(rng)

        def build(number: int) -> Any:
            places = order[number * self.batch_size : (number + 1) * self.batch_size].tolist()
            pixels = changes(number)(self.pixels[places], places)
            return self._kind(self.preprocessing.tensor(pixels, self.dtype), self._targets[places])

        return Batches(build, range(start, len(self)))


def _no_side(data: ClassData | TagData) -> Array:
    """Tell which pictures have no class or tag that speaks of left or right."""
    if isinstance(data, ClassData):
        sided = {label: says_side(label) for label in set(data.labels)}
        return np.array([not sided[label] for label in data.labels])
    return np.array([not any(map(says_side, tags)) for tags in data.tags])


def batches_in_order(
    data: ClassData | TagData,
    labels: Labels,
    preprocessing: Preprocessing,
    batch_size: int,
    *,
    dtype: DTypeLike = np.float32,
) -> Batches:
    """Return every picture once, in the data's order, unchanged.

    Parameters
    ----------
    data : ClassData or TagData
        Any split; every file must be decodable (`Pictures.usable`).
    labels : Labels
    preprocessing : Preprocessing
    batch_size : int
        May be more than there are.
    dtype : dtype

    Returns
    -------
    Batches
        Of ClassBatch or TagBatch.

    Raises
    ------
    InputError
        If the batch size makes no sense, an image cannot be decoded, or a class has no number.
    """
    check_batch_size(batch_size)
    pixels = data.pixels(preprocessing)
    kind, targets = targets_of(data, labels, dtype)

    def build(number: int) -> Any:
        part = slice(number * batch_size, (number + 1) * batch_size)
        return kind(preprocessing.tensor(pixels[part], dtype), targets[part])

    return Batches(build, range(-(-len(data) // batch_size)))


def targets_of(data: ClassData | TagData, labels: Labels, dtype: DTypeLike) -> tuple[Any, Array]:
    """Return the kind of batch that suits the data, and what is to be learnt of each picture.

    Parameters
    ----------
    data : ClassData or TagData
    labels : Labels
    dtype : dtype
        Of tags.

    Returns
    -------
    kind : type
        ClassBatch or TagBatch.
    targets : Array, (N,) int64 or (N, K)

    Raises
    ------
    InputError
        If a class has no number.
    """
    if isinstance(data, ClassData):
        return ClassBatch, labels.numbers(data.labels)
    return TagBatch, labels.marked(data.tags).astype(dtype)
