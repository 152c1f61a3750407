"""Classes or tags and their numbers."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicap.data import Labels
from minicap.errors import InputError

TAGS = [("cat", "dog"), ("dog",), (), ("dog", "bird", "cat"), ("ant",)]
names = st.text(min_size=1).filter(str.strip)


def test_by_hand():
    labels = Labels(["cat", "dog", "ant"])
    assert labels.names == ("cat", "dog", "ant")
    assert len(labels) == 3
    assert "dog" in labels
    assert "bird" not in labels
    assert labels.numbers(["ant", "cat", "ant"]).tolist() == [2, 0, 2]
    assert labels.marked([("ant", "cat"), ()]).tolist() == [[True, False, True], [False] * 3]


@pytest.mark.parametrize("wrong", ["", " ", "\n", 3, None, ["cat"]])
def test_what_cannot_be_a_name(wrong):
    with pytest.raises(ValueError, match=r"Labels: .* cannot be a name; names are text"):
        Labels(["cat", wrong])


def test_no_name_and_one_twice():
    with pytest.raises(ValueError, match="there is no name; give one or more"):
        Labels([])
    with pytest.raises(ValueError, match="'dog' stands there twice; give each name once"):
        Labels(["cat", "dog", "ant", "dog"])


def test_names_that_differ_in_case_or_spaces_are_two():
    assert len(Labels(["cat", "Cat", "cat "])) == 3


# Classes


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ("dog cat dog ant", "ant cat dog"),
        ("10 9 1 2 0", "0 1 2 9 10"),
        ("class10 class9 class class1", "class class1 class9 class10"),
        ("a2b10 a2b9 a10b1", "a2b9 a2b10 a10b1"),
        ("1 01 001 2", "001 01 1 2"),  # the same number: as text
        ("b 7 a 12", "7 12 a b"),  # numbers before letters
        ("1.10 1.9", "1.9 1.10"),
        ("-2 -1", "-1 -2"),  # a dash is no sign
        ("x² x10 x9", "x9 x10 x²"),  # a small 2 is no digit
        ("٢ ١٠ ١", "١ ٢ ١٠"),  # 2, 10 and 1 in Arabic digits
    ],
)
def test_classes_stand_in_alphabetical_order_and_numbers_as_numbers(found, expected):
    assert Labels.of_classes(found.split()).names == tuple(expected.split())


@given(numbers=st.sets(st.integers(0, 10**6), min_size=2))
def test_numbered_classes_count_up(numbers):
    labels = Labels.of_classes(f"{number} apples" for number in numbers)
    assert labels.names == tuple(f"{number} apples" for number in sorted(numbers))


@given(found=st.lists(names, min_size=2), data=st.data())
def test_each_class_has_one_number_whatever_comes_first(found, data):
    if len(set(found)) >= 2:
        labels = Labels.of_classes(found)
        assert sorted(labels.names) == sorted(set(found))
        assert Labels.of_classes(data.draw(st.permutations(found))) == labels


def test_a_number_of_any_length_is_a_name():
    long, longer = "7" * 5000, "7" * 5001
    assert Labels.of_classes([longer, "x", "8", long]).names == ("8", long, longer, "x")


@pytest.mark.parametrize("found", [["cat"], ["cat"] * 5])
def test_one_class_is_nothing_to_learn(found):
    with pytest.raises(
        InputError, match=r"the training pictures are of 1 class \(cat\); two or more are needed"
    ):
        Labels.of_classes(found)


# Tags


def test_tags_stand_in_order_of_frequency_ties_in_alphabetical_order():
    assert Labels.of_tags(TAGS).names == ("dog", "cat", "ant", "bird")


def test_a_tag_counts_once_a_picture():
    assert Labels.of_tags([("cat", "cat", "cat"), ("dog",), ("dog",)]).names == ("dog", "cat")
    assert Labels.of_tags([("cat", "cat", "cat"), ("dog",), ("dog",)], min_count=2).names == ("dog",)


def test_min_count_leaves_out_rare_tags():
    assert Labels.of_tags(TAGS, min_count=2).names == ("dog", "cat")
    assert Labels.of_tags(TAGS, min_count=3).names == ("dog",)


def test_no_tag_left_says_what_to_do():
    message = r"none occurs on 4 pictures.*'dog', only on 3; use --min-count 3 or lower"
    with pytest.raises(InputError, match=message):
        Labels.of_tags(TAGS, min_count=4)
    with pytest.raises(InputError, match="none of the training pictures has a tag; give some tags to learn"):
        Labels.of_tags([(), ()])


@given(tags=st.lists(st.lists(names, max_size=3), min_size=1), min_count=st.integers(1, 3), data=st.data())
def test_frequent_tags_have_numbers_whatever_comes_first(tags, min_count, data):
    counts = Counter(tag for several in tags for tag in set(several))
    frequent = {tag for tag, count in counts.items() if count >= min_count}
    if frequent:
        labels = Labels.of_tags(tags, min_count=min_count)
        assert set(labels.names) == frequent
        assert [counts[tag] for tag in labels.names] == sorted(
            (counts[tag] for tag in frequent), reverse=True
        )
        assert Labels.of_tags(data.draw(st.permutations(tags)), min_count=min_count) == labels


# Numbers


@given(found=st.lists(names, min_size=1, unique=True), data=st.data())
def test_a_number_is_a_place(found, data):
    labels = Labels(found)
    some = data.draw(st.lists(st.sampled_from(found)))
    numbers = labels.numbers(iter(some))
    assert (numbers.dtype, numbers.shape) == (np.int64, (len(some),))
    assert [labels.names[number] for number in numbers] == some


def test_a_class_that_was_not_learnt():
    with pytest.raises(InputError, match=r"'cow' is none of the 2 classes learnt \(cat, dog\); leave those"):
        Labels(["cat", "dog"]).numbers(["dog", "cow", "cat"])
    many = Labels([str(number) for number in range(9)])
    with pytest.raises(
        InputError, match=r"'9' is none of the 9 classes learnt \(0, 1, 2, 3, 4, 5, 6, 7, \.\.\.\)"
    ):
        many.numbers(["9"])


def test_marks_pass_over_tags_without_a_number():
    marks = Labels.of_tags(TAGS, min_count=2).marked([*TAGS, ("cow",), ("cat", "cow", "cat")])
    assert marks.dtype == np.bool_
    assert marks.astype(int).tolist() == [[1, 1], [1, 0], [0, 0], [1, 1], [0, 0], [0, 0], [0, 1]]


def test_marks_of_no_picture():
    assert Labels(["cat", "dog"]).marked([]).shape == (0, 2)


# Files


@given(found=st.lists(names, min_size=1, unique=True))
def test_a_file_and_back(tmp_path, found):
    Labels(found).save(tmp_path / "labels.json")
    assert Labels.load(tmp_path / "labels.json") == Labels(found)


def test_a_file_can_be_read_by_people(tmp_path):
    Labels(["Straße", "一只"]).save(tmp_path / "labels.json")
    text = (tmp_path / "labels.json").read_text(encoding="utf-8")
    assert json.loads(text) == {"format": "minicap-labels-1", "names": ["Straße", "一只"]}
    assert "Straße" in text
    assert [path.name for path in tmp_path.iterdir()] == ["labels.json"]


def test_equality_is_of_names_and_order():
    assert Labels(["a", "b"]) == Labels(("a", "b"))
    assert hash(Labels(["a", "b"])) == hash(Labels(("a", "b")))
    assert Labels(["a", "b"]) != Labels(["b", "a"])
    assert Labels(["a", "b"]) != ("a", "b")


def test_what_is_shown():
    assert repr(Labels(["cat", "dog"])) == "Labels(2 names: cat, dog)"
    assert repr(Labels(list("abcdefg"))) == "Labels(7 names: a, b, c, d, e)"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"format": "minicap-vocabulary-1"},
            "is no list of names of the form minicap-labels-1; make it again",
        ),
        ({"format": ["minicap-labels-1"]}, "is no list of names"),
        ({"names": "cat"}, "'names' must be a list of texts"),
        ({"names": {"cat": 0}}, "'names' must be a list of texts"),
        ({"names": None}, "'names' must be a list of texts"),
        ({"names": []}, "there is no name"),
        ({"names": ["cat", "cat"]}, "'cat' stands there twice"),
        ({"names": ["cat", 7]}, "7 cannot be a name"),
        ({"names": ["cat", ["dog"]]}, "cannot be a name"),
        ({"names": ["cat", ""]}, "'' cannot be a name"),
    ],
)
def test_a_file_with_nonsense_is_refused(tmp_path, change, message):
    path = tmp_path / "labels.json"
    path.write_text(json.dumps(Labels(["cat"]).to_dict() | change))
    with pytest.raises(InputError, match=message) as error:
        Labels.load(path)
    assert str(error.value).startswith(str(path))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is no sound JSON"),
        (b'{"format": "minicap-labels-1", "names": ["cat"', "is no sound JSON"),
        (b"[" * 100_000, "is no sound JSON"),
        (b"7" * 5000, "is no sound JSON"),  # more digits than Python reads
        (b"null", "is no list of names"),
        (b'["cat", "dog"]', "is no list of names"),
        (b"{}", "is no list of names"),
        (b"\x80", "line 1 is not UTF-8 text"),
        (b"\xff\xfe{", "line 1 is not UTF-16 text"),
    ],
)
def test_a_file_that_holds_no_labels(tmp_path, content, message):
    path = tmp_path / "labels.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as error:
        Labels.load(path)
    assert str(error.value).startswith(str(path))
    assert "\n" not in str(error.value)


def test_a_missing_file_and_a_missing_folder(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        Labels.load(tmp_path / "labels.json")
    with pytest.raises(InputError, match="cannot be written"):
        Labels(["cat"]).save(tmp_path / "nowhere" / "labels.json")
