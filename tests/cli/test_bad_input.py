"""Bad input: exit code 2, exactly one line that names the thing, no traceback, nothing lost."""

from __future__ import annotations

import io
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest

from minicap.archive import read_archive, write_archive

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
        (("--encoder", "resnet"), "--encoder: there is no encoder 'resnet'; choose one of small"),
        (("--conditioning", "post"), "--conditioning: 'post' is not built; choose of par, init, pre"),
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
