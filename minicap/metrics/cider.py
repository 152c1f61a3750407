"""CIDEr-D as the standard COCO evaluation code computes it, on captions already split into tokens.

With h_k(c) the count of n-gram k in caption c, I the pictures, and df_k the pictures with k in a reference:

    g_k(c)       = h_k(c) * (log|I| - log max(1, df_k))
    sim_n(c, s)  = sum over k of length n of min(g_k(c), g_k(s)) g_k(s) / (|g_n(c)| |g_n(s)|)
    CIDEr-D(c,S) = 10 * mean over n = 1..4 and s in S of  exp(-(l(c) - l(s))^2 / (2 sigma^2)) * sim_n(c, s)

A word that every picture's references share weighs nothing. The minimum clips a caption that repeats a rare
word, and the Gaussian with sigma = 6 punishes a wrong length l. (The standard code counts l in pairs of
neighbouring words; the differences are those in words, but for an empty caption, which scores 0 anyway.)

The weights come from the references scored with the caption: values of two sets of pictures do not compare,
and a single picture always scores 0, for log 1 = 0.

References
----------
R. Vedantam, C. L. Zitnick, D. Parikh: CIDEr: consensus-based image description evaluation. CVPR 2015.
arXiv:1411.5726.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from minicap.metrics._pairs import Tokens, check_pairs
from minicap.metrics.bleu import ngrams

MAX_N = 4
SIGMA = 6.0
SCALE = 10.0

Gram: TypeAlias = tuple[str, ...]


@dataclass(frozen=True)
class CiderScore:
    """CIDEr-D of a set of captions and of each of them.

    Attributes
    ----------
    cider : float
        The mean over the pictures, in 0..10.
    per_image : tuple of float
        One value a picture, in the order given; each in 0..10.
    """

    cider: float
    per_image: tuple[float, ...]

    def as_dict(self) -> dict[str, float]:
        """Return ``{"cider": ...}``, ready for ``metrics.json``."""
        return {"cider": self.cider}


@dataclass(frozen=True)
class CaptionVector:
    """A caption as weighted n-grams: ``weights[k]`` is g_k, ``norms[n - 1]`` is |g_n|, ``length`` is l."""

    weights: dict[Gram, float]
    norms: tuple[float, ...]
    length: int


def corpus_cider(hypotheses: Sequence[Tokens], references: Sequence[Sequence[Tokens]]) -> CiderScore:
    """Score a set of captions by the rare n-grams they share with their references.

    Parameters
    ----------
    hypotheses : sequence of token lists
        One caption a picture.
    references : sequence of lists of token lists
        At least one reference a picture; the document frequencies are counted in them.

    Returns
    -------
    CiderScore

    Raises
    ------
    ValueError
        If the two do not pair up, a picture has no reference, or a caption is not split into tokens.
    """
    check_pairs("corpus_cider", hypotheses, references)
    counts = [[ngrams(reference, MAX_N) for reference in several] for several in references]
    rarity = inverse_document_frequencies(counts)
    unseen = math.log(len(references))
    per_image = []
    for hypothesis, several in zip(hypotheses, counts, strict=True):
        candidate = caption_vector(ngrams(hypothesis, MAX_N), rarity, unseen)
        vectors = [caption_vector(count, rarity, unseen) for count in several]
        # fsum rounds once, so that the order of references and pictures cannot change a digit
        total = math.fsum(similarity(candidate, vector) for vector in vectors)
        per_image.append(SCALE * total / len(vectors))
    return CiderScore(math.fsum(per_image) / len(per_image), tuple(per_image))


def inverse_document_frequencies(counts: Sequence[Sequence[Mapping[Gram, int]]]) -> dict[Gram, float]:
    """Return ``log|I| - log df_k`` for each n-gram k of the references.

    Parameters
    ----------
    counts : sequence of lists of mappings
        For each picture, the n-gram counts of its references.

    Returns
    -------
    dict
        From n-gram to weight, at least 0: a picture counts once, however many of its references say it.
    """
    frequencies: Counter[Gram] = Counter()
    for several in counts:
        frequencies.update(set().union(*several))
    pictures = math.log(len(counts))
    return {gram: pictures - math.log(frequency) for gram, frequency in frequencies.items()}


def caption_vector(count: Mapping[Gram, int], rarity: Mapping[Gram, float], unseen: float) -> CaptionVector:
    """Weigh the n-grams of a caption by how rare they are.

    Parameters
    ----------
    count : mapping
        From n-gram to how often the caption has it.
    rarity : mapping
        As ``inverse_document_frequencies`` returns it.
    unseen : float
        The weight of an n-gram in no reference, log|I|.

    Returns
    -------
    CaptionVector
    """
    weights = {gram: times * rarity.get(gram, unseen) for gram, times in count.items()}
    squares: list[list[float]] = [[] for _ in range(MAX_N)]
    for gram, weight in weights.items():
        squares[len(gram) - 1].append(weight * weight)
    length = sum(times for gram, times in count.items() if len(gram) == 1)
    return CaptionVector(weights, tuple(math.sqrt(math.fsum(terms)) for terms in squares), length)


def similarity(candidate: CaptionVector, reference: CaptionVector) -> float:
    """Return the clipped cosine, averaged over n, times the Gaussian of the difference in length.

    Parameters
    ----------
    candidate, reference : CaptionVector

    Returns
    -------
    float
        In 0..1.
    """
    products = [0.0] * MAX_N
    for gram, weight in candidate.weights.items():
        other = reference.weights.get(gram, 0.0)
        products[len(gram) - 1] += min(weight, other) * other
    norms = [a * b for a, b in zip(candidate.norms, reference.norms, strict=True)]
    # a norm of 0 is a caption without n-grams of this length, or with none that weighs anything
    cosines = [product / norm for product, norm in zip(products, norms, strict=True) if norm > 0]
    difference = candidate.length - reference.length
    return math.exp(-(difference**2) / (2 * SIGMA**2)) * sum(cosines) / MAX_N
