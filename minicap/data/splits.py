"""Which picture belongs to which split, by a list or, without one, by a stable draw."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

SPLITS = ("train", "val", "test", "compositional")
_ALIASES = {
    "dev": "val",
    "valid": "val",
    "validation": "val",
    "train2017": "train",
    "val2017": "val",
    "test2017": "test",
}


def known_split(name: str) -> str | None:
    """Return the standard name of a split, or None for a name that means nothing here.

    Parameters
    ----------
    name : str
        Such as ``"train"``, ``"dev"`` or ``"val2017"``, in any case.

    Returns
    -------
    str or None
        One of ``train``, ``val``, ``test``, ``compositional``.
    """
    name = name.strip().lower()
    return name if name in SPLITS else _ALIASES.get(name)


def draw_splits(names: Iterable[str]) -> dict[str, str]:
    """Assign 80 % of the names to train, 10 % to val and 10 % to test, the same on every machine.

    The names are ordered by their SHA-256, so that neighbours in a folder or an alphabet are spread. Of three
    names or more each split gets one at least; of fewer, all are for training.

    Parameters
    ----------
    names : iterable of str
        Names of pictures.

    Returns
    -------
    dict
        From name to split.
    """
    order = sorted(set(names), key=lambda name: hashlib.sha256(name.encode("utf-8", "replace")).digest())
    held_out = max(1, round(0.1 * len(order))) if len(order) >= 3 else 0
    val_ends, train_ends = len(order) - held_out, len(order) - 2 * held_out
    return {
        name: "train" if place < train_ends else "val" if place < val_ends else "test"
        for place, name in enumerate(order)
    }
