"""Captions that somebody made, and references to judge them by, from the files that people exchange.

COCO results       [{"image_id": 42, "caption": "a cat"}, ...]       also {"42": "a cat"} and `minicap caption --json`
COCO captions      {"images": [...], "annotations": [{"image_id": 42, "caption": "a cat"}, ...]}
a table            image,caption                                     CSV or TSV, a row a caption
Flickr8k tokens    name.jpg#0 <tab> caption
plain lines        a cat                                             line 1 is image 1; references of one image beside
                                                                     each other with tabs between, or in several files

Nothing is repaired and nothing is left out, for a score of other captions than those in the file is a wrong score.
Captions come as they stand, also what is no text: who pairs them with their references names the image.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from minicap.data.files import read_text, shown
from minicap.data.images import EXTENSIONS
from minicap.data.results_json import IMAGE_KEYS, read_json
from minicap.errors import InputError

LONGEST_LINE = 100_000  # characters; the csv module gives up somewhat later, and says less
MOST_ROW_LINES = 30  # a longer row is a quote that nobody closed
CAPTION_COLUMNS = ("caption", "captions", "text", "sentence")
TOKEN_LINE = re.compile(r"[^\t]*[^\t\s]#\d+[^\S\n]*\t")
LINES = "plain lines"


@dataclass
class Captioned:
    """Captions with the images they are of.

    Attributes
    ----------
    path : Path
        Where they come from.
    kind : str
        The form of the file; ``LINES`` where images have numbers only.
    pairs : list of (str, caption)
        The image's id, and what stands as its caption.
    names : dict
        From other names of an image to its id, where the file has both.
    """

    path: Path
    kind: str
    pairs: list[tuple[str, Any]]
    names: dict[str, str] = field(default_factory=dict)


def read_results(path: str | Path) -> Captioned:
    """Read captions, one an image.

    Parameters
    ----------
    path : str or Path
        COCO results, a table, Flickr8k tokens or plain lines.

    Returns
    -------
    Captioned

    Raises
    ------
    InputError
        If the file cannot be read, or is none of these; the message names the place.
    """
    path = Path(path)
    kind, text = _look(path)
    if kind != LINES:
        return _READ[kind](path, text)
    return Captioned(path, kind, list(_numbered(text)))


def read_references(*paths: str | Path) -> Captioned:
    """Read references, any number an image.

    Parameters
    ----------
    *paths : str or Path
        COCO captions, a table, Flickr8k tokens, or plain lines: in one file with tabs between the references of
        an image, or in several files, the first references of all images in the first.

    Returns
    -------
    Captioned

    Raises
    ------
    InputError
        If a file cannot be read, is none of these, or one of several is no file of plain lines of the same number.
    """
    first, *more = map(Path, paths)
    kind, text = _look(first)
    if more:
        return _side_by_side(first, text, more)
    if kind != LINES:
        return _READ[kind](first, text)
    pairs = [(name, part) for name, line in _numbered(text) for part in line.split("\t")]
    for name, part in pairs:
        if not part.strip():
            raise InputError(f"{shown(first)}: image {name} has an empty reference; each needs a text")
    return Captioned(first, kind, pairs)


def with_ids_of(captions: Captioned, references: Captioned) -> list[tuple[str, Any]]:
    """Return captions under the ids of the references, whichever of an image's names they use.

    Parameters
    ----------
    captions, references : Captioned

    Returns
    -------
    list of (str, caption)
        An image that the references do not know keeps its id.

    Raises
    ------
    InputError
        If one of the two are plain lines, whose images have no names.
    """
    if (captions.kind == LINES) != (references.kind == LINES):
        plain, named = (captions, references) if captions.kind == LINES else (references, captions)
        raise InputError(
            f"{shown(plain.path)}: holds plain lines, but {shown(named.path)} names its images ({named.kind}); "
            "name the images in both, or in none"
        )
    known = {name for name, _ in references.pairs}
    if captions.kind == LINES and len(captions.pairs) != len(known):
        last = min(len(captions.pairs), len(known))
        raise InputError(
            f"{shown(captions.path)}: {len(captions.pairs)} captions, but {shown(references.path)} has references "
            f"of {len(known)} images; image {last + 1} stands in one of the two only"
        )
    return [(_known_as(name, known, references.names), caption) for name, caption in captions.pairs]


def _known_as(name: str, known: set[str], names: dict[str, str]) -> str:
    """Return the id of an image: its name, what a file says it stands for, or the last part of a path."""
    base = name.replace("\\", "/").rpartition("/")[2]
    candidates = (name, names.get(name), base, names.get(base), base.rpartition(".")[0])
    return next((c for c in candidates if c is not None and c in known), name)


def _look(path: Path) -> tuple[str, str]:
    """Return the form of a file, by its name and its first line, and its text."""
    text = _text(path)
    start = text.lstrip()
    first = start[:2000].partition("\n")[0]
    suffix = path.suffix.lower()
    if not start:
        raise InputError(f"{shown(path)}: is empty; captions are needed")
    if suffix == ".json" or (suffix not in (".csv", ".tsv", ".txt") and start[0] in "[{"):
        return "COCO JSON", text
    if TOKEN_LINE.match(first):
        return "Flickr8k tokens", text
    if suffix in (".csv", ".tsv") or _header(first) is not None:
        return "table", text
    return LINES, text


def _text(path: Path) -> str:
    """Return a file's text; bytes that are no UTF-8 stay, as halves of characters: a message can name their image."""
    try:
        return read_text(path)
    except InputError as error:
        if "is not UTF-8" not in str(error):
            raise
        text = path.read_bytes().decode("utf-8", "surrogateescape")
        if "\0" in text:
            raise
        return text


