"""Convolution and pooling: kernels not turned, padding cut in the wrong place, height and width exchanged."""

from __future__ import annotations

from itertools import product

import numpy as np

from minicap._types import Array
from minicap.gradcheck.diagnosis.candidate import Candidate
from minicap.gradcheck.diagnosis.evidence import Evidence, View

SHIFTS = [(i, j) for i, j in product(range(-3, 4), repeat=2) if (i, j) != (0, 0)]
PLANES = ((2, 3), (1, 2))


def explain(evidence: Evidence, view: View) -> Candidate | None:
    """Try what goes wrong between pixels and windows, on gradients with four axes."""
    if len(view.shape) != 4 or not evidence.subject.linear:
        return None
    return (
        _shifted(view)
        or _flipped(evidence, view)
        or _shifted_input(evidence, view)
        or _misplaced(evidence, view)
    )


def _flipped(evidence: Evidence, view: View) -> Candidate | None:
    """With the kernel turned beforehand, this backward would give the true gradient."""
    upstream, expected = evidence.single(view)
    for name, w in evidence.base.items():
        if name == view.name or w.ndim != 4:
            continue
        for axes in ((2, 3), (0, 1), (2,), (3,), (0,), (1,)):
            got = evidence.once({name: np.ascontiguousarray(np.flip(w, axes))}, upstream).get(view.name)
            if isinstance(got, np.ndarray) and got.shape == view.shape and view.same(got, expected, 10.0):
                how = "turned by 180 degrees" if len(axes) > 1 else f"mirrored along axis {axes[0]}"
                sentence = (
                    f"{view.name} would be right if the kernel were {how}: on the way back every tap meets the pixel "
                    "on the other side."
                )
                return Candidate("not_flipped", view.name, sentence, 0.95)
    return None


def _shifted(view: View) -> Candidate | None:
    """The right gradient a few pixels aside: the padding is cut off in the wrong place."""
    a, n = (x.reshape(*view.shape, -1) for x in (view.analytic, view.numeric))
    for plane in PLANES:
        for shift in SHIFTS:
            if any(abs(s) >= view.shape[axis] for s, axis in zip(shift, plane, strict=True)):
                continue
            here, there = _overlap(a, n, plane, shift)
            seen = float(np.square(there).sum())
            if seen > 0.15 * float(np.square(n).sum()) and view.same(here, there, 10.0):
                rows, columns = shift
                sentence = (
                    f"{view.name} is the true gradient {rows:+d} along axis {plane[0]} and {columns:+d} along axis "
                    f"{plane[1]} away from its place: the padding is cut off in the wrong place."
                )
                return Candidate("padding", view.name, sentence, 0.93)
    return None


def _overlap(a: Array, n: Array, plane: tuple[int, int], shift: tuple[int, int]) -> tuple[Array, Array]:
    """Return a[i + shift] and n[i] where both exist."""
    here: list[slice] = [slice(None)] * a.ndim
    there: list[slice] = [slice(None)] * a.ndim
    for axis, s in zip(plane, shift, strict=True):
        here[axis] = slice(s, None) if s > 0 else slice(None, s or None)
        there[axis] = slice(None, -s) if s > 0 else slice(-s, None)
    return a[tuple(here)], n[tuple(there)]


def _shifted_input(evidence: Evidence, view: View) -> Candidate | None:
    """With its input moved a few pixels, this backward would give the true gradient of the kernel."""
    upstream, _ = evidence.single(view)
    name, x = next(iter(evidence.base.items()))
    if name == view.name or x.ndim != 4:
        return None
    for plane, s in product(PLANES, (1, -1, 2, -2, 3, -3)):
        if min(x.shape[axis] for axis in plane) <= abs(s):
            continue
        kept = _clipped(x, plane, s)
        numeric = evidence.numeric(view.name, {name: kept})
        if numeric is None:
            continue
        expected = (numeric @ upstream if evidence.full else numeric[:, 0]).reshape(view.shape)
        got = evidence.once({name: np.roll(kept, (s, s), plane)}, upstream).get(view.name)
        if isinstance(got, np.ndarray) and got.shape == view.shape and view.same(got, expected, 10.0):
            sentence = (
                f"{view.name} would be right if {name.removeprefix('d')} lay {abs(s)} pixels aside along both axes: "
                "the backward pads it in another way than the forward."
            )
            return Candidate("padding", view.name, sentence, 0.93)
    return None


def _clipped(x: Array, plane: tuple[int, int], s: int) -> Array:
    """Return x with zeros where a roll by s would carry it around."""
    kept = x.copy()
    for axis in plane:
        part: list[slice] = [slice(None)] * x.ndim
        part[axis] = slice(x.shape[axis] - s, None) if s > 0 else slice(None, -s)
        kept[tuple(part)] = 0
    return kept


def _misplaced(evidence: Evidence, view: View) -> Candidate | None:
    """The numbers that a window gives are right, and land on other pixels near that window."""
    if view.name != next(iter(evidence.base)) or not evidence.full:
        return None
    a, n = ~view.zero(view.analytic), ~view.zero(view.numeric)
    grain = view.tolerance * view.scale
    known, found = np.unique(np.round(view.numeric[n] / grain)) * grain, view.analytic[a]
    if not known.size or known.size > 0.25 * np.count_nonzero(n) or found.size < 0.3 * np.count_nonzero(n):
        return None  # windows share their weights: few different numbers, each in many places
    after = np.searchsorted(known, found)
    near = np.minimum(*(np.abs(found - known[np.clip(after - i, 0, known.size - 1)]) for i in (0, 1)))
    if near.max() > 10 * grain or not (a & (view.residual != 0)).any():
        return None
    if not any(_near_by(a, n, view.shape, plane) for plane in PLANES):
        return None
    sentence = (
        f"{view.name} is made of the right numbers, window by window, and they stand in wrong places: height and "
        "width of the window are taken for each other."
    )
    return Candidate("axes_swapped", view.name, sentence, 0.75)


def _near_by(a: Array, n: Array, shape: tuple[int, ...], plane: tuple[int, int], reach: int = 2) -> bool:
    """Whether each output reaches, along two axes, no further than where it should, and ``reach`` pixels more."""
    for axis in plane:
        place = np.indices(shape)[axis].ravel()[:, None]
        low, high = (np.where(n, place, far) for far in (shape[axis], -1))
        inside = (place >= low.min(axis=0) - reach) & (place <= high.max(axis=0) + reach)
        if (a & ~inside).any():
            return False
    others = [axis for axis in range(4) if axis not in plane]
    moved = (np.moveaxis(v.reshape(*shape, -1), others, (0, 1)).any(axis=(2, 3)) for v in (a, n))
    here, there = moved
    return not (here & ~there).any()
