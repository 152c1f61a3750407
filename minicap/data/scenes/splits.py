"""Which split a scene belongs to: decided by what it shows, not by when it was drawn.

Two scenes with the same description are the same task for a captioner, however their pixels differ. So the
description, not the seed, decides: its SHA-256 sends 80 % of all descriptions to train, 10 % to val and 10
% to test. A scene with one of the `HELD_OUT` pairs of colour and shape is compositional, whatever its hash.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import combinations

from minicap.data.scenes.geometry import column_of, relation_between, row_of
from minicap.data.scenes.scene import SceneObject

# An eighth of the 48 pairs. Training shows each of these shapes and colours with every other partner.
HELD_OUT = frozenset(
    {
        ("purple", "circle"),
        ("green", "square"),
        ("pink", "triangle"),
        ("red", "star"),
        ("yellow", "cross"),
        ("blue", "heart"),
    }
)

_VAL_FROM, _TEST_FROM, _ALL = 80, 90, 100  # percent


def description(objects: Sequence[SceneObject]) -> str:
    """Return the canonical description: what the objects are, the cell of each, the relation of each pair.

    The order in which the objects are given makes no difference.
    """
    entries = sorted(
        (
            f"{thing.size} {thing.colour} {thing.shape} {row_of(thing)} {column_of(thing)}",
            thing.y,
            thing.x,
            thing,
        )
        for thing in objects
    )
    words = [entry[0] for entry in entries]
    for (i, (*_, a)), (j, (*_, b)) in combinations(enumerate(entries), 2):
        backward = relation_between(b, a) == "inside"
        words.append(f"{j} inside {i}" if backward else f"{i} {relation_between(a, b) or 'beside'} {j}")
    return "; ".join(words)


def is_held_out(objects: Sequence[SceneObject]) -> bool:
    """Decide whether any object has a pair of colour and shape that training never shows."""
    return any((thing.colour, thing.shape) in HELD_OUT for thing in objects)


def split_of(objects: Sequence[SceneObject]) -> str:
    """Return the split the scene belongs to: train, val, test or compositional."""
    if is_held_out(objects):
        return "compositional"
    digest = hashlib.sha256(description(objects).encode()).digest()
    percent = int.from_bytes(digest[:8], "big") % _ALL
    return "train" if percent < _VAL_FROM else "val" if percent < _TEST_FROM else "test"
