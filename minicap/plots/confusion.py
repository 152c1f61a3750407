"""Which class a model takes for which: a heat map, each class's accuracy, and the worst mistakes in words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator
from numpy.typing import ArrayLike

from minicap._types import Array
from minicap.metrics.classification import per_class_accuracy
from minicap.plots.grid import HEADING_LINE, MARGIN, MOST_HEADING_LINES, draw_heading, write
from minicap.plots.mistakes import WORDS, Entry, draw_key, draw_mistakes, mistakes_of, side_height
from minicap.plots.numbers import percent
from minicap.plots.style import (
    BLUE,
    DPI,
    INK,
    MOST_PIXELS,
    MUTED,
    PAPER,
    RULE,
    VERMILION,
    new_figure,
    save_figure,
)
from minicap.plots.text import drawable, font, ruler, wrap

MOST_NUMBERED = 20  # classes; with more of them the cells are too small for counts
MOST_NAMED = 120  # classes; with more of them there is no room for names
EMPTY = "#eceff2"  # a class without pictures
# Inches.
SIDE, LEAST_CELL, MOST_CELL = 7.0, 0.1, 0.6  # of the map, where a cell then lies between the two others
SIDE_UNNAMED = 10.0
MOST_LABEL, AXIS, SUBTITLE, HEAD, GAP = 1.9, 0.27, 0.34, 0.28, 0.09
MOST_UPRIGHT = 1.3  # of the names that stand on end
BAR, THICK, SHARE = 0.6, 0.19, 0.5
_SIZE = 9.0  # points
_WEIGHTS = np.array([0.2126, 0.7152, 0.0722])  # how bright a colour looks (ITU-R BT.709)


class _Plan(NamedTuple):
    """The sizes of things, in inches, and the names as they fit."""

    cell: float
    side: float
    left: float
    size: float  # of the names, in points
    rows: list[str]
    columns: list[str]
    upright: bool  # whether the columns' names stand on end
    below: float  # room that they need


def plot_confusion(
    confusion: ArrayLike, classes: Sequence[str], path: str | Path | None = None, *, title: str | None = None
) -> Figure:
    """Draw a confusion matrix: a row for each true class, a column for each predicted one.

    A cell's colour is its share of the row, blue where the class was found, vermilion where it was taken for
    another; it deepens with the square root of the share, so that rare mistakes can be seen. Up to twenty
    classes have their counts in the cells. At the right stand each class's accuracy and the most frequent
    mistakes in words.

    Parameters
    ----------
    confusion : array_like of shape (K, K)
        Counts, as ``minicap.metrics.confusion_matrix`` gives them.
    classes : sequence of str
        K names, in any script; long ones are cut with an ellipsis, and left out beside more than 120 rows.
    path : str or Path, optional
        PNG file to write.
    title : str, optional
        A heading over all.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If the counts are no square of whole numbers with a name for each row, or there is no picture.
    InputError
        If the file cannot be written.
    """
    counts = _checked(confusion, classes)
    figure = new_figure(1.0, 1.0)  # the size follows from the classes
    plan = _plan(figure, classes)
    across = plan.left + plan.side + 2 * GAP  # where the accuracies begin
    words = across + BAR + SHARE + 0.4
    width = words + WORDS + MARGIN
    heading = wrap(
        drawable(title or ""), ruler(figure, font(13, bold=True)), width - 2 * MARGIN, MOST_HEADING_LINES
    )
    entries = mistakes_of(figure, counts, classes, plan.side)
    body = max(plan.side + plan.below + AXIS, side_height(entries))
    height = _snap(MARGIN + HEADING_LINE * len(heading) + SUBTITLE + HEAD + body + MARGIN)
    if max(width, height) * DPI > MOST_PIXELS:
        raise ValueError(f"plot_confusion: {len(counts)} classes are too many to draw; leave some out")
    figure.set_size_inches(_snap(width), height)
    y = draw_heading(figure, heading, height - MARGIN)
    write(figure, MARGIN, y, _summary(counts), 10.5, MUTED)
    top = _snap(y - SUBTITLE - HEAD)
    _draw_map(figure, plan, counts, top)
    _draw_names(figure, plan, top)
    _draw_accuracies(figure, plan, counts, across, top)
    _draw_side(figure, entries, words, top)
    if path is not None:
        save_figure(figure, path)
    return figure


def plot_map(confusion: ArrayLike, classes: Sequence[str]) -> Figure:
    """Draw the cells with the classes' names alone, for a page that says the rest in words.

    Parameters
    ----------
    confusion, classes
        As for ``plot_confusion``.

    Returns
    -------
    Figure
    """
    counts = _checked(confusion, classes)
    figure = new_figure(1.0, 1.0)
    plan = _plan(figure, classes)
    height = plan.side + plan.below + AXIS + MARGIN
    figure.set_size_inches(_snap(plan.left + plan.side + MARGIN), _snap(height))
    top = _snap(height - MARGIN)
    _draw_map(figure, plan, counts, top)
    _draw_names(figure, plan, top)
    return figure


def _checked(confusion: ArrayLike, classes: Sequence[str]) -> Array:
    """Return the counts, or raise where they cannot be drawn."""
    counts = np.asarray(confusion)
    shape = counts.shape
    if counts.ndim != 2 or shape[0] != shape[1] or not counts.size:
        raise ValueError(f"plot_confusion: confusion is {shape} but (K, K) is needed")
    if isinstance(classes, str) or len(classes) != len(counts):
        came = "a string" if isinstance(classes, str) else f"{len(classes)} names"
        raise ValueError(
            f"plot_confusion: classes is {came}, but confusion {shape} needs {len(counts)} names"
        )
    if counts.dtype.kind not in "iuf" or not (np.isfinite(counts) & (counts == np.rint(counts))).all():
        raise ValueError(
            "plot_confusion: confusion must hold counts, whole numbers; shares are made from them"
        )
    if counts.min() < 0 or not counts.any():
        wrong = f"holds {counts.min():g}" if counts.min() < 0 else "has no pictures in it"
        raise ValueError(f"plot_confusion: confusion {wrong}; counts of at least one picture are needed")
    return counts.astype(np.int64)


def _snap(inches: float) -> float:
    """Return a length of whole pixels, so that all cells look alike."""
    return round(inches * DPI) / DPI


def _plan(figure: Figure, classes: Sequence[str]) -> _Plan:
    """Choose the cells' size, and fit the names to it."""
    k = len(classes)
    if k > MOST_NAMED:
        cell = max(1 / DPI, _snap(SIDE_UNNAMED / k))
        return _Plan(cell, k * cell, _snap(MARGIN + AXIS), _SIZE, [], [], False, GAP)
    cell = _snap(min(max(SIDE / k, LEAST_CELL), MOST_CELL))
    size = min(_SIZE, 0.8 * 72 * cell)
    measure = ruler(figure, font(size))

    def fit(room: float) -> tuple[list[str], float]:
        names = [wrap(drawable(name) or "(no name)", measure, room, 1)[0] for name in classes]
        return names, max(map(measure, names))

    (rows, widest), (columns, longest) = fit(MOST_LABEL), fit(MOST_UPRIGHT)
    upright = longest > 0.9 * cell
    left = _snap(MARGIN + AXIS + widest + GAP)
    below = (longest if upright else 0.13) + 2 * GAP
    return _Plan(cell, k * cell, left, size, rows, columns, upright, below)


