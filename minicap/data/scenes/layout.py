"""What is in a scene and where: attributes first, then positions, drawn again until nothing is ambiguous.

Positions are whole numbers of 1/1024 of the side, so the sums and comparisons of `geometry` are exact in
floating point.
"""

from __future__ import annotations

from collections.abc import Sequence

from minicap.data.scenes.geometry import CLEARLY, DIAGONAL, PLACE_MARGIN, column_of, relation_between, row_of
from minicap.data.scenes.random_bits import RandomBits
from minicap.data.scenes.scene import COLOURS, SHAPES, SIZES, SceneObject
from minicap.data.scenes.splits import HELD_OUT, split_of

GRID = 1024
COUNT_WEIGHTS = {1: 40, 2: 35, 3: 25}
# How objects go together: "alike" ones share colour and shape, "nested" has one inside another.
KINDS: dict[int, dict[str, int]] = {
    1: {"single": 1},
    2: {"different": 60, "nested": 20, "alike": 20},
    3: {"different": 45, "nested": 15, "two alike": 25, "alike": 15},
}
CONTAINERS = ("circle", "square", "triangle", "heart")  # the shapes with room inside
# A triangle has most room below its centre, a heart a little above.
_MIDDLE = {"circle": 0, "square": 0, "triangle": 350, "heart": -70}  # thousandths of the radius, downward

# Radii in GRID units. With more objects the large ones are a little smaller, or three would not fit.
_SMALL = (106, 126)
_LARGE = {1: (184, 246), 2: (180, 216), 3: (174, 190)}
_OUTER, _INNER = (246, 258), (97, 102)
_EDGE = 30  # between an object and the edge of the picture
_GAP = 36  # between two objects
_SHIFT = 4  # of a nested object from the middle of the outer one
_TRIES = 40  # of a layout before other looks are drawn
_TRIES_EACH = 6  # of one object before the layout is given up

_BORDER = round(PLACE_MARGIN * GRID)
_BANDS = (
    (0, GRID // 3 - _BORDER),
    (GRID // 3 + 1 + _BORDER, 2 * GRID // 3 - _BORDER),
    (2 * GRID // 3 + 1 + _BORDER, GRID),
)

Look = tuple[str, str, str]  # shape, colour, size
Body = tuple[int, int, int]  # x, y, radius, in GRID units


def draw_objects(bits: RandomBits, counts: Sequence[int], split: str) -> tuple[SceneObject, ...]:
    """Draw the objects of one scene, again and again until they are clear and belong to the split.

    Parameters
    ----------
    bits : RandomBits
        The scene's stream.
    counts : sequence of int
        How many objects the scene may have; among several the weights are `COUNT_WEIGHTS`.
    split : str
        The split wanted, one of `SPLITS`.

    Returns
    -------
    tuple of SceneObject
        In reading order: the subject of a relation first in a pair, else row by row from the top left.
    """
    count = counts[bits.weighted([COUNT_WEIGHTS[count] for count in counts])]
    kinds = KINDS[count]
    kind = tuple(kinds)[bits.weighted(tuple(kinds.values()))]
    while True:
        looks = _draw_looks(bits, kind, count)
        if any((colour, shape) in HELD_OUT for shape, colour, _ in looks) != (split == "compositional"):
            continue
        for _ in range(_TRIES):  # positions before looks, so that looks which hardly fit stay about as common
            bodies = _draw_bodies(bits, looks, nested=kind == "nested")
            if bodies:
                objects = _reading_order(
                    [
                        SceneObject(*look, x / GRID, y / GRID, radius / GRID)
                        for look, (x, y, radius) in zip(looks, bodies, strict=True)
                    ]
                )
                if split_of(objects) == split:
                    return objects


def _draw_looks(bits: RandomBits, kind: str, count: int) -> list[Look]:
    """Draw shapes, colours and sizes; pairs of colour and shape repeat only where the kind says so."""
    looks: list[Look] = []
    if kind == "nested":  # the inner one, the outer one, the rest
        outer = (bits.choice(CONTAINERS), bits.choice(COLOURS), "large")
        others = [colour for colour in COLOURS if colour != outer[1]]
        looks = [(bits.choice(SHAPES), bits.choice(others), "small"), outer]
    alike = {"alike": count, "two alike": 2}.get(kind, 1)
    while len(looks) < count:
        pair = (bits.choice(SHAPES), bits.choice(COLOURS))
        if pair in [look[:2] for look in looks]:
            continue
        times = alike if not looks else 1
        sizes = ("small",) if kind == "nested" else SIZES
        looks += [(*pair, bits.choice(sizes)) for _ in range(times)]
    return looks


def _draw_bodies(bits: RandomBits, looks: Sequence[Look], *, nested: bool) -> list[Body] | None:
    """Place the objects one after the other; None where one finds no room."""
    bodies: list[Body] = []
    for shape, _, size in looks[1:] if nested else looks:
        outer = nested and not bodies
        radii = _OUTER if outer else _SMALL if size == "small" else _LARGE[len(looks)]
        for _ in range(_TRIES_EACH):
            radius = bits.between(*radii)
            body = (_coordinate(bits, radius), _coordinate(bits, radius), radius)
            if all(_are_clear(body, other, lone=len(looks) == 2) for other in bodies):
                break
        else:
            return None
        bodies.append(body)
        if outer:  # what is inside comes first in the list
            bodies.insert(0, _inner_body(bits, shape, body))
            if not all(_is_off_border(centre) for centre in bodies[0][:2]):
                return None
    return bodies


def _coordinate(bits: RandomBits, radius: int) -> int:
    """Draw a centre's x or y: each third of the picture is equally likely, and its borders are kept clear."""
    low, high = bits.choice(_BANDS)
    return bits.between(max(low, _EDGE + radius), min(high, GRID - _EDGE - radius))


def _are_clear(a: Body, b: Body, *, lone: bool) -> bool:
    """Decide whether two objects are apart and their relation beyond doubt; a lone pair must have one."""
    near, far = sorted((abs(a[0] - b[0]), abs(a[1] - b[1])))
    related = far >= CLEARLY * near
    diagonal = far <= DIAGONAL * near
    return far >= a[2] + b[2] + _GAP and (related or (diagonal and not lone))


def _inner_body(bits: RandomBits, outer_shape: str, outer: Body) -> Body:
    """Place the inner object of a nested scene about the middle of the outer one."""
    x, y, radius = outer
    middle = y + _MIDDLE[outer_shape] * radius // 1000
    return (
        x + bits.between(-_SHIFT, _SHIFT),
        middle + bits.between(-_SHIFT, _SHIFT),
        bits.between(*_INNER),
    )


def _is_off_border(coordinate: int) -> bool:
    """Decide whether a coordinate keeps its distance from the borders between rows or columns."""
    return any(low <= coordinate <= high for low, high in _BANDS)


def _reading_order(objects: Sequence[SceneObject]) -> tuple[SceneObject, ...]:
    """Sort the objects as they are mentioned."""
    if len(objects) == 2:
        a, b = objects
        return (a, b) if relation_between(a, b) in ("above", "left of", "inside") else (b, a)
    rows = {"top": 0, "middle": 1, "bottom": 2}
    columns = {"left": 0, "middle": 1, "right": 2}

    def key(thing: SceneObject) -> tuple[int, int, float, float]:
        return rows[row_of(thing)], columns[column_of(thing)], thing.y, thing.x

    return tuple(sorted(objects, key=key))
