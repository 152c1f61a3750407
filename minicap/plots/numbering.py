"""Numbered boxes on a picture: outlines that stay apart, and numbers that do not cover each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.patches import Circle, FancyBboxPatch, Rectangle
from matplotlib.patheffects import withStroke

from minicap.plots.style import BLUE, GREEN, INK, PAPER, VERMILION
from minicap.plots.text import font

# Dark enough to be read as text on white; they repeat, which the numbers make up for.
COLOURS = (BLUE, VERMILION, GREEN, "#a0327d", "#8a6100", INK)
# Inches.
CHIP, CHIP_WIDE = 0.15, 0.2  # side of a number's square; width from 10 on
_APART = 0.035  # between the outlines of boxes at the same place
_LEAST = 0.08  # smaller boxes become dots
_LINE = 1.5  # points


class Place(NamedTuple):
    """A rectangle in inches from the lower left corner of a picture."""

    x: float
    y: float
    w: float
    h: float

    def overlaps(self, other: Place) -> bool:
        """Return whether the two share more than an edge."""
        return (
            self.x < other.x + other.w and other.x < self.x + self.w
            and self.y < other.y + other.h and other.y < self.y + self.h
        )  # fmt: skip


def colour_of(k: int) -> str:
    """Return the colour of the number ``k + 1``.

    Parameters
    ----------
    k : int

    Returns
    -------
    str
    """
    return COLOURS[k % len(COLOURS)]


def chip_width(k: int) -> float:
    """Return the width of the number ``k + 1`` in its square, in inches.

    Parameters
    ----------
    k : int

    Returns
    -------
    float
    """
    return CHIP if k < 9 else CHIP_WIDE


def draw_boxes(axes: Axes, boxes: Sequence[tuple[int, Place]], width: float, height: float) -> None:
    """Draw outlines on a picture, each with its number at a corner where no other number is.

    Parameters
    ----------
    axes : Axes
        In inches of the picture: (0, 0) is its lower left corner.
    boxes : sequence of (int, Place)
        ``k`` for the number ``k + 1``, and where; within the picture.
    width, height : float
        Of the picture, in inches.
    """
    for box, inset in zip(boxes, _insets([place for _, place in boxes]), strict=True):
        _draw_outline(axes, *box, inset)
    places = place_numbers([(place, chip_width(k)) for k, place in boxes], width, height)
    for (k, _), place in zip(boxes, places, strict=True):
        draw_chip(axes, k, place)


def place_numbers(boxes: Sequence[tuple[Place, float]], width: float, height: float) -> list[Place]:
    """Return where the numbers of boxes stand: within the picture, and apart where there is room.

    Parameters
    ----------
    boxes : sequence of (Place, float)
        Each box, and how wide its number is.
    width, height : float
        Of the picture, in inches.

    Returns
    -------
    list of Place
    """
    taken: list[Place] = []
    for box, wide in boxes:
        free = (place for place in _corners(box, wide, width, height) if not any(map(place.overlaps, taken)))
        first = next(_corners(box, wide, width, height))
        taken.append(next(free, first))
    return taken


def draw_chip(axes: Axes, k: int, place: Place, *, filled: bool = True) -> None:
    """Draw the number ``k + 1`` in a square of its colour, or in a ring where nothing is pointed at.

    Parameters
    ----------
    axes : Axes
        In inches.
    k : int
    place : Place
    filled : bool
    """
    colour = colour_of(k)
    pad = 0.012  # the rim, within the place
    axes.add_patch(
        FancyBboxPatch(
            (place.x + pad, place.y + pad), place.w - 2 * pad, place.h - 2 * pad,
            boxstyle="round,pad=0,rounding_size=0.03", facecolor=colour if filled else PAPER,
            edgecolor=PAPER if filled else colour, linewidth=0.8,
        )
    )  # fmt: skip
    axes.text(
        place.x + place.w / 2, place.y + place.h / 2 - 0.004, str(k + 1), color=PAPER if filled else colour,
        ha="center", va="center_baseline", parse_math=False, fontproperties=font(7.5, bold=True),
    )  # fmt: skip


def _insets(boxes: Sequence[Place]) -> list[float]:
    """Return how far each outline is drawn within its box: boxes at the same place lie in one another."""
    keys = [tuple(round(x, 2) for x in box) for box in boxes]
    return [_APART * keys[:i].count(key) for i, key in enumerate(keys)]


def _draw_outline(axes: Axes, k: int, box: Place, inset: float) -> None:
    """Draw a thin outline, or a dot for a very small box, set off from any picture by a pale rim."""
    x, y = box.x + box.w / 2, box.y + box.h / 2
    half = _LINE / 72 / 2  # so that the line stays within the box, and the box within the picture
    w, h = (max(side - 2 * (inset + half), _LEAST / 2) for side in (box.w, box.h))
    look: dict[str, Any] = {
        "edgecolor": colour_of(k),
        "linewidth": _LINE,
        "path_effects": [withStroke(linewidth=_LINE + 1.4, foreground=PAPER)],
    }
    if max(box.w, box.h) < _LEAST:
        axes.add_patch(Circle((x, y), _LEAST / 2, facecolor=colour_of(k), **look))
    else:
        axes.add_patch(Rectangle((x - w / 2, y - h / 2), w, h, fill=False, joinstyle="miter", **look))


def _corners(box: Place, wide: float, width: float, height: float) -> Iterator[Place]:
    """Yield places for a number, best first: beside the upper edge, the lower one, then ever further away."""
    roomy = min(box.w, box.h) > 2.2 * CHIP  # else the number would hide what the box shows
    inside = (box.y + box.h - CHIP, box.y)
    outside = (box.y + box.h, box.y - CHIP)
    for y in (*inside, *outside) if roomy else (*outside, *inside):
        left, right = (box.x, box.x + box.w - wide) if roomy else (box.x, box.x + box.w)
        yield from (_within(Place(x, y, wide, CHIP), width, height) for x in (left, right, left - wide))
    for step in range(1, 16):
        for x in (box.x + step * wide, box.x - step * wide):
            for y in (box.y + box.h - CHIP, box.y, box.y + box.h, box.y - CHIP):
                yield _within(Place(x, y, wide, CHIP), width, height)


def _within(place: Place, width: float, height: float) -> Place:
    """Move a place into the picture."""
    return place._replace(
        x=min(max(place.x, 0.0), width - place.w), y=min(max(place.y, 0.0), height - place.h)
    )
