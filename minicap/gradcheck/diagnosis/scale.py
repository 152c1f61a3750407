"""One number times the right gradient: a factor, a sign, a length or a probability too many or too few."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from minicap.gradcheck.diagnosis.candidate import Candidate
from minicap.gradcheck.diagnosis.evidence import Evidence, View


def explain(evidence: Evidence, view: View) -> Candidate | None:
    """Name the constant c with A = c J."""
    a, n = view.analytic, view.numeric
    factor = float(np.vdot(a, n) / (np.vdot(n, n) or 1.0))
    if not factor or not view.same(a, factor * n, 10.0):
        return None
    several = bool(np.count_nonzero(~view.zero(n)) > 1)  # one number is always some factor times another
    return named(evidence, view, factor, 0.95 if several else 0.75, several)


def named(evidence: Evidence, view: View, factor: float, sure: float, plain: bool = True) -> Candidate | None:
    """Return what a factor is: a sign, a length, a probability, or else a plain one where that may be said."""
    name = view.name
    if abs(factor + 1) < 1e-5:
        return Candidate("sign", name, f"{name} has the right size and the wrong sign.", sure + 0.01)
    source = _length(evidence, view, abs(factor)) or _probability(evidence, view, abs(factor))
    if source:
        return Candidate(
            "missing_scale", name, f"{name} is {_words(factor)} the true gradient: {source}.", sure, factor
        )
    if not plain:
        return None
    return Candidate(
        "factor",
        name,
        f"{name} is {_words(factor)} the true gradient, at every entry the same.",
        sure,
        factor,
    )


def _length(evidence: Evidence, view: View, factor: float) -> str:
    """Return which length the factor, or its inverse, is."""
    summed = evidence.count / view.analytic.shape[0]
    for power, how in ((1.0, "is not divided by"), (-1.0, "is divided by")):
        length = factor**power
        for axis, number in _lengths(evidence):
            if number == 2 and axis.rsplit(" ", 1)[-1] != "0":
                continue  # a plain 2 is likelier a 2
            if number > 1 and _near(length, number):
                return f"{number} is the length of {axis}, and the gradient {how} it"
        if evidence.full and summed > 1 and power < 0 and _near(length, summed):
            return f"{round(summed)} outputs share each entry; their parts are averaged where they should be added"
    return ""


def _lengths(evidence: Evidence) -> Iterator[tuple[str, int]]:
    """Yield every length of an axis, those of inputs before those of parameters."""
    arrays = evidence.arrays
    last = {name.removeprefix("d") for name in evidence.subject.parameters}
    for name in sorted(arrays, key=lambda key: key in last):
        for axis, number in enumerate(arrays[name].shape):
            yield f"{name}'s axis {axis}", number
    for value in evidence.subject.arguments.values():
        if isinstance(value, (list, tuple)) and value and isinstance(value[0], np.ndarray):
            yield "the list, axis 0", len(value)


def _probability(evidence: Evidence, view: View, factor: float) -> str:
    """Return which probability the factor comes from: dropout keeps some and scales those."""
    for name, p in _numbers(evidence.subject.arguments):
        for value, word in ((p, name), (1 - p, f"1 - {name}")):
            if 0 < p < 1 and (_near(factor, value) or _near(factor, 1 / value)):
                return f"the factor comes from {word}"
    kept = view.numeric[~view.zero(view.numeric)]
    scale = float(kept.mean())
    masked = view.shape == view.outputs and kept.size < view.analytic.shape[0]
    known = masked and scale > 1 and view.same(kept, np.full_like(kept, scale))
    if known and (_near(factor, scale) or _near(factor, 1 / scale)):
        return f"the factor is the {scale:.4g} that forward multiplies what it keeps with"
    return ""


def _numbers(value: Any, name: str = "") -> Iterator[tuple[str, float]]:
    """Yield every float among the arguments, in dicts too."""
    if isinstance(value, Mapping):
        for key, child in value.items():
            yield from _numbers(child, str(key))
    elif isinstance(value, float):
        yield name, value


def _near(a: float, b: float) -> bool:
    """Whether two numbers agree to four digits."""
    return abs(a - b) <= 1e-4 * abs(b)


def _words(factor: float) -> str:
    """Return a factor as one says it."""
    if abs(factor) < 1 and _near(round(1 / factor), 1 / factor):
        return f"1/{round(1 / factor)} of" if factor > 0 else f"-1/{round(-1 / factor)} of"
    return f"{factor:.4g} times"
