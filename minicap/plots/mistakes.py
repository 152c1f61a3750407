"""What stands beside a confusion matrix: its most frequent mistakes in words, and the key to its colours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from minicap._types import Array
from minicap.plots.grid import write
from minicap.plots.numbers import percent
from minicap.plots.style import INK, MUTED, RULE
from minicap.plots.text import drawable, font, ruler, wrap

# Inches.
WORDS = 2.7
LINE, NOTE, ENTRY_GAP = 0.18, 0.16, 0.1
KEY_GAP, KEY_LINE, KEY, KEY_NAME = 0.3, 0.21, 1.6, 0.75
SIZE, NOTE_SIZE = 9.5, 8.5
FEWEST, MOST, MOST_LINES = 4, 16, 2
TICKS = (0.0, 0.01, 0.1, 0.25, 0.5, 1.0)


class Entry(NamedTuple):
    """One mistake: the two classes in lines that fit, and how often it happens."""

    lines: list[str]
    note: str

    @property
    def height(self) -> float:
        """Return the room that it takes."""
        return LINE * len(self.lines) + (NOTE if self.note else 0.0) + ENTRY_GAP


def most_frequent_mistakes(counts: Array, most: int) -> list[tuple[int, int]]:
    """Return the cells off the diagonal with the highest counts, above zero.

    Parameters
    ----------
    counts : Array
        Shape (K, K).
    most : int

    Returns
    -------
    list of (int, int)
        True and predicted class, the most frequent first; of equal ones that with the larger share of its
        row, then the first.
    """
    wrong = counts * ~np.eye(len(counts), dtype=bool)
    shares = wrong / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    order = np.lexsort((-shares.ravel(), -wrong.ravel()))[:most]
    return [divmod(int(cell), len(counts)) for cell in order if wrong.flat[cell]]


def mistakes_of(figure: Figure, counts: Array, classes: Sequence[str], room: float) -> list[Entry]:
    """Put the most frequent mistakes into words: as many as fit, at least a few.

    Parameters
    ----------
    figure : Figure
        To measure text on.
    counts : Array
        Shape (K, K).
    classes : sequence of str
    room : float
        Height in inches.

    Returns
    -------
    list of Entry
    """
    measure = ruler(figure, font(SIZE))
    pictures = counts.sum(axis=1)
    entries: list[Entry] = []
    for i, j in most_frequent_mistakes(counts, MOST):
        true, taken = (drawable(classes[c]) or "(no name)" for c in (i, j))
        lines = wrap(f"{true} taken for {taken}", measure, WORDS, MOST_LINES)
        note = f"{counts[i, j]:,} of {pictures[i]:,} ({percent(counts[i, j] / pictures[i])})"
        entries.append(Entry(lines, note))
        if len(entries) > FEWEST and side_height(entries) > room:
            return entries[:-1]
    return entries or [Entry(["none"], "")]


def side_height(entries: Sequence[Entry]) -> float:
    """Return the height of the mistakes and the key together.

    Parameters
    ----------
    entries : sequence of Entry

    Returns
    -------
    float
        Inches.
    """
    return sum(entry.height for entry in entries) + KEY_GAP + 4 * KEY_LINE


def draw_mistakes(figure: Figure, entries: Sequence[Entry], x: float, y: float) -> float:
    """Write the mistakes from (x, y) downward, in inches, and return where they end.

    Parameters
    ----------
    figure : Figure
    entries : sequence of Entry
    x, y : float

    Returns
    -------
    float
    """
    for lines, note in entries:
        for line in lines:
            write(figure, x, y, line, SIZE, INK)
            y -= LINE
        if note:
            write(figure, x, y, note, NOTE_SIZE, MUTED)
            y -= NOTE
        y -= ENTRY_GAP
    return y


def draw_key(figure: Figure, x: float, y: float, ramps: Sequence[tuple[str, str]]) -> None:
    """Draw the ramps of colour with the shares that they stand for, from (x, y) downward in inches.

    Parameters
    ----------
    figure : Figure
    x, y : float
    ramps : sequence of (str, str)
        What a ramp means, and its full colour.
    """
    width, height = figure.get_size_inches()
    y -= KEY_GAP
    write(figure, x, y, "percent of the row", NOTE_SIZE, MUTED)
    y -= KEY_LINE
    depth = np.linspace(0, 1, 128)[None, :, None]  # (1, 128, 1)
    for name, colour in ramps:
        write(figure, x, y, name, NOTE_SIZE, INK)
        thick = 0.13
        axes = figure.add_axes(
            ((x + KEY_NAME) / width, (y - thick + 0.02) / height, KEY / width, thick / height)
        )
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(NullLocator())
        for spine in axes.spines.values():
            spine.set_color(RULE)
        axes.imshow(1 - depth * (1 - np.array(to_rgb(colour))), aspect="auto", extent=(0, 1, 0, 1))
        y -= KEY_LINE
    for share in TICKS:
        figure.text(
            (x + KEY_NAME + KEY * share**0.5) / width, (y + 0.03) / height, f"{100 * share:.0f}", color=MUTED,
            ha="center", va="top", fontproperties=font(7.5),
        )  # fmt: skip
