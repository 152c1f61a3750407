# ruff: noqa: NPY002  (constructors of students draw from the global state)
"""From a function or class of a student and values by name to a ``Subject``, through the adapters."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

import numpy as np

from minicap._types import Array
from minicap.gradcheck.adapters.trees import is_float_array
from minicap.gradcheck.engine import Subject
from minicap.gradcheck.findings import UnusableError

_ADAPTERS = {
    "pair": "pairs", "class": "classes", "closure": "closures", "loss": "losses", "model": "models",
    "torch": "torch_function",
}  # fmt: skip
_WEIGHT = re.compile(
    r"^(w|b|u|v|bias|beta|gamma|theta|kernel|weights?|biases)\d*(_?\w{1,2})?$", re.IGNORECASE
)


def _adapter(style: str) -> Any:
    """Return the module that adapts a style; only what a file needs is loaded."""
    return import_module(f"minicap.gradcheck.adapters.{_ADAPTERS[style]}")


def build_pair(forward: Any, backward: Any, name: str, inputs: Mapping[str, Any]) -> Subject:
    """Return the subject of a forward and its backward.

    Parameters
    ----------
    forward, backward : callable
    name : str
    inputs : mapping
        By argument name.
    """
    return _adapter("pair").subject(forward, backward, inputs, name=name)


def build_function(style: str, function: Any, name: str, inputs: Mapping[str, Any]) -> Subject:
    """Return the subject of one function that is a closure or a loss.

    Parameters
    ----------
    style : str
        "closure" or "loss".
    function : callable
    name : str
    inputs : mapping
        By argument name.
    """
    return _adapter(style).subject(function, inputs, name=name)


def build_torch(function: Any, name: str, inputs: Mapping[str, Any]) -> Subject:
    """Return the subject of a ``torch.autograd.Function``.

    Parameters
    ----------
    function : type
    name : str
    inputs : mapping
        By argument name.
    """
    return _adapter("torch").subject(function, inputs, name=name)


def build_class(owner: type, style: str, maker: Sequence[Any], inputs: Mapping[str, Any]) -> Subject:
    """Make a layer or model, and return its subject.

    Parameters
    ----------
    owner : type
    style : str
        "class" or "model".
    maker : sequence of Slot
        What goes to the constructor.
    inputs : mapping
        By argument name: the constructor's and the forward's together.

    Raises
    ------
    UnusableError
        If the constructor raises.
    """
    given = {slot.name for slot in maker}
    state = np.random.get_state()
    np.random.seed(10_000)
    try:
        layer = owner(**{name: value for name, value in inputs.items() if name in given})
    except Exception as raised:
        text = " ".join(str(raised).split())
        sentence = f"the constructor raised {type(raised).__name__}: {text}"
        raise UnusableError(sentence) from raised
    finally:
        np.random.set_state(state)
    enliven(layer)
    rest = {name: value for name, value in inputs.items() if name not in given}
    return _adapter(style).subject(layer, rest, name=owner.__name__)


def enliven(layer: Any) -> None:
    """Move parameters that a constructor set to a constant: a bias of zeros hides what happens to it.

    Parameters
    ----------
    layer : object
        Its arrays are changed in place.
    """
    rng = np.random.default_rng(1)
    params = getattr(layer, "params", None)
    if isinstance(params, Mapping):
        arrays = list(params.values())
    elif isinstance(params, (list, tuple)):
        arrays = list(params)
    else:
        arrays = (
            [value for name, value in vars(layer).items() if _WEIGHT.match(name)] if _has_dict(layer) else []
        )
    for array in arrays:
        if is_float_array(array) and array.flags.writeable and _is_constant(array):
            array += 0.3 * rng.standard_normal(array.shape).astype(array.dtype)


def _has_dict(layer: Any) -> bool:
    """Whether an object keeps its attributes in the usual place."""
    return hasattr(layer, "__dict__")


def _is_constant(array: Array) -> bool:
    """Whether all entries are the same."""
    return array.size > 0 and bool((array == array.flat[0]).all())
