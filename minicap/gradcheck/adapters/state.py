"""The float arrays inside an object: where they are, which are parameters, and where their gradients are left."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any, NamedTuple

import numpy as np

from minicap._types import Array
from minicap.gradcheck.adapters.trees import is_float_array

Step = tuple[str, Any]
Path = tuple[Step, ...]

HOMES = ("params", "parameters", "weights", "param", "p", "learnable")
GRADIENT_HOMES = (
    "grads", "gradients", "grad", "gradient", "dparams", "dweights", "d", "param_grads", "grad_params",
)  # fmt: skip
STORED = ("data", "value", "val", "weight", "array", "w", "v", "tensor", "param")
NOT_PARAMETERS = re.compile(
    r"running|moving|momentum|velocity|^cache|_cache|buffer|grad|optim|adam|^[mvd]$|^[mv]_|mask|mean|var$|^std"
)
LIKE_PARAMETERS = re.compile(
    r"^(w|b|u|v|g)(\d*|_?[a-z]{1,3}\d*)$|weight|bias|kernel|filter|gamma|beta|embed|theta|alpha|scale|shift",
    re.I,
)
OPAQUE = (
    str,
    bytes,
    FunctionType,
    BuiltinFunctionType,
    MethodType,
    ModuleType,
    type,
    np.random.Generator,
    np.random.RandomState,
)


class Parameter(NamedTuple):
    """A parameter of an object.

    Attributes
    ----------
    name : str
        Where it is, as the code would write it: ``W``, ``W1`` in a dict of parameters, ``layers[0].W``.
    gradient : str
        The name of its gradient: ``dW``, ``layers[0].dW``.
    path : tuple
        The steps to it from the object.
    array : ndarray
        The live array.
    stored : tuple or None
        The steps to the gradient, None where the object keeps none.
    """

    name: str
    gradient: str
    path: Path
    array: Array
    stored: Path | None


def children(value: Any) -> list[tuple[Step, Any]]:
    """Return what is directly inside a dict, list, tuple or plain object, with the step that leads there."""
    if isinstance(value, Mapping):
        return [(("item", key), child) for key, child in value.items()]
    if isinstance(value, (list, tuple)):
        return [(("item", i), child) for i, child in enumerate(value)]
    if isinstance(value, (np.ndarray, np.generic, *OPAQUE)) or value is None:
        return []
    return [(("attribute", name), child) for name, child in getattr(value, "__dict__", {}).items()]


def walk(root: Any, path: Path = (), seen: set[int] | None = None) -> Iterator[tuple[Path, Any]]:
    """Yield everything below ``root`` with the path to it; what is inside an object is told once."""
    seen = {id(root)} if seen is None else seen
    for step, child in children(root):
        if isinstance(child, (str, bytes, FunctionType, BuiltinFunctionType, MethodType, ModuleType)):
            continue
        yield (*path, step), child
        if id(child) not in seen and len(path) < 12:
            seen.add(id(child))
            yield from walk(child, (*path, step), seen)


def follow(root: Any, path: Path) -> Any:
    """Return what is at the end of a path, None where it leads nowhere."""
    for kind, key in path:
        try:
            root = getattr(root, key) if kind == "attribute" else root[key]
        except (AttributeError, KeyError, IndexError, TypeError):
            return None
    return root


def put(root: Any, path: Path, value: Any) -> None:
    """Put something else at the end of a path; tuples cannot be changed."""
    home, (kind, key) = follow(root, path[:-1]), path[-1]
    if kind == "attribute":
        setattr(home, key, value)
    elif isinstance(home, (dict, list)):
        home[key] = value


def spell(path: Path) -> str:
    """Return a path as one would write it, without the dict that holds all parameters."""
    text = ""
    for i, (kind, key) in enumerate(path):
        home = kind == "attribute" and key in (*HOMES, *GRADIENT_HOMES) and i + 1 < len(path)
        if home and path[i + 1][0] == "item" and isinstance(path[i + 1][1], str):
            continue
        bare = (
            kind == "attribute"
            or (isinstance(key, str) and not text)
            or (isinstance(key, str) and text[-1:] == ".")
        )
        inside = (
            isinstance(key, str)
            and i
            and path[i - 1][0] == "attribute"
            and path[i - 1][1] in (*HOMES, *GRADIENT_HOMES)
        )
        text += f"{'.' if text else ''}{key}" if bare or inside else f"[{key}]"
    return text


def upcast(root: Any) -> None:
    """Make every float32 array inside an object float64, and a ``dtype`` attribute too."""
    new: dict[int, Array] = {}
    for path, value in list(walk(root)):
        if is_float_array(value) and value.dtype.itemsize < 8:
            put(root, path, new.setdefault(id(value), value.astype(np.float64)))
        elif path[-1] == ("attribute", "dtype") and value in (np.float32, np.float16, "float32", "f4"):
            put(root, path, np.float64)


def parameters(before: Any, after: Any) -> list[Parameter]:
    """Return the parameters of an object, by looking at it before a forward and after the backward.

    Parameters
    ----------
    before : object
        As it was.
    after : object
        A copy that shares no array with it and ran forward and backward once.

    Returns
    -------
    list of Parameter
        Arrays with a gradient beside them, arrays in a dict of parameters, and arrays that are called like
        parameters; none that is gradient, running average or cache.
    """
    arrays = dict(_all_arrays(before))
    stored = {path: _gradient_path(after, path, array) for path, array in arrays.items()}
    gradients = {path for path in stored.values() if path is not None}
    found: list[Parameter] = []
    for path, array in arrays.items():
        if path in gradients or any(array is parameter.array for parameter in found):
            continue
        if stored[path] is None and not is_parameter(path):
            continue
        wrapped = len(path) > 1 and path[-1] in [("attribute", name) for name in STORED[:5]]
        name = spell(path[:-1] if wrapped else path)  # a Parameter object with data and grad
        found.append(Parameter(name, _gradient_name(name), path, array, stored[path]))
    return found


def _all_arrays(root: Any) -> list[tuple[Path, Array]]:
    """Return every float array with at least one number, parameters' own dicts first."""
    found = [(path, value) for path, value in walk(root) if is_float_array(value) and value.size]
    homes = {("attribute", home) for home in HOMES}
    return sorted(found, key=lambda item: not homes & set(item[0]))


