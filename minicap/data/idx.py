"""The MNIST family: pictures and classes as arrays in IDX files, plain or compressed with gzip.

folder/
  train-images-idx3-ubyte.gz    00 00 08 03, N, H, W, then N x H x W bytes; numbers are big-endian, 32 bits
  train-labels-idx1-ubyte.gz    00 00 08 01, N, then N bytes
  t10k-images-idx3-ubyte.gz     the test files, likewise; a dot before "idx" and "test" for "t10k" will do
  t10k-labels-idx1-ubyte.gz
  classes.txt                   optional: the name of class 0, of class 1 ... , one a line

A tenth of the training pictures is kept for validation. Grey is repeated to three channels without a copy.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from minicap._types import Array
from minicap.data.corpus import Corpus
from minicap.data.files import read_text, shown
from minicap.data.formats import Format
from minicap.data.idx_file import read_idx
from minicap.data.labelled import ClassData
from minicap.data.report import DRAWN_VAL, ReadingReport
from minicap.data.splits import SPLITS, draw_val
from minicap.errors import InputError

KIND = "IDX files"
LOOKS_LIKE = (
    "IDX files as of MNIST (train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-..., plain or .gz)"
)
_NAME = re.compile(
    r"(?P<set>.*?)(?P<part>train|val|t10k|test)-(?P<what>images|labels)[-.]idx[134]-ubyte(\.gz)?",
    re.IGNORECASE,
)
_SPLIT = {"train": "train", "val": "val", "t10k": "test", "test": "test"}


class _File(NamedTuple):
    """One IDX file, and what its name says."""

    path: Path
    set: str  # what stands before "train": nothing, or such as "emnist-balanced-"
    split: str
    what: str  # "images" or "labels"


class _Part(NamedTuple):
    """The names, labels and pictures of one split, the pictures as the file has them."""

    names: list[str]
    labels: list[str]
    pixels: Array

    def where(self, chosen: Array) -> _Part:
        """Return those that a mask keeps."""
        names = [name for name, keep in zip(self.names, chosen, strict=True) if keep]
        labels = [label for label, keep in zip(self.labels, chosen, strict=True) if keep]
        return _Part(names, labels, self.pixels[chosen])


def find(path: Path) -> Path | None:
    """Return the path if it is a folder with IDX files of pictures, or one of them.

    Parameters
    ----------
    path : Path
        A folder or a file.

    Returns
    -------
    Path or None
    """
    if path.is_dir():
        return path if any(file.what == "images" for file in _files(path)) else None
    return path if _NAME.fullmatch(path.name) else None


def read(path: Path, report: ReadingReport) -> Corpus[ClassData]:
    """Read the IDX files of a folder, or those that belong together with one file.

    Parameters
    ----------
    path : Path
        The folder, or one of the files.
    report : ReadingReport
        Where to note that some pictures were kept for validation.

    Returns
    -------
    Corpus
        Names are such as ``train/00042``, with the picture's place in its file.

    Raises
    ------
    InputError
        If a file is damaged, is no such IDX file, or does not fit the others.
    """
    folder = path if path.is_dir() else path.parent
    files = {(file.split, file.what): file.path for file in reversed(_of_one_set(path, _files(folder)))}
    class_names = _class_names(folder)
    parts = {}
    for split in SPLITS:
        pair = [files.get((split, what)) for what in ("images", "labels")]
        if pair[0] and pair[1]:
            parts[split] = _read_pair(split, pair[0], pair[1], class_names)
        elif pair[0] or pair[1]:
            lacking = "labels" if pair[0] else "images"
            raise InputError(
                f"{shown(path)}: the {lacking} of {split} are not there; put their IDX file beside"
            )
    if "train" in parts and "val" not in parts:
        parts = _with_val(parts, report)
    data = {split: _class_data(split, parts[split]) for split in SPLITS if split in parts}
    return Corpus(KIND, path, data, report)


def _files(folder: Path) -> list[_File]:
    """Return the IDX files of a folder; a plain file stands before its compressed twin."""
    found = ((p, _NAME.fullmatch(p.name)) for p in sorted(folder.iterdir()))
    return [
        _File(p, match["set"].lower(), _SPLIT[match["part"].lower()], match["what"].lower())
        for p, match in found if match is not None and p.is_file()
    ]  # fmt: skip


def _of_one_set(path: Path, files: list[_File]) -> list[_File]:
    """Return the files of the set that was asked for; a folder must hold one only."""
    own = {file.set for file in files if path.is_dir() or file.path == path}
    if len(own) > 1:
        sets = ", ".join(name.rstrip("-_.") or "one without a name" for name in sorted(own))
        raise InputError(f"{shown(path)}: holds several sets ({shown(sets)}); name one of the image files")
    return [file for file in files if file.set in own]


def _read_pair(split: str, images: Path, labels: Path, class_names: list[str] | None) -> _Part:
    """Read the two files of a split and hold them against each other."""
    pixels, numbers = read_idx(images, "images"), read_idx(labels, "labels")
    if len(pixels) != len(numbers):
        raise InputError(
            f"{shown(labels)}: holds {len(numbers):,} labels, but {images.name} holds {len(pixels):,} images; "
            "take both files from one set"
        )
    if class_names is None:
        class_names = [str(number) for number in range(256)]
    if (largest := int(numbers.max())) >= len(class_names):
        raise InputError(
            f"{shown(labels)}: has label {largest}, but classes.txt names only {len(class_names)} classes, from 0 "
            "on; complete it"
        )
    names = [f"{split}/{place:05d}" for place in range(len(pixels))]
    return _Part(names, [class_names[number] for number in numbers.tolist()], pixels)


def _with_val(parts: dict[str, _Part], report: ReadingReport) -> dict[str, _Part]:
    """Take a tenth of the training pictures of each class for validation."""
    train = parts["train"]
    kept = draw_val(dict(zip(train.names, train.labels, strict=True)))
    if not kept:
        return parts
    report.note(DRAWN_VAL)
    is_val = np.array([name in kept for name in train.names])
    return {**parts, "train": train.where(~is_val), "val": train.where(is_val)}


def _class_data(split: str, part: _Part) -> ClassData:
    """Return a split; grey is shown as three channels by a view."""
    pixels, grey = part.pixels, part.pixels.ndim == 3
    if grey:
        pixels = np.broadcast_to(pixels[..., np.newaxis], (*pixels.shape, 3))
    return ClassData(split, tuple(part.names), tuple(part.labels), pixels, "L" if grey else "RGB")  # type: ignore[arg-type]


def _class_names(folder: Path) -> list[str] | None:
    """Return the lines of ``classes.txt``; None where there is no such file."""
    path = folder / "classes.txt"
    if not path.is_file():
        return None
    names = [" ".join(line.split()) for line in read_text(path).rstrip().splitlines()]
    for number, name in enumerate(names, start=1):
        if not name or name in names[: number - 1]:
            wrong = f"has {shown(repr(name), 40)} twice" if name else "is empty"
            raise InputError(f"{shown(path)}: line {number} {wrong}; give each class one line of its own")
    return names


FORMAT = Format(LOOKS_LIKE, find, read)
