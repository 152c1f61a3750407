"""What each command does when all is well."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from minicap.data import save_png
from minicap.models import Captioner
from minicap.training import RunFolder

SCORES = {"bleu_1", "bleu_2", "bleu_3", "bleu_4", "cider", "exact_match", "perplexity", "image_gap"}
TRUTH = {"truth", "truth_by_count", "truth_loose"}


# data


def test_data_scenes_writes_what_it_says(cli, tmp_path: Path):
    code, out, _ = cli("data", "scenes", "--out", tmp_path / "s", "--n", 4, "--size", 32, "--seed", 3)
    assert code == 0
    assert (
        out == f"wrote 4 scenes to {tmp_path / 's'}; next: minicap train --data {tmp_path / 's'} --out run\n"
    )
    assert len(list((tmp_path / "s" / "images").iterdir())) == 4


def test_data_scenes_as_json(cli, tmp_path: Path):
    code, out, err = cli("data", "scenes", "--out", tmp_path / "s", "--n", 20, "--size", 32, "--json")
    assert (code, err) == (0, "")
    assert json.loads(out) == {"train": 14, "val": 2, "test": 2, "compositional": 2}


def test_data_check_counts(cli, scenes: Path):
    found = json.loads(cli("data", "check", scenes, "--json").out)
    assert found["splits"]["train"] == {"images": 18, "captions": 90}
    assert found["problems"] == []
    table = cli("data", "check", scenes).out.splitlines()
    assert ["train", "18", "90"] in [line.split() for line in table]


def test_data_check_tells_what_is_wrong(cli, tmp_path: Path):
    lines = ["image,caption", "a.png,a red circle", "gone.png,a blue square", "a.png,", "a.png,too,many"]
    (tmp_path / "captions.csv").write_text("\n".join(lines), encoding="utf-8")
    save_png(tmp_path / "a.png", np.zeros((3, 3, 3), np.uint8))
    code, out, _ = cli("data", "check", tmp_path)
    assert code == 0
    for what in ("1 of 2 images is not there (first: gone.png)", "is empty", "the wrong number of fields"):
        assert what in out


# train


def test_train_leaves_a_run(run: Path):
    names = {"config.toml", "checkpoint.npz", "best.npz", "vocabulary.json", "history.csv", "metrics.json"}
    assert {path.name for path in run.iterdir()} >= names | {"report.html"}
    assert [row["epoch"] for row in RunFolder.existing(run).read_history()] == [1, 2]


def test_train_prints_its_metrics_as_json_and_nothing_else(cli, scenes: Path, tmp_path: Path, tiny):
    code, out, err = cli("train", "--data", scenes, "--out", tmp_path / "r", "--epochs", 1, *tiny, "--json")
    assert (code, err) == (0, "")
    assert json.loads(out) == json.loads((tmp_path / "r" / "metrics.json").read_text(encoding="utf-8"))
    assert json.loads(out).keys() >= SCORES | TRUTH | {"split", "n_images", "signature", "baselines"}


def test_train_tells_people_how_it_goes(cli, scenes: Path, tmp_path: Path, tiny):
    code, out, err = cli("train", "--data", scenes, "--out", tmp_path / "r", "--epochs", 1, *tiny, "--blind")
    assert code == 0
    assert "caption table: 18 train, 2 val, 2 test, 2 compositional images" in err
    assert "epoch 1  lr" in err
    assert out.splitlines()[0].split() == [
        "val,",
        "2",
        "images",
        "model",
        "95",
        "%",
        "interval",
        "random",
        "constant",
    ]
    assert f"report: {tmp_path / 'r' / 'report.html'}" in out


def test_train_goes_on_with_resume(cli, scenes: Path, tmp_path: Path, tiny):
    assert cli("train", "--data", scenes, "--out", tmp_path / "r", "--epochs", 1, *tiny).code == 0
    assert cli("train", "--out", tmp_path / "r", "--resume", "--epochs", 2).code == 0
    assert [row["epoch"] for row in RunFolder.existing(tmp_path / "r").read_history()] == [1, 2]


def test_train_resumes_where_the_data_have_moved(cli, scenes: Path, tmp_path: Path, tiny):
    shutil.copytree(scenes, tmp_path / "old")
    assert cli("train", "--data", tmp_path / "old", "--out", tmp_path / "r", "--epochs", 1, *tiny).code == 0
    (tmp_path / "old").rename(tmp_path / "new")
    assert cli("train", "--out", tmp_path / "r", "--resume", "--epochs", 2).code == 2
    moved = ("train", "--out", tmp_path / "r", "--resume", "--data", tmp_path / "new", "--epochs", 2)
    assert cli(*moved).code == 0
    assert cli("train", "--out", tmp_path / "r", "--resume").code == 0  # it remembers


def test_train_leaves_out_pictures_that_are_none_and_says_so(cli, scenes: Path, tmp_path: Path, tiny):
    shutil.copytree(scenes, tmp_path / "data")
    images = tmp_path / "data" / "images"
    (images / "train_00000.png").write_text("no picture", encoding="utf-8")
    (images / "train_00001.png").write_bytes((images / "train_00001.png").read_bytes()[:300])
    (images / "train_00002.png").unlink()
    code, _, err = cli("train", "--data", tmp_path / "data", "--out", tmp_path / "r", "--epochs", 1, *tiny)
    assert code == 0
    for name in ("train_00000.png", "train_00001.png", "train_00002.png"):
        assert err.count(name) == 1


# caption


def test_caption_says_one_sentence(cli, run: Path, picture: Path):
    code, out, err = cli("caption", run, picture)
    assert (code, err) == (0, "")
    assert out == f"{Captioner.load(run).caption(picture)[0]}\n"


def test_caption_as_json_has_exactly_three_keys(cli, run: Path, picture: Path):
    (found,) = json.loads(cli("caption", run, picture, "--json").out)
    assert list(found) == ["image", "caption", "log_prob"]
    said = Captioner.load(run).caption(picture)[0]
    assert found == {"image": str(picture), "caption": said, "log_prob": said.log_prob}


def test_several_pictures_come_in_the_order_given(cli, run: Path, scenes: Path):
    paths = [str(scenes / "images" / f"train_0000{i}.png") for i in (3, 1, 2)]
    assert [found["image"] for found in json.loads(cli("caption", run, *paths, "--json").out)] == paths


def test_caption_takes_a_folder_in_the_order_of_names(cli, run: Path, scenes: Path, tmp_path: Path):
    for name in ("b.PNG", "a.png"):
        shutil.copy(scenes / "images" / "val_00000.png", tmp_path / name)
    (tmp_path / "notes.txt").write_text("no picture", encoding="utf-8")
    lines = cli("caption", run, tmp_path).out.splitlines()
    assert [line.split(": ")[0] for line in lines] == [str(tmp_path / name) for name in ("a.png", "b.PNG")]


def test_caption_takes_a_checkpoint_file(cli, run: Path, picture: Path):
    assert cli("caption", run / "best.npz", picture) == cli("caption", run, picture)


def test_sampling_is_repeatable_by_its_seed(cli, run: Path, picture: Path):
    def said(seed: int) -> str:
        return cli("caption", run, picture, "--sample", "--temperature", 0.9, "--seed", seed).out

    assert said(1) == said(1)
    assert len({said(seed) for seed in range(4)}) > 1


def test_a_caption_has_an_end(cli, run: Path, picture: Path):
    said = cli("caption", run, picture, "--sample", "--temperature", 50, "--max-length", 3).out
    assert len(said.split()) <= 3


@pytest.mark.parametrize("size", [(1, 1), (3, 3), (1, 500)])
def test_a_picture_smaller_than_the_stride_is_simply_resized(cli, run: Path, tmp_path: Path, size):
    save_png(tmp_path / "small.png", np.full((*size, 3), 128, np.uint8))
    code, out, err = cli("caption", run, tmp_path / "small.png", "--json")
    assert (code, err, len(json.loads(out))) == (0, "", 1)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a file's name is always text")
@pytest.mark.parametrize("form", ["--json", "--max-length=9"])
def test_a_name_that_is_no_text_stops_nothing(child, run: Path, picture: Path, tmp_path: Path, form: str):
    name = os.fsdecode(b"stra\xdfe.png")
    shutil.copy(picture, tmp_path / name)
    out, err = child("caption", run, tmp_path, picture, form, PYTHONIOENCODING="ascii").communicate(
        timeout=60
    )
    assert err == ""
    assert r"stra\udcdfe.png" in out
    assert form != "--json" or json.loads(out)[0]["image"] == str(tmp_path / name)


# evaluate, report, doctor, demo


def test_evaluate_as_json_has_the_keys_of_the_contract(cli, run: Path, scenes: Path):
    code, out, err = cli("evaluate", run, "--data", scenes, "--split", "test", "--json")
    metrics = json.loads(out)
    assert (code, err) == (0, "")
    assert metrics.keys() >= SCORES | TRUTH | {"signature", "baselines"}
    assert (metrics["split"], metrics["n_images"]) == ("test", 2)


def test_evaluate_judges_as_training_did(cli, run: Path, scenes: Path):
    written = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    assert json.loads(cli("evaluate", run, "--data", scenes, "--json").out) == written


def test_dev_means_val(cli, run: Path, scenes: Path):
    assert (
        json.loads(cli("evaluate", run, "--data", scenes, "--split", "dev", "--json").out)["split"] == "val"
    )


def test_evaluate_prints_model_and_baselines_side_by_side(cli, run: Path, scenes: Path):
    lines = cli("evaluate", run, "--data", scenes).out.splitlines()
    assert [len(line.split()) for line in lines if line.startswith(("bleu_4", "perplexity"))] == [5, 5]


def test_report_is_written_again(cli, run: Path):
    (run / "report.html").unlink()
    code, out, err = cli("report", run)
    assert (code, out, err) == (0, f"wrote {run / 'report.html'}\n", "")
    assert (run / "report.html").read_text(encoding="utf-8").startswith("<!")
    assert json.loads(cli("report", run, "--json").out) == {"report": str(run / "report.html")}


def test_doctor_speaks_to_people_and_programs(cli):
    code, out, err = cli("doctor", "--json")
    facts = json.loads(out)
    assert (code, err) == (0, "")
    assert set(facts["kernels"]["in_use"].values()) <= {"compiled", "reference"}
    text = cli("doctor").out
    assert facts["version"] in text
    assert facts["libraries"]["numpy"] in text


@pytest.mark.slow
def test_the_fast_demo_does_the_whole_job(cli, tmp_path: Path):
    code, out, _ = cli("demo", "--fast", "--out", tmp_path / "demo", "--json")
    result = json.loads(out)
    assert code == 0
    assert set(result["table"]) == {"one object", "two objects", "three objects", "compositional"}
    for row in result["table"].values():
        assert row.keys() == {"truth", "truth_loose", "blind"}
        assert all(0 <= share <= 1 for share in row.values())
        assert row["truth"] <= row["truth_loose"]
    assert all(Path(path).is_file() for path in result["files"].values())
    assert set(result["metrics"]["baselines"]) == {"random_caption", "constant_caption", "blind"}
    again = cli("caption", tmp_path / "demo", tmp_path / "demo" / "samples" / "00.png", "--json")
    assert result["examples"][0] == json.loads(again.out)[0]["caption"] + "  (one object)"
