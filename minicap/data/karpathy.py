"""Captions as Karpathy and Fei-Fei distribute them: one JSON file for all splits of Flickr8k, Flickr30k or COCO.

dataset.json      {"images": [{"filename": "a.jpg", "split": "train", "sentences": [{"raw": "A dog runs ."}]}]}
vgg_feats.mat     features of the same pictures, read by ``minicap.interop.features_file``

The photographs, where there are any, are beside or in a folder below; ``filepath`` names one folder each. The split
``restval`` of COCO is for training, as everybody uses it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from minicap.data.corpus import Listing
from minicap.data.files import read_text, shown
from minicap.data.formats import Format
from minicap.data.images import pictures_below
from minicap.data.report import TWO_SPLITS, UNCAPTIONED, UNKNOWN_SPLIT, ReadingReport
from minicap.data.splits import known_split
from minicap.errors import InputError

KIND = "Karpathy's dataset.json"
LOOKS_LIKE = "Karpathy's dataset*.json with images and sentences"


def find(path: Path) -> Path | None:
    """Return the JSON file of a folder, or the path itself if it is one.

    Parameters
    ----------
    path : Path
        A folder or a file.

    Returns
    -------
    Path or None
    """
    if path.is_file():
        return path if _is_one(path) else None
    return next((file for file in sorted(path.glob("dataset*.json")) if _is_one(file)), None)


def read(path: Path, report: ReadingReport) -> Listing:
    """Read captions and splits.

    Parameters
    ----------
    path : Path
        The JSON file.
    report : ReadingReport
        Where to count pictures that cannot be used.

    Returns
    -------
    Listing

    Raises
    ------
    InputError
        If it is no such file, or holds no caption.
    """
    images = _images(path)
    photographs: dict[str, Path] = {}
    for photograph in pictures_below(path.parent):
        photographs.setdefault(photograph.name, photograph)
        photographs.setdefault(photograph.relative_to(path.parent).as_posix(), photograph)
    listing = Listing(
        KIND, path, lambda name: photographs.get(name) or photographs.get(name.rpartition("/")[2])
    )
    splits: dict[str, str] = {}
    report.set_total(UNCAPTIONED, len(images))
    for place, image in enumerate(images):
        name, split, captions = _checked(path, place, image)
        if split is None:
            report.add(UNKNOWN_SPLIT, str(image.get("split")))
        elif not captions:
            report.add(UNCAPTIONED, name)
        elif name in listing.said:
            report.add(TWO_SPLITS, name)
        else:
            listing.said[name], splits[name] = captions, split
    if not listing.said:
        raise InputError("; ".join([f"{shown(path)}: holds no caption of a known split", *report.lines()]))
    listing.splits = splits
    return listing


def name_of(image: dict[str, Any]) -> str:
    """Return what a picture is called: its folder, if the file tells one, and its own name.

    Parameters
    ----------
    image : dict
        As it stands in the file.

    Returns
    -------
    str
        Such as ``val2014/1.jpg``.
    """
    return "/".join(filter(None, [image.get("filepath", ""), image["filename"]]))


def _is_one(path: Path) -> bool:
    """Tell whether a file looks like one, by its content."""
    return path.suffix.lower() == ".json" and path.is_file() and '"sentences"' in read_text(path)


def _images(path: Path) -> list[Any]:
    """Return the pictures as the file has them."""
    try:
        images = json.loads(read_text(path))["images"]
        if not isinstance(images, list):
            raise TypeError("images is no list")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(f"{shown(path)}: is no Karpathy dataset.json ({shown(error, 80)})") from error
    return images


def _checked(path: Path, place: int, image: Any) -> tuple[str, str | None, list[str]]:
    """Return name, split (None for an unknown one) and captions of a picture."""
    try:
        name = name_of(image)
        split = "train" if image["split"] == "restval" else known_split(image["split"])
        captions = [" ".join(_text(sentence).split()) for sentence in image["sentences"]]
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{shown(path)}: image {place + 1:,} lacks a filename, split or sentences ({shown(error, 60)})"
        ) from error
    return name, split, [caption for caption in captions if caption]


def _text(sentence: Any) -> str:
    """Return a sentence as it was written, or its tokens where nobody kept that."""
    return sentence["raw"] if "raw" in sentence else " ".join(sentence["tokens"])


FORMAT = Format(LOOKS_LIKE, find, read)
