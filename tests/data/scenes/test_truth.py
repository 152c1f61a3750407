"""Ground truth read back: nothing in the file is believed unchecked."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicap.data.scenes import Scene, SceneObject, read_truth
from minicap.errors import InputError

THING = {"shape": "star", "colour": "red", "size": "small", "x": 0.5, "y": 0.25, "radius": 0.1}
RECORD = {
    "image": "images/a.png",
    "split": "train",
    "size": 48,
    "seed": 0,
    "captions": ["a red star"],
    "objects": [THING],
}


def write(path, *records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def without(key):
    return {name: value for name, value in RECORD.items() if name != key}


def with_thing(**changes):
    return RECORD | {"objects": [THING | changes]}


def test_a_good_file(tmp_path):
    path = write(tmp_path / "scenes.jsonl", RECORD, RECORD | {"image": "b.png", "extra": None})
    scene = Scene(None, ("a red star",), (SceneObject("star", "red", "small", 0.5, 0.25, 0.1),))
    assert read_truth(path) == read_truth(tmp_path) == {"images/a.png": scene, "b.png": scene}


def test_whole_numbers_and_empty_lines_are_let_pass(tmp_path):
    path = tmp_path / "scenes.jsonl"
    path.write_text("\n" + json.dumps(with_thing(x=0, y=1)) + "\r\n\n")
    assert read_truth(path)["images/a.png"].objects[0][3:5] == (0.0, 1.0)


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ([], "expected a JSON object"),
        (None, "expected a JSON object"),
        (without("image"), "image is missing"),
        (without("split"), "split is missing"),
        (without("size"), "size is missing"),
        (without("seed"), "seed is missing"),
        (without("captions"), "captions is missing"),
        (without("objects"), "objects is missing"),
        (RECORD | {"image": 3}, "image must be a string, got 3"),
        (RECORD | {"image": "../../etc/passwd"}, "image must be a file name below the folder"),
        (RECORD | {"image": ""}, "image must be a file name below the folder"),
        (RECORD | {"split": "dev"}, "split must be one of train, val, test, compositional, got 'dev'"),
        (RECORD | {"size": 48.5}, "size must be an integer, got 48.5"),
        (RECORD | {"size": True}, "size must be an integer, got true"),
        (RECORD | {"size": 10**9}, "size must be 32 to 1024 pixels"),
        (RECORD | {"seed": None}, "seed must be an integer, got null"),
        (RECORD | {"captions": "a red star"}, "captions must be a list"),
        (RECORD | {"captions": []}, "captions must be a list of sentences"),
        (RECORD | {"captions": ["a red star", 5]}, "captions must be a list of sentences"),
        (RECORD | {"captions": [" "]}, "captions must be a list of sentences"),
        (RECORD | {"objects": []}, "objects must be a list of 1 to 3, got 0"),
        (RECORD | {"objects": [THING] * 4}, "objects must be a list of 1 to 3, got 4"),
        (RECORD | {"objects": ["star"]}, "expected a JSON object, got 'star'"),
        (with_thing(shape="blob"), "shape must be one of circle, .*, got 'blob'"),
        (with_thing(colour=["red"]), "colour must be a string"),
        (with_thing(size="huge"), "size must be one of large, small"),
        (with_thing(x="0.5"), "x must be a number"),
        (with_thing(y=False), "y must be a number, got false"),
        (with_thing(y=1.5), "y must be a fraction of the side, from 0 to 1, got 1.5"),
        (with_thing(radius=-0.1), "radius must be a fraction"),
        (with_thing(radius=float("nan")), "expected a JSON object"),
        (with_thing(radius=10**400), "radius must be a fraction"),
    ],
)
def test_a_bad_line_is_named(tmp_path, record, message):
    path = write(tmp_path / "scenes.jsonl", RECORD | {"image": "first.png"}, record)
    with pytest.raises(
        InputError, match=rf"scenes\.jsonl: line 2: {message}.*; write the scenes anew"
    ) as error:
        read_truth(path)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 500


@pytest.mark.parametrize("line", ["{", "{'image': 1}", "[" * 50_000, "1" * 10_000, '{"image": "a.png"} x'])
def test_broken_json_is_named(tmp_path, line):
    path = tmp_path / "scenes.jsonl"
    path.write_text(line + "\n")
    with pytest.raises(InputError, match=r"line 1: expected a JSON object, got"):
        read_truth(path)


def test_a_line_without_end_is_not_parsed(tmp_path):
    path = tmp_path / "scenes.jsonl"
    path.write_text('{"image": "' + "a" * 200_000 + '"}')
    with pytest.raises(InputError, match="line 1: has 200,013 characters"):
        read_truth(path)


def test_an_image_may_have_one_line_only(tmp_path):
    path = write(tmp_path / "scenes.jsonl", RECORD, RECORD)
    with pytest.raises(InputError, match=r"line 2: image images/a\.png has a line before this one"):
        read_truth(path)


def test_a_missing_file_and_wrong_bytes(tmp_path):
    with pytest.raises(InputError, match=r"scenes\.jsonl: no such file"):
        read_truth(tmp_path)
    (tmp_path / "scenes.jsonl").write_bytes(b"{}\xff\n")
    with pytest.raises(InputError, match="line 1 is not UTF-8"):
        read_truth(tmp_path)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*RECORD, *THING]), inner, max_size=4)
    ),
    max_leaves=8,
)


@given(st.sampled_from([*RECORD]), json_values)
def test_any_value_is_taken_or_named(tmp_path, key, value):
    path = write(tmp_path / "scenes.jsonl", RECORD | {key: value})
    try:
        assert len(read_truth(path)) == 1
    except InputError as error:
        assert "line 1: " in str(error)  # noqa: PT017
