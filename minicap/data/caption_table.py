"""Caption tables: ``captions.csv``, ``.tsv`` or ``.txt`` with an image and a caption a row.

folder/
  captions.csv      image,caption           one row a caption; quotes and line breaks as CSV has them
  splits.csv        image,split             optional
  scenes.jsonl      the ground truth of built-in scenes, optional
  images/           the pictures, here or beside the table
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from minicap.data import tag_table
from minicap.data.corpus import Listing
from minicap.data.files import shown
from minicap.data.formats import Format
from minicap.data.report import EMPTY_CAPTION, ReadingReport
from minicap.data.table import SUFFIXES, find_image, find_table, has_column, read_rows, read_splits
from minicap.errors import InputError

KIND = "caption table"
LOOKS_LIKE = "captions.csv, .tsv or .txt with columns image and caption (pictures beside it or in images/)"


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
    if path.is_dir():
        return find_table(path, "captions")
    if path.suffix.lower() not in SUFFIXES or path.name.lower().endswith(".token.txt"):
        return None
    return path if tag_table.find(path) is None or has_column(path, "caption") else None


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
    listing = Listing(KIND, path, partial(find_image, folder))
    rows = captions = 0
    for where, name, text in read_rows(path, "caption", report):
        rows += 1
        caption = " ".join(text.split())
        if not caption:
            report.add(EMPTY_CAPTION, f"{name} in {where}")
            continue
        captions += 1
        listing.said.setdefault(name, []).append(caption)
    report.set_total(EMPTY_CAPTION, rows)
    if not captions:
        raise InputError(
            "; ".join([f"{shown(path)}: holds no caption", *report.lines()]) + "; give one row a caption"
        )
    listing.splits = read_splits(folder, report)
    if (folder / "scenes.jsonl").is_file():
        from minicap.data.scenes import read_truth

        listing.truth = read_truth(folder / "scenes.jsonl")
    return listing


FORMAT = Format(LOOKS_LIKE, find, read)
