"""What a diagnosis may look at: both Jacobians of every gradient, here and at other inputs.

A backward is linear in its upstream gradient, so called once an output it gives a whole matrix A, one row an
entry of the input, one column an output. Central differences give the matrix J that it should have been.
Everything that a hypothesis says about a bug is a statement about A and J.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from minicap._types import Array
from minicap.gradcheck.findings import Problem
from minicap.gradcheck.numeric import step_size
from minicap.gradcheck.report import GradientResult
from minicap.gradcheck.subject import Subject, flat

Changes = Mapping[str, Array]
LARGEST = 4_000_000  # numbers in one Jacobian


@dataclass(frozen=True)
class View:
    """Both Jacobians of one gradient.

    Attributes
    ----------
    name : str
        The gradient.
    shape : tuple of int
        The shape of its input, P entries.
    analytic, numeric : ndarray of shape (P, K)
        What backward gives, and what it should have given, for each of K upstream gradients.
    outputs : tuple of int or None
        The shape of the outputs if the columns are all outputs, each on its own; None where they are not.
    tolerance : float
        How far two numbers may be apart, relative to the largest.
    """

    name: str
    shape: tuple[int, ...]
    analytic: Array
    numeric: Array
    outputs: tuple[int, ...] | None
    tolerance: float

    @cached_property
    def scale(self) -> float:
        """Return the largest true entry."""
        return float(np.abs(self.numeric).max(initial=0.0)) or 1.0

    @cached_property
    def residual(self) -> Array:
        """Return what backward gives too much, (P, K); differences too small to mean anything are 0."""
        residual = self.analytic - self.numeric
        return np.where(np.abs(residual) <= self.tolerance * max(self.scale, self.size), 0.0, residual)

    @cached_property
    def size(self) -> float:
        """Return the largest entry that backward gives."""
        return float(np.abs(self.analytic).max(initial=0.0))

    @property
    def wrong(self) -> bool:
        """Whether the two differ at all."""
        return bool(self.residual.any())

    def same(self, found: Array, expected: Array, slack: float = 1.0) -> bool:
        """Whether two arrays agree, measured by the larger of the two."""
        size = max(float(np.abs(found).max(initial=0.0)), float(np.abs(expected).max(initial=0.0)))
        return bool(np.abs(found - expected).max(initial=0.0) <= slack * self.tolerance * size)

    def zero(self, values: Array) -> Array:
        """Return where values vanish, measured by the gradient's size."""
        return np.asarray(np.abs(values) <= self.tolerance * max(self.scale, self.size))

    def columns(self, chosen: Array) -> View:
        """Return the view of some columns only."""
        return View(
            self.name, self.shape, self.analytic[:, chosen], self.numeric[:, chosen], None, self.tolerance
        )

    def unfolded(self, values: Array) -> Array:
        """Return (P, K) in the shapes of input and outputs."""
        return values.reshape(*self.shape, *(self.outputs or (-1,)))


