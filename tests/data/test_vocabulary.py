"""Words and their numbers."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicap.data import END, PAD, SPECIALS, START, UNK, Vocabulary, get_tokenizer
from minicap.errors import InputError

CAPTIONS = ["a red circle", "a blue circle", "a red star", "A Big Square."]


def test_by_hand():
    vocabulary = Vocabulary.build(CAPTIONS)
    assert vocabulary.words == (*SPECIALS, "a", "circle", "red", "big", "blue", "square", "star")
    assert len(vocabulary) == 11
    assert vocabulary.encode("a red hexagon") == [START, 4, 6, UNK, END]
    assert vocabulary.decode([START, 4, 6, UNK, END, 4, PAD]) == "a red <unk>"
    assert "red" in vocabulary
    assert "hexagon" not in vocabulary


def test_the_reserved_numbers():
    assert (PAD, START, END, UNK) == (0, 1, 2, 3)
    assert (Vocabulary.PAD, Vocabulary.START, Vocabulary.END, Vocabulary.UNK) == (0, 1, 2, 3)


def test_min_count_leaves_out_rare_words():
    assert Vocabulary.build(CAPTIONS, min_count=2).words[4:] == ("a", "circle", "red")


def test_nothing_left_says_what_to_do():
    with pytest.raises(InputError, match=r"no word occurs 9 times.*'a', only 4; use --min-count 4 or lower"):
        Vocabulary.build(CAPTIONS, min_count=9)
    with pytest.raises(InputError, match="hold no word"):
        Vocabulary.build(["!!!", ""])


def test_characters():
    vocabulary = Vocabulary.build(["aab b"], tokenizer="char")
    assert vocabulary.words[4:] == ("a", "b", " ")
    assert vocabulary.decode(vocabulary.encode("ab a")) == "ab a"


@pytest.mark.parametrize("tokenizer", ["word", "char"])
def test_text_never_becomes_a_special_token(tokenizer):
    vocabulary = Vocabulary.build(["a <end> b <pad> <start> <unk>"], tokenizer=tokenizer)
    ids = vocabulary.encode("<start> a <end> b")
    assert ids.count(START) == ids.count(END) == 1
    assert UNK not in ids
    assert "<end>" not in vocabulary


@given(captions=st.lists(st.text(), min_size=1), tokenizer=st.sampled_from(["word", "char"]))
def test_known_captions_come_back(captions, tokenizer):
    split, join = get_tokenizer(tokenizer).split, get_tokenizer(tokenizer).join
    if not any(split(caption) for caption in captions):
        return
    vocabulary = Vocabulary.build(captions, tokenizer=tokenizer)
    for caption in captions:
        ids = vocabulary.encode(caption)
        assert len(ids) == len(split(caption)) + 2
        assert vocabulary.decode(np.array(ids)) == join(split(caption))


@given(captions=st.lists(st.text(min_size=1), min_size=1))
def test_the_order_of_the_captions_does_not_matter(captions):
    if any(get_tokenizer("char").split(caption) for caption in captions):
        assert Vocabulary.build(captions, tokenizer="char") == Vocabulary.build(
            captions[::-1], tokenizer="char"
        )


@pytest.mark.parametrize("number", [-1, 11])
def test_an_id_outside_is_refused(number):
    with pytest.raises(ValueError, match=f"there is no id {number}; this vocabulary has ids 0 to 10"):
        Vocabulary.build(CAPTIONS).decode([4, number])


@pytest.mark.parametrize("words", [["a", "a"], ["a", ""], ["a", "<end>"], ["a", 3], ["a", ["b"]]])
def test_bad_words_are_refused(words):
    with pytest.raises(ValueError, match="Vocabulary: "):
        Vocabulary(words)


# Files


def test_a_file_and_back(tmp_path):
    vocabulary = Vocabulary.build([*CAPTIONS, "一只 Straße"])
    vocabulary.save(tmp_path / "vocabulary.json")
    assert Vocabulary.load(tmp_path / "vocabulary.json") == vocabulary
    assert "straße" in (tmp_path / "vocabulary.json").read_text(encoding="utf-8")
    assert [path.name for path in tmp_path.iterdir()] == ["vocabulary.json"]


def test_equality_is_of_words_order_and_tokenizer():
    assert Vocabulary(["a", "b"]) == Vocabulary(["a", "b"])
    assert hash(Vocabulary(["a", "b"])) == hash(Vocabulary(["a", "b"]))
    assert Vocabulary(["a", "b"]) != Vocabulary(["b", "a"])
    assert Vocabulary(["a", "b"]) != Vocabulary(["a", "b"], "char")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "other"}, "is not a vocabulary of the form"),
        ({"words": "abc"}, "'words' must be a list"),
        ({"words": ["<start>", "<pad>", "<end>", "<unk>"]}, "'words' must be a list that begins with <pad>"),
        ({"words": [*SPECIALS, "a", "a"]}, "stands there twice"),
        ({"words": [*SPECIALS, 7]}, "7 cannot be a word"),
        ({"words": [*SPECIALS, ["a"]]}, "cannot be a word"),
        ({"tokenizer": "bpe"}, "there is no tokenizer 'bpe'"),
        ({"tokenizer": ["word"]}, "there is no tokenizer"),
    ],
)
def test_a_file_with_nonsense_is_refused(tmp_path, change, message):
    path = tmp_path / "vocabulary.json"
    path.write_text(json.dumps(Vocabulary(["a"]).to_dict() | change))
    with pytest.raises(InputError, match=message) as error:
        Vocabulary.load(path)
    assert str(error.value).startswith(str(path))


@pytest.mark.parametrize("content", [b"", b"[1, 2", b"[]", b"null", b"[" * 100_000, b"\xff\xfe{", b"\x80"])
def test_a_file_that_is_no_vocabulary(tmp_path, content):
    path = tmp_path / "vocabulary.json"
    path.write_bytes(content)
    with pytest.raises(InputError) as error:
        Vocabulary.load(path)
    assert "\n" not in str(error.value)


def test_a_missing_file_and_a_missing_folder(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        Vocabulary.load(tmp_path / "vocabulary.json")
    with pytest.raises(InputError, match="cannot be written"):
        Vocabulary(["a"]).save(tmp_path / "nowhere" / "vocabulary.json")
