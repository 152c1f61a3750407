"""From objects to pixels, in integers only, so that every platform draws the same picture.

A polygon's vertices are rounded to 1/64 of a pixel. Each pixel has 4 x 4 points; how many of them lie
inside is its coverage, and the colour is blended in that share. Along a line of points, what is inside
begins where the line crosses an edge that goes up and ends where it crosses one that goes down, so it is
enough to look at the crossings.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from minicap._types import Array
from minicap.data.scenes.layout import GRID
from minicap.data.scenes.random_bits import RandomBits
from minicap.data.scenes.scene import SceneObject
from minicap.data.scenes.shapes import OUTLINES

# Chosen to be far apart, from one another and from every background.
PAINTS: dict[str, tuple[int, int, int]] = {
    "red": (214, 32, 36),
    "orange": (246, 136, 20),
    "yellow": (240, 216, 32),
    "green": (34, 146, 58),
    "blue": (34, 84, 212),
    "purple": (124, 40, 160),
    "pink": (244, 118, 182),
    "black": (26, 26, 28),
}
_PAINT_JITTER = 12  # each channel of a paint varies by so much, up and down
_GREY = (206, 238)  # of the background
_TINT = 7  # each channel of the background varies by so much
_GRADIENT = 14  # from the middle of the picture to an edge, at most

_POINTS = 4  # in a row of a pixel
_FIXED = 64  # units a pixel
_STEP = _FIXED // _POINTS
_ALL = _POINTS * _POINTS


def draw(objects: Sequence[SceneObject], size: int, bits: RandomBits) -> Array:
    """Draw a picture of the objects.

    Parameters
    ----------
    objects : sequence of SceneObject
        What to draw; larger ones first, so that what is inside another stays visible.
    size : int
        The side S, in pixels.
    bits : RandomBits
        Decides the background, the exact shades and the noise; the same bits give the same background and
        shades at every size.

    Returns
    -------
    Array
        The picture, uint8 (S, S, 3).
    """
    image = _background(size, bits)
    paints = [_shade(bits, PAINTS[thing.colour], _PAINT_JITTER) for thing in objects]
    for thing, paint in sorted(zip(objects, paints, strict=True), key=lambda pair: -pair[0].radius):
        top, left, covered = coverage(thing, size)
        height, width = covered.shape
        region = image[:, top : top + height, left : left + width]  # a view: painting it paints the image
        region += (covered * (_channels(paint) - region) + _ALL // 2) // _ALL
    noise = bits.octets(3 * size * size).view(np.int8).reshape(3, size, size)
    image += (noise & 7) - (noise >> 3 & 7)  # from -7 to 7, the middle likeliest
    return np.ascontiguousarray(image.clip(0, 255).astype(np.uint8).transpose(1, 2, 0))


def coverage(thing: SceneObject, size: int) -> tuple[int, int, Array]:
    """Count, for each pixel about an object, the points that lie inside its outline.

    Parameters
    ----------
    thing : SceneObject
        The object; what lies outside the picture is cut off.
    size : int
        The side of the picture in pixels.

    Returns
    -------
    top, left : int
        The pixel at which the counts begin.
    counts : Array
        Integers from 0 to 16, (height, width).
    """
    polygon = _polygon(thing, size)
    left, top = (max(low // _FIXED, 0) for low in polygon.min(axis=0).tolist())
    right, bottom = (min(high // _FIXED + 1, size) for high in polygon.max(axis=0).tolist())
    height, width = max(bottom - top, 0), max(right - left, 0)
    x, y = polygon.T - np.array([[left], [top]]) * _FIXED
    lines = np.arange(height * _POINTS) * _STEP + _STEP // 2

    above = y[:, None] <= lines  # each vertex against each line of points
    # Which edges cross which lines, and in which direction.
    edge, line = np.divmod(np.flatnonzero(above[1:] != above[:-1]), len(lines))
    upward = np.where(above[edge + 1, line], 1, -1)
    run, rise = x[edge + 1] - x[edge], y[edge + 1] - y[edge]
    # The first point of the line at or beyond the crossing: a quotient rounded up.
    point = -((rise * (_STEP // 2 - x[edge]) - run * (lines[line] - y[edge])) // (rise * _STEP))
    column, rest = np.divmod(point.clip(0, width * _POINTS), _POINTS)

    # What each crossing adds to its pixel and to the one after it, so that the running sum is the coverage.
    steps = np.zeros(height * (width + 2), dtype=np.int64)
    pixel = line // _POINTS * (width + 2) + column
    np.add.at(steps, pixel, upward * (_POINTS - rest))
    np.add.at(steps, pixel + 1, upward * rest)
    counts = steps.reshape(height, width + 2).cumsum(axis=1)[:, :width]
    return top, left, counts.astype(np.int16)


def _polygon(thing: SceneObject, size: int) -> Array:
    """Return the outline's vertices in fixed-point pixels, (vertices + 1, 2), the first one twice."""
    x, y, radius = (round(value * GRID) for value in thing[3:])
    return (np.array([x, y]) * 1000 + OUTLINES[thing.shape] * radius) * (size * _FIXED) // (GRID * 1000)


def _background(size: int, bits: RandomBits) -> Array:
    """Draw a light tint with a gentle gradient, int16 (3, S, S)."""
    tint = _shade(bits, (bits.between(*_GREY),) * 3, _TINT)
    right, down = (bits.between(-_GRADIENT, _GRADIENT) for _ in range(2))
    along = 2 * np.arange(size) + 1 - size  # from -S to S
    gradient = (along * right + along[:, None] * down) // (2 * size)
    return _channels(tint) + gradient.astype(np.int16)


def _channels(colour: Sequence[int]) -> Array:
    """Return a colour in the form that spreads over planes, int16 (3, 1, 1)."""
    return np.array(colour, dtype=np.int16).reshape(3, 1, 1)


def _shade(bits: RandomBits, colour: Sequence[int], jitter: int) -> list[int]:
    """Vary a colour a little, within what a pixel can show."""
    return [min(max(channel + bits.between(-jitter, jitter), 0), 255) for channel in colour]
