"""The share of captions that say exactly what one of their references says."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from minicap.metrics._pairs import Tokens, check_pairs


def exact_match(
    hypotheses: Sequence[Tokens],
    references: Sequence[Sequence[Tokens]],
    *,
    ids: Sequence[Hashable] | None = None,
) -> float:
    """Return the share of hypotheses equal, token by token, to one of their references.

    Parameters
    ----------
    hypotheses : sequence of token lists
        One caption a picture.
    references : sequence of lists of token lists
        At least one reference a picture.
    ids : sequence, optional
        What a message calls the pictures.

    Returns
    -------
    float
        In 0..1.

    Raises
    ------
    ValueError
        If the two do not pair up, a picture has no reference, or a caption is not split into tokens.
    """
    check_pairs("exact_match", hypotheses, references, ids)
    return sum(exact_matches(hypotheses, references)) / len(hypotheses)


def exact_matches(hypotheses: Sequence[Tokens], references: Sequence[Sequence[Tokens]]) -> list[bool]:
    """Return for each picture whether its hypothesis equals one of its references.

    Parameters
    ----------
    hypotheses : sequence of token lists
    references : sequence of lists of token lists

    Returns
    -------
    list of bool
    """
    return [
        any(list(hypothesis) == list(reference) for reference in several)
        for hypothesis, several in zip(hypotheses, references, strict=True)
    ]
