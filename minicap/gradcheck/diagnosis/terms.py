"""A part of the chain rule that is absent: what is missing has a form that tells which path it is."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from minicap._types import Array
from minicap.gradcheck.diagnosis.axes import Axes
from minicap.gradcheck.diagnosis.candidate import Candidate
from minicap.gradcheck.diagnosis.evidence import Evidence, View


def explain(evidence: Evidence, view: View, axes: Axes) -> Candidate | None:
    """Try the forms in turn, the sharpest first."""
    return (
        explain_normalised(evidence, view)
        or _outer_output(evidence, view)
        or _direct(view)
        or _apart(view)
        or _through_weights(evidence, view)
    )


def explain_normalised(evidence: Evidence, view: View) -> Candidate | None:
    """Missing paths through a mean (the same number along the axes) or a deviation (proportional to x-hat)."""
    x = evidence.base[view.name]
    if view.outputs is None or view.shape != view.outputs:
        return None
    residual = view.residual.reshape(*view.shape, -1)
    numeric = view.numeric.reshape(*view.shape, -1)
    for count in range(1, x.ndim + 1):
        for chosen in combinations(range(x.ndim), count):
            if np.prod([view.shape[i] for i in chosen]) < 3:
                continue
            if np.abs(numeric.sum(axis=chosen)).max() > 1e-4 * view.scale:
                continue  # moving all of them together does not move what was normalised
            std = x.std(axis=chosen, keepdims=True)
            xhat = ((x - x.mean(axis=chosen, keepdims=True)) / np.where(std > 0, std, 1.0))[..., None]
            even = residual.mean(axis=chosen, keepdims=True) * np.ones_like(residual)
            odd = (residual * xhat).mean(axis=chosen, keepdims=True) * xhat
            for part, words in (
                (even, "mean"),
                (odd, "standard deviation"),
                (even + odd, "mean and deviation"),
            ):
                if view.same(part, residual, 100.0):
                    sentence = (
                        f"{view.name} lacks the path through the {words}: what is missing is "
                        f"{'the same for all entries' if part is even else 'proportional to the normalised input'}"
                        f" along {_axes(chosen)}."
                    )
                    return Candidate("missing_term", view.name, sentence, 0.94)
    return None


def _axes(chosen: tuple[int, ...]) -> str:
    """Return some axes in words."""
    return f"axis {chosen[0]}" if len(chosen) == 1 else f"axes {', '.join(map(str, chosen))}"


def _outer_output(evidence: Evidence, view: View) -> Candidate | None:
    """What is missing is one number an entry times the output: the sum in a softmax's derivative."""
    if view.outputs is None or len(evidence.outputs) != 1:
        return None
    y = evidence.outputs[0]
    if y.ndim < 2:
        return None
    residual = view.residual.reshape(view.analytic.shape[0], *y.shape)
    y_hat = y / np.linalg.norm(y, axis=-1, keepdims=True)
    along = (residual * y_hat).sum(axis=-1, keepdims=True) * y_hat
    touched = np.count_nonzero(residual, axis=-1)
    if touched[touched > 0].min(initial=2) < 2 or not view.same(along, residual, 100.0):
        return None
    sentence = (
        f"What {view.name} lacks is proportional to the output itself, as the sum in a softmax's derivative is: "
        "only the part of each weight on itself is there."
    )
    return Candidate("missing_term", view.name, sentence, 0.85)


def _direct(view: View) -> Candidate | None:
    """All that is missing goes from an entry to the output at its own place."""
    if view.shape != view.outputs or len(view.shape) < 2:
        return None
    off = ~np.eye(view.analytic.shape[0], dtype=bool)
    if view.residual[off].any() or view.zero(view.numeric[off]).all():
        return None
    sentence = (
        f"{view.name} is right but for the direct path from each entry to the output at the same place: that part "
        "is missing or not the right one."
    )
    return Candidate("missing_term", view.name, sentence, 0.85)


