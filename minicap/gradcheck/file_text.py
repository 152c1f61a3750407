"""The check of a file in words: one table, then every layer that failed with what is wrong and where to look."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence

from minicap.gradcheck.file import FileReport, Layer
from minicap.gradcheck.report import SEVERITY, GradientResult

WIDTH = 96
IDLE = 0.9  # share of zero entries from which a gradient is mentioned
MOST_ENTRIES = 4  # gradients whose worst entry is shown
KINK = (
    "KINK passes: at some entries the function has a corner (a ReLU at 0), and the gradient is one it allows"
)
_HEADER = ("layer", "verdict", "worst gradient", "rel. error", "error bar", "time")
_LEFT = 3  # columns of words; the others hold numbers


def describe(report: FileReport, width: int = WIDTH) -> str:
    """Return what people read of a file's check.

    Parameters
    ----------
    report : FileReport
    width : int
        The most characters in a line.

    Returns
    -------
    str
    """
    rows = [_row(layer) for layer in report.layers]
    parts = [f"{report.file}: {summary(report)}\n\n{_aligned([_HEADER, *rows])}"]
    parts += [_details(layer, width) for layer in report.layers if not layer.report.passed]
    said = [_said(layer, width) for layer in report.layers if layer.report.passed]
    said += [_wrapped("note", note, width) for note in report.notes]
    if any(layer.report.verdict == "KINK" for layer in report.layers):
        said.append(_wrapped("note", KINK, width))
    parts.append("\n".join(filter(None, said)))
    return "\n\n".join(filter(None, parts))


def summary(report: FileReport) -> str:
    """Return the outcome in half a line.

    Parameters
    ----------
    report : FileReport
    """
    count, good = len(report.layers), sum(layer.report.passed for layer in report.layers)
    if good == count:
        said = "its layer passes" if count == 1 else f"all {count} layers pass"
    elif count == 1:
        said = "its layer fails"
    else:
        said = f"{count - good} of {count} layers {'fails' if count - good == 1 else 'fail'}"
    return f"{said}, {report.seconds:.1f} s"


def _row(layer: Layer) -> list[str]:
    """Return a layer's line of the table."""
    report, worst = layer.report, layer.report.worst
    cells = [_cut(report.name, 30), report.verdict]
    if worst is None:
        return [*cells, "-", "-", "-", f"{layer.seconds:.1f} s"]
    return [
        *cells,
        _cut(worst.name, 20),
        _number(worst.max_error),
        _number(worst.error_bar),
        f"{layer.seconds:.1f} s",
    ]


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    """Return a table with a rule below its header."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(_HEADER))]
    lines = [
        "  ".join(
            cell.ljust(width) if i < _LEFT else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def _cut(text: str, most: int) -> str:
    """Return a text of a bounded length."""
    return text if len(text) <= most else f"{text[: most - 3]}..."


def _number(value: float) -> str:
    """Return a number in few characters."""
    return f"{value:.1e}" if math.isfinite(value) else "-"


def _details(layer: Layer, width: int) -> str:
    """Return what is wrong with a layer."""
    report = layer.report
    lines = [f"{report.name}: {report.verdict}"]
    if report.diagnosis is not None:
        lines.append(_wrapped("", report.diagnosis.sentence, width))
        lines.append(_wrapped("hint", report.diagnosis.hint, width))
    lines += [_wrapped("perhaps also", other.sentence, width) for other in report.further]
    lines += [_wrapped("-", problem, width) for problem in dict.fromkeys(report.problems)]
    wrong = [gradient for gradient in report.gradients if not gradient.passed and gradient.index is not None]
    wrong.sort(key=lambda gradient: -SEVERITY.index(gradient.verdict))
    lines += [_wrapped("-", entry(gradient), width) for gradient in wrong[:MOST_ENTRIES]]
    if len(wrong) > MOST_ENTRIES:
        others = ", ".join(gradient.name for gradient in wrong[MOST_ENTRIES:])
        lines.append(_wrapped("-", f"also wrong: {others}", width))
    right = [gradient.name for gradient in report.gradients if gradient.passed]
    if right and wrong:
        lines.append(_wrapped("right", ", ".join(right), width))
    if layer.inputs:
        lines.append(_wrapped("inputs", layer.inputs, width))
    lines += [_wrapped("note", note, width) for note in report.notes]
    return "\n".join(lines)


def entry(gradient: GradientResult) -> str:
    """Return a gradient's worst entry in words.

    Parameters
    ----------
    gradient : GradientResult
        With an ``index``.
    """
    index = f"[{', '.join(map(str, gradient.index))}]" if gradient.index else ""
    place = (
        f"{gradient.name}{index}: backward says {gradient.analytic:.6g}, the slope is {gradient.numeric:.6g}"
    )
    if gradient.verdict == "INCONCLUSIVE":
        return f"{place}, but that is no more exact than {gradient.error_bar:.0e} of the largest"
    return place


def _said(layer: Layer, width: int) -> str:
    """Return what is worth saying of a layer that passed."""
    report = layer.report
    idle = [g.name for g in report.gradients if g.never_exercised > IDLE]
    notes = list(report.notes)
    if idle and not any("exercised" in note for note in notes):
        notes.append(
            f"{', '.join(idle)}: zero at nearly every entry for these inputs, so little is proved of it"
        )
    return "\n".join(_wrapped("note", f"{report.name}: {note}", width) for note in notes)


def _wrapped(label: str, text: str, width: int) -> str:
    """Return a paragraph with a label in front, indented."""
    front = {"": "  ", "-": "  - "}.get(label, f"  {label}: ")
    hang = "    " if label else "  "
    return textwrap.fill(
        " ".join(text.split()), width, initial_indent=front, subsequent_indent=hang, break_on_hyphens=False
    )
