"""Tables with an image and something about it a row, and what stands beside them: split lists, pictures.

Fields may be quoted as CSV has it, with commas and line breaks inside. The delimiter is found by looking. A row
that cannot be used is counted and left out.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from minicap.data.files import read_text, shown
from minicap.data.images import EXTENSIONS
from minicap.data.report import OPEN_QUOTE, TWO_SPLITS, UNKNOWN_SPLIT, WRONG_FIELDS, ReadingReport
from minicap.data.splits import known_split
from minicap.errors import InputError

SUFFIXES = (".csv", ".tsv", ".txt")
MAX_ROW_LINES = 30  # a longer row is a quote that nobody closed


def find_table(folder: Path, stem: str) -> Path | None:
    """Return the table of a name in a folder, with whichever suffix.

    Parameters
    ----------
    folder : Path
        A folder.
    stem : str
        Such as ``"captions"``.

    Returns
    -------
    Path or None
    """
    return next((p for suffix in SUFFIXES if (p := folder / f"{stem}{suffix}").is_file()), None)


def has_column(path: Path, column: str) -> bool:
    """Tell whether the first line of a file names the columns image and another.

    Parameters
    ----------
    path : Path
        A file; one with another suffix than a table's is not opened.
    column : str
        The other column.

    Returns
    -------
    bool

    Raises
    ------
    InputError
        If the file is no text.
    """
    if path.suffix.lower() not in SUFFIXES:
        return False
    return _header(_first_line(read_text(path)), column, ",;\t") is not None


def read_rows(path: Path, column: str, report: ReadingReport) -> Iterator[tuple[str, str, str]]:
    """Read a table of two columns, or of more among which the two are named.

    Parameters
    ----------
    path : Path
        The table.
    column : str
        The name of the column beside ``image``.
    report : ReadingReport
        Where to count rows that cannot be used.

    Yields
    ------
    tuple of str
        Where the row stands, the image and the other field.

    Raises
    ------
    InputError
        If the file is no such table.
    """
    text = read_text(path)
    delimiter, places, width = _columns(path, _first_line(text), column)
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
            yield where, row[image_at].strip().replace("\\", "/"), row[value_at]


def read_splits(folder: Path, report: ReadingReport) -> dict[str, str] | None:
    """Read which picture is in which split from ``splits.csv``; the first mention counts.

    Parameters
    ----------
    folder : Path
        Where the file may stand.
    report : ReadingReport
        Where to count rows that cannot be used.

    Returns
    -------
    dict or None
        From image to split; None where there is no such file.

    Raises
    ------
    InputError
        If it names no split.
    """
    path = folder / "splits.csv"
    if not path.is_file():
        return None
    splits: dict[str, str] = {}
    for where, name, text in read_rows(path, "split", report):
        split = known_split(text)
        if split is None:
            report.add(UNKNOWN_SPLIT, f"{text} in {where}")
        elif splits.setdefault(name, split) != split:
            report.add(TWO_SPLITS, name)
    if not splits:
        raise InputError(
            f"{shown(path)}: names no split; give columns image and split (train, val, test), or remove it"
        )
    return splits


def find_image(folder: Path, name: str) -> Path | None:
    """Return a picture's path, in the folder or in ``images/``, whichever way its accents are encoded.

    Parameters
    ----------
    folder : Path
        Where to look.
    name : str
        A relative name.

    Returns
    -------
    Path or None
    """
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
    if (header := _header(first, column, usual)) is not None:
        return header
    for delimiter in usual:
        fields = next(csv.reader([first], delimiter=delimiter), [])
        if len(fields) == 2 and Path(fields[0].strip()).suffix.lower() in EXTENSIONS:
            return delimiter, None, 2
    came = shown(repr(first), 80)
    raise InputError(
        f"{shown(path)}: the first line must name the columns image and {column}, but it is {came}"
    )


def _header(first: str, column: str, delimiters: str) -> tuple[str, tuple[int, int], int] | None:
    """Return delimiter, places and number of columns from a line that names them."""
    for delimiter in delimiters:
        fields = [field.strip().lower() for field in next(csv.reader([first], delimiter=delimiter), [])]
        if "image" in fields and column in fields:
            return delimiter, (fields.index("image"), fields.index(column)), len(fields)
    return None


def _first_line(text: str) -> str:
    """Return the first line that is not empty, or as much of it as a header can need."""
    return re.split(r"[\r\n]", text.lstrip("\r\n")[:20_000], maxsplit=1)[0][:10_000]
