"""Right numbers in wrong places: axes in another order, turned kernels, shifted steps, gates changing places."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations

import numpy as np

from minicap._types import Array
from minicap.gradcheck.diagnosis.axes import Axes
from minicap.gradcheck.diagnosis.candidate import Candidate
from minicap.gradcheck.diagnosis.evidence import Evidence, View


def explain(evidence: Evidence, view: View, axes: Axes) -> Candidate | None:
    """Look for an order of the gradient's own entries that is the true one."""
    columns = view.analytic.shape[1]
    a = view.analytic.reshape(*view.shape, columns)
    n = view.numeric.reshape(*view.shape, columns)
    for order, moved in _orders(a):
        if view.same(moved, n, 10.0):
            return _reordered(evidence, view, order)
    for flipped in _spatial(evidence, view):
        if view.same(np.flip(a, flipped), n, 10.0):
            first, second = flipped
            sentence = (
                f"{view.name} has the right numbers, turned by 180 degrees over axes {first} and {second}."
            )
            return Candidate("not_flipped", view.name, sentence, 0.95)
    return _time(view, axes, a, n)


def _orders(a: Array) -> Iterator[tuple[tuple[int, ...], Array]]:
    """Yield the entries in every other order of the axes, transposed or read off in another order."""
    shape, count = a.shape[:-1], a.ndim - 1
    if not 2 <= count <= 4:
        return
    for order in permutations(range(count)):
        if order == tuple(range(count)):
            continue
        moved = tuple(shape[i] for i in order)
        if moved == shape:
            yield order, a.transpose(*order, count)
        yield order, a.reshape(*moved, -1).transpose(*np.argsort(order), count)
        yield order, a.transpose(*order, count).reshape(a.shape)


def _reordered(evidence: Evidence, view: View, order: tuple[int, ...]) -> Candidate:
    """Return the sentence for axes in another order: two spatial ones, or a transpose."""
    swapped = tuple(i for i, j in enumerate(order) if i != j)
    if len(view.shape) == 4 and swapped in _spatial(evidence, view):
        sentence = (
            f"{view.name} has the right numbers in wrong places: axes {swapped[0]} and {swapped[1]} (height and "
            "width) have changed places on the way."
        )
        return Candidate("axes_swapped", view.name, sentence, 0.95)
    sentence = (
        f"{view.name} has the right numbers in wrong places, filled in the order of axes {order}: a transpose is "
        "missing or one too many."
    )
    return Candidate("transpose", view.name, sentence, 0.95)


def _spatial(evidence: Evidence, view: View) -> list[tuple[int, int]]:
    """Return the pairs of axes that may be height and width."""
    if len(view.shape) != 4:
        return []
    parameter = view.name in evidence.subject.parameters or view.name != next(iter(evidence.base))
    return [(2, 3), (0, 1)] if parameter else [(2, 3), (1, 2)]


def _time(view: View, axes: Axes, a: Array, n: Array) -> Candidate | None:
    """Look for steps in the reverse order, or each in its neighbour's place."""
    for axis, length in enumerate(view.shape):
        if axes.role(view.name, axis) != "step" or length < 3:
            continue
        if view.same(np.flip(a, axis), n, 10.0):
            return Candidate(
                "time_shift",
                view.name,
                f"{view.name} has its steps in reverse order along axis {axis}.",
                0.95,
            )
        for shift in (1, -1):
            inner = [slice(None)] * a.ndim
            inner[axis] = slice(1, None) if shift > 0 else slice(None, -1)
            if view.same(np.roll(a, shift, axis)[tuple(inner)], n[tuple(inner)], 10.0):
                return Candidate(
                    "time_shift", view.name, f"{view.name} stands one step beside where it belongs along axis {axis}.",
                    0.9,
                )  # fmt: skip
    return None


def explain_gates(evidence: Evidence, view: View, axes: Axes) -> Candidate | None:
    """Look for blocks of the last axis that have changed places; at the first step only, where need be."""
    found = _blocks(evidence, view)
    sure = 0.95
    if found is None and view.outputs and axes.time is not None and axes.time.target >= 0:
        first = np.indices(view.outputs)[axes.time.target].ravel() == 0
        found, sure = _blocks(evidence, view.columns(first)), 0.88
    if found is None:
        return None
    axis, count, moved = found
    order = ", ".join(str(b) for b in moved)
    sentence = (
        f"{view.name} has the right numbers with the gates' blocks in another order: of the {count} blocks along "
        f"axis {axis}, the place of 0 to {count - 1} holds what belongs to {order}."
    )
    return Candidate("gates_permuted", view.name, sentence, sure)


def _blocks(evidence: Evidence, view: View) -> tuple[int, int, list[int]] | None:
    """Return the axis, the number of blocks, and whose numbers each block holds."""
    lengths = {n for y in evidence.outputs for n in y.shape}
    for axis, length in enumerate(view.shape):
        for count in (2, 3, 4):
            if length % count or length // count not in lengths or length // count < 2:
                continue
            a, n = (
                np.split(np.moveaxis(x.reshape(*view.shape, -1), axis, 0), count)
                for x in (view.analytic, view.numeric)
            )
            moved = [_which(view, part, n, i) for i, part in enumerate(a)]
            if sorted(moved) == list(range(count)) and moved != list(range(count)):
                return axis, count, moved
    return None


def _which(view: View, part: Array, others: list[Array], own: int) -> int:
    """Return the number of the block that a part equals, its own where it does, -1 where it is none."""
    if view.zero(part).all():
        return own if view.zero(others[own]).all() else -1
    if view.same(part, others[own], 10.0):
        return own
    return next((i for i, other in enumerate(others) if view.same(part, other, 10.0)), -1)


def explain_exchanged(evidence: Evidence, view: View, axes: Axes) -> Candidate | None:
    """Look for another gradient of the same shape whose numbers these are."""
    for name in evidence.failing:
        if name == view.name or evidence.subject.inputs[name].shape != view.shape:
            continue
        other = evidence.view(name)
        if other is None:
            continue
        mine, theirs, sure = view, other, 0.93
        if view.outputs and axes.time is not None and axes.time.target >= 0:
            first = np.indices(view.outputs)[axes.time.target].ravel() == 0
            if not view.same(view.analytic, other.numeric, 10.0):
                mine, theirs, sure = view.columns(first), other.columns(first), 0.85
        if (
            np.any(~view.zero(mine.analytic))
            and mine.wrong
            and view.same(mine.analytic, theirs.numeric, 10.0)
        ):
            return Candidate(
                "gates_permuted", view.name, f"{view.name} holds the numbers that belong in {name}.", sure
            )
    return None
