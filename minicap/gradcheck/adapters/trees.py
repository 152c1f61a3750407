"""Arguments as their code sees them: arrays, lists of arrays, dicts of arrays, and which of them are moved."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from minicap._types import Array, Arrays

OPTIONS = re.compile(
    r"param$|^h(yper)?_?param|^(config|cfg|options?|opts|settings|kwargs|conf|cache)$|_(config|options)$"
)
"""Dicts of this name hold strides, modes and running averages: nothing to differentiate by."""


class Place(NamedTuple):
    """Where one positional argument's gradients belong.

    Attributes
    ----------
    argument : str
        The argument's name.
    leaves : dict of str to ndarray
        Its live float arrays, by the name of their gradient; none where nothing in it is moved.
    value : object
        The argument itself.
    """

    argument: str
    leaves: Arrays
    value: Any


def is_float_array(value: Any) -> bool:
    """Whether ``value`` is an array that can be moved a little."""
    return isinstance(value, np.ndarray) and value.dtype.kind == "f"


def own(value: Any, upcast: bool) -> Any:
    """Return a copy of an array, or of the arrays in lists and dicts, in float64 where asked; the rest as it is."""
    if isinstance(value, np.floating):
        value = np.asarray(value)
    if isinstance(value, np.ndarray):
        small = value.dtype.kind == "f" and value.dtype.itemsize < 8
        return value.astype(np.float64) if upcast and small else value.copy()
    return rebuilt(value, lambda child: own(child, upcast))


def rebuilt(value: Any, change: Any) -> Any:
    """Return a plain container of the same kind with ``change`` applied to its items; anything else as it is."""
    if type(value) is dict:
        return {key: change(child) for key, child in value.items()}
    if type(value) is list:
        return [change(child) for child in value]
    if type(value) is tuple:
        return tuple(change(child) for child in value)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(change(child) for child in value))
    return value


def fresh(values: Any, live: frozenset[int] = frozenset()) -> list[Any]:
    """Return the values for one call: generators copied, so that each call draws the same numbers.

    A dict is copied too, and the arrays in it that are not moved (``live`` holds the moved ones' ids): a
    ``bn_param`` gathers running averages in its dict, and the next call must not see them.
    """
    return [_fresh(value, live, False) for value in values]


def _fresh(value: Any, live: frozenset[int], inside: bool) -> Any:
    """Return one value for one call."""
    if isinstance(value, (np.random.Generator, np.random.RandomState)):
        return copy.deepcopy(value)
    if isinstance(value, np.ndarray):
        return value.copy() if inside and id(value) not in live else value
    return rebuilt(value, lambda child: _fresh(child, live, True))


def places(names: Sequence[str], values: Sequence[Any], trees: bool = True) -> list[Place]:
    """Return where the gradients of each positional argument belong.

    Parameters
    ----------
    names, values : sequence
        The arguments.
    trees : bool
        Whether to look into lists and dicts.

    Returns
    -------
    list of Place
        ``dx`` for an array ``x``, ``dxs[0]`` and ``dxs[1]`` for a list ``xs``, ``dW`` for a dict with a key W.
    """
    found: list[Place] = []
    taken = {f"d{name}" for name in names}
    for name, value in zip(names, values, strict=True):
        leaves: Arrays = {}
        if is_float_array(value):
            leaves[f"d{name}"] = value
        elif trees and not (isinstance(value, Mapping) and OPTIONS.search(name.lower())):
            _leaves(value, f"d{name}", leaves, taken)
        found.append(Place(name, leaves, value))
    return found


def _leaves(value: Any, path: str, leaves: Arrays, taken: set[str]) -> None:
    """Collect the float arrays below a container."""
    if isinstance(value, Mapping):
        for key, child in value.items():
            if is_float_array(child) and not re.search("running|moving", str(key)):
                name = f"d{key}" if f"d{key}" not in taken else f"{path}[{key}]"
                taken.add(name)
                leaves[name] = child
            elif isinstance(child, (list, tuple, dict)):
                _leaves(child, f"{path}[{key}]", leaves, taken)
    elif isinstance(value, (list, tuple)):
        for i, child in enumerate(value):
            if is_float_array(child):
                leaves[f"{path}[{i}]"] = child
            elif isinstance(child, (list, tuple, dict)):
                _leaves(child, f"{path}[{i}]", leaves, taken)


def moved(found: Sequence[Place]) -> Arrays:
    """Return every live array to differentiate by, keyed by its gradient."""
    arrays: Arrays = {}
    for place in found:
        for name, array in place.leaves.items():
            if not any(array is other for other in arrays.values()):
                arrays[name] = array
    return arrays


def spread(place: Place, gradient: Any) -> tuple[dict[str, Any], list[str]]:
    """Give the parts of a container's gradient to its leaves; return them and what remains without one."""
    if is_float_array(place.value):
        return {next(iter(place.leaves)): gradient}, []
    if isinstance(gradient, np.ndarray) and isinstance(place.value, (list, tuple)):
        gradient = list(gradient) if gradient.ndim else [gradient]  # one stacked array for a list of arrays
    parts: dict[str, Any] = {}
    _spread(place.value, gradient, place.leaves, parts)
    return parts, [name for name in place.leaves if name not in parts]


def _spread(value: Any, gradient: Any, leaves: Arrays, parts: dict[str, Any]) -> None:
    """Walk a container and its gradient side by side."""
    name = next((name for name, leaf in leaves.items() if leaf is value), None)
    if name is not None:
        parts[name] = gradient
    elif isinstance(value, Mapping) and isinstance(gradient, Mapping):
        for key, child in value.items():
            found = next((k for k in (key, f"d{key}", f"grad_{key}", f"{key}_grad") if k in gradient), None)
            if found is not None:
                _spread(child, gradient[found], leaves, parts)
    elif isinstance(value, (list, tuple)) and isinstance(gradient, (list, tuple)):
        for child, part in zip(value, gradient, strict=False):
            _spread(child, part, leaves, parts)


def shape_of(array: Array | Any) -> tuple[int, ...]:
    """Return the shape of an array or number."""
    return tuple(np.shape(array)) if isinstance(array, (np.ndarray, np.generic, float, int)) else (-1,)
