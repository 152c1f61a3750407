"""A job: one row done by one library, in one or several ways of which the fastest counts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from minicap._types import Arrays

Call: TypeAlias = Callable[[], Any]
Way: TypeAlias = Callable[[], AbstractContextManager[Call]]  # with way() as call: call(); call(); ...


class Job(NamedTuple):
    """Ways to do a row, and how to read what they return.

    ``ways``: by name; each gives, inside a ``with``, what is called and timed. ``arrays``: turns what a call
    returned into named arrays in minicap's layout, for the comparison of libraries; never timed. ``measures``:
    a call returns the measured value itself, in the row's unit, and its time does not matter.
    """

    ways: dict[str, Way]
    arrays: Callable[[Any], Arrays] | None = None
    measures: bool = False


def plainly(call: Call) -> Way:
    """Return the way that does no more than the call.

    Parameters
    ----------
    call : callable

    Returns
    -------
    callable
    """

    @contextmanager
    def way() -> Iterator[Call]:
        yield call

    return way


def fingerprint(arrays: Mapping[str, Any]) -> dict[str, list[float]]:
    """Return two numbers an array that tell it from others: its size and a projection of it.

    Parameters
    ----------
    arrays : mapping of str to array

    Returns
    -------
    dict of str to [root mean square, projection onto cosines]
        JSON-ready.
    """
    found = {}
    for name, array in arrays.items():
        flat = np.asarray(array, np.float64).reshape(-1)
        waves = np.cos(np.arange(flat.size))
        size = float(np.sqrt(np.mean(flat**2))) if flat.size else 0.0
        found[name] = [size, float(flat @ waves / np.sqrt(max(flat.size, 1)))]
    return found


def same(one: Mapping[str, Any], other: Mapping[str, Any], tolerance: float = 5e-3) -> bool:
    """Tell whether two fingerprints are of the same results, up to the rounding of float32.

    Parameters
    ----------
    one, other : mapping
        From ``fingerprint``.
    tolerance : float
        Relative to the size of each array.

    Returns
    -------
    bool
    """
    if set(one) != set(other):
        return False
    for name, (size, projection) in one.items():
        room = tolerance * size + 1e-12
        if not (abs(other[name][0] - size) <= room and abs(other[name][1] - projection) <= room):
            return False
    return True
