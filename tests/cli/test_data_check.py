"""``minicap data check``: what a folder holds for each task, and what is wrong with it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from minicap.data import save_png


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with captions and tags of four pictures."""
    for i in range(4):
        save_png(tmp_path / f"{i}.png", np.full((3, 3, 3), i, np.uint8))
    (tmp_path / "captions.csv").write_text("image,caption\n0.png,x\n1.png,y\n2.png,z\n0.png,w\n")
    (tmp_path / "tags.csv").write_text("image,tags\n0.png,a;b\n1.png,b\n2.png,\n3.png,a;b;c\n")
    (tmp_path / "splits.csv").write_text("image,split\n0.png,train\n1.png,train\n2.png,train\n3.png,val\n")
    return tmp_path


def test_captions_and_tags_as_json(cli, folder: Path):
    code, out, err = cli("data", "check", folder, "--json")
    assert (code, err) == (0, "")
    assert json.loads(out) == {
        "kind": "caption table",
        "splits": {"train": {"images": 3, "captions": 4}},
        "problems": ["1 of 4 images of the split lists has no caption (first: 3.png)"],
        "tags": {
            "kind": "tag table",
            "splits": {"train": {"images": 3, "tags": 2}, "val": {"images": 1, "tags": 3}},
            "problems": [],
        },
    }


def test_captions_and_tags_as_text(cli, folder: Path):
    captions, tags = cli("data", "check", folder).out.split("\n\n")
    assert [line.split() for line in captions.splitlines()[2:3]] == [["train", "3", "4"]]
    assert captions.endswith("1 of 4 images of the split lists has no caption (first: 3.png)")
    assert [line.split() for line in tags.splitlines()] == [
        ["tag", "table", "images", "tags"], ["-" * 23], ["train", "3", "2"], ["val", "1", "3"]
    ]  # fmt: skip


def test_one_task_that_cannot_be_read_is_a_problem_beside_the_other(cli, folder: Path):
    (folder / "captions.csv").write_text("image,caption\n")
    code, out, _ = cli("data", "check", folder, "--json")
    found = json.loads(out)
    assert (code, found["kind"], found["splits"]) == (0, None, {})
    assert len(found["problems"]) == 1
    assert "captions.csv: holds no caption" in found["problems"][0]
    assert found["tags"]["splits"]["train"] == {"images": 3, "tags": 2}
    assert cli("data", "check", folder).out.startswith(f"captions: {folder}")


def test_nothing_that_can_be_read_is_an_error(refuses, folder: Path):
    (folder / "captions.csv").write_text("image,caption\n")
    (folder / "tags.csv").write_text("image,tags\n")
    refuses("data", "check", folder, "--json", because="captions.csv: holds no caption")


def test_classes(cli, folder: Path):
    for name in ("captions.csv", "tags.csv"):
        (folder / name).unlink()
    for i in range(4):
        place = folder / f"class {i % 2}"
        place.mkdir(exist_ok=True)
        (folder / f"{i}.png").rename(place / f"{i}.png")
    found = json.loads(cli("data", "check", folder, "--json").out)
    assert set(found) == {"classes"}
    assert found["classes"]["kind"] == "class folders"
    assert found["classes"]["splits"]["train"] == {"images": 4, "classes": 2}
    assert "class folders  images  classes" in cli("data", "check", folder).out


def test_what_would_be_recognised_is_said_for_every_task(refuses, tmp_path: Path):
    (tmp_path / "notes.md").write_text("hello")
    refuses(
        "data", "check", tmp_path, because="holds no captions or tags or classes; recognised are captions.csv"
    )
    refuses(
        "data",
        "check",
        tmp_path / "notes.md",
        because="notes.md: is no file with captions or tags or classes",
    )
