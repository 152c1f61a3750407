"""A grid of pictures with the tags a model gives them, and where it saw each."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from minicap._types import Array
from minicap.plots.grid import MARGIN, SIDE, check_paired, check_pictures, draw_picture, lay_out, write
from minicap.plots.marks import MARK, draw_mark
from minicap.plots.numbering import CHIP, Place, chip_width, colour_of, draw_boxes, draw_chip
from minicap.plots.numbers import percent
from minicap.plots.style import MUTED, new_figure, save_figure
from minicap.plots.text import drawable, font, ruler, wrap
from minicap.plots.verdict import Verdict

Box = tuple[float, float, float, float]

# Inches.
LINE, SMALL_LINE, TEXT_GAP, TAG_GAP, LEGEND = 0.185, 0.16, 0.13, 0.035, 0.36
INDENT = 0.24
SIZE, SMALL_SIZE = 10.0, 8.5
MOST_LINES, MOST_MISSED_LINES = 2, 3
RIGHT, WRONG = "among the true tags", "not among the true tags"


class TagMark(NamedTuple):
    """One tag that a model gives a picture.

    ``tag``: its name. ``probability``: in 0..1. ``box``: (x, y, w, h) in the picture's pixels, (x, y) its
    upper left corner, around the place where the tag's logit was highest; None where nobody knows.
    """

    tag: str
    probability: float
    box: Box | None = None


@dataclass
class _Line:
    """A tag with its name broken into lines; ``right`` says whether the truth has it, None if unknown."""

    name: list[str]
    share: str
    box: Box | None
    right: bool | None

    @property
    def height(self) -> float:
        return LINE * len(self.name) + TAG_GAP


@dataclass
class _Cell:
    """One picture with the text below it."""

    picture: Array
    lines: list[_Line]
    notes: list[str] = field(default_factory=list)

    @property
    def text_height(self) -> float:
        return TEXT_GAP + sum(line.height for line in self.lines) + SMALL_LINE * len(self.notes)


def plot_tags(
    pictures: Sequence[Array],
    tags: Sequence[Sequence[TagMark]],
    path: str | Path | None = None,
    columns: int = 4,
    *,
    truth: Sequence[Collection[str] | None] | None = None,
    title: str | None = None,
) -> Figure:
    """Draw pictures in a grid, each with its tags listed below and boxed where the model saw them.

    A tag has the same number and colour on the picture and in the list; a hollow number has no place. Where
    the truth is given, a tick or a cross says whether it has the tag, and the true tags that the model left
    out are named.

    Parameters
    ----------
    pictures : sequence of Array
        uint8, shape (H, W, 3) each, or (H, W) for grey; small ones are enlarged with their pixels visible.
    tags : sequence of sequences of TagMark
        One list a picture, in the order to show; boxes are cut at the picture's edge.
    path : str or Path, optional
        PNG file to write.
    columns : int
        Pictures side by side.
    truth : sequence of collections of str, optional
        The true tags of each picture, or None where they are not known.
    title : str, optional
        A heading over all.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If there is no picture, one is not 8-bit, the sequences do not pair up, a probability is no share, or
        a box lies outside its picture.
    InputError
        If the file cannot be written.
    """
    check_pictures("plot_tags", pictures, columns)
    check_paired("plot_tags", "tags", tags, pictures)
    check_paired("plot_tags", "truth", truth, pictures)
    figure = new_figure(1.0, 1.0)  # the size follows from the text
    cells = [
        _cell(figure, i, picture, marks, truth[i] if truth is not None else None)
        for i, (picture, marks) in enumerate(zip(pictures, tags, strict=True))
    ]
    used = {line.right for cell in cells for line in cell.lines} - {None}
    heights = [cell.text_height for cell in cells]
    corners = lay_out("plot_tags", figure, title, heights, columns, LEGEND if used else 0.0)
    sheet = _sheet(figure)
    for cell, (x, y) in zip(cells, corners, strict=True):
        _draw_cell(figure, sheet, cell, x, y)
    _draw_legend(figure, [right for right in (True, False) if right in used])
    if path is not None:
        save_figure(figure, path)
    return figure


def _cell(
    figure: Figure, i: int, picture: Array, marks: Sequence[TagMark], truth: Collection[str] | None
) -> _Cell:
    """Break one picture's tags into lines, or raise where one makes no sense."""
    measure, measure_small = ruler(figure, font(SIZE)), ruler(figure, font(SMALL_SIZE))
    if isinstance(truth, str):
        raise ValueError(f"plot_tags: truth[{i}] is the string {truth[:40]!r}; give a collection of tags")
    lines = []
    for j, (tag, probability, box) in enumerate(marks):
        if not 0 <= probability <= 1:
            raise ValueError(f"plot_tags: tags[{i}][{j}] has probability {probability}, not one in 0..1")
        if box is not None:
            box = _cut(f"tags[{i}][{j}]", box, picture)
        share, right = percent(probability), None if truth is None else tag in truth
        room = SIDE - INDENT - measure(share) - 0.1 - (MARK if right is not None else 0.0)
        name = wrap(drawable(tag) or "(no name)", measure, room, MOST_LINES)
        lines.append(_Line(name, share, box, right))
    notes = [] if lines else ["(no tags)"]
    missed = [] if truth is None else [tag for tag in truth if tag not in {mark.tag for mark in marks}]
    if missed:
        notes += wrap(drawable(f"missed: {', '.join(missed)}"), measure_small, SIDE, MOST_MISSED_LINES)
    return _Cell(picture, lines, notes)


