"""Check a layer: an object with ``params``, ``forward`` and ``backward``."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np

from minicap._types import Arrays
from minicap.gradcheck.compare import Budget
from minicap.gradcheck.engine import Check, Subject, UnusableError
from minicap.gradcheck.hygiene import Gradients
from minicap.gradcheck.op import argument_names, fresh, is_float_array, own, split_outputs, wire
from minicap.gradcheck.report import Report


def check_layer(
    layer: Any, *inputs: Any, seed: int = 0, tolerance: float = 1e-6, upcast: bool = True, **options: Any
) -> Report:
    """Prove the derivative of a layer by every float input and every parameter.

    Works on a copy of the layer, in float64; buffers (running statistics) are put back after each forward.

    Parameters
    ----------
    layer : object
        Has ``params`` (a dict of live arrays by name), ``forward(*inputs, **options) -> (y, cache)`` and
        ``backward(*upstreams, cache) -> (dx, grads)``, with a tuple for ``dx`` where there are several
        float inputs, and ``grads`` named like ``params``. It may name its inputs in ``inputs``.
    *inputs : ndarray or anything
        As for ``check_op``.
    seed, tolerance, upcast
        As for ``check_op``.
    **options
        Passed to ``forward`` by keyword.

    Returns
    -------
    Report
        Gradients of inputs are called ``d<argument>``, those of parameters like the parameter.

    Raises
    ------
    ValueError
        If there is nothing to differentiate by, or a float32 parameter cannot be replaced by a float64 one.
    """
    name = type(layer).__name__
    layer = copy.deepcopy(layer)
    args = [own(value, upcast) for value in inputs]
    options = {key: own(value, upcast) for key, value in options.items()}
    if upcast:
        for key, array in list(layer.params.items()):
            layer.params[key] = own(array, upcast)
    params = live_params(layer, f"check_layer: {name}", upcast)
    declared = list(getattr(layer, "inputs", ()))
    names = declared if len(declared) == len(args) else argument_names(layer.forward, len(args))
    places = [f"d{arg}" if is_float_array(x) else None for arg, x in zip(names, args, strict=True)]
    moved = {place: x for place, x in zip(places, args, strict=True) if place} | params
    if not moved:
        raise ValueError(
            f"check_layer: {name} has no parameters and got no array of floats: nothing to check"
        )
    restore = buffer_keeper(layer)

    def forward() -> tuple[tuple[Any, ...], Any]:
        try:
            return split_outputs(
                layer.forward(*fresh(args), **dict(zip(options, fresh(options.values()), strict=True)))
            )
        finally:
            restore()

    def backward(upstreams: tuple[Any, ...], cache: Any) -> tuple[Gradients, list[str]]:
        dx, grads = split_gradients(layer.backward(*upstreams, cache), "dx")
        gradients, problems = wire(dx, places) if any(places) else ({}, [])
        return gradients | grads, problems + unwired(grads, params)

    return Check(
        Subject(name, moved, forward, backward), tolerance, Budget(), np.random.default_rng(seed)
    ).run()


def split_gradients(result: Any, first: str) -> tuple[Any, Gradients]:
    """Split what a layer's or a model's backward returns into the inputs' gradients and the parameters'."""
    if not isinstance(result, tuple) or len(result) != 2 or not isinstance(result[1], Mapping):
        raise UnusableError(
            f"backward must return ({first}, grads) with a dict of gradients by parameter name"
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
        f"backward returns a gradient {name!r}, but there is no such parameter"
        for name in grads
        if name not in params
    ]
