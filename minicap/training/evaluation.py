"""How good a captioner is: free-running captions of pictures it never saw, beside baselines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from minicap._types import Array
from minicap.data.dataset import CaptionData
from minicap.data.tokenizers import Tokenizer
from minicap.metrics import Idf, Statistics, image_gap, perplexity, retrieval
from minicap.models import Caption, Captioner
from minicap.training.judging import (
    SCORES,
    Scored,
    about,
    score,
    scorer_of,
    split_captions,
    split_groups,
    split_pairs,
    truth_statistics,
)
from minicap.training.judging_baselines import (
    NEIGHBOURS,
    baselines,
    judge_truth,
    judgements,
    lookalikes,
    people,
)
from minicap.training.seeds import seed_for


class Evaluation(NamedTuple):
    """The metrics as ``metrics.json`` holds them, and the captions they judge."""

    metrics: dict[str, Any]
    captions: list[Caption]


class Measured(NamedTuple):
    """An evaluation, with what its scores are computed of, so that two can be compared."""

    metrics: dict[str, Any]
    captions: list[Caption]
    statistics: dict[str, Statistics]


class Likelihood(NamedTuple):
    """What ``likelihood_scores`` returns, and what it is computed of."""

    scores: dict[str, Any]
    statistics: dict[str, Statistics]


def evaluate(
    model: Captioner,
    data: CaptionData,
    *,
    train: CaptionData | None = None,
    seed: int = 0,
    batch_size: int = 64,
) -> Evaluation:
    """Caption every picture and judge the captions.

    Parameters
    ----------
    model : Captioner
    data : CaptionData
        The split to judge on.
    train : CaptionData, optional
        What the model learnt from: the baselines come from its captions. Without it there are none.
    seed : int
        Decides the shuffle of ``image_gap``, the intervals, and the random baseline.
    batch_size : int

    Returns
    -------
    Evaluation
        Keys as in the contract: ``bleu_1`` to ``bleu_4``, ``rouge_l``, ``meteor``, ``cider`` (CIDEr-D),
        ``cider_plain``, ``exact_match``, ``perplexity``, ``image_gap`` with ``image_gap_interval``, for scenes
        ``truth``, ``truth_by_count``, ``truth_loose``; ``intervals``, ``diversity``, ``lengths``, ``warnings``;
        ``split``, ``n_images``, ``signature``, ``signatures``, ``baselines``.
    """
    metrics, captions, _ = measure(model, data, train=train, seed=seed, batch_size=batch_size)
    return Evaluation(metrics, captions)


def measure(
    model: Captioner,
    data: CaptionData,
    *,
    train: CaptionData | None = None,
    seed: int = 0,
    batch_size: int = 64,
    idf: Idf | None = None,
    every_baseline: bool = False,
    k: int = NEIGHBOURS,
    ranked: int = 0,
) -> Measured:
    """Do what ``evaluate`` does, with what takes longer where it is asked for.

    Parameters
    ----------
    model, data, train, seed, batch_size
        As for ``evaluate``.
    idf : Idf, optional
        CIDEr's document frequencies; without it those of the references scored.
    every_baseline : bool
        Also borrow the captions of training pictures that look alike, and let people judge people.
    k : int
        How many pictures that look alike are to agree on a caption.
    ranked : int
        Among how many pictures to look for the one that a caption is about, and the reverse; 0 for no
        ``retrieval``. Time grows with the square.

    Returns
    -------
    Measured
    """
    tokenizer = model.vocabulary.tokenizer
    features = model.features(data.pixels(model.preprocessing), batch_size=batch_size)
    captions = model.caption_features(features, batch_size=batch_size)
    split = split_pairs(scorer_of(tokenizer), captions, data.captions)
    likely, truths = likelihood(model, features, data.captions, seed=seed), judgements(captions, data)
    scores, statistics, notes = score(split, idf=idf, ids=data.names)
    statistics |= (truth_statistics(truths) if truths else {}) | likely.statistics
    metrics = scores | judge_truth(captions, data) | likely.scores
    learnt = None if train is None else [text for texts in train.captions for text in texts]
    metrics |= about(
        split, Scored(metrics, statistics, notes), idf=idf, seed=seed,
        train=None if learnt is None else split_captions(split.tokenizer, learnt),
        vocabulary=_words(model, split.tokenizer),
    )  # fmt: skip
    if ranked:
        metrics["retrieval"] = rank(model, features[:ranked], data.captions[:ranked])
    if train is not None:
        metrics["baselines"] = baselines(data, train, tokenizer, idf=idf, seed=seed)
    if every_baseline:
        metrics["baselines"] = (
            metrics.get("baselines", {})
            | (_lookalikes(model, data, train, features, k=k, idf=idf) if train is not None else {})
            | people(data, tokenizer, idf=idf)
        )
    return Measured(metrics | {"split": data.split}, captions, statistics)


def judge_captions(
    captions: Sequence[str],
    data: CaptionData,
    tokenizer: Tokenizer,
    *,
    idf: Idf | None = None,
    names: Sequence[str] = SCORES,
) -> dict[str, Any]:
    """Return the scores of captions (N), whoever wrote them, and of scenes how many are true.

    Parameters
    ----------
    captions : sequence of N str
    data : CaptionData
        With N pictures.
    tokenizer : Tokenizer
        Of the model: captions of words are split as the standard evaluation code does it, others as the model.
    idf : Idf, optional
        CIDEr's document frequencies.
    names : sequence of str
        The scores wanted.

    Returns
    -------
    dict
    """
    split = split_pairs(scorer_of(tokenizer), captions, data.captions)
    return score(split, idf=idf, names=names).scores | judge_truth(captions, data)


def likelihood_scores(
    model: Captioner, features: Array, captions: Sequence[Sequence[str]], *, seed: int = 0
) -> dict[str, Any]:
    """Return perplexity of the references, and what the right picture is worth.

    Parameters
    ----------
    model : Captioner
    features : Array, (N, E)
    captions : sequence of N sequences of str
        References of each picture.
    seed : int
        Decides which picture stands in for which.

    Returns
    -------
    dict
        ``perplexity``; ``image_gap`` in nats a word and ``image_gap_interval`` where there are two pictures or
        more: the loss with every picture exchanged for another, minus the true loss.
    """
    return likelihood(model, features, captions, seed=seed).scores


def likelihood(
    model: Captioner, features: Array, captions: Sequence[Sequence[str]], *, seed: int = 0
) -> Likelihood:
    """Return ``likelihood_scores`` with what they are computed of.

    Parameters
    ----------
    model, features, captions, seed
        As for ``likelihood_scores``.

    Returns
    -------
    Likelihood
    """
    right, words = nats_per_image(model, features, captions)
    scores: dict[str, Any] = {"perplexity": perplexity(float(right.sum()), int(words.sum()))}
    statistics = {"perplexity": Statistics(np.stack([right, words], axis=1), _perplexity)}
    if len(features) > 1:
        order = np.random.default_rng(seed_for(seed, "evaluation")).permutation(len(features))
        others = np.empty_like(order)
        others[order] = np.roll(order, 1)  # one cycle through all: nobody keeps the own picture
        wrong, _ = nats_per_image(model, features[others], captions)
        gap = image_gap(right, wrong, words, seed=seed)
        scores |= {"image_gap": gap.gap, "image_gap_interval": [gap.low, gap.high]}
        statistics["image_gap"] = Statistics(np.stack([wrong - right, words], axis=1), _ratio)
    return Likelihood(scores, statistics)


def nats_per_image(
    model: Captioner, features: Array, captions: Sequence[Sequence[str]]
) -> tuple[Array, Array]:
    """Return the negative log-probability of each picture's captions together, and their words.

    Parameters
    ----------
    model : Captioner
    features : Array, (N, E)
    captions : sequence of N sequences of str

    Returns
    -------
    nats, words : Array, (N,)
        The end marker counts as a word.
    """
    owner = np.repeat(np.arange(len(captions)), [len(texts) for texts in captions])
    texts = [text for several in captions for text in several]
    found = list(model.score(features[owner], texts, batch_size=256))
    nats = np.bincount(owner, [-h.log_prob for h in found], len(captions))
    words = np.bincount(owner, [len(h.tokens) for h in found], len(captions))
    return nats, words


def rank(model: Captioner, features: Array, captions: Sequence[Sequence[str]]) -> dict[str, Any]:
    """Return how well the model tells which caption is of which picture, by its probability.

    Parameters
    ----------
    model : Captioner
    features : Array, (N, E)
    captions : sequence of N sequences of str
        The first of each is looked for.

    Returns
    -------
    dict
        ``n_images``, ``image_to_text`` and ``text_to_image``, each with recall and median rank.
    """
    fits = model.match(features, [texts[0] for texts in captions])
    return {"n_images": len(features), **retrieval(fits).as_dict()}


def validation_scores(model: Captioner, data: CaptionData, *, seed: int = 0) -> dict[str, float]:
    """Return what an epoch is judged by: free-running captions, and the loss.

    Parameters
    ----------
    model : Captioner
    data : CaptionData
    seed : int

    Returns
    -------
    dict
        ``val_loss`` in nats a word, ``bleu_4``, ``cider``, and for scenes ``truth``.
    """
    features = model.features(data.pixels(model.preprocessing))
    said = model.caption_features(features)
    judged = judge_captions(said, data, model.vocabulary.tokenizer, names=("bleu_4", "cider"))
    nats, words = nats_per_image(model, features, data.captions)
    kept: dict[str, float] = {name: judged[name] for name in ("bleu_4", "cider", "truth") if name in judged}
    return {"val_loss": float(nats.sum() / words.sum())} | kept


def _words(model: Captioner, tokenizer: str) -> list[str]:
    """Return the words that a model can say, as they are counted in its captions."""
    known = [model.vocabulary.decode([i]) for i in range(len(model.vocabulary))]
    return list(
        dict.fromkeys(t for several in split_groups(tokenizer, [known]) for ts in several for t in ts)
    )


def _lookalikes(
    model: Captioner, data: CaptionData, train: CaptionData, features: Array, *, k: int, idf: Idf | None
) -> dict[str, Any]:
    """Judge captions of training pictures that look alike to the model's own encoder."""
    train = train.usable(model.preprocessing)
    seen = model.features(train.pixels(model.preprocessing))
    return lookalikes(data, train, model.vocabulary.tokenizer, features, seen, k=k, idf=idf)


def _perplexity(sums: Array) -> Array:
    """Return perplexity of sums of nats and words."""
    return np.exp(_ratio(sums))


def _ratio(sums: Array) -> Array:
    """Return the first sum over the second."""
    return sums[..., 0] / sums[..., 1]
