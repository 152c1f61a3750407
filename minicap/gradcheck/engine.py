"""The one engine under every check: structure, manners, then numbers.

An adapter turns some style of code into a ``Subject``: live arrays, a forward that reads them, and a backward
from upstream gradients to gradients by name. The engine moves the arrays, and puts them back.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from minicap._types import Array, Rng
from minicap.gradcheck.compare import Budget, Comparison
from minicap.gradcheck.diagnosis import Evidence, diagnoses, diagnoses_of_problems
from minicap.gradcheck.diagnosis.ties import ties_problems
from minicap.gradcheck.findings import Problem, UnusableError
from minicap.gradcheck.hygiene import Gradients, changed, fingerprint, same, snapshot, upstream_problems
from minicap.gradcheck.precision import looks_narrow, narrow_problem, slack
from minicap.gradcheck.report import GradientResult, Report
from minicap.gradcheck.structure import MISSING, structure_problem
from minicap.gradcheck.subject import Subject, flat, guarded, require_finite, require_floats


@dataclass
class Check:
    """One run over one subject."""

    subject: Subject
    tolerance: float
    budget: Budget
    rng: Rng
    problems: list[str] = field(default_factory=list)
    fragile: bool = False
    narrow: Problem | None = None
    size: int = 0

    def __post_init__(self) -> None:
        self.base = {name: x.copy() for name, x in self.subject.inputs.items()}
        moved = {id(x) for x in self.subject.inputs.values()}
        self.fixed = {
            name: (value, value.copy())
            for name, value in self.subject.arguments.items()
            if isinstance(value, np.ndarray) and id(value) not in moved
        }

    def run(self) -> Report:
        """Return the report; whatever the checked code raises becomes a sentence in it."""
        results: tuple[GradientResult, ...] = ()
        error: BaseException | None = None
        try:
            results = self.measure()
        except UnusableError as unusable:
            error = unusable.__cause__ or unusable
            self.say(str(unusable), unusable.kind, unusable.gradient)
        finally:
            self.restore()
        notes = (*self.subject.notes, *_idle(results))
        report = Report(self.subject.name, results, tuple(self.problems), self.tolerance, error, notes)
        return report if report.passed else self.diagnosed(report)

    def diagnosed(self, report: Report) -> Report:
        """Return the report of a failed check with the bug behind it; a diagnosis that cannot be made is none."""
        try:
            found = diagnoses(Evidence(self.subject, report.gradients, report.problems))
        except (Exception, SystemExit):
            found = diagnoses_of_problems(report.problems)
        finally:
            self.restore()
        return replace(report, diagnosis=found[0], further=tuple(found[1:])) if found else report

    def say(self, sentence: str, kind: str, gradient: str | None = None) -> None:
        """Add a sentence about something wrong."""
        self.problems.append(Problem(sentence, kind, gradient))

    def measure(self) -> tuple[GradientResult, ...]:
        """Call forward and backward, watch their manners, compare their gradients."""
        outputs, cache = self.forward()
        middle, kept = flat(outputs), fingerprint(cache)
        self.size = middle.size
        self.inputs_unchanged("forward")
        require_finite(outputs)
        eps = self.precision(outputs)
        upstreams, other = self.draw(outputs), self.draw(outputs)
        gradients = self.watched_backward(upstreams, other, cache)
        if not np.array_equal(self.evaluate(), middle):
            self.say(
                "forward is not deterministic: the same inputs give two different outputs", "nondeterministic"
            )
        results = self.compare(gradients, flat(upstreams), middle, eps)
        if not np.array_equal(flat(outputs), middle):
            self.say("a later forward overwrites the output of an earlier one", "mutates_input")
        elif not self.problems and changed(kept, fingerprint(cache)):
            self.say("a later forward overwrites the cache of an earlier one", "mutates_input")
        return results

    def precision(self, outputs: tuple[Any, ...]) -> float:
        """Return the rounding error of the least exact output; it must not be less exact than the inputs."""
        inputs = list(self.subject.inputs.values())
        self.narrow = narrow_problem(outputs, inputs)
        if self.narrow is not None:
            self.problems.append(self.narrow)
        eps = float(max(np.finfo(np.asarray(y).dtype).eps for y in outputs))
        return float(np.finfo(np.float32).eps) if self.narrow and looks_narrow(outputs, inputs) else eps

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
            tolerance = slack(self.tolerance, eps if self.narrow else 0.0, analytic.dtype, x.dtype)
            comparison = Comparison(x, self.evaluate, upstream, middle, eps, tolerance)
            result = comparison.run(name, analytic.astype(np.float64), self.budget, self.rng)
            if result.verdict == "KINK":
                self.problems += ties_problems(name, comparison, analytic)
            results.append(result)
        return tuple(results)

    def evaluate(self) -> Array:
        """Return all outputs at the present inputs, flattened; put back inputs that do not survive that."""
        outputs = flat(self.forward()[0])
        if self.fragile:
            self.restore()
        if outputs.size != self.size:
            raise UnusableError(
                f"forward returns {self.size:,} numbers at one call and {outputs.size:,} at another",
                "nondeterministic",
            )
        return outputs

    def watched_backward(self, upstreams: tuple[Any, ...], other: tuple[Any, ...], cache: Any) -> Gradients:
        """Call backward and add a sentence for each promise that it breaks."""
        drawn, kept = fingerprint(upstreams), fingerprint(cache)
        passed = snapshot(upstreams)
        before = len(self.problems)
        gradients = self.backward(passed, cache)
        first, found = snapshot(gradients), len(self.problems)
        if changed(drawn, fingerprint(passed)):
            self.say("backward changes its upstream gradient; work on a copy", "mutates_input")
        self.inputs_unchanged("backward")
        touched = changed(kept, fingerprint(cache))
        if touched and len(self.problems) == found:
            self.say(f"backward changes {touched[0]}: a cache is read, never written", "mutates_input")
        written = any(isinstance(p, Problem) and p.kind == "mutates_input" for p in self.problems[before:])
        if not written and self.subject.linear:
            self.problems += upstream_problems(lambda dys: self.backward(dys, cache), upstreams, first, other)
            if len(self.problems) == found and not same(first, gradients):
                self.say("a later backward overwrites the gradients of an earlier one", "mutates_input")
        if self.subject.manners is not None:
            self.problems += guarded("backward", self.subject.manners, upstreams, cache)
            self.restore()
        return first

    def forward(self) -> tuple[tuple[Any, ...], Any]:
        """Call forward and see that its outputs can be differentiated."""
        outputs, cache = guarded("forward", self.subject.forward)
        require_floats(outputs)
        return outputs, cache

    def backward(self, upstreams: tuple[Any, ...], cache: Any) -> Gradients:
        """Call backward, noting once what could not be wired."""
        gradients, problems = guarded("backward", self.subject.backward, upstreams, cache)
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
            return np.asarray(self.rng.standard_normal(y.shape)).astype(
                np.float64 if self.narrow else y.dtype
            )
        number = type(y)(self.rng.standard_normal() + 2.0)
        return float(number) if self.narrow else number

    def inputs_unchanged(self, who: str) -> None:
        """Add a sentence for every input that no longer holds its values, and give them back."""
        for name, x in self.subject.inputs.items():
            if np.array_equal(x, self.base[name], equal_nan=True):
                continue
            if name in self.subject.parameters:
                sentence = (
                    f"{who} changes the parameter that {name} belongs to: gradients are computed there, the "
                    "step is the optimiser's"
                )
            else:
                sentence = f"{who} changes the input that {name} belongs to; work on a copy"
            self.say(sentence, "mutates_input", name)
            self.fragile = True
        for argument, (value, before) in self.fixed.items():
            if fingerprint(value) != fingerprint(before):
                self.say(f"{who} changes its argument {argument}; work on a copy", "mutates_input")
                self.fragile = True
        self.restore()

    def restore(self) -> None:
        """Put the inputs back as they were."""
        for name, x in self.subject.inputs.items():
            np.copyto(x, self.base[name])
        for value, before in self.fixed.values():
            np.copyto(value, before)


def _idle(results: tuple[GradientResult, ...]) -> list[str]:
    """Return a note where every gradient is zero, analytic and numeric: a check that checked nothing."""
    if not results or any(result.never_exercised < 1.0 for result in results):
        return []
    return [
        "nothing was exercised: every gradient is zero, the analytic and the numerical one; other inputs are needed"
    ]


def check(
    build: Callable[[], Subject],
    name: str,
    *,
    tolerance: float = 1e-6,
    budget: Budget | None = None,
    seed: int = 0,
    usage: bool = False,
) -> Report:
    """Build a subject and check it; whatever goes wrong on the way is a sentence in the report.

    Parameters
    ----------
    build : callable
        Returns the subject, by an adapter.
    name : str
        What to call it where it cannot be built.
    tolerance : float
        The relative error allowed.
    budget : Budget, optional
        How many probes an input gets.
    seed : int
        Seeds the upstream gradients and the choice of entries.
    usage : bool
        Whether a ValueError of the checker's own, about how it was called, is raised.

    Returns
    -------
    Report
    """
    try:
        subject = guarded("the code", build)
    except UnusableError as unusable:
        cause, sentence = unusable.__cause__, str(unusable)
        if isinstance(cause, ValueError) and _ours(cause):
            if usage:
                raise cause from None
            sentence = str(cause)
        problem = Problem(sentence, unusable.kind, unusable.gradient)
        report = Report(name, (), (problem,), tolerance, cause or unusable)
        found = diagnoses_of_problems(report.problems) if unusable.kind != "unknown" else []
        return replace(report, diagnosis=found[0]) if found else report
    return Check(subject, tolerance, budget or Budget(), np.random.default_rng(seed)).run()


def _ours(raised: BaseException) -> bool:
    """Whether an exception was raised by the checker's own code, as a usage error."""
    trace = raised.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and str(trace.tb_frame.f_globals.get("__name__", "")).startswith(
        "minicap.gradcheck"
    )
