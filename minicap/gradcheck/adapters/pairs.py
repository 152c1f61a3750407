"""Pairs of functions, ``x_forward`` and ``x_backward``, in any of the usual forms."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from minicap.gradcheck.adapters import trees
from minicap.gradcheck.adapters.call import Call
from minicap.gradcheck.adapters.calls import Quiet, arranged, name_of
from minicap.gradcheck.adapters.plan import Plan, plan
from minicap.gradcheck.adapters.wiring import returned_names
from minicap.gradcheck.engine import Subject
from minicap.gradcheck.hygiene import Gradients


def subject(
    forward: Callable[..., Any],
    backward: Callable[..., Any],
    inputs: Sequence[Any] | Mapping[str, Any],
    options: Mapping[str, Any] | None = None,
    *,
    name: str | None = None,
    wiring: Sequence[str | None] | None = None,
    upcast: bool = True,
    lenient: bool = True,
) -> Subject:
    """Make a pair of functions checkable.

    Parameters
    ----------
    forward : callable
        Returns ``(y, cache)``, ``((y1, y2), cache)``, ``(y1, y2, cache)``, or outputs alone where ``backward``
        takes the arguments again.
    backward : callable
        Takes one upstream gradient an output, and the cache last or first.
    inputs : sequence or mapping
        The arguments by position or by name: arrays, lists and dicts of arrays, anything else. Copied.
    options : mapping, optional
        Arguments by keyword, never moved.
    name : str, optional
        What to call it; else forward's name without ``_forward``.
    wiring : sequence of str or None, optional
        The arguments that the returned gradients belong to, in order.
    upcast : bool
        Whether float32 inputs are made float64.
    lenient : bool
        Whether names, shapes and the look of a target may decide what belongs together; else order alone does.

    Returns
    -------
    Subject

    Raises
    ------
    ValueError
        If no positional input is an array of floats.
    """
    name = name or name_of(forward).removesuffix("_forward")
    names, args, options = arranged(forward, inputs, options)
    call = Call(forward, names, [trees.own(arg, upcast) for arg in args], trees.own(options, upcast))
    call.require_inputs(name_of(forward))
    source = returned_names(backward) if lenient else None
    quiet = Quiet(backward, call.notes, "backward", shift=1)
    plans: list[Plan] = []

    def call_forward() -> tuple[tuple[Any, ...], Any]:
        returned = call()
        if not plans:
            plans.append(plan(returned, backward, list(call.arguments)))
            call.note(plans[0].note)
        return plans[0].split(returned)

    def call_backward(upstreams: tuple[Any, ...], cache: Any) -> tuple[Gradients, list[str]]:
        with quiet():
            returned = backward(*plans[0].fill(upstreams, cache, call.arguments))
        return call.wire(returned, source=source, wiring=wiring, lenient=lenient)

    if lenient and wiring is None:
        call.leave_out_data(call_forward, call_backward)
    return call.subject(name, "pair", call_forward, call_backward)