def _summary(counts: Array) -> str:
    """Say how many pictures there are, and what share of them was found."""
    total = int(counts.sum())
    return f"{percent(np.trace(counts) / total, 1)} of {total:,} picture{'s' * (total != 1)} right"


def _draw_map(figure: Figure, plan: _Plan, counts: Array, top: float) -> None:
    """Draw the cells, with their counts where there is room."""
    width, height = figure.get_size_inches()
    k = len(counts)
    axes = figure.add_axes(
        (plan.left / width, (top - plan.side) / height, plan.side / width, plan.side / height)
    )
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(NullLocator())
    for spine in axes.spines.values():
        spine.set_color(RULE)
    colours = _colours(counts)  # (K, K, 3)
    axes.imshow(colours, interpolation="nearest", aspect="auto")
    if k <= MOST_NAMED:
        lines = np.arange(1, k) - 0.5
        thin = 1.0 if k <= MOST_NUMBERED else 0.35
        axes.hlines(lines, -0.5, k - 0.5, color=RULE, linewidth=thin)
        axes.vlines(lines, -0.5, k - 0.5, color=RULE, linewidth=thin)
        axes.set_xlim(-0.5, k - 0.5)
        axes.set_ylim(k - 0.5, -0.5)
    if k <= MOST_NUMBERED:
        _draw_counts(axes, figure, plan, counts, colours)


