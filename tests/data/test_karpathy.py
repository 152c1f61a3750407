"""Karpathy's dataset.json: splits, names, sentences, and pictures that need not be there."""

from __future__ import annotations

import json

import pytest

from minicap.data.readers import read_captions, read_data
from minicap.errors import InputError


def image(name, split="train", *sentences, **more):
    said = [{"raw": text} for text in sentences or (f"A picture called {name} .",)]
    return {"filename": name, "split": split, "sentences": said} | more


def written(*images):
    return {"dataset.json": json.dumps({"images": list(images), "dataset": "flickr8k"})}


def test_the_usual_distribution(folder):
    images = [
        image("1.png", "train", "A dog runs .", " Two  dogs . "),
        image("2.png", "val"), image("3.png", "test"), image("4.png", "restval"),
    ]  # fmt: skip
    corpus = read_captions(folder("1.png 2.png 3.png 4.png", texts=written(*images)))
    assert corpus.kind == "Karpathy's dataset.json"
    assert corpus.splits == ("train", "val", "test")
    assert corpus.train.names == ("1.png", "4.png")  # restval is for training
    assert corpus.train.captions[0] == ("A dog runs .", "Two dogs .")
    assert corpus.report.lines() == []


def test_the_file_can_be_named_itself(folder):
    path = folder("1.png 2.png", texts=written(image("1.png"), image("2.png", "val")))
    assert read_captions(path / "dataset.json").train.names == ("1.png",)


def test_a_folder_of_the_split_is_part_of_the_name(folder):
    corpus = read_captions(folder("1.png", texts=written(image("1.png", filepath="train2014"))))
    assert corpus.train.names == ("train2014/1.png",)


def test_sentences_of_tokens_alone_are_read(folder):
    entry = image("1.png") | {"sentences": [{"tokens": ["a", "dog"]}]}
    assert read_captions(folder("1.png", texts=written(entry))).train.captions == (("a dog",),)


def test_pictures_need_not_be_there_where_nobody_looks(folder):
    path = folder("1.png", texts=written(image("1.png"), image("2.png"), image("3.png", "val")))
    assert read_captions(path).splits == ("train",)
    corpus = read_data(path, "caption", pictures=False)
    assert (corpus.train.names, corpus.val.names) == (("1.png", "2.png"), ("3.png",))
    assert corpus.train.images[0].is_file()
    assert corpus.report.lines() == []


def test_what_cannot_be_used_is_counted(folder):
    images = [
        image("1.png"), image("1.png"), image("2.png", "somewhere"), image("3.png") | {"sentences": []},
    ]  # fmt: skip
    corpus = read_captions(folder("1.png 2.png 3.png", texts=written(*images)))
    assert corpus.report.lines() == [
        "1 image stands in two splits and stays in the first (first: 1.png)",
        "1 split entry names no known split (first: somewhere)",
        "1 of 4 images has no caption (first: 3.png)",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"sentences": 3}', "is no Karpathy dataset.json"),
        ('{"images": 3, "sentences": 0}', "images is no list"),
        ('{"images": ["sentences"]}', "image 1 lacks a filename, split or sentences"),
        ('{"images": [{"filename": "a.png", "sentences": []}]}', "image 1 lacks .*'split'"),
        ('{"images": [{"filename": "a.png", "split": 3, "sentences": []}]}', "image 1 lacks"),
        ('{"images": [{"filename": "a.png", "split": "train", "sentences": ["x"]}]}', "image 1 lacks"),
        ('{"images": [], "sentences": 0}', "holds no caption of a known split"),
        ('{"images": [' + "[" * 100_000 + ' "sentences"', "is no Karpathy dataset.json"),
    ],
)
def test_a_broken_file_is_one_clear_line(text, message, folder):
    with pytest.raises(InputError, match=message):
        read_captions(folder(texts={"dataset.json": text}))
