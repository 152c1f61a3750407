"""One JSON file in COCO's form, believed only after it has been checked.

{"images":      [{"id": 8, "file_name": "000008.png"}, ...],
 "annotations": [{"image_id": 8, "caption": "a cat"}, ...]          captions
                [{"image_id": 8, "category_id": 4}, ...]            objects; crowds count like single ones
 "categories":  [{"id": 4, "name": "cat"}, ...]}                    with objects only
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from minicap.data.files import MAX_TEXT_BYTES, read_text, shown
from minicap.data.report import (
    EMPTY_CAPTION,
    SAME_CATEGORY,
    UNKNOWN_CATEGORY,
    UNKNOWN_IMAGE,
    ReadingReport,
)
from minicap.errors import InputError

_KINDS: dict[type, str] = {
    str: "text", int: "an integer", float: "a fraction", bool: "true or false", list: "a list",
    dict: "an object", type(None): "null",
}  # fmt: skip


def read_coco_captions(path: Path, report: ReadingReport) -> dict[str, list[str]]:
    """Read a file of captions.

    Parameters
    ----------
    path : Path
        The JSON file.
    report : ReadingReport
        Where to count captions that are empty or of no image.

    Returns
    -------
    dict
        From each image's file name to its captions, possibly none.

    Raises
    ------
    InputError
        If the file is no JSON, or not of this form; the message names the entry.
    """
    content = _load(path)
    names = _images(content, path)
    said: dict[str, list[str]] = {name: [] for name in names.values()}
    for where, name, entry in _annotations(content, names, path, report):
        text = _field(entry, "caption", str, where, path)
        # what JSON can spell and no file can hold: half a character, and NUL
        text = text.encode("utf-8", "replace").decode("utf-8").replace("\0", " ")
        if caption := " ".join(text.split()):
            said[name].append(caption)
        else:
            report.add(EMPTY_CAPTION, f"{where} of {path.name}")
    return said


def read_coco_tags(path: Path, report: ReadingReport) -> dict[str, list[str]]:
    """Read a file of objects; the tags of an image are the names of its objects' categories.

    Parameters
    ----------
    path : Path
        The JSON file.
    report : ReadingReport
        Where to count objects of no image or no category.

    Returns
    -------
    dict
        From each image's file name to its tags, each once, in the order of the file's categories; possibly none.

    Raises
    ------
    InputError
        If the file is no JSON, or not of this form; the message names the entry.
    """
    content = _load(path)
    names = _images(content, path)
    categories = _categories(content, path, report)
    order = {tag: place for place, tag in enumerate(dict.fromkeys(categories.values()))}
    found: dict[str, set[str]] = {name: set() for name in names.values()}
    for where, name, entry in _annotations(content, names, path, report):
        tag = categories.get(number := _field(entry, "category_id", int, where, path))
        if tag is None:
            report.add(UNKNOWN_CATEGORY, f"category_id {number} in {where} of {path.name}")
        else:
            found[name].add(tag)
    return {name: sorted(tags, key=order.__getitem__) for name, tags in found.items()}


def _load(path: Path) -> dict[str, Any]:
    """Return the file's outermost object."""
    try:
        # outlines of objects are most of a file: their numbers need no memory
        content = json.loads(read_text(path, max_bytes=MAX_TEXT_BYTES), parse_float=_no_fraction)
    except RecursionError:
        raise InputError(f"{shown(path)}: is nested too deeply for a COCO file; replace it") from None
    except MemoryError:
        raise InputError(f"{shown(path)}: there is not enough memory to read it; split the file") from None
    except InputError:
        raise
    except ValueError as error:
        raise InputError(f"{shown(path)}: is no sound JSON ({shown(error, 80)}); replace the file") from error
    if not isinstance(content, dict):
        _refuse(path, f"must be an object with images and annotations, but it is {_KINDS[type(content)]}")
    return content


def _no_fraction(text: str) -> float:
    """Stand for every number with a fraction, of which none is wanted."""
    return 0.0


def _images(content: dict[str, Any], path: Path) -> dict[int, str]:
    """Return the file name of each image by its id."""
    names: dict[int, str] = {}
    for where, entry in _entries(content, "images", path):
        number = _field(entry, "id", int, where, path)
        name = _field(entry, "file_name", str, where, path).replace("\\", "/")
        if number in names:
            _refuse(path, f"{where}: id {shown(number, 40)} stands there twice")
        names[number] = name
    return names


def _categories(content: dict[str, Any], path: Path, report: ReadingReport) -> dict[int, str]:
    """Return the name of each category by its id, in the file's order."""
    names: dict[int, str] = {}
    known: set[str] = set()
    for where, entry in _entries(content, "categories", path):
        number = _field(entry, "id", int, where, path)
        name = " ".join(_field(entry, "name", str, where, path).split())
        if number in names:
            _refuse(path, f"{where}: id {shown(number, 40)} stands there twice")
        if not name or not name.isprintable():
            _refuse(path, f"{where}: {shown(repr(name), 40)} is no name")
        if name in known:
            report.add(SAME_CATEGORY, f"{name} in {where} of {path.name}")
        known.add(name)
        names[number] = name
    return names


def _annotations(
    content: dict[str, Any], names: dict[int, str], path: Path, report: ReadingReport
) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield where it stands, the image's file name and the entry of each annotation of a known image."""
    for where, entry in _entries(content, "annotations", path):
        name = names.get(number := _field(entry, "image_id", int, where, path))
        if name is None:
            report.add(UNKNOWN_IMAGE, f"image_id {number} in {where} of {path.name}")
        else:
            yield where, name, entry


def _entries(content: dict[str, Any], key: str, path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield where it stands and each entry of one of the file's lists."""
    entries = content.get(key)
    if not isinstance(entries, list):
        came = f"{key!r} is {_KINDS[type(entries)]}" if key in content else f"there is no {key!r}"
        _refuse(path, f"{came}, where a list is needed")
    for place, entry in enumerate(entries):
        where = f"{key}[{place}]"
        if not isinstance(entry, dict):
            _refuse(path, f"{where} must be an object, but it is {_KINDS[type(entry)]}")
        yield where, entry


def _field(entry: dict[str, Any], key: str, kind: type, where: str, path: Path) -> Any:
    """Return a field of the right type."""
    value = entry.get(key)
    if type(value) is not kind:
        came = f"it is {_KINDS[type(value)]}" if key in entry else "it is missing"
        _refuse(path, f"{where}: {key!r} must be {_KINDS[kind]}, but {came}")
    return value


def _refuse(path: Path, what: str) -> NoReturn:
    """Raise the error for a file of another form."""
    raise InputError(f"{shown(path)}: {what}; correct the file, or make it anew as COCO has it")
