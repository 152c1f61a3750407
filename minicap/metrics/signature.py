"""Say how a score was computed, so that it can be compared with another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from minicap.metrics._pairs import Tokens


def signature(tokenizer: str, references: Sequence[Sequence[Tokens]], *, version: str) -> dict[str, Any]:
    """Return what must be equal before two scores may be compared.

    Parameters
    ----------
    tokenizer : str
        The name of the tokenizer that split hypotheses and references.
    references : sequence of lists of token lists
        What was scored against.
    version : str
        The version of minicap.

    Returns
    -------
    dict
        ``tokenizer``, ``smoothing`` (always ``"none"``), ``idf`` (where CIDEr's document
        frequencies come from), ``n_images``, ``n_references``, ``version``.
    """
    return {
        "tokenizer": tokenizer,
        "smoothing": "none",
        "idf": "references scored",
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
