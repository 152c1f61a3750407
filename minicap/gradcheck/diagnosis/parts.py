"""Some parts of the right sum are there, exactly, and the others are missing: which ones tells the bug."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from minicap._types import Array
from minicap.gradcheck.diagnosis.axes import Axes
from minicap.gradcheck.diagnosis.candidate import Candidate
from minicap.gradcheck.diagnosis.evidence import Evidence, View
from minicap.gradcheck.diagnosis.place import where_rows


def explain_zero(evidence: Evidence, view: View, axes: Axes) -> Candidate | None:
    """Nothing is there at all."""
    name = view.name
    if np.any(view.analytic) or not np.any(~view.zero(view.numeric)):
        return None
    if view.outputs and axes.time is not None and axes.time.target >= 0 and len(evidence.failing) == 1:
        first = np.indices(view.outputs)[axes.time.target].ravel() == 0
        if view.zero(view.numeric[:, first]).all():
            return Candidate(
                "overwrite", name,
                f"{name} is zero everywhere. The first step's part of it is zero, as the state before it is: "
                "that part may have overwritten the others, if the array is written at all.", 0.55,
            )  # fmt: skip
    return Candidate("never_written", name, f"{name} is zero everywhere: it is never written.", 0.95)


def explain_kept(evidence: Evidence, view: View, axes: Axes) -> Candidate | None:
    """Every output's part is either exactly there or absent: look which ones are there."""
    kept, gone = _kept(view)
    if kept is None or gone is None:
        return None
    if view.outputs is None:
        return None
    return (
        _ids(evidence, view, kept, gone)
        or _diagonal(view, axes, kept, gone)
        or _last(evidence, view, axes, kept, gone)
        or _rows(view, axes, kept, gone)
    )


def _kept(view: View) -> tuple[Array | None, Array | None]:
    """Return which true entries are there and which are absent; None where some are neither."""
    present = ~view.zero(view.numeric)
    right = view.residual == 0
    absent = view.zero(view.analytic)
    kept, gone = present & right, present & absent & ~right
    if not kept.any() or not gone.any() or not (right | gone).all():
        return None, None
    return kept, gone


def _ids(evidence: Evidence, view: View, kept: Array, gone: Array) -> Candidate | None:
    """Each row holds the part of one place of its id, and the id occurs at several."""
    outputs = view.outputs or ()
    for ids, values in evidence.integers.items():
        if values.shape != outputs[: values.ndim] or np.unique(values).size == values.size:
            continue
        key = np.repeat(np.arange(values.size), int(np.prod(outputs[values.ndim :])))
        for which in ("last", "first"):
            if _is_one(kept, gone, key, which):
                sentence = (
                    f"{view.name} gets one part from each id in {ids}, but where an id occurs several times only its "
                    f"{which} place counts."
                )
                return Candidate("duplicate_ids", view.name, sentence, 0.95)
    return None


def _last(evidence: Evidence, view: View, axes: Axes, kept: Array, gone: Array) -> Candidate | None:
    """Each entry holds one index's part, the last or the first one that it should get."""
    outputs = view.outputs or ()
    grid = np.indices(outputs).reshape(len(outputs), -1)
    for count in range(1, len(outputs) + 1):
        for chosen in combinations(range(len(outputs)), count):
            lengths = [outputs[axis] for axis in chosen]
            key = np.ravel_multi_index(tuple(grid[axis] for axis in chosen), lengths)
            for which in ("last", "first"):
                if _is_one(kept, gone, key, which):
                    return _overwritten(evidence, view, axes, chosen, which)
    return None


def _is_one(kept: Array, gone: Array, key: Array, which: str) -> bool:
    """Whether in every row the kept columns are those of the last (first) key in it."""
    rank = key if which == "last" else key.max() - key
    present = kept | gone
    best = np.where(present, rank, -1).max(axis=1, keepdims=True)
    if not (kept.any(axis=1) & gone.any(axis=1)).any():
        return False
    # A row's own last column, or the last of all: there a row may get nothing, at a window over the padding.
    return any(bool(((present & (rank == last)) == kept).all()) for last in (best, best.max()))


NOT_BACK = (
    "{} has the part of each step's own output, and none of what later outputs owe to that step: the gradient is "
    "not carried back through time."
)


