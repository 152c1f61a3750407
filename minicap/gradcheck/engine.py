"""The one engine under every check: structure, manners, then numbers.

An adapter turns some style of code into a ``Subject``: live arrays, a forward that reads them, and a backward
from upstream gradients to gradients by name. The engine moves the arrays, and puts them back.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from minicap._types import Array, Rng
from minicap.gradcheck.compare import Budget, Comparison
from minicap.gradcheck.hygiene import Gradients, changed, fingerprint, same, upstream_problems
from minicap.gradcheck.report import GradientResult, Report
from minicap.gradcheck.structure import MISSING, structure_problem


@dataclass(frozen=True)
class Subject:
    """A function with a backward, in the one form the engine knows.

    Attributes
    ----------
    name : str
        What is checked, for the report.
    inputs : dict of str to ndarray
        The live float arrays to differentiate by, keyed by the name of their gradient.
    forward : callable
        ``forward() -> (outputs, cache)`` at the present content of ``inputs``; outputs is a tuple.
    backward : callable
        ``backward(upstreams, cache) -> (gradients, problems)``: a dict keyed like ``inputs``, and sentences
        about whatever could not be wired to an input.
    linear : bool
        Whether ``backward`` takes an upstream gradient at all; a model's may start from its own loss.
    arguments : dict of str to object
        Everything the code was given, by name: the live inputs, integer inputs, options.
    style : str
        The convention it is written to: "pair", "class", "closure", "loss", "model", ...
    notes : tuple of str
        What the adapter took for granted, for the report.
    """

    name: str
    inputs: dict[str, Array]
    forward: Callable[[], tuple[tuple[Any, ...], Any]]
    backward: Callable[[tuple[Any, ...], Any], tuple[Gradients, list[str]]]
    linear: bool = True
    arguments: dict[str, Any] = field(default_factory=dict)
    style: str = "pair"
    notes: tuple[str, ...] = ()


class UnusableError(Exception):
    """The code under check cannot be differentiated; the message says why."""


@dataclass
class Check:
    """One run over one subject."""

    subject: Subject
    tolerance: float
    budget: Budget
    rng: Rng
    problems: list[str] = field(default_factory=list)
    fragile: bool = False

    def __post_init__(self) -> None:
        self.base = {name: x.copy() for name, x in self.subject.inputs.items()}

    def run(self) -> Report:
        """Return the report; whatever the checked code raises becomes a sentence in it."""
        results: tuple[GradientResult, ...] = ()
        error: BaseException | None = None
        try:
            results = self.measure()
        except UnusableError as unusable:
            error = unusable.__cause__ or unusable
            self.problems.append(str(unusable))
        finally:
            self.restore()
        notes = self.subject.notes
        return Report(self.subject.name, results, tuple(self.problems), self.tolerance, error, notes)

    def measure(self) -> tuple[GradientResult, ...]:
        """Call forward and backward, watch their manners, compare their gradients."""
        outputs, cache = self.forward()
        middle, kept = _flat(outputs), fingerprint(cache)
        self.inputs_unchanged("forward")
        _require_finite(outputs)
        upstreams, other = self.draw(outputs), self.draw(outputs)
        gradients = self.watched_backward(upstreams, other, cache)
        if not np.array_equal(self.evaluate(), middle):
            self.problems.append("forward is not deterministic: the same inputs give two different outputs")
        results = self.compare(gradients, _flat(upstreams), middle, _eps(outputs))
        if not np.array_equal(_flat(outputs), middle):
            self.problems.append("a later forward overwrites the output of an earlier one")
        elif not self.problems and changed(kept, fingerprint(cache)):
            self.problems.append("a later forward overwrites the cache of an earlier one")
        return results

    def compare(
        self, gradients: Gradients, upstream: Array, middle: Array, eps: float
    ) -> tuple[GradientResult, ...]:
        """Return one result an input: its form first, then its numbers."""
        results = []
        for name, x in self.subject.inputs.items():
            problem, analytic = structure_problem(name, gradients.get(name, MISSING), x)
            if problem is not None:
                self.problems.append(problem)
            if analytic is None:
                results.append(
                    GradientResult(name, x.shape, "FAIL", math.inf, math.nan, None, math.nan, math.nan)
                )
                continue
            comparison = Comparison(x, self.evaluate, upstream, middle, eps, self.tolerance)
            results.append(comparison.run(name, analytic.astype(np.float64), self.budget, self.rng))
        return tuple(results)

    def evaluate(self) -> Array:
        """Return all outputs at the present inputs, flattened; put back inputs that do not survive that."""
        outputs = _flat(self.forward()[0])
        if self.fragile:
            self.restore()
        return outputs

    def watched_backward(self, upstreams: tuple[Any, ...], other: tuple[Any, ...], cache: Any) -> Gradients:
        """Call backward and add a sentence for each promise that it breaks."""
        drawn, kept = fingerprint(upstreams), fingerprint(cache)
        passed = copy.deepcopy(upstreams)
        gradients = self.backward(passed, cache)
        first, found = copy.deepcopy(gradients), len(self.problems)
        if changed(drawn, fingerprint(passed)):
            self.problems.append("backward changes its upstream gradient; work on a copy")
        self.inputs_unchanged("backward")
        touched = changed(kept, fingerprint(cache))
        if touched and len(self.problems) == found:
            self.problems.append(f"backward changes {touched[0]}: a cache is read, never written")
        if len(self.problems) == found and self.subject.linear:
            self.problems += upstream_problems(lambda dys: self.backward(dys, cache), upstreams, first, other)
            if len(self.problems) == found and not same(first, gradients):
                self.problems.append("a later backward overwrites the gradients of an earlier one")
        return first

    def forward(self) -> tuple[tuple[Any, ...], Any]:
        """Call forward and see that its outputs can be differentiated."""
        outputs, cache = _guarded("forward", self.subject.forward)
        _require_floats(outputs)
        return outputs, cache

    def backward(self, upstreams: tuple[Any, ...], cache: Any) -> Gradients:
        """Call backward, noting once what could not be wired."""
        gradients, problems = _guarded("backward", self.subject.backward, upstreams, cache)
        self.problems += [problem for problem in problems if problem not in self.problems]
        return gradients

    def draw(self, outputs: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return random upstream gradients in the outputs' shapes and dtypes; 1 where none is taken."""
        if not self.subject.linear:
            return tuple(np.asarray(y).dtype.type(1) for y in outputs)
        return tuple(self._draw_like(y) for y in outputs)

    def _draw_like(self, y: Any) -> Any:
        """Return normal numbers in the form of ``y``: array, NumPy scalar or Python float."""
        if isinstance(y, np.ndarray):
            return np.asarray(self.rng.standard_normal(y.shape)).astype(y.dtype)
        return type(y)(self.rng.standard_normal() + 2.0)

    def inputs_unchanged(self, who: str) -> None:
        """Add a sentence for every input that no longer holds its values, and give them back."""
        for name, x in self.subject.inputs.items():
            if not np.array_equal(x, self.base[name], equal_nan=True):
                self.problems.append(f"{who} changes the input that {name} belongs to; work on a copy")
                self.fragile = True
        self.restore()

    def restore(self) -> None:
        """Put the inputs back as they were."""
        for name, x in self.subject.inputs.items():
            np.copyto(x, self.base[name])


