"""A folder of scenes: what is in it, and what stops it from being written."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

from minicap.data.images import load_image
from minicap.data.scenes import SPLITS, judge, read_truth, scene_at, write_scenes
from minicap.errors import InputError


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("scenes") / "new" / "folder"
    assert write_scenes(path, n=23, size=40, seed=9) == {"train": 17, "val": 2, "test": 2, "compositional": 2}
    return path


def rows(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def test_only_these_files_are_there(folder):
    assert {path.name for path in folder.iterdir()} == {
        "images",
        "captions.csv",
        "tags.csv",
        "splits.csv",
        "scenes.jsonl",
    }
    assert len(list((folder / "images").iterdir())) == 23


def test_the_pictures_are_the_generator_s(folder):
    for split, index in [("train", 16), ("val", 1), ("compositional", 0)]:
        image = load_image(folder / "images" / f"{split}_{index:05d}.png")
        np.testing.assert_array_equal(image, scene_at(index, size=40, seed=9, split=split).image)


def test_the_tables_name_every_picture(folder):
    header, *captions = rows(folder / "captions.csv")
    assert header == ["image", "caption"]
    assert len(captions) == 23 * 5
    header, *splits = rows(folder / "splits.csv")
    assert header == ["image", "split"]
    assert [name for name, _ in captions][::5] == [name for name, _ in splits]
    assert all((folder / name).is_file() and name == f"images/{split}_{name[-9:]}" for name, split in splits)


def test_the_tags_are_the_things_in_the_picture(folder):
    header, *tags = rows(folder / "tags.csv")
    assert header == ["image", "tags"]
    truth = read_truth(folder / "scenes.jsonl")
    assert [name for name, _ in tags] == list(truth)
    for name, said in tags:
        assert set(said.split(";")) == {f"{thing.colour} {thing.shape}" for thing in truth[name].objects}
        assert len(said.split(";")) == len(set(said.split(";")))


def test_the_truth_comes_back_as_it_was(folder):
    truth = read_truth(folder / "scenes.jsonl")
    assert list(truth) == [name for name, _ in rows(folder / "splits.csv")[1:]]
    assert truth["images/test_00001.png"] == (None, *scene_at(1, size=40, seed=9, split="test")[1:])
    for name, caption in rows(folder / "captions.csv")[1:]:
        assert judge(caption, truth[name]) == (True, True, True)


def test_a_line_says_how_to_draw_the_scene_again(folder):
    record = json.loads((folder / "scenes.jsonl").read_text().splitlines()[0])
    assert list(record) == ["image", "split", "size", "seed", "captions", "objects"]
    assert list(record["objects"][0]) == ["shape", "colour", "size", "x", "y", "radius"]
    assert (record["split"], record["size"], record["seed"]) == ("train", 40, 9)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 9, 10])
def test_every_split_gets_one_where_there_are_enough(tmp_path, n):
    shares = write_scenes(tmp_path, n=n, size=32)
    assert sum(shares.values()) == n
    assert [shares[split] > 0 for split in SPLITS] == [n > index for index in range(4)]
    assert len(read_truth(tmp_path)) == n


def test_a_folder_that_holds_something_is_refused_and_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match=r"already holds other things \(such as mine.txt\); choose an empty"):
        write_scenes(tmp_path, n=4, size=32)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="is a file, not a folder"):
        write_scenes(tmp_path / "file", n=4, size=32)
    with pytest.raises(InputError, match="cannot be made"):
        write_scenes(tmp_path / "file" / "below", n=4, size=32)


@pytest.mark.parametrize("arguments", [{"n": 0}, {"n": 4, "size": 8}, {"n": 4, "seed": -3}])
def test_a_wrong_argument_speaks_before_anything_is_written(tmp_path, arguments):
    with pytest.raises(InputError, match="scenes: "):
        write_scenes(tmp_path / "new", **arguments)
    assert not (tmp_path / "new").exists()


def test_an_interruption_leaves_no_table(tmp_path, monkeypatch):
    def full(path, image):
        raise InputError("disk full")

    monkeypatch.setattr("minicap.data.images.save_png", full)
    with pytest.raises(InputError, match="disk full"):
        write_scenes(tmp_path / "new", n=4, size=32)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["images"]
