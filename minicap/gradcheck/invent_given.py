"""Inputs that somebody gives: written on the command line, or made by a ``make_inputs()`` in the file."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import numpy as np

from minicap._types import Rng
from minicap.errors import InputError
from minicap.gradcheck.discover import Candidate
from minicap.gradcheck.invent_fill import draw
from minicap.gradcheck.invent_shapes import Item

_NAME = re.compile(r"\s*(?:(\w+)\.)?([A-Za-z_]\w*)\s*[:=]\s*(.+?)\s*$", re.DOTALL)
_ARRAY = re.compile(r"(int|bool|float|prob|onehot)?\s*\(([\d\s,]*)\)\s*(?:<\s*(\d+))?$")
_MOST = 50_000_000  # entries of one array
_HOW = 'write "x: (2,3,5,4), y: int(2) < 5, stride: 2"'


def parse_inputs(text: str, seed: int = 0) -> dict[str, dict[str, Any]]:
    """Read inputs as they are written on the command line.

    Parameters
    ----------
    text : str
        ``x: (2,3)`` is an array of normal numbers, ``y: int(2) < 5`` has integers from 0 to 4, ``bool(...)``,
        ``prob(...)`` and ``onehot(...)`` are made alike; anything else is a Python literal. ``affine.x: ...`` is for
        the layer ``affine`` alone.
    seed : int
        Of the random numbers.

    Returns
    -------
    dict
        Values by argument name, by layer; those for all layers under "".

    Raises
    ------
    InputError
        If a part cannot be read.
    """
    rng = np.random.default_rng([seed, 302])
    found: dict[str, dict[str, Any]] = {"": {}}
    for part in _parts(text):
        match = _NAME.match(part)
        if match is None:
            raise InputError(f"--inputs: {part.strip()!r} is no name with a value; {_HOW}")
        layer, name, value = match.groups()
        found.setdefault(layer or "", {})[name] = _value(name, value, rng)
    return found


def _parts(text: str) -> list[str]:
    """Split at the commas that stand in no brackets and no quotes."""
    parts, depth, quote, current = [], 0, "", ""
    for character in text:
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
        if character == "," and depth == 0 and not quote:
            parts.append(current)
            current = ""
        else:
            current += character
    return [part for part in [*parts, current] if part.strip()]


def _value(name: str, text: str, rng: Rng) -> Any:
    """Return what one value stands for."""
    match = _ARRAY.match(text)
    if match is not None:
        kind, axes, limit = match.groups()
        shape = tuple(int(axis) for axis in axes.split(",") if axis.strip())
        if np.prod(shape, dtype=np.float64) > _MOST:
            raise InputError(f"--inputs: {name}: an array of {shape} is too large to check")
        if (kind == "int") != (limit is not None):
            raise InputError(f"--inputs: {name}: {text!r}: integers have a limit, other numbers none; {_HOW}")
        kinds = {None: "normal", "float": "normal", "int": f"int<{limit}"}
        return draw(Item(kinds.get(kind, kind or ""), shape), name, rng)
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        raise InputError(f"--inputs: {name}: {text!r} cannot be read; {_HOW}") from None
    return np.array(value) if isinstance(value, list) else value


def given_for(candidate: Candidate, inputs: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the given inputs that a layer has arguments for.

    Parameters
    ----------
    candidate : Candidate
    inputs : mapping
        From ``parse_inputs``.
    """
    names = {slot.name for slot in candidate.slots}
    own = dict(inputs.get(candidate.name, {}))
    return {name: value for name, value in inputs.get("", {}).items() if name in names} | own


def require_known(candidates: list[Candidate], inputs: Mapping[str, Mapping[str, Any]]) -> None:
    """Raise where an input was given that no layer takes.

    Parameters
    ----------
    candidates : list of Candidate
    inputs : mapping
        From ``parse_inputs``.

    Raises
    ------
    InputError
        Naming the arguments that there are.
    """
    by_name = {c.name: [slot.name for slot in c.slots] for c in candidates}
    for layer, values in inputs.items():
        if layer and layer not in by_name:
            raise InputError(f"--inputs: there is no layer {layer}; there are {', '.join(by_name)}")
        takes = by_name[layer] if layer else [name for names in by_name.values() for name in names]
        for name in values:
            if name not in takes:
                there = ", ".join(dict.fromkeys(takes))
                raise InputError(f"--inputs: no layer takes {name}; there are {there}")


def made_inputs(module: ModuleType, candidate: Candidate) -> dict[str, Any]:
    """Return what the file's own ``make_inputs`` gives a layer; nothing where there is no such function.

    Parameters
    ----------
    module : ModuleType
        ``make_inputs()`` returns a dict of values by argument name, or of such dicts by layer;
        ``make_inputs(layer)`` is asked for each layer by its name.
    candidate : Candidate

    Raises
    ------
    InputError
        If it returns something else.
    """
    make = getattr(module, "make_inputs", None)
    if not callable(make):
        return {}
    made = make(candidate.name) if inspect.signature(make).parameters else make()
    if isinstance(made, (tuple, list)):
        return dict(zip((slot.name for slot in candidate.slots), made, strict=False))
    if made is None:
        return {}
    if not isinstance(made, Mapping):
        kind = type(made).__name__
        raise InputError(f"make_inputs returns a {kind}; a dict of values by argument name is needed")
    names = {slot.name for slot in candidate.slots}
    if made and not names & set(made) and all(isinstance(value, Mapping) for value in made.values()):
        return dict(made.get(candidate.name, {}))
    return {name: value for name, value in made.items() if name in names}
