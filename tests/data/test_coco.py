"""COCO captions and objects: where the files may stand, and what is survived and refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from minicap.data import read_captions, read_tags, save_png
from minicap.data.report import BROKEN_NAME, MISSING_IMAGE, UNKNOWN_CATEGORY, UNKNOWN_IMAGE
from minicap.errors import InputError

CATEGORIES = [{"id": 7, "name": "sun"}, {"id": 2, "name": "cat"}, {"id": 90, "name": "dog"}]


def images(*names: str) -> list[dict[str, Any]]:
    """Return entries of images with ids 10, 11 ..."""
    return [{"id": 10 + i, "file_name": name} for i, name in enumerate(names)]


def captions(*pairs: tuple[Any, str], names: str = "a.png b.png") -> dict[str, Any]:
    """Return a file of captions: pairs of image id and caption."""
    annotations = [{"id": i, "image_id": n, "caption": text} for i, (n, text) in enumerate(pairs)]
    return {"images": images(*names.split()), "annotations": annotations}


def instances(*pairs: tuple[int, int], names: str = "a.png b.png") -> dict[str, Any]:
    """Return a file of objects: pairs of image id and category id."""
    annotations = [
        {"id": i, "image_id": n, "category_id": c, "bbox": [0.5, 1, 2.25, 3], "iscrowd": i % 2}
        for i, (n, c) in enumerate(pairs)
    ]
    return {"images": images(*names.split()), "annotations": annotations, "categories": [*CATEGORIES]}


@pytest.fixture
def coco(tmp_path: Path):
    """Return a maker of COCO folders: JSON files by name, and places of pictures."""

    def make(files: dict[str, Any], *pictures: str) -> Path:
        for name, content in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        for i, name in enumerate(pictures):
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            save_png(path, np.full((4, 4, 3), i, np.uint8))
        return tmp_path

    return make


ONE = captions((10, "a sun"), (11, "a cat"), (10, " two\n suns "))


# Good data


@pytest.mark.parametrize("tag", ["train2017", "train2014", "train", "TRAIN"])
@pytest.mark.parametrize("where", ["own", "split", "images", "images/own", "beside"])
def test_pictures_in_every_place(coco, tag, where):
    folder = {
        "own": f"{tag}/", "split": "train/", "images": "images/", "images/own": f"images/{tag}/", "beside": ""
    }[where]  # fmt: skip
    path = coco({f"annotations/captions_{tag}.json": ONE}, f"{folder}a.png", f"{folder}b.png")
    corpus = read_captions(path)
    assert corpus.report.lines() == []
    assert corpus.kind == "COCO captions"
    own = "" if where in ("images", "beside") else folder.removeprefix("images/")
    assert corpus.train.names == (f"{own}a.png", f"{own}b.png")
    assert corpus.train.captions == (("a sun", "two suns"), ("a cat",))
    assert corpus.train.images == [path / folder / "a.png", path / folder / "b.png"]


def test_all_splits_are_read_and_may_use_one_name(coco):
    files = {
        "annotations/captions_train2017.json": ONE,
        "annotations/captions_val2017.json": captions((10, "another"), names="a.png"),
        "annotations/captions_test2017.json": captions((10, "third"), names="sub/a.png"),
    }
    pictures = ("train2017/a.png", "train2017/b.png", "val2017/a.png", "test2017/sub/a.png")
    corpus = read_captions(coco(files, *pictures))
    assert corpus.report.lines() == []
    assert {name: corpus.split(name).names for name in corpus.splits} == {
        "train": ("train2017/a.png", "train2017/b.png"),
        "val": ("val2017/a.png",),
        "test": ("test2017/sub/a.png",),
    }
    everything = corpus.split("all")
    assert (everything.split, len(everything)) == ("all", 4)
    assert everything.captions[2:] == (("another",), ("third",))
    assert "all" not in corpus.splits
    assert read_captions(corpus.path, split="val2017").splits == ("val",)


def test_a_name_that_has_its_folder_already(coco):
    path = coco({"captions_val.json": captions((10, "x"), names="val/a.png")}, "val/a.png")
    assert read_captions(path).val.names == ("val/a.png",)


@pytest.mark.parametrize("place", ["", "annotations", "annotations/captions_val2017.json"])
def test_the_folder_its_annotations_or_one_file(coco, place):
    files = {
        "annotations/captions_val2017.json": ONE,
        "annotations/instances_val2017.json": instances((10, 2)),
    }
    path = coco(files, "val2017/a.png", "val2017/b.png")
    assert read_captions(path / place).val.names == ("val2017/a.png", "val2017/b.png")


@pytest.mark.parametrize("name", ["captions.json", "mine.json", "captions_minival.json"])
def test_a_file_of_no_known_split_is_split_by_a_draw(coco, name):
    names = " ".join(f"{i}.png" for i in range(20))
    content = captions(*[(10 + i, "x") for i in range(20)], names=names)
    corpus = read_captions(coco({name: content}, *[f"images/{n}" for n in names.split()]) / name)
    assert [len(corpus.split(split)) for split in corpus.splits] == [16, 2, 2]
    assert "80 % train" in corpus.report.lines()[0]


def test_captions_json_in_a_folder(coco):
    corpus = read_captions(coco({"annotations/captions.json": ONE}, "a.png", "b.png"))
    assert corpus.train.names == ("a.png", "b.png")


def test_files_of_two_years_are_not_mixed(coco):
    files = {f"annotations/captions_{s}{y}.json": ONE for s in ("train", "val") for y in (2014, 2017)}
    pictures = [f"{s}{y}/{n}.png" for s in ("train", "val") for y in (2014, 2017) for n in "ab"]
    corpus = read_captions(coco(files, *pictures))
    assert corpus.train.names == ("train2017/a.png", "train2017/b.png")
    assert corpus.val.names == ("val2017/a.png", "val2017/b.png")
    assert corpus.report.lines() == [
        "the files of 2014 and 2017 share pictures: only those of 2017 were read"
    ]


def test_tags_are_the_categories_once_each_in_their_order(coco):
    content = instances((10, 90), (10, 2), (10, 90), (11, 7), (11, 7), names="a.png b.png c.png")
    corpus = read_tags(
        coco({"annotations/instances_train.json": content}, *[f"train/{n}.png" for n in "abc"])
    )
    assert corpus.kind == "COCO objects"
    assert corpus.train.tags == (("cat", "dog"), ("sun",), ())
    assert corpus.report.lines() == []


def test_accents_and_half_characters(coco):
    text = json.dumps(captions((10, "\u00e9t\u00e9 \ud83c\udf1e"), (10, "half \ud800 nul \0 end")))
    corpus = read_captions(coco({"captions_train.json": text}, "a.png"))
    assert corpus.train.captions == (("\u00e9t\u00e9 \U0001f31e", "half ? nul end"),)


# Wrong, but survived


def test_captions_with_everything_wrong(coco):
    names = "a.png gone.png ../../up.png /etc/passwd C:\\x.png train//etc/passwd text.png quiet.png"
    content = captions(
        (10, "fine"), (10, "  "), (99, "nobody"), *[(n, "x") for n in range(11, 17)], names=names
    )
    path = coco({"captions_train.json": content}, "train/a.png")
    (path / "train" / "text.png").write_text("no picture")
    corpus = read_captions(path)
    assert corpus.train.captions == (("fine",),)
    assert corpus.report.lines() == [
        "1 caption is empty (first: annotations[1] of captions_train.json)",
        "1 annotation is of an unknown image (first: image_id 99 in annotations[2] of captions_train.json)",
        "4 names are broken (first: ../../up.png, /etc/passwd, C:/x.png)",
        "1 image has no caption (first: train/quiet.png)",
        "1 of 4 images is not there (first: train/gone.png)",
        "1 of 4 images cannot be read (first: train/text.png is no picture that can be read)",
    ]


def test_no_name_leads_out_of_the_folder(coco, tmp_path):
    outside = tmp_path / "outside.png"
    save_png(outside, np.zeros((4, 4, 3), np.uint8))
    names = f"a.png train/{outside} ../outside.png train/../../outside.png"
    content = captions(*[(n, "x") for n in range(10, 14)], names=names)
    path = coco({"data/captions_train.json": content}, "data/train/a.png", "data/images/a.png") / "data"
    corpus = read_captions(path)
    assert corpus.train.names == ("train/a.png",)
    assert corpus.report.count(BROKEN_NAME) + corpus.report.count(MISSING_IMAGE) == 3


def test_objects_with_everything_wrong(coco):
    content = instances((10, 2), (10, 55), (98, 2), (11, 3))
    content["categories"].append({"id": 3, "name": " cat "})
    corpus = read_tags(coco({"instances_val.json": content}, "a.png", "b.png"))
    assert corpus.val.tags == (("cat",), ("cat",))
    assert corpus.report.count(UNKNOWN_CATEGORY) == corpus.report.count(UNKNOWN_IMAGE) == 1
    assert corpus.report.lines()[0] == (
        "1 category has the name of one before and counts as that "
        "(first: cat in categories[3] of instances_val.json)"
    )


def test_one_picture_in_two_splits_stays_in_the_first(coco):
    files = {
        "captions_train.json": ONE,
        "captions_val.json": captions((10, "x"), (11, "y"), names="b.png c.png"),
    }
    corpus = read_captions(coco(files, "images/a.png", "images/b.png", "images/c.png"))
    assert (corpus.train.names, corpus.val.names) == (("a.png", "b.png"), ("c.png",))
    assert corpus.report.lines() == ["1 image stands in two splits and stays in the first (first: b.png)"]


def test_a_file_of_an_unknown_split_beside_others(coco):
    files = {"captions_train.json": ONE, "captions_minival.json": ONE}
    corpus = read_captions(coco(files, "a.png", "b.png"))
    assert corpus.splits == ("train",)
    assert corpus.report.lines() == ["1 split entry names no known split (first: captions_minival.json)"]


# Refused


IMAGE = {"id": 1, "file_name": "a.png"}
REFUSED = {
    "": "is no sound JSON",
    "{": "is no sound JSON",
    "no": "is no sound JSON",
    "[" * 100_000: "is nested too deeply",
    '{"images": ' + "9" * 5000 + "}": "is no sound JSON .Exceeds the limit",
    "[]": "must be an object with images and annotations, but it is a list",
    "3.5": "must be an object with images and annotations, but it is a fraction",
    "null": "but it is null",
    "{}": "there is no 'images', where a list is needed",
    '{"images": {}}': "'images' is an object, where a list is needed",
    '{"images": [3]}': r"images\[0\] must be an object, but it is an integer",
    '{"images": [{}]}': r"images\[0\]: 'id' must be an integer, but it is missing",
    '{"images": [{"id": "1"}]}': r"images\[0\]: 'id' must be an integer, but it is text",
    '{"images": [{"id": 1.0}]}': "'id' must be an integer, but it is a fraction",
    '{"images": [{"id": NaN}]}': "'id' must be an integer, but it is a fraction",
    '{"images": [{"id": true}]}': "'id' must be an integer, but it is true or false",
    '{"images": [{"id": 1}]}': "'file_name' must be text, but it is missing",
    '{"images": [{"id": 1, "file_name": null}]}': "'file_name' must be text, but it is null",
    json.dumps({"images": [IMAGE, IMAGE]}): r"images\[1\]: id 1 stands there twice",
    json.dumps({"images": [IMAGE]}): "there is no 'annotations'",
    json.dumps(
        {"images": [IMAGE], "annotations": ["x"]}
    ): r"annotations\[0\] must be an object, but it is text",
    json.dumps({"images": [IMAGE], "annotations": [{"image_id": "1"}]}): (
        r"annotations\[0\]: 'image_id' must be an integer, but it is text"
    ),
    json.dumps({"images": [IMAGE], "annotations": [{"image_id": 1}]}): (
        r"annotations\[0\]: 'caption' must be text, but it is missing"
    ),
    json.dumps({"images": [IMAGE], "annotations": [{"image_id": 1, "caption": 3}]}): "but it is an integer",
    json.dumps({"images": [], "annotations": []}): "holds no caption; annotate an image",
    json.dumps({"images": [IMAGE], "annotations": []}): "holds no caption; 1 image has no caption",
    json.dumps({"images": [IMAGE], "annotations": [{"image_id": 1, "caption": " "}]}): "1 caption is empty",
    json.dumps({"images": [IMAGE], "annotations": [{"image_id": 1, "caption": "x"}]}): (
        "no captioned image remains: 1 of 1 image is not there .first: a.png."
    ),
}


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: text[:40])
def test_captions_that_are_refused(coco, text):
    path = coco({"annotations/captions_train.json": text})
    with pytest.raises(InputError, match=REFUSED[text]) as error:
        read_captions(path)
    assert "\n" not in str(error.value)
    if "remains" not in str(error.value) and "holds no" not in str(error.value):
        assert "captions_train.json" in str(error.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"categories": None}, "'categories' is null, where a list is needed"),
        ({"categories": [{"id": 1, "name": 3}]}, r"categories\[0\]: 'name' must be text, but it is an integer"),
        ({"categories": [{"id": 1, "name": "  "}]}, r"categories\[0\]: '' is no name"),
        ({"categories": [{"id": 1, "name": "a\ud800"}]}, "is no name"),
        ({"categories": [{"id": 1, "name": "a"}] * 2}, r"categories\[1\]: id 1 stands there twice"),
        ({"categories": []}, "holds no object of a category; 1 annotation is of an unknown category"),
        ({"annotations": []}, "holds no object of a category; annotate an image"),
        ({"annotations": [{"image_id": 10}]}, r"annotations\[0\]: 'category_id' must be an integer, but it is missing"),
    ],
)  # fmt: skip
def test_objects_that_are_refused(coco, change, message):
    path = coco({"annotations/instances_train.json": instances((10, 2)) | change}, "train/a.png")
    with pytest.raises(InputError, match=message) as error:
        read_tags(path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b'{"images": "caf\xe9"}', "captions_train.json: line 1 is not UTF-8 text"),
        (b'{"images":\n "\0"}', "captions_train.json: line 2 holds a NUL byte"),
    ],
)
def test_json_that_is_no_text(coco, raw, message):
    path = coco({"captions_train.json": ""})
    (path / "captions_train.json").write_bytes(raw)
    with pytest.raises(InputError, match=message):
        read_captions(path)


def test_json_that_is_too_large(coco, monkeypatch):
    path = coco({"captions_train.json": ONE}, "a.png")
    monkeypatch.setattr("minicap.data.coco_file.MAX_TEXT_BYTES", 100)
    with pytest.raises(InputError, match=r"captions_train.json: \d+ bytes of text, but the limit is 100"):
        read_captions(path)


def test_a_folder_with_unknown_splits_only(coco):
    path = coco({"annotations/captions_minival.json": ONE, "annotations/captions_mini.json": ONE})
    with pytest.raises(
        InputError,
        match=r"no file is of a known split; 2 split entries .*; call them captions_train.json and",
    ):
        read_captions(path)


def test_a_split_that_there_is_not(coco):
    path = coco({"captions_train.json": ONE}, "a.png", "b.png")
    with pytest.raises(InputError, match="there is no split 'val'; there is train"):
        read_captions(path, split="val")


# Real data


def test_real_codraw(shared_data):
    corpus = read_captions(shared_data / "codraw")
    assert (len(corpus.train), len(corpus.val)) == (7989, 1002)
    assert (len(corpus.train.all_captions()), len(corpus.val.all_captions())) == (51420, 6394)
    assert corpus.report.lines() == []
    tags = read_tags(shared_data / "codraw")
    assert (tags.train.names, tags.val.names) == (corpus.train.names, corpus.val.names)
    assert len({tag for some in tags.train.tags for tag in some}) == 58


def test_real_coco(shared_data):
    corpus, tags = read_captions(shared_data / "coco_mini"), read_tags(shared_data / "coco_mini")
    assert (len(corpus.train), len(corpus.val)) == (len(tags.train), len(tags.val)) == (80, 79)
    assert {len(several) for several in corpus.split("all").captions} == {5}
    assert corpus.report.lines() == tags.report.lines() == []
    first = tags.val.tags[tags.val.names.index("val2017/000000397133.jpg")]
    assert first[0] == "person"
    assert "bottle" in first
