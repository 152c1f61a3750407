"""Output by output, the gradient is off by a factor that is a known function of the output or of a parameter."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from minicap._types import Array
from minicap.gradcheck.diagnosis.axes import Axes
from minicap.gradcheck.diagnosis.candidate import Candidate
from minicap.gradcheck.diagnosis.evidence import Evidence, View


def sigmoid(x: Array) -> Array:
    """Return the logistic function."""
    return np.asarray(0.5 * (1 + np.tanh(0.5 * x)))


def formulas(y: Array) -> Iterator[tuple[str, str, Array]]:
    """Yield the factor that each mistake about a nonlinearity with output ``y`` would leave: kind, words, factor."""
    inside = np.abs(y).max(initial=0.0) < 1
    if inside:
        slope = 1 - y**2
        yield (
            "double_nonlinearity",
            "tanh is applied to its own output in the derivative",
            (1 - np.tanh(y) ** 2) / slope,
        )
        yield "double_nonlinearity", "tanh's derivative is there twice", slope
        yield "missing_term", "tanh's derivative, 1 - tanh^2, is left out", 1 / slope
    if inside and y.min(initial=1.0) > 0:
        s, slope = sigmoid(y), y * (1 - y)
        yield (
            "double_nonlinearity",
            "the sigmoid is applied to its own output in the derivative",
            s * (1 - s) / slope,
        )
        yield "double_nonlinearity", "the sigmoid's derivative is there twice", slope
        yield "missing_term", "the sigmoid's derivative, s (1 - s), is left out", 1 / slope
        yield "missing_term", "the 1 - s of the sigmoid's derivative s (1 - s) is left out", 1 / (1 - y)
        yield "missing_term", "the s of the sigmoid's derivative s (1 - s) is left out", 1 / y


def column_ratio(view: View) -> tuple[Array, Array] | None:
    """Return A over J of every column and which columns have one; None unless one number a column explains all."""
    a, n = view.analytic, view.numeric
    norm = (n * n).sum(axis=0)
    known = norm > (1e-3 * view.scale) ** 2
    if known.sum() < 3:
        return None
    ratio = (a * n).sum(axis=0) / np.where(known, norm, 1.0)
    if not view.same(a[:, known], (ratio * n)[:, known], 100.0):
        return None
    return ratio, known


def explain(evidence: Evidence, view: View, axes: Axes) -> Candidate | None:
    """Compare the ratio with every formula: over all outputs, else over those of the first step."""
    if view.outputs is None:
        return None
    every = np.ones(view.analytic.shape[1], bool)
    chosen = [(every, 0.94)]
    if axes.time is not None and axes.time.target >= 0:
        chosen.append((np.indices(view.outputs)[axes.time.target].ravel() == 0, 0.88))
    y = np.concatenate([part.ravel() for part in evidence.outputs])
    for columns, sure in chosen:
        found = column_ratio(view.columns(columns))
        if found is None:
            continue
        ratio, known = found
        candidate = _known(view, ratio[known], y[columns][known], sure)
        if candidate is None and columns is every:
            candidate = _parameter(evidence, view, ratio, known)
        if candidate is not None:
            return candidate
    return _product(evidence, view, y)


def _known(view: View, ratio: Array, y: Array, sure: float) -> Candidate | None:
    """Return the mistake about a nonlinearity whose factor this is."""
    for kind, words, factor in formulas(y):
        if np.abs(ratio - factor).max() <= 1e-4 * np.abs(factor).max() and np.ptp(factor) > 1e-3:
            return Candidate(kind, view.name, f"{view.name} is off by one factor an output: {words}.", sure)
    return None


def _parameter(evidence: Evidence, view: View, ratio: Array, known: Array) -> Candidate | None:
    """Return the parameter that the forward multiplies with and the backward does not."""
    outputs = view.outputs or ()
    for name, w in evidence.floats.items():
        if w.ndim != 1 or w.size < 2 or f"d{name}" == view.name:
            continue
        for axis in (i for i, n in enumerate(outputs) if n == w.size):
            value = w[np.indices(outputs)[axis].ravel()][known].astype(np.float64)
            for power, words in ((1, "left out"), (-1, "there once too often")):
                if np.abs(ratio[known] * value**power - 1).max() <= 1e-4:
                    sentence = f"{view.name} is off by one factor an output, and the factor is {name}: it is {words}."
                    return Candidate("missing_term", view.name, sentence, 0.94)
    return None


def _product(evidence: Evidence, view: View, y: Array) -> Candidate | None:
    """One half of a product rule: y = x g(x) differentiated as g(x) or as x g'(x)."""
    if view.shape != view.outputs:
        return None
    n, x = np.diag(view.numeric), evidence.base[view.name].ravel()
    off = ~np.eye(n.size, dtype=bool)
    if (
        not view.zero(view.numeric[off]).all()
        or not view.zero(view.analytic[off]).all()
        or np.mean(x == 0) > 0.5
    ):
        return None
    a, half = np.diag(view.analytic), y / np.where(x == 0, 1.0, x)
    a, n, half = a[x != 0], n[x != 0], half[x != 0]
    if view.same(n, half, 100.0):
        return None
    if view.same(a, half, 100.0) or view.same(n - a, half, 100.0):
        sentence = (
            f"{view.name} has one half of a product rule: x stands in the forward twice, and counts once."
        )
        return Candidate("missing_term", view.name, sentence, 0.9)
    return None
