"""Compare one analytic gradient with the numerical one, entry by entry or by directions, and judge."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from minicap._types import Array, Rng
from minicap.gradcheck.numeric import (
    NOISE,
    Line,
    Slope,
    direction_line,
    entry_line,
    slope_along,
    step_size,
    subgradient_interval,
)
from minicap.gradcheck.report import SEVERITY, GradientResult
from minicap.gradcheck.sampling import stratified

PASS, KINK, INCONCLUSIVE, FAIL = range(4)
RETRIES = (1 / 256, 1 / 16, 16.0, 256.0)


@dataclass(frozen=True)
class Budget:
    """How many probes an input gets: all entries up to ``dense``, else a sample and random directions."""

    dense: int = 2000
    entries: int = 100
    directions: int = 4


@dataclass
class Judged:
    """One probe's outcome; error and bar are absolute, ``width`` is the gap of a kink's one-sided slopes."""

    analytic: float
    numeric: float
    error: float
    bar: float
    verdict: int
    width: float = 0.0


@dataclass(frozen=True)
class Comparison:
    """Everything needed to probe one input: where it lives, how to evaluate, how exact to be.

    Attributes
    ----------
    x : ndarray
        The live input, moved in place and put back.
    evaluate : callable
        Returns all outputs, flattened to (K,), at the present inputs.
    upstream, middle : ndarray of shape (K,)
        The weight of each output, and the outputs at the unmoved point.
    eps : float
        The relative rounding error of the outputs' dtype.
    tolerance : float
        The relative error allowed.
    """

    x: Array
    evaluate: Callable[[], Array]
    upstream: Array
    middle: Array
    eps: float
    tolerance: float

    def run(self, name: str, analytic: Array, budget: Budget, rng: Rng) -> GradientResult:
        """Return the verdict on ``analytic``, which has the shape of ``x``."""
        dense = self.x.size <= budget.dense
        flat = analytic.ravel()
        entries = range(self.x.size) if dense else stratified(analytic, budget.entries, rng).tolist()
        first = [self.slope(self.line(i), self.step(i)) for i in entries]
        smooth = [slope.sigma for slope in first if not slope.kinked and slope.value != 0]
        floor = float(np.quantile(smooth, 0.25, method="lower")) if smooth else 0.0
        scale = _scale(first)
        judged = {
            i: self.judge(self.line(i), self.step(i), float(flat[i]), slope, scale, floor)
            for i, slope in zip(entries, first, strict=True)
        }
        if not dense and FAIL not in {entry.verdict for entry in judged.values()}:
            self.directions(flat, judged, scale, floor, budget.directions, rng)
        result = self.summary(name, judged, scale)
        if not dense:
            return result
        numeric = np.array([judged[i].numeric for i in entries]).reshape(self.x.shape)
        return replace(result, analytic_array=analytic, numeric_array=numeric)

    def line(self, i: int) -> Line:
        """Return the line along entry ``i``."""
        return entry_line(self.x, i, self.evaluate)

    def step(self, i: int) -> float:
        """Return the step for entry ``i``."""
        return step_size(float(self.x.flat[i]), self.eps)

    def slope(self, line: Line, step: float, floor: float = 0.0) -> Slope:
        """Measure the derivative along a line."""
        return slope_along(line, self.upstream, self.middle, step, self.eps, floor)

    def judge(
        self, line: Line, step: float, analytic: float, slope: Slope, scale: float, floor: float
    ) -> Judged:
        """Judge one probe; one in doubt is looked at for a kink, then measured again at other steps."""
        bar, allowed = slope.bar + NOISE * max(0.0, floor - slope.sigma) / step, self.tolerance * scale
        error = abs(analytic - slope.value)
        if error <= allowed:
            return Judged(analytic, slope.value, error, bar, PASS)
        if not slope.kinked and error > 100 * bar:
            return Judged(analytic, slope.value, error, bar, FAIL)
        interval = subgradient_interval(line, self.upstream, self.middle, step / 16, self.eps)
        if interval is not None:
            nearest = min(max(analytic, interval[0]), interval[1])
            error = abs(analytic - nearest)
            bar = NOISE * max(floor, self.rounding()) / (step / 256)
            verdict = KINK if error <= max(allowed, bar) else FAIL
            return Judged(analytic, nearest, error, bar, verdict, interval[1] - interval[0])
        slopes = [slope._replace(bar=bar), *(self.slope(line, step * factor, floor) for factor in RETRIES)]
        best = min(slopes, key=lambda candidate: candidate.bar)
        # A bar is believed only if it explains why the other steps measured something else.
        bar = max([best.bar, *(abs(best.value - s.value) - s.bar for s in slopes if math.isfinite(s.bar))])
        error = abs(analytic - best.value)
        verdict = PASS if error <= allowed else INCONCLUSIVE if not error > bar else FAIL
        return Judged(analytic, best.value, error, bar, verdict)

    def directions(
        self, flat: Array, judged: dict[int, Judged], scale: float, floor: float, count: int, rng: Rng
    ) -> None:
        """Check random unit directions; where one fails, add the entry to blame to ``judged``.

        A unit direction of random signs measures the root mean square of the error over all entries.
        """
        size = self.x.size
        for _ in range(count):
            signs = rng.choice([-1.0, 1.0], size)
            along = self.direction(flat, signs, scale, floor)
            # Many kinks crossed at once bound the slope only loosely: there, the entries decide.
            if along.verdict == FAIL and along.error > along.width:
                i = self.locate(flat, signs, scale, floor)
                slope = self.slope(self.line(i), self.step(i), floor)
                found = self.judge(self.line(i), self.step(i), float(flat[i]), slope, scale, floor)
                judged[i] = found if found.verdict == FAIL else along
                return

    def direction(self, flat: Array, signs: Array, scale: float, floor: float) -> Judged:
        """Judge the derivative along ``signs`` made a unit vector (zeros stay where they are)."""
        moved = np.count_nonzero(signs)
        unit = signs / math.sqrt(moved)
        line = direction_line(self.x, unit.reshape(self.x.shape).astype(self.x.dtype), self.evaluate)
        # Each entry moves less than a single one would, the whole vector more: less noise, few kinks crossed.
        step = step_size(float(np.abs(self.x).max()), self.eps) * 2.0 ** round(math.log2(moved) / 4)
        slope = self.slope(line, step, floor)
        return self.judge(line, step, float(flat @ unit), slope, scale, floor)

    def locate(self, flat: Array, signs: Array, scale: float, floor: float) -> int:
        """Find the entry to blame for a failing direction by halving: two probes a halving."""
        suspects = np.arange(self.x.size)
        while suspects.size > 1:
            halves = np.array_split(suspects, 2)
            errors = []
            for half in halves:
                part = np.zeros_like(signs)
                part[half] = signs[half]
                errors.append(self.direction(flat, part, scale, floor).error * math.sqrt(half.size))
            suspects = halves[int(errors[1] > errors[0])]
        return int(suspects[0])

    def summary(self, name: str, judged: dict[int, Judged], scale: float) -> GradientResult:
        """Fold the entries into one result: the worst verdict, and the largest error that has it."""
        if not judged:
            return GradientResult(name, self.x.shape, "PASS", 0.0, 0.0, None, 0.0, 0.0)
        verdict = max(entry.verdict for entry in judged.values())
        if verdict == INCONCLUSIVE and self.is_zero(judged):
            bar = max(entry.bar for entry in judged.values())
            return GradientResult(
                name, self.x.shape, "PASS", 0.0, bar / self.natural(), None, 0.0, 0.0, never_exercised=1.0
            )
        i, worst = max(judged.items(), key=lambda item: (max(item[1].verdict, KINK), item[1].error))
        unit = scale if scale > 0 else 1.0
        relative = worst.error / unit if scale > 0 or worst.error == 0 else math.inf
        index = tuple(int(k) for k in np.unravel_index(i, self.x.shape))
        kinks = sum(entry.verdict == KINK for entry in judged.values())
        idle = sum(entry.analytic == 0 and entry.numeric == 0 for entry in judged.values())
        return GradientResult(
            name, self.x.shape, SEVERITY[verdict], relative, worst.bar / unit, index,
            worst.analytic, worst.numeric, kinks, idle / len(judged),
        )  # fmt: skip

    def natural(self) -> float:
        """Return the size a gradient would have were the outputs' size and the input's all there is to it."""
        size = self.rounding() / self.eps
        return size / max(1.0, float(np.abs(self.x).max(initial=0.0))) or 1.0

    def rounding(self) -> float:
        """Return the rounding noise that the weighted outputs have by their size alone."""
        return self.eps * float(np.linalg.norm(self.upstream * self.middle))

    def is_zero(self, judged: dict[int, Judged]) -> bool:
        """Whether both gradients vanish to within error bars that are themselves negligible."""
        small = self.tolerance * self.natural()
        return all(
            abs(entry.numeric) <= entry.bar <= small and abs(entry.analytic) <= entry.bar
            for entry in judged.values()
        )


def _scale(slopes: list[Slope]) -> float:
    """Return the largest numerical entry, of those known to a digit where there are any: a jump has none."""
    known = [abs(s.value) for s in slopes if s.bar <= 0.1 * abs(s.value)]
    return max(known or [abs(s.value) for s in slopes if math.isfinite(s.value)], default=0.0)
