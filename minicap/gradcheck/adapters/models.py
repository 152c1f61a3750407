"""Models with ``loss(X, y) -> (loss, grads)``, and those that leave their gradients in the object."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Mapping, Sequence
from typing import Any

from minicap.gradcheck.adapters.calls import BACKWARDS, Quiet, method, parameters
from minicap.gradcheck.adapters.clones import Held, Owner, Step, reset
from minicap.gradcheck.adapters.wiring import Wired
from minicap.gradcheck.engine import Subject, guarded
from minicap.gradcheck.findings import UnusableError
from minicap.gradcheck.hygiene import Gradients

LOSSES = (
    "loss",
    "compute_loss",
    "loss_and_grads",
    "loss_and_grad",
    "cost",
    "objective",
    "forward",
    "__call__",
)
GRADIENTS = ("gradient", "gradients", "compute_gradients", "compute_gradient", "grads", "grad")


def subject(
    model: Any,
    inputs: Sequence[Any] | Mapping[str, Any],
    options: Mapping[str, Any] | None = None,
    *,
    name: str | None = None,
    wiring: Sequence[str | None] | None = None,
    upcast: bool = True,
) -> Subject:
    """Make a model checkable whose gradients come from its own loss.

    Parameters
    ----------
    model : object
        ``loss(X, y)`` returns ``(loss, grads)`` with a dict named like its parameters; or it returns the loss,
        and ``backward()`` or ``gradient(X, y)`` returns the gradients or leaves them in the object. Copied.
    inputs, options, name, wiring, upcast
        As for ``classes.subject``.

    Returns
    -------
    Subject
        It takes no upstream gradient. An input without a gradient is data.

    Raises
    ------
    UnusableError
        If the model has no loss, or its loss raises.
    ValueError
        If no parameter and no input has a gradient.
    """
    name = name or type(model).__name__
    if method(model, LOSSES) is None:
        raise UnusableError(f"{name} has no method loss")
    return Model(model, inputs, options, name, wiring, upcast).subject()


class Model(Owner):
    """A model whose loss is its own upstream."""

    def __init__(
        self,
        model: Any,
        inputs: Sequence[Any] | Mapping[str, Any],
        options: Mapping[str, Any] | None,
        name: str,
        wiring: Sequence[str | None] | None,
        upcast: bool,
    ) -> None:
        super().__init__(model, LOSSES, inputs, options, name, upcast)
        self.wiring = wiring
        self.quiet = Quiet(self.forward_of(self.pristine), self.call.notes, "backward", shift=1)
        work = copy.deepcopy(self.pristine)
        with self.call.kept():
            returned = guarded("loss", self.call, self.forward_of(work))
            self.joined = isinstance(returned, (tuple, list)) and len(returned) == 2
            alone = copy.deepcopy(work)
            gradients: Any = None
            with contextlib.suppress(Exception, SystemExit):  # the check itself will meet it, and say so
                gradients = self.run_backward(work, returned)
            self.explore(lambda work: self.split(self.call(self.forward_of(work))), work, alone, gradients)
            wired = self.gather(work, gradients, wiring, None)
        idle = [g for place in self.call.places for g in place.leaves if wired.gradients.get(g) is None]
        if self.parameters or len(idle) < sum(len(place.leaves) for place in self.call.places):
            self.call.places = [
                p._replace(leaves={g: leaf for g, leaf in p.leaves.items() if g not in idle})
                for p in self.call.places
            ]

    def split(self, returned: Any) -> tuple[Any, ...]:
        """Return the loss alone, in a tuple."""
        return (returned[0] if isinstance(returned, (tuple, list)) and returned else returned,)

    def run_backward(self, work: Any, returned: Any) -> Any:
        """Return what the model gives as its gradients, None where it leaves them in itself."""
        if self.joined:
            return returned[1]
        home = method(work, BACKWARDS)
        if home is not None and not any(p.required for p in parameters(home) or []):
            with self.quiet():
                return home()
        if method(work, GRADIENTS) is not None:
            found = method(work, GRADIENTS)
            takes = [p for p in parameters(found) or [] if p.required] if found else []
            return self.call(found) if takes else found() if found else None
        return None

    def forward(self) -> tuple[tuple[Any, ...], Held]:
        """Run the loss on a new clone."""
        work, returned = self.run_forward()
        if self.joined and not (isinstance(returned, (tuple, list)) and len(returned) == 2):
            raise UnusableError("loss returns (loss, grads) at one call and something else at another")
        return self.split(returned), Held(work, returned)

    def backward(self, upstreams: tuple[Any, ...], held: Held) -> tuple[Gradients, list[str]]:
        """Return the gradients that came with the loss, or run the model's own backward."""
        work, returned = self.clone((held.work, held.cache))
        step = Step(self, work)
        if not self.joined:
            reset(work)
        wired: Wired = self.gather(work, self.run_backward(work, returned), self.wiring, None)
        self.call.note(*wired.notes)
        return wired.gradients, wired.problems + step.undo(wired.gradients, step.rate(False))

    def subject(self) -> Subject:
        """Return the subject."""
        return Subject(
            self.name, self.moved(), self.forward, self.backward, linear=False,
            arguments=self.call.arguments, style="model", notes=self.call.notes,
            parameters=frozenset(p.gradient for p in self.parameters),
        )  # fmt: skip
