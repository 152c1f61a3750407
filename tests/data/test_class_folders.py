"""A folder per class: with and without splits, and what is left out."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from minicap.data import Preprocessing, read_classes, save_png
from minicap.errors import InputError


@pytest.fixture
def tree(tmp_path: Path):
    """Return a maker of folders from the paths of pictures; a path that ends in a slash is an empty folder."""

    def make(*paths: str) -> Path:
        for i, name in enumerate(paths):
            path = tmp_path / name
            (path if name.endswith("/") else path.parent).mkdir(parents=True, exist_ok=True)
            if path.suffix == ".png" and not name.endswith("/"):
                save_png(path, np.full((4, 4, 3), i, np.uint8))
            elif not name.endswith("/"):
                path.write_text("text")
        return tmp_path

    return make


def many(where: str, count: int) -> list[str]:
    """Return the paths of some pictures in a folder."""
    return [f"{where}/{i:03d}.png" for i in range(count)]


# Good data


def test_folders_without_splits_are_split_class_by_class(tree):
    corpus = read_classes(tree(*many("cat", 20), *many("dog", 10), *many("rare", 3), *many("one", 1)))
    assert corpus.kind == "class folders"
    assert corpus.report.lines() == [
        "no split lists: 80 % train, 10 % val and 10 % test of each class were drawn by the names' hash"
    ]
    counts = {split: Counter(corpus.split(split).labels) for split in corpus.splits}
    assert counts == {
        "train": {"cat": 16, "dog": 8, "rare": 1, "one": 1},
        "val": {"cat": 2, "dog": 1, "rare": 1},
        "test": {"cat": 2, "dog": 1, "rare": 1},
    }
    data = corpus.split("all")
    assert all(name.startswith(f"{label}/") for name, label in zip(data.names, data.labels, strict=True))
    assert data.mode == "RGB"
    assert data.pixels(Preprocessing(4)).shape == (34, 4, 4, 3)


@pytest.mark.parametrize("val", ["val", "valid", "Validation", "dev"])
def test_folders_with_splits(tree, val):
    names = ["train/cat/1.png", "train/dog/sub/deeper/2.png", f"{val}/dog/3.png", "test/cat/4.png"]
    corpus = read_classes(tree(*names))
    assert corpus.report.lines() == []
    assert (corpus.train.names, corpus.train.labels) == (tuple(names[:2]), ("cat", "dog"))
    assert (corpus.val.names, corpus.val.labels) == ((names[2],), ("dog",))
    assert (corpus.test.names, corpus.test.labels) == ((names[3],), ("cat",))
    assert read_classes(corpus.path, split="test").splits == ("test",)


def test_a_tenth_of_train_is_kept_for_val(tree):
    path = tree(*many("train/cat", 30), *many("train/dog", 20), *many("train/two", 2), *many("test/cat", 5))
    corpus = read_classes(path)
    assert Counter(corpus.val.labels) == {"cat": 3, "dog": 2}
    assert Counter(corpus.train.labels) == {"cat": 27, "dog": 18, "two": 2}
    assert len(corpus.test) == 5
    assert all(name.startswith("train/") for name in corpus.val.names)
    assert corpus.report.lines() == [
        "no validation split: 10 % of the training images of each class were kept for it by a draw"
    ]
    assert read_classes(path).val.names == corpus.val.names


def test_classes_may_be_named_like_splits(tree):
    corpus = read_classes(tree("train/1.png", "car/1.png", "plane/1.png"))
    assert set(corpus.train.labels) == {"train", "car", "plane"}


# Wrong, but survived


def test_what_belongs_nowhere_is_counted(tree):
    path = tree(
        *many("cat", 3), *many("dog", 3), "stray.png", "notes.txt", "empty/", "texts/a.txt", ".git/x.png",
        "cat/.hidden.png", "cat/.thumbs/x.png", "dog/readme.md",
    )  # fmt: skip
    (path / "cat" / "broken.png").write_bytes(b"\x89PNG no more")
    corpus = read_classes(path)
    assert Counter(corpus.split("all").labels) == {"cat": 3, "dog": 3}
    assert corpus.report.lines()[:-1] == [
        "1 image stands in no class folder and was left out (first: stray.png)",
        "2 class folders hold no image (first: empty, texts)",
        "1 of 7 images cannot be read (first: cat/broken.png is no picture that can be read)",
    ]


def test_what_stands_beside_the_splits_is_counted(tree):
    path = tree("train/cat/1.png", "train/dog/2.png", "val/cat/3.png", "extra/4.png", "docs/a.txt", "5.png")
    save_png(path / "train" / "6.png", np.zeros((4, 4, 3), np.uint8))
    (path / "val" / "dog").mkdir()
    corpus = read_classes(path)
    assert len(corpus.split("all")) == 3
    assert corpus.report.lines() == [
        "2 images stand in no class folder and were left out (first: train/6.png, 5.png)",
        "1 class folder holds no image (first: val/dog)",
        "1 folder beside the splits is none of them and was left out (first: extra)",
    ]


def test_a_name_that_cannot_be_shown_is_broken(tree):
    path = tree(*many("cat", 3), *many("dog", 3))
    try:
        save_png(path / "cat" / "a\nb.png", np.zeros((4, 4, 3), np.uint8))
    except InputError:
        pytest.skip("this file system has no such names")
    corpus = read_classes(path)
    assert len(corpus.split("all")) == 6
    assert "1 name is broken (first: cat/a?b.png)" in corpus.report.lines()


def test_links_in_a_circle_end(tree):
    path = tree(*many("a/cat", 3), *many("a/dog", 3)) / "a"
    try:
        os.symlink(path, path / "loop")
        os.symlink(path, path / "cat" / "up")
        os.symlink(path / "cat", path / "cat" / "again")
        os.symlink(path / "self", path / "self")
        os.symlink(path.parent, path / "dog" / "higher")
    except OSError:
        pytest.skip("this file system has no links")
    corpus = read_classes(path)
    assert Counter(corpus.split("all").labels) == {"cat": 3, "dog": 3}
    assert len(corpus.report.lines()) == 1


def test_a_link_to_a_folder_of_pictures_is_followed(tree):
    path = tree(*many("store/x", 3), *many("data/cat", 3), "data/")
    try:
        os.symlink(path / "store" / "x", path / "data" / "dog")
    except OSError:
        pytest.skip("this file system has no links")
    assert Counter(read_classes(path / "data").split("all").labels) == {"cat": 3, "dog": 3}


# Refused


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "is an empty folder; recognised are IDX files"),
        (["a.txt"], "holds no classes; recognised are IDX files"),
        (["a.png", "b.png"], "has 2 images but no classes; recognised are"),
        (["cat/a.png"], "has 1 image but no classes; recognised are .* two or more folders of pictures"),
        (["train/a.png", "val/b.png"], "has 2 images but no classes"),
        (
            ["train/cat/a.png", "val/cat/b.png"],
            "two classes or more are needed, but there is only 'cat'; add a",
        ),
        (["cat/a.png/", "dog/b.png/"], "is an empty folder"),
    ],
)
def test_folders_that_are_refused(tree, names, message):
    with pytest.raises(InputError, match=message) as error:
        read_classes(tree(*names))
    assert "\n" not in str(error.value)


def test_nothing_but_broken_pictures(tree):
    path = tree("cat/", "dog/")
    for name in ("cat/a.png", "dog/b.png"):
        (path / name).write_text("no picture")
    with pytest.raises(InputError, match="no classified image remains: 2 of 2 images cannot be read"):
        read_classes(path)


def test_a_folder_that_may_not_be_read(tree, monkeypatch):
    path = tree(*many("cat", 3), *many("dog", 3))
    scandir = os.scandir

    def refuse(place):
        if os.fspath(place).endswith("dog"):
            raise PermissionError(13, "Permission denied", str(place))
        return scandir(place)

    assert read_classes(path).splits
    monkeypatch.setattr("minicap.data.class_folders._has_pictures", lambda folder: True)
    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(InputError, match=r"dog: cannot be read .Permission denied.; check its permissions"):
        read_classes(path)


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="for the administrator nothing is locked"
)
def test_a_locked_folder(tree):
    path = tree(*many("cat", 3), *many("dog", 3))
    path.chmod(0)
    try:
        with pytest.raises(InputError, match=r"cannot be read .Permission denied.; check its permissions"):
            read_classes(path)
    finally:
        path.chmod(0o700)
