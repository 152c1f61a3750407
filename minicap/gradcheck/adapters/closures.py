"""Closures: ``f(x, w) -> (y, backward)``, the backward remembering what it needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from minicap.gradcheck.adapters import trees
from minicap.gradcheck.adapters.call import Call
from minicap.gradcheck.adapters.calls import Quiet, arranged, name_of, parameters
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
    """Make a function that returns its own backward checkable.

    Parameters
    ----------
    function : callable
        Returns ``(y, backward)``, ``((y1, y2), backward)`` or ``(y1, y2, backward)``; ``backward`` takes one
        upstream gradient an output, or a tuple of them, and returns the gradients.
    inputs, options, name, wiring, upcast
        As for ``pairs.subject``.

    Returns
    -------
    Subject

    Raises
    ------
    ValueError
        If no positional input is an array of floats.
    """
    names, args, options = arranged(function, inputs, options)
    call = Call(function, names, [trees.own(arg, upcast) for arg in args], trees.own(dict(options), upcast))
    call.require_inputs(name_of(function))
    quiet = Quiet(function, call.notes, "backward", shift=1)

    def forward() -> tuple[tuple[Any, ...], Any]:
        return split(call())

    def backward(upstreams: tuple[Any, ...], closure: Any) -> tuple[Gradients, list[str]]:
        takes = parameters(closure)
        needed = len(upstreams) if takes is None else sum(p.required for p in takes)
        with quiet():
            returned = closure(upstreams) if needed == 1 < len(upstreams) else closure(*upstreams)
        return call.wire(returned, source=returned_names(closure), wiring=wiring)

    if wiring is None:
        call.leave_out_data(forward, backward)
    return call.subject(name or name_of(function), "closure", forward, backward)


def split(returned: Any) -> tuple[tuple[Any, ...], Any]:
    """Split what the function returned into a tuple of outputs and the backward."""
    if not isinstance(returned, (tuple, list)) or len(returned) < 2 or not callable(returned[-1]):
        kind = f"{len(returned)} values" if isinstance(returned, (tuple, list)) else type(returned).__name__
        raise UnusableError(f"the function must return (y, backward) with a function to call, not {kind}")
    outputs = returned[0] if len(returned) == 2 else tuple(returned[:-1])
    return (tuple(outputs) if isinstance(outputs, (tuple, list)) else (outputs,)), returned[-1]
