"""Which picture belongs to which split, by a list or, without one, by a stable draw."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sized

SPLITS = ("train", "val", "test", "compositional")
_ALIASES = {
    "dev": "val",
    "valid": "val",
    "validation": "val",
    "training": "train",
    "testing": "test",
    **{f"{split}{year}": split for split in ("train", "val", "test") for year in (2014, 2015, 2017)},
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
    order = sorted(set(names), key=_hash)
    held_out = _tenth(order)
    val_ends, train_ends = len(order) - held_out, len(order) - 2 * held_out
    return {
        name: "train" if place < train_ends else "val" if place < val_ends else "test"
        for place, name in enumerate(order)
    }


def draw_val(labels: Mapping[str, str]) -> set[str]:
    """Choose 10 % of the training pictures of each class for validation, the same on every machine.

    Parameters
    ----------
    labels : Mapping
        From name to class.

    Returns
    -------
    set of str
        The names chosen: one at least of a class of three pictures or more, none of a smaller one.
    """
    members: dict[str, list[str]] = {}
    for name, label in labels.items():
        members.setdefault(label, []).append(name)
    chosen: set[str] = set()
    for names in members.values():
        names.sort(key=_hash)
        chosen.update(names[len(names) - _tenth(names) :])
    return chosen


def _hash(name: str) -> bytes:
    """Return what a name is ordered by."""
    return hashlib.sha256(name.encode("utf-8", "replace")).digest()


def _tenth(names: Sized) -> int:
    """Return how many names a held-out split gets."""
    return max(1, round(0.1 * len(names))) if len(names) >= 3 else 0
