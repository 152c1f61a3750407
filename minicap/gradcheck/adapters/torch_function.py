"""A PyTorch ``autograd.Function``, where torch is installed: it is imported when the subject is made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from minicap.gradcheck.adapters import trees
from minicap.gradcheck.adapters.calls import argument_names
from minicap.gradcheck.engine import Subject
from minicap.gradcheck.findings import UnusableError
from minicap.gradcheck.hygiene import Gradients


def subject(
    function: Any,
    inputs: Sequence[Any] | Mapping[str, Any],
    options: Mapping[str, Any] | None = None,
    *,
    name: str | None = None,
    upcast: bool = True,
) -> Subject:
    """Make a subclass of ``torch.autograd.Function`` checkable.

    Parameters
    ----------
    function : type
        Has the static methods ``forward(ctx, ...)`` and ``backward(ctx, ...)``.
    inputs : sequence or mapping
        Its arguments after ``ctx``, as NumPy arrays; each becomes a tensor for the call.
    options : mapping, optional
        Further arguments by name; they are passed in forward's own order.
    name : str, optional
        What to call it; else its own name.
    upcast : bool
        Whether float32 inputs are made float64.

    Returns
    -------
    Subject
        Gradients are called ``d<argument>``.

    Raises
    ------
    UnusableError
        If torch is not installed.
    """
    try:
        import torch
    except ImportError as missing:
        raise UnusableError("an autograd.Function needs torch, which is not installed") from missing
    given = inputs if isinstance(inputs, Mapping) else {}
    names = argument_names(function.forward, 1 + len(inputs) + len(options or {}))[1:]
    values = (
        {**given, **(options or {})}
        if given
        else dict(zip(names, inputs, strict=False)) | dict(options or {})
    )
    names = [key for key in names if key in values]
    args = [trees.own(values[key], upcast) for key in names]
    places = trees.places(names, args, trees=False)

    def forward() -> tuple[tuple[Any, ...], Any]:
        tensors = [torch.tensor(x) if isinstance(x, np.ndarray) else x for x in args]
        for place, tensor in zip(places, tensors, strict=True):
            if place.leaves:
                tensor.requires_grad_(True)
        returned = function.apply(*tensors)
        outputs = returned if isinstance(returned, tuple) else (returned,)
        return tuple(y.detach().numpy().copy() for y in outputs), (outputs, tensors)

    def backward(upstreams: tuple[Any, ...], cache: Any) -> tuple[Gradients, list[str]]:
        outputs, tensors = cache
        moved = [(place, tensor) for place, tensor in zip(places, tensors, strict=True) if place.leaves]
        found = torch.autograd.grad(
            outputs, [tensor for _, tensor in moved], [torch.tensor(dy) for dy in upstreams],
            retain_graph=True, allow_unused=True,
        )  # fmt: skip
        gradients = {
            next(iter(place.leaves)): None if value is None else value.detach().numpy().copy()
            for (place, _), value in zip(moved, found, strict=True)
        }
        return gradients, []

    arguments = dict(zip(names, args, strict=True))
    return Subject(
        name or function.__name__, trees.moved(places), forward, backward, arguments=arguments, style="torch"
    )
