"""Words and characters of any script."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicap.data import get_tokenizer

word, char = get_tokenizer("word"), get_tokenizer("char")


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("A black dog and a spotted dog .", ["a", "black", "dog", "and", "a", "spotted", "dog"]),
        ("Don't stop; the tri-colored dog's toy!", ["don't", "stop", "the", "tri-colored", "dog's", "toy"]),
        ("the dogs' bone -- 'quoted' - end-", ["the", "dogs", "bone", "quoted", "end"]),
        ("Don’t use rock‑n‑roll", ["don't", "use", "rock-n-roll"]),
        ("two  red\ncircles\tand 3 squares", ["two", "red", "circles", "and", "3", "squares"]),
        ("snake_case and e.g. 3.5%", ["snake", "case", "and", "e", "g", "3", "5"]),
        ("Ein Mädchen läuft über die Straße.", ["ein", "mädchen", "läuft", "über", "die", "straße"]),
        ("Собака бежит по траве.", ["собака", "бежит", "по", "траве"]),
        ("एक काला कुत्ता", ["एक", "काला", "कुत्ता"]),
        ("كَلْبٌ أسود", ["كَلْبٌ", "أسود"]),
        ("می‌خواهم", ["می‌خواهم"]),
        ("一只黑狗", ["一只黑狗"]),
        ("keycap: #", ["keycap"]),
        ("❤️ 👍🏽 !?", []),
        ("<end> <unk>", ["end", "unk"]),
        ("", []),
    ],
)
def test_words(text, tokens):
    assert word.split(text) == tokens


def test_one_word_has_one_spelling():
    assert word.split("Cafe\u0301") == word.split("CAFÉ") == ["café"]


def test_words_are_joined_with_spaces():
    assert word.join(["a", "red", "circle"]) == "a red circle"


def test_characters_keep_spaces_case_and_punctuation():
    assert char.split("A dog,\n 一 e\u0301") == ["A", " ", "d", "o", "g", ",", " ", "一", " ", "é"]
    assert char.join(["a", " ", "b"]) == "a b"


@pytest.mark.parametrize("tokenizer", [word, char], ids=["word", "char"])
@given(text=st.text())
def test_joining_and_splitting_again_changes_nothing(tokenizer, text):
    tokens = tokenizer.split(text)
    assert tokenizer.split(tokenizer.join(tokens)) == tokens


@given(text=st.text())
def test_words_are_lower_case_composed_and_begin_with_a_letter_or_digit(text):
    for token in word.split(text):
        assert token == unicodedata.normalize("NFC", token)
        assert token == token.lower()
        assert token[0].isalnum()
        assert not any(c.isspace() for c in token)


@given(text=st.text(st.characters(categories=["Cs", "Lu"])))
def test_every_token_can_be_written_to_a_file(text):
    for tokenizer in (word, char):
        "".join(tokenizer.split(text)).encode("utf-8")


def test_a_long_text_is_split_in_linear_time():
    assert len(word.split("a-" * 500_000)) == 1
    assert len(word.split("-'" * 500_000)) == 0


def test_names():
    assert (word.name, char.name) == ("word", "char")
    with pytest.raises(ValueError, match="there is no tokenizer 'bpe'; choose one of word, char"):
        get_tokenizer("bpe")
