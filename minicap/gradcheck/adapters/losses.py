"""Losses that return their gradients at once: ``softmax_loss(x, y) -> (loss, dx)``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from minicap.gradcheck.adapters import trees
from minicap.gradcheck.adapters.call import Call
from minicap.gradcheck.adapters.calls import arranged, name_of
from minicap.gradcheck.adapters.wiring import returned_names
from minicap.gradcheck.engine import Subject
from minicap.gradcheck.findings import UnusableError
from minicap.gradcheck.hygiene import Gradients


def subject(
    function: Callable[..., Any],
    inputs: Sequence[Any] | Mapping[str, Any],
    options: Mapping[str, Any] | None = None,
    *,
    name: str | None = None,
    wiring: Sequence[str | None] | None = None,
    upcast: bool = True,
) -> Subject:
    """Make a function that returns a loss and its gradients checkable.

    Parameters
    ----------
    function : callable
        Returns ``(loss, dx)``, ``(loss, dw, db)`` or ``(loss, grads)`` with a dict.
    inputs, options, name, wiring, upcast
        As for ``pairs.subject``.

    Returns
    -------
    Subject
        It takes no upstream gradient. An argument without a gradient is taken for data where others have one:
        a loss of ``(w, x, y)`` may return ``dw`` alone.

    Raises
    ------
    ValueError
        If no positional input is an array of floats.
    """
    names, args, options = arranged(function, inputs, options)
    call = Call(function, names, [trees.own(arg, upcast) for arg in args], trees.own(dict(options), upcast))
    call.require_inputs(name_of(function))
    source = returned_names(function)
    pick = source[1:] if source and len(source) > 1 else None

    def forward() -> tuple[tuple[Any, ...], Any]:
        return split(call(), name_of(function))

    def backward(upstreams: tuple[Any, ...], returned: Any) -> tuple[Gradients, list[str]]:
        return call.wire(returned, source=pick, wiring=wiring)

    gradients = call.trial(forward, backward)
    if gradients and wiring is None and any(value is not None for value in gradients.values()):
        idle = [name for name in trees.moved(call.places) if gradients.get(name) is None]
        call.leave_out(idle, "has no gradient and is taken for data; it is not moved")
    return call.subject(name or name_of(function), "loss", forward, backward, linear=False)


def split(returned: Any, name: str) -> tuple[tuple[Any, ...], Any]:
    """Split what a loss returned into the loss and its gradients."""
    if not isinstance(returned, (tuple, list)) or len(returned) < 2:
        kind = f"a {type(returned).__name__}" if not isinstance(returned, (tuple, list)) else "one value"
        raise UnusableError(f"{name} must return (loss, gradients), not {kind}", "missing_gradient")
    gradients = returned[1] if len(returned) == 2 else tuple(returned[1:])
    return (returned[0],), gradients
