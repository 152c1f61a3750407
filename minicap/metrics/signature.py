"""Say how a score was computed, so that it can be compared with another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from minicap.metrics._pairs import Tokens
from minicap.metrics.idf import SCORED

DEFINITIONS = {
    **{f"bleu_{n}": f"BLEU-{n}, closest reference length" for n in (1, 2, 3, 4)},
    "rouge_l": "ROUGE-L, beta 1.2",
    "meteor": "METEOR 1.5, exact and stem, no synonyms or paraphrases",
    "cider": "CIDEr-D, n 4, sigma 6",
    "cider_plain": "CIDEr, n 4, not clipped, no stems",
}


def signature(
    tokenizer: str,
    references: Sequence[Sequence[Tokens]],
    *,
    version: str,
    metric: str | None = None,
    idf: str = SCORED,
    end_marker: str = "excluded",
) -> dict[str, Any]:
    """Return what must be equal before two scores may be compared.

    Parameters
    ----------
    tokenizer : str
        The name of the tokenizer that split hypotheses and references.
    references : sequence of lists of token lists
        What was scored against.
    version : str
        The version of minicap.
    metric : str, optional
        A key of ``metrics.json``, or any name; what it means here stands first.
    idf : str
        Where CIDEr's document frequencies come from: ``Idf.source``.
    end_marker : str
        ``"excluded"``: minicap never counts it as a word. ``"counted"`` is for scores of other programs
        reproduced.

    Returns
    -------
    dict
        ``metric`` (where given), ``tokenizer``, ``smoothing`` (always ``"none"``), ``end_marker``, ``idf``,
        ``n_images``, ``n_references``, ``version``.
    """
    return ({} if metric is None else {"metric": DEFINITIONS.get(metric, metric)}) | {
        "tokenizer": tokenizer,
        "smoothing": "none",
        "end_marker": end_marker,
        "idf": idf,
        "n_images": len(references),
        "n_references": sum(len(several) for several in references),
        "version": version,
    }


def signature_text(parts: Mapping[str, Any]) -> str:
    """Return a signature in one line, ``tokenizer:word|smoothing:none|...``.

    Parameters
    ----------
    parts : mapping
        From ``signature``.

    Returns
    -------
    str
    """
    return "|".join(f"{key}:{value}" for key, value in parts.items())
