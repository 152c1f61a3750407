"""Tag tables: ``tags.csv``, ``.tsv`` or ``.txt`` with an image and its tags a row.

folder/
  tags.csv          image,tags              the tags of one cell separated by ";"; an empty cell is no tag
  splits.csv        image,split             optional
  images/           the pictures, here or beside the table
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from minicap.data.corpus import Listing
from minicap.data.files import shown
from minicap.data.formats import Format
from minicap.data.report import ReadingReport
from minicap.data.table import SUFFIXES, find_image, find_table, has_column, read_rows, read_splits
from minicap.errors import InputError

KIND = "tag table"
LOOKS_LIKE = (
    'tags.csv, .tsv or .txt with columns image and tags, separated by ";" (pictures beside it or in images/)'
)


def find(path: Path) -> Path | None:
    """Return the tag table of a folder, or the path itself if it is one.

    Parameters
    ----------
    path : Path
        A folder or a file.

    Returns
    -------
    Path or None
    """
    if path.is_dir():
        return find_table(path, "tags")
    by_name = path.stem.lower() == "tags" and path.suffix.lower() in SUFFIXES
    return path if by_name or has_column(path, "tags") else None


def read(path: Path, report: ReadingReport) -> Listing:
    """Read a tag table with what stands beside it.

    Parameters
    ----------
    path : Path
        The table.
    report : ReadingReport
        Where to count rows that cannot be used.

    Returns
    -------
    Listing
        The tags of a picture in the order of the table, each once, over all its rows.

    Raises
    ------
    InputError
        If the file is no such table, or holds no tag.
    """
    listing = Listing(KIND, path, partial(find_image, path.parent), task="tag")
    for _, name, text in read_rows(path, "tags", report):
        tags = listing.said.setdefault(name, [])
        found = (" ".join(tag.split()) for tag in text.split(";"))
        tags.extend(tag for tag in dict.fromkeys(found) if tag and tag not in tags)
    if not any(listing.said.values()):
        raise InputError("; ".join([f"{shown(path)}: holds no tag", *report.lines()]) + "; give one row tags")
    listing.splits = read_splits(path.parent, report)
    return listing


FORMAT = Format(LOOKS_LIKE, find, read)
