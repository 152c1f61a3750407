"""Manners: what a forward and a backward must not do besides computing the right numbers.

Nothing changes its arguments or its cache, the same call gives the same result, a later call leaves an
earlier result alone, and a backward is linear in its upstream gradient: zero gives zero.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from minicap._types import Array
from minicap.gradcheck.findings import Problem

Gradients = dict[str, Any]
Backward = Callable[[tuple[Any, ...]], Gradients]


def fingerprint(value: Any, path: str = "cache") -> dict[str, str]:
    """Digest every array and number inside ``value``, keyed by the path that leads to it.

    Tuples, NamedTuples, lists, dicts, dataclasses and plain objects are walked; generators, functions and
    modules have no content to change.
    """
    found: dict[str, str] = {}
    _walk(value, path, found, set())
    return found


def _walk(value: Any, path: str, found: dict[str, str], seen: set[int]) -> None:
    """Add the digests below ``value`` to ``found``, each object once."""
    if isinstance(value, np.ndarray):
        content = value if value.dtype != object else np.array([repr(item) for item in value.ravel()])
        digest = hashlib.blake2b(np.ascontiguousarray(content).tobytes(), digest_size=16).hexdigest()
        found[path] = f"{value.dtype}{value.shape}{digest}"
        return
    if value is None or isinstance(value, (bool, int, float, complex, str, bytes, np.generic)):
        found[path] = repr(value)
        return
    if id(value) in seen or isinstance(value, (FunctionType, ModuleType, type, np.random.Generator)):
        return
    seen.add(id(value))
    for name, child in _children(value):
        _walk(child, path + name, found, seen)


def _children(value: Any) -> list[tuple[str, Any]]:
    """Return the named parts of a container or object."""
    if hasattr(value, "_fields"):
        return [(f".{name}", getattr(value, name)) for name in value._fields]
    if isinstance(value, Mapping):
        return [(f"[{key!r}]", child) for key, child in value.items()]
    if isinstance(value, (list, tuple)):
        return [(f"[{i}]", child) for i, child in enumerate(value)]
    if is_dataclass(value):
        return [(f".{f.name}", getattr(value, f.name)) for f in fields(value)]
    return [(f".{name}", child) for name, child in getattr(value, "__dict__", {}).items()]


def changed(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """Return the paths whose content differs."""
    return [path for path in before if before[path] != after.get(path)]


def same(a: Any, b: Any) -> bool:
    """Whether two results hold the same values, NaN equal to NaN."""
    return fingerprint(a) == fingerprint(b)


def snapshot(value: Any) -> Any:
    """Return the value with every array in its tuples, lists and dicts copied; what else there is stays itself."""
    if isinstance(value, np.ndarray):
        return value.copy()
    if isinstance(value, dict):
        return {key: snapshot(child) for key, child in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*map(snapshot, value))
    if type(value) in (list, tuple):
        return type(value)(map(snapshot, value))
    return value


def upstream_problems(
    backward: Backward, upstreams: tuple[Any, ...], gradients: Gradients, other: tuple[Any, ...]
) -> list[str]:
    """Return a sentence each where ``backward`` is not repeatable, not zero at zero, or not linear.

    Parameters
    ----------
    backward : callable
        From upstream gradients to gradients, cache fixed.
    upstreams, other : tuple of ndarray
        Two random upstream gradients.
    gradients : dict
        What ``backward(upstreams)`` gave the first time.
    """
    problems: list[str] = []
    if not same(gradients, backward(upstreams)):
        return [
            Problem(
                "backward called twice with the same arguments gives two different results",
                "nondeterministic",
            )
        ]
    zero = snapshot(backward(tuple(dy * 0 for dy in upstreams)))
    mixed = snapshot(backward(tuple(2 * dy - dz for dy, dz in zip(upstreams, other, strict=True))))
    apart = snapshot(backward(other))
    # A gradient that is zero in theory is rounding noise in practice, of the size that the others allow.
    noise = 100 * max((_rounding(g) for g in gradients.values() if _comparable(g, g)), default=0.0)
    for name, gradient in gradients.items():
        parts: list[Any] = [g.get(name) for g in (zero, mixed, apart)]
        if not all(_comparable(gradient, part) for part in parts):
            continue
        if np.any(parts[0] != 0):
            sentence = "is not zero when the upstream gradient is zero: something adds to it"
        elif not _close(parts[1], 2 * gradient - parts[2], gradient, parts[2], noise=noise):
            sentence = "is not linear in the upstream gradient, as a derivative must be"
        else:
            continue
        problems.append(Problem(f"{name} {sentence}", "not_linear", name))
    return problems


def _comparable(a: Any, b: Any) -> bool:
    """Whether both are finite floats of one shape."""
    if not all(isinstance(g, (np.ndarray, np.floating)) and g.dtype.kind == "f" for g in (a, b)):
        return False
    return a.shape == b.shape and bool(np.isfinite(a).all() and np.isfinite(b).all())


def _rounding(gradient: Array) -> float:
    """Return how far the largest entry of a gradient may be off by rounding."""
    return float(np.finfo(gradient.dtype).eps) * float(np.abs(gradient).max(initial=0.0))


def _close(found: Array, expected: Array, *parts: Array, noise: float = 0.0) -> bool:
    """Whether two results agree up to the rounding that their parts, or others of their kind, allow."""
    size = max(float(np.abs(part).max(initial=0.0)) for part in (found, *parts))
    eps = float(np.finfo(np.result_type(found)).eps)
    return float(np.abs(found - expected).max(initial=0.0)) <= eps**0.5 * size + noise
