"""How good a captioner is: free-running captions of pictures it never saw, beside baselines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

import minicap
from minicap._types import Array
from minicap.data.dataset import CaptionData
from minicap.data.tokenizers import Tokenizer
from minicap.metrics import (
    best_constant_caption,
    corpus_bleu,
    corpus_cider,
    exact_match,
    image_gap,
    perplexity,
    random_caption,
    signature,
    truth_scores,
)
from minicap.models import Caption, Captioner
from minicap.training.seeds import seed_for


class Evaluation(NamedTuple):
    """The metrics as ``metrics.json`` holds them, and the captions they judge."""

    metrics: dict[str, Any]
    captions: list[Caption]


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
        Decides the shuffle of ``image_gap``, its interval, and the random baseline.
    batch_size : int

    Returns
    -------
    Evaluation
        Keys as in the contract: ``bleu_1`` to ``bleu_4``, ``cider``, ``exact_match``, ``perplexity``, ``image_gap``
        with ``image_gap_interval``, for scenes ``truth``, ``truth_by_count``, ``truth_loose``; ``split``,
        ``n_images``, ``signature``, ``baselines``.
    """
    features = model.features(data.pixels(model.preprocessing), batch_size=batch_size)
    captions = model.caption_features(features, batch_size=batch_size)
    metrics = judge_captions(captions, data, model.vocabulary.tokenizer)
    metrics |= likelihood_scores(model, features, data.captions, seed=seed)
    if train is not None:
        metrics["baselines"] = baselines(data, train, model.vocabulary.tokenizer, seed=seed)
    references = [[model.vocabulary.tokenizer.split(text) for text in texts] for texts in data.captions]
    metrics |= {
        "split": data.split,
        "n_images": len(data),
        "signature": signature(model.vocabulary.tokenizer.name, references, version=minicap.__version__),
    }
    return Evaluation(metrics, captions)


def judge_captions(captions: Sequence[str], data: CaptionData, tokenizer: Tokenizer) -> dict[str, Any]:
    """Return the metrics of captions (N), whoever wrote them: BLEU, exact match, and truth of scenes.

    Parameters
    ----------
    captions : sequence of N str
    data : CaptionData
        With N pictures.
    tokenizer : Tokenizer

    Returns
    -------
    dict
    """
    hypotheses = [tokenizer.split(text) for text in captions]
    references = [[tokenizer.split(text) for text in texts] for texts in data.captions]
    scores: dict[str, Any] = corpus_bleu(hypotheses, references).as_dict()
    scores["cider"] = corpus_cider(hypotheses, references).cider
    scores["exact_match"] = exact_match(hypotheses, references)
    if data.scenes is not None:
        from minicap.data.scenes import judge

        judgements = [judge(text, scene) for text, scene in zip(captions, data.scenes, strict=True)]
        scores |= truth_scores(judgements, [len(scene.objects) for scene in data.scenes])
    return scores


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
    right, words = nats_per_image(model, features, captions)
    scores: dict[str, Any] = {"perplexity": perplexity(float(right.sum()), int(words.sum()))}
    if len(features) > 1:
        order = np.random.default_rng(seed_for(seed, "evaluation")).permutation(len(features))
        others = np.empty_like(order)
        others[order] = np.roll(order, 1)  # one cycle through all: nobody keeps the own picture
        wrong, _ = nats_per_image(model, features[others], captions)
        gap = image_gap(right, wrong, words, seed=seed)
        scores |= {"image_gap": gap.gap, "image_gap_interval": [gap.low, gap.high]}
    return scores


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


def baselines(
    data: CaptionData, train: CaptionData, tokenizer: Tokenizer, *, seed: int = 0
) -> dict[str, Any]:
    """Judge captions by somebody who never looked.

    Parameters
    ----------
    data : CaptionData
        The split that is judged on.
    train : CaptionData
        Where the captions come from.
    tokenizer : Tokenizer
    seed : int

    Returns
    -------
    dict
        ``random_caption``: a training caption drawn for each picture; ``constant_caption``: the one that does
        best on the training pictures in BLEU-4, with its text.
    """
    pool = [tokenizer.split(text) for texts in train.captions for text in texts]
    references = [[tokenizer.split(text) for text in texts] for texts in train.captions]
    drawn = [tokenizer.join(tokens) for tokens in random_caption(pool, len(data), seed)]
    constant = tokenizer.join(best_constant_caption(pool, references, seed=seed))
    return {
        "random_caption": judge_captions(drawn, data, tokenizer),
        "constant_caption": {"caption": constant, **judge_captions([constant] * len(data), data, tokenizer)},
    }


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
    judged = judge_captions(model.caption_features(features), data, model.vocabulary.tokenizer)
    nats, words = nats_per_image(model, features, data.captions)
    kept: dict[str, float] = {name: judged[name] for name in ("bleu_4", "cider", "truth") if name in judged}
    return {"val_loss": float(nats.sum() / words.sum())} | kept
