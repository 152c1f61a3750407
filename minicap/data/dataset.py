"""The pictures of one split, with what is said of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

import numpy as np

from minicap._types import Array
from minicap.data.cache import Decoded, decode_images
from minicap.data.files import shown
from minicap.data.preprocessing import Preprocessing
from minicap.data.report import NO_IMAGE, ReadingReport
from minicap.errors import InputError

Data = TypeVar("Data", bound="Pictures")


class Pictures:
    """What the data of every task share: names and pictures in one order, decoded when they are asked for.

    A subclass is a frozen dataclass whose first fields are ``split``, ``names``, what is said of each picture,
    and ``images``.

    Attributes
    ----------
    split : str
        ``"train"``, ``"val"``, ``"test"`` or ``"compositional"``.
    names : tuple of str
        One name a picture.
    images : sequence
        Paths, or uint8 arrays (H, W, 3).
    mode : str
        The colour mode that suits the pictures: ``"RGB"``, or ``"L"`` where all are grey.
    features : Array or None
        What a network has found in each picture already, floats (N, F) or (N, F, s, s): it stands for the pixels.
    """

    each: ClassVar[tuple[str, ...]] = ("names", "images")  # the fields with one entry a picture
    mode: str = "RGB"
    features: Array | None = None

    split: str
    names: tuple[str, ...]
    images: Sequence[Path] | Sequence[Array]

    def __post_init__(self) -> None:
        present = [name for name in self.each if getattr(self, name) is not None]
        lengths = {name: len(getattr(self, name)) for name in present}
        if len(set(lengths.values())) != 1:
            counts = ", ".join(f"{count} {name}" for name, count in lengths.items())
            raise ValueError(
                f"{type(self).__name__}: there must be one of each a picture, but there are {counts}"
            )

    def __len__(self) -> int:
        """Return the number of pictures."""
        return len(self.names)

    def subset(self, indices: Sequence[int] | Array) -> Self:
        """Return chosen pictures with everything that belongs to them.

        Parameters
        ----------
        indices : sequence of int
            Places in this split.

        Returns
        -------
        data of the same kind
        """
        places = [int(i) for i in indices]
        kept: dict[str, Any] = {}
        for name in self.each:
            former = getattr(self, name)
            if isinstance(former, np.ndarray):
                kept[name] = former[places]
            elif former is not None:
                kept[name] = type(former)(former[i] for i in places)
        return replace(self, **kept)  # type: ignore[type-var]

    def pixels(self, preprocessing: Preprocessing, progress: bool = False) -> Array:
        """Return all the pictures at one size, from the cache where they come from files.

        Parameters
        ----------
        preprocessing : Preprocessing
            Size, colour mode and way of resizing.
        progress : bool
            Show a progress bar while decoding.

        Returns
        -------
        Array
            uint8, shape (N, S, S, 3); possibly a read-only memory map. Or the stored features where there are such.

        Raises
        ------
        InputError
            If a file cannot be decoded; `usable` leaves such files out beforehand.
        """
        if self.features is not None:
            return self.features
        decoded = self._decode(preprocessing, progress)
        if decoded.broken:
            place, reason = next(iter(decoded.broken.items()))
            many = f"{len(decoded.broken)} of {len(self)} images of {self.split} cannot be decoded"
            raise InputError(f"{many}; the first, {shown(self.images[place])}, {reason}; leave them out")
        return decoded.pixels

    def usable(
        self, preprocessing: Preprocessing, *, report: ReadingReport | None = None, progress: bool = False
    ) -> Self:
        """Return the pictures that can be decoded.

        Parameters
        ----------
        preprocessing : Preprocessing
            Size, colour mode and way of resizing.
        report : ReadingReport, optional
            Where to count what is left out.
        progress : bool
            Show a progress bar while decoding.

        Returns
        -------
        data of the same kind
            Itself where nothing is wrong.

        Raises
        ------
        InputError
            If no picture remains.
        """
        return self.load(preprocessing, report=report, progress=progress)[0]

    def load(
        self, preprocessing: Preprocessing, *, report: ReadingReport | None = None, progress: bool = False
    ) -> tuple[Self, Array]:
        """Return the pictures that can be decoded, as `usable` does, together with their pixels.

        Parameters
        ----------
        preprocessing : Preprocessing
            Size, colour mode and way of resizing.
        report : ReadingReport, optional
            Where to count what is left out.
        progress : bool
            Show a progress bar while decoding.

        Returns
        -------
        data
            Itself where nothing is wrong.
        pixels : Array
            uint8, shape (N, S, S, 3), one row a picture of `data`. Or the stored features.

        Raises
        ------
        InputError
            If no picture remains.
        """
        if self.features is not None:
            return self, self.features
        pixels, broken = self._decode(preprocessing, progress)
        if not broken:
            return self, pixels
        if len(broken) == len(self):
            first = f"{shown(self.images[0])} {broken[0]}"
            raise InputError(f"none of the {len(self)} images of {self.split} can be decoded: {first}")
        if report is not None:
            report.set_total(NO_IMAGE, len(self))
            for place, reason in broken.items():
                report.add(NO_IMAGE, f"{self.names[place]} {reason}")
        return self.subset([i for i in range(len(self)) if i not in broken]), pixels

    def _decode(self, preprocessing: Preprocessing, progress: bool) -> Decoded:
        """Return pixels from files or from arrays."""
        if self._from_files():
            return decode_images([Path(image) for image in self.images], preprocessing, progress=progress)  # type: ignore[arg-type]
        pixels = np.empty((len(self), preprocessing.size, preprocessing.size, 3), np.uint8)
        for row, image in zip(pixels, self.images, strict=True):
            row[...] = preprocessing.pixels(np.asarray(image))
        return Decoded(pixels, {})

    def _from_files(self) -> bool:
        """Tell whether the pictures are paths, not arrays."""
        return len(self) > 0 and isinstance(self.images[0], str | Path)


def joined(parts: Sequence[Data], split: str) -> Data:
    """Put the pictures of several splits together, without copying any.

    Parameters
    ----------
    parts : sequence of data of one kind
        One or more.
    split : str
        What to call the result.

    Returns
    -------
    data of the same kind
        In the order of the parts; a picture that is in two of them is there once.
    """
    rows: dict[str, tuple[Data, int]] = {}
    for part in parts:
        for place, name in enumerate(part.names):
            rows.setdefault(name, (part, place))
    fields: dict[str, Any] = {"split": split}
    for field in parts[0].each:
        columns = [getattr(part, field) for part in parts]
        if all(column is not None for column in columns):
            entries = (getattr(part, field)[place] for part, place in rows.values())
            arrays = isinstance(columns[0], np.ndarray) and field != "images"
            kept: Any = list(entries)
            fields[field] = np.stack(kept) if arrays else kept if field == "images" else tuple(kept)
        else:
            fields[field] = None
    colourful = (part for part in parts if part.mode == "RGB")  # grey only where all the parts are
    return replace(next(colourful, parts[0]), **fields)  # type: ignore[type-var]


@dataclass(frozen=True, eq=False)
class CaptionData(Pictures):
    """Hold names, captions and pictures of one split, in one order.

    Parameters
    ----------
    split : str
        ``"train"``, ``"val"``, ``"test"`` or ``"compositional"``.
    names : tuple of str
        One name a picture.
    captions : tuple of tuple of str
        The reference captions of each picture, one or more.
    images : sequence
        Paths, or uint8 arrays (H, W, 3).
    scenes : tuple, optional
        Ground truth for `minicap.data.scenes.judge`, one a picture.
    features : Array, optional
        What a network has found in each picture already, (N, F) or (N, F, s, s), in place of pixels.

    Raises
    ------
    ValueError
        If the lengths differ, or a picture has no caption.
    """

    each = ("names", "captions", "images", "scenes", "features")

    split: str
    names: tuple[str, ...]
    captions: tuple[tuple[str, ...], ...]
    images: Sequence[Path] | Sequence[Array]
    scenes: tuple[Any, ...] | None = None
    features: Array | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, captions in zip(self.names, self.captions, strict=True):
            if not captions:
                raise ValueError(f"CaptionData: {name} has no caption; leave it out")

    @classmethod
    def from_scenes(cls, scenes: Sequence[Any], split: str) -> CaptionData:
        """Take over built-in scenes.

        Parameters
        ----------
        scenes : sequence of Scene
            As `minicap.data.scenes.generate` returns them.
        split : str
            What to call the split.

        Returns
        -------
        CaptionData
        """
        return cls(
            split=split,
            names=tuple(f"{split}_{number:05d}.png" for number in range(len(scenes))),
            captions=tuple(tuple(scene.captions) for scene in scenes),
            images=[scene.image for scene in scenes],
            scenes=tuple(scenes),
        )

    def all_captions(self) -> list[str]:
        """Return the captions of all the pictures in one list."""
        return [caption for captions in self.captions for caption in captions]
