"""The command line in this process and in children of it, and one tiny run to use it on."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import minicap
from minicap.cli import main

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
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "minicap", *map(str, arguments)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8",
            env={**os.environ, **environment},
        )  # fmt: skip
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
