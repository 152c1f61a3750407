"""What can be wrong with a layer, in words: the kinds of bugs, a sentence that knows its kind, a diagnosis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

KINDS = (
    "factor",
    "sign",
    "transpose",
    "missing_batch_sum",
    "missing_time_sum",
    "overwrite",
    "time_shift",
    "padding",
    "not_flipped",
    "axes_swapped",
    "gates_permuted",
    "regularisation",
    "missing_mask",
    "missing_scale",
    "never_written",
    "duplicate_ids",
    "double_nonlinearity",
    "missing_term",
    "ties",
    "mutates_input",
    "nondeterministic",
    "not_linear",
    "shape",
    "dtype",
    "nan",
    "missing_gradient",
    "unknown",
)
"""Every kind of bug that a diagnosis can name; ``unknown`` where none explains what was seen."""


class Problem(str):
    """A sentence about something wrong besides the numbers, which knows what kind of bug it tells of.

    Attributes
    ----------
    kind : str
        One of ``KINDS``.
    gradient : str or None
        The gradient it is about, None where it is about the code as a whole.
    """

    kind: str
    gradient: str | None

    def __new__(cls, sentence: str, kind: str = "unknown", gradient: str | None = None) -> Problem:
        """Make the sentence and remember its kind."""
        if kind not in KINDS:
            raise ValueError(f"Problem: kind {kind!r} is none of {', '.join(KINDS)}")
        problem = super().__new__(cls, sentence)
        problem.kind, problem.gradient = kind, gradient
        return problem

    def __reduce__(self) -> tuple[Any, ...]:
        return Problem, (str(self), self.kind, self.gradient)


class UnusableError(Exception):
    """The code under check cannot be differentiated; the message says why, ``kind`` is one of ``KINDS``."""

    def __init__(self, sentence: str, kind: str = "unknown", gradient: str | None = None) -> None:
        super().__init__(sentence)
        self.kind, self.gradient = kind, gradient


@dataclass(frozen=True)
class Diagnosis:
    """The bug that explains what was measured, in a sentence that a student can act on.

    Attributes
    ----------
    kind : str
        One of ``KINDS``.
    gradient : str or None
        The gradient that shows it best, None where it is about the code as a whole.
    sentence : str
        What is wrong, in one plain sentence.
    hint : str
        Where to look, without giving the line away.
    confidence : float
        From 0 to 1: how much of the difference the bug explains, and how few other bugs would.
    factor : float or None
        For ``factor`` and ``missing_scale``: analytic over numeric.
    """

    kind: str
    gradient: str | None
    sentence: str
    hint: str
    confidence: float
    factor: float | None = None
