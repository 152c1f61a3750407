"""ROUGE-L as the standard COCO evaluation code computes it, on captions already split into tokens.

With lcs(c, s) the length of the longest common subsequence of a caption c and a reference s, S the references
of the picture, and beta = 1.2:

    P = max over s in S of lcs(c, s) / |c|        R = max over s in S of lcs(c, s) / |s|
    ROUGE-L(c, S) = (1 + beta^2) P R / (R + beta^2 P)

The two maxima may come from different references. A subsequence keeps the order of the words but may have
gaps: ROUGE-L rewards the same words in the same order, with anything in between.

References
----------
C.-Y. Lin: ROUGE: a package for automatic evaluation of summaries. ACL workshop, 2004.

H. Hyyrö: Bit-parallel LCS-length computation revisited. AWOCA 2004.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

from minicap.metrics._pairs import Tokens, check_pairs

BETA = 1.2


@dataclass(frozen=True)
class RougeScore:
    """ROUGE-L of a set of captions and of each of them.

    Attributes
    ----------
    rouge_l : float
        The mean over the pictures, in 0..1.
    per_image : tuple of float
        One value a picture, in the order given; each in 0..1.
    """

    rouge_l: float
    per_image: tuple[float, ...]

    def as_dict(self) -> dict[str, float]:
        """Return ``{"rouge_l": ...}``, ready for ``metrics.json``."""
        return {"rouge_l": self.rouge_l}


def corpus_rouge(
    hypotheses: Sequence[Tokens],
    references: Sequence[Sequence[Tokens]],
    *,
    ids: Sequence[Hashable] | None = None,
) -> RougeScore:
    """Score a set of captions by the longest subsequence each shares with its references.

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
    RougeScore
        An empty caption scores 0.

    Raises
    ------
    ValueError
        If the two do not pair up, a picture has no reference, or a caption is not split into tokens.
    """
    check_pairs("corpus_rouge", hypotheses, references, ids)
    per_image = tuple(_rouge(*pair) for pair in zip(hypotheses, references, strict=True))
    return RougeScore(math.fsum(per_image) / len(per_image), per_image)


def lcs_length(a: Tokens, b: Tokens) -> int:
    """Return the length of the longest common subsequence.

    Parameters
    ----------
    a, b : token list

    Returns
    -------
    int
    """
    return _common(_places(a), len(a), b)


def _rouge(hypothesis: Tokens, references: Sequence[Tokens]) -> float:
    """Return ROUGE-L of one caption."""
    places = _places(hypothesis)
    pairs = [(_common(places, len(hypothesis), r), len(r)) for r in references]
    if not any(common for common, _ in pairs):
        return 0.0
    precision = max(common for common, _ in pairs) / len(hypothesis)
    recall = max(common / length for common, length in pairs if length)
    return (1 + BETA**2) * precision * recall / (recall + BETA**2 * precision)


def _places(words: Tokens) -> dict[str, int]:
    """Return for each word the bits of the places where it stands."""
    places: dict[str, int] = {}
    for i, word in enumerate(words):
        places[word] = places.get(word, 0) | 1 << i
    return places


def _common(places: Mapping[str, int], length: int, words: Tokens) -> int:
    """Return the length of the longest common subsequence of the caption that ``places`` describes and ``words``.

    The row of the dynamic programme grows by 0 or 1 from place to place. Bit i of ``flat`` says that it does
    not grow at place i, so that one addition, whose carries run through the flat stretches, updates the row.
    """
    full = (1 << length) - 1
    flat = full
    for word in words:
        hits = flat & places.get(word, 0)
        flat = (flat + hits | flat - hits) & full
    return length - flat.bit_count()
