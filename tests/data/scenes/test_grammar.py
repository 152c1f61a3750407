"""What is a sentence: written and read back, and everything else refused."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicap.data.scenes import COLOURS, SHAPES, SIZES, WORDS
from minicap.data.scenes.geometry import PLACES, RELATIONS
from minicap.data.scenes.grammar import MAX_WORDS, OPENINGS, Clause, Group, parse, write_sentence

groups = st.builds(
    Group,
    st.integers(1, 3),
    st.sampled_from([None, *SIZES]),
    st.sampled_from(COLOURS),
    st.sampled_from(SHAPES),
    st.none(),
)
placed = st.builds(
    lambda group, place: Clause(group._replace(place=place)), groups, st.sampled_from([None, *PLACES])
)
related = st.builds(Clause, groups, st.sampled_from(RELATIONS), groups)
sentences = st.lists(placed | related, min_size=1, max_size=3)


@given(sentences, st.sampled_from(OPENINGS))
def test_what_is_written_is_read_back(clauses, opening):
    sentence = write_sentence(clauses, opening)
    assert parse(sentence) == tuple(clauses)
    assert set(sentence.split()) <= set(WORDS)


def test_the_vocabulary_is_small_and_lower_case():
    assert len(WORDS) == len(set(WORDS)) == 44
    assert all(word.isascii() and word.isalpha() and word.islower() for word in WORDS)


@pytest.mark.parametrize(
    "caption",
    [
        "a red circle",
        "an orange star",
        "a large orange star",
        "there is an orange cross in the middle",
        "there are two red crosses above a blue heart",
        "a picture of three small pink hearts on the left",
        "a black square at the top and a green circle inside a yellow triangle",
        "A Red CIRCLE.",
        "  a red\tcircle \n .",
    ],
)
def test_sentences(caption):
    assert parse(caption) is not None


@pytest.mark.parametrize(
    "caption",
    [
        "",
        ".",
        "circle",
        "a circle",
        "red circle",
        "a red",
        "a red circle and",
        "and a red circle",
        "a red circle a blue square",
        "a orange star",
        "an red star",
        "an large orange star",
        "a red circles",
        "two red circle",
        "two red crosss",
        "one red circle",
        "a red large circle",
        "a large small red circle",
        "there is two red circles",
        "there are a red circle",
        "there is",
        "is a red circle",
        "a picture a red circle",
        "a red circle in the top",
        "a red circle at the top left",
        "a red circle in the left top",
        "a red circle in the middle left",
        "a red circle on the left of a blue square",
        "a red circle above",
        "a red circle left a blue square",
        "a red circle above a blue square above a green star",
        "a red circle in the middle above a blue square",
        "a red circle, a blue square",
        "a red circle..",
        "a red. circle",
        "a rouge circle",
        "a red circle <end>",
    ],
)
def test_no_sentences(caption):
    assert parse(caption) is None


@given(
    st.text(max_size=200)
    | st.lists(st.sampled_from([*WORDS, ".", "\0", "\ud800", "é"]), max_size=50).map(" ".join)
)
def test_any_text_is_read_without_an_error(text):
    clauses = parse(text)
    assert clauses is None or parse(write_sentence(clauses)) == clauses


def test_a_sentence_ends_after_forty_words():
    fits = " and ".join(["a red circle"] * (MAX_WORDS // 4))
    assert len(fits.split()) == MAX_WORDS - 1
    assert parse(fits + ".") is not None
    assert parse(fits + " and a red circle") is None


@pytest.mark.parametrize(
    "text",
    ["a red circle and " * 600_000, "x" * 10_000_000, " " * 10_000_000, "." * 10_000_000, "é " * 3_000_000],
)
def test_ten_megabytes_are_refused_after_the_first_words(text):
    assert parse(text) is None


def test_shuffled_sentences_are_mostly_none(everything):
    order = random.Random(0)
    total = survived = 0
    for scene in everything:
        for caption in scene.captions:
            words = caption.split()
            order.shuffle(words)
            shuffled = " ".join(words)
            if shuffled != caption:
                total += 1
                survived += parse(shuffled) is not None
    assert total > 2000
    assert survived < 0.1 * total
