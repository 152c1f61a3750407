"""Where a gradient is wrong, in words: the error folded over every axis."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from minicap._types import Array
from minicap.gradcheck.diagnosis.axes import Axes
from minicap.gradcheck.diagnosis.evidence import Evidence, View


class Place(NamedTuple):
    """Where a gradient is wrong: in words, whether that is the border, whether it is more than a count."""

    words: str
    border: bool = False
    named: bool = True


def where(evidence: Evidence, view: View, axes: Axes, *, plain: bool = False) -> str:
    """Return where the wrong entries are, as "t = 0 only" or "the border pixels only".

    Parameters
    ----------
    evidence, view, axes
    plain : bool
        Whether only a place with a name is worth telling; else a count and the first entry will do.

    Returns
    -------
    str
        Empty where they are everywhere.
    """
    wrong = np.asarray((view.residual != 0).any(axis=1))
    if wrong.all() or not wrong.any():
        return ""
    place = where_rows(view, wrong, axes, evidence)
    return place.words if place.named or not plain else ""


def where_rows(view: View, wrong: Array, axes: Axes, evidence: Evidence | None = None) -> Place:
    """Return where the marked entries are.

    Parameters
    ----------
    view : View
    wrong : ndarray of bool, shape (P,)
    axes : Axes
        For the names of samples and steps.
    evidence : Evidence, optional
        Where the lengths of states are looked up, for gates.
    """
    grid = wrong.reshape(view.shape)
    for axis, length in enumerate(view.shape):
        hit = np.moveaxis(grid, axis, 0).reshape(length, -1).any(axis=1)
        places = np.flatnonzero(hit)
        if 0 < places.size < length:
            words = _along(axis, places, length, axes.role(view.name, axis), evidence, view)
            if words:
                return Place(words)
    if _only_border(grid):
        return Place("the border pixels only", border=True)
    share = float(wrong.mean())
    index = ", ".join(str(int(i)) for i in np.argwhere(grid)[0])
    words = f"{int(wrong.sum())} of {wrong.size} entries ({share:.0%}), the first {view.name}[{index}]"
    return Place(words, named=False)


def _along(axis: int, places: Array, length: int, role: str, evidence: Evidence | None, view: View) -> str:
    """Return the name of some indices of one axis."""
    letter = {"sample": "n", "step": "t"}.get(role, f"axis {axis}")
    if places.size == 1:
        i = int(places[0])
        name = {0: f"the first {role}", length - 1: f"the last {role}"}.get(i, "") if role else ""
        return f"{name} only ({letter} = {i})" if name else f"{letter} = {i} only"
    block = _gate(places, length, evidence)
    if block:
        return block
    if places[-1] - places[0] + 1 == places.size:
        if places[0] == 0:
            return f"{letter} < {places[-1] + 1} only"
        return (
            f"{letter} >= {places[0]} only"
            if places[-1] == length - 1
            else (f"{letter} from {places[0]} to {places[-1]} only")
        )
    return ""


def _gate(places: Array, length: int, evidence: Evidence | None) -> str:
    """Return which gate's block the indices are, where an axis is several states long."""
    if evidence is None or not evidence.outputs[0].ndim:
        return ""
    lengths = set(evidence.outputs[0].shape)
    for width in lengths:
        if width > 1 and length % width == 0 and length // width in (3, 4):
            blocks = sorted({int(i) // width for i in places})
            if len(blocks) == 1:
                b = blocks[0]
                return f"one gate only, the block [{b * width}:{(b + 1) * width}] of {length // width}"
    return ""


def _only_border(grid: Array) -> bool:
    """Whether all marked entries lie on the border of the last two axes, and more than one does."""
    if grid.ndim != 4 or min(grid.shape[-2:]) < 3:
        return False
    inside = grid[..., 1:-1, 1:-1]
    return bool(grid.any() and not inside.any())
