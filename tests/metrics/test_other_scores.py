"""Exact match, perplexity, truth and signatures."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicap.metrics import exact_match, perplexity, signature, signature_text, truth_scores


def test_exact_match_counts_captions_equal_to_any_reference():
    references = [[["a", "dog"], ["the", "dog"]], [["a", "cat"]], [["a", "cat"]], [["a"]]]
    hypotheses = [("the", "dog"), ["a", "cat"], ["cat", "a"], []]
    assert exact_match(hypotheses, references) == 0.5


def test_exact_match_names_the_picture_without_references():
    with pytest.raises(ValueError, match=r"exact_match: references\[1\] is empty"):
        exact_match([["a"], ["b"]], [[["a"]], []])


@given(st.integers(2, 10_000), st.integers(1, 1000))
def test_guessing_among_v_equal_words_has_perplexity_v(v, words):
    assert perplexity(words * math.log(v), words) == pytest.approx(v)


def test_a_certain_model_has_perplexity_one_and_a_hopeless_one_infinity():
    assert perplexity(0.0, 5) == 1.0
    assert perplexity(1e9, 5) == math.inf


@pytest.mark.parametrize(("nats", "words"), [(1.0, 0), (-1.0, 3), (math.nan, 3)])
def test_perplexity_of_nonsense_is_refused(nats, words):
    with pytest.raises(ValueError, match=r"perplexity: (words|nats) is"):
        perplexity(nats, words)


def test_truth_in_all_and_by_count():
    judgements = [(True, True, True), (True, True, False), (True, False, True), (False, False, False)]
    assert truth_scores(judgements, [1, 1, 3, 3]) == {
        "truth": 0.25,
        "truth_loose": 0.5,
        "truth_by_count": {"1": 0.5, "3": 0.0},
    }


def test_truth_has_no_keys_without_scenes():
    assert truth_scores([], []) == {}


def test_truth_needs_a_count_for_each_judgement():
    with pytest.raises(ValueError, match="2 judgements but 1 object counts"):
        truth_scores([(True, True, True)] * 2, [1])


def test_a_signature_says_how_a_score_came_about():
    parts = signature("word", [[["a"], ["b"]], [["c"]]], version="1.2.3")
    assert parts == {
        "tokenizer": "word",
        "smoothing": "none",
        "end_marker": "excluded",
        "idf": "references scored",
        "n_images": 2,
        "n_references": 3,
        "version": "1.2.3",
    }
    assert signature_text(parts) == (
        "tokenizer:word|smoothing:none|end_marker:excluded|idf:references scored"
        "|n_images:2|n_references:3|version:1.2.3"
    )


def test_a_signature_beside_one_score_begins_with_what_it_is():
    parts = signature("ptb", [[["a"]]], version="1", metric="cider", idf="COCO val2014", end_marker="counted")
    assert signature_text(parts).startswith("metric:CIDEr-D, n 4, sigma 6|tokenizer:ptb|")
    assert (parts["idf"], parts["end_marker"]) == ("COCO val2014", "counted")
    meteor = signature("ptb", [[["a"]]], version="1", metric="meteor")["metric"]
    assert "exact and stem" in meteor
    assert "no synonyms" in meteor
    assert signature("ptb", [[["a"]]], version="1", metric="my own")["metric"] == "my own"
