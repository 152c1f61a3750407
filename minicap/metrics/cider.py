"""CIDEr-D as the standard COCO evaluation code computes it, and CIDEr, on captions already split into tokens.

With h_k(c) the count of n-gram k in caption c, I the pictures, and df_k the pictures with k in a reference:

    g_k(c)       = h_k(c) * (log|I| - log max(1, df_k))
    sim_n(c, s)  = sum over k of length n of min(g_k(c), g_k(s)) g_k(s) / (|g_n(c)| |g_n(s)|)
    CIDEr-D(c,S) = 10 * mean over n = 1..4 and s in S of  exp(-(l(c) - l(s))^2 / (2 sigma^2)) * sim_n(c, s)

A word that every picture's references share weighs nothing. The minimum clips a caption that repeats a rare
word, and the Gaussian with sigma = 6 punishes a wrong length l. (The standard code counts l in pairs of
neighbouring words; the differences are those in words, but for an empty caption, which scores 0 anyway.)

CIDEr without the D has neither, and is a plain cosine, times 10 as its authors' code has it:

    CIDEr(c, S)  = 10 * mean over n = 1..4 and s in S of  g_n(c) . g_n(s) / (|g_n(c)| |g_n(s)|)

(The paper also reduces words to their stems; the authors' code does not.)

The weights come from the references scored with the caption: values of two sets of pictures do not compare,
and a single picture always scores 0, for log 1 = 0. Or they come from a corpus counted once, an ``Idf``.

References
----------
R. Vedantam, C. L. Zitnick, D. Parikh: CIDEr: consensus-based image description evaluation. CVPR 2015.
arXiv:1411.5726.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from minicap.metrics._pairs import Tokens, check_pairs
from minicap.metrics.bleu import ngrams
from minicap.metrics.idf import MAX_N, Gram, Idf

SIGMA = 6.0
SCALE = 10.0


@dataclass(frozen=True)
class CiderScore:
    """CIDEr-D and CIDEr of a set of captions and of each of them.

    Attributes
    ----------
    cider : float
        CIDEr-D, which the standard code calls CIDEr: the mean over the pictures, in 0..10.
    per_image : tuple of float
        One value a picture, in the order given; each in 0..10.
    plain : float
        CIDEr as the paper has it, without clipping and without the penalty on length.
    plain_per_image : tuple of float
    idf_source : str
        Where the document frequencies come from, for the signature.
    """

    cider: float
    per_image: tuple[float, ...]
    plain: float
    plain_per_image: tuple[float, ...]
    idf_source: str

    def as_dict(self) -> dict[str, float]:
        """Return ``{"cider": ...}``, ready for ``metrics.json``."""
        return {"cider": self.cider}


@dataclass(frozen=True)
class CaptionVector:
    """A caption as weighted n-grams: ``weights[k]`` is g_k, ``norms[n - 1]`` is |g_n|, ``length`` is l."""

    weights: dict[Gram, float]
    norms: tuple[float, ...]
    length: int


class Similarity(NamedTuple):
    """What two captions share, in 0..1: for CIDEr-D and for CIDEr."""

    clipped: float
    plain: float


def corpus_cider(
    hypotheses: Sequence[Tokens],
    references: Sequence[Sequence[Tokens]],
    *,
    idf: Idf | None = None,
    ids: Sequence[Hashable] | None = None,
) -> CiderScore:
    """Score a set of captions by the rare n-grams they share with their references.

    Parameters
    ----------
    hypotheses : sequence of token lists
        One caption a picture.
    references : sequence of lists of token lists
        At least one reference a picture.
    idf : Idf, optional
        Document frequencies of a corpus; without it they are counted in ``references``.
    ids : sequence, optional
        What a message calls the pictures.

    Returns
    -------
    CiderScore

    Raises
    ------
    ValueError
        If the two do not pair up, a picture has no reference, or a caption is not split into tokens.
    """
    check_pairs("corpus_cider", hypotheses, references, ids)
    counts = [[ngrams(reference, MAX_N) for reference in several] for several in references]
    idf = Idf.from_counts(counts) if idf is None else idf
    rarity, unseen = idf.weights(), idf.unseen
    found = []
    for hypothesis, several in zip(hypotheses, counts, strict=True):
        candidate = caption_vector(ngrams(hypothesis, MAX_N), rarity, unseen)
        pairs = [similarity(candidate, caption_vector(count, rarity, unseen)) for count in several]
        # fsum rounds once, so that the order of references and pictures cannot change a digit
        found.append([SCALE * math.fsum(values) / len(pairs) for values in zip(*pairs, strict=True)])
    per_image, plain = zip(*found, strict=True)
    n = len(found)
    return CiderScore(math.fsum(per_image) / n, per_image, math.fsum(plain) / n, plain, idf.source)


def caption_vector(count: Mapping[Gram, int], rarity: Mapping[Gram, float], unseen: float) -> CaptionVector:
    """Weigh the n-grams of a caption by how rare they are.

    Parameters
    ----------
    count : mapping
        From n-gram to how often the caption has it.
    rarity : mapping
        From n-gram to weight, as ``Idf.weights`` returns it.
    unseen : float
        The weight of an n-gram in no document, ``Idf.unseen``.

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


def similarity(candidate: CaptionVector, reference: CaptionVector) -> Similarity:
    """Return the cosine averaged over n: clipped and times the Gaussian of the difference in length, and plain.

    Parameters
    ----------
    candidate, reference : CaptionVector

    Returns
    -------
    Similarity
    """
    clipped, plain = [0.0] * MAX_N, [0.0] * MAX_N
    for gram, weight in candidate.weights.items():
        other = reference.weights.get(gram)
        if other:
            clipped[len(gram) - 1] += min(weight, other) * other
            plain[len(gram) - 1] += weight * other
    norms = [a * b for a, b in zip(candidate.norms, reference.norms, strict=True)]
    difference = candidate.length - reference.length
    return Similarity(
        math.exp(-(difference**2) / (2 * SIGMA**2)) * _mean_cosine(clipped, norms), _mean_cosine(plain, norms)
    )


def _mean_cosine(products: Sequence[float], norms: Sequence[float]) -> float:
    """Return the mean of product over norm; 0 for a norm of 0, a caption without n-grams that weigh anything."""
    return sum(p / norm for p, norm in zip(products, norms, strict=True) if norm > 0) / MAX_N