def _cut(who: str, box: Box, picture: Array) -> Box:
    """Return the part of a box that is on the picture, or raise where there is none."""
    high, wide = picture.shape[:2]
    x, y, w, h = box
    left, top, right, bottom = max(x, 0), max(y, 0), min(x + w, wide), min(y + h, high)
    if not (all(map(math.isfinite, box)) and left < right and top < bottom):
        raise ValueError(
            f"plot_tags: {who} has the box {tuple(box)}, of which nothing is on the picture of {wide} x {high} "
            "pixels; a box is (x, y, w, h) in pixels"
        )
    return left, top, right - left, bottom - top


def _sheet(figure: Figure) -> Axes:
    """Return invisible axes over the whole figure, in inches."""
    axes = figure.add_axes((0, 0, 1, 1), zorder=-1)
    axes.set_axis_off()
    axes.set_xlim(0, figure.get_figwidth())
    axes.set_ylim(0, figure.get_figheight())
    return axes


def _draw_cell(figure: Figure, sheet: Axes, cell: _Cell, x: float, y: float) -> None:
    """Draw one picture with its text; (x, y) is its upper left corner in inches."""
    axes = draw_picture(figure, cell.picture, x, y)
    _draw_places(axes, cell)
    measure = ruler(figure, font(SIZE))
    y -= SIDE + TEXT_GAP
    for k, line in enumerate(cell.lines):
        chip = Place(x, y - 0.5 * SIZE * 0.73 / 72 - CHIP / 2, chip_width(k), CHIP)
        draw_chip(sheet, k, chip, filled=line.box is not None)
        right = x + SIDE - (MARK if line.right is not None else 0.0)
        write(figure, right - measure(line.share), y, line.share, SIZE, colour_of(k))
        if line.right is not None:
            draw_mark(figure, _verdict(line.right), x + SIDE - 0.08, y - 0.055)
        for text in line.name:
            write(figure, x + INDENT, y, text, SIZE, colour_of(k))
            y -= LINE
        y -= TAG_GAP
    for note in cell.notes:
        write(figure, x, y, note, SMALL_SIZE, MUTED)
        y -= SMALL_LINE


def _draw_places(axes: Axes, cell: _Cell) -> None:
    """Draw the boxes over the picture, on axes of their own in inches."""
    high, wide = cell.picture.shape[:2]
    inch = SIDE / max(high, wide)  # a pixel
    over = axes.figure.add_axes(axes.get_position().bounds)
    over.set_axis_off()
    over.set_xlim(0, wide * inch)
    over.set_ylim(0, high * inch)
    boxes = [
        (k, Place(x * inch, (high - y - h) * inch, w * inch, h * inch))
        for k, (x, y, w, h) in ((k, line.box) for k, line in enumerate(cell.lines) if line.box is not None)
    ]
    draw_boxes(over, boxes, wide * inch, high * inch)


def _verdict(right: bool) -> Verdict:
    """Return the verdict whose mark a tag gets."""
    return Verdict.COMPLETE if right else Verdict.WRONG


def _draw_legend(figure: Figure, used: Sequence[bool]) -> None:
    """Say at the foot what the marks mean."""
    measure = ruler(figure, font(SMALL_SIZE))
    x, y = MARGIN, MARGIN
    for right in used:
        text = RIGHT if right else WRONG
        draw_mark(figure, _verdict(right), x + 0.08, y + 0.018)
        write(figure, x + MARK, y + 0.06, text, SMALL_SIZE, MUTED)
        x += MARK + measure(text) + 0.3
