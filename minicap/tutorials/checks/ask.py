"""Questions that many checks ask of an answer, each with a sentence for when it is wrong."""

from __future__ import annotations

from typing import Any

import numpy as np

from minicap._types import Array
from minicap.tutorials.exercise import Wrong


def array(name: str, value: Any, shape: tuple[int, ...]) -> Array:
    """Return an answer as an array of floats, or say what it is instead.

    Parameters
    ----------
    name : str
        What it is called.
    value
        The answer.
    shape : tuple of int
        What it has to have.

    Raises
    ------
    Wrong
    """
    if value is None:
        raise Wrong(f"{name} is None: is a return missing?")
    try:
        found = np.asarray(value, np.float64)
    except (TypeError, ValueError):
        raise Wrong(f"{name} is a {type(value).__name__}, not an array of numbers") from None
    if found.shape != shape:
        raise Wrong(f"{name} has the shape {found.shape}, but {shape} is needed here")
    if not np.isfinite(found).all():
        raise Wrong(f"{name} has entries that are not finite (nan or inf)")
    return found


def parts(value: Any, names: tuple[str, ...]) -> tuple[Any, ...]:
    """Return an answer's parts, or say that they are not as many as they should be.

    Parameters
    ----------
    value
        The answer.
    names : tuple of str
        What the parts are called.

    Raises
    ------
    Wrong
    """
    wanted = ", ".join(names)
    if not isinstance(value, tuple | list):
        raise Wrong(f"a {type(value).__name__} came back, but ({wanted}) is asked for")
    if len(value) != len(names):
        raise Wrong(f"{len(value)} values came back, but {len(names)} are asked for: ({wanted})")
    return tuple(value)


def close(name: str, value: Any, right: Any, hint: str = "", tolerance: float = 1e-7) -> None:
    """Hold numbers against the right ones; of what is wrong only the place is told.

    Parameters
    ----------
    name : str
        What it is called.
    value, right : array_like
        The answer, and what it should be.
    hint : str
        Where to look when it is wrong.
    tolerance : float
        The error allowed, relative to the largest right number.

    Raises
    ------
    Wrong
    """
    right = np.asarray(right, np.float64)
    found = array(name, value, right.shape)
    scale = max(float(np.abs(right).max(initial=0.0)), 1e-12)
    wrong = np.abs(found - right) > tolerance * scale
    if not wrong.any():
        return
    also = f"; {hint}" if hint else ""
    if right.ndim == 0:
        raise Wrong(f"{name} is {float(found):.6g}, which is not right{also}")
    index = tuple(int(i) for i in np.argwhere(wrong)[0])
    place = f"{name}[{', '.join(map(str, index))}]"
    raise Wrong(
        f"{np.count_nonzero(wrong)} of {right.size} entries of {name} are wrong, first {place} = "
        f"{found[index]:.6g}{also}"
    )


def whole(name: str, value: Any) -> int:
    """Return an answer as a whole number, or say what it is instead.

    Parameters
    ----------
    name : str
        What it is called.
    value
        The answer.

    Raises
    ------
    Wrong
    """
    if value is None:
        raise Wrong(f"{name} is None: is a return missing?")
    if not isinstance(value, int | np.integer) or isinstance(value, bool):
        raise Wrong(f"{name} is a {type(value).__name__}, but a whole number, an int, is asked for")
    return int(value)


def truth(holds: bool, sentence: str) -> None:
    """Raise ``Wrong`` with a sentence unless something holds.

    Parameters
    ----------
    holds : bool
    sentence : str

    Raises
    ------
    Wrong
    """
    if not holds:
        raise Wrong(sentence)


def untouched(before: Array, after: Array, name: str) -> None:
    """Say so where an answer has changed what it was given.

    Parameters
    ----------
    before, after : Array
    name : str
        Of the argument.

    Raises
    ------
    Wrong
    """
    if not np.array_equal(before, after):
        raise Wrong(
            f"the function changes its argument {name}; whoever called it still needs it: work on a copy"
        )
