"""A folder per class: ``cat/*.png``, ``dog/*.png``, or the same inside a folder per split.

folder/
  cat/001.png           the class is the folder's name; deeper folders count to it
  dog/001.png
or
folder/
  train/cat/001.png     train, val and test by any of their names; without val, a tenth of train is kept for it
  test/cat/002.png
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from minicap.data.corpus import Listing
from minicap.data.files import shown
from minicap.data.formats import Format
from minicap.data.images import names_a_picture, pictures_below
from minicap.data.report import DRAWN_VAL, EMPTY_CLASS, NO_CLASS, STRAY_FOLDER, ReadingReport
from minicap.data.splits import draw_val, known_split
from minicap.errors import InputError

KIND = "class folders"
LOOKS_LIKE = "two or more folders of pictures, named by their class, alone or inside train/, val/ and test/"
_LOOK_INTO = 200  # folders, to find out whether one holds pictures


def find(path: Path) -> Path | None:
    """Return the folder itself if it holds splits with classes, or two classes.

    Parameters
    ----------
    path : Path
        A folder or a file.

    Returns
    -------
    Path or None
        None also where the only folders with pictures are those of splits, as COCO has them.
    """
    if not path.is_dir():
        return None
    if _split_folders(path):
        return path
    classes = (f for f in _folders(path) if known_split(f.name) is None and _has_pictures(f))
    return path if len(list(islice(classes, 2))) == 2 else None


def read(path: Path, report: ReadingReport) -> Listing:
    """List the pictures of all class folders.

    Parameters
    ----------
    path : Path
        The folder above the splits or the classes.
    report : ReadingReport
        Where to count folders and pictures that belong nowhere.

    Returns
    -------
    Listing
        Names are paths from the folder on: ``train/cat/001.png``.

    Raises
    ------
    InputError
        If there are fewer than two classes.
    """
    listing = Listing(KIND, path, path.joinpath, task="classify")
    split_folders = _split_folders(path)
    for folder in split_folders or [path]:
        _read_classes(folder, listing, report)
    classes = sorted({said[0] for said in listing.said.values()})
    if len(classes) < 2:
        there = f"only {shown(repr(classes[0]))}" if classes else "none"
        raise InputError(f"{shown(path)}: two classes or more are needed, but there is {there}; add a folder")
    if split_folders:
        for stray in _pictures_in(path):
            report.add(NO_CLASS, stray)
        for folder in _folders(path):
            if folder not in split_folders and _has_pictures(folder):
                report.add(STRAY_FOLDER, folder.name)
        listing.splits = _splits(listing, report)
    return listing


def _read_classes(folder: Path, listing: Listing, report: ReadingReport) -> None:
    """Add the pictures of the class folders in one folder."""
    for stray in _pictures_in(folder):
        report.add(NO_CLASS, (folder / stray).relative_to(listing.path).as_posix())
    for place in _folders(folder):
        before = len(listing.said)
        for picture in pictures_below(place):
            listing.said[picture.relative_to(listing.path).as_posix()] = [place.name]
        if len(listing.said) == before:
            report.add(EMPTY_CLASS, place.relative_to(listing.path).as_posix())


def _splits(listing: Listing, report: ReadingReport) -> dict[str, str]:
    """Return the split of each picture by its outermost folder, and keep some for val where none is."""
    splits = {name: known_split(name.partition("/")[0]) or "" for name in listing.said}
    if "val" not in splits.values():
        train = {name: listing.said[name][0] for name, split in splits.items() if split == "train"}
        if kept := draw_val(train):
            report.note(DRAWN_VAL)
            splits.update(dict.fromkeys(kept, "val"))
    return splits


def _split_folders(path: Path) -> list[Path]:
    """Return the folders that are splits: named like one, with pictures in folders of their own."""
    named = (folder for folder in _folders(path) if known_split(folder.name) is not None)
    return [folder for folder in named if any(map(_has_pictures, _folders(folder)))]


def _folders(path: Path) -> list[Path]:
    """Return the folders in a folder that are not hidden, and no link that leads back up."""
    above = os.path.join(os.path.realpath(path), "")
    return sorted(
        place for place in path.iterdir()
        if not place.name.startswith(".") and place.is_dir()
        and not above.startswith(os.path.join(os.path.realpath(place), ""))
    )  # fmt: skip


def _pictures_in(folder: Path) -> Iterator[str]:
    """Yield the names of the pictures that stand in a folder itself."""
    yield from sorted(p.name for p in folder.iterdir() if names_a_picture(p.name) and p.is_file())


def _has_pictures(folder: Path) -> bool:
    """Tell whether there are pictures in a folder or below it, without looking for ever."""
    walk = islice(os.walk(folder, followlinks=True), _LOOK_INTO)
    return any(names_a_picture(name) for _, _, files in walk for name in files)


FORMAT = Format(LOOKS_LIKE, find, read)
