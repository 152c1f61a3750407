"""minicap's own layers: parameters in ``params``, the cache outside, gradients returned in a dict."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from minicap._types import Arrays
from minicap.gradcheck.adapters import trees
from minicap.gradcheck.adapters.calls import argument_names, arranged, parameters
from minicap.gradcheck.adapters.plan import CACHE, UPSTREAM
from minicap.gradcheck.adapters.wiring import wire
from minicap.gradcheck.engine import Subject
from minicap.gradcheck.findings import Problem, UnusableError
from minicap.gradcheck.hygiene import Gradients

RATE = re.compile(r"^(lr|l_rate|learning_?rate|eta|step_?size|alpha)$", re.I)


def is_explicit(layer: Any) -> bool:
    """Whether a layer hands out its cache and returns its gradients, as minicap's do."""
    if not isinstance(getattr(layer, "params", None), Mapping) or hasattr(layer, "grads"):
        return False
    takes = parameters(layer.backward) if hasattr(layer, "backward") else []
    if takes is None:
        return True
    needed = [parameter.name for parameter in takes if parameter.required]
    if len(needed) < 2 or RATE.match(needed[-1]):
        return False
    return bool(CACHE.match(needed[-1]) or not UPSTREAM.match(needed[-1]))


def layer_subject(
    layer: Any,
    inputs: Sequence[Any] | Mapping[str, Any],
    options: Mapping[str, Any] | None = None,
    *,
    name: str,
    upcast: bool = True,
) -> Subject:
    """Make a layer checkable that has ``forward -> (y, cache)`` and ``backward(dy, cache) -> (dx, grads)``.

    Works on a copy of the layer; buffers (running statistics) are put back after each forward.

    Parameters
    ----------
    layer, inputs, options, upcast
        As for ``classes.subject``.
    name : str
        What to call it.

    Returns
    -------
    Subject
        Gradients of inputs are called ``d<argument>``, those of parameters like the parameter.

    Raises
    ------
    ValueError
        If there is nothing to differentiate by, or a parameter cannot be moved.
    """
    layer = copy.deepcopy(layer)
    names, given, options = arranged(layer.forward, inputs, options)
    args = [trees.own(value, upcast) for value in given]
    options = trees.own(dict(options), upcast)
    if upcast:
        for key, array in list(layer.params.items()):
            layer.params[key] = trees.own(array, upcast)
    params = live_params(layer, f"check_layer: {name}", upcast)
    declared = list(getattr(layer, "inputs", ()))
    if not isinstance(inputs, Mapping):
        names = declared if len(declared) == len(args) else argument_names(layer.forward, len(args))
    places = trees.places(names, args, trees=False)
    moved = trees.moved(places) | params
    if not moved:
        raise ValueError(
            f"check_layer: {name} has no parameters and got no array of floats: nothing to check"
        )
    restore = buffer_keeper(layer)

    def forward() -> tuple[tuple[Any, ...], Any]:
        try:
            returned = layer.forward(
                *trees.fresh(args), **dict(zip(options, trees.fresh(options.values()), strict=True))
            )
        finally:
            restore()
        return split_outputs(returned)

    def backward(upstreams: tuple[Any, ...], cache: Any) -> tuple[Gradients, list[str]]:
        dx, grads = split_gradients(layer.backward(*upstreams, cache), "dx")
        wired = wire(dx, places, lenient=False) if any(place.leaves for place in places) else None
        gradients, problems = (wired.gradients, wired.problems) if wired else ({}, [])
        return gradients | grads, problems + unwired(grads, params)

    arguments = {**dict(zip(names, args, strict=True)), **options, **params}
    return Subject(
        name, moved, forward, backward, arguments=arguments, style="class", parameters=frozenset(params)
    )


def split_outputs(result: Any) -> tuple[tuple[Any, ...], Any]:
    """Split what a forward returns into a tuple of outputs and the cache."""
    if not isinstance(result, tuple) or len(result) != 2:
        kind = f"a tuple of {len(result)}" if isinstance(result, tuple) else f"a {type(result).__name__}"
        raise UnusableError(f"forward must return (y, cache) or ((y1, y2), cache), not {kind}")
    y, cache = result
    return (tuple(y) if isinstance(y, (tuple, list)) else (y,)), cache


def split_gradients(result: Any, first: str) -> tuple[Any, Gradients]:
    """Split what a layer's or a model's backward returns into the inputs' gradients and the parameters'."""
    if not isinstance(result, tuple) or len(result) != 2 or not isinstance(result[1], Mapping):
        raise UnusableError(
            f"backward must return ({first}, grads) with a dict of gradients by parameter name",
            "missing_gradient",
        )
    return result[0], dict(result[1])


def live_params(owner: Any, who: str, upcast: bool) -> Arrays:
    """Return the live parameters; they must be float64 unless ``upcast`` is False."""
    params = dict(owner.params)
    for name, array in params.items():
        if upcast and array.dtype != np.float64:
            raise ValueError(
                f"{who}: parameter {name} is {array.dtype}; derivatives are measured in float64: "
                "build it with dtype='float64'"
            )
        if not array.flags.writeable:
            raise ValueError(f"{who}: parameter {name} is read-only, so it cannot be moved")
    return params


def buffer_keeper(owner: Any) -> Any:
    """Return a function that puts the owner's buffers back as they are now."""
    buffers = dict(getattr(owner, "buffers", None) or {})
    kept = {name: array.copy() for name, array in buffers.items()}

    def restore() -> None:
        present = getattr(owner, "buffers", None) or {}
        for name, array in kept.items():
            np.copyto(present[name], array)

    return restore


def unwired(grads: Any, params: Arrays) -> list[str]:
    """Return a sentence for each gradient that belongs to no parameter."""
    return [
        Problem(f"backward returns a gradient {name!r}, but there is no such parameter", "missing_gradient")
        for name in grads
        if name not in params
    ]
