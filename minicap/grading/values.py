"""Arguments and results on their way to a child process and back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from minicap._types import Array

MOST_NUMBERS = 200_000  # of one result; the hidden inputs are much smaller


class Seed(NamedTuple):
    """Stands for a ``numpy.random.Generator`` among the arguments: each call gets a new one from this number."""

    number: int


def packed(value: Any) -> Any:
    """Return an argument in a form that JSON has.

    Parameters
    ----------
    value : object
        An array, a ``Seed``, a tuple or a plain value.
    """
    if isinstance(value, np.ndarray):
        return {"shape": list(value.shape), "kind": value.dtype.kind, "data": value.ravel().tolist()}
    if isinstance(value, Seed):
        return {"seed": value.number}
    if isinstance(value, tuple):
        return {"tuple": [packed(part) for part in value]}
    return {"plain": value}


def unpacked(form: Mapping[str, Any]) -> Any:
    """Return what ``packed`` was given; an array of its own, and a new generator, at each call.

    Parameters
    ----------
    form : mapping
    """
    if "seed" in form:
        return np.random.default_rng(form["seed"])
    if "tuple" in form:
        return tuple(unpacked(part) for part in form["tuple"])
    if "plain" in form:
        return form["plain"]
    dtype = np.int64 if form["kind"] == "i" else np.float64
    return np.array(form["data"], dtype).reshape(form["shape"])


def result_form(value: Any) -> dict[str, Any]:
    """Return what somebody's function gave in a form that JSON has, whatever it is.

    Parameters
    ----------
    value : object
    """
    try:
        array = np.asarray(value)
    except Exception:
        return {"what": type(value).__name__}
    if array.dtype.kind not in "fiub" or (array.ndim == 0 and isinstance(value, bool)):
        return {"what": "None" if value is None else type(value).__name__}
    form: dict[str, Any] = {"shape": list(array.shape), "dtype": str(array.dtype)}
    if array.size <= MOST_NUMBERS:
        form["data"] = array.astype(np.float64).ravel().tolist()
    return form


def read_result(form: Any, right: Array) -> tuple[Array | None, str]:
    """Return a result, or a sentence that says why it cannot be the right one by its form alone.

    Parameters
    ----------
    form : object
        As ``result_form`` made it, if nobody changed it.
    right : Array
        Whose shape is expected.

    Returns
    -------
    result : Array or None
    sentence : str
    """
    if not isinstance(form, dict):
        return None, "is missing"
    if "shape" not in form:
        what = str(form.get("what", "?"))[:40]
        return None, "is None" if what == "None" else f"is no array of numbers: {what}"
    shape = form["shape"]
    if not isinstance(shape, list) or not all(type(n) is int and n >= 0 for n in shape):
        return None, "cannot be read"
    if tuple(shape) != right.shape:
        turned = tuple(shape) == right.shape[::-1] and right.ndim > 1
        return None, f"has shape {_shown(tuple(shape))} where {_shown(right.shape)} is right" + (
            ", as if transposed" if turned else ""
        )
    data = form.get("data")
    if not isinstance(data, list) or len(data) != math.prod(shape):
        return None, "cannot be read"
    if not all(type(n) in (int, float) for n in data):
        return None, "cannot be read"
    return np.array(data, np.float64).reshape(shape), ""


def _shown(shape: tuple[int, ...]) -> str:
    """Return a shape in words; a number's is none."""
    return str(shape) if shape else "() (a number)"
