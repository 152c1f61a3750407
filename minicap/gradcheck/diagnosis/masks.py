"""A gradient where there should be none: a mask that the backward forgot, a target, or ties."""

from __future__ import annotations

import numpy as np

from minicap._types import Array
from minicap.gradcheck.diagnosis.axes import Axes
from minicap.gradcheck.diagnosis.candidate import Candidate
from minicap.gradcheck.diagnosis.evidence import Evidence, View
from minicap.gradcheck.diagnosis.place import where


def explain_ties(evidence: Evidence, view: View | None) -> Candidate | None:
    """At values with no ties among them the gradient is right."""
    result = next((r for r in evidence.results if r.name == (view.name if view else "")), None)
    if view is None or result is None or view.wrong or not any(r.kinks for r in evidence.results):
        return None
    sentence = (
        f"{view.name} is right wherever one entry is the largest, and wrong where several are equal: with ties the "
        "gradient goes to more than one of them."
    )
    return Candidate("ties", view.name, sentence, 0.93)


def explain_other_mask(view: View) -> Candidate | None:
    """Dropout with another mask in the backward: the same two numbers, at other places."""
    if view.outputs != view.shape:
        return None
    off = ~np.eye(view.analytic.shape[0], dtype=bool)
    if not view.zero(view.numeric[off]).all() or not view.zero(view.analytic[off]).all():
        return None
    a, n = np.diag(view.analytic), np.diag(view.numeric)
    on, kept = ~view.zero(a), ~view.zero(n)
    if not (on & ~kept).any() or not (kept & ~on).any() or np.array_equal(on, ~kept) or on.all():
        return None
    values = np.concatenate([a[on], n[kept]])
    if not view.same(values, np.full_like(values, values.mean())) or values.mean() < 1 + 1e-3:
        return None
    sentence = (
        f"{view.name} has the right scale, and lets other entries through than the forward did: the backward "
        "draws a mask of its own."
    )
    return Candidate("nondeterministic", view.name, sentence, 0.94)


def explain_mask(evidence: Evidence, view: View, axes: Axes) -> Candidate | None:
    """Wherever the true gradient is not zero this one is right; it has more."""
    wrong = view.residual != 0
    empty = view.zero(view.numeric)
    name = view.name
    if not wrong.any() or not (~wrong[~empty]).all() or not (~empty).any():
        return _slope(evidence, view)
    share = float(wrong.sum() / np.count_nonzero(~view.zero(view.analytic)))
    mask = next((m for m, a in evidence.arrays.items() if a.dtype.kind == "b"), None)
    place = where(evidence, view, axes)
    if mask is not None:
        sentence = f"{name} is not zero where {mask} is False; nothing comes through there."
    else:
        at = f" ({place})" if place else ""
        sentence = (
            f"{name} is right wherever something comes through, and not zero where the forward lets nothing "
            f"through{at}: {share:.0%} of its entries belong to what is masked."
        )
    return Candidate("missing_mask", name, sentence, 0.92)


def _slope(evidence: Evidence, view: View) -> Candidate | None:
    """A leaky unit: right on one side of zero, and the same number on the other."""
    if view.outputs != view.shape:
        return None
    off = ~np.eye(view.analytic.shape[0], dtype=bool)
    if not view.zero(view.numeric[off]).all() or not view.zero(view.analytic[off]).all():
        return None
    x, a = evidence.base[view.name].ravel(), np.diag(view.analytic)
    wrong = np.diag(view.residual) != 0
    if not wrong.any() or wrong.all() or not view.same(a, np.full_like(a, a[~wrong].mean())):
        return None
    if not (np.all(x[wrong] < x[~wrong].min()) or np.all(x[wrong] > x[~wrong].max())):
        return None
    side = "negative" if x[wrong].max() <= 0 else "one side's"
    sentence = f"{view.name} is wrong at the {side} inputs only: they get the slope of the other side."
    return Candidate("missing_mask", view.name, sentence, 0.92)


def explain_targets(evidence: Evidence, view: View) -> Candidate | None:
    """Wrong at the entries that the labels point to, and only there."""
    wrong = (view.residual != 0).any(axis=1).reshape(view.shape)
    for name, labels in evidence.integers.items():
        if labels.shape != view.shape[:-1] or labels.max(initial=0) >= view.shape[-1]:
            continue
        target = np.zeros(view.shape, bool)
        np.put_along_axis(target, labels[..., None], True, axis=-1)
        if wrong.any() and not wrong[~target].any() and wrong.sum() >= min(2, target.sum()):
            sentence = (
                f"{view.name} is wrong only at the entry that {name} points to in each row: the part that the right "
                "class's own score has in the loss is missing there."
            )
            return Candidate("missing_term", view.name, sentence, 0.95)
    return None


def explain_dead_units(evidence: Evidence, view: View) -> Candidate | None:
    """Raised until all units behind a bias are on, the gradient is right: they are not masked when off."""
    if len(view.shape) != 1 or not view.wrong or evidence.subject.linear:
        return None
    size = float(np.abs(evidence.base[view.name]).max(initial=0.0))
    for lift in (4.0, 10.0, 30.0):
        changed = (evidence.base[view.name] + lift * max(1.0, size)).astype(evidence.base[view.name].dtype)
        moved = evidence.view_at(view.name, {view.name: changed})
        if moved is None or not np.isfinite(moved.numeric).all():
            return None
        if not moved.wrong and moved.scale > 1e-2 * view.scale and _alive(moved.numeric):
            sentence = (
                f"{view.name} is right once all units behind that bias are switched on, and wrong as they are: the "
                "backward passes the gradient through units that the forward switched off."
            )
            return Candidate("missing_mask", view.name, sentence, 0.85)
    return None


def _alive(numeric: Array) -> bool:
    """Whether most of a gradient is not zero."""
    return bool(np.mean(np.abs(numeric) > 1e-9 * np.abs(numeric).max(initial=0.0)) > 0.5)
