"""Data that are spoilt: told and left out while something remains, else one line and exit code 2."""

from __future__ import annotations

import io
import json
import shutil
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from minicap.data import save_png


def jpeg(size: int = 100) -> bytes:
    """Return a picture as JPEG."""
    from PIL import Image

    buffer = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (size, size, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(buffer, "JPEG")
    return buffer.getvalue()


def png_header(width: int, height: int) -> bytes:
    """Return a PNG file that promises a picture and holds next to nothing of it."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    )


# Pictures


BROKEN = {
    "text.jpg": b"I am no picture\n",
    "nothing.jpg": b"",
    "half.jpg": jpeg()[: len(jpeg()) // 2],
    "huge.png": png_header(50_000, 50_000),
    "empty.png": png_header(20, 20),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_picture_that_is_none(refuses, run: Path, tmp_path: Path, name: str):
    (tmp_path / name).write_bytes(BROKEN[name])
    refuses("caption", run, tmp_path / name, because=name)


def data_folder(folder: Path, good: int, rows: str = "") -> Path:
    """Write a data folder with broken pictures and some good ones, and perhaps rows of another table."""
    folder.mkdir()
    names = list(BROKEN)
    for name, content in BROKEN.items():
        (folder / name).write_bytes(content)
    for i in range(good):
        save_png(folder / f"{i}.png", np.random.default_rng(i).integers(0, 256, (40, 30, 3), dtype=np.uint8))
        names.append(f"{i}.png")
    table = "".join(f"{name},a picture of something {'red' if name < '5' else 'blue'}\n" for name in names)
    (folder / "captions.csv").write_text("image,caption\n" + table + rows, encoding="utf-8")
    return folder


def test_broken_pictures_are_left_out_and_named_while_something_remains(cli, train, tmp_path: Path):
    folder = data_folder(tmp_path / "data", good=12)
    found = json.loads(cli("data", "check", folder, "--json").out)
    assert any(
        "of 17 images cannot be read (first: text.jpg is no picture" in line for line in found["problems"]
    )
    code, _, err = cli(*[a for a in train(folder) if a != "--json"])
    assert code == 0
    assert err.count("text.jpg is no picture that can be read") == 1
    assert err.count("empty.png is damaged or truncated") == 1  # found when it is decoded


def test_nothing_but_broken_pictures(refuses, train, tmp_path: Path):
    refuses(*train(data_folder(tmp_path / "data", good=0)), because="can")


# Caption files


@pytest.fixture
def table(tmp_path: Path) -> Callable[[str | bytes], Path]:
    """Return a maker of data folders with one table and twelve pictures."""

    def write(text: str | bytes) -> Path:
        folder = tmp_path / "data"
        folder.mkdir()
        for i in range(12):
            save_png(folder / f"{i}.png", np.full((32, 32, 3), 20 * i, np.uint8))
        (folder / "captions.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
        return folder

    return write


GOOD = "image,caption\n" + "".join(f"{i}.png,a grey square of shade {i}\n" for i in range(12))


def test_a_caption_file_in_another_encoding(refuses, train, table, run: Path):
    folder = table((GOOD + "3.png,un café gris\n").encode("latin-1"))
    because = "captions.csv: line 14 is not UTF-8 text (byte 0xe9); save the file as UTF-8"
    refuses("data", "check", folder, because=because)
    refuses(*train(folder), because=because)
    refuses("evaluate", run, "--data", folder, "--json", because=because)


def test_a_caption_file_without_captions(refuses, train, table):
    refuses(
        *train(table("image,caption\n0.png,\n1.png,  \n")),
        because="holds no caption; 2 of 2 captions are empty",
    )


def test_an_empty_caption_is_told_and_left_out(cli, train, table):
    folder = table(GOOD + '3.png,\n4.png,"  "\n')
    assert "2 of 14 captions are empty" in cli("data", "check", folder).out
    assert cli(*train(folder)).code == 0


def test_quotes_and_line_breaks_in_a_caption_work(cli, train, table):
    folder = table(GOOD + '3.png,"a ""grey"" square,\nand nothing else"\n')
    found = json.loads(cli("data", "check", folder, "--json").out)
    assert sum(split["captions"] for split in found["splits"].values()) == 13
    assert not any("field" in line or "quote" in line for line in found["problems"])
    assert cli(*train(folder)).code == 0


def test_a_quote_that_never_closes_is_told(cli, table):
    folder = table(GOOD + '3.png,"a grey square\n' + "4.png,a line\n" * 40)
    code, out, _ = cli("data", "check", folder)
    assert code == 0
    assert "has a quote that is never closed" in out


def test_data_without_a_training_split(refuses, train, table):
    folder = table(GOOD)
    (folder / "splits.csv").write_text("image,split\n0.png,test\n1.png,val\n", encoding="utf-8")
    refuses(*train(folder), because="there is no split 'train' with pictures; there is val, test")


def test_a_split_that_there_is_not(refuses, run: Path, scenes: Path):
    refuses(
        "evaluate",
        run,
        "--data",
        scenes,
        "--split",
        "holdout",
        "--json",
        because="there is no split 'holdout'",
    )


def test_ground_truth_that_makes_no_sense(refuses, run: Path, scenes: Path, tmp_path: Path):
    shutil.copytree(scenes, tmp_path / "data")
    (tmp_path / "data" / "scenes.jsonl").write_text('{"image": 3}\n', encoding="utf-8")
    refuses("evaluate", run, "--data", tmp_path / "data", "--json", because="scenes.jsonl")
