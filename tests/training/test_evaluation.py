"""Evaluation: the keys of the contract, and figures that can be worked out in another way."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from minicap.data import Vocabulary, eval_batches
from minicap.data.tokenizers import get_tokenizer
from minicap.metrics import best_constant_caption
from minicap.models import Captioner
from minicap.training import Splits, evaluate, judge_captions
from minicap.training.evaluation import likelihood_scores, measure, nats_per_image, validation_scores

SCORES = {
    "bleu_1", "bleu_2", "bleu_3", "bleu_4", "rouge_l", "meteor", "cider", "cider_plain", "exact_match",
}  # fmt: skip
ABOUT = {"intervals", "diversity", "lengths", "warnings", "split", "n_images", "signature", "signatures"}
ALWAYS = SCORES | ABOUT | {"perplexity"}
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
    metrics = evaluate(model, splits.val).metrics
    signature = metrics["signature"]
    assert {"smoothing", "version"} <= signature.keys()
    assert (signature["tokenizer"], signature["n_images"], signature["n_references"]) == ("ptb", 4, 20)
    assert metrics["signatures"].keys() == SCORES
    assert metrics["signatures"]["cider"].startswith("metric:CIDEr-D, n 4, sigma 6|tokenizer:ptb|")


def test_every_score_has_an_interval_around_it(model: Captioner, splits: Splits):
    metrics = evaluate(model, splits.val).metrics
    assert metrics["intervals"].keys() == SCORES | {"perplexity", "image_gap", "truth", "truth_loose"}
    for name, (low, high) in metrics["intervals"].items():
        assert low <= metrics[name] <= high or name.startswith(("bleu", "meteor")), name
    assert metrics["intervals"]["perplexity"][0] < metrics["intervals"]["perplexity"][1]


def test_few_pictures_are_warned_of(model: Captioner, splits: Splits):
    (few, weights) = evaluate(model, splits.val).metrics["warnings"][:2]
    assert few.startswith("4 images: with fewer than 50")
    assert weights.startswith("CIDEr weighs words")


def test_a_model_that_spells_is_judged_by_characters_and_says_so(splits: Splits, tiny):
    vocabulary = Vocabulary.build(splits.train.all_captions(), tokenizer="char")
    metrics = evaluate(Captioner(vocabulary, **tiny().model_options()), splits.val).metrics
    assert metrics["signature"]["tokenizer"] == "char"
    assert "meteor" not in metrics  # it would stem letters
    assert any("characters, not of words" in text for text in metrics["warnings"])


def test_what_training_captions_the_model_repeats_is_counted(model: Captioner, splits: Splits, monkeypatch):
    said = [splits.train.captions[0][0], splits.train.captions[1][0], "red red red", "blue"]
    monkeypatch.setattr(Captioner, "caption_features", lambda *_, **__: said)
    found = evaluate(model, splits.val, train=splits.train).metrics["diversity"]
    assert found["copied"] == 0.5
    assert found["captions"] == 4
    assert 0 < found["vocabulary_share"] < 1
    assert "copied" not in evaluate(model, splits.val).metrics["diversity"]


def test_a_marker_in_a_reference_is_no_word(model: Captioner, splits: Splits):
    framed = tuple(tuple(f"<start> {text} <end>" for text in texts) for texts in splits.val.captions)
    plain = judge_captions(["a red circle"] * 4, splits.val, WORD)
    assert judge_captions(["a red circle <end> and"] * 4, replace(splits.val, captions=framed), WORD) == plain


def test_validation_asks_for_what_an_epoch_needs(model: Captioner, splits: Splits, monkeypatch):
    monkeypatch.setattr("minicap.training.judging.corpus_meteor", lambda *_, **__: pytest.fail("slow"))
    found = validation_scores(model, splits.val)
    assert list(found) == ["val_loss", "bleu_4", "cider", "truth"]
    monkeypatch.undo()
    metrics = evaluate(model, splits.val).metrics
    assert [found[name] for name in ("bleu_4", "cider", "truth")] == [
        metrics[name] for name in ("bleu_4", "cider", "truth")
    ]


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
        assert scores.keys() >= SCORES | TRUTH
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


def test_every_baseline_where_it_is_asked_for(model: Captioner, splits: Splits):
    found = measure(model, splits.val, train=splits.train, every_baseline=True, k=3).metrics["baselines"]
    assert list(found) == [
        "random_caption", "constant_caption", "nearest_caption", "consensus_caption", "human"
    ]  # fmt: skip
    assert found["nearest_caption"].keys() == SCORES | TRUTH
    assert found["consensus_caption"].keys() == SCORES | TRUTH | {"k"}
    assert "not strictly comparable" in found["human"]["note"]
    assert found["human"].keys() == SCORES | {"note"}


def test_who_looks_at_his_own_picture_finds_its_caption(model: Captioner, splits: Splits):
    found = measure(model, splits.val, train=splits.val, every_baseline=True, k=1).metrics["baselines"]
    assert found["nearest_caption"]["exact_match"] == found["nearest_caption"]["truth"] == 1.0
    assert found["consensus_caption"]["exact_match"] == 1.0


def test_without_training_pictures_only_people_remain(model: Captioner, splits: Splits):
    assert set(measure(model, splits.val, every_baseline=True).metrics["baselines"]) == {"human"}
    single = replace(splits.val, captions=tuple(texts[:1] for texts in splits.val.captions))
    assert measure(model, single, every_baseline=True).metrics["baselines"] == {}


def test_pictures_are_ranked_where_it_is_asked_for(model: Captioner, splits: Splits):
    found = measure(model, splits.val, ranked=3).metrics["retrieval"]
    assert found["n_images"] == 3
    fits = model.match(model.features(splits.val.images[:3]), [texts[0] for texts in splits.val.captions[:3]])
    assert found["text_to_image"]["recall_1"] == (fits.argmax(axis=0) == np.arange(3)).mean()
    assert found["image_to_text"]["recall_5"] == 1.0
