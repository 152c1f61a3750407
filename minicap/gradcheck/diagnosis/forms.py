"""What the check has said already: manners as they are, wrong shapes looked at more closely."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, permutations, product

import numpy as np

from minicap._types import Array
from minicap.gradcheck.diagnosis import regular
from minicap.gradcheck.diagnosis.axes import Axes, find_axes
from minicap.gradcheck.diagnosis.candidate import Candidate
from minicap.gradcheck.diagnosis.evidence import Evidence
from minicap.gradcheck.findings import Problem

FORMS = ("shape", "transpose", "missing_batch_sum", "missing_time_sum")
ORDER = (
    "mutates_input",
    "nondeterministic",
    "missing_gradient",
    "nan",
    *FORMS,
    "dtype",
    "not_linear",
    "unknown",
)


def explain(evidence: Evidence) -> list[Candidate]:
    """Return one candidate a problem, what spoils everything else first."""
    found = []
    problems = [p for p in evidence.problems if isinstance(p, Problem)]
    for problem in sorted(problems, key=_rank):
        candidate = None
        if evidence.sound and problem.gradient in evidence.base:
            if problem.kind in FORMS:
                candidate = _form(evidence, problem.gradient)
            elif problem.kind == "not_linear":
                view = evidence.view(problem.gradient)
                candidate = regular.explain(evidence, view) if view is not None else None
        found.append(
            candidate or Candidate(problem.kind, problem.gradient, _sentence(str(problem)), _sure(problem))
        )
    return found


def _sentence(text: str) -> str:
    """Return a problem's text as a sentence."""
    return text if text.endswith(".") else f"{text}."


def _form(evidence: Evidence, name: str) -> Candidate | None:
    """Return what makes the true gradient of an array of the wrong shape."""
    upstream = np.asarray(
        evidence.rng.standard_normal(evidence.count) if evidence.full else evidence.weights[0]
    )
    raw = evidence.raw(name, upstream)
    numeric = evidence.numeric(name, {})
    if not isinstance(raw, np.ndarray) or raw.dtype.kind != "f" or numeric is None:
        return None
    true = (numeric @ upstream if evidence.full else numeric[:, 0]).reshape(evidence.base[name].shape)
    return _summed(evidence, name, raw, true) or _cropped(name, raw, true) or _ordered(name, raw, true)


def _same(a: Array, b: Array) -> bool:
    """Whether two arrays agree."""
    return a.shape == b.shape and bool(np.abs(a - b).max(initial=0.0) <= 1e-5 * np.abs(b).max(initial=0.0))


def _summed(evidence: Evidence, name: str, raw: Array, true: Array) -> Candidate | None:
    """Look for axes to be summed over."""
    for count in range(1, raw.ndim + 1):
        for chosen in combinations(range(raw.ndim), count):
            total = raw.sum(axis=chosen)
            if total.size == true.size and _same(total.reshape(true.shape), true):
                lengths = [raw.shape[axis] for axis in chosen]
                role = _role(find_axes(evidence), lengths, evidence)
                kind = "missing_time_sum" if role == "step" else "missing_batch_sum"
                sentence = (
                    f"{name} has shape {raw.shape} where {true.shape} is due: it holds one gradient a {role}; their "
                    "sum would be right."
                )
                return Candidate(kind, name, sentence, 0.97)
    return None


def _role(axes: Axes, lengths: list[int], evidence: Evidence) -> str:
    """Return whether the axes left over are samples or steps."""
    shape = evidence.stacked or ()
    batch = axes.batch.length if axes.batch is not None else shape[0] if shape else 0
    time = axes.time.length if axes.time is not None else shape[1] if len(shape) == 3 else 0
    return "step" if time in lengths and batch not in lengths else "sample"


def _cropped(name: str, raw: Array, true: Array) -> Candidate | None:
    """Look for the true gradient inside a larger array."""
    room = [a - b for a, b in zip(raw.shape, true.shape, strict=False)]
    if raw.ndim != true.ndim or min(room) < 0 or max(room) > 8:
        return None
    for offset in product(*(range(r + 1) for r in room)):
        part = tuple(slice(o, o + n) for o, n in zip(offset, true.shape, strict=True))
        if _same(raw[part], true):
            sentence = (
                f"{name} has shape {raw.shape} where the input has {true.shape}: it is the gradient of the padded "
                "input, and the padding is not cut off."
            )
            return Candidate("padding", name, sentence, 0.97)
    return None


def _ordered(name: str, raw: Array, true: Array) -> Candidate | None:
    """Look for the true gradient in another order of the axes, or flat."""
    if raw.size != true.size:
        return None
    for order in permutations(range(raw.ndim)) if raw.ndim == true.ndim <= 4 else ():
        if _same(raw.transpose(order), true):
            sentence = f"{name} has shape {raw.shape}, the axes of the input's {true.shape} in another order."
            return Candidate("transpose", name, sentence, 0.97)
    if _same(raw.reshape(true.shape), true):
        sentence = (
            f"{name} has the right numbers in shape {raw.shape} where the input has {true.shape}: reshape it."
        )
        return Candidate("shape", name, sentence, 0.97)
    return None


def said(problems: Sequence[str]) -> Candidate | None:
    """Return the candidate of the worst problem, with nothing looked at again."""
    found = sorted((p for p in problems if isinstance(p, Problem)), key=_rank)
    return (
        Candidate(found[0].kind, found[0].gradient, _sentence(str(found[0])), _sure(found[0]))
        if found
        else None
    )


def _rank(problem: Problem) -> int:
    """Return where a problem stands among all: what spoils everything else comes first."""
    return ORDER.index(problem.kind) if problem.kind in ORDER else len(ORDER)


def _sure(problem: Problem) -> float:
    """Return how much a problem explains."""
    return 0.97 if problem.kind != "unknown" else 0.3
