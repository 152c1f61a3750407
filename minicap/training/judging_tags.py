"""What is said of tags beyond the averages: each tag's own scores, and the best few of every picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minicap._types import Array
from minicap.metrics import choose_above, choose_top_k, per_tag_scores, precision_recall_f1, recalled_tags
from minicap.models.tag_heads import Findings

THRESHOLD = 0.5  # from this probability on a tag counts as said
BEST = 5  # tags of a picture that are looked at, whatever their probability


def said_tags(found: Findings, threshold: float = THRESHOLD) -> Array:
    """Return which tags count as said.

    Parameters
    ----------
    found : Findings
    threshold : float
        A model that writes tags one after the other decides by itself.

    Returns
    -------
    Array of bool, (N, K)
    """
    return choose_above(found.probabilities, threshold) if found.said is None else found.said


def tag_details(
    found: Findings, said: Array, truth: Array, names: Sequence[str], *, k: int = BEST
) -> dict[str, Any]:
    """Return the scores of each tag, their means, and the scores of the ``k`` best tags of each picture.

    Parameters
    ----------
    found : Findings
    said, truth : Array of bool, (N, K)
    names : sequence of K str
    k : int
        All where there are fewer; of a model that writes tags the likeliest that it says.

    Returns
    -------
    dict
        ``macro_precision``, ``macro_recall``, ``macro_f1``; ``tag_scores``: of each tag that some picture has
        precision, recall, F1 and ``support``, its pictures; ``top_k``: ``k`` and the averages. Empty where no
        picture has any tag.
    """
    if not truth.any():
        return {}
    overall, each = precision_recall_f1(said, truth), per_tag_scores(said, truth)
    best = choose_top_k(found.probabilities, min(k, truth.shape[1]))
    best = best if found.said is None else best & found.said
    rows = zip(names, each.precision, each.recall, each.f1, each.support, strict=True)
    return {
        **{name: value for name, value in overall._asdict().items() if name.startswith("macro_")},
        "tag_scores": {
            name: {"precision": float(p), "recall": float(r), "f1": float(f), "support": int(n)}
            for name, p, r, f, n in rows
            if n
        },
        "top_k": {
            "k": k,
            **precision_recall_f1(best, truth)._asdict(),
            "recalled": recalled_tags(best, truth),
        },
    }
