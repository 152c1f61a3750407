"""Bad input: exit code 2, exactly one line that names the thing, no traceback, nothing lost."""

from __future__ import annotations

import io
import json
import shutil
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from minicap.archive import read_archive, write_archive
from minicap.data import save_png


@pytest.fixture
def refuses(cli, tmp_path: Path, run: Path) -> Callable[..., None]:
    """Return a function that runs a command which must be refused for the reason given."""

    def check(*arguments: Any, because: str) -> None:
        before = {
            path: path.read_bytes() for top in (tmp_path, run) for path in top.rglob("*") if path.is_file()
        }
        code, out, err = cli(*arguments)
        assert (code, out) == (2, "")
        assert err.startswith("minicap: ")
        assert because in err
        assert err.count("\n") == 1
        assert "Traceback" not in err
        assert [path for path, content in before.items() if path.read_bytes() != content] == []

    return check


@pytest.fixture
def train(tmp_path: Path, tiny) -> Callable[..., list[Any]]:
    """Return a maker of training commands."""

    def command(data: Path, *more: Any) -> list[Any]:
        return ["train", "--data", data, "--out", tmp_path / "new", "--epochs", 1, *tiny, "--json", *more]

    return command


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


# Paths


@pytest.mark.parametrize(
    "arguments",
    [
        ("data", "check", "{}"),
        ("train", "--data", "{}", "--out", "{}-run", "--json"),
        ("caption", "{}", "{picture}"),
        ("caption", "{run}", "{}.jpg"),
        ("caption", "{run}", "{picture}", "{}.jpg"),
        ("evaluate", "{}", "--data", "{scenes}"),
        ("evaluate", "{run}", "--data", "{}", "--json"),
        ("report", "{}"),
        ("train", "--out", "{}", "--resume"),
    ],
    ids=" ".join,
)
def test_a_missing_path(refuses, tmp_path: Path, run: Path, scenes: Path, picture: Path, arguments):
    known = {"run": run, "scenes": scenes, "picture": picture}
    refuses(*(a.format(tmp_path / "nowhere", **known) for a in arguments), because="nowhere")


def test_a_path_that_is_too_long(refuses, run: Path):
    refuses("caption", run, "a" * 5000 + ".jpg", because="aaa")


def test_an_empty_folder(refuses, train, run: Path, picture: Path, scenes: Path, tmp_path: Path):
    empty = tmp_path / "empty"
    empty.mkdir()
    refuses("data", "check", empty, because="empty")
    refuses(*train(empty), because="empty")
    refuses("caption", run, empty, because="the folder holds no pictures")
    refuses("caption", empty, picture, because="the folder holds no checkpoint")
    refuses("evaluate", run, "--data", empty, "--json", because="empty")
    refuses("report", empty, because="no run stands there")
    refuses("train", "--out", empty, "--resume", because="no run stands there")


@pytest.mark.parametrize("name", ["file", "file/run"])
def test_a_file_where_a_folder_has_to_be(refuses, scenes: Path, tmp_path: Path, name: str):
    (tmp_path / "file").write_text("text", encoding="utf-8")
    refuses("train", "--data", scenes, "--out", tmp_path / name, "--json", because="file")
    refuses("data", "scenes", "--out", tmp_path / name, "--n", 4, "--json", because="file")
    refuses("demo", "--fast", "--out", tmp_path / name, "--json", because="file")


def test_a_folder_that_holds_other_things(refuses, scenes: Path, tmp_path: Path):
    (tmp_path / "thesis.txt").write_text("chapter one", encoding="utf-8")
    refuses("train", "--data", scenes, "--out", tmp_path, "--json", because="holds other things")
    refuses("data", "scenes", "--out", tmp_path, "--json", because="holds other things")
    refuses("demo", "--fast", "--out", tmp_path, "--json", because="holds other things")


def test_a_run_that_stands_there(refuses, scenes: Path, run: Path):
    refuses(
        "train", "--data", scenes, "--out", run, "--json", because="a run stands there; go on with --resume"
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


# Checkpoints


@pytest.fixture
def old(run: Path, tmp_path: Path) -> Path:
    """Return a copy of the run, to be spoilt."""
    shutil.copytree(run, tmp_path / "old")
    return tmp_path / "old"


def spoil_version(path: Path) -> None:
    arrays, meta = read_archive(path)
    write_archive(path, arrays, {**meta, "version": 99})


def spoil_length(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1000])


def spoil_with_pickle(path: Path) -> None:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.array([Path("x")], object), allow_pickle=True)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("model/extra.npy", buffer.getvalue())


def spoil_everything(path: Path) -> None:
    path.write_text("not a checkpoint", encoding="utf-8")


