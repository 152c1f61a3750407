"""Flickr8k as it is distributed, with its well-known faults."""

from __future__ import annotations

import pytest

from minicap.data import CaptionBatches, Preprocessing, Vocabulary, read_captions
from minicap.errors import InputError

TOKENS = """\
1.png#0\tA child in a pink dress .
1.png#1\tA girl going into a wooden building .
2.png#0\tA black dog and a spotted dog are fighting
3.png#0\tTwo men
4.png#0\tIn no list
2258277193_586949ec62.jpg.1#0\tpeople waiting for the subway
"""
LISTS = {"Flickr_8k.trainImages.txt": "1.png\n2.png\n", "Flickr_8k.devImages.txt": "3.png\r\n"}


def test_the_usual_distribution(folder):
    corpus = read_captions(folder("1.png 2.png 3.png 4.png", texts={"Flickr8k.token.txt": TOKENS, **LISTS}))
    assert corpus.kind == "Flickr8k tokens"
    assert corpus.splits == ("train", "val")
    assert corpus.train.captions[0] == ("A child in a pink dress .", "A girl going into a wooden building .")
    assert corpus.val.names == ("3.png",)
    assert corpus.report.lines() == [
        "1 of 5 images is in no split and was left out (first: 4.png)",
        "1 name is broken (first: 2258277193_586949ec62.jpg.1)",
    ]


def test_the_token_file_can_be_named_itself(folder):
    path = folder("1.png 2.png", texts={"results_20130124.token": TOKENS})
    assert read_captions(path / "results_20130124.token").train.names == read_captions(path).train.names


def test_lemmas_are_no_captions(folder):
    texts = {
        "Flickr8k.lemma.token.txt": "1.png#0\ta child in a pink dress be\n",
        "Flickr8k.token.txt": TOKENS,
        **LISTS,
    }
    assert read_captions(folder("1.png", texts=texts)).path.name == "Flickr8k.token.txt"


def test_without_lists_the_splits_are_drawn(folder):
    corpus = read_captions(folder("1.png 2.png 3.png 4.png", texts={"Flickr8k.token.txt": TOKENS}))
    assert [len(corpus.split(split)) for split in ("train", "val", "test")] == [2, 1, 1]


def test_broken_lines_are_counted(folder):
    tokens = TOKENS + "no tab here\n5.png\tno number\n5.png#x\tno digit\n1.png#9\t  \n1.png#3\ttoo\tmany\n\n"
    corpus = read_captions(folder("1.png 2.png 3.png", texts={"Flickr8k.token.txt": tokens, **LISTS}))
    assert corpus.report.lines()[:2] == [
        "4 rows have the wrong number of fields "
        "(first: line 7 of Flickr8k.token.txt, line 8 of Flickr8k.token.txt, line 9 of Flickr8k.token.txt)",
        "1 of 11 captions is empty (first: 1.png#9)",
    ]


def test_a_loop_of_links_ends(folder):
    path = folder("1.png 2.png 3.png", texts={"Flickr8k.token.txt": TOKENS, **LISTS})
    (path / "images" / "up").symlink_to(path, target_is_directory=True)
    assert len(read_captions(path).train) == 2


def test_a_token_file_without_captions(folder):
    with pytest.raises(InputError, match=r"holds no line of the form name.jpg#0<tab>caption"):
        read_captions(folder("1.png", texts={"Flickr8k.token.txt": "hello\n"}))


def test_the_real_one(shared_data):
    corpus = read_captions(shared_data / "flickr8k")
    assert (len(corpus.train), len(corpus.val)) == (753, 113)
    assert {len(captions) for captions in corpus.train.captions} == {5}
    report = "\n".join(corpus.report.lines())
    assert "7,009 of 7,875 images are not there" in report
    assert "1 name is broken (first: 2258277193_586949ec62.jpg.1)" in report
    with pytest.raises(InputError, match=r"no captioned image remains: .*875 of 875 images are not there"):
        read_captions(shared_data / "flickr8k", split="test")


def test_batches_of_real_photographs(shared_data):
    data = read_captions(shared_data / "flickr8k", split="dev").val.subset(range(8))
    vocabulary = Vocabulary.build(data.all_captions())
    batches = CaptionBatches(data, vocabulary, Preprocessing(32), 4, captions_per_image=5)
    images, tokens, mask = batches.epoch(0)[0]
    assert images.shape == (4, 3, 32, 32)
    assert len(tokens) == len(mask) == 20
    assert -1 <= images.min() < -0.2 < 0.2 < images.max() <= 1