def _colours(counts: Array) -> Array:
    """Return the colour of each cell (K, K, 3): white for none, deeper with the root of the row's share."""
    pictures = counts.sum(axis=1, keepdims=True)
    depth = np.sqrt(counts / np.maximum(pictures, 1))[..., None]  # (K, K, 1)
    full = np.broadcast_to(to_rgb(VERMILION), (*counts.shape, 3)).copy()
    np.einsum("iic->ic", full)[:] = to_rgb(BLUE)  # the diagonal
    colours = 1 - depth * (1 - full)
    colours[pictures[:, 0] == 0] = to_rgb(EMPTY)
    return colours


def _draw_counts(axes: Axes, figure: Figure, plan: _Plan, counts: Array, colours: Array) -> None:
    """Write the counts into the cells, dark on pale and pale on dark; none stays blank."""
    widest = max((f"{count:,}" for count in counts.ravel()), key=len)
    size = min(_SIZE, _SIZE * 0.84 * plan.cell / ruler(figure, font(_SIZE))(widest))
    for i, j in np.argwhere(counts > 0):
        ink = PAPER if colours[i, j] @ _WEIGHTS < 0.55 else INK
        axes.text(
            j, i, f"{counts[i, j]:,}", color=ink, ha="center", va="center_baseline", parse_math=False,
            fontproperties=font(size),
        )  # fmt: skip


def _draw_names(figure: Figure, plan: _Plan, top: float) -> None:
    """Write the classes' names beside the rows and below the columns, and what the two mean."""
    width, height = figure.get_size_inches()

    def put(x: float, y: float, text: str, size: float, colour: str, ha: str, va: str, turned: bool) -> None:
        figure.text(
            x / width, y / height, text, color=colour, ha=ha, va=va, rotation=90 if turned else 0,
            rotation_mode="anchor" if turned else "default", parse_math=False, fontproperties=font(size),
        )  # fmt: skip

    middle, bottom = plan.side / 2, top - plan.side
    for k, name in enumerate(plan.rows):
        put(
            plan.left - GAP,
            top - (k + 0.5) * plan.cell,
            name,
            plan.size,
            INK,
            "right",
            "center_baseline",
            False,
        )
    for k, name in enumerate(plan.columns):
        x = plan.left + (k + 0.5) * plan.cell
        if plan.upright:
            put(x, bottom - GAP, name, plan.size, INK, "right", "center_baseline", True)
        else:
            put(x, bottom - GAP, name, plan.size, INK, "center", "top", False)
    put(MARGIN + 0.08, top - middle, "true class", _SIZE, MUTED, "center", "center_baseline", True)
    put(
        plan.left + middle,
        bottom - plan.below - 0.03,
        "predicted class",
        _SIZE,
        MUTED,
        "center",
        "top",
        False,
    )


def _draw_accuracies(figure: Figure, plan: _Plan, counts: Array, x: float, top: float) -> None:
    """Draw each class's accuracy as a bar, with its figure where there is room."""
    width, height = figure.get_size_inches()
    k = len(counts)
    write(figure, x, top + HEAD - 0.04, "accuracy", _SIZE, MUTED)
    axes = figure.add_axes((x / width, (top - plan.side) / height, BAR / width, plan.side / height))
    axes.set_axis_off()
    shares = per_class_accuracy(counts)
    thick = min(0.62, THICK / plan.cell) if k <= MOST_NAMED else 1.0
    axes.barh(range(k), 1.0, thick, color=EMPTY, linewidth=0)
    axes.barh(range(k), np.nan_to_num(shares), thick, color=BLUE, linewidth=0)
    axes.set_xlim(0, 1)
    axes.set_ylim(k - 0.5, -0.5)
    for i, share in enumerate(shares if k <= MOST_NAMED else ()):
        text = "none" if np.isnan(share) else percent(share)
        axes.text(
            1 + 0.07 / BAR, i, text, color=MUTED if np.isnan(share) else INK, va="center_baseline",
            parse_math=False, fontproperties=font(plan.size),
        )  # fmt: skip


def _draw_side(figure: Figure, entries: list[Entry], x: float, top: float) -> None:
    """Draw what stands at the right: the mistakes in words, and the key to the colours."""
    write(figure, x, top + HEAD - 0.04, "most frequent mistakes", _SIZE, MUTED)
    y = draw_mistakes(figure, entries, x, top)
    draw_key(figure, x, y, [("found", BLUE), ("mistaken", VERMILION)])
