"""The outlines of the six shapes: clockwise polygons in thousandths of the radius, x right and y down.

They are written out as integers because sines computed at run time may differ in the last bit between
platforms.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from minicap._types import Array

# 1000 sin(k pi / 32) for a quarter turn.
_QUARTER = (0, 98, 195, 290, 383, 471, 556, 634, 707, 773, 831, 882, 924, 957, 981, 995, 1000)

_SQUARE = ((-880, -880), (880, -880), (880, 880), (-880, 880))
_TRIANGLE = ((0, -875), (1000, 875), (-1000, 875))
# Five points at 1050 and five at 472 from a centre that lies 100 below the middle of the height.
_STAR = (
    *((0, -950), (278, -282), (999, -224), (449, 246), (617, 949)),
    *((0, 572), (-617, 949), (-449, 246), (-999, -224), (-278, -282)),
)
_ARM = 350
_CROSS = (
    *((-_ARM, -1000), (_ARM, -1000), (_ARM, -_ARM), (1000, -_ARM), (1000, _ARM), (_ARM, _ARM)),
    *((_ARM, 1000), (-_ARM, 1000), (-_ARM, _ARM), (-1000, _ARM), (-1000, -_ARM), (-_ARM, -_ARM)),
)
# The right half of x = 16 sin^3 t, y = 13 cos t - 5 cos 2t - 2 cos 3t - cos 4t, from the notch, which is
# made shallower to leave room inside, to the tip.
_HALF_HEART = (
    *((0, -540), (90, -715), (242, -832), (478, -901), (731, -839), (927, -658), (1000, -406)),
    *((927, -140), (731, 109), (478, 337), (242, 546), (82, 729), (0, 906)),
)


def _circle() -> list[tuple[int, int]]:
    """Turn the quarter from the top to the right four times."""
    quarter = [(x, -y) for x, y in zip(_QUARTER[:-1], _QUARTER[:0:-1], strict=True)]
    half = quarter + [(-y, x) for x, y in quarter]
    return half + [(-x, -y) for x, y in half]


def _heart() -> list[tuple[int, int]]:
    """Mirror the right half."""
    return [*_HALF_HEART, *((-x, y) for x, y in _HALF_HEART[-2:0:-1])]


def _closed(points: Sequence[tuple[int, int]]) -> Array:
    """Return the vertices with the first one repeated at the end, (vertices + 1, 2)."""
    return np.array([*points, points[0]], dtype=np.int64)


OUTLINES: dict[str, Array] = {
    "circle": _closed(_circle()),
    "square": _closed(_SQUARE),
    "triangle": _closed(_TRIANGLE),
    "star": _closed(_STAR),
    "cross": _closed(_CROSS),
    "heart": _closed(_heart()),
}
