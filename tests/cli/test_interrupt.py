"""Ctrl-C, an explosion and a full disk: a code, a line, and what was learnt is still there."""

from __future__ import annotations

import errno
import signal
import sys
import time
from pathlib import Path

import pytest

from minicap.models import Captioner
from minicap.training import RunFolder
from minicap.training.schedules import constant


def wait_for(path: Path, process, seconds: float = 60) -> None:
    """Wait until a file is there."""
    began = time.monotonic()
    while not path.exists():
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() - began < seconds
        time.sleep(0.02)


@pytest.mark.skipif(sys.platform == "win32", reason="a process cannot be sent Ctrl-C there")
def test_ctrl_c_saves_says_how_to_go_on_and_resume_finishes(child, cli, scenes: Path, tmp_path: Path, tiny):
    run = RunFolder(tmp_path / "run")
    process = child("train", "--data", scenes, "--out", run.path, "--epochs", 100_000, *tiny, "--json")
    wait_for(run.history, process)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == ""
    assert err == f"minicap: interrupted; saved. Go on with: minicap train --out {run.path} --resume\n"
    done = len(run.read_history())
    assert done >= 1
    assert cli("train", "--out", run.path, "--resume", "--epochs", done + 1).code == 0
    assert len(run.read_history()) == done + 1


def test_ctrl_c_in_the_first_step_can_be_resumed_as_told(
    cli, scenes: Path, tmp_path: Path, tiny, monkeypatch: pytest.MonkeyPatch
):
    loss = Captioner.loss

    def interrupted(self, *args, **options):
        signal.raise_signal(signal.SIGINT)
        return loss(self, *args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Captioner, "loss", interrupted)
        code, _, err = cli("train", "--data", scenes, "--out", tmp_path / "r", "--epochs", 1, *tiny, "--json")
    assert code == 130
    told = err.strip().split("minicap ")[-1].split()
    assert told == ["train", "--out", str(tmp_path / "r"), "--resume"]
    assert cli(*told).code == 0


def test_ctrl_c_before_training_is_one_line_and_no_trap(
    cli, scenes: Path, tmp_path: Path, tiny, monkeypatch: pytest.MonkeyPatch
):
    def impatient(*_, **__):
        raise KeyboardInterrupt

    train = ("train", "--data", scenes, "--out", tmp_path / "r", "--epochs", 1, *tiny, "--json")
    with monkeypatch.context() as patch:
        patch.setattr("minicap.training.captioning.CaptionBatches", impatient)
        assert cli(*train) == (130, "", "minicap: interrupted\n")
    code, _, err = cli("train", "--out", tmp_path / "r", "--resume")
    assert code == 2
    assert "nothing was saved yet; start again without --resume" in err
    assert cli(*train).code == 0


def test_a_training_that_explodes_is_a_failure_that_names_a_layer(
    cli, scenes: Path, tmp_path: Path, tiny, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("minicap.training.session.make_schedule", lambda *_, **__: constant(1e19))
    code, out, err = cli("train", "--data", scenes, "--out", tmp_path / "r", *tiny, "--json")
    assert (code, out) == (1, "")
    assert err.startswith("minicap: the loss is nan: encoder.")
    assert err.count("\n") == 1


def test_a_full_disk_loses_nothing(cli, run: Path, monkeypatch: pytest.MonkeyPatch):
    def full(file: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    before = (run / "checkpoint.npz").read_bytes()
    monkeypatch.setattr("minicap.data.files.os.fsync", full)
    code, _, err = cli("train", "--out", run, "--resume", "--epochs", 3, "--json")
    assert code == 2
    assert err.startswith("minicap: ")
    assert "cannot be written (No space left on device)" in err
    assert err.count("\n") == 1
    assert (run / "checkpoint.npz").read_bytes() == before


def test_memory_that_does_not_suffice_is_one_line(
    cli, run: Path, picture: Path, monkeypatch: pytest.MonkeyPatch
):
    def greedy(*_, **__):
        raise MemoryError

    monkeypatch.setattr(Captioner, "features", greedy)
    code, out, err = cli("caption", run, picture)
    assert (code, out) == (2, "")
    assert err.startswith("minicap: not enough memory; ")
