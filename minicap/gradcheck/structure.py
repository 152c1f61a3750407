"""Is the gradient there at all, and is it an array of the right shape, dtype and finite numbers?"""

from __future__ import annotations

from typing import Any

import numpy as np

from minicap._types import Array
from minicap.gradcheck.findings import Problem

MISSING = object()
"""Stands for a gradient that the backward does not return at all."""

ABSENT: tuple[str, None] = ("missing_gradient", None)


def structure_problem(name: str, gradient: Any, x: Array) -> tuple[Problem | None, Array | None]:
    """Return what is wrong with the form of ``gradient``, and the array to compare where there is one.

    Parameters
    ----------
    name : str
        The gradient's name, for the sentence.
    gradient : object
        What the backward returned.
    x : ndarray
        The input it belongs to.

    Returns
    -------
    problem : str or None
        One sentence, or None.
    array : ndarray or None
        The gradient as an array of the shape of ``x``; None where it cannot be compared.
    """
    sentence, kind, array = _judge(name, gradient, x)
    return (None if sentence is None else Problem(sentence, kind, name)), array


def _judge(name: str, gradient: Any, x: Array) -> tuple[str | None, str, Array | None]:
    """Return the sentence, its kind, and the array to compare."""
    if gradient is MISSING:
        return f"backward returns no {name}; an input that has no gradient is passed by keyword", *ABSENT
    if gradient is None:
        return f"{name} is None: the backward returns no gradient for this input", *ABSENT
    if not isinstance(gradient, (np.ndarray, np.floating, float)):
        return f"{name} is a {type(gradient).__name__}, not an array", "dtype", None
    array = np.asarray(gradient)
    if array.shape != x.shape:
        return *_shape_sentence(name, array.shape, x.shape), None
    if array.dtype.kind != "f":
        return f"{name} has dtype {array.dtype}; a gradient is an array of floats", "dtype", None
    if not np.isfinite(array).all():
        bad = np.argwhere(~np.isfinite(array))[0]
        what = "NaN" if np.isnan(array).any() else "infinite"
        return (
            f"{name} is {what} at {_place(bad)} and {_count(array)} entries are not finite in all",
            "nan",
            None,
        )
    if array.dtype != x.dtype and isinstance(gradient, (np.ndarray, np.floating)):
        sentence = f"{name} has dtype {array.dtype} though its input is {x.dtype}; keep the input's dtype"
        return sentence, "dtype", array
    return None, "unknown", array


def _shape_sentence(name: str, shape: tuple[int, ...], expected: tuple[int, ...]) -> tuple[str, str]:
    """Return the sentence about a wrong shape and its kind, naming the transposed one."""
    if shape == expected[::-1]:
        return f"{name} has shape {shape}, the transpose of the input's {expected}", "transpose"
    if sorted(shape) == sorted(expected):
        return f"{name} has shape {shape}, the input's axes {expected} in another order", "transpose"
    sentence = f"{name} has shape {shape} where the input has {expected}"
    if int(np.prod(shape)) == int(np.prod(expected)):
        return f"{sentence}: as many numbers, to be reshaped", "shape"
    if len(shape) > len(expected) and shape[-len(expected) or len(shape) :] == expected:
        return f"{sentence}: sum over the leading axes", "missing_batch_sum"
    return sentence, "shape"


def _place(index: Array) -> str:
    """Return an index the way Python writes it."""
    return "[" + ", ".join(str(int(i)) for i in index) + "]"


def _count(array: Array) -> str:
    """Return how many of the entries are not finite."""
    return f"{int((~np.isfinite(array)).sum()):,} of {array.size:,}"
