"""A penalty on the parameters that stands in the gradient and not in the loss, or the other way round."""

from __future__ import annotations

import numpy as np

from minicap._types import Array
from minicap.gradcheck.diagnosis import scale
from minicap.gradcheck.diagnosis.candidate import Candidate
from minicap.gradcheck.diagnosis.evidence import Evidence, View


def explain(evidence: Evidence, view: View) -> Candidate | None:
    """The difference is a constant times the parameter itself, whatever the upstream gradient."""
    value = evidence.base[view.name].ravel().astype(np.float64)
    residual = view.residual
    if value.size < 2 and not view.outputs:
        return None
    if value.size > 2 and not evidence.subject.linear:
        found = _beside(evidence, view, value)
        if found is not None:
            return found
    strength = float(value @ residual.mean(axis=1) / (value @ value or 1.0))
    if not strength or not view.same(residual, strength * value[:, None] * np.ones_like(residual), 10.0):
        return None
    if evidence.full and residual.shape[1] == 1:
        return None
    name, parameter = view.name, view.name.removeprefix("d")
    side = "more" if strength > 0 else "less"
    sentence = (
        f"{name} differs from the true gradient by {abs(strength):.4g} times {parameter} itself, {side} than it "
        "should be: the regularisation in the gradient is not the one in the loss."
    )
    return Candidate("regularisation", name, sentence, 0.95)


def _beside(evidence: Evidence, view: View, value: Array) -> Candidate | None:
    """The regularisation is right and the rest is a factor times what it should be: A = c J + d W."""
    a, n = view.analytic[:, 0], view.numeric[:, 0]
    basis = np.stack([n, value], axis=1)
    (factor, rest), *_ = np.linalg.lstsq(basis, a, rcond=None)
    if abs(factor - 1) < 1e-5 or abs(rest) < 1e-5 or not view.same(basis @ (factor, rest), a, 10.0):
        return None
    candidate = scale.named(evidence, view, float(factor), 0.85, plain=False)
    if candidate is None:
        return None
    return candidate._replace(sentence=f"Beside the regularisation, {candidate.sentence}")
