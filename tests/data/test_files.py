"""Text in, files out."""

from __future__ import annotations

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicap.data.files import is_safe_name, read_text, shown, write_atomically
from minicap.errors import InputError

TEXT = "image,caption\na.png,Ein Mädchen läuft\n"


@pytest.mark.parametrize(
    "content",
    [
        TEXT.encode(),
        TEXT.encode("utf-8-sig"),
        TEXT.encode("utf-16"),
        codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"),
        TEXT.encode("utf-32"),
    ],
)
def test_text_with_and_without_a_byte_order_mark(tmp_path, content):
    (tmp_path / "x.csv").write_bytes(content)
    assert read_text(tmp_path / "x.csv") == TEXT


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (TEXT.encode("latin-1"), r"x.csv: line 2 is not UTF-8 text \(byte 0xe4\); save the file as UTF-8"),
        (codecs.BOM_UTF16_LE + b"a\0b", "is not UTF-16 text"),
        (TEXT.encode("utf-16-le").replace("ä".encode("utf-16-le"), b"a\0"), "line 1 holds a NUL byte"),
    ],
)
def test_another_encoding_names_the_line_and_the_way_out(tmp_path, content, message):
    (tmp_path / "x.csv").write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_text(tmp_path / "x.csv")


def test_a_text_over_the_limit_is_not_read(tmp_path):
    (tmp_path / "x.csv").write_text("12345")
    with pytest.raises(InputError, match="5 bytes of text, but the limit is 4"):
        read_text(tmp_path / "x.csv", max_bytes=4)


@pytest.mark.parametrize("name", ["a.jpg", "images/a.jpg", "train/01/a b.png", "..a.png", "ä.png", "a..png"])
def test_safe_names(name):
    assert is_safe_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "/etc/passwd",
        "../a.png",
        "a/../../b.png",
        "C:/a.png",
        "C:a.png",
        r"..\a.png",
        r"\\host\a",
        "a\nb",
        "a\0",
    ],
)
def test_names_that_leave_the_folder(name):
    assert not is_safe_name(name)


@given(text=st.text(max_size=400))
def test_shown_text_is_one_short_printable_line(text):
    line = shown(text, 50)
    assert line.isprintable()
    assert len(line) <= 50
    if text.isprintable() and len(text) <= 50:
        assert line == text


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    write_atomically(tmp_path / "x.json", b"old")

    def fail(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(
        InputError, match=r"cannot be written \(No space left on device\); choose another place"
    ):
        write_atomically(tmp_path / "x.json", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["x.json"]
    assert (tmp_path / "x.json").read_bytes() == b"old"
