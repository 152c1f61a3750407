"""What is known about a caption, in three kinds that a reader can tell apart at a glance."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

Judgement = bool | Sequence[bool] | None


class Verdict(Enum):
    """How a caption fares against the truth; the value is what a legend says."""

    COMPLETE = "true and complete"
    PARTIAL = "true, but not complete"
    WRONG = "wrong"


def verdict_of(judgement: Judgement) -> Verdict | None:
    """Return what a judgement amounts to.

    Parameters
    ----------
    judgement : bool, (grammatical, true, complete) or None
        As ``minicap.data.scenes.judge`` gives it; a bool says right or wrong; None where nobody knows.

    Returns
    -------
    Verdict or None
    """
    if judgement is None:
        return None
    if not isinstance(judgement, Sequence):
        return Verdict.COMPLETE if judgement else Verdict.WRONG
    grammatical, true, complete = judgement
    if not (grammatical and true):
        return Verdict.WRONG
    return Verdict.COMPLETE if complete else Verdict.PARTIAL
