"""What a check found: one result a gradient, sentences about everything else, and a table that reads well."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from minicap._types import Array
from minicap.gradcheck.findings import Diagnosis

SEVERITY = ("PASS", "KINK", "INCONCLUSIVE", "FAIL", "ERROR")
"""Every verdict, from the best to the worst.

``PASS``
    Every probed entry agrees: its error is at most ``tolerance * max|numeric|``, or the gradient is zero to
    within an error bar that is itself negligible.
``KINK``
    As ``PASS``, but at some entries the function has a kink (a ReLU at exactly 0, a tie in a max-pool) and
    the analytic value lies between the left and the right derivative. Counts as passed.
``INCONCLUSIVE``
    Some entry differs by more than the tolerance, but no more than the numerical derivative's own error bar.
``FAIL``
    Some entry differs by more than both tolerance and error bar, or a sentence in ``problems`` says what
    else is wrong.
``ERROR``
    The check could not be carried out: the code raised, or its output cannot be differentiated.
"""


@dataclass(frozen=True)
class GradientResult:
    """The comparison of one analytic gradient with the numerical one.

    Attributes
    ----------
    name : str
        The gradient's name: ``dw`` for the argument ``w``, a parameter's own name otherwise.
    shape : tuple of int
        The shape of the input it belongs to.
    verdict : str
        One of ``SEVERITY``.
    max_error : float
        The relative error ``max|a - n| / max|n|`` (both zero: 0) over the probed entries; at a kink ``n`` is
        the nearest value it allows; where some entries fail, over those. Infinite without a gradient.
    error_bar : float
        How uncertain the numerical value is at the worst entry, in the same units.
    index : tuple of int or None
        The worst entry.
    analytic, numeric : float
        The two values there.
    kinks : int
        How many probed entries sit on a kink.
    never_exercised : float
        The share of probed entries whose gradient is zero both ways: this input says little about them.
    analytic_array, numeric_array : ndarray or None
        Both gradients whole, in the shape of the input, where every entry was probed.
    """

    name: str
    shape: tuple[int, ...]
    verdict: str
    max_error: float
    error_bar: float
    index: tuple[int, ...] | None
    analytic: float
    numeric: float
    kinks: int = 0
    never_exercised: float = 0.0
    analytic_array: Array | None = field(default=None, repr=False, compare=False)
    numeric_array: Array | None = field(default=None, repr=False, compare=False)

    @property
    def passed(self) -> bool:
        """Whether the verdict is ``PASS`` or ``KINK``."""
        return self.verdict in ("PASS", "KINK")


@dataclass(frozen=True)
class Report:
    """The outcome of one gradient check; ``print(report)`` shows it, ``bool(report)`` is ``report.passed``.

    Attributes
    ----------
    name : str
        What was checked.
    gradients : tuple of GradientResult
        One a differentiable input, in the order of the inputs.
    problems : tuple of str
        One sentence for everything wrong besides the numbers; any of them fails the check.
    tolerance : float
        The relative error allowed.
    error : BaseException or None
        What the checked code raised, where it did.
    notes : tuple of str
        What the checker took for granted: which gradient it wired to which input, say.
    diagnosis : Diagnosis or None
        The bug that explains a failure.
    further : tuple of Diagnosis
        Other bugs that other gradients show, each of another kind.
    """

    name: str
    gradients: tuple[GradientResult, ...]
    problems: tuple[str, ...]
    tolerance: float
    error: BaseException | None = field(default=None, repr=False, compare=False)
    notes: tuple[str, ...] = ()
    diagnosis: Diagnosis | None = None
    further: tuple[Diagnosis, ...] = ()

    @property
    def worst(self) -> GradientResult | None:
        """The gradient with the worst verdict, of several the one with the largest error."""
        return max(self.gradients, key=lambda g: (SEVERITY.index(g.verdict), g.max_error), default=None)

    @property
    def verdict(self) -> str:
        """The worst of the gradients' verdicts; at least ``FAIL`` where there are problems."""
        verdicts = [gradient.verdict for gradient in self.gradients]
        if self.problems:
            verdicts.append("FAIL")
        if self.error is not None or not verdicts:
            verdicts.append("ERROR")
        return max(verdicts, key=SEVERITY.index)

    @property
    def passed(self) -> bool:
        """Whether the verdict is ``PASS`` or ``KINK``."""
        return self.verdict in ("PASS", "KINK")

    def __bool__(self) -> bool:
        return self.passed

    def __getitem__(self, name: str) -> GradientResult:
        """Return the result of the gradient called ``name``."""
        for gradient in self.gradients:
            if gradient.name == name:
                return gradient
        raise KeyError(f"no gradient {name!r} in this report; there are {[g.name for g in self.gradients]}")

    def __str__(self) -> str:
        lines = [f"{self.name}: {self.verdict} (tolerance {self.tolerance:.0e})"]
        if self.gradients:
            lines += _table(self.gradients)
        lines += [f"  - {problem}" for problem in self.problems]
        lines += [
            f"  note: {g.name} is zero at every probed entry, so this input says little about it"
            for g in self.gradients
            if g.never_exercised == 1.0
        ]
        lines += [f"  note: {note}" for note in self.notes]
        if self.diagnosis is not None:
            lines += [f"  diagnosis: {self.diagnosis.sentence}", f"  hint: {self.diagnosis.hint}"]
        lines += [f"  perhaps also: {other.sentence}" for other in self.further]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        """Return the report as HTML, which is how a notebook shows it."""
        from minicap.gradcheck.html import fragment

        return fragment(self)

    def assert_ok(self) -> None:
        """Raise AssertionError with the whole table unless the check passed."""
        if not self.passed:
            raise AssertionError(f"gradient check failed\n{self}") from self.error


def _table(gradients: Sequence[GradientResult]) -> list[str]:
    """Return the aligned lines of the table, heading first."""
    heading = ("gradient", "shape", "verdict", "rel. error", "error bar", "worst entry")
    rows = [heading, *(_row(gradient) for gradient in gradients)]
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    return [
        "  "
        + "  ".join(
            [*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]]
        ).rstrip()
        for row in rows
    ]


def _row(g: GradientResult) -> tuple[str, ...]:
    """Return one gradient's cells."""
    worst = ""
    if g.index is not None:
        place = f"{g.name}[{', '.join(map(str, g.index))}]" if g.index else g.name
        worst = f"{place}: analytic {g.analytic:.6g}, numeric {g.numeric:.6g}"
    if g.kinks:
        worst += f" ({g.kinks} on a kink)" if worst else f"{g.kinks} on a kink"
    error = "-" if math.isnan(g.analytic) else f"{g.max_error:.1e}"
    bar = "-" if math.isnan(g.error_bar) else f"{g.error_bar:.1e}"
    return g.name, str(g.shape), g.verdict, error, bar, worst
