"""The figures that classifiers and taggers are judged by, worked out by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from minicap.data.collate import ClassBatch, TagBatch
from minicap.data.labels import Labels
from minicap.models import Classifier, Tagger
from minicap.models.tag_heads import Findings
from minicap.training import Splits, TrainConfig
from minicap.training.classifying import Classifying
from minicap.training.tagging import Tagging, most_frequent, scores

Make = Callable[..., TrainConfig]


# The loss


def test_the_first_loss_of_a_classifier_is_about_ln_k(small: Make, classes: Splits):
    labels = Labels.of_classes(classes.train.labels)
    found = Classifying().validate(Classifier(labels, **small("classify").model_options()), classes.val)
    assert found["val_loss"] == pytest.approx(np.log(3), abs=0.3)


@pytest.mark.parametrize("head", [None, "spatial", "dense", "sequence"])
def test_the_validation_loss_is_that_of_all_pictures_as_one_batch(head, class_data, tag_data):
    options = {"encoder": "2,M,3", "image_size": 8, "hidden": "4", "dtype": "float64"}
    if head is None:
        data = class_data(*"abc" * 24)  # 72 pictures: more than are computed at once
        model, task = Classifier(list("abc"), **options), Classifying()
        target = model.vocabulary.numbers(data.labels)
    else:
        data = tag_data("abc", *["a"] * 34, *["bc"] * 30, *[""] * 7)
        model = Tagger(list("abc"), head=head, embed_size=3, hidden_size=4, dropout=0.9, **options)
        task, target = Tagging(), model.vocabulary.marked(data.tags).astype(float)
    images = model.preprocessing.tensor(np.ascontiguousarray(data.images), np.float64)
    batch = (ClassBatch if head is None else TagBatch)(images, target)
    loss, _ = model.loss(batch)
    assert task.validate(model, data)["val_loss"] == pytest.approx(float(loss), rel=1e-9)
    assert task.judge(model, data).metrics["loss"] == pytest.approx(float(loss), rel=1e-9)


# Classes, by hand


ROWS = np.array([[0.5, 0.3, 0.2], [0.25, 0.5, 0.25], [0.1, 0.8, 0.1], [0.6, 0.15, 0.25]], np.float32)


@pytest.fixture
def certain(monkeypatch) -> Classifier:
    """Return a classifier of a, b and c that says a, b, b, a of four pictures."""
    monkeypatch.setattr(Classifier, "probabilities", lambda self, images: ROWS[: len(images)])
    return Classifier(list("abc"), encoder="2,M", hidden="", image_size=8)


def test_metrics_of_classes_by_hand(certain: Classifier, class_data):
    metrics, records = Classifying().judge(certain, class_data(*"aabc"), train=class_data(*"bbac"))
    loss = metrics.pop("loss")
    assert metrics == {
        "accuracy": 0.5,
        "per_class": {"a": 0.5, "b": 1.0, "c": 0.0},
        "confusion": [[1, 1, 0], [0, 1, 0], [1, 0, 0]],  # a row for each true class
        "baselines": {"most_frequent_class": {"accuracy": 0.25}},
        "split": "val",
        "n_images": 4,
    }
    assert loss == pytest.approx(-np.log([0.5, 0.25, 0.8, 0.25]).mean(), rel=1e-6)
    assert [(r["caption"], r["references"], r["right"]) for r in records] == [
        ("a", ["a"], True), ("b", ["a"], False), ("b", ["b"], True), ("a", ["c"], False)
    ]  # fmt: skip
    assert records[1]["classes"] == [
        {"class": "b", "probability": 0.5}, {"class": "a", "probability": 0.25}, {"class": "c", "probability": 0.25}
    ]  # fmt: skip
    assert [r["log_prob"] for r in records] == pytest.approx(np.log([0.5, 0.5, 0.8, 0.6]), rel=1e-6)


def test_an_epoch_is_judged_by_the_same_figures(certain: Classifier, class_data):
    found = Classifying().validate(certain, class_data(*"aabc"))
    judged = Classifying().judge(certain, class_data(*"aabc")).metrics
    assert found == {"val_loss": judged["loss"], "accuracy": judged["accuracy"]}


def test_a_class_without_pictures_has_no_share(certain: Classifier, class_data):
    metrics = Classifying().judge(certain, class_data(*"aab")).metrics
    assert metrics["per_class"] == {"a": 0.5, "b": 1.0}
    assert metrics["confusion"] == [[1, 1, 0], [0, 1, 0], [0, 0, 0]]
    assert "baselines" not in metrics  # nobody said what is usual


def test_what_is_usual_may_be_a_class_that_the_model_does_not_know(certain: Classifier, class_data):
    metrics = Classifying().judge(certain, class_data(*"aab"), train=class_data(*"zzza")).metrics
    assert metrics["baselines"] == {"most_frequent_class": {"accuracy": 0.0}}


def test_of_very_many_classes_no_confusion_is_kept(certain: Classifier, monkeypatch, class_data):
    monkeypatch.setattr("minicap.training.classifying.MOST_CLASSES", 2)
    assert "confusion" not in Classifying().judge(certain, class_data(*"ab")).metrics


def test_what_is_held_impossible_has_a_finite_loss(monkeypatch, class_data):
    monkeypatch.setattr(Classifier, "probabilities", lambda self, images: np.array([[1.0, 0.0]], np.float32))
    model = Classifier(list("ab"), encoder="2,M", hidden="", image_size=8)
    assert 80 < Classifying().validate(model, class_data("b"))["val_loss"] < 90


# Tags, by hand


TRUTH = np.array([[1, 0], [1, 1], [0, 0]], bool)
FOUND = np.array([[0.9, 0.5], [0.3, 0.2], [0.6, 0.1]])


def test_scores_of_tags_by_hand():
    # Said are 3 pairs, 1 of them rightly; true are 3. Tag 1 ranks its pictures first and last of three: (1 + 2/3) / 2;
    # tag 2 ranks its one second of three.
    found = scores(FOUND, FOUND >= 0.5, TRUTH)
    assert found == pytest.approx(
        {"map": (5 / 6 + 1 / 2) / 2, "precision": 1 / 3, "recall": 1 / 3, "f1": 1 / 3, "recalled": 1 / 2}
    )


def test_where_nothing_is_to_be_found_there_is_no_score():
    assert scores(FOUND, FOUND >= 0.5, np.zeros_like(TRUTH)) == {}


@pytest.mark.parametrize(
    ("marks", "shares", "said"),
    [
        ([[1, 1, 0], [1, 0, 0], [1, 1, 1], [1, 0, 0]], [1, 0.5, 0.25], [True, True, False]),  # 1.75 a picture
        ([[0, 0, 1], [0, 0, 0], [0, 0, 0], [0, 0, 0]], [0, 0, 0.25], [False, False, True]),  # one at least
        ([[1, 0, 0], [0, 1, 0]], [0.5, 0.5, 0], [True, False, False]),  # of equals the first
    ],
)
def test_the_usual_tags_by_hand(marks, shares, said):
    found = most_frequent(np.array(marks, bool), 2)
    assert found[0].tolist() == [shares] * 2
    assert found[1].tolist() == [said] * 2


def tagger_that_finds(monkeypatch, *findings: Any) -> Tagger:
    """Return a tagger of a and b that finds what is given."""
    monkeypatch.setattr(Tagger, "find", lambda self, images, **_: Findings(*findings))
    return Tagger(list("ab"), encoder="2,M", image_size=8, batch_norm=False)


def test_metrics_of_tags_by_hand(monkeypatch, tag_data):
    model = tagger_that_finds(monkeypatch, FOUND)
    metrics, records = Tagging().judge(model, tag_data("a", "abz", ""), train=tag_data("ab", "a"))
    assert metrics.pop("loss") > 0
    usual = scores(np.array([[1, 0.5]] * 3), np.array([[True, True]] * 3), TRUTH)
    assert metrics == {
        **scores(FOUND, FOUND >= 0.5, TRUTH),  # 0.5 itself counts as said
        "macro_precision": 0.25,
        "macro_recall": 0.25,
        "macro_f1": 0.25,
        "per_tag": {"a": pytest.approx(5 / 6), "b": 0.5},
        "tag_scores": {
            "a": {"precision": 0.5, "recall": 0.5, "f1": 0.5, "support": 2},
            "b": {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 1},
        },
        "top_k": {
            "k": 5,  # which is both tags of every picture
            "precision": 0.5,
            "recall": 1.0,
            "f1": pytest.approx(2 / 3),
            "macro_precision": 0.5,
            "macro_recall": 1.0,
            "macro_f1": pytest.approx((0.8 + 0.5) / 2),
            "recalled": 1.0,
        },
        "baselines": {"most_frequent_tags": usual},
        "threshold": 0.5,
        "n_tags": 2,
        "split": "val",
        "n_images": 3,
    }
    assert usual["map"] == pytest.approx((2 / 3 + 1 / 3) / 2)
    assert records == [
        {
            "caption": "a, b",
            "references": ["a"],
            "tags": [
                {"tag": "a", "probability": 0.9, "right": True},
                {"tag": "b", "probability": 0.5, "right": False},
            ],
            "missed": [],
        },
        {
            "caption": "",
            "references": ["a, b, z"],
            "tags": [],
            "missed": [{"tag": "a", "probability": 0.3}, {"tag": "b", "probability": 0.2}, {"tag": "z"}],
        },
        {
            "caption": "a",
            "references": [],
            "tags": [{"tag": "a", "probability": 0.6, "right": False}],
            "missed": [],
        },
    ]


def test_records_have_the_places_that_the_tagger_names(monkeypatch, tag_data):
    places = np.array([[[1, 3], [0, 0]], [[2, 2], [3, 1]]])  # row and column of a map of 4 x 4, 2 pixels each
    model = tagger_that_finds(monkeypatch, FOUND[:2], None, places)
    first, _ = Tagging().judge(model, tag_data("a", "b")).records
    assert [tag["box"] for tag in first["tags"]] == [[6, 2, 2, 2], [0, 0, 2, 2]]
    assert [tag["box"] for tag in first["tags"]] == [list(tag.box) for tag in model.tag(None)[0]]


def test_who_decides_by_himself_needs_no_threshold(monkeypatch, tag_data):
    said = np.array([[False, True], [True, True], [False, False]])
    model = tagger_that_finds(monkeypatch, FOUND, said)
    metrics, records = Tagging().judge(model, tag_data("a", "ab", ""))
    assert "threshold" not in metrics
    assert (metrics["precision"], metrics["recall"]) == pytest.approx((2 / 3, 2 / 3))
    assert [record["caption"] for record in records] == ["b", "a, b", ""]


def test_threshold_and_number_of_tags_may_be_chosen(monkeypatch, tag_data):
    model = tagger_that_finds(monkeypatch, FOUND)
    metrics = Tagging().judge(model, tag_data("a", "ab", ""), threshold=0.25, k=1).metrics
    assert metrics["threshold"] == 0.25  # said are a, b; a; a
    assert (metrics["precision"], metrics["recall"]) == pytest.approx((2 / 4, 2 / 3))
    best = metrics["top_k"]  # a of every picture
    assert (best["k"], best["precision"], best["recall"], best["recalled"]) == pytest.approx(
        (1, 2 / 3, 2 / 3, 0.5)
    )


def test_of_tags_that_are_written_the_best_are_among_those_written(monkeypatch, tag_data):
    said = np.array([[False, True], [False, False], [False, False]])
    model = tagger_that_finds(monkeypatch, FOUND, said)
    best = Tagging().judge(model, tag_data("a", "ab", ""), k=2).metrics["top_k"]
    assert (best["precision"], best["recall"]) == (0.0, 0.0)


def test_tags_that_no_picture_has(monkeypatch, tag_data):
    model = tagger_that_finds(monkeypatch, FOUND)
    metrics = Tagging().judge(model, tag_data("z", "", ""), train=tag_data("a", "b")).metrics
    assert metrics.keys() == {"loss", "baselines", "threshold", "n_tags", "split", "n_images"}
    assert metrics["baselines"] == {"most_frequent_tags": {}}
    assert Tagging().validate(model, tag_data("z", "", ""))["map"] == 0.0
