"""Reports as JSON, and back: for programs, and for the way out of a child process."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from minicap._types import Array
from minicap.gradcheck.findings import Diagnosis, Problem
from minicap.gradcheck.report import GradientResult, Report


def report_json(report: Report, *, arrays: bool = False) -> dict[str, Any]:
    """Return a report in the form that ``minicap gradcheck --json`` prints.

    Parameters
    ----------
    report : Report
    arrays : bool
        Whether to take whole gradients along, where there are any.

    Returns
    -------
    dict
        ``name``, ``verdict``, ``gradients``, ``diagnosis``, ``further`` (what else may be wrong), ``problems`` and
        ``notes``. Infinite and NaN are None.
    """
    return {
        "name": report.name,
        "verdict": report.verdict,
        "gradients": [gradient_json(gradient, arrays=arrays) for gradient in report.gradients],
        "diagnosis": _diagnosis_json(report.diagnosis),
        "further": [_diagnosis_json(other) for other in report.further],
        "problems": [
            {
                "sentence": str(p),
                "kind": getattr(p, "kind", "unknown"),
                "gradient": getattr(p, "gradient", None),
            }
            for p in report.problems
        ],
        "notes": [str(note) for note in report.notes],
        "tolerance": report.tolerance,
        "error": report.error is not None,
    }


def gradient_json(gradient: GradientResult, *, arrays: bool = False) -> dict[str, Any]:
    """Return one gradient's result.

    Parameters
    ----------
    gradient : GradientResult
    arrays : bool
        Whether to take the gradients' entries along.
    """
    worst = None
    if gradient.index is not None:
        worst = {
            "index": [int(i) for i in gradient.index],
            "analytic": _finite(gradient.analytic),
            "numeric": _finite(gradient.numeric),
        }
    form: dict[str, Any] = {
        "name": gradient.name,
        "shape": [int(n) for n in gradient.shape],
        "verdict": gradient.verdict,
        "max_error": _finite(gradient.max_error),
        "error_bar": _finite(gradient.error_bar),
        "worst": worst,
        "kinks": int(gradient.kinks),
        "never_exercised": float(gradient.never_exercised),
    }
    if arrays and gradient.analytic_array is not None and gradient.numeric_array is not None:
        form["analytic"] = np.asarray(gradient.analytic_array, np.float64).ravel().tolist()
        form["numeric"] = np.asarray(gradient.numeric_array, np.float64).ravel().tolist()
    return form


def _diagnosis_json(diagnosis: Diagnosis | None) -> dict[str, Any] | None:
    """Return a diagnosis; ``factor`` is there only where there is one."""
    if diagnosis is None:
        return None
    form = asdict(diagnosis)
    form["confidence"] = float(diagnosis.confidence)
    if form["factor"] is None:
        del form["factor"]
    else:
        form["factor"] = _finite(form["factor"])
    return form


def _finite(value: float) -> float | None:
    """Return a number that JSON has, None for what it has not."""
    return float(value) if math.isfinite(value) else None


def report_of(form: Mapping[str, Any]) -> Report:
    """Return the report that ``report_json`` was made from.

    Parameters
    ----------
    form : mapping

    Returns
    -------
    Report
        What the checked code raised is only remembered as having been raised.
    """
    diagnosis = form["diagnosis"]
    return Report(
        form["name"],
        tuple(_gradient_of(gradient) for gradient in form["gradients"]),
        tuple(Problem(p["sentence"], p["kind"], p["gradient"]) for p in form["problems"]),
        form["tolerance"],
        RuntimeError("the checked code raised") if form["error"] else None,
        tuple(form["notes"]),
        Diagnosis(**diagnosis) if diagnosis else None,
        tuple(Diagnosis(**other) for other in form["further"]),
    )


def _gradient_of(form: Mapping[str, Any]) -> GradientResult:
    """Return one gradient's result."""
    worst, shape = form["worst"] or {}, tuple(form["shape"])
    return GradientResult(
        form["name"], shape, form["verdict"],
        _number(form["max_error"], math.inf), _number(form["error_bar"], math.nan),
        tuple(worst["index"]) if worst else None,
        _number(worst.get("analytic"), math.nan if not worst and form["max_error"] is None else 0.0),
        _number(worst.get("numeric"), math.nan if not worst and form["max_error"] is None else 0.0),
        form["kinks"], form["never_exercised"],
        _array(form.get("analytic"), shape), _array(form.get("numeric"), shape),
    )  # fmt: skip


def _number(value: float | None, otherwise: float) -> float:
    """Return a number or what stands for its absence."""
    return otherwise if value is None else float(value)


def _array(values: list[float] | None, shape: tuple[int, ...]) -> Array | None:
    """Return an array where there is one."""
    return None if values is None else np.array(values, np.float64).reshape(shape)
