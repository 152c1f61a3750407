"""Pictures in a grid with room for text below each: what every such figure lays out and draws alike."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from minicap._types import Array
from minicap.plots.style import DPI, INK, MOST_PIXELS, RULE
from minicap.plots.text import drawable, font, ruler, wrap

# Inches.
SIDE, GUTTER, MARGIN, ROW_GAP = 2.4, 0.28, 0.25, 0.3
HEADING_LINE, MOST_HEADING_LINES = 0.27, 3
SMALL = 200  # pixels; pictures smaller than this show their pixels


def check_pictures(who: str, pictures: Sequence[Array], columns: int) -> None:
    """Raise ValueError unless there are pictures, all 8-bit, and columns to put them in.

    Parameters
    ----------
    who : str
        The function that asks.
    pictures : sequence of Array
        To be uint8, shape (H, W, 3) or (H, W) each.
    columns : int
    """
    if not len(pictures) or columns < 1:
        raise ValueError(
            f"{who}: {len(pictures)} pictures in {columns} columns; one or more of both are needed"
        )
    for i, picture in enumerate(pictures):
        shape, dtype = np.shape(picture), getattr(picture, "dtype", type(picture).__name__)
        if dtype != np.uint8 or not (len(shape) == 2 or (len(shape) == 3 and shape[2] == 3)) or 0 in shape:
            raise ValueError(f"{who}: pictures[{i}] is {dtype} {shape} but must be uint8 (H, W, 3) or (H, W)")


def check_paired(who: str, name: str, given: Sequence[object] | None, pictures: Sequence[Array]) -> None:
    """Raise ValueError unless what is given, if anything, has one entry a picture.

    Parameters
    ----------
    who, name : str
        The function that asks, and its argument.
    given : sequence, optional
    pictures : sequence of Array
    """
    if given is not None and len(given) != len(pictures):
        raise ValueError(f"{who}: {len(given)} {name} but {len(pictures)} pictures; give one a picture")


def lay_out(
    who: str, figure: Figure, title: str | None, text_heights: Sequence[float], columns: int, foot: float
) -> list[tuple[float, float]]:
    """Give a figure its size, draw its heading, and say where each picture goes.

    Parameters
    ----------
    who : str
        The function that asks.
    figure : Figure
        Still empty.
    title : str or None
        A heading over all.
    text_heights : sequence of float
        Room below each picture, in inches.
    columns : int
        Pictures side by side; fewer where there are not so many.
    foot : float
        Room at the foot, in inches.

    Returns
    -------
    list of (float, float)
        The upper left corner of each picture's square, in inches from the lower left corner.

    Raises
    ------
    ValueError
        If the figure would be too high.
    """
    columns = min(columns, len(text_heights))
    width = 2 * MARGIN + columns * SIDE + (columns - 1) * GUTTER
    heading = wrap(
        drawable(title or ""), ruler(figure, font(13, bold=True)), width - 2 * MARGIN, MOST_HEADING_LINES
    )
    rows = [max(text_heights[k : k + columns]) for k in range(0, len(text_heights), columns)]
    height = MARGIN + HEADING_LINE * len(heading) + foot + MARGIN
    height += sum(SIDE + text for text in rows) + ROW_GAP * (len(rows) - 1)
    if height * DPI > MOST_PIXELS:
        raise ValueError(f"{who}: {len(text_heights)} pictures in {columns} columns are too many; draw fewer")
    figure.set_size_inches(width, height)
    y = draw_heading(figure, heading, height - MARGIN)
    corners = []
    for text in rows:
        corners += [(MARGIN + k * (SIDE + GUTTER), y) for k in range(columns)]
        y -= SIDE + text + ROW_GAP
    return corners[: len(text_heights)]


def draw_heading(figure: Figure, lines: Sequence[str], y: float) -> float:
    """Draw the title from y downward, in inches, and return where it ends.

    Parameters
    ----------
    figure : Figure
    lines : sequence of str
    y : float

    Returns
    -------
    float
    """
    for line in lines:
        write(figure, MARGIN, y, line, 13, INK, bold=True)
        y -= HEADING_LINE
    return y


def draw_picture(figure: Figure, picture: Array, x: float, y: float) -> Axes:
    """Draw a picture in the middle of its square, framed, as large as it fits.

    Parameters
    ----------
    figure : Figure
    picture : Array
        uint8, shape (H, W, 3) or (H, W).
    x, y : float
        The square's upper left corner in inches.

    Returns
    -------
    Axes
        In the picture's pixels: the middle of the upper left one is (0, 0).
    """
    width, height = figure.get_size_inches()
    high, wide = picture.shape[:2]
    scale = SIDE / max(high, wide)
    w, h = wide * scale, high * scale
    left, bottom = x + (SIDE - w) / 2, y - (SIDE + h) / 2
    axes = figure.add_axes((left / width, bottom / height, w / width, h / height))
    axes.set_axis_off()
    shown = "nearest" if max(high, wide) < SMALL else "antialiased"
    axes.imshow(picture, interpolation=shown, aspect="auto", cmap="gray", vmin=0, vmax=255)
    axes.add_patch(
        Rectangle(
            (0, 0), 1, 1, transform=axes.transAxes, fill=False, edgecolor=RULE, linewidth=1.2, clip_on=False
        )
    )
    return axes


def write(
    figure: Figure, x: float, y: float, text: str, size: float, colour: str, *, bold: bool = False
) -> None:
    """Write a line whose capitals reach up to (x, y) in inches; a dollar sign is no formula.

    Parameters
    ----------
    figure : Figure
    x, y : float
    text : str
        As ``drawable`` returns it.
    size : float
        In points.
    colour : str
    bold : bool
    """
    width, height = figure.get_size_inches()
    baseline = y - size * 0.73 / 72
    figure.text(
        x / width, baseline / height, text, color=colour, va="baseline", parse_math=False,
        fontproperties=font(size, bold=bold),
    )  # fmt: skip
