"""Objects with ``forward`` and ``backward``: minicap's layers, and classes that keep a hidden cache."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from minicap.gradcheck.adapters.calls import BACKWARDS, FORWARDS, Quiet, method, parameters
from minicap.gradcheck.adapters.clones import Held, Owner, Step, reset
from minicap.gradcheck.adapters.layers import RATE, is_explicit, layer_subject
from minicap.gradcheck.adapters.plan import Plan, plan
from minicap.gradcheck.adapters.wiring import returned_names
from minicap.gradcheck.engine import Subject, guarded
from minicap.gradcheck.findings import Problem, UnusableError
from minicap.gradcheck.hygiene import Gradients, same, snapshot


def subject(
    layer: Any,
    inputs: Sequence[Any] | Mapping[str, Any],
    options: Mapping[str, Any] | None = None,
    *,
    name: str | None = None,
    wiring: Sequence[str | None] | None = None,
    upcast: bool = True,
) -> Subject:
    """Make a layer object checkable: one of minicap's kind, or a class with a hidden cache.

    A class with a hidden cache is never run itself. Each forward runs on a clone that shares only
    the parameters with it, and each backward on a clone of that one, so that nothing is left behind.

    Parameters
    ----------
    layer : object
        Has ``forward`` (or ``forward_pass``, ``fprop``, ``__call__``) and ``backward`` (or ``backward_pass``,
        ``bprop``, ``backprop``). Copied.
    inputs, options
        The arguments of its forward, as for ``pairs.subject``.
    name : str, optional
        What to call it; else its class's name.
    wiring : sequence of str or None, optional
        The arguments and parameters that the returned gradients belong to, in order.
    upcast : bool
        Whether float32 inputs and parameters are made float64.

    Returns
    -------
    Subject
        Inputs' gradients are called ``d<argument>``; parameters' as the code itself calls them.

    Raises
    ------
    UnusableError
        If the object has no such methods, or cannot be copied.
    ValueError
        If there is nothing to differentiate by.
    """
    name = name or type(layer).__name__
    if method(layer, FORWARDS) is None or method(layer, BACKWARDS) is None:
        missing = "forward" if method(layer, FORWARDS) is None else "backward"
        raise UnusableError(f"{name} has no method {missing}")
    if is_explicit(layer):
        return layer_subject(layer, inputs, options, name=name, upcast=upcast)
    return Hidden(layer, inputs, options, name, wiring, upcast).subject()


class Hidden(Owner):
    """A layer whose backward finds in the object what its forward left there."""

    def __init__(
        self,
        layer: Any,
        inputs: Sequence[Any] | Mapping[str, Any],
        options: Mapping[str, Any] | None,
        name: str,
        wiring: Sequence[str | None] | None,
        upcast: bool,
    ) -> None:
        super().__init__(layer, FORWARDS, inputs, options, name, upcast)
        self.wiring = wiring
        home = method(self.pristine, BACKWARDS)
        assert home is not None
        self.source = returned_names(home)
        self.quiet = Quiet(home, self.call.notes, "backward", shift=1)
        takes = [p.name for p in parameters(home) or [] if p.required]
        self.rates = [name for name in takes[1:] if RATE.match(name)]
        self.plan = self.read_plan()

    def read_plan(self) -> Plan:
        """Run forward and backward once on copies, to see their form and find the parameters."""
        work = copy.deepcopy(self.pristine)
        found: list[Plan] = []

        def run(work: Any) -> tuple[Any, ...]:
            returned = guarded("forward", self.call, self.forward_of(work))
            if not found:
                home = partial(self.backward_of(work), **dict.fromkeys(self.rates, 1.0))
                found.append(plan(returned, home, list(self.call.arguments), bound=True))
            return found[0].split(returned)[0]

        with self.call.kept():
            outputs = run(work)
            alone = copy.deepcopy(work)
            returned: Any = None
            with contextlib.suppress(Exception, SystemExit):  # the check itself will meet it, and say so
                self.plan = found[0]
                upstreams = tuple(np.ones_like(y) if isinstance(y, np.ndarray) else 1.0 for y in outputs)
                _, cache = found[0].split(self.call(self.forward_of(work)))
                returned = self.run_backward(work, cache, upstreams)
            self.explore(run, work, alone, returned)
        self.call.note(found[0].note)
        return found[0]

    def backward_of(self, work: Any) -> Callable[..., Any]:
        """Return the backward of a clone."""
        found = method(work, BACKWARDS)
        assert found is not None
        return found

    def run_backward(self, work: Any, cache: Any, upstreams: tuple[Any, ...]) -> Any:
        """Call the backward of a clone."""
        filled = self.plan.fill(upstreams, cache, self.call.arguments)
        with self.quiet():
            return self.backward_of(work)(*filled, **dict.fromkeys(self.rates, 1.0))

    def forward(self) -> tuple[tuple[Any, ...], Held]:
        """Run forward on a new clone."""
        work, returned = self.run_forward()
        outputs, cache = self.plan.split(returned)
        return outputs, Held(work, cache)

    def once(self, work: Any, cache: Any, upstreams: tuple[Any, ...]) -> tuple[Gradients, list[str]]:
        """Run backward on this very clone, and undo a step that it takes."""
        step = Step(self, work)
        returned = self.run_backward(work, cache, upstreams)
        wired = self.gather(work, returned, self.wiring, self.source)
        self.call.note(*wired.notes)
        return wired.gradients, wired.problems + step.undo(wired.gradients, step.rate(bool(self.rates)))

    def backward(self, upstreams: tuple[Any, ...], held: Held) -> tuple[Gradients, list[str]]:
        """Run backward on a clone of the clone that ran forward."""
        work, cache = self.clone((held.work, held.cache))
        reset(work)
        return self.once(work, cache, upstreams)

    def manners(self, upstreams: tuple[Any, ...], held: Held) -> list[str]:
        """Run backward twice on one clone: does it change what it needs, or add to what it left?"""
        work, cache = self.clone((held.work, held.cache))
        resets = reset(work)
        first = snapshot(self.once(work, cache, snapshot(upstreams))[0])
        try:
            second = self.once(work, cache, snapshot(upstreams))[0]
        except Exception:
            self.call.note("backward uses up what forward kept: forward runs again before each backward")
            return []
        if same(first, second):
            return []
        added = [name for name in first if name in second and _doubled(first[name], second[name])]
        if not added:
            return [
                Problem(
                    "backward called twice after one forward gives two different results: it changes what forward kept",
                    "mutates_input",
                )
            ]
        if resets or self.starts_over(upstreams):
            self.call.note("gradients add up over calls of backward, until they are reset")
            return []
        names = ", ".join(added)
        return [
            Problem(
                f"{names} keeps growing: each backward adds to what the one before left, and nothing resets it; "
                "assign it, or offer zero_grad()",
                "nondeterministic",
                added[0],
            )
        ]

    def starts_over(self, upstreams: tuple[Any, ...]) -> bool:
        """Whether a second forward and backward on one clone give what the first gave."""
        work = self.clone(self.pristine)
        results = []
        for _ in range(2):
            _, cache = self.plan.split(self.call(self.forward_of(work)))
            results.append(snapshot(self.once(work, cache, snapshot(upstreams))[0]))
        return same(*results)

    def subject(self) -> Subject:
        """Return the subject."""
        return Subject(
            self.name, self.moved(), self.forward, self.backward,
            arguments=self.call.arguments, style="class", notes=self.call.notes,
            parameters=frozenset(p.gradient for p in self.parameters), manners=self.manners,
        )  # fmt: skip


def _doubled(first: Any, second: Any) -> bool:
    """Whether a gradient has become twice what it was, and is not zero."""
    if not isinstance(first, np.ndarray) or np.shape(first) != np.shape(second) or not np.any(first):
        return False
    return bool(np.allclose(second, 2 * first, rtol=1e-6, atol=0))
