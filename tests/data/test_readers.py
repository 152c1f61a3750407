"""Data folders: what is recognised and for which task, and what is refused."""

from __future__ import annotations

import gzip
import json
import struct

import numpy as np
import pytest

from minicap.data import (
    Preprocessing,
    read_captions,
    read_classes,
    read_data,
    read_tags,
    save_png,
    scenes,
)
from minicap.data.readers import FORMATS, tasks_of
from minicap.errors import InputError


def rows(*pairs: str) -> str:
    """Return a caption table with a header."""
    return "\n".join(["image,caption", *pairs]) + "\n"


NAMES = [f"{i}.png" for i in range(20)]
TABLE = rows(*[f"{name},a caption" for name in NAMES])


# What is no data


def test_a_missing_path_says_what_would_be_recognised(tmp_path):
    with pytest.raises(InputError, match=r"no such file or folder; name captions.csv, .* \*.token.txt"):
        read_captions(tmp_path / "nowhere")


def test_an_empty_folder(tmp_path):
    with pytest.raises(InputError, match=r"is an empty folder; recognised are captions.csv"):
        read_captions(tmp_path)


def test_pictures_without_captions(folder):
    with pytest.raises(InputError, match=r"has 2 images but no captions; recognised are captions.csv"):
        read_captions(folder("a.png b.png"))


def test_other_files(folder):
    path = folder(texts={"notes.md": "hello"})
    with pytest.raises(InputError, match=r"holds no captions; recognised are captions.csv"):
        read_captions(path)
    with pytest.raises(InputError, match=r"notes.md: is no file with captions; recognised are captions.csv"):
        read_captions(path / "notes.md")
    with pytest.raises(
        InputError, match=r"notes.md: is no file with captions or tags or classes; recognised"
    ):
        tasks_of(path / "notes.md")


# One folder, several tasks

IMAGES = {"images": [{"id": 1, "file_name": "a.png"}]}
CAPTIONS = IMAGES | {"annotations": [{"image_id": 1, "caption": "x"}]}
OBJECTS = IMAGES | {
    "annotations": [{"image_id": 1, "category_id": 1}],
    "categories": [{"id": 1, "name": "x"}],
}
SAMPLES = {
    "caption table": ("caption", {"captions.csv": rows("a.png,x")}),
    "flickr8k": ("caption", {"Flickr8k.token.txt": "a.png#0\tx\n"}),
    "coco captions": ("caption", {"captions_train.json": json.dumps(CAPTIONS)}),
    "tag table": ("tag", {"tags.csv": "image,tags\na.png,x\n"}),
    "coco objects": (
        "tag",
        {"instances_train.json": json.dumps(OBJECTS)},
    ),
    "idx": (
        "classify",
        {
            "t10k-images-idx3-ubyte": struct.pack(">I3I", 0x803, 1, 2, 2) + bytes(4),
            "t10k-labels-idx1-ubyte": gzip.compress(struct.pack(">II", 0x801, 1) + bytes(1)),
        },
    ),
}
SAID = {"caption": "captions", "tag": "tags", "classify": "classes"}


@pytest.mark.parametrize("sample", SAMPLES)
@pytest.mark.parametrize("task", FORMATS)
def test_each_sample_is_data_for_its_own_task_only(folder, sample, task):
    own, texts = SAMPLES[sample]
    path = folder("a.png", texts=texts)
    assert tasks_of(path) == [own]
    for place in (path, path / next(iter(texts))):
        if task == own:
            assert len(read_data(place, task).split("all")) == 1
            continue
        message = f"holds {SAID[own]} but no {SAID[task]}; use --task {own}$"
        with pytest.raises(InputError, match=message) as error:
            read_data(place, task)
        assert str(error.value).startswith(str(place))


def test_class_folders_are_no_captions_and_no_tags(tmp_path):
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        save_png(tmp_path / name / "1.png", np.zeros((3, 3, 3), np.uint8))
    assert tasks_of(tmp_path) == ["classify"]
    with pytest.raises(InputError, match="holds classes but no captions; use --task classify"):
        read_captions(tmp_path)
    with pytest.raises(InputError, match="holds classes but no tags; use --task classify"):
        read_tags(tmp_path)


def test_captions_and_tags_but_no_classes(folder):
    path = folder("a.png", texts={**SAMPLES["caption table"][1], **SAMPLES["tag table"][1]})
    assert tasks_of(path) == ["caption", "tag"]
    assert read_captions(path).train.captions == read_tags(path).train.tags == (("x",),)
    with pytest.raises(InputError, match="holds captions and tags but no classes; use --task caption or tag"):
        read_classes(path)


def test_tables_come_before_what_they_were_made_from(folder):
    path = folder(
        "a.png", texts={name: text for _, texts in SAMPLES.values() for name, text in texts.items()}
    )
    assert [read_data(path, task).kind for task in FORMATS] == ["caption table", "tag table", "IDX files"]


def test_a_table_of_both_is_read_for_both(folder):
    path = folder("a.png", texts={"both.csv": "image,caption,tags\na.png,a cat,cat;pet\n"})
    assert tasks_of(path / "both.csv") == ["caption", "tag"]
    assert read_captions(path / "both.csv").train.captions == (("a cat",),)
    assert read_tags(path / "both.csv").train.tags == (("cat", "pet"),)


def test_a_task_that_there_is_not(tmp_path):
    with pytest.raises(InputError, match="task: 'draw' is unknown; use caption or tag or classify"):
        read_data(tmp_path, "draw")


def test_nothing_for_any_task(tmp_path):
    with pytest.raises(
        InputError, match=r"is an empty folder; recognised are captions.csv.*tags.csv.*IDX files"
    ):
        tasks_of(tmp_path)
    with pytest.raises(InputError, match="nowhere: no such file or folder"):
        tasks_of(tmp_path / "nowhere")


def test_everything_together(folder):
    corpus = read_captions(folder(NAMES, texts={"captions.csv": TABLE}), split="all")
    data = corpus.split("ALL ")
    assert data.split == "all"
    assert data.names == corpus.train.names + corpus.val.names + corpus.test.names
    assert data.images == [*corpus.train.images, *corpus.val.images, *corpus.test.images]
    assert data.pixels(Preprocessing(8)).shape == (20, 8, 8, 3)
    assert corpus.splits == ("train", "val", "test")


def test_everything_together_has_each_picture_once(folder):
    corpus = read_captions(folder("a.png b.png", texts={"captions.csv": rows("a.png,x", "b.png,y")}))
    assert corpus.split("all").names == ("a.png", "b.png")


def test_truth_goes_along_where_every_split_has_it(tmp_path):
    scenes.write_scenes(tmp_path / "scenes", n=10, size=32, seed=3)
    data = read_captions(tmp_path / "scenes").split("all")
    assert all(scenes.judge(c[0], s)[0] for c, s in zip(data.captions, data.scenes, strict=True))
    truth = tmp_path / "scenes" / "scenes.jsonl"
    truth.write_text("".join(truth.read_text().splitlines(keepends=True)[1:]))
    assert read_captions(tmp_path / "scenes").split("all").scenes is None
