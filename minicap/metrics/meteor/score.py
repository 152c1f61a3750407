"""METEOR: from alignments to a score, and from the scores of images to that of a set.

With m_e and m_s the matched words of a caption, exact and by stem, l its words, content words weighing
delta and function words 1 - delta,

    P, R    = (m_e + 0.6 m_s) / l                 in the hypothesis, in the reference
    F       = 1 / ((1 - alpha) / P + alpha / R)
    penalty = gamma * (chunks / matches)^beta     and none for captions that agree word by word
    METEOR  = F * (1 - penalty)

with alpha = 0.85, beta = 0.2, gamma = 0.6, delta = 0.75. A picture takes the reference that scores highest, the
first of several. The score of a set is not a mean: the counts of all pictures are added up, and the formula
is applied once.

A caption without any match scores 0 against each of its references, so that the length of the first one goes
into the sum. Hence the order of references may show in a set's score; it never shows in a picture's.

References
----------
M. Denkowski, A. Lavie: Meteor Universal: language specific translation evaluation for any target language.
WMT 2014.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from minicap._types import Array
from minicap.metrics._pairs import Tokens, check_pairs, name_of
from minicap.metrics.meteor.aligner import align, count_chunks
from minicap.metrics.meteor.matches import Places, places_of, possible_matches
from minicap.metrics.meteor.normalizer import normalize
from minicap.metrics.meteor.words import Word, look_up

ALPHA, BETA, GAMMA, DELTA = 0.85, 0.2, 0.6, 0.75
STEM_WEIGHT = 0.6
MOST_PAIRS = 1_000_000  # of a word here and a word there; two captions of 1,000 words may take half a minute


class Side(NamedTuple):
    """The words of one caption in an alignment, and how many of them matched; numbers or arrays (...,)."""

    content: Any
    function: Any
    exact_content: Any
    exact_function: Any
    stem_content: Any
    stem_function: Any


@dataclass(frozen=True)
class MeteorScore:
    """METEOR of a set of captions and of each of them.

    Attributes
    ----------
    meteor : float
        Of the summed counts, in 0..1.
    per_image : tuple of float
        One value a picture, in the order given; each in 0..1.
    counts : (N, 13) array of int
        What the scores are made of: ``Side`` of the hypothesis, of the reference chosen, and the chunks, 0
        where the two agree word by word. ``meteor_from_counts`` scores any sum of rows.
    """

    meteor: float
    per_image: tuple[float, ...]
    counts: Array = field(repr=False, compare=False)

    def as_dict(self) -> dict[str, float]:
        """Return ``{"meteor": ...}``, ready for ``metrics.json``."""
        return {"meteor": self.meteor}


def corpus_meteor(
    hypotheses: Sequence[Tokens],
    references: Sequence[Sequence[Tokens]],
    *,
    ids: Sequence[Hashable] | None = None,
) -> MeteorScore:
    """Score a set of captions by the words and stems each shares with one reference, and by their order.

    Parameters
    ----------
    hypotheses : sequence of token lists
        One caption a picture. Tokens are joined by spaces and go through METEOR's own normaliser, as the
        standard code does it: a token may become several words.
    references : sequence of lists of token lists
        At least one reference a picture.
    ids : sequence, optional
        What a message calls the pictures.

    Returns
    -------
    MeteorScore
        An empty caption scores 0.

    Raises
    ------
    ValueError
        If the two do not pair up, a picture has no reference, a caption is not split into tokens, or two
        captions are too long to be aligned.
    """
    check_pairs("corpus_meteor", hypotheses, references, ids)
    return score_pairs("corpus_meteor", hypotheses, references, ids)


def sentence_meteor(hypothesis: Tokens, references: Sequence[Tokens]) -> MeteorScore:
    """Score one caption.

    Parameters
    ----------
    hypothesis : token list
    references : sequence of token lists
        At least one.

    Returns
    -------
    MeteorScore
        Of this one caption: ``meteor`` equals ``per_image[0]``.

    Raises
    ------
    ValueError
        As ``corpus_meteor``.
    """
    check_pairs("sentence_meteor", [hypothesis], [references])
    return score_pairs("sentence_meteor", [hypothesis], [references], None)


def score_pairs(
    who: str,
    hypotheses: Sequence[Tokens],
    references: Sequence[Sequence[Tokens]],
    ids: Sequence[Hashable] | None,
) -> MeteorScore:
    """Score captions that are known to pair up, for the function called ``who``."""
    rows: list[list[int]] = []
    starts = [0]
    for n, (hypothesis, several) in enumerate(zip(hypotheses, references, strict=True)):
        candidate = places_of(words_of(hypothesis))
        for reference in map(words_of, several):
            if len(candidate.words) * len(reference) > MOST_PAIRS:
                raise ValueError(
                    f"{who}: hypotheses[{n}]{name_of(n, ids)} has {len(candidate.words):,} words and a reference "
                    f"{len(reference):,}; captions can be aligned up to {MOST_PAIRS:,} pairs of words"
                )
            rows.append(count(candidate, reference))
        starts.append(len(rows))
    counts = np.array(rows, dtype=np.int64)
    scores = meteor_from_counts(counts).tolist()
    # max takes the first of several
    chosen = [max(range(*bounds), key=scores.__getitem__) for bounds in pairwise(starts)]
    kept = counts[chosen]
    total = float(meteor_from_counts(kept.sum(axis=0)))
    return MeteorScore(total, tuple(scores[row] for row in chosen), kept)


def words_of(tokens: Tokens) -> list[Word]:
    """Return what METEOR knows of each word of a caption."""
    return [look_up(word) for word in normalize(" ".join(tokens))]


def count(hypothesis: Places, reference: Sequence[Word]) -> list[int]:
    """Align two captions and count.

    Parameters
    ----------
    hypothesis : Places
    reference : sequence of Word

    Returns
    -------
    list of int
        A row of ``MeteorScore.counts``.
    """
    pairs = align(possible_matches(hypothesis, reference))
    ours, theirs = lengths(hypothesis.words), lengths(reference)
    for i, j, stage in pairs:
        ours[2 + 2 * stage + hypothesis.words[i].is_function] += 1
        theirs[2 + 2 * stage + reference[j].is_function] += 1
    chunks = count_chunks(pairs)
    in_step = chunks == 1 and len(pairs) == len(hypothesis.words) == len(reference)
    return [*ours, *theirs, 0 if in_step else chunks]


def lengths(words: Iterable[Word]) -> list[int]:
    """Return the fields of a ``Side`` before any match: content words, function words, and zeros."""
    side = [0] * len(Side._fields)
    for word in words:
        side[word.is_function] += 1
    return side


def meteor_from_counts(counts: Array) -> Array:
    """Return METEOR of counts, or of their sums over pictures.

    Parameters
    ----------
    counts : Array of shape (..., 13)
        Rows of ``MeteorScore.counts``, or sums of rows.

    Returns
    -------
    Array of shape (...)
        In 0..1; 0 where nothing matches.
    """
    columns = np.moveaxis(np.asarray(counts, dtype=np.float64), -1, 0)
    ours, theirs, chunks = Side(*columns[:6]), Side(*columns[6:12]), columns[12]
    matches = sum(ours[2:])
    with np.errstate(divide="ignore", invalid="ignore"):  # where nothing matches
        precision, recall = share_matched(ours), share_matched(theirs)
        mean = 1 / ((1 - ALPHA) / precision + ALPHA / recall)
        scores = mean * (1 - GAMMA * (chunks / matches) ** BETA)
    return np.where(matches > 0, scores, 0.0)


def share_matched(side: Side) -> Any:
    """Return precision, or recall: the weight of the words that matched over the weight of all."""
    weight = side.content * DELTA + side.function * (1 - DELTA)
    matched = side.exact_content * DELTA + side.stem_content * STEM_WEIGHT * DELTA
    matched = matched + side.exact_function * (1 - DELTA) + side.stem_function * STEM_WEIGHT * (1 - DELTA)
    return matched / weight
