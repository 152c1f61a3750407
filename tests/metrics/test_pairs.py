"""Hostile input: one clear line, which names the image."""

from __future__ import annotations

import pytest

from minicap.metrics import (
    bleu_statistics,
    corpus_bleu,
    corpus_cider,
    corpus_rouge,
    exact_match,
    length_statistics,
    pair_by_id,
)

IDS = ["one.jpg", "two.jpg"]
GOOD = [["a"], ["b"]], [[["a"]], [["b"]]]


@pytest.fixture(params=[corpus_bleu, corpus_cider, corpus_rouge, exact_match, length_statistics])
def metric(request):
    """Each metric in turn."""
    return request.param


def test_good_input_passes_with_and_without_names(metric):
    assert metric(*GOOD) == metric(*GOOD, ids=IDS) == metric(*GOOD, ids=[7, 8])


@pytest.mark.parametrize(
    ("hypotheses", "references", "ids", "message"),
    [
        (
            [["a"]],
            GOOD[1],
            IDS,
            "1 hypotheses but 2 lists of references; .* the first without is image 'two.jpg'",
        ),
        (*GOOD, ["one.jpg"], "1 ids but 2 images"),
        (*GOOD, [7, 7], "image 7 stands twice, at 0 and 1"),
        (GOOD[0], [[["a"]], []], IDS, r"references\[1\] \(image 'two.jpg'\) is empty"),
        (GOOD[0], [[["a"]], None], IDS, r"references\[1\] \(image 'two.jpg'\) is no list"),
        (GOOD[0], [[["a"]], ["b c"]], IDS, r"references\[1\]\[0\] \(image 'two.jpg'\) is the string 'b c'"),
        ([["a"], None], GOOD[1], IDS, r"hypotheses\[1\] \(image 'two.jpg'\) holds None, which is no text"),
        (
            [["a"], ["b", 7]],
            GOOD[1],
            IDS,
            r"hypotheses\[1\] \(image 'two.jpg'\) holds int 7, which is no text",
        ),
        ([["a"], b"bytes"], GOOD[1], IDS, r"\(image 'two.jpg'\) holds int 98"),
        ([["a"], [b"bytes"]], GOOD[1], IDS, r"\(image 'two.jpg'\) holds bytes b'bytes'"),
        ([["a"], (word for word in "b")], GOOD[1], IDS, r"\(image 'two.jpg'\) holds generator"),
        ([["a"], ["b", "\ud83d"]], GOOD[1], IDS, r"\(image 'two.jpg'\) is broken Unicode: .*'\\ud83d', at 2"),
        (
            [["a"], ["b"] * 60_000],
            GOOD[1],
            IDS,
            r"\(image 'two.jpg'\) has 119999 characters; .* at most 100000",
        ),
        (
            [["a"], ["b", "<end>"]],
            GOOD[1],
            IDS,
            r"\(image 'two.jpg'\) holds the marker '<end>', which is never a word",
        ),
        (GOOD[0], [[["a"]], [["<start>", "b"]]], IDS, r"references\[1\]\[0\] .* the marker '<start>'"),
        ([], [], [], "no captions to score"),
    ],
)
def test_bad_input_names_the_image(metric, hypotheses, references, ids, message):
    with pytest.raises(ValueError, match=f"^{metric.__name__}: .*{message}") as caught:
        metric(hypotheses, references, ids=ids)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 250


def test_odd_words_are_still_words(metric):
    odd = ["<unk>", "日本", "🦄", "", " ", "\ufffd", "\u0301"]
    metric([odd, ["x"]], [[odd], [["x"]]])


def test_statistics_check_too():
    with pytest.raises(ValueError, match=r"bleu_statistics: references\[0\] is empty"):
        bleu_statistics([["a"]], [[]])


# Bringing captions and references together


def test_captions_find_their_references_in_any_order():
    references = [("x", "one"), (2, "two"), ("x", "three"), ("unscored", "four")]
    paired = pair_by_id([(2, "b"), ("x", "a")], references, all_scored=False)
    assert paired.ids == [2, "x"]
    assert paired.hypotheses == ["b", "a"]
    assert paired.references == [["two"], ["one", "three"]]


def test_captions_may_be_split_already():
    assert pair_by_id([(1, ["a"])], [(1, ["b"])]).references == [[["b"]]]


@pytest.mark.parametrize(
    ("hypotheses", "references", "message"),
    [
        ([("x", "a"), ("y", "b")], [("x", "a")], "image 'y' has no references$"),
        ([("7", "a")], [(7, "a")], "image '7' has no references; they call it 7, a int"),
        ([("x", "a"), ("x", "b")], [("x", "a")], "image 'x' has two captions"),
        (
            [("x", "a")],
            [("x", "a"), ("y", "b"), ("z", "c")],
            "image 'y' has references but no caption, with 1 other",
        ),
        ([("x", None)], [("x", "a")], "caption of image 'x' is None, which is no text"),
        ([("x", "a")], [("x", 3.5)], "reference of image 'x' is float 3.5, which is no text"),
        ([("x", "a\udc80")], [("x", "a")], "caption of image 'x' is broken Unicode"),
        ([("x", "a" * 10_000_000)], [("x", "a")], "caption of image 'x' has 10000000 characters"),
        ([("x", ["a", 1])], [("x", "a")], "caption of image 'x' holds int 1"),
        ([({"id": 1}, "a")], [("x", "a")], r"\{'id': 1\} names no image"),
        ([], [("x", "a")], "no captions to score"),
    ],
)
def test_what_cannot_be_paired_is_named(hypotheses, references, message):
    with pytest.raises(ValueError, match=f"^pair_by_id: {message}"):
        pair_by_id(hypotheses, references)
