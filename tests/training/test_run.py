"""The run folder: nothing of the user's is overwritten, and every file comes back as it was written."""

from __future__ import annotations

from pathlib import Path

import pytest

from minicap.errors import InputError
from minicap.training import RunFolder, TrainConfig


@pytest.fixture
def old_run(tmp_path: Path) -> RunFolder:
    """Return the folder of a run that has saved something."""
    run = RunFolder.create(tmp_path / "old")
    TrainConfig().save(run.config)
    run.checkpoint.write_bytes(b"precious")
    return run


def test_a_new_folder_is_made_with_its_parents(tmp_path: Path):
    assert RunFolder.create(tmp_path / "runs" / "mine").path.is_dir()


def test_an_empty_folder_will_do(tmp_path: Path):
    assert RunFolder.create(tmp_path).path == tmp_path


def test_a_folder_with_other_things_is_left_alone(tmp_path: Path):
    (tmp_path / "thesis.txt").write_text("chapter one", encoding="utf-8")
    with pytest.raises(InputError, match="holds other things; choose another --out"):
        RunFolder.create(tmp_path, overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_run_is_not_overwritten_unasked(old_run: RunFolder):
    with pytest.raises(InputError, match="a run stands there; go on with --resume, or choose another --out"):
        RunFolder.create(old_run.path)
    assert old_run.checkpoint.read_bytes() == b"precious"


def test_a_run_is_overwritten_where_that_is_wanted(old_run: RunFolder):
    old_run.confusion.write_bytes(b"of a classifier")
    assert not RunFolder.create(old_run.path, overwrite=True).checkpoint.exists()
    assert not old_run.confusion.exists()


def test_a_run_that_saved_nothing_may_begin_again(old_run: RunFolder):
    old_run.checkpoint.unlink()
    assert RunFolder.create(old_run.path).config.is_file()


@pytest.mark.parametrize("name", ["file", "file/run"])
def test_a_file_in_the_way_is_named(tmp_path: Path, name: str):
    (tmp_path / "file").write_text("text", encoding="utf-8")
    with pytest.raises(InputError, match=f"{name}: .*choose another --out"):
        RunFolder.create(tmp_path / name)
    assert (tmp_path / "file").read_text(encoding="utf-8") == "text"


def test_an_unwritable_place_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(InputError, match=r"run: cannot be made \(Permission denied\); choose another --out"):
        RunFolder.create(tmp_path / "run")


def test_only_a_run_can_be_opened(tmp_path: Path, old_run: RunFolder):
    assert RunFolder.existing(old_run.path).checkpoint == old_run.checkpoint
    with pytest.raises(InputError, match=r"no run stands there \(config.toml is missing\)"):
        RunFolder.existing(tmp_path / "nowhere")


def test_history_comes_back_as_numbers(old_run: RunFolder):
    rows = [{"epoch": 1, "train_loss": 0.1 + 0.2}, {"epoch": 2, "train_loss": 1e-17}]
    old_run.write_history(rows)
    assert old_run.read_history() == rows
    assert old_run.history.read_bytes().splitlines()[0] == b"epoch,train_loss"


def test_no_history_is_no_rows(old_run: RunFolder):
    assert old_run.read_history() == []


def test_a_spoilt_history_is_one_line(old_run: RunFolder):
    old_run.history.write_text("epoch,train_loss\n1,low\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"history\.csv: a line holds something else than numbers"):
        old_run.read_history()


def test_json_comes_back(old_run: RunFolder):
    old_run.write_json(old_run.metrics, {"caption": "ein großer Stern", "bleu_4": 0.25})
    assert old_run.read_json(old_run.metrics) == {"caption": "ein großer Stern", "bleu_4": 0.25}
    assert old_run.read_json(old_run.samples) is None


def test_spoilt_json_is_one_line(old_run: RunFolder):
    old_run.metrics.write_text('{"bleu_4": ', encoding="utf-8")
    with pytest.raises(InputError, match=r"metrics\.json: this is no JSON .*; evaluate the run again"):
        old_run.read_json(old_run.metrics)
