"""Caption tables: ``captions.csv``, ``.tsv`` or ``.txt`` with an image and a caption a row.

folder/
  captions.csv      image,caption           one row a caption; quotes and line breaks as CSV has them
  splits.csv        image,split             optional
  scenes.jsonl      the ground truth of built-in scenes, optional
  images/           the pictures, here or beside the table
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from minicap.data.corpus import Listing
from minicap.data.files import read_text, shown
from minicap.data.images import EXTENSIONS
from minicap.data.report import (
    EMPTY_CAPTION,
    OPEN_QUOTE,
    TWO_SPLITS,
    UNKNOWN_SPLIT,
    WRONG_FIELDS,
    ReadingReport,
)
from minicap.data.splits import known_split
from minicap.errors import InputError

KIND = "caption table"
LOOKS_LIKE = "captions.csv, .tsv or .txt with columns image and caption (pictures beside it or in images/)"
NAMES = ("captions.csv", "captions.tsv", "captions.txt")
SUFFIXES = (".csv", ".tsv", ".txt")
MAX_ROW_LINES = 30  # a longer row is a quote that nobody closed


def find(path: Path) -> Path | None:
    """Return the caption table of a folder, or the path itself if it is one.

    Parameters
    ----------
    path : Path
        A folder or a file.

    Returns
    -------
    Path or None
    """
    if path.is_file():
        sounds_right = path.suffix.lower() in SUFFIXES and not path.name.lower().endswith(".token.txt")
        return path if sounds_right else None
    return next((path / name for name in NAMES if (path / name).is_file()), None)


def read(path: Path, report: ReadingReport) -> Listing:
    """Read a caption table with what stands beside it.

    Parameters
    ----------
    path : Path
        The table.
    report : ReadingReport
        Where to count rows that cannot be used.

    Returns
    -------
    Listing

    Raises
    ------
    InputError
        If the file is no such table.
    """
    folder = path.parent
    listing = Listing(KIND, path, lambda name: _find_image(folder, name))
    rows = captions = 0
    for where, name, text in _rows(path, "caption", report):
        rows += 1
        caption = " ".join(text.split())
        if not caption:
            report.add(EMPTY_CAPTION, f"{name} in {where}")
            continue
        captions += 1
        listing.captions.setdefault(_slashes(name), []).append(caption)
    report.set_total(EMPTY_CAPTION, rows)
    if not captions:
        raise InputError(
            "; ".join([f"{shown(path)}: holds no caption", *report.lines()]) + "; give one row a caption"
        )
    if (folder / "splits.csv").is_file():
        listing.splits = _read_splits(folder / "splits.csv", report)
    if (folder / "scenes.jsonl").is_file():
        from minicap.data.scenes import read_truth

        listing.truth = read_truth(folder / "scenes.jsonl")
    return listing


def _read_splits(path: Path, report: ReadingReport) -> dict[str, str]:
    """Read which picture is in which split; the first mention counts."""
    splits: dict[str, str] = {}
    for where, name, text in _rows(path, "split", report):
        split = known_split(text)
        if split is None:
            report.add(UNKNOWN_SPLIT, f"{text} in {where}")
        elif splits.setdefault(_slashes(name), split) != split:
            report.add(TWO_SPLITS, name)
    if not splits:
        raise InputError(
            f"{shown(path)}: names no split; give columns image and split (train, val, test), or remove it"
        )
    return splits


def _rows(path: Path, column: str, report: ReadingReport) -> Iterator[tuple[str, str, str]]:
    """Yield where it stands, the image and the other column of each sound row."""
    text = read_text(path)
    first = re.split(r"[\r\n]", text.lstrip("\r\n"), maxsplit=1)[0][:10_000]
    delimiter, places, width = _columns(path, first, column)
    image_at, value_at = places or (0, 1)
    rows = _csv_rows(text, delimiter)
    if places is not None:
        next(rows)
    for line, lines, row in rows:
        where = f"line {line} of {path.name}"
        if lines >= MAX_ROW_LINES:
            report.add(OPEN_QUOTE, where)
        elif len(row) != width:
            report.add(WRONG_FIELDS, where)
        else:
            yield where, row[image_at].strip(), row[value_at]


def _csv_rows(text: str, delimiter: str) -> Iterator[tuple[int, int, list[str]]]:
    """Yield the first line, the number of lines and the fields of each row that is not blank."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    while True:
        before = reader.line_num
        try:
            row = next(reader, None)
        except csv.Error:  # a field that never ends
            yield before + 1, MAX_ROW_LINES, []
            continue
        if row is None:
            return
        if len(row) > 1 or "".join(row).strip():
            yield before + 1, reader.line_num - before, row


def _columns(path: Path, first: str, column: str) -> tuple[str, tuple[int, int] | None, int]:
    """Find the delimiter and the columns from the first line; no places where there is no header."""
    usual = {".csv": ",;\t", ".tsv": "\t,;"}.get(path.suffix.lower(), "\t,;")
    for delimiter in usual:
        fields = [field.strip().lower() for field in next(csv.reader([first], delimiter=delimiter), [])]
        if "image" in fields and column in fields:
            return delimiter, (fields.index("image"), fields.index(column)), len(fields)
    for delimiter in usual:
        fields = next(csv.reader([first], delimiter=delimiter), [])
        if len(fields) == 2 and Path(fields[0].strip()).suffix.lower() in EXTENSIONS:
            return delimiter, None, 2
    came = shown(repr(first), 80)
    raise InputError(
        f"{shown(path)}: the first line must name the columns image and {column}, but it is {came}"
    )


def _find_image(folder: Path, name: str) -> Path | None:
    """Return the picture's path, in the folder or in ``images/``."""
    spellings = (
        [name] if name.isascii() else [name, *(unicodedata.normalize(f, name) for f in ("NFC", "NFD"))]
    )
    for candidate in (place / spelling for spelling in spellings for place in (folder, folder / "images")):
        try:
            if candidate.is_file():
                return candidate
        except OSError:  # a name that is too long for the file system
            return None
    return None


def _slashes(name: str) -> str:
    """Return a name with the separators of every system but one."""
    return name.replace("\\", "/")
