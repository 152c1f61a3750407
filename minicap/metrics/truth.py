"""How many captions of the built-in scenes are true, from judgements made elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def truth_scores(
    judgements: Sequence[tuple[bool, bool, bool]], object_counts: Sequence[int]
) -> dict[str, Any]:
    """Return the shares of captions that are true, in all and by the number of objects.

    Parameters
    ----------
    judgements : sequence of (grammatical, true, complete)
        One a caption, as ``minicap.data.scenes.judge`` gives them.
    object_counts : sequence of int
        How many objects each scene has.

    Returns
    -------
    dict
        ``truth``: the share that is grammatical, true and complete; ``truth_loose``: the same without
        completeness; ``truth_by_count``: ``truth`` by the number of objects, ``{"1": ..., "2": ...}`` with
        the counts that occur. Empty where there are no scenes.

    Raises
    ------
    ValueError
        If the two do not pair up.
    """
    if len(judgements) != len(object_counts):
        raise ValueError(
            f"truth_scores: {len(judgements)} judgements but {len(object_counts)} object counts; "
            "each scene needs one of both"
        )
    if not len(judgements):
        return {}
    strict = [all(judgement) for judgement in judgements]
    loose = [bool(grammatical and true) for grammatical, true, _ in judgements]
    by_count = {
        str(count): _share([ok for ok, c in zip(strict, object_counts, strict=True) if c == count])
        for count in sorted(set(object_counts))
    }
    return {"truth": _share(strict), "truth_loose": _share(loose), "truth_by_count": by_count}


def _share(flags: Sequence[bool]) -> float:
    """Return the share of True."""
    return sum(flags) / len(flags)