def _apart(view: View) -> Candidate | None:
    """The derivative by entries of the same index alone, along some axis, where the others matter too."""
    if view.outputs is None:
        return None
    outputs = view.outputs
    rows = np.indices(view.shape).reshape(len(view.shape), -1)
    columns = np.indices(outputs).reshape(len(outputs), -1)
    for source, length in enumerate(view.shape):
        for target, other in enumerate(outputs):
            if length != other or length < 2:
                continue
            across = rows[source][:, None] != columns[target][None, :]
            if view.zero(view.numeric[across]).all() or not view.zero(view.analytic[across]).all():
                continue
            sentence = (
                f"{view.name} takes each output to depend on the entry of the same index along axis {source} alone: "
                "the paths across are absent."
            )
            return Candidate("missing_term", view.name, sentence, 0.85)
    return None


def explain_later(view: View, axes: Axes) -> Candidate | None:
    """What a step owes to its own output is right; what it owes to later ones is not."""
    outputs, time = view.outputs or (), axes.time
    if view.outputs is None or time is None or time.gradient != view.name or time.target < 0:
        return None
    rows = np.indices(view.shape).reshape(len(view.shape), -1)[time.source]
    columns = np.indices(outputs).reshape(len(outputs), -1)[time.target]
    same = rows[:, None] == columns[None, :]
    if view.residual[same].any() or view.zero(view.numeric[same]).all() or not view.residual[~same].any():
        return None
    sentence = (
        f"{view.name} is right in what each step owes to its own output, and wrong in what comes back from later "
        "steps: a part of what is carried back through time is missing or not the right one."
    )
    return Candidate("missing_term", view.name, sentence, 0.55)


def _through_weights(evidence: Evidence, view: View) -> Candidate | None:
    """All that is missing went through one weight matrix."""
    if view.outputs is None or not view.shape or not view.outputs:
        return None
    d, e = view.shape[-1], view.outputs[-1]
    missing, true = _slices(view, view.residual), _slices(view, view.numeric)
    if min(d, e) < 3 or not len(missing) or not all(_spread(part) for part in missing):
        return None
    for name, w in evidence.floats.items():
        if w.ndim != 2 or f"d{name}" == view.name:
            continue
        for block in _matrices(w, d, e):
            if all(_rank_one(p / block) for p in missing) and not all(_rank_one(p / block) for p in true):
                sentence = (
                    f"What is missing in {view.name} is a path through {name}: the difference is {name} times "
                    "one number a unit."
                )
                return Candidate("missing_term", view.name, sentence, 0.6)
    return None


def _slices(view: View, values: Array) -> Array:
    """Return (P, K) as matrices from the input's last axis to the output's last axis, some that are not zero."""
    d, e = view.shape[-1], (view.outputs or (1,))[-1]
    parts = np.moveaxis(view.unfolded(values), len(view.shape) - 1, -2).reshape(-1, d, e)
    return parts[np.abs(parts).max(axis=(1, 2)) > 1e-4 * np.abs(parts).max()][:30]


def _spread(part: Array) -> bool:
    """Whether a matrix has at least three rows and columns that are not zero: fewer have rank one by chance."""
    return bool(min(np.count_nonzero(np.abs(part).max(axis=axis)) for axis in (0, 1)) >= 3)


def _matrices(w: Array, d: int, e: int) -> list[Array]:
    """Return the (d, e) blocks of a weight matrix or of its transpose, with no zero in them."""
    found = []
    for matrix in (w, w.T):
        if matrix.shape[0] == d and matrix.shape[1] % e == 0:
            found += np.split(matrix, matrix.shape[1] // e, axis=1)
    return [block for block in found if np.all(block != 0)]


def _rank_one(part: Array) -> bool:
    """Whether a matrix is an outer product."""
    values = np.linalg.svd(part, compute_uv=False)
    return bool(values[1] <= 1e-4 * values[0])
