"""The scores of captions, whoever wrote them: every metric, its uncertainty, and how it was computed.

Words are split as the standard evaluation code splits them, whichever way the model was taught to, so that
scores compare with those of other programs. A model that spells keeps its characters, and the signature says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import takewhile
from typing import Any, NamedTuple

import numpy as np

import minicap
from minicap.data.tokenizers import Tokenizer, get_tokenizer
from minicap.metrics import (
    Idf,
    Statistics,
    bleu_statistics,
    corpus_cider,
    corpus_intervals,
    corpus_rouge,
    diversity,
    exact_matches,
    length_statistics,
    mean_statistics,
    signature,
    signature_text,
    warnings_for,
)
from minicap.metrics.idf import SCORED
from minicap.metrics.meteor import corpus_meteor, meteor_from_counts
from minicap.metrics.ptb import ptb_tokenize

PTB, SPACE = "ptb", "space"
END = "<end>"
FRAME = frozenset(("<pad>", "<start>", END))  # how minicap frames a caption
SPLITTERS = (PTB, "word", "char", SPACE)  # what captions may be split by
ALIKE = 20  # captions; where so many and all their references end in one word, it is a marker
SCORES = ("bleu_1", "bleu_2", "bleu_3", "bleu_4", "rouge_l", "meteor", "cider", "cider_plain", "exact_match")

Tokens = list[str]
_SPLITS: dict[str, Callable[[Sequence[str]], list[Tokens]]] = {
    PTB: ptb_tokenize,
    SPACE: lambda captions: [caption.split() for caption in captions],
}


class Split(NamedTuple):
    """Captions (N) and their references as tokens, and what split them."""

    tokenizer: str
    hypotheses: list[Tokens]
    references: list[list[Tokens]]


class Scored(NamedTuple):
    """Scores by name, what they are computed of, image by image, and why one is missing."""

    scores: dict[str, float]
    statistics: dict[str, Statistics]
    notes: list[str]


def scorer_of(tokenizer: Tokenizer) -> str:
    """Return what splits the captions of a model for scoring: the standard's for words, else the model's own.

    Parameters
    ----------
    tokenizer : Tokenizer
        Of the model.

    Returns
    -------
    str
    """
    return PTB if tokenizer.name == "word" else tokenizer.name


def split_captions(tokenizer: str, captions: Sequence[str]) -> list[Tokens]:
    """Split captions into tokens.

    Parameters
    ----------
    tokenizer : str
        One of ``SPLITTERS``.
    captions : sequence of str

    Returns
    -------
    list of token lists
        Without the markers that frame a caption, and without what follows its end.
    """
    if tokenizer in _SPLITS:
        return [_unframed(tokens) for tokens in _SPLITS[tokenizer](captions)]
    split = get_tokenizer(tokenizer).split
    return [split(caption) for caption in captions]


def split_groups(tokenizer: str, groups: Sequence[Sequence[str]]) -> list[list[Tokens]]:
    """Split groups of captions, as of one picture each, in one go, as the standard code does it.

    Parameters
    ----------
    tokenizer : str
        One of ``SPLITTERS``.
    groups : sequence of sequences of str

    Returns
    -------
    list of lists of token lists
    """
    tokens = iter(split_captions(tokenizer, [text for texts in groups for text in texts]))
    return [[next(tokens) for _ in texts] for texts in groups]


def split_pairs(tokenizer: str, captions: Sequence[str], references: Sequence[Sequence[str]]) -> Split:
    """Split captions and references.

    Parameters
    ----------
    tokenizer : str
        One of ``SPLITTERS``.
    captions : sequence of N str
    references : sequence of N sequences of str

    Returns
    -------
    Split
    """
    return Split(tokenizer, split_captions(tokenizer, captions), split_groups(tokenizer, references))


def score(
    split: Split,
    *,
    idf: Idf | None = None,
    ids: Sequence[Any] | None = None,
    names: Sequence[str] = SCORES,
) -> Scored:
    """Compute the metrics of captions.

    Parameters
    ----------
    split : Split
    idf : Idf, optional
        CIDEr's document frequencies; without it those of the references.
    ids : sequence, optional
        What a message calls the images.
    names : sequence of str
        The metrics wanted, of ``SCORES``.

    Returns
    -------
    Scored
        METEOR, which stems words, is absent for characters, and where a caption is too long for it.

    Raises
    ------
    ValueError
        If captions and references do not pair up.
    """
    pair, notes = (split.hypotheses, split.references), []
    found: dict[str, tuple[float | None, Statistics]] = {}
    if "rouge_l" in names:  # it comes first, and names the image where something is wrong
        rouge = corpus_rouge(*pair, ids=ids)
        found["rouge_l"] = rouge.rouge_l, mean_statistics(rouge.per_image)
    if any(name.startswith("bleu") for name in names):
        found |= {name: (None, statistics) for name, statistics in bleu_statistics(*pair).items()}
    if not {"cider", "cider_plain"}.isdisjoint(names):
        cider = corpus_cider(*pair, idf=idf)
        found["cider"] = cider.cider, mean_statistics(cider.per_image)
        found["cider_plain"] = cider.plain, mean_statistics(cider.plain_per_image)
    if "meteor" in names and split.tokenizer != "char":
        try:
            meteor = corpus_meteor(*pair, ids=ids)
            counts = meteor.counts.astype(np.float64)
            found["meteor"] = meteor.meteor, Statistics(counts, meteor_from_counts)
        except ValueError as error:
            notes.append(f"METEOR was left out: {str(error).removeprefix('corpus_meteor: ')}.")
    if "exact_match" in names:
        found["exact_match"] = None, mean_statistics(exact_matches(*pair))
    kept = {name: found[name] for name in SCORES if name in names and name in found}
    return Scored(
        {name: total(s) if value is None else value for name, (value, s) in kept.items()},
        {name: s for name, (_, s) in kept.items()},
        notes,
    )


def total(statistics: Statistics) -> float:
    """Return a metric of all the images.

    Parameters
    ----------
    statistics : Statistics

    Returns
    -------
    float
    """
    return float(statistics.score(statistics.rows.sum(axis=0)))


def about(
    split: Split,
    scored: Scored,
    *,
    idf: Idf | None = None,
    train: Sequence[Tokens] | None = None,
    vocabulary: Sequence[str] | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """Return what stands beside the scores: how sure they are, what they mean little for, how they were computed.

    Parameters
    ----------
    split : Split
    scored : Scored
    idf : Idf, optional
        As for ``score``.
    train : sequence of token lists, optional
        The captions that the model learnt from.
    vocabulary : sequence of str, optional
        The words that the model can say.
    seed : int
        Draws the samples of the intervals.

    Returns
    -------
    dict
        ``intervals`` (95 %), ``diversity``, ``lengths``, ``warnings``, ``n_images``, ``signature``, and
        ``signatures``, a line for each score.
    """
    hypotheses, references = split.hypotheses, split.references
    source, marker = SCORED if idf is None else idf.source, shared_ending(split)
    said: dict[str, Any] = {
        "version": minicap.__version__, "idf": source,
        "end_marker": "excluded" if marker is None else f"counted ({marker})",
    }  # fmt: skip
    names = [name for name in SCORES if name in scored.scores]
    return {
        "intervals": {
            name: list(ends) for name, ends in corpus_intervals(scored.statistics, seed=seed).items()
        },
        "diversity": diversity(hypotheses, train_captions=train, vocabulary=vocabulary).as_dict(),
        "lengths": length_statistics(hypotheses, references)._asdict(),
        "warnings": _warnings(split, scored, source, marker),
        "n_images": len(hypotheses),
        "signature": signature(split.tokenizer, references, **said),
        "signatures": {
            name: signature_text(signature(split.tokenizer, references, metric=name, **said))
            for name in names
        },
    }


def shared_ending(split: Split) -> str | None:
    """Return the word that every caption and every reference ends in: an end marker that somebody forgot.

    Parameters
    ----------
    split : Split

    Returns
    -------
    str or None
        None where there is none, or there are few captions.
    """
    captions = [*split.hypotheses, *(r for several in split.references for r in several)]
    if split.tokenizer == "char" or len(split.hypotheses) < ALIKE or not all(captions):
        return None
    endings = Counter(caption[-1] for caption in captions)
    return next(iter(endings)) if len(endings) == 1 else None


def _warnings(split: Split, scored: Scored, source: str, marker: str | None) -> list[str]:
    """Return where the scores mean little, in plain sentences."""
    count = sum(len(several) for several in split.references)
    said = warnings_for(len(split.hypotheses), scored.scores, idf=source, n_references=count)
    if marker is not None:
        said.append(
            f"Every caption and every reference ends in {marker!r}: an end marker that is counted as a word lifts "
            f"every score. Cut it off with --end-marker {marker}."
        )
    empty = sum(not hypothesis for hypothesis in split.hypotheses)
    if empty:
        said.append(f"{empty} of {len(split.hypotheses)} captions have no words.")
    if split.tokenizer == "char":
        said.append(
            "These are scores of characters, not of words: compare them with scores of characters only."
        )
    return said + scored.notes


def _unframed(tokens: Tokens) -> Tokens:
    """Return the tokens between the markers that frame a caption, which are never words."""
    if FRAME.isdisjoint(tokens):
        return tokens
    return [token for token in takewhile(lambda token: token != END, tokens) if token not in FRAME]


def truth_statistics(judgements: Sequence[tuple[bool, bool, bool]]) -> dict[str, Statistics]:
    """Return the shares of captions that are true, as ``truth`` and ``truth_loose``.

    Parameters
    ----------
    judgements : sequence of (grammatical, true, complete)

    Returns
    -------
    dict of Statistics
    """
    strict = [all(judgement) for judgement in judgements]
    loose = [grammatical and true for grammatical, true, _ in judgements]
    return {"truth": mean_statistics(strict), "truth_loose": mean_statistics(loose)}