@dataclass
class Evidence:
    """One failed check, open to further questions.

    Attributes
    ----------
    subject : Subject
        The code under check; its inputs hold the values of the check.
    results : sequence of GradientResult
        What the check measured.
    problems : sequence of str
        What else it found.
    seconds : float
        How long all questions together may take, about.
    seed : int
        Seeds jitter and upstream gradients.
    """

    subject: Subject
    results: Sequence[GradientResult]
    problems: Sequence[str]
    seconds: float = 6.0
    seed: int = 0
    views: dict[str, View | None] = field(default_factory=dict)
    slices: list[tuple[int, int]] = field(default_factory=list)
    spent: float = 0.0

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.seed)
        self.given = {name: x.copy() for name, x in self.subject.inputs.items()}
        self.base = self.given
        if any(result.kinks for result in self.results):
            self.base = {name: self._jittered(x) for name, x in self.given.items()}
        began = time.process_time()
        with self.at({}):
            outputs, _ = self.subject.forward()
            self.prototypes = tuple(y.copy() if isinstance(y, np.ndarray) else y for y in outputs)
        self.slow = 50 * (time.process_time() - began) > self.seconds
        self.outputs = tuple(np.array(y, np.float64) for y in outputs)
        self.count = int(sum(y.size for y in self.outputs))
        eps = max(float(np.finfo(np.asarray(a).dtype).eps) for a in (*outputs, *self.subject.inputs.values()))
        self.eps, self.tolerance = eps, max(1e-6, 30 * eps**0.5)

    def _jittered(self, x: Array) -> Array:
        """Return values near those given, with no ties among them."""
        return (x + 1e-2 * np.maximum(1, np.abs(x)) * self.rng.uniform(-1, 1, x.shape)).astype(x.dtype)

    @contextmanager
    def at(self, changes: Changes) -> Iterator[None]:
        """Put other values into some inputs, for a while."""
        try:
            for name, x in self.subject.inputs.items():
                np.copyto(x, changes.get(name, self.base[name]))
            yield
        finally:
            for name, x in self.subject.inputs.items():
                np.copyto(x, self.given[name])

    @cached_property
    def stacked(self) -> tuple[int, ...] | None:
        """Return the shape of all outputs together, those of one shape stacked; None where they differ."""
        shapes = {y.shape for y in self.outputs}
        if len(shapes) != 1:
            return None
        return (len(self.outputs), *shapes.pop()) if len(self.outputs) > 1 else shapes.pop()

    @cached_property
    def weights(self) -> Array:
        """Return the upstream gradients asked for, one a row.

        Every output alone; where that takes too long one at random, and parts of it, an index of an axis each.
        """
        if not self.subject.linear:
            return np.ones((1, self.count))
        began = time.process_time()
        with self.at({}):
            _, cache = self.subject.forward()
            self.subject.backward(self.split(np.ones(self.count)), cache)
        cost = (time.process_time() - began) * self.count
        if cost <= 0.4 * self.seconds and self.count <= 2000:
            return np.eye(self.count)
        upstream = np.asarray(self.rng.standard_normal(self.count))
        shape = self.stacked or ()
        if sum(shape) > 100:
            return upstream[None]
        grid = np.indices(shape).reshape(len(shape), -1)
        self.slices = [(axis, i) for axis, length in enumerate(shape) for i in range(length)]
        return np.stack([upstream, *(upstream * (grid[axis] == i) for axis, i in self.slices)])

    def split(self, upstream: Array) -> tuple[Any, ...]:
        """Return a flat upstream gradient in the outputs' shapes and types."""
        ends = np.cumsum([y.size for y in self.outputs])[:-1]
        return tuple(
            part.reshape(y.shape).astype(y.dtype) if isinstance(y, np.ndarray) else type(y)(part[0])
            for part, y in zip(np.split(upstream, ends), self.prototypes, strict=True)
        )

    @property
    def full(self) -> bool:
        """Whether every output is asked for on its own."""
        return bool(self.subject.linear and len(self.weights) == self.count)

    def view(self, name: str) -> View | None:
        """Return both Jacobians of a gradient at the values of the check, None where there are none."""
        if name not in self.views:
            self.views[name] = self.view_at(name, {})
        return self.views[name]

    def view_at(self, name: str, changes: Changes) -> View | None:
        """Return both Jacobians of a gradient at other inputs."""
        numeric = self.numeric(name, changes)
        if numeric is None:
            return None
        analytic = self.analytic(changes).get(name)
        if analytic is None:
            return None
        shape = self.subject.inputs[name].shape
        return View(name, shape, analytic, numeric, self.stacked if self.full else None, self.tolerance)

    def sampled(self, name: str, count: int = 40) -> View | None:
        """Return some entries of a gradient too large to be seen whole, for one upstream gradient, as a column."""
        x = self.subject.inputs[name]
        upstream = np.asarray(self.rng.standard_normal(self.count)) if self.full else self.weights[0]
        got = self.once({}, upstream).get(name)
        if not _comparable(got, x):
            return None
        entries = self.rng.choice(x.size, min(count, x.size), replace=False)
        with self.at({}):
            numeric = np.array([[self._slope(x, int(i)) @ upstream] for i in entries])
        analytic = np.array(got, np.float64).ravel()[entries, None]
        return View(name, (entries.size,), analytic, numeric, None, self.tolerance)

    def analytic(self, changes: Changes) -> dict[str, Array]:
        """Return A of every gradient that has the form of its input."""
        if not changes:
            return self._analytic_here
        return self._analytic(changes)

    @cached_property
    def _analytic_here(self) -> dict[str, Array]:
        return self._analytic({})

    def _analytic(self, changes: Changes) -> dict[str, Array]:
        upstreams = (
            [self.split(row) for row in self.weights]
            if self.subject.linear
            else [self.split(self.weights[0])]
        )
        rows: dict[str, list[Array]] = {name: [] for name in self.subject.inputs}
        with self.at(changes):
            _, cache = self.subject.forward()
            for upstream in upstreams:
                gradients, _ = self.subject.backward(upstream, cache)
                for name, x in self.subject.inputs.items():
                    got = gradients.get(name)
                    if x.size * len(upstreams) <= LARGEST and _comparable(got, x):
                        rows[name].append(np.array(got, np.float64).ravel())
        return {name: np.stack(r, axis=1) for name, r in rows.items() if len(r) == len(upstreams)}

    def raw(self, name: str, upstream: Array) -> Any:
        """Return a gradient just as backward gives it, whatever its form."""
        return self.once({}, upstream).get(name)

    def single(self, view: View) -> tuple[Array, Array]:
        """Return one upstream gradient (K,) at random, and the true gradient for it."""
        if not self.full:
            return self.weights[0], view.numeric[:, 0].reshape(view.shape)
        upstream = np.asarray(self.rng.standard_normal(self.count))
        return upstream, (view.numeric @ upstream).reshape(view.shape)

    def once(self, changes: Changes, upstream: Array) -> dict[str, Any]:
        """Return all gradients for one upstream gradient (K,), as backward gives them."""
        with self.at(changes):
            _, cache = self.subject.forward()
            return dict(self.subject.backward(self.split(upstream), cache)[0])

    def numeric(self, name: str, changes: Changes) -> Array | None:
        """Return J of one gradient by central differences, None where that would take too long."""
        x = self.subject.inputs[name]
        if x.size * len(self.weights) > LARGEST:
            return None
        began = time.process_time()
        with self.at(changes):
            values = flat(self.subject.forward()[0])
            if 2 * x.size * (time.process_time() - began) > self.seconds - self.spent:
                return None
            jacobian = np.empty((x.size, values.size))
            for i in range(x.size):
                jacobian[i] = self._slope(x, i)
        self.spent += time.process_time() - began
        return jacobian if self.full else jacobian @ self.weights.T

    def _slope(self, x: Array, i: int) -> Array:
        """Return how every output moves with one entry."""
        base, step = x.flat[i], step_size(float(x.flat[i]), self.eps)
        x.flat[i] = base + step
        above, high = flat(self.subject.forward()[0]), float(x.flat[i])
        x.flat[i] = base - step
        below, low = flat(self.subject.forward()[0]), float(x.flat[i])
        x.flat[i] = base
        return (above - below) / (high - low)

    @cached_property
    def failing(self) -> list[str]:
        """Return the gradients whose numbers are wrong."""
        return [r.name for r in self.results if not r.passed and r.analytic == r.analytic]

    @cached_property
    def arrays(self) -> dict[str, Array]:
        """Return every array argument by its name: the live inputs at the values of the check."""
        names = {id(x): name for name, x in self.subject.inputs.items()}
        found = {}
        for argument, value in self.subject.arguments.items():
            if isinstance(value, np.ndarray):
                gradient = names.get(id(value))
                found[argument] = self.base[gradient] if gradient else value
        taken = {id(value) for value in self.subject.arguments.values()}
        for name, x in self.subject.inputs.items():
            if id(x) not in taken:
                found[name.removeprefix("d")] = self.base[name]
        return found

    @property
    def integers(self) -> dict[str, Array]:
        """Return the integer arguments: labels, ids."""
        return {name: a for name, a in self.arrays.items() if a.dtype.kind in "iu" and a.ndim}

    @property
    def floats(self) -> dict[str, Array]:
        """Return the float arguments."""
        return {name: a for name, a in self.arrays.items() if a.dtype.kind == "f"}

    @property
    def sound(self) -> bool:
        """Whether the code keeps its manners well enough to be asked again."""
        kinds = {p.kind for p in self.problems if isinstance(p, Problem)}
        return not kinds & {"mutates_input", "nondeterministic"}


def _comparable(got: Any, x: Array) -> bool:
    """Whether a gradient is finite numbers in the form of its input."""
    if not isinstance(got, (np.ndarray, np.floating, float)):
        return False
    array = np.asarray(got)
    return bool(array.shape == x.shape and array.dtype.kind == "f" and np.isfinite(array).all())
