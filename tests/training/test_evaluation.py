"""Evaluation: the keys of the contract, and figures that can be worked out in another way."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from minicap.data import eval_batches
from minicap.data.tokenizers import get_tokenizer
from minicap.metrics import best_constant_caption
from minicap.models import Captioner
from minicap.training import Splits, evaluate, judge_captions
from minicap.training.evaluation import likelihood_scores, nats_per_image, validation_scores

ALWAYS = {
    "bleu_1", "bleu_2", "bleu_3", "bleu_4", "cider", "exact_match", "perplexity", "split", "n_images", "signature",
}  # fmt: skip
GAP = {"image_gap", "image_gap_interval"}
TRUTH = {"truth", "truth_by_count", "truth_loose"}
WORD = get_tokenizer("word")


def test_the_keys_of_built_in_scenes(model: Captioner, splits: Splits):
    metrics = evaluate(model, splits.val, train=splits.train).metrics
    assert metrics.keys() == ALWAYS | GAP | TRUTH | {"baselines"}
    assert (metrics["split"], metrics["n_images"]) == ("val", 4)
    assert set(metrics["truth_by_count"]) <= {"1", "2", "3"}


def test_truth_is_known_of_scenes_only(model: Captioner, splits: Splits):
    assert evaluate(model, replace(splits.val, scenes=None)).metrics.keys() == ALWAYS | GAP


def test_one_picture_cannot_be_exchanged(model: Captioner, splits: Splits):
    assert evaluate(model, splits.val.subset([0])).metrics.keys() == ALWAYS | TRUTH


def test_metrics_are_json_and_repeatable(model: Captioner, splits: Splits):
    metrics = evaluate(model, splits.val, train=splits.train).metrics
    assert json.loads(json.dumps(metrics, allow_nan=False)) == metrics
    assert evaluate(model, splits.val, train=splits.train).metrics == metrics


def test_the_signature_says_how_it_was_measured(model: Captioner, splits: Splits):
    signature = evaluate(model, splits.val).metrics["signature"]
    assert {"tokenizer", "smoothing", "version"} <= signature.keys()
    assert (signature["n_images"], signature["n_references"]) == (4, 20)


def test_the_captions_are_those_the_model_gives(model: Captioner, splits: Splits):
    assert evaluate(model, splits.val).captions == model.caption(splits.val.images)


def test_perplexity_is_the_exponential_of_the_loss(model: Captioner, splits: Splits):
    batch = eval_batches(splits.val, model.vocabulary, model.preprocessing, 4)[0]
    loss, _ = model.loss(batch)
    assert evaluate(model, splits.val).metrics["perplexity"] == pytest.approx(np.exp(loss), rel=1e-5)
    assert validation_scores(model, splits.val)["val_loss"] == pytest.approx(float(loss), rel=1e-5)


def test_nats_are_those_of_log_prob(model: Captioner, splits: Splits):
    data = splits.val.subset([0, 1])
    nats, words = nats_per_image(model, model.features(data.images), data.captions)
    for i in (0, 1):
        alone = model.log_prob([data.images[i]] * 5, data.captions[i])
        assert nats[i] == pytest.approx(-alone.sum(), rel=1e-5)
        assert words[i] == sum(len(WORD.split(text)) + 1 for text in data.captions[i])


def test_a_model_that_sees_nothing_has_no_image_gap(model: Captioner, splits: Splits):
    blind = Captioner(model.vocabulary, **{**model.config, "blind": True})
    metrics = evaluate(blind, splits.val).metrics
    assert metrics["image_gap"] == 0.0
    assert metrics["image_gap_interval"] == [0.0, 0.0]


def test_a_model_that_sees_has_an_image_gap(model: Captioner, splits: Splits):
    assert evaluate(model, splits.val).metrics["image_gap"] != 0.0


def test_every_picture_is_exchanged_for_another(model: Captioner, splits: Splits, monkeypatch):
    orders = []

    def noted(model, features, captions):
        orders.append(features.ravel().tolist())
        return np.ones(len(features)), np.ones(len(features), int)

    monkeypatch.setattr("minicap.training.evaluation.nats_per_image", noted)
    for n in (2, 3, 5):
        for seed in range(5):
            orders.clear()
            likelihood_scores(model, np.arange(n, dtype=float)[:, None], [["a"]] * n, seed=seed)
            right, wrong = orders
            assert sorted(wrong) == right
            assert all(a != b for a, b in zip(right, wrong, strict=True))


def test_true_captions_are_judged_true(splits: Splits):
    scores = judge_captions([texts[0] for texts in splits.val.captions], splits.val, WORD)
    assert {scores[name] for name in ("truth", "truth_loose", "exact_match")} == {1.0}
    assert scores["bleu_4"] == pytest.approx(1.0)
    assert set(scores["truth_by_count"].values()) == {1.0}


def test_nonsense_is_judged_false(splits: Splits):
    scores = judge_captions(["colourless green ideas sleep"] * 4, splits.val, WORD)
    assert {scores[name] for name in ("truth", "truth_loose", "exact_match")} == {0.0}


def test_baselines_come_from_training_captions_alone(model: Captioner, splits: Splits):
    baselines = evaluate(model, splits.val, train=splits.train).metrics["baselines"]
    assert set(baselines) == {"random_caption", "constant_caption"}
    for scores in baselines.values():
        assert scores.keys() >= {"bleu_1", "bleu_4", "exact_match", *TRUTH}
    assert baselines["constant_caption"]["caption"] in splits.train.all_captions()


def test_the_constant_baseline_is_judged_like_any_captions(model: Captioner, splits: Splits):
    found = evaluate(model, splits.val, train=splits.train).metrics["baselines"]["constant_caption"]
    references = [[WORD.split(text) for text in texts] for texts in splits.train.captions]
    best = WORD.join(best_constant_caption([t for texts in references for t in texts], references, seed=0))
    assert found == {"caption": best, **judge_captions([best] * 4, splits.val, WORD)}


def test_another_seed_draws_other_random_captions(model: Captioner, splits: Splits):
    found = [
        evaluate(model, splits.val, train=splits.train, seed=s).metrics["baselines"]["random_caption"]
        for s in (0, 1)
    ]
    assert found[0] != found[1]
