"""Captions by those who never looked, by pictures that look alike, and by people: what to hold a score against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from minicap._types import Array
from minicap.data.dataset import CaptionData
from minicap.data.tokenizers import Tokenizer
from minicap.metrics import (
    HUMAN_NOTE,
    Idf,
    best_constant_caption,
    consensus_caption,
    human_against_others,
    nearest_caption,
    random_caption,
    truth_scores,
)
from minicap.training.judging import SCORES, Split, Tokens, score, scorer_of, split_groups

NEIGHBOURS = 10  # training pictures whose captions agree on one


@dataclass(frozen=True)
class Bench:
    """The pictures that everybody is judged on, their references split once.

    Attributes
    ----------
    tokenizer : str
        What split the references, and splits captions.
    data : CaptionData
    references : list of lists of token lists
    idf : Idf or None
    """

    tokenizer: str
    data: CaptionData
    references: list[list[Tokens]]
    idf: Idf | None = None

    @classmethod
    def of(cls, data: CaptionData, tokenizer: Tokenizer, idf: Idf | None = None) -> Bench:
        """Split the references of pictures as the captions of a model with this tokenizer are split."""
        name = scorer_of(tokenizer)
        return cls(name, data, split_groups(name, data.captions), idf)

    def join(self, tokens: Sequence[str]) -> str:
        """Return tokens as text."""
        return ("" if self.tokenizer == "char" else " ").join(tokens)

    def judge(self, captions: Sequence[Sequence[str]], names: Sequence[str] = SCORES) -> dict[str, Any]:
        """Return the scores of captions (N), lists of tokens, and of scenes how many are true."""
        split = Split(self.tokenizer, [list(caption) for caption in captions], self.references)
        texts = [self.join(caption) for caption in captions]
        return score(split, idf=self.idf, names=names).scores | judge_truth(texts, self.data)


def judge_truth(captions: Sequence[str], data: CaptionData) -> dict[str, Any]:
    """Return how many captions are true, of scenes; nothing of other pictures.

    Parameters
    ----------
    captions : sequence of N str
    data : CaptionData
        With N pictures.

    Returns
    -------
    dict
        As ``minicap.metrics.truth_scores``.
    """
    if data.scenes is None:
        return {}
    return truth_scores(judgements(captions, data), [len(scene.objects) for scene in data.scenes])


def judgements(captions: Sequence[str], data: CaptionData) -> list[tuple[bool, bool, bool]]:
    """Return of each caption whether it is grammatical, true and complete; empty where the scenes are not known.

    Parameters
    ----------
    captions : sequence of N str
    data : CaptionData

    Returns
    -------
    list of (bool, bool, bool)
    """
    if data.scenes is None:
        return []
    from minicap.data.scenes import judge

    return [judge(text, scene) for text, scene in zip(captions, data.scenes, strict=True)]


def baselines(
    data: CaptionData, train: CaptionData, tokenizer: Tokenizer, *, idf: Idf | None = None, seed: int = 0
) -> dict[str, Any]:
    """Judge captions by somebody who never looked.

    Parameters
    ----------
    data : CaptionData
        The split that is judged on.
    train : CaptionData
        Where the captions come from.
    tokenizer : Tokenizer
        Of the model that they stand beside.
    idf : Idf, optional
        CIDEr's document frequencies.
    seed : int

    Returns
    -------
    dict
        ``random_caption``: a training caption drawn for each picture; ``constant_caption``: the one that does
        best on the training pictures in BLEU-4, with its text.
    """
    bench = Bench.of(data, tokenizer, idf)
    known = split_groups(bench.tokenizer, train.captions)
    pool = [caption for several in known for caption in several]
    constant = best_constant_caption(pool, known, seed=seed)
    return {
        "random_caption": bench.judge(random_caption(pool, len(data), seed)),
        "constant_caption": {"caption": bench.join(constant), **bench.judge([constant] * len(data))},
    }


def lookalikes(
    data: CaptionData,
    train: CaptionData,
    tokenizer: Tokenizer,
    features: Array,
    train_features: Array,
    *,
    k: int = NEIGHBOURS,
    idf: Idf | None = None,
) -> dict[str, Any]:
    """Judge the captions of training pictures that look alike.

    Parameters
    ----------
    data, train : CaptionData
    tokenizer : Tokenizer
    features, train_features : Array, (N, E) and (M, E), or with places (N, L, E), whose mean is taken
        What an encoder sees.
    k : int
        How many pictures are to agree.
    idf : Idf, optional

    Returns
    -------
    dict
        ``nearest_caption``: the first caption of the nearest picture; ``consensus_caption``: of all captions of
        the ``k`` nearest the one most like the others in CIDEr-D, with ``k``.
    """
    bench = Bench.of(data, tokenizer, idf)
    known = split_groups(bench.tokenizer, train.captions)
    seen, kept = (f.mean(axis=1) if f.ndim == 3 else f for f in (features, train_features))
    return {
        "nearest_caption": bench.judge(nearest_caption(seen, kept, known)),
        "consensus_caption": {"k": k, **bench.judge(consensus_caption(seen, kept, known, k=k))},
    }


def people(data: CaptionData, tokenizer: Tokenizer, *, idf: Idf | None = None) -> dict[str, Any]:
    """Judge each person who described the pictures by what the others said.

    Parameters
    ----------
    data : CaptionData
    tokenizer : Tokenizer
    idf : Idf, optional

    Returns
    -------
    dict
        ``human``, with a ``note`` on why it does not compare strictly; empty where a picture has one caption only.
    """
    if min(len(texts) for texts in data.captions) < 2:
        return {}
    bench = Bench.of(data, tokenizer, idf)

    def scores(hypotheses: Sequence[Sequence[str]], references: Sequence[Sequence[Sequence[str]]]) -> Any:
        split = Split(bench.tokenizer, list(map(list, hypotheses)), [list(map(list, r)) for r in references])
        return score(split, idf=idf).scores

    return {"human": {"note": HUMAN_NOTE, **human_against_others(bench.references, scores)}}
