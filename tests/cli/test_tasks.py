"""Classifiers and taggers from a folder of pictures to what they say."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

import pytest

from minicap.cli.train import OPTIONS, USES
from minicap.data import load_image
from minicap.models import Classifier, Tagger
from minicap.training import TrainConfig

TAG_SCORES = {"map", "precision", "recall", "f1", "recalled"}


# train and evaluate


def test_a_classifier_is_trained_and_evaluated(cli, class_folders: Path, class_run: Path):
    written = json.loads((class_run / "metrics.json").read_text(encoding="utf-8"))
    assert written.keys() == {
        "accuracy", "loss", "per_class", "confusion", "baselines", "split", "n_images"
    }  # fmt: skip
    assert written["per_class"].keys() == {"red", "green", "blue"}
    code, out, err = cli("evaluate", class_run, "--data", class_folders, "--json")
    assert (code, err, json.loads(out)) == (0, "", written)
    assert (class_run / "report.html").is_file()


def test_a_tagger_is_trained_and_evaluated(cli, tag_table: Path, tag_run: Path):
    written = json.loads((tag_run / "metrics.json").read_text(encoding="utf-8"))
    assert written.keys() == TAG_SCORES | {
        "macro_precision", "macro_recall", "macro_f1", "tag_scores", "top_k",
        "loss", "per_tag", "baselines", "threshold", "n_tags", "split", "n_images",
    }  # fmt: skip
    assert written["per_tag"].keys() == {"red", "green", "warm"}
    code, out, err = cli("evaluate", tag_run, "--data", tag_table, "--json")
    assert (code, err, json.loads(out)) == (0, "", written)
    assert (tag_run / "report.html").is_file()


@pytest.mark.parametrize("head", [["--head=dense", "--hidden=8"], ["--head=sequence", "--hidden-size=8"]])
def test_other_heads_learn_from_coco(cli, coco: Path, small, tmp_path: Path, head: list[str]):
    code, out, err = cli(
        "train", "--data", coco, "--task=tag", "--out", tmp_path / "r", *small, *head, "--json"
    )
    assert (code, err) == (0, "")
    assert json.loads(out)["per_tag"].keys() == {"red", "green"}
    evaluated = json.loads(cli("evaluate", tmp_path / "r", "--data", coco, "--split", "all", "--json").out)
    assert (evaluated["split"], evaluated["n_images"]) == ("all", 24)


def test_training_tells_people_how_it_goes(cli, class_folders: Path, small, tmp_path: Path):
    command = ("train", "--data", class_folders, "--task", "classify", "--out", tmp_path / "r", *small)
    code, out, err = cli(*command, "--hidden", "")
    assert code == 0
    assert "class folders: 18 train, 6 val images" in err
    assert "accuracy" in err
    assert out.splitlines()[0].split()[:4] == ["val,", "6", "images", "model"]


def test_the_scores_stand_beside_the_baseline(cli, class_folders: Path, class_run: Path):
    lines = cli("evaluate", class_run, "--data", class_folders).out.splitlines()
    assert "most frequent class" in lines[0]
    assert [line.split()[2] for line in lines if line.startswith("accuracy ")] == ["0.333"]


def test_a_captioner_begins_with_what_a_tagger_learnt(cli, tag_run: Path, scenes: Path, tiny, tmp_path: Path):
    narrow = [option for option in tiny if not option.startswith("--image-size")]
    command = ("train", "--data", scenes, "--out", tmp_path / "r", "--epochs", 1, *narrow, "--json")
    assert cli(*command, "--encoder-from", tag_run, "--freeze").code == 0
    config = TrainConfig.load(tmp_path / "r" / "config.toml")
    assert (config.encoder, config.batch_norm, config.image_size) == ("4,M,6", True, 12)
    assert cli("train", "--out", tmp_path / "r", "--resume", "--epochs", 2).code == 0
    again = ("train", "--config", tmp_path / "r" / "config.toml", "--out", tmp_path / "again", "--json")
    assert cli(*again).code == 0  # a run's own file is no contradiction


# tag and classify


def test_classify_as_json(cli, class_run: Path, red: Path):
    code, out, err = cli("classify", class_run, red, "--top", 2, "--json")
    assert (code, err) == (0, "")
    (found,) = json.loads(out)
    (guesses,) = Classifier.load(class_run).classify(red, top=2)
    assert list(found) == ["image", "label", "probability", "top"]
    assert (found["image"], found["label"]) == (str(red), "red")
    assert found["top"] == [{"label": g.label, "probability": g.probability} for g in guesses]
    assert found["probability"] == guesses[0].probability >= guesses[1].probability


def test_classify_says_a_class_and_how_sure_it_is(cli, class_run: Path, class_folders: Path, red: Path):
    guess = Classifier.load(class_run).classify(red)[0][0]
    assert cli("classify", class_run, red).out == f"{guess.label} {guess.probability:.1%}\n"
    folder = class_folders / "val" / "green"
    lines = cli("classify", class_run, folder, "--top", 3).out.splitlines()
    assert [line.split(":")[0] for line in lines] == [str(folder / "19.png"), str(folder / "22.png")]
    assert all(line.count("%") == 3 for line in lines)


def test_more_classes_than_there_are_is_all_of_them(cli, class_run: Path, red: Path):
    (found,) = json.loads(cli("classify", class_run, red, "--top", 99, "--json").out)
    assert {guess["label"] for guess in found["top"]} == {"red", "green", "blue"}


def test_tag_as_json(cli, tag_run: Path, red: Path):
    code, out, err = cli("tag", tag_run, red, "--threshold", 0, "--json")
    assert (code, err) == (0, "")
    (found,) = json.loads(out)
    (tags,) = Tagger.load(tag_run).tag(red, threshold=0)
    assert list(found) == ["image", "tags"]
    assert found["tags"] == [
        {"tag": tag.name, "probability": tag.probability, "box": list(tag.box)} for tag in tags
    ]
    assert len(tags) == 3
    for tag in found["tags"]:
        x, y, width, height = tag["box"]
        assert (0 <= x <= 12 - width, 0 <= y <= 12 - height) == (True, True)


def test_tag_says_tags_and_how_sure_it_is(cli, tag_run: Path, red: Path):
    tags = Tagger.load(tag_run).tag(red, threshold=0)[0]
    said = ", ".join(f"{tag.name} {tag.probability:.0%}" for tag in tags)
    assert cli("tag", tag_run, red, "--threshold", 0).out == f"{said}\n"
    lines = cli("tag", tag_run, red, red, "--threshold", 0).out.splitlines()
    assert lines == [f"{red}: {said}"] * 2


def test_a_threshold_decides_and_least_goes_before_it(cli, tag_run: Path, red: Path):
    def count(*options) -> int:
        return len(json.loads(cli("tag", tag_run, red, "--json", *options).out)[0]["tags"])

    assert count("--threshold", 1) == 0
    assert count("--threshold", 1, "--least", 2) == 2
    assert count() == count("--threshold", 0.5)
    assert cli("tag", tag_run, red, "--threshold", 1).out == "nothing from this threshold on; try --least 3\n"


def test_what_was_seen_where_is_drawn(cli, tag_run: Path, red: Path, tmp_path: Path):
    drawing = tmp_path / "where.png"
    code, out, err = cli("tag", tag_run, red, red, "--least", 2, "--draw", drawing)
    assert (code, err) == (0, "")
    assert out.splitlines()[-1] == f"drawn: {drawing}"
    assert load_image(drawing).std() > 5
    assert len(json.loads(cli("tag", tag_run, red, "--draw", drawing, "--json").out)) == 1


def test_who_says_one_tag_after_another_has_no_places(cli, coco: Path, small, tmp_path: Path, red: Path):
    run, drawing = tmp_path / "r", tmp_path / "said.png"
    narrow = ("--head=sequence", "--hidden-size=8", "--embed-size=6")
    assert cli("train", "--data", coco, "--task=tag", "--out", run, *small, *narrow).code == 0
    (found,) = json.loads(cli("tag", run, red, "--least", 1, "--draw", drawing, "--json").out)
    assert [list(tag) for tag in found["tags"]] == [["tag", "probability"]] * len(found["tags"])
    assert drawing.is_file()
    code, _, err = cli("tag", run, red, "--threshold", 0.2)
    assert (code, err.count("\n")) == (2, 1)
    assert err.startswith("minicap: --threshold: this tagger says one tag after another")


# Where choices come from


def test_flags_go_before_set_and_set_before_the_file_and_the_file_before_the_defaults(
    cli, class_folders: Path, tmp_path: Path
):
    file = tmp_path / "mine.toml"
    choices = [
        f"data = {json.dumps(str(class_folders))}",
        'task = "classify"',
        'encoder = "2,M"',
        'hidden = ""',
    ]
    choices += ["image_size = 8", "batch_size = 5", "epochs = 3", "lr = 0.1"]
    file.write_text("\n".join(choices), encoding="utf-8")
    code, _, err = cli(
        "train", "--config", file, "--set", "epochs=2", "--set", "lr=0.2", "--set", "flip=true", "--epochs", 1,
        "--out", tmp_path / "r", "--json",
    )  # fmt: skip
    assert (code, err) == (0, "")
    config = TrainConfig.load(tmp_path / "r" / "config.toml")
    assert (config.epochs, config.lr, config.batch_size, config.normalize) == (1, 0.2, 5, "half")
    assert (config.flip, config.data, config.encoder) == (True, str(class_folders), "2,M")


def test_every_choice_of_a_run_is_offered():
    flags = {flag.replace("-", "_") for options in OPTIONS.values() for flag in options}
    assert flags | {"data", "task"} == {field.name for field in fields(TrainConfig)}
    kinds = {
        f.replace("-", "_"): kind.__name__ for options in OPTIONS.values() for f, (kind, _) in options.items()
    }
    assert kinds == {field.name: field.type for field in fields(TrainConfig) if field.name in kinds}
    assert {flag for flags, _, _ in USES for flag in flags.split()} <= {
        f for o in OPTIONS.values() for f in o
    }
