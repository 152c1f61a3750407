"""Arrays of the kinds that recipes name, and how to say in a line what was given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from minicap._types import Array, Rng
from minicap.gradcheck.invent_roles import roles_of
from minicap.gradcheck.invent_shapes import Item


def draw(item: Item, name: str, rng: Rng) -> Any:
    """Return what an item asks for.

    Parameters
    ----------
    item : Item
    name : str
        Of the argument: a ``gamma`` is drawn around 1, weights are smaller than data.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray, list of ndarray, or int
    """
    if item.kind == "number":
        return item.number
    if item.length:
        return [draw(item._replace(length=0), name, rng) for _ in range(item.length)]
    if item.kind.startswith("int<"):
        return integers(item.shape, int(item.kind[4:]), rng)
    if item.kind == "bool":
        return mask(item.shape, rng)
    if item.kind in ("bit", "ones"):  # a target is an integer: it is never moved
        return mask(item.shape, rng).astype(np.int64 if item.kind == "bit" else np.float64)
    if item.kind == "onehot":
        return one_hot(item.shape, rng)
    if item.kind == "prob":
        return rng.uniform(0.1, 0.9, item.shape)
    if "gamma" in roles_of(name)[:1] or "var" in name.lower():
        return rng.uniform(0.5, 1.5, item.shape)
    size = 1.0 if roles_of(name)[:1] in (["x"], ["y"], ["h"], ["c"], ["q"], ["k"], ["v"]) else 0.6
    return size * rng.standard_normal(item.shape)


def integers(shape: tuple[int, ...], limit: int, rng: Rng) -> Array:
    """Return integers below a limit, at least one of them twice, and one absent where that can be.

    Parameters
    ----------
    shape : tuple of int
    limit : int
    rng : numpy.random.Generator
    """
    values = rng.integers(0, max(1, limit - 1), shape)
    if values.size > 1:
        values.flat[-1] = values.flat[0]
        values.flat[1] = values.flat[0] if values.size > 3 else values.flat[1]
    return values


def mask(shape: tuple[int, ...], rng: Rng) -> Array:
    """Return booleans, the first of every row True, the last of all False.

    Parameters
    ----------
    shape : tuple of int
    rng : numpy.random.Generator
    """
    values = rng.random(shape) < 0.7
    if values.ndim:
        values[..., 0] = True
    if values.size > 1:
        values.flat[-1] = False
    return values


def one_hot(shape: tuple[int, ...], rng: Rng) -> Array:
    """Return rows of zeros with a single 1.

    Parameters
    ----------
    shape : tuple of int
        The last axis holds the classes.
    rng : numpy.random.Generator
    """
    return np.eye(shape[-1])[integers(shape[:-1], shape[-1], rng)]


def shaped(values: Mapping[str, Any]) -> str:
    """Return inputs in words: ``x (2, 3), stride=2``.

    Parameters
    ----------
    values : mapping
        By argument name.
    """
    return ", ".join(_shaped(name, value) for name, value in values.items())


def _shaped(name: str, value: Any) -> str:
    """Return one input in words."""
    if isinstance(value, np.ndarray):
        kind = {"i": "int", "b": "bool"}.get(value.dtype.kind, "")
        return f"{name} {kind}{value.shape}"
    if isinstance(value, (list, tuple)) and value and isinstance(value[0], np.ndarray):
        return f"{name} {len(value)} x {value[0].shape}"
    if isinstance(value, Mapping):
        return f"{name} {{{shaped(value)}}}"
    if isinstance(value, np.random.Generator):
        return f"{name} a generator"
    return f"{name}={value!r}" if not isinstance(value, type) else f"{name}={value.__name__}"
