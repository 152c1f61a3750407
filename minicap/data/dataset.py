"""The captioned pictures of one split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from minicap._types import Array
from minicap.data.cache import Decoded, decode_images
from minicap.data.files import shown
from minicap.data.preprocessing import Preprocessing
from minicap.data.report import NO_IMAGE, ReadingReport
from minicap.errors import InputError


@dataclass(frozen=True, eq=False)
class CaptionData:
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

    Raises
    ------
    ValueError
        If the lengths differ, or a picture has no caption.
    """

    split: str
    names: tuple[str, ...]
    captions: tuple[tuple[str, ...], ...]
    images: Sequence[Path] | Sequence[Array]
    scenes: tuple[Any, ...] | None = None

    def __post_init__(self) -> None:
        lengths = {"names": len(self.names), "captions": len(self.captions), "images": len(self.images)}
        if self.scenes is not None:
            lengths["scenes"] = len(self.scenes)
        if len(set(lengths.values())) != 1:
            counts = ", ".join(f"{count} {name}" for name, count in lengths.items())
            raise ValueError(f"CaptionData: there must be one of each a picture, but there are {counts}")
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

    def __len__(self) -> int:
        """Return the number of pictures."""
        return len(self.names)

    def all_captions(self) -> list[str]:
        """Return the captions of all the pictures in one list."""
        return [caption for captions in self.captions for caption in captions]

    def subset(self, indices: Sequence[int] | Array) -> CaptionData:
        """Return chosen pictures with everything that belongs to them.

        Parameters
        ----------
        indices : sequence of int
            Places in this split.

        Returns
        -------
        CaptionData
        """
        places = [int(i) for i in indices]
        return CaptionData(
            split=self.split,
            names=tuple(self.names[i] for i in places),
            captions=tuple(self.captions[i] for i in places),
            images=[self.images[i] for i in places],  # type: ignore[arg-type]
            scenes=None if self.scenes is None else tuple(self.scenes[i] for i in places),
        )

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
            uint8, shape (N, S, S, 3); possibly a read-only memory map.

        Raises
        ------
        InputError
            If a file cannot be decoded; `usable` leaves such files out beforehand.
        """
        decoded = self._decode(preprocessing, progress)
        if decoded.broken:
            place, reason = next(iter(decoded.broken.items()))
            many = f"{len(decoded.broken)} of {len(self)} images of {self.split} cannot be decoded"
            raise InputError(f"{many}; the first, {shown(self.images[place])}, {reason}; leave them out")
        return decoded.pixels

    def usable(
        self, preprocessing: Preprocessing, *, report: ReadingReport | None = None, progress: bool = False
    ) -> CaptionData:
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
        CaptionData
            Itself where nothing is wrong.

        Raises
        ------
        InputError
            If no picture remains.
        """
        return self.load(preprocessing, report=report, progress=progress)[0]

    def load(
        self, preprocessing: Preprocessing, *, report: ReadingReport | None = None, progress: bool = False
    ) -> tuple[CaptionData, Array]:
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
        data : CaptionData
            Itself where nothing is wrong.
        pixels : Array
            uint8, shape (N, S, S, 3), one row a picture of `data`.

        Raises
        ------
        InputError
            If no picture remains.
        """
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
