"""A grid of pictures with what a model says of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from matplotlib.figure import Figure

from minicap._types import Array
from minicap.plots.grid import MARGIN, SIDE, check_paired, check_pictures, draw_picture, lay_out, write
from minicap.plots.marks import MARK, draw_mark
from minicap.plots.style import INK, MUTED, new_figure, save_figure
from minicap.plots.text import drawable, font, ruler, wrap, wrap_evenly
from minicap.plots.verdict import Judgement, Verdict, verdict_of

# Inches.
LINE, SMALL_LINE, TEXT_GAP = 0.19, 0.16, 0.13
LEGEND = 0.36
MOST_LINES, MOST_REFERENCE_LINES = 4, 2


@dataclass
class _Cell:
    """One picture with its text already broken into lines."""

    picture: Array
    caption: list[str]
    reference: list[str] = field(default_factory=list)
    verdict: Verdict | None = None

    @property
    def text_height(self) -> float:
        """Return the height of what stands below the picture."""
        return TEXT_GAP + LINE * len(self.caption) + SMALL_LINE * len(self.reference)


def plot_captions(
    pictures: Sequence[Array],
    captions: Sequence[str],
    references: Sequence[Sequence[str]] | None = None,
    judgements: Sequence[Judgement] | None = None,
    path: str | Path | None = None,
    columns: int = 4,
    *,
    title: str | None = None,
) -> Figure:
    """Draw pictures in a grid, each with its caption and, where the truth is known, a tick or a cross.

    Parameters
    ----------
    pictures : sequence of Array
        uint8, shape (H, W, 3) each, or (H, W) for grey; small ones are enlarged with their pixels visible.
    captions : sequence of str
        One a picture, in any script; long ones are wrapped, then cut with an ellipsis.
    references : sequence of sequences of str, optional
        What people said; the first is shown.
    judgements : sequence, optional
        For each picture (grammatical, true, complete), a bool, or None where the truth is not known.
    path : str or Path, optional
        PNG file to write.
    columns : int
        Pictures side by side.
    title : str, optional
        A heading over all.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If there is no picture, one is not 8-bit, or the sequences do not pair up.
    InputError
        If the file cannot be written.
    """
    check_pictures("plot_captions", pictures, columns)
    for name, given in (("captions", captions), ("references", references), ("judgements", judgements)):
        check_paired("plot_captions", name, given, pictures)
    figure = new_figure(1.0, 1.0)  # the size follows from the text
    cells = _cells(figure, pictures, captions, references, judgements)
    used = [verdict for verdict in Verdict if any(cell.verdict is verdict for cell in cells)]
    heights = [cell.text_height for cell in cells]
    corners = lay_out("plot_captions", figure, title, heights, columns, LEGEND if used else 0.0)
    for cell, (x, y) in zip(cells, corners, strict=True):
        _draw_cell(figure, cell, x, y)
    _draw_legend(figure, used)
    if path is not None:
        save_figure(figure, path)
    return figure


def _cells(
    figure: Figure,
    pictures: Sequence[Array],
    captions: Sequence[str],
    references: Sequence[Sequence[str]] | None,
    judgements: Sequence[Judgement] | None,
) -> list[_Cell]:
    """Break the texts into lines, and pair everything up."""
    measure, measure_small = ruler(figure, font(10.5)), ruler(figure, font(8.5))
    cells = []
    for i, (picture, caption) in enumerate(zip(pictures, captions, strict=True)):
        verdict = verdict_of(judgements[i]) if judgements is not None else None
        room = SIDE - (MARK if verdict else 0.0)
        cell = _Cell(
            picture,
            wrap_evenly(drawable(caption) or "(says nothing)", measure, room, MOST_LINES),
            verdict=verdict,
        )
        if references is not None and len(references[i]):
            text = drawable(f"person: {references[i][0]}")
            cell.reference = wrap(text, measure_small, room, MOST_REFERENCE_LINES)
        cells.append(cell)
    return cells


def _draw_cell(figure: Figure, cell: _Cell, x: float, y: float) -> None:
    """Draw one picture with its text; (x, y) is its upper left corner in inches."""
    draw_picture(figure, cell.picture, x, y)
    indent = MARK if cell.verdict else 0.0
    y -= SIDE + TEXT_GAP
    if cell.verdict:
        draw_mark(figure, cell.verdict, x + 0.08, y - 0.055)
    for line in cell.caption:
        write(figure, x + indent, y, line, 10.5, INK)
        y -= LINE
    for line in cell.reference:
        write(figure, x + indent, y, line, 8.5, MUTED)
        y -= SMALL_LINE


def _draw_legend(figure: Figure, verdicts: list[Verdict]) -> None:
    """Say at the foot what the marks mean."""
    measure = ruler(figure, font(8.5))
    x, y = MARGIN, MARGIN
    for verdict in verdicts:
        draw_mark(figure, verdict, x + 0.08, y + 0.018)
        write(figure, x + MARK, y + 0.06, verdict.value, 8.5, MUTED)
        x += MARK + measure(verdict.value) + 0.3
