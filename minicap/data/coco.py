"""COCO as it is distributed: one JSON file of captions and one of objects a split, and folders of pictures.

folder/
  annotations/captions_train2017.json    or captions_train.json, and likewise for val and test
  annotations/instances_train2017.json   objects, whose categories are the tags of their picture
  train2017/                             the pictures; or train/, images/, or beside

The split comes from the file's name. Where the pictures of a split are in a folder of its own, that is part of
their names (``val2017/000000397133.jpg``), as two splits may use one name.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from minicap.data.coco_file import read_coco_captions, read_coco_tags
from minicap.data.corpus import Listing
from minicap.data.files import is_safe_name, read_text, shown
from minicap.data.formats import Format
from minicap.data.report import BROKEN_NAME, TWO_SPLITS, UNCAPTIONED, UNKNOWN_SPLIT, ReadingReport
from minicap.data.splits import known_split
from minicap.data.table import find_image
from minicap.errors import InputError


class _Kind(NamedTuple):
    """What differs between files of captions and files of objects."""

    name: str
    task: str
    stem: str  # a file's name begins with it
    key: str  # an annotation has it
    read: Callable[[Path, ReadingReport], dict[str, list[str]]]


class _Source(NamedTuple):
    """One file, what its name says after the stem ("val2017", or nothing), and the split that this means."""

    path: Path
    tag: str
    split: str | None


_CAPTIONS = _Kind("COCO captions", "caption", "captions", "caption", read_coco_captions)
_TAGS = _Kind("COCO objects", "tag", "instances", "category_id", read_coco_tags)


def _find(kind: _Kind, path: Path) -> Path | None:
    """Return the path where it is such a file, by its name or its content, or a folder that holds some."""
    if path.is_dir():
        return path if _files(kind, path) else None
    if path.suffix.lower() != ".json":
        return None
    return path if _tag(kind, path) is not None or f'"{kind.key}"' in read_text(path) else None


def _read(kind: _Kind, path: Path, report: ReadingReport) -> Listing:
    """Read the files of all splits into one listing."""
    sources = _sources(kind, path, report)
    root = sources[0].path.parent
    root = root.parent if root.name.lower() == "annotations" else root
    listing = Listing(kind.name, path, partial(_find_image, root), task=kind.task)
    splits: dict[str, str | None] = {}
    for source in sources:
        folder = _own_folder(root, source)
        for file_name, said in kind.read(source.path, report).items():
            name = file_name if file_name.startswith(folder) else folder + file_name
            if not is_safe_name(file_name):
                report.add(BROKEN_NAME, file_name)
            elif kind is _CAPTIONS and not said:
                report.add(UNCAPTIONED, name)
            elif name in listing.said:
                report.add(TWO_SPLITS, name)
            else:
                listing.said[name] = said
                splits[name] = source.split
    if not any(listing.said.values()):
        what = "caption" if kind is _CAPTIONS else "object of a category"
        raise InputError(
            "; ".join([f"{shown(path)}: holds no {what}", *report.lines()]) + "; annotate an image"
        )
    if sources[0].split is not None:
        listing.splits = {name: split for name, split in splits.items() if split is not None}
    return listing


def _files(kind: _Kind, folder: Path) -> list[Path]:
    """Return the files of one kind in a folder or its ``annotations/``."""
    for place in (folder / "annotations", folder):
        if place.is_dir():
            found = sorted(p for p in place.iterdir() if _tag(kind, p) is not None and p.is_file())
            if found:
                return found
    return []


def _tag(kind: _Kind, path: Path) -> str | None:
    """Return what a file's name says after the stem; None for a file that is named otherwise."""
    match = re.fullmatch(rf"{kind.stem}(?:_(.+))?\.json", path.name, re.IGNORECASE)
    return None if match is None else match[1] or ""


def _sources(kind: _Kind, path: Path, report: ReadingReport) -> list[_Source]:
    """Choose the files to read: all those of known splits, or one that is of none and will be split by a draw."""
    files = [path] if path.is_file() else _files(kind, path)
    found = [_Source(file, tag := _tag(kind, file) or "", known_split(tag)) for file in files]
    known = [source for source in found if source.split is not None]
    if not known and (len(found) == 1 and (path.is_file() or not found[0].tag)):
        return found
    for source in found:
        if source.split is None:
            report.add(UNKNOWN_SPLIT, source.path.name)
    if not known:
        example = f"{kind.stem}_train.json and {kind.stem}_val.json"
        raise InputError(
            "; ".join([f"{shown(path)}: no file is of a known split", *report.lines()])
            + f"; call them {example}"
        )
    years = sorted({source.tag[-4:] for source in known if source.tag[-4:].isdigit()})
    if len(years) < 2:
        return known
    report.note(f"the files of {' and '.join(years)} share pictures: only those of {years[-1]} were read")
    return [source for source in known if source.tag.endswith(years[-1])]


def _own_folder(root: Path, source: _Source) -> str:
    """Return the name of the folder with a split's pictures and a slash; nothing where there is none."""
    for folder in filter(None, (source.tag, source.split)):
        if is_safe_name(folder) and ((root / folder).is_dir() or (root / "images" / folder).is_dir()):
            return f"{folder}/"
    return ""


def _find_image(root: Path, name: str) -> Path | None:
    """Return a picture's path, in the folder of its split or, where it is not there, outside."""
    folder, _, rest = name.partition("/")
    outside = rest if known_split(folder) is not None and is_safe_name(rest) else name
    return find_image(root, name) or find_image(root, outside)


CAPTIONS = Format(
    "COCO captions_train.json and captions_val.json in annotations/ (pictures in train/ and val/, or images/)",
    partial(_find, _CAPTIONS),
    partial(_read, _CAPTIONS),
)
TAGS = Format(
    "COCO instances_train.json and instances_val.json in annotations/ (pictures in train/ and val/, or images/)",
    partial(_find, _TAGS),
    partial(_read, _TAGS),
)
