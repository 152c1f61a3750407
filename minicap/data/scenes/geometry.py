"""Where things are: places and relations as inequalities, shared by the generator and the judge.

Places divide the picture into three rows and three columns. An object belongs to the row and column its
centre is in.

Relations compare two objects whose centres differ by (dx, dy) and whose radii are r and s:

- *inside*: the square of the first lies within the square of the second, max(|dx|, |dy|) + r <= s;
- *above*: the first is higher by dy >= r + s, so their squares are apart, and by dy >= CLEAR * |dx|, so
  that it is more above than beside. *below*, *left of* and *right of* are the same, turned.

The generator stays away from every threshold: no centre comes closer than `PLACE_MARGIN` to a border between
rows or columns, and no pair of objects has a ratio of dx to dy between `DIAGONAL` and `CLEARLY`.
"""

from __future__ import annotations

from collections.abc import Sequence

from minicap.data.scenes.scene import SceneObject

ROWS = ("top", "middle", "bottom")
COLUMNS = ("left", "middle", "right")
RELATIONS = ("above", "below", "left of", "right of", "inside")
INVERSE = {"above": "below", "below": "above", "left of": "right of", "right of": "left of"}

# What each place claims: a row and a column, or one of them; "at the top" is true of the top left too.
PLACES: dict[str, tuple[str | None, str | None]] = {
    "in the top left": ("top", "left"),
    "in the top right": ("top", "right"),
    "in the bottom left": ("bottom", "left"),
    "in the bottom right": ("bottom", "right"),
    "in the middle": ("middle", "middle"),
    "at the top": ("top", None),
    "at the bottom": ("bottom", None),
    "on the left": (None, "left"),
    "on the right": (None, "right"),
}

CLEAR = 1.25  # the judge's ratio
DIAGONAL, CLEARLY = 1.1, 1.5  # the generator's: below the first no relation, above the second a relation
PLACE_MARGIN = 5 / 256  # of the side, on either hand of a border


def row_of(thing: SceneObject) -> str:
    """Return the row the centre is in: top, middle or bottom."""
    return ROWS[min(int(thing.y * 3), 2)]


def column_of(thing: SceneObject) -> str:
    """Return the column the centre is in: left, middle or right."""
    return COLUMNS[min(int(thing.x * 3), 2)]


def is_at(place: str, thing: SceneObject) -> bool:
    """Decide whether the object is at the place, a key of `PLACES`."""
    row, column = PLACES[place]
    return row in (None, row_of(thing)) and column in (None, column_of(thing))


def place_of(things: Sequence[SceneObject]) -> str | None:
    """Return the most telling place that all the objects share, or None where they share none."""
    for place in PLACES:  # the narrow ones stand first
        if all(is_at(place, thing) for thing in things):
            return place
    return None


def holds(relation: str, a: SceneObject, b: SceneObject) -> bool:
    """Decide whether ``a relation b`` is true, by the inequalities above.

    Parameters
    ----------
    relation : str
        One of `RELATIONS`.
    a, b : SceneObject
        The subject and the object of the relation.
    """
    right, down = b.x - a.x, b.y - a.y  # of b, seen from a
    if relation == "inside":
        return max(abs(right), abs(down)) + a.radius <= b.radius
    along, across = {
        "above": (down, right),
        "below": (-down, right),
        "left of": (right, down),
        "right of": (-right, down),
    }[relation]
    return along >= a.radius + b.radius and along >= CLEAR * abs(across)


def relation_between(a: SceneObject, b: SceneObject) -> str | None:
    """Return the relation that a has to b, or None where it has none; at most one of them holds."""
    return next((relation for relation in RELATIONS if holds(relation, a, b)), None)


def relation_of_groups(subjects: Sequence[SceneObject], others: Sequence[SceneObject]) -> str | None:
    """Return the relation that every subject has to every other object, or None."""
    first = relation_between(subjects[0], others[0])
    if first and all(holds(first, a, b) for a in subjects for b in others):
        return first
    return None
