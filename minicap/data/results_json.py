"""The JSON forms in which people exchange captions, as they stand.

[{"image_id": 42, "caption": "a cat"}, ...]                       COCO results; `minicap caption --json`
{"images": [...], "annotations": [{"image_id": 42, ...}, ...]}    COCO captions
{"42": "a cat", "43": ["a dog", "it sits"]}                       by id
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from minicap.data.files import shown
from minicap.errors import InputError

IMAGE_KEYS = ("image", "image_id", "image_name", "file_name", "filename", "id")


def read_json(path: Path, text: str) -> tuple[list[tuple[str, Any]], dict[str, str]]:
    """Read captions, or references, from JSON.

    Parameters
    ----------
    path : Path
        Of the file, for messages.
    text : str
        What it holds.

    Returns
    -------
    pairs : list of (str, caption)
        The image's id, and what stands as its caption.
    names : dict
        From an image's file name to its id, where the file has both.

    Raises
    ------
    InputError
        If it is none of the known forms; the message names the entry.
    """
    try:
        content = json.loads(text, object_pairs_hook=_once)
    except RecursionError:
        raise InputError(f"{shown(path)}: is nested too deeply for captions; replace it") from None
    except ValueError as error:
        raise InputError(f"{shown(path)}: is no sound JSON ({shown(error, 80)}); replace the file") from None
    names: dict[str, str] = {}
    if isinstance(content, dict) and "annotations" in content:
        images = content.get("images")
        for entry in images if isinstance(images, list) else ():
            if isinstance(entry, dict) and isinstance(entry.get("file_name"), str) and "id" in entry:
                names[entry["file_name"]] = _id(path, f"image {entry['file_name']!r}", entry["id"])
        content = content["annotations"]
    elif isinstance(content, dict):
        return list(_by_id(content)), names
    if not isinstance(content, list):
        raise InputError(f"{shown(path)}: holds no list of captions, as COCO has it; replace the file")
    return list(_entries(path, content)), names


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object, or raise where it has a name twice, of which JSON would keep the last."""
    found = dict(pairs)
    if len(found) < len(pairs):
        ((name, _),) = Counter(name for name, _ in pairs).most_common(1)
        raise ValueError(f"{shown(repr(name), 40)} stands twice in one object")
    return found


def _by_id(content: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the captions of ``{"42": "a cat"}`` or ``{"42": ["a cat", "it sits"]}``."""
    for name, said in content.items():
        yield from ((name, caption) for caption in (said if isinstance(said, list) else [said]))


def _entries(path: Path, content: list[Any]) -> Iterator[tuple[str, Any]]:
    """Yield the captions of a list of objects."""
    for place, entry in enumerate(content):
        if not isinstance(entry, dict):
            raise InputError(f"{shown(path)}: entry {place} is {shown(repr(entry), 40)}, not an object")
        key = next((key for key in IMAGE_KEYS if key in entry), None)
        if key is None or "caption" not in entry:
            raise InputError(
                f"{shown(path)}: entry {place}, {shown(repr(entry), 60)}, needs an image_id and a caption"
            )
        yield _id(path, f"entry {place}", entry[key]), entry["caption"]


def _id(path: Path, where: str, value: Any) -> str:
    """Return an id as text, so that a number in one file is the same image as its digits in another."""
    if isinstance(value, str | int) and not isinstance(value, bool):
        return str(value)
    raise InputError(f"{shown(path)}: {where}: {shown(repr(value), 40)} names no image; use text or a number")
