"""BLEU as the standard COCO evaluation code computes it, on captions already split into tokens.

    p_n    = (sum of clipped matches of n-grams + 1e-15) / (sum of n-grams in the hypotheses + 1e-9)
    BP     = min(1, exp(1 - reference length / hypothesis length))
    BLEU-N = BP * (p_1 p_2 ... p_N)^(1/N)

A match is clipped at the largest count of the n-gram in any one reference. The reference length of a picture
is the length closest to the hypothesis', the shorter of two equally close. The two small constants stand in
the standard code and are kept, also where they show: a caption of three words has no 4-gram, so its own
BLEU-4 is nearly 0 even if it equals its reference.

References
----------
K. Papineni, S. Roukos, T. Ward, W.-J. Zhu: BLEU: a method for automatic evaluation of machine translation.
ACL 2002.

X. Chen et al.: Microsoft COCO captions: data collection and evaluation server. arXiv:1504.00325, 2015.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from minicap._types import Array
from minicap.metrics._pairs import Tokens, check_pairs

TINY = 1e-15
SMALL = 1e-9


@dataclass(frozen=True)
class BleuScore:
    """BLEU-1 to BLEU-N with the counts they are made of.

    Attributes
    ----------
    scores : tuple of float
        BLEU-1, BLEU-2, ... in order; also as ``bleu_1`` to ``bleu_4``.
    matches, totals : tuple of int
        Clipped matches, and n-grams in the hypotheses, for n = 1, 2, ...
    hypothesis_length, reference_length : int
        Summed over the pictures, in tokens.
    """

    scores: tuple[float, ...]
    matches: tuple[int, ...]
    totals: tuple[int, ...]
    hypothesis_length: int
    reference_length: int

    @property
    def brevity_penalty(self) -> float:
        """The factor that punishes hypotheses shorter than their references; 1 where they are not."""
        return brevity_penalty(self.hypothesis_length, self.reference_length)

    @property
    def bleu_1(self) -> float:
        """BLEU with single words."""
        return self.scores[0]

    @property
    def bleu_2(self) -> float:
        """BLEU up to pairs of words."""
        return self.scores[1]

    @property
    def bleu_3(self) -> float:
        """BLEU up to three words in a row."""
        return self.scores[2]

    @property
    def bleu_4(self) -> float:
        """BLEU up to four words in a row."""
        return self.scores[3]

    def as_dict(self) -> dict[str, float]:
        """Return ``{"bleu_1": ..., "bleu_2": ...}``, ready for ``metrics.json``."""
        return {f"bleu_{n}": score for n, score in enumerate(self.scores, 1)}


def corpus_bleu(
    hypotheses: Sequence[Tokens],
    references: Sequence[Sequence[Tokens]],
    max_n: int = 4,
    *,
    ids: Sequence[Hashable] | None = None,
) -> BleuScore:
    """Score a set of captions: counts are summed over the pictures before they are divided.

    Parameters
    ----------
    hypotheses : sequence of token lists
        One caption a picture.
    references : sequence of lists of token lists
        At least one reference a picture.
    max_n : int
        The longest n-gram.
    ids : sequence, optional
        What a message calls the pictures.

    Returns
    -------
    BleuScore

    Raises
    ------
    ValueError
        If the two do not pair up, a picture has no reference, or a caption is not split into tokens.
    """
    check_pairs("corpus_bleu", hypotheses, references, ids)
    if max_n < 1:
        raise ValueError(f"corpus_bleu: max_n is {max_n} but n-grams have at least one word")
    sums = bleu_counts(hypotheses, references, max_n).sum(axis=0).tolist()
    matches, totals, lengths = sums[:max_n], sums[max_n:-2], sums[-2:]
    scores = bleu_from_counts(matches, totals, *lengths)
    return BleuScore(scores, tuple(matches), tuple(totals), *lengths)


def sentence_bleu(hypothesis: Tokens, references: Sequence[Tokens], max_n: int = 4) -> BleuScore:
    """Score one caption on its own counts; without smoothing, so read BLEU-3 and -4 of one caption with care.

    Parameters
    ----------
    hypothesis : token list
    references : sequence of token lists
        At least one.
    max_n : int
        The longest n-gram.

    Returns
    -------
    BleuScore

    Raises
    ------
    ValueError
        As ``corpus_bleu``.
    """
    return corpus_bleu([hypothesis], [references], max_n)


def bleu_counts(
    hypotheses: Sequence[Tokens], references: Sequence[Sequence[Tokens]], max_n: int = 4
) -> Array:
    """Return the counts of each picture: their sum over any set of pictures is all that BLEU of the set needs.

    Parameters
    ----------
    hypotheses : sequence of token lists
    references : sequence of lists of token lists
    max_n : int
        The longest n-gram.

    Returns
    -------
    Array
        int64, shape (N, 2 * max_n + 2): the clipped matches of n = 1, 2, ..., the n-grams of the hypothesis, and
        the lengths of the hypothesis and of the reference closest to it.
    """
    rows = []
    for hypothesis, several in zip(hypotheses, references, strict=True):
        limits = reference_counts(several, max_n)
        matches = [0] * max_n
        for gram, count in ngrams(hypothesis, max_n).items():
            matches[len(gram) - 1] += min(count, limits[gram])
        length = len(hypothesis)
        totals = [max(0, length - n) for n in range(max_n)]
        rows.append(
            [*matches, *totals, length, closest_length(length, [len(reference) for reference in several])]
        )
    return np.array(rows, np.int64)


def bleu_from_rows(sums: ArrayLike) -> Array:
    """Return BLEU-1, BLEU-2, ... of many sets of pictures at once.

    Parameters
    ----------
    sums : array_like of shape (..., 2 * max_n + 2)
        Rows of ``bleu_counts``, or sums of them.

    Returns
    -------
    Array
        float64, shape (..., max_n).
    """
    sums = np.asarray(sums, np.float64)
    max_n = sums.shape[-1] // 2 - 1
    precisions = (sums[..., :max_n] + TINY) / (sums[..., max_n:-2] + SMALL)
    ratio = (sums[..., -2:-1] + TINY) / (sums[..., -1:] + SMALL)
    penalty = np.exp(np.minimum(0.0, 1 - 1 / ratio))
    return penalty * np.cumprod(precisions, axis=-1) ** (1 / np.arange(1, max_n + 1))


def ngrams(tokens: Tokens, max_n: int) -> Counter[tuple[str, ...]]:
    """Count all n-grams of 1 to ``max_n`` tokens.

    Parameters
    ----------
    tokens : token list
    max_n : int

    Returns
    -------
    Counter
        From n-gram, a tuple of n words, to count.
    """
    tokens = tuple(tokens)
    return Counter(tokens[i : i + n] for n in range(1, max_n + 1) for i in range(len(tokens) - n + 1))


def reference_counts(references: Sequence[Tokens], max_n: int) -> Counter[tuple[str, ...]]:
    """Count each n-gram where it is most frequent among the references: the limit for matches.

    Parameters
    ----------
    references : sequence of token lists
    max_n : int

    Returns
    -------
    Counter
    """
    limits: Counter[tuple[str, ...]] = Counter()
    for reference in references:
        limits |= ngrams(reference, max_n)
    return limits


def closest_length(length: int, lengths: Sequence[int]) -> int:
    """Return the reference length nearest to ``length``, the shorter of two.

    Parameters
    ----------
    length : int
    lengths : sequence of int

    Returns
    -------
    int
    """
    return min(lengths, key=lambda candidate: (abs(candidate - length), candidate))


def brevity_penalty(hypothesis_length: int, reference_length: int) -> float:
    """Return ``min(1, exp(1 - r / c))`` with the standard code's constants in ``c / r``.

    Parameters
    ----------
    hypothesis_length, reference_length : int
        In tokens.

    Returns
    -------
    float
    """
    ratio = (hypothesis_length + TINY) / (reference_length + SMALL)
    return math.exp(1 - 1 / ratio) if ratio < 1 else 1.0


def bleu_from_counts(
    matches: Sequence[int], totals: Sequence[int], hypothesis_length: int, reference_length: int
) -> tuple[float, ...]:
    """Return BLEU-1, BLEU-2, ... from summed counts.

    Parameters
    ----------
    matches, totals : sequence of int
        For n = 1, 2, ...
    hypothesis_length, reference_length : int
        In tokens.

    Returns
    -------
    tuple of float
    """
    penalty = brevity_penalty(hypothesis_length, reference_length)
    scores, product = [], 1.0
    for n, (match, total) in enumerate(zip(matches, totals, strict=True), 1):
        product *= (match + TINY) / (total + SMALL)
        scores.append(penalty * product ** (1 / n))
    return tuple(scores)
