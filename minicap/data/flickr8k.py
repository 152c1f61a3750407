"""Flickr8k and Flickr30k as they are distributed: a token file, split lists, and a folder of photographs.

Flickr8k.token.txt            name.jpg#0 <tab> caption        five lines a photograph
Flickr_8k.trainImages.txt     one name a line; devImages, testImages likewise
Flicker8k_Dataset/            the photographs, in any folder below
"""

from __future__ import annotations

from pathlib import Path

from minicap.data.corpus import Listing
from minicap.data.files import read_text, shown
from minicap.data.formats import Format
from minicap.data.images import pictures_below
from minicap.data.report import EMPTY_CAPTION, TWO_SPLITS, WRONG_FIELDS, ReadingReport
from minicap.errors import InputError

KIND = "Flickr8k tokens"
LOOKS_LIKE = (
    "a Flickr8k/30k *.token.txt file with lines name.jpg#0<tab>caption (photographs in any sub-folder)"
)
_SPLIT_LISTS = (("train", "trainimages.txt"), ("val", "devimages.txt"), ("test", "testimages.txt"))


def find(path: Path) -> Path | None:
    """Return the token file of a folder, or the path itself if it is one.

    Parameters
    ----------
    path : Path
        A folder or a file.

    Returns
    -------
    Path or None
        Where a file of lemmas stands beside the captions proper, the captions.
    """
    if path.is_file():
        return path if path.name.lower().endswith((".token.txt", ".token")) else None
    found = [p for p in path.iterdir() if p.is_file() and p.name.lower().endswith((".token.txt", ".token"))]
    return min(found, key=lambda p: ("lemma" in p.name.lower(), p.name), default=None)


def read(path: Path, report: ReadingReport) -> Listing:
    """Read a token file with the split lists and photographs around it.

    Parameters
    ----------
    path : Path
        The token file.
    report : ReadingReport
        Where to count lines that cannot be used.

    Returns
    -------
    Listing

    Raises
    ------
    InputError
        If the file holds no caption.
    """
    photographs: dict[str, Path] = {}
    for photograph in pictures_below(path.parent):
        photographs.setdefault(photograph.name, photograph)
    listing = Listing(KIND, path, photographs.get)
    rows = 0
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if not line.strip():
            continue
        rows += 1
        key, tab, text = line.partition("\t")
        name, hash_sign, index = key.strip().rpartition("#")
        caption = " ".join(text.split())
        if not tab or not hash_sign or not index.isdigit() or "\t" in text:
            report.add(WRONG_FIELDS, f"line {number} of {path.name}")
        elif not caption:
            report.add(EMPTY_CAPTION, key)
        else:
            listing.said.setdefault(name, []).append(caption)
    report.set_total(EMPTY_CAPTION, rows)
    if not listing.said:
        raise InputError(f"{shown(path)}: holds no line of the form name.jpg#0<tab>caption")
    listing.splits = _read_splits(path.parent, report)
    return listing


def _read_splits(folder: Path, report: ReadingReport) -> dict[str, str] | None:
    """Read the split lists beside the token file; None where there is none."""
    splits: dict[str, str] = {}
    for split, ending in _SPLIT_LISTS:
        for path in sorted(p for p in folder.iterdir() if p.name.lower().endswith(ending)):
            for name in filter(None, map(str.strip, read_text(path).split("\n"))):
                if splits.setdefault(name, split) != split:
                    report.add(TWO_SPLITS, name)
    return splits or None


FORMAT = Format(LOOKS_LIKE, find, read)
