"""Objects with a hidden cache, made pure: each call runs on a clone that shares only parameters and inputs."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from minicap._types import Array
from minicap.gradcheck.adapters import state, trees
from minicap.gradcheck.adapters.call import Call
from minicap.gradcheck.adapters.calls import arranged, method, parameters
from minicap.gradcheck.adapters.layers import RATE
from minicap.gradcheck.adapters.trees import Place
from minicap.gradcheck.adapters.wiring import Wired, match, wire
from minicap.gradcheck.findings import Problem, UnusableError
from minicap.gradcheck.hygiene import Gradients, same

RESETS = (
    "zero_grad", "zero_grads", "zero_gradient", "zero_gradients", "zerograd", "reset_grad", "reset_grads",
    "reset_gradients", "clear_grad", "clear_grads", "clear_gradients", "cleargrads", "cleargrad",
)  # fmt: skip


class Held:
    """A clone after its forward: the hidden cache. Not looked into by the engine, as backward may write it."""

    __slots__ = ("cache", "work")

    def __init__(self, work: Any, cache: Any) -> None:
        self.work, self.cache = work, cache


class Owner:
    """An object under check, never run itself, and the parameters found in it.

    Parameters
    ----------
    original : object
        The object; copied.
    methods : sequence of str
        The names its forward may have.
    inputs, options
        The arguments of its forward.
    name : str
        What to call it.
    upcast : bool
        Whether float32 arrays in it, and inputs, are made float64.
    """

    def __init__(
        self,
        original: Any,
        methods: Sequence[str],
        inputs: Sequence[Any] | Mapping[str, Any],
        options: Mapping[str, Any] | None,
        name: str,
        upcast: bool,
    ) -> None:
        self.name, self.methods = name, methods
        try:
            self.pristine = copy.deepcopy(original)
        except Exception as raised:
            raise UnusableError(f"{name} cannot be copied ({type(raised).__name__}: {raised})") from raised
        if upcast:
            state.upcast(self.pristine)
        names, given, options = arranged(self.forward_of(self.pristine), inputs, options)
        args = [trees.own(value, upcast) for value in given]
        self.call = Call(self.forward_of(self.pristine), names, args, trees.own(dict(options), upcast))
        self.parameters: list[state.Parameter] = []
        self.rebound: dict[str, Problem] = {}

    def forward_of(self, work: Any) -> Callable[..., Any]:
        """Return the forward of a clone."""
        found = method(work, self.methods)
        if found is None:
            raise UnusableError(f"{self.name} has no method {self.methods[0]}")
        return found

    def clone(self, value: Any) -> Any:
        """Return a deep copy that shares the parameters and the live inputs."""
        shared = [*(p.array for p in self.parameters), *trees.moved(self.call.places).values()]
        return copy.deepcopy(value, {id(array): array for array in shared})

    def run_forward(self) -> tuple[Any, Any]:
        """Run forward on a new clone; return the clone and what forward returned."""
        work = self.clone(self.pristine)
        returned = self.call(self.forward_of(work))
        for p in self.parameters:  # written in place, the engine sees it; bound anew, only we do
            if not _holds(work, p.path, p.array):
                self.rebound[p.name] = _step_problem("forward", p)
                state.put(work, p.path, p.array)
        return work, returned

    def explore(self, run: Callable[[Any], Any], after: Any, forward_only: Any, returned: Any) -> None:
        """Find the parameters.

        Parameters
        ----------
        run : callable
            ``run(work)`` returns the outputs of a forward on a clone.
        after : object
            A clone that shares nothing and ran forward and backward.
        forward_only : object
            Another that ran forward alone.
        returned : object
            What the backward returned.
        """
        for found in state.parameters(self.pristine, after):
            steady = _holds(forward_only, found.path, found.array)
            if not steady and not (_told(found, returned) and state.is_parameter(found.path)):
                continue  # a running average, or a cache left by an earlier run
            if found.stored is None and not self.matters(found, run):
                continue
            self.parameters.append(found)
        for found in self.parameters:
            kept = state.follow(self.pristine, found.stored) if found.stored else None
            if isinstance(kept, np.ndarray) and kept.dtype.kind == "f" and kept.flags.writeable:
                kept.fill(0)  # whatever an earlier backward left there
        self.call.arguments |= {found.name: found.array for found in self.parameters}

    def matters(self, found: state.Parameter, run: Callable[[Any], Any]) -> bool:
        """Whether the outputs depend on an array that looks like a parameter and has no gradient."""
        one, other = copy.deepcopy(self.pristine), copy.deepcopy(self.pristine)
        moved = state.follow(other, found.path)
        moved += 0.1 * (1 + np.abs(moved))
        return not same(run(one), run(other))

    def moved(self) -> dict[str, Array]:
        """Return every live array to differentiate by."""
        arrays = trees.moved(self.call.places) | {p.gradient: p.array for p in self.parameters}
        if not arrays:
            raise ValueError(
                f"check_layer: {self.name} has no parameters and got no array of floats: nothing to check"
            )
        return arrays

    def gather(self, work: Any, returned: Any, wiring: Sequence[str | None] | None, source: Any) -> Wired:
        """Collect the gradients that a backward returned and those it left in the object."""
        wired = Wired()
        for p in self.parameters:
            if p.stored is not None:
                wired.gradients[p.gradient] = state.follow(work, p.stored)
        inputs = [place for place in self.call.places if place.leaves]
        own = [Place(p.name, {p.gradient: p.array}, p.array) for p in self.parameters]
        loose = [place for place, p in zip(own, self.parameters, strict=True) if p.stored is None]
        if isinstance(returned, tuple) and len(returned) == 2 and isinstance(returned[1], Mapping):
            wired = _merge(wired, wire(returned[1], own))
            returned = returned[0]
        if returned is None and inputs:
            kept = [(place, _left(work, place)) for place in inputs]
            wired.gradients |= {next(iter(place.leaves)): value for place, value in kept}
            return wired
        if returned is None:
            return wired
        places = list(self.call.places)
        values = len(returned) if isinstance(returned, (tuple, list)) else 1
        if isinstance(returned, Mapping) or values > len(inputs):
            places += own if values == len(inputs) + len(own) or isinstance(returned, Mapping) else loose
        if not any(place.leaves for place in places):
            return wired  # an embedding's backward may return anything for its ids
        return _merge(wired, wire(returned, places, source=source, wiring=wiring))


def _told(found: state.Parameter, returned: Any) -> bool:
    """Whether a parameter has a gradient: in the object, or in a dict that the backward returned."""
    parts = returned if isinstance(returned, tuple) and not hasattr(returned, "_asdict") else (returned,)
    keys = [str(key) for part in parts if isinstance(part, Mapping) for key in part]
    return found.stored is not None or any(match(key, [found.name]) for key in keys)


def _left(work: Any, place: Place) -> Any:
    """Return the gradient of an input that a backward left in the object instead of returning it."""
    for name in (
        f"d{place.argument}",
        f"grad_{place.argument}",
        "dx",
        "dX",
        "grad_input",
        "dinputs",
        "dinput",
    ):
        value = getattr(work, name, None)
        if isinstance(value, np.ndarray):
            return value
    return None


def _merge(one: Wired, other: Wired) -> Wired:
    """Put two wirings together."""
    return Wired(one.gradients | other.gradients, one.problems + other.problems, one.notes + other.notes)


def _holds(work: Any, path: state.Path, array: Array) -> bool:
    """Whether a clone has the same numbers as ``array`` at the end of a path."""
    now = state.follow(work, path)
    return isinstance(now, np.ndarray) and np.array_equal(now, array, equal_nan=True)


def _step_problem(who: str, p: state.Parameter) -> Problem:
    """Return the sentence about a parameter that is not what it was."""
    sentence = (
        f"{who} changes the parameter {p.name}: gradients are computed there, the step is the optimiser's"
    )
    return Problem(sentence, "mutates_input", p.gradient)


def reset(work: Any) -> bool:
    """Set the gradients of a clone to zero where it offers that; return whether it does."""
    found = method(work, RESETS)
    if found is None or any(p.required for p in parameters(found) or []):
        return False
    found()
    return True


class Step:
    """A backward that also takes an optimiser's step: undone, told, and its gradients recovered from it.

    Parameters
    ----------
    owner : Owner
        The object under check.
    work : object
        The clone on which the backward runs.
    """

    def __init__(self, owner: Owner, work: Any) -> None:
        self.owner, self.work = owner, work
        self.before = [p.array.copy() for p in owner.parameters]

    def undo(self, gradients: Gradients, rate: float | None) -> list[str]:
        """Put the parameters back; return a sentence for each that had moved, and its gradient if unknown."""
        problems: list[str] = list(self.owner.rebound.values())
        for p, before in zip(self.owner.parameters, self.before, strict=True):
            now = state.follow(self.work, p.path)
            now = now.copy() if isinstance(now, np.ndarray) else now
            np.copyto(p.array, before)
            if state.follow(self.work, p.path) is not p.array:
                state.put(self.work, p.path, p.array)
            if isinstance(now, np.ndarray) and np.array_equal(now, before, equal_nan=True):
                continue
            problems.append(_step_problem("backward", p))
            if rate and gradients.get(p.gradient) is None and np.shape(now) == before.shape:
                gradients[p.gradient] = (before - now) / rate
        return problems

    def rate(self, asked: bool) -> float | None:
        """Return the learning rate in use: 1 where backward asks for one, else the object's own."""
        if asked:
            return 1.0
        rates = (
            [value for name, value in vars(self.work).items() if RATE.match(name)]
            if hasattr(self.work, "__dict__")
            else []
        )
        return float(rates[0]) if rates and isinstance(rates[0], (int, float)) else None
