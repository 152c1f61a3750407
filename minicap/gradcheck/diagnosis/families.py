"""Ask every family of hypotheses about every wrong gradient, and let the surest answer win."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from minicap.gradcheck.diagnosis import (
    forms,
    layout,
    masks,
    parts,
    ratios,
    recurrent,
    regular,
    scale,
    spatial,
    terms,
)
from minicap.gradcheck.diagnosis.axes import Axes, find_axes
from minicap.gradcheck.diagnosis.candidate import Candidate
from minicap.gradcheck.diagnosis.evidence import Evidence, View
from minicap.gradcheck.diagnosis.place import where
from minicap.gradcheck.findings import Diagnosis

GUESS = 0.5  # below this, "unknown" is the better answer
SURE = 0.75  # below this, a second bug may be what the first one leaves behind


def diagnose(evidence: Evidence) -> Diagnosis | None:
    """Return the bug that explains a failed check best, None where nothing failed.

    Parameters
    ----------
    evidence : Evidence

    Returns
    -------
    Diagnosis or None
        Of kind ``unknown`` where no hypothesis explains the difference.
    """
    found = diagnoses(evidence)
    return found[0] if found else None


def diagnoses(evidence: Evidence) -> list[Diagnosis]:
    """Return every bug found, the surest first, each kind once.

    Parameters
    ----------
    evidence : Evidence

    Returns
    -------
    list of Diagnosis
    """
    candidates = forms.explain(evidence)
    if evidence.sound:
        with np.errstate(all="ignore"):
            candidates += _numbers(evidence)
    candidates.sort(key=lambda candidate: -candidate.confidence)
    known = [c for c in candidates if c.kind != "unknown"] or candidates
    firsts = {candidate.kind: candidate for candidate in reversed(known)}
    return [c.diagnosis() for c in known if firsts[c.kind] is c and (c is known[0] or c.confidence >= SURE)]


def diagnoses_of_problems(problems: Sequence[str]) -> list[Diagnosis]:
    """Return what a check's problems say, where the code cannot be asked again.

    Parameters
    ----------
    problems : sequence of str

    Returns
    -------
    list of Diagnosis
        The worst problem's, or none.
    """
    candidate = forms.said(problems)
    return [candidate.diagnosis()] if candidate is not None else []


def _numbers(evidence: Evidence) -> list[Candidate]:
    """Return the best explanation of every gradient whose numbers are wrong."""
    if not evidence.failing:
        return []
    axes = find_axes(evidence)
    found = []
    for name in evidence.failing:
        view = evidence.view(name)
        if view is None:
            found.append(_of_sample(evidence, name, axes))
            continue
        candidates = [c for c in _candidates(evidence, view, axes) if c.confidence >= GUESS]
        best = max(candidates, key=lambda c: c.confidence, default=None)
        found.append(_placed(best, evidence, view, axes) if best else _unknown(evidence, name, view, axes))
    return found


def _placed(best: Candidate, evidence: Evidence, view: View | None, axes: Axes) -> Candidate:
    """Return a candidate that says where as well, if that has a name and is not said yet."""
    place = where(evidence, view, axes, plain=True) if view is not None and view.wrong else ""
    if not place or place in best.sentence or best.kind in ("padding", "transpose", "axes_swapped"):
        return best
    return best._replace(sentence=f"{best.sentence} It is wrong at {place}.")


def _candidates(evidence: Evidence, view: View | None, axes: Axes) -> Iterator[Candidate]:
    """Yield what each family says about one gradient; the simple ones first, and no more once one is sure."""
    if view is None:
        return
    for candidate in (
        masks.explain_ties(evidence, view),
        parts.explain_zero(evidence, view, axes),
        scale.explain(evidence, view),
    ):
        if candidate is not None:
            yield candidate
            return
    if not view.wrong:
        return
    families = (
        lambda: regular.explain(evidence, view),
        lambda: masks.explain_targets(evidence, view),
        lambda: masks.explain_other_mask(view),
        lambda: masks.explain_mask(evidence, view, axes),
        lambda: layout.explain(evidence, view, axes),
        lambda: layout.explain_gates(evidence, view, axes),
        lambda: layout.explain_exchanged(evidence, view, axes),
        lambda: parts.explain_kept(evidence, view, axes),
        lambda: ratios.explain(evidence, view, axes),
        lambda: recurrent.explain_shift(evidence, view, axes),
        lambda: recurrent.explain_gate(evidence, view, axes),
        lambda: terms.explain(evidence, view, axes),
        lambda: terms.explain_later(view, axes),
        lambda: parts.explain_slices(evidence, view, axes),
        lambda: parts.explain_first_step(evidence, view, axes),
        lambda: spatial.explain(evidence, view),
        lambda: masks.explain_dead_units(evidence, view),
        lambda: _beside_factor(evidence, view, axes),
    )
    for family in families:
        candidate = _attempt(family)
        if candidate is not None:
            yield candidate
            if candidate.confidence >= 0.93:
                return


def _attempt(family: Callable[[], Candidate | None]) -> Candidate | None:
    """Return what a family says; one that fails, or whose question the code does not survive, says nothing."""
    try:
        return family()
    except (Exception, SystemExit):
        return None


def _beside_factor(evidence: Evidence, view: View, axes: Axes) -> Candidate | None:
    """Return a mask or parts that are missing where what is there is off by one factor as well."""
    there = ~view.zero(view.numeric) & ~view.zero(view.analytic)
    if np.count_nonzero(there) < 4:
        return None
    factor = float(np.median(view.analytic[there] / view.numeric[there]))
    if abs(factor - 1) < 1e-4 or not view.same(view.analytic[there], factor * view.numeric[there], 10.0):
        return None
    scaled = replace(view, analytic=view.analytic / factor)
    for family in (masks.explain_mask, parts.explain_kept):
        candidate = family(evidence, scaled, axes)
        if candidate is not None:
            sentence = f"{candidate.sentence} Besides, what is there is {factor:.4g} times what it should be."
            return candidate._replace(sentence=sentence, confidence=0.8)
    return None


def _of_sample(evidence: Evidence, name: str, axes: Axes) -> Candidate:
    """Return what some entries tell of a gradient that is too large to be looked at whole."""
    view = evidence.sampled(name)
    candidate = None
    if view is not None:
        candidate = parts.explain_zero(evidence, view, axes) or scale.explain(evidence, view)
    return candidate._replace(confidence=0.9) if candidate else _unknown(evidence, name, None, axes)


def _unknown(evidence: Evidence, name: str, view: View | None, axes: Axes) -> Candidate:
    """Return that nothing explains it, and where it is wrong."""
    place = where(evidence, view, axes) if view is not None and view.wrong else ""
    at = f" at {place}" if place else ""
    sentence = f"{name} is wrong{at}, in a way that none of the usual bugs explains."
    return Candidate("unknown", name, sentence, 0.2)
