"""Code that works in less exact numbers than it was given: a buffer or a cast hard-coded to float32."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minicap._types import Array
from minicap.gradcheck.findings import Problem


def narrow_problem(outputs: Sequence[Any], inputs: Sequence[Array]) -> Problem | None:
    """Return a sentence where an output is less exact than every input, None where none is.

    Parameters
    ----------
    outputs : sequence of ndarray or float
        What forward returned.
    inputs : sequence of ndarray
        The float arrays it was given.
    """
    given = np.result_type(*(x.dtype for x in inputs)) if inputs else np.dtype(np.float64)
    widest = max((np.asarray(y).dtype for y in outputs), key=lambda dtype: dtype.itemsize)
    if widest.itemsize < given.itemsize:
        return Problem(
            f"the output of forward has dtype {widest} though its inputs are {given}: something inside is "
            f"hard-coded to {widest}; keep the input's dtype",
            "dtype",
        )
    if looks_narrow(outputs, inputs):
        return Problem(
            "the output of forward holds nothing but float32 numbers though its inputs are float64: something "
            "inside is hard-coded to float32; keep the input's dtype",
            "dtype",
        )
    return None


def looks_narrow(outputs: Sequence[Any], inputs: Sequence[Array]) -> bool:
    """Whether all outputs are float32 numbers in float64 arrays though the inputs are not: by chance, never."""
    values = [np.asarray(y) for y in outputs]
    if any(y.dtype != np.float64 for y in values) or all(_fits(x, np.float32) for x in inputs):
        return False
    if not all(_fits(y, np.float32) for y in values):
        return False
    # Zeros, ones and halves tell nothing. Neither does what a large sum has rounded to one absolute grid.
    flat = np.concatenate([y.ravel() for y in values])
    grid = float(np.spacing(np.float32(np.abs(flat).max(initial=0.0)))) or 1.0
    return bool(np.any(flat != np.round(flat / grid) * grid))


def _fits(x: Array, dtype: Any) -> bool:
    """Whether every number survives a cast to ``dtype`` and back."""
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        return bool(np.array_equal(x, x.astype(dtype).astype(x.dtype)))


def slack(tolerance: float, eps: float, gradient: Any, given: Any) -> float:
    """Return the tolerance that numbers of the present precision can be held to.

    Parameters
    ----------
    tolerance : float
        What was asked for.
    eps : float
        The rounding error of outputs that are less exact than the inputs, else 0.
    gradient, given : dtype
        Those of the analytic gradient and of its input.
    """
    rounded = float(np.finfo(gradient).eps) if np.finfo(gradient).eps > np.finfo(given).eps else 0.0
    return max(tolerance, 30 * eps**0.5, 1000 * rounded)