def _overwritten(
    evidence: Evidence, view: View, axes: Axes, chosen: tuple[int, ...], which: str
) -> Candidate:
    """Return the sentence: samples, steps or pixels that overwrite each other."""
    time = axes.time
    if (
        which == "first"
        and time is not None
        and chosen == (time.target,)
        and time.gradient in evidence.failing
    ):
        return Candidate("missing_term", view.name, NOT_BACK.format(view.name), 0.88)
    if chosen == (0,) and 1 < len(evidence.outputs) < 3:
        number = 0 if which == "first" else 1
        sentence = (
            f"{view.name} has the path through output {number} only: what comes from output {1 - number} does not "
            "reach it."
        )
        return Candidate("missing_term", view.name, sentence, 0.92)
    roles = [axes.output_role(axis) for axis in chosen]
    words = " and ".join(dict.fromkeys(role or "output position" for role in roles))
    sentence = (
        f"{view.name} holds the part of the {which} {words} only: the parts overwrite each other instead of adding "
        "up."
    )
    return Candidate("overwrite", view.name, sentence, 0.95 if which == "last" else 0.9)


def _diagonal(view: View, axes: Axes, kept: Array, gone: Array) -> Candidate | None:
    """What is there goes from an index to the same index; what goes across is absent."""
    outputs = view.outputs or ()
    rows = np.indices(view.shape).reshape(len(view.shape), -1)
    columns = np.indices(outputs).reshape(len(outputs), -1)
    for source, length in enumerate(view.shape):
        for target, other in enumerate(outputs):
            if length != other or length < 2:
                continue
            same = rows[source][:, None] == columns[target][None, :]
            if kept[~same].any() or gone[same].any():
                continue
            role = axes.role(view.name, source)
            if role == "step" or (axes.time is not None and axes.time.target == target):
                sentence = NOT_BACK.format(view.name)
            else:
                sentence = (
                    f"{view.name} has the path from each entry to the output at the same place only; the paths to "
                    "the other outputs are absent."
                )
            return Candidate("missing_term", view.name, sentence, 0.92)
    return None


def _rows(view: View, axes: Axes, kept: Array, gone: Array) -> Candidate | None:
    """Some entries are right and the others zero."""
    lost: Array = np.asarray(gone.any(axis=1))
    if (lost & kept.any(axis=1)).any():
        return None
    place = where_rows(view, lost, axes)
    if place.border:
        return Candidate(
            "padding", view.name, f"{view.name} is zero at {place.words} and right elsewhere.", 0.7
        )
    return Candidate(
        "never_written", view.name, f"{view.name} stays zero at {place.words}; the rest is right.", 0.7
    )


def explain_first_step(evidence: Evidence, view: View, axes: Axes) -> Candidate | None:
    """Only a parameter's sum over time is wrong, and what the first step alone gives is right."""
    time = axes.time
    if view.outputs is None or time is None or not time.gradient or axes.role(view.name, time.source):
        return None
    if len(view.shape) == 0 or time.gradient in evidence.failing:
        return None
    step = np.indices(view.outputs)[time.target].ravel()
    wrong = (view.residual != 0).any(axis=0)
    first, last = step == 0, step == step.max()
    if not view.zero(view.numeric[:, first]).all() and not wrong[first].any() and wrong[~first].all():
        sentence = (
            f"{view.name} holds the first step's part only: on the way back each step overwrites the steps after "
            "it instead of adding to them."
        )
        return Candidate("overwrite", view.name, sentence, 0.85)
    if not np.any(~view.zero(view.analytic[:, ~last])) and not view.zero(view.numeric[:, ~last]).all():
        sentence = f"{view.name} holds the last step's part only; the parts of the others are not added."
        return Candidate("overwrite", view.name, sentence, 0.8)
    return None


def explain_slices(evidence: Evidence, view: View, axes: Axes) -> Candidate | None:
    """Look which part of the upstream gradient counts, where the outputs are too many to ask for each."""
    for axis in sorted({axis for axis, _ in evidence.slices}):
        chosen = np.array([False, *(other == axis for other, _ in evidence.slices)])
        part = view.columns(chosen)
        right = (part.residual == 0).all(axis=0)
        absent = view.zero(part.analytic).all(axis=0) & ~view.zero(part.numeric).all(axis=0)
        for which, i in (("last", -1), ("first", 0)):
            others = np.delete(absent, i)
            if right[i] and not view.zero(part.numeric[:, i]).all() and others.size and others.all():
                role = axes.output_role(axis) or f"index along axis {axis} of the output"
                sentence = (
                    f"{view.name} holds the part of the {which} {role} only: the parts overwrite each other instead "
                    "of adding up."
                )
                return Candidate("overwrite", view.name, sentence, 0.9)
    return None
