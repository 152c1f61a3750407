"""The ground truth of a folder of scenes, read back and believed only after it has been checked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NoReturn

from minicap.data.files import is_safe_name, read_text, shown
from minicap.data.scenes.scene import (
    COLOURS,
    MAX_OBJECTS,
    MAX_SIZE,
    MIN_SIZE,
    SHAPES,
    SIZES,
    SPLITS,
    Scene,
    SceneObject,
)
from minicap.errors import InputError

_NUMBER = (int, float)
_KINDS: dict[Any, str] = {str: "a string", int: "an integer", list: "a list", _NUMBER: "a number"}
_MAX_LINE = 100_000  # characters; a scene takes about 800


def read_truth(path: str | Path) -> dict[str, Scene]:
    """Read the ``scenes.jsonl`` that `write_scenes` wrote.

    Parameters
    ----------
    path : str or Path
        The file, or the folder it is in.

    Returns
    -------
    dict
        From the image's name, as in ``captions.csv``, to its scene, in the file's order. The scenes have no
        image (None); `judge` needs none.

    Raises
    ------
    InputError
        If the file is missing or a line is not a scene; the message names file, line and what is wrong with
        it.
    """
    path = Path(path)
    if path.is_dir():
        path = path / "scenes.jsonl"
    scenes: dict[str, Scene] = {}
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            name, scene = _scene(_loads(line))
            if name in scenes:
                raise _WrongError(f"image {shown(name)} has a line before this one")
        except _WrongError as wrong:
            raise InputError(
                f"{shown(path)}: line {number}: {wrong}; write the scenes anew with 'minicap data scenes'"
            ) from None
        scenes[name] = scene
    return scenes


class _WrongError(Exception):
    """Says what is wrong with a line; the file and the number are added where they are known."""


def _loads(line: str) -> Any:
    """Read one line of JSON."""
    if len(line) > _MAX_LINE:
        raise _WrongError(f"has {len(line):,} characters, where a scene has at most {_MAX_LINE:,}")
    try:
        return json.loads(line, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise _WrongError(f"expected a JSON object, got {shown(line, 40)!r}") from None


def _no_constant(name: str) -> NoReturn:
    """Refuse NaN and Infinity, which are not JSON."""
    raise ValueError(name)


def _scene(record: Any) -> tuple[str, Scene]:
    """Check one record and return the image's name and the scene."""
    name = _field(record, "image", str)
    if not is_safe_name(name):
        raise _WrongError(f"image must be a file name below the folder, got {shown(name, 40)!r}")
    _one_of(record, "split", SPLITS)
    size = _field(record, "size", int)
    if not MIN_SIZE <= size <= MAX_SIZE:
        raise _WrongError(f"size must be {MIN_SIZE} to {MAX_SIZE} pixels, got {shown(size, 40)}")
    _field(record, "seed", int)
    captions = _field(record, "captions", list)
    if not captions or not all(isinstance(caption, str) and caption.strip() for caption in captions):
        raise _WrongError("captions must be a list of sentences")
    objects = _field(record, "objects", list)
    if not 1 <= len(objects) <= MAX_OBJECTS:
        raise _WrongError(f"objects must be a list of 1 to {MAX_OBJECTS}, got {len(objects)}")
    return name, Scene(None, tuple(captions), tuple(map(_object, objects)))


def _object(record: Any) -> SceneObject:
    """Check one object."""
    return SceneObject(
        _one_of(record, "shape", SHAPES),
        _one_of(record, "colour", COLOURS),
        _one_of(record, "size", SIZES),
        _fraction(record, "x"),
        _fraction(record, "y"),
        _fraction(record, "radius"),
    )


def _field(record: Any, key: str, kind: type | tuple[type, ...]) -> Any:
    """Return an entry of the right type."""
    if not isinstance(record, dict):
        raise _WrongError(f"expected a JSON object, got {shown(record, 40)!r}")
    if key not in record:
        raise _WrongError(f"{key} is missing")
    if not isinstance(record[key], kind) or isinstance(record[key], bool):
        raise _WrongError(f"{key} must be {_KINDS[kind]}, got {shown(json.dumps(record[key]), 40)}")
    return record[key]


def _one_of(record: Any, key: str, choices: tuple[str, ...]) -> str:
    """Return an entry that is one of the choices."""
    value = _field(record, key, str)
    if value not in choices:
        raise _WrongError(f"{key} must be one of {', '.join(choices)}, got {shown(value, 40)!r}")
    return value


def _fraction(record: Any, key: str) -> float:
    """Return an entry from 0 to 1."""
    value = _field(record, key, _NUMBER)
    if not 0 <= value <= 1:
        raise _WrongError(f"{key} must be a fraction of the side, from 0 to 1, got {shown(value, 40)}")
    return float(value)