def _flat(values: tuple[Any, ...]) -> Array:
    """Return arrays and scalars as one float64 vector of its own memory."""
    return np.concatenate([np.array(value, dtype=np.float64).ravel() for value in values])


def _eps(outputs: tuple[Any, ...]) -> float:
    """Return the relative rounding error of the least exact output."""
    return float(max(np.finfo(np.asarray(y).dtype).eps for y in outputs))


def _require_floats(outputs: tuple[Any, ...]) -> None:
    """Raise UnusableError where an output cannot be differentiated."""
    if not outputs:
        raise UnusableError("forward returns no output at all")
    for i, y in enumerate(outputs):
        what = f"output {i}" if len(outputs) > 1 else "the output"
        if not isinstance(y, (np.ndarray, np.floating, float)):
            raise UnusableError(f"{what} of forward is a {type(y).__name__}; an array of floats is needed")
        if np.asarray(y).dtype.kind != "f":
            raise UnusableError(
                f"{what} of forward has dtype {np.asarray(y).dtype}; only floats can be differentiated"
            )


def _require_finite(outputs: tuple[Any, ...]) -> None:
    """Raise UnusableError where an output is NaN or infinite at the very point of the check."""
    for i, y in enumerate(outputs):
        bad = int((~np.isfinite(y)).sum())
        if bad:
            what = f"output {i}" if len(outputs) > 1 else "the output"
            raise UnusableError(f"{what} of forward is not finite at {bad:,} of {np.size(y):,} entries")


def _guarded(stage: str, function: Callable[..., Any], *args: Any) -> Any:
    """Call the code under check; what it raises is a finding, not a crash."""
    try:
        return function(*args)
    except UnusableError:
        raise
    except Exception as raised:
        text = " ".join(str(raised).split())
        raise UnusableError(f"{stage} raised {type(raised).__name__}: {text}") from raised