def is_parameter(path: Path) -> bool:
    """Whether an array without a gradient must be a parameter by its name or place."""
    words = [str(key) for _, key in path]
    if any(NOT_PARAMETERS.search(word.lower()) for word in words):
        return False
    if any(word in HOMES for word in words[:-1]):
        return True
    return bool(path[-1][0] == "attribute" and LIKE_PARAMETERS.search(words[-1]))


def _gradient_name(name: str) -> str:
    """Return how to call the gradient of a parameter: ``layers[0].dW`` for ``layers[0].W``."""
    head, dot, last = name.rpartition(".")
    return f"{head}{dot}d{last}"


def _gradient_path(after: Any, path: Path, array: Array) -> Path | None:
    """Return where an object keeps the gradient of the array at ``path``, if it does."""
    kind, key = path[-1]
    owner = follow(after, path[:-1])
    for name in _gradient_forms(key) if isinstance(key, str) else ():
        if kind == "attribute" and _is_gradient(getattr(owner, name, None), array, name):
            return (*path[:-1], ("attribute", name))
        if kind == "item" and isinstance(owner, Mapping) and _is_gradient(owner.get(name), array, name):
            return (*path[:-1], ("item", name))
    if kind == "item" and len(path) > 1:
        holder = follow(after, path[:-2])
        homes = [*GRADIENT_HOMES, *_gradient_forms(str(path[-2][1]))]
        for home in homes:
            place = _in_home(getattr(holder, home, None), key, array)
            if place is not None:
                return (*path[:-2], ("attribute", home), ("item", place))
    if kind == "attribute":
        for home in GRADIENT_HOMES:
            gradients = getattr(owner, home, None)
            place = _in_home(gradients, key, array) if isinstance(gradients, Mapping) else None
            if place is not None:
                return (*path[:-1], ("attribute", home), ("item", place))
    return None


def _in_home(gradients: Any, key: Any, array: Array) -> Any:
    """Return the key under which a dict or list of gradients has that of the parameter ``key``, else None."""
    if isinstance(gradients, Mapping):
        return next(
            (k for k in (key, *_gradient_forms(str(key))) if k in gradients and gradients[k] is not None),
            None,
        )
    if isinstance(gradients, list) and isinstance(key, int) and key < len(gradients):
        return key if gradients[key] is not None else None
    return None


def _gradient_forms(name: str) -> list[str]:
    """Return what the gradient of ``name`` may be called beside it."""
    forms = [
        f"d{name}",
        f"d_{name}",
        f"grad_{name}",
        f"{name}_grad",
        f"grad{name}",
        f"{name}_gradient",
        f"g{name}",
    ]
    forms += [
        f"gradient_{name}",
        f"grad_{name.lower()}",
        f"grad_{name.upper()}",
        f"d{name.lower()}",
        f"d{name.upper()}",
    ]
    forms += [f"{name}grad", f"delta_{name}", f"_d{name.lstrip('_')}", f"{name}_g"]
    words = {"W": ("dweights", "dweight"), "b": ("dbias", "dbiases")}
    extra = [f"d{short}" for short, longs in words.items() if f"d{name}" in longs]
    return forms + extra + ([*GRADIENT_HOMES[:4], "g"] if name in STORED else [])


def _is_gradient(value: Any, array: Array, name: str) -> bool:
    """Whether an attribute may hold a gradient: an array, a number, or anything called so plainly."""
    return isinstance(value, (np.ndarray, np.generic, float)) or (
        isinstance(value, list) and name.startswith("d")
    )
