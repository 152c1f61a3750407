"""Captions by somebody who never looked, and by other people: what a score is worth is its distance from these."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import cache

import numpy as np

from minicap.metrics._pairs import Tokens, check_pairs, check_references, check_tokens
from minicap.metrics.bleu import bleu_from_counts, closest_length, ngrams, reference_counts

Metric = Callable[[Sequence[Tokens], Sequence[Sequence[Tokens]]], float]
Metrics = Callable[[Sequence[Tokens], Sequence[Sequence[Tokens]]], Mapping[str, float]]

HUMAN_NOTE = (
    "each person is scored against the others, one reference fewer than the model is scored against: "
    "not strictly comparable, and on the low side"
)


def random_caption(train_captions: Sequence[Tokens], n: int, seed: int = 0) -> list[list[str]]:
    """Draw ``n`` training captions at random, one a picture, with replacement.

    Parameters
    ----------
    train_captions : sequence of token lists
        Captions of the training split.
    n : int
        How many pictures to caption.
    seed : int
        Seeds the draws.

    Returns
    -------
    list of token lists

    Raises
    ------
    ValueError
        If there is no caption to draw from.
    """
    if not len(train_captions):
        raise ValueError("random_caption: train_captions is empty; at least one caption is needed")
    drawn = np.random.default_rng(seed).integers(len(train_captions), size=n)
    return [list(train_captions[int(i)]) for i in drawn]


def best_constant_caption(
    candidates: Sequence[Tokens],
    references: Sequence[Sequence[Tokens]],
    metric: str | Metric = "bleu_4",
    *,
    limit: int = 5000,
    seed: int = 0,
) -> list[str]:
    """Find the one caption that scores best when it is given to every picture.

    Choose on the *training* split, candidates and references both, and only then score it elsewhere: chosen
    on the split that is evaluated it would be no baseline but a leak.

    Parameters
    ----------
    candidates : sequence of token lists
        Training captions; repetitions are tried once.
    references : sequence of lists of token lists
        The references of the training pictures.
    metric : str or callable
        ``"bleu_1"`` to ``"bleu_4"``, which are fast, or ``metric(hypotheses, references) -> float``.
    limit : int
        How many candidates to try; more are drawn at random.
    seed : int
        Seeds that draw.

    Returns
    -------
    token list
        The best; the first in the order of ``candidates`` where several are.

    Raises
    ------
    ValueError
        If there is no candidate or no picture, a picture has no reference, or the metric is unknown.
    """
    unique = list(dict.fromkeys(tuple(candidate) for candidate in _checked(candidates, references)))
    if len(unique) > limit:
        drawn = np.random.default_rng(seed).choice(len(unique), limit, replace=False)
        unique = [unique[i] for i in sorted(drawn.tolist())]
    score = _constant_bleu(metric, references) if isinstance(metric, str) else _constant(metric, references)
    scores = [score(caption) for caption in unique]
    return list(unique[scores.index(max(scores))])


def human_against_others(references: Sequence[Sequence[Tokens]], metrics: Metrics) -> dict[str, float]:
    """Score people as captioners: each reference in turn is the caption, the others are its references.

    A score against fewer references is lower, so this is not strictly comparable with a model's: ``HUMAN_NOTE``
    says so, and belongs beside the figures.

    Parameters
    ----------
    references : sequence of lists of token lists
        Two references a picture at least. Where pictures have different numbers, the first of each are taken in
        turn, as many as every picture has.
    metrics : callable
        ``metrics(hypotheses, references) -> {name: score}``.

    Returns
    -------
    dict
        Of each score the mean over the people.

    Raises
    ------
    ValueError
        If there is no picture, or one has fewer than two references.
    """
    check_pairs("human_against_others", [[] for _ in references], references)
    people = min(len(several) for several in references)
    if people < 2:
        i = [len(several) for several in references].index(people)
        raise ValueError(f"human_against_others: references[{i}] is one caption; at least two are needed")
    rounds = [
        metrics(
            [several[j] for several in references],
            [[*several[:j], *several[j + 1 :]] for several in references],
        )
        for j in range(people)
    ]
    return {name: sum(scores[name] for scores in rounds) / people for name in rounds[0]}


def _checked(candidates: Sequence[Tokens], references: Sequence[Sequence[Tokens]]) -> Sequence[Tokens]:
    """Return the candidates, or raise where they or the references cannot be used."""
    if not len(candidates) or not len(references):
        empty = "references" if len(candidates) else "candidates"
        raise ValueError(
            f"best_constant_caption: {empty} is empty; captions of the training split are needed"
        )
    for i, candidate in enumerate(candidates):
        check_tokens("best_constant_caption", f"candidates[{i}]", candidate)
    for i, several in enumerate(references):
        check_references("best_constant_caption", i, several)
    return candidates


def _constant(metric: Metric, references: Sequence[Sequence[Tokens]]) -> Callable[[Tokens], float]:
    """Return the metric of a caption given to every picture."""
    return lambda caption: metric([caption] * len(references), references)


def _constant_bleu(name: str, references: Sequence[Sequence[Tokens]]) -> Callable[[Tokens], float]:
    """Return BLEU-n of a caption given to every picture.

    An index says of each n-gram how many pictures allow it once, twice, ...: a caption's clipped matches are
    then a few sums, however many pictures there are.
    """
    if name not in ("bleu_1", "bleu_2", "bleu_3", "bleu_4"):
        raise ValueError(
            f"best_constant_caption: metric is {name!r} but bleu_1 to bleu_4 or a function is needed"
        )
    max_n = int(name[-1])
    index: dict[tuple[str, ...], Counter[int]] = {}
    for several in references:
        for gram, limit in reference_counts(several, max_n).items():
            index.setdefault(gram, Counter())[limit] += 1
    lengths = Counter(tuple(sorted({len(reference) for reference in several})) for several in references)

    @cache
    def reference_length(length: int) -> int:
        return sum(closest_length(length, several) * times for several, times in lengths.items())

    def score(caption: Tokens) -> float:
        matches = [0] * max_n
        for gram, count in ngrams(caption, max_n).items():
            limits = index.get(gram, Counter())
            matches[len(gram) - 1] += sum(min(count, limit) * times for limit, times in limits.items())
        totals = [len(references) * max(0, len(caption) - n) for n in range(max_n)]
        length = len(caption)
        return bleu_from_counts(matches, totals, len(references) * length, reference_length(length))[-1]

    return score
