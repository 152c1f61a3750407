"""The runs of classifiers and taggers: what they leave, and what is decided from the data."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from minicap.data.labels import Labels
from minicap.errors import InputError
from minicap.models import Captioner
from minicap.training import RunFolder, Splits, TrainConfig, Trainer, task_of, train_run
from minicap.training.classifying import Classifying
from minicap.training.session import TASKS, judge_run, task_name
from minicap.training.tagging import Tagging

Make = Callable[..., TrainConfig]
NewRun = Callable[[str], RunFolder]


@pytest.fixture(params=["classify", "tag"])
def task(request: pytest.FixtureRequest) -> str:
    """Return each task in turn."""
    return request.param


@pytest.fixture
def data(task: str, classes: Splits, tags: Splits) -> Splits:
    """Return the data of the task."""
    return classes if task == "classify" else tags


# What a run leaves


def test_a_run_leaves_everything_that_the_contract_names(task, data, small: Make, new_run: NewRun):
    run = new_run("run")
    model = train_run(small(task), run, data)
    names = {"config.toml", "checkpoint.npz", "best.npz", "vocabulary.json", "history.csv", "metrics.json"}
    assert {path.name for path in run.path.iterdir()} == names | {"samples.json", "samples"}
    assert TrainConfig.load(run.config) == small(task)
    assert Labels.load(run.vocabulary) == model.vocabulary
    loaded = type(model).load(run.path)
    assert all(np.array_equal(array, loaded.params[name]) for name, array in model.params.items())


def test_history_has_the_score_of_the_task(task, data, small: Make, new_run: NewRun):
    run = new_run("run")
    train_run(small(task), run, data)
    rows = run.read_history()
    score = {"classify": "accuracy", "tag": "map"}[task]
    assert [row["epoch"] for row in rows] == [1, 2]
    for row in rows:
        assert list(row) == ["epoch", "lr", "train_loss", "grad_norm", "val_loss", score, "seconds"]
        assert 0 <= row[score] <= 1


def test_metrics_have_the_keys_of_the_task(task, data, small: Make, new_run: NewRun):
    run = new_run("run")
    train_run(small(task), run, data)
    metrics = json.loads(run.metrics.read_text(encoding="utf-8"), parse_constant=pytest.fail)
    always = {"loss", "baselines", "split", "n_images"}
    if task == "classify":
        assert metrics.keys() == always | {"accuracy", "per_class", "confusion"}
        assert metrics["baselines"] == {"most_frequent_class": {"accuracy": 1 / 3}}
    else:
        found = {"map", "precision", "recall", "f1", "recalled"}
        details = {"macro_precision", "macro_recall", "macro_f1", "tag_scores", "top_k", "per_tag"}
        assert metrics.keys() == always | found | details | {"threshold", "n_tags"}
        assert metrics["baselines"].keys() == {"most_frequent_tags"}
        assert metrics["baselines"]["most_frequent_tags"].keys() == found
    assert (metrics["split"], metrics["n_images"]) == ("val", 6)


def test_samples_show_what_is_said_and_what_is_right(task, data, small: Make, new_run: NewRun):
    run = new_run("run")
    train_run(small(task), run, data)
    records = run.read_json(run.samples)
    assert [record["name"] for record in records] == list(data.val.names)
    truth = data.val.labels if task == "classify" else [", ".join(tags) for tags in data.val.tags]
    assert [record["references"] for record in records] == [[text] if text else [] for text in truth]
    for record in records:
        assert (run.path / record["image"]).read_bytes().startswith(b"\x89PNG")


def test_without_validation_pictures_nobody_judges(task, data, small: Make, new_run: NewRun):
    run = new_run("run")
    train_run(small(task), run, Splits(data.train, None))
    assert run.best.is_file()
    assert not run.metrics.exists()
    assert run.read_history()[0].keys() == {"epoch", "lr", "train_loss", "grad_norm", "seconds"}


def test_colours_are_learnt(task, data, small: Make, new_run: NewRun):
    run = new_run("run")
    train_run(small(task, epochs=12, lr=0.02), run, data)
    metrics = run.read_json(run.metrics)
    assert metrics[{"classify": "accuracy", "tag": "map"}[task]] == 1.0
    assert run.read_history()[-1]["train_loss"] < 0.5 * run.read_history()[0]["train_loss"]


@pytest.mark.parametrize("head", ["dense", "sequence"])
def test_the_other_heads_learn_them_too(tags: Splits, small: Make, new_run: NewRun, head: str):
    run = new_run("run")
    train_run(small("tag", head=head, hidden_size=16, epochs=20, lr=0.02), run, tags)
    metrics = run.read_json(run.metrics)
    assert (metrics["map"], metrics["recalled"]) == (1.0, 1.0)
    assert ("threshold" in metrics) == (head != "sequence")  # it decides by itself


def test_the_task_of_a_model(small: Make, model: Captioner, classes: Splits, tags: Splits):
    assert (task_name(model), task_of(model)) == ("caption", TASKS["caption"])
    for name, splits in (("classify", classes), ("tag", tags)):
        built = TASKS[name].build(small(name), TASKS[name].vocabulary(small(name), splits.train), None)
        assert (task_name(built), task_of(built)) == (name, TASKS[name])


# What is decided from the data


@pytest.fixture
def no_step(monkeypatch) -> None:
    """Forbid to train."""
    monkeypatch.setattr(Trainer, "fit", lambda trainer: pytest.fail("it trains"))


def test_names_are_those_of_the_training_pictures(small: Make, class_data, tag_data):
    found = Classifying().vocabulary(small("classify"), class_data("x10", "x9", "x10"))
    assert found.names == ("x9", "x10")
    tagged = tag_data("bc", "b", "ba", "cd")
    assert Tagging().vocabulary(small("tag"), tagged).names == ("b", "c", "a", "d")
    assert Tagging().vocabulary(small("tag", min_count=2), tagged).names == ("b", "c")


@pytest.mark.parametrize(
    ("train", "val", "options", "complaint"),
    [
        ("aabb", "abz", {}, "classes: 'z' is none of the 2 classes learnt"),
        ("aaaa", "aa", {}, "classes: the training pictures are of 1 class"),
        ("aabb", "ab", {"batch_size": 5}, "batch size 5 is larger than the 4 images of train"),
    ],
)
def test_classes_that_cannot_be_learnt_stop_it_at_once(
    small: Make, new_run: NewRun, class_data, no_step, train, val, options, complaint
):
    run, splits = new_run("run"), Splits(class_data(*train, split="train"), class_data(*val))
    with pytest.raises(InputError, match=complaint):
        train_run(small("classify", **{"batch_size": 2, **options}), run, splits)
    assert not run.checkpoint.exists()


def test_a_class_that_is_seldom_validated_stops_it_at_once_too(
    small: Make, new_run: NewRun, class_data, no_step
):
    splits = Splits(class_data(*"aabb", split="train"), class_data(*"aaaaaaaaz"))
    with pytest.raises(InputError, match="'z' is none of the 2 classes learnt"):
        train_run(small("classify", batch_size=2, val_images=1), new_run("run"), splits)


def test_tags_that_are_too_rare_stop_it_at_once(small: Make, new_run: NewRun, tag_data, no_step):
    splits = Splits(tag_data("ab", "a", "c", split="train"), tag_data("a"))
    with pytest.raises(InputError, match="use --min-count 2 or lower"):
        train_run(small("tag", min_count=3, batch_size=2), new_run("run"), splits)


def test_tags_that_were_not_learnt_are_passed_over(small: Make, new_run: NewRun, tag_data):
    run, splits = new_run("run"), Splits(tag_data("ab", "a", "", split="train"), tag_data("z", "az"))
    train_run(small("tag", batch_size=2, batch_norm=False), run, splits)
    assert run.read_json(run.metrics)["per_tag"].keys() == {"a"}


def test_at_most_val_images_are_looked_at_each_epoch(task, data, small: Make, new_run: NewRun, monkeypatch):
    seen: list[tuple[str, ...]] = []
    kind, validate = type(TASKS[task]), type(TASKS[task]).validate

    def noted(self: Any, model: Any, val: Any, *, seed: int = 0) -> dict[str, float]:
        seen.append(val.names)
        return validate(self, model, val, seed=seed)

    monkeypatch.setattr(kind, "validate", noted)
    run = new_run("run")
    train_run(small(task, val_images=2), run, data)
    assert len(seen[0]) == 2
    assert seen[0] == seen[1]
    assert run.read_json(run.metrics)["n_images"] == 6  # in the end all of them


def test_a_run_can_be_judged_again(task, data, small: Make, new_run: NewRun):
    run = new_run("run")
    model = train_run(small(task), run, data)
    before = run.metrics.read_bytes()
    judged = judge_run(model, run, data.val, data.train)
    assert run.metrics.read_bytes() == before
    assert judged == json.loads(before)
