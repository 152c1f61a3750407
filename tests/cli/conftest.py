"""The command line in this process and in children of it, and one tiny run to use it on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import minicap
from minicap.cli import main
from minicap.data import save_png

COLOURS = ("red", "green", "blue")
SMALL = ["--encoder=4,M,6", "--image-size=12", "--batch-size=6", "--epochs=3", "--lr=0.02"]
TINY = ["--image-size=32", "--embed-size=8", "--hidden-size=8", "--batch-size=6", "--captions-per-image=2"]


class Outcome(NamedTuple):
    """What a command leaves behind."""

    code: int
    out: str
    err: str


def called(arguments: tuple[Any, ...]) -> int:
    """Run a command in this process and return its exit code."""
    try:
        return main([str(argument) for argument in arguments])
    except SystemExit as left:  # as argparse leaves
        return int(left.code or 0)


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder for cached pixels that is not the user's."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def own_cache(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep cached pixels out of the user's cache folder."""
    monkeypatch.setenv("MINICAP_CACHE", str(cache))


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Return a function that runs a command and says what it left behind."""

    def run(*arguments: Any) -> Outcome:
        capsys.readouterr()
        code = called(arguments)
        return Outcome(code, *capsys.readouterr())

    return run


@pytest.fixture
def child() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Give a function that starts a command in a process of its own, which does not outlive the test."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: Any, **environment: str) -> subprocess.Popen[str]:
        paths = [str(Path(minicap.__file__).parent.parent), os.environ.get("PYTHONPATH", "")]
        environment = {
            "OPENBLAS_NUM_THREADS": "1",
            "PYTHONPATH": os.pathsep.join(filter(None, paths)),
            "PYTHONUNBUFFERED": "",  # buffered output fails late, when the process ends
            **environment,
        }
        # Tests that run in the background ignore interrupts, and a child would inherit that.
        former = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "minicap", *map(str, arguments)],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8",
                env={**os.environ, **environment},
            )  # fmt: skip
        finally:
            signal.signal(signal.SIGINT, former)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture(scope="session")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a data folder of 24 scenes."""
    folder = tmp_path_factory.mktemp("data") / "scenes"
    assert called(("data", "scenes", "--out", folder, "--n", 24, "--size", 32, "--json")) == 0
    return folder


@pytest.fixture(scope="session")
def tiny() -> list[str]:
    """Return the options of a model that trains in a moment."""
    return TINY


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory, scenes: Path, cache: Path) -> Path:
    """Return a finished run of two epochs."""
    folder = tmp_path_factory.mktemp("runs") / "mine"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MINICAP_CACHE", str(cache))
        assert called(("train", "--data", scenes, "--out", folder, "--epochs", 2, *TINY, "--json")) == 0
    return folder


def write_coloured(path: Path, number: int) -> None:
    """Write a noisy picture of 16 x 12 px: red, green and blue in turn."""
    pixels = np.random.default_rng(number).integers(0, 120, (12, 16, 3), dtype=np.uint8)
    pixels[..., number % 3] += 120
    path.parent.mkdir(parents=True, exist_ok=True)
    save_png(path, pixels)


@pytest.fixture(scope="session")
def class_folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return folders of three classes, 18 pictures to learn from and 6 to validate on."""
    folder = tmp_path_factory.mktemp("data") / "classes"
    for i in range(24):
        write_coloured(folder / ("train" if i < 18 else "val") / COLOURS[i % 3] / f"{i}.png", i)
    return folder


@pytest.fixture(scope="session")
def tag_table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with ``tags.csv``, 18 pictures to learn from and 6 to validate on."""
    folder = tmp_path_factory.mktemp("data") / "tags"
    said, names = ("red;warm", "green", ""), [f"{i}.png" for i in range(24)]
    for i, name in enumerate(names):
        write_coloured(folder / "images" / name, i)
    rows = [f"{name},{said[i % 3]}" for i, name in enumerate(names)]
    (folder / "tags.csv").write_text("\n".join(["image,tags", *rows]) + "\n", encoding="utf-8")
    rows = [f"{name},{'train' if i < 18 else 'val'}" for i, name in enumerate(names)]
    (folder / "splits.csv").write_text("\n".join(["image,split", *rows]) + "\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def coco(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder as COCO is distributed: objects of two categories, 18 pictures and 6."""
    folder = tmp_path_factory.mktemp("data") / "coco"
    (folder / "annotations").mkdir(parents=True)
    categories = [{"id": 7, "name": "red"}, {"id": 3, "name": "green"}]
    for split, numbers in (("train", range(18)), ("val", range(18, 24))):
        images = [{"id": i, "file_name": f"{i}.png"} for i in numbers]
        objects = [
            {"id": i, "image_id": i, "category_id": (7, 3)[i % 3], "bbox": [0, 0, 9, 9]}
            for i in numbers
            if i % 3 < 2
        ]
        content = {"images": images, "annotations": objects, "categories": categories}
        (folder / "annotations" / f"instances_{split}.json").write_text(json.dumps(content), encoding="utf-8")
        for i in numbers:
            write_coloured(folder / split / f"{i}.png", i)
    return folder


def trained(folder: Path, data: Path, cache: Path, *options: str) -> Path:
    """Train a run and return its folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MINICAP_CACHE", str(cache))
        assert called(("train", "--data", data, "--out", folder, *SMALL, *options, "--json")) == 0
    return folder


@pytest.fixture(scope="session")
def class_run(tmp_path_factory: pytest.TempPathFactory, class_folders: Path, cache: Path) -> Path:
    """Return a finished run of a classifier."""
    folder = tmp_path_factory.mktemp("runs") / "classes"
    return trained(folder, class_folders, cache, "--task=classify", "--hidden=8", "--batch-norm")


@pytest.fixture(scope="session")
def tag_run(tmp_path_factory: pytest.TempPathFactory, tag_table: Path, cache: Path) -> Path:
    """Return a finished run of a tagger that looks place by place."""
    return trained(tmp_path_factory.mktemp("runs") / "tags", tag_table, cache, "--task=tag")


@pytest.fixture(scope="session")
def small() -> list[str]:
    """Return the options of a classifier or tagger that trains in a moment."""
    return SMALL


@pytest.fixture
def red(tmp_path: Path) -> Path:
    """Return a red picture."""
    save_png(tmp_path / "red.png", np.broadcast_to(np.array([220, 60, 60], np.uint8), (12, 16, 3)))
    return tmp_path / "red.png"


@pytest.fixture
def picture(scenes: Path) -> Path:
    """Return a picture."""
    return scenes / "images" / "test_00000.png"


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
