"""Where numbers stopped being finite: the first place in reading order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from minicap._types import Array, ArrayMapping


def find_not_finite(model: Any, batch: Any, cache: Any) -> str:
    """Say in one line which layer holds the first value that is not finite.

    Parameters
    ----------
    model
        With ``params``.
    batch
        A NamedTuple of arrays.
    cache
        The forward's cache: nested tuples and dicts of arrays, in forward order.

    Returns
    -------
    str
    """
    if name := first_not_finite(model.params):
        return f"the parameter {name} is not finite; a smaller --lr or --clip-norm helps"
    for name, array in walk(batch):
        if not _finite(array):
            return f"the batch's {name} are not finite; look at the data"
    for name, array in walk(cache):
        if not _finite(array):
            return f"{name} is the first value that is not finite; a smaller --lr or --clip-norm helps"
    return "every layer is finite, the loss alone is not; a smaller --lr helps"


def blame_gradient(grads: ArrayMapping) -> str:
    """Say in one line which gradient makes the norm of all of them infinite or no number.

    Parameters
    ----------
    grads : dict of str to Array

    Returns
    -------
    str
    """
    name = first_not_finite(grads)
    if name is None:  # each entry is finite, but not its square
        name = max(grads, key=lambda name: np.abs(grads[name]).max(initial=0))
        return f"the gradient of {name} is too large to be squared; a smaller --lr helps"
    return f"the gradient of {name} is not finite; a smaller --lr helps"


def first_not_finite(arrays: ArrayMapping) -> str | None:
    """Return the name of the first array that is not finite, if any.

    Parameters
    ----------
    arrays : dict of str to Array
        Parameters or gradients.

    Returns
    -------
    str or None
    """
    return next((name for name, array in arrays.items() if not _finite(array)), None)


def walk(tree: Any, path: str = "") -> Iterator[tuple[str, Array]]:
    """Yield every array of nested NamedTuples, dicts and lists with its path, in order.

    Parameters
    ----------
    tree
        NamedTuples, tuples, lists, dicts, arrays; anything else is passed over.
    path : str
        What to put in front of the names.

    Yields
    ------
    (str, Array)
    """
    for name, node in nodes(tree, path):
        if isinstance(node, np.ndarray):
            yield name, node


def nodes(tree: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield a tree as ``walk`` takes it, and everything inside it, with its path: first the whole, then its parts.

    Parameters
    ----------
    tree
        NamedTuples, tuples, lists, dicts, and anything in them.
    path : str
        What to put in front of the names.

    Yields
    ------
    (str, Any)
    """
    yield path, tree
    parts: list[tuple[str, Any]] = []
    if hasattr(tree, "_fields"):
        parts = [(name, getattr(tree, name)) for name in tree._fields]
    elif isinstance(tree, Mapping):
        parts = [(str(name), value) for name, value in tree.items()]
    elif isinstance(tree, tuple | list):
        parts = [(str(i), value) for i, value in enumerate(tree, 1)]
    for name, value in parts:
        yield from nodes(value, f"{path}.{name}" if path else name)


def _finite(array: Array) -> bool:
    """Tell whether every number of an array is finite."""
    return array.dtype.kind != "f" or bool(np.isfinite(array).all())