def _numbered(text: str) -> Iterator[tuple[str, str]]:
    """Yield the number and the text of each line."""
    lines = text.removesuffix("\n").split("\n")
    yield from ((str(number), line.removesuffix("\r")) for number, line in enumerate(lines, 1))


def _side_by_side(first: Path, text: str, more: Sequence[Path]) -> Captioned:
    """Read files of plain lines that belong together line by line."""
    columns = [list(_numbered(text)), *(list(_numbered(_text(path))) for path in more)]
    for path, column in zip(more, columns[1:], strict=True):
        if len(column) != len(columns[0]):
            raise InputError(
                f"{shown(path)}: {len(column)} lines, but {shown(first)} has {len(columns[0])}; image "
                f"{min(len(column), len(columns[0])) + 1} stands in one of the two only"
            )
    return Captioned(first, LINES, [pair for row in zip(*columns, strict=True) for pair in row])


def _from_json(path: Path, text: str) -> Captioned:
    """Read any of the JSON forms."""
    return Captioned(path, "COCO JSON", *read_json(path, text))


def _from_table(path: Path, text: str) -> Captioned:
    """Read a table with an image and a caption a row."""
    header = _header(text.lstrip()[:2000].partition("\n")[0])
    delimiter, image_at, caption_at, width = header or _without_header(path, text)
    _check_lines(path, text)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    return Captioned(
        path, "table", list(_rows(path, rows, image_at, caption_at, width, skip=header is not None))
    )


def _check_lines(path: Path, text: str) -> None:
    """Raise where a line is longer than any row; its beginning is the image's name, as a rule."""
    for number, line in enumerate(text.split("\n"), 1):
        if len(line) > LONGEST_LINE:
            raise InputError(
                f"{shown(path)}: line {number}, {shown(line[:40])!r}..., has {len(line):,} characters; a row "
                f"has at most {LONGEST_LINE:,}"
            )


def _rows(
    path: Path, rows: Any, image_at: int, caption_at: int, width: int, *, skip: bool
) -> Iterator[tuple[str, str]]:
    """Yield image and caption of each row that is not blank."""
    before = 0
    try:
        for row in rows:
            line, before, lines = before + 1, rows.line_num, rows.line_num - before
            if skip or not any(cell.strip() for cell in row):
                skip = skip and not any(row)
                continue
            where = f"{shown(path)}: line {line}, {shown(','.join(row)[:40])!r}"
            if lines >= MOST_ROW_LINES:
                raise InputError(f"{where}: a quote is opened there and never closed")
            if len(row) != width:
                raise InputError(
                    f"{where}: {len(row)} fields, but {width} are needed; put captions with a delimiter in quotes"
                )
            yield row[image_at].strip(), row[caption_at]
    except csv.Error as error:
        raise InputError(f"{shown(path)}: line {before + 1}: {error}; a quote may be missing") from None


def _header(line: str) -> tuple[str, int, int, int] | None:
    """Return delimiter, both places and the number of columns from a line that names them."""
    for delimiter in ",;\t":
        fields = [cell.strip().lower() for cell in next(csv.reader([line], delimiter=delimiter), [])]
        places = [
            next((fields.index(name) for name in names if name in fields), None)
            for names in (IMAGE_KEYS, CAPTION_COLUMNS)
        ]
        if places[0] is not None and places[1] is not None:
            return delimiter, places[0], places[1], len(fields)
    return None


def _without_header(path: Path, text: str) -> tuple[str, int, int, int]:
    """Return the same for two columns of which the first is a picture's file name."""
    first = text.lstrip()[:2000].partition("\n")[0]
    for delimiter in ",;\t":
        fields = next(csv.reader([first], delimiter=delimiter), [])
        if len(fields) == 2 and Path(fields[0].strip()).suffix.lower() in EXTENSIONS:
            return delimiter, 0, 1, 2
    raise InputError(
        f"{shown(path)}: the first line must name the columns image and caption, but it is {shown(first, 80)!r}"
    )


def _from_tokens(path: Path, text: str) -> Captioned:
    """Read lines ``name.jpg#0 <tab> caption``."""
    return Captioned(path, "Flickr8k tokens", list(_token_lines(path, text.split("\n"))))


def _token_lines(path: Path, lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield image and caption of each line that is not blank."""
    for number, line in enumerate(lines, 1):
        if line.strip():
            if not TOKEN_LINE.match(line):
                raise InputError(
                    f"{shown(path)}: line {number}, {shown(line[:40])!r}, is not of the form "
                    "name.jpg#0<tab>caption"
                )
            key, _, caption = line.partition("\t")
            yield key.strip().rpartition("#")[0], caption.removesuffix("\r")


_READ = {"COCO JSON": _from_json, "Flickr8k tokens": _from_tokens, "table": _from_table}
