"""Captions and references from the files that people exchange, and every way in which such a file can be wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicap.data.results import LINES, Captioned, read_references, read_results, with_ids_of
from minicap.errors import InputError

CAPTIONS = [("7", "a cat"), ("42", "a dog, running")]
REFERENCES = [("7", "a cat"), ("7", "it sits"), ("42", "the dog")]
COCO = {
    "images": [{"id": 7, "file_name": "seven.jpg"}, {"id": 42, "file_name": "val/42.jpg"}],
    "annotations": [{"image_id": int(name), "caption": text, "id": 1} for name, text in REFERENCES],
}


@pytest.fixture
def file(tmp_path: Path):
    """Return a maker of files."""

    def make(name: str, content) -> Path:
        path = tmp_path / name
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            text = content if isinstance(content, str) else json.dumps(content)
            path.write_text(text, encoding="utf-8", newline="")
        return path

    return make


# Every form


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("r.json", [{"image_id": int(i), "caption": c} for i, c in CAPTIONS]),
        ("r.json", [{"image": i, "caption": c, "log_prob": -1.5} for i, c in CAPTIONS]),
        ("r.json", dict(CAPTIONS)),
        ("r.json", {i: [c] for i, c in CAPTIONS}),
        ("r", [{"image_id": int(i), "caption": c} for i, c in CAPTIONS]),
        ("r.csv", 'image,caption\n7,a cat\n42,"a dog, running"\n'),
        ("r.csv", '\n image_id ; caption ;n\r\n7;a cat;1\r\n\r\n42;"a dog, running";2\r\n'),
        ("r.tsv", "caption\timage\na cat\t7\na dog, running\t42\n"),
        ("r.txt", 'image,caption\n7,a cat\n42,"a dog, running"\n'),
        ("r.txt", "7#0\ta cat\n\n42#0\ta dog, running"),
    ],
)
def test_captions_in_every_form(file, name, content):
    assert read_results(file(name, content)).pairs == CAPTIONS


def test_a_table_without_a_header_names_pictures(file):
    assert read_results(file("r.csv", "7.jpg,a cat\n8.png,a dog\n")).pairs == [
        ("7.jpg", "a cat"),
        ("8.png", "a dog"),
    ]


def test_plain_lines_are_numbered_and_an_empty_one_is_an_empty_caption(file):
    found = read_results(file("r.txt", "a cat\r\n\r\n[a dog]\n"))
    assert (found.kind, found.pairs) == (LINES, [("1", "a cat"), ("2", ""), ("3", "[a dog]")])


def test_a_separator_that_is_no_line_break_breaks_no_line(file):
    assert len(read_results(file("r.txt", "a\u2028cat\nit\x85sits\x0b\n")).pairs) == 2


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("r.json", COCO),
        ("r.json", {"7": ["a cat", "it sits"], "42": ["the dog"]}),
        ("captions.csv", "image,caption\n7,a cat\n7,it sits\n42,the dog\n"),
        ("f.token.txt", "7#0\ta cat\n7#1\tit sits\n42#0\tthe dog\n"),
    ],
)
def test_references_in_every_form(file, name, content):
    assert read_references(file(name, content)).pairs == REFERENCES


def test_references_in_plain_lines_stand_side_by_side_or_in_several_files(file):
    expected = [("1", "a cat"), ("1", "it sits"), ("2", "a dog"), ("2", "it runs")]
    assert read_references(file("r.txt", "a cat\tit sits\na dog\tit runs\n")).pairs == expected
    several = [file("r0.txt", "a cat\na dog\n"), file("r1.txt", "it sits\nit runs")]
    assert read_references(*several).pairs == expected


# Which image is which


@pytest.mark.parametrize("name", ["7", "seven.jpg", "pictures/seven.jpg", "c:\\pictures\\seven.jpg"])
def test_an_image_may_be_called_by_its_id_its_file_or_its_path(file, name):
    captions = read_results(file("r.json", [{"image": name, "caption": "a cat"}]))
    assert with_ids_of(captions, read_references(file("c.json", COCO))) == [("7", "a cat")]


def test_an_image_that_nobody_knows_keeps_its_name(file):
    captions = read_results(file("r.json", {"8": "a cat"}))
    assert with_ids_of(captions, read_references(file("c.json", COCO))) == [("8", "a cat")]


def test_lines_and_names_do_not_mix(file):
    lines, names = read_results(file("r.txt", "a cat\n")), read_results(file("r.json", dict(CAPTIONS)))
    for pair in ((lines, names), (names, lines)):
        with pytest.raises(InputError, match=r"r\.txt: holds plain lines, but .*r\.json names its images"):
            with_ids_of(*pair)


@pytest.mark.parametrize("lines", ["a\nb\n", "a\nb\nc\nd\n"])
def test_mismatched_lines_are_refused(file, lines):
    captions, references = read_results(file("c.txt", lines)), read_references(file("r.txt", "a\nb\nc\n"))
    n = lines.count("\n")
    with pytest.raises(
        InputError, match=f"{n} captions, but .* of 3 images; image {min(n, 3) + 1} stands in one"
    ):
        with_ids_of(captions, references)


def test_mismatched_files_of_references_are_refused(file):
    with pytest.raises(InputError, match=r"b\.txt: 1 lines, but .*a\.txt has 2; image 2 stands in one"):
        read_references(file("a.txt", "a\nb\n"), file("b.txt", "a\n"))


# What is wrong


@pytest.mark.parametrize(
    ("name", "content", "because"),
    [
        ("r.json", "", "is empty"),
        ("r.json", "[", "is no sound JSON"),
        ("r.json", "[" * 100_000, "nested too deeply"),
        ("r.json", '"text"', "holds no list of captions"),
        ("r.json", {"annotations": None}, "holds no list of captions"),
        ("r.json", '{"7": "a", "8": "b", "7": "c"}', "'7' stands twice in one object"),
        ("r.json", [1], "entry 0 is 1, not an object"),
        ("r.json", [{"image_id": 7}], "entry 0, {'image_id': 7}, needs an image_id and a caption"),
        ("r.json", [{"caption": "a cat"}], "needs an image_id"),
        ("r.json", [{"image_id": None, "caption": "a"}], "entry 0: None names no image"),
        ("r.json", [{"image_id": True, "caption": "a"}], "entry 0: True names no image"),
        ("r.json", [{"image_id": 1.5, "caption": "a"}], "entry 0: 1.5 names no image"),
        ("r.csv", "name,words\n7,a cat\n", "first line must name the columns image and caption"),
        ("r.csv", "image,caption\n7,a cat, sitting\n", "line 2, '7,a cat, sitting': 3 fields, but 2 are needed"),
        ("r.csv", "image,caption\n7\n", "line 2, '7': 1 fields"),
        ("r.csv", 'image,caption\n6,a\n7,"a cat\n' + "8,b\n" * 40, "line 3, '7,a cat"),
        ("r.csv", "image,caption\n6,a\n7," + "a" * 10**7, "line 3, '7,aaa"),
        ("r.csv", 'image,caption\n7,"' + "a\n" * 70_000, "line 2"),
        ("r.txt", "7#0\ta cat\n42 a dog\n", "line 2, '42 a dog', is not of the form"),
        ("r.txt", "\0\0\0", "NUL"),
        ("r.txt", b"a\xff\0", "line 1 is not UTF-8"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_used_is_refused_in_one_line(file, name, content, because):
    with pytest.raises(InputError) as refused:
        read_results(file(name, content))
    assert because in str(refused.value)
    assert str(refused.value).startswith(str(file(name, content)))
    assert len(str(refused.value)) < 400 + len(str(file(name, content)))
    assert "\n" not in str(refused.value)


def test_a_missing_file_is_refused(tmp_path: Path):
    with pytest.raises(InputError, match=r"none\.json: no such file"):
        read_results(tmp_path / "none.json")


def test_an_empty_reference_between_tabs_is_refused(file):
    with pytest.raises(InputError, match=r"image 2 has an empty reference"):
        read_references(file("r.txt", "a cat\na dog\t\n"))


def test_what_is_no_text_comes_as_it_stands_for_who_knows_its_image(file):
    assert read_results(file("r.json", {"7": None, "8": 3})).pairs == [("7", None), ("8", 3)]
    assert read_results(file("r.json", '{"7": "a \\ud800 cat"}')).pairs == [("7", "a \ud800 cat")]
    assert read_results(file("r.csv", b"image,caption\n7,a \xe9 cat\n")).pairs == [("7", "a \udce9 cat")]


@given(
    st.lists(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n\r\0"), min_size=1), min_size=1
    )
)
def test_any_text_survives_every_form(tmp_path_factory, texts):
    folder = tmp_path_factory.mktemp("any")
    pairs = [(f"{i}.jpg", text) for i, text in enumerate(texts)]
    (folder / "r.json").write_text(json.dumps(dict(pairs)), encoding="utf-8")
    rows = "".join(f'"{name}","{text.replace(chr(34), chr(34) * 2)}"\n' for name, text in pairs)
    (folder / "r.csv").write_text("image,caption\n" + rows, encoding="utf-8", newline="")
    (folder / "r.token").write_text("".join(f"{n}#0\t{t}\n" for n, t in pairs), encoding="utf-8", newline="")
    for form in ("r.json", "r.csv", "r.token"):
        assert read_results(folder / form).pairs == pairs, form


def test_captioned_can_be_made_by_hand():
    made = Captioned(Path("x"), "by hand", CAPTIONS)
    assert with_ids_of(made, made) == CAPTIONS
