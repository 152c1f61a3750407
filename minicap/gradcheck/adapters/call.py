"""One function with its own copy of its arguments, called again and again while they are moved."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from minicap.gradcheck.adapters import trees
from minicap.gradcheck.adapters.calls import Quiet
from minicap.gradcheck.adapters.wiring import DATA, wire
from minicap.gradcheck.engine import Subject
from minicap.gradcheck.hygiene import Gradients

Forward = Callable[[], tuple[tuple[Any, ...], Any]]
Backward = Callable[[tuple[Any, ...], Any], tuple[Gradients, list[str]]]


class Call:
    """A function under check and the live arguments it is called with.

    Parameters
    ----------
    function : callable
        The function.
    names : sequence of str
        The names of the positional arguments.
    args : list
        Their values, owned by the check.
    options : dict
        The arguments by keyword.
    """

    def __init__(
        self, function: Callable[..., Any], names: Sequence[str], args: list[Any], options: dict[str, Any]
    ) -> None:
        self.function, self.args, self.options = function, args, options
        self.places = trees.places(names, args)
        self.arguments = dict(zip(names, args, strict=True)) | options
        self.notes: list[str] = []
        self.live = frozenset(id(leaf) for place in self.places for leaf in place.leaves.values())
        self.quiet = Quiet(function, self.notes, "forward")

    def __call__(self, function: Callable[..., Any] | None = None) -> Any:
        """Call the function, or the same method of another object, at the present arguments."""
        args = trees.fresh(self.args, self.live)
        options = trees.fresh(self.options.values(), self.live)
        with self.quiet():
            return (function or self.function)(*args, **dict(zip(self.options, options, strict=True)))

    def note(self, *notes: str) -> None:
        """Remember what was taken for granted, once."""
        self.notes += [note for note in dict.fromkeys(notes) if note and note not in self.notes]

    def require_inputs(self, name: str) -> None:
        """Raise ValueError where there is nothing to differentiate by."""
        if not trees.moved(self.places):
            kinds = ", ".join(type(x).__name__ for x in self.args) or "none"
            raise ValueError(
                f"{name}: no positional input is an array of floats, so there is nothing to differentiate by; "
                f"the inputs are {kinds}"
            )

    def leave_out(self, names: Sequence[str], why: str) -> None:
        """Move some inputs no longer."""
        if not names or len(names) >= len(trees.moved(self.places)):
            return
        arguments = [p.argument for p in self.places if set(p.leaves) & set(names)]
        self.note(f"{', '.join(dict.fromkeys(arguments))} {why}")
        self.places = [
            p._replace(leaves={name: leaf for name, leaf in p.leaves.items() if name not in names})
            for p in self.places
        ]

    def leave_out_data(self, forward: Forward, backward: Backward) -> None:
        """Try the code once where an argument looks like a target or a mask: it may have no gradient."""
        suspects = [p for p in self.places if p.leaves and DATA.match(p.argument.lower())]
        if not suspects:
            return
        gradients = self.trial(forward, backward)
        if gradients is None:
            return
        idle = [name for p in suspects for name in p.leaves if gradients.get(name) is None]
        self.leave_out(idle, "has no gradient and looks like data; it is not moved")

    @contextlib.contextmanager
    def kept(self) -> Iterator[None]:
        """Put the arguments back after a trial: they may be written in place."""
        arrays = [x for x in self.arguments.values() if isinstance(x, np.ndarray)]
        kept = [(x, x.copy()) for x in (*arrays, *trees.moved(self.places).values())]
        try:
            yield
        finally:
            for x, before in kept:
                np.copyto(x, before)

    def trial(self, forward: Forward, backward: Backward) -> Gradients | None:
        """Return the gradients of one call with upstreams of ones, None where the code does not get so far."""
        with self.kept():
            try:
                outputs, cache = forward()
                upstreams = tuple(
                    np.ones_like(y) if isinstance(y, np.ndarray) else y * 0 + 1 for y in outputs
                )
                return backward(upstreams, cache)[0]
            except (Exception, SystemExit):  # the check itself will meet it again, and say so
                return None

    def subject(self, name: str, style: str, forward: Forward, backward: Backward, **more: Any) -> Subject:
        """Return the subject."""
        return Subject(
            name, trees.moved(self.places), forward, backward,
            arguments=self.arguments, style=style, notes=self.notes, **more,
        )  # fmt: skip

    def wire(self, returned: Any, **how: Any) -> tuple[Gradients, list[str]]:
        """Wire returned gradients to the arguments, and remember what that took for granted."""
        wired = wire(returned, self.places, **how)
        self.note(*wired.notes)
        return wired.gradients, wired.problems