@pytest.mark.parametrize(
    ("spoil", "because"),
    [
        (spoil_version, "checkpoint version 99, but this minicap reads 1"),
        (spoil_length, "the file is damaged"),
        (spoil_with_pickle, "which may run code when read"),
        (spoil_everything, "the file is damaged or no minicap checkpoint"),
    ],
)
def test_a_checkpoint_that_cannot_be_trusted(refuses, old: Path, scenes: Path, picture: Path, spoil, because):
    for name in ("best.npz", "checkpoint.npz"):
        spoil(old / name)
    refuses("caption", old, picture, because=because)
    refuses("evaluate", old, "--data", scenes, "--json", because=because)
    refuses("train", "--out", old, "--resume", "--epochs", 3, "--json", because=because)


def test_a_configuration_that_cannot_be_read(refuses, old: Path):
    (old / "config.toml").write_text("epochs = soon\n", encoding="utf-8")
    refuses("train", "--out", old, "--resume", because="config.toml: this is no TOML")


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


# Values


@pytest.mark.parametrize(
    ("options", "because"),
    [
        (("--image-size", 4), "--image-size: 4 is not within 8 to 1024"),
        (("--min-count", 10_000), "use --min-count"),
        (
            ("--batch-size", 19),
            "batch size 19 is larger than the 18 images of train; use --batch-size 18 or less",
        ),
        (("--batch-size", 0), "--batch-size: 0 is not within"),
        (("--seed", -1), "--seed: -1 is not within"),
        (("--epochs", 0), "--epochs: 0 is not within"),
        (("--lr", "nan"), "--lr: nan is not within"),
        (("--lr", "-1"), "--lr: -1.0 is not within"),
        (("--dropout", 1), "--dropout: 1.0 is not within"),
        (("--decoder", "parrot"), "--decoder: 'parrot' is not built; choose of"),
        (("--encoder", "resnet"), "--encoder: 'resnet' is not built; choose of small"),
        (("--conditioning", "merge"), "--conditioning: 'merge' is not built; choose of par, init, pre"),
        (("--tokenizer", "bpe"), "--tokenizer: 'bpe' is not built; choose of word, char"),
    ],
    ids=str,
)
def test_a_value_that_makes_no_sense_for_training(refuses, train, scenes: Path, options, because):
    refuses(*train(scenes, *options), because=because)


def test_training_needs_data(refuses, tmp_path: Path):
    refuses(
        "train", "--out", tmp_path / "new", because="--data is missing; name the folder with your pictures"
    )


def test_after_a_refusal_the_same_folder_will_do(cli, train, scenes: Path):
    assert cli(*train(scenes, "--batch-size", 19)).code == 2
    assert cli(*train(scenes)).code == 0


@pytest.mark.parametrize(
    ("options", "flag"),
    [
        (("--seed", 5), "--seed"),
        (("--hidden-size", 9), "--hidden-size"),
        (("--lr", 0.5), "--lr"),
        (("--blind",), "--blind"),
    ],
    ids=str,
)
def test_a_run_cannot_change_its_mind_while_resuming(refuses, run: Path, options, flag):
    refuses("train", "--out", run, "--resume", *options, because=f"{flag} cannot change while resuming")


@pytest.mark.parametrize(
    ("options", "because"),
    [
        (("--temperature", 0), "--temperature: 0.0 is not a positive number"),
        (("--temperature", "nan"), "--temperature: nan is not"),
        (("--temperature", "inf"), "--temperature: inf is not"),
        (("--seed", -1), "--seed"),
        (("--max-length", 0), "--max-length"),
    ],
    ids=str,
)
def test_a_value_that_makes_no_sense_for_captions(refuses, run: Path, picture: Path, options, because):
    refuses("caption", run, picture, "--sample", *options, because=because)


@pytest.mark.parametrize(
    ("options", "because"),
    [
        (("--n", 0), "0"),
        (("--n", -3), "-3"),
        (("--size", 8), "size is 8"),
        (("--seed", -1), "seed"),
        (("--size", 10**6), "size"),
    ],
    ids=str,
)
def test_a_value_that_makes_no_sense_for_scenes(refuses, tmp_path: Path, options, because):
    refuses("data", "scenes", "--out", tmp_path / "new", "--json", *options, because=because)
    assert not (tmp_path / "new").exists()


def test_a_negative_seed_elsewhere(refuses, run: Path, scenes: Path, tmp_path: Path):
    refuses("evaluate", run, "--data", scenes, "--seed", -1, because="--seed: -1 is negative")
    refuses("demo", "--out", tmp_path / "new", "--seed", -1, because="--seed: -1 is negative")
