"""A grid of pictures with what a model says of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from minicap._types import Array
from minicap.plots.marks import MARK, draw_mark
from minicap.plots.style import DPI, INK, MOST_PIXELS, MUTED, RULE, new_figure, save_figure
from minicap.plots.text import drawable, font, ruler, wrap, wrap_evenly
from minicap.plots.verdict import Judgement, Verdict, verdict_of

# Inches.
SIDE, GUTTER, MARGIN, ROW_GAP = 2.4, 0.28, 0.25, 0.3
LINE, SMALL_LINE, TEXT_GAP = 0.19, 0.16, 0.13
MOST_LINES, MOST_REFERENCE_LINES = 4, 2
SMALL = 200  # pixels; pictures smaller than this show their pixels


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
    _check(pictures, captions, references, judgements, columns)
    columns = min(columns, len(pictures))
    width = 2 * MARGIN + columns * SIDE + (columns - 1) * GUTTER
    figure = new_figure(width, 1.0)  # the height follows from the text
    cells = _cells(figure, pictures, captions, references, judgements)
    rows = [cells[k : k + columns] for k in range(0, len(cells), columns)]
    heading = wrap(drawable(title or ""), ruler(figure, font(13, bold=True)), width - 2 * MARGIN, 3)
    used = [verdict for verdict in Verdict if any(cell.verdict is verdict for cell in cells)]
    height = MARGIN + 0.27 * len(heading) + (0.36 if used else 0.0) + MARGIN
    height += sum(SIDE + max(cell.text_height for cell in row) for row in rows) + ROW_GAP * (len(rows) - 1)
    if height * DPI > MOST_PIXELS:
        raise ValueError(
            f"plot_captions: {len(pictures)} pictures in {columns} columns are too many; draw fewer"
        )
    figure.set_size_inches(width, height)
    y = _draw_heading(figure, heading, height - MARGIN)
    for row in rows:
        for k, cell in enumerate(row):
            _draw_cell(figure, cell, MARGIN + k * (SIDE + GUTTER), y)
        y -= SIDE + max(cell.text_height for cell in row) + ROW_GAP
    _draw_legend(figure, used)
    if path is not None:
        save_figure(figure, path)
    return figure


def _check(
    pictures: Sequence[Array],
    captions: Sequence[str],
    references: Sequence[Sequence[str]] | None,
    judgements: Sequence[Judgement] | None,
    columns: int,
) -> None:
    """Raise where the arguments do not fit together."""
    if not len(pictures) or columns < 1:
        raise ValueError(
            f"plot_captions: {len(pictures)} pictures in {columns} columns; one or more of both are needed"
        )
    for name, given in (("captions", captions), ("references", references), ("judgements", judgements)):
        if given is not None and len(given) != len(pictures):
            raise ValueError(
                f"plot_captions: {len(given)} {name} but {len(pictures)} pictures; give one a picture"
            )
    for i, picture in enumerate(pictures):
        shape, dtype = np.shape(picture), getattr(picture, "dtype", type(picture).__name__)
        if dtype != np.uint8 or not (len(shape) == 2 or (len(shape) == 3 and shape[2] == 3)) or 0 in shape:
            raise ValueError(
                f"plot_captions: pictures[{i}] is {dtype} {shape} but must be uint8 (H, W, 3) or (H, W)"
            )


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


def _draw_heading(figure: Figure, lines: list[str], y: float) -> float:
    """Draw the title from y downward, in inches, and return where it ends."""
    for line in lines:
        _write(figure, MARGIN, y, line, 13, INK, bold=True)
        y -= 0.27
    return y


def _draw_cell(figure: Figure, cell: _Cell, x: float, y: float) -> None:
    """Draw one picture with its text; (x, y) is its upper left corner in inches."""
    width, height = figure.get_size_inches()
    high, wide = cell.picture.shape[:2]
    scale = SIDE / max(high, wide)
    w, h = wide * scale, high * scale
    left, bottom = x + (SIDE - w) / 2, y - (SIDE + h) / 2
    axes = figure.add_axes((left / width, bottom / height, w / width, h / height))
    axes.set_axis_off()
    shown = "nearest" if max(high, wide) < SMALL else "antialiased"
    axes.imshow(cell.picture, interpolation=shown, aspect="auto", cmap="gray", vmin=0, vmax=255)
    axes.add_patch(
        Rectangle(
            (0, 0), 1, 1, transform=axes.transAxes, fill=False, edgecolor=RULE, linewidth=1.2, clip_on=False
        )
    )
    indent = MARK if cell.verdict else 0.0
    y -= SIDE + TEXT_GAP
    if cell.verdict:
        draw_mark(figure, cell.verdict, x + 0.08, y - 0.055)
    for line in cell.caption:
        _write(figure, x + indent, y, line, 10.5, INK)
        y -= LINE
    for line in cell.reference:
        _write(figure, x + indent, y, line, 8.5, MUTED)
        y -= SMALL_LINE


def _draw_legend(figure: Figure, verdicts: list[Verdict]) -> None:
    """Say at the foot what the marks mean."""
    measure = ruler(figure, font(8.5))
    x, y = MARGIN, MARGIN
    for verdict in verdicts:
        draw_mark(figure, verdict, x + 0.08, y + 0.018)
        _write(figure, x + MARK, y + 0.06, verdict.value, 8.5, MUTED)
        x += MARK + measure(verdict.value) + 0.3


def _write(
    figure: Figure, x: float, y: float, text: str, size: float, colour: str, *, bold: bool = False
) -> None:
    """Write a line whose capitals reach up to (x, y) in inches; a dollar sign is no formula."""
    width, height = figure.get_size_inches()
    baseline = y - size * 0.73 / 72
    figure.text(
        x / width, baseline / height, text, color=colour, va="baseline", parse_math=False,
        fontproperties=font(size, bold=bold),
    )  # fmt: skip
