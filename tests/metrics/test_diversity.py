"""Diversity: counted by hand, and at its ends."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicap.metrics import diversity

captions = st.lists(st.lists(st.sampled_from("abcd"), max_size=6), min_size=1, max_size=8)

SAID = [["a", "dog"], ["a", "cat"], ["a", "dog"], ["a", "a", "dog"]]


def test_an_example_counted_by_hand():
    found = diversity(
        SAID, train_captions=[["a", "dog"], ["the", "cow"]], vocabulary=["a", "dog", "the", "cow"]
    )
    assert found.distinct_1 == 3 / 9  # a, dog, cat
    assert found.distinct_2 == 3 / 5  # a dog, a cat, a a
    assert found.words == 3
    assert found.captions == 3
    assert found.vocabulary_share == 2 / 4  # "cat" is not in the vocabulary
    assert found.copied == 2 / 4


def test_without_a_training_split_there_is_nothing_to_copy_from():
    found = diversity(SAID)
    assert found.copied is None
    assert found.vocabulary_share is None
    assert found.as_dict().keys() == {"distinct_1", "distinct_2", "words", "captions"}


def test_the_words_of_the_training_captions_are_the_vocabulary_unless_another_is_given():
    train = [["a", "dog", "x", "y"]]
    assert diversity(SAID, train_captions=train).vocabulary_share == 2 / 4
    assert diversity(SAID, train_captions=train, vocabulary={"a"}).vocabulary_share == 1.0


@given(captions, st.randoms(use_true_random=False))
def test_shares_are_in_range_and_the_order_of_captions_changes_nothing(said, random):
    found = diversity(said, train_captions=[list("ab"), []])
    assert all(
        0 <= share <= 1
        for share in (found.distinct_1, found.distinct_2, found.vocabulary_share, found.copied)
    )
    mixed = random.sample(said, len(said))
    assert diversity(mixed, train_captions=[list("ab"), []]) == found


@given(captions)
def test_captions_copied_from_training_are_all_found_and_saying_them_twice_halves_what_is_distinct(said):
    once, twice = diversity(said, train_captions=[*said, ["a"]]), diversity(said * 2)
    assert once.copied == 1.0
    assert (twice.words, twice.captions) == (once.words, once.captions)
    assert twice.distinct_1 == pytest.approx(once.distinct_1 / 2)


def test_captions_without_words():
    found = diversity([[], []])
    assert found[:4] == (0.0, 0.0, 0, 1)


@pytest.mark.parametrize(
    ("said", "options", "message"),
    [
        ([], {}, "no captions"),
        (["a dog"], {}, r"hypotheses\[0\] is the string"),
        ([["a", "<end>"]], {}, "the marker '<end>'"),
        ([["a"]], {"train_captions": [["a"], "a dog"]}, r"train_captions\[1\] is the string"),
        ([["a"]], {"train_captions": []}, "the vocabulary is empty"),
        ([["a"]], {"vocabulary": []}, "the vocabulary is empty"),
    ],
)
def test_bad_input_is_refused(said, options, message):
    with pytest.raises(ValueError, match=f"^diversity: {message}|^diversity: .*{message}"):
        diversity(said, **options)
