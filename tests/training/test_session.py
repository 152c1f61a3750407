"""Whole trainings: reproducible, resumable bit for bit, and never losing what was saved."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from minicap.archive import read_archive
from minicap.data import CaptionData
from minicap.errors import InputError
from minicap.models import Captioner, Classifier, Tagger
from minicap.training import InterruptedTraining, RunFolder, Splits, TrainConfig, captioning, train_run
from minicap.training.session import fit_blind, fit_preprocessing

Make = Callable[..., TrainConfig]
NewRun = Callable[[str], RunFolder]


# What a run leaves


def test_a_run_leaves_everything_that_the_contract_names(splits: Splits, tiny: Make, new_run: NewRun):
    run = new_run("run")
    model = train_run(tiny(epochs=2), run, splits)
    names = ("config.toml", "checkpoint.npz", "best.npz", "vocabulary.json", "history.csv", "metrics.json")
    assert {path.name for path in run.path.iterdir()} >= set(names)
    assert TrainConfig.load(run.config) == tiny(epochs=2)
    assert [row["epoch"] for row in run.read_history()] == [1, 2]
    assert np.array_equal(
        Captioner.load(run.path).params["encoder.conv1.weight"], model.params["encoder.conv1.weight"]
    )


def test_samples_show_pictures_captions_and_what_is_true(splits: Splits, tiny: Make, new_run: NewRun):
    run = new_run("run")
    train_run(tiny(epochs=1), run, splits)
    records = run.read_json(run.samples)
    assert [record["name"] for record in records] == list(splits.val.names)
    for record in records:
        assert (run.path / record["image"]).read_bytes().startswith(b"\x89PNG")
        assert len(record["references"]) == 5
        assert {"grammatical", "true", "complete"} <= record.keys()
        assert record["log_prob"] < 0


def test_without_validation_pictures_the_last_state_is_judged_by_nobody(
    splits: Splits, tiny: Make, new_run: NewRun
):
    run = new_run("run")
    train_run(tiny(epochs=2), run, Splits(splits.train, None))
    assert run.best.is_file()
    assert not run.metrics.exists()
    assert "val_loss" not in run.read_history()[0]


def test_the_best_checkpoint_is_the_best_epochs(splits: Splits, tiny: Make, new_run: NewRun, monkeypatch):
    ends: list[np.ndarray] = []
    truth = iter([0.1, 0.3, 0.2])

    def validate(model: Captioner, data: CaptionData, seed: int) -> dict[str, float]:
        ends.append(model.params["encoder.conv1.weight"].copy())
        return {"val_loss": 1.0, "bleu_4": 0.0, "truth": next(truth)}

    monkeypatch.setattr("minicap.training.captioning.validation_scores", validate)
    best = train_run(tiny(epochs=3), new_run("run"), splits)
    assert np.array_equal(best.params["encoder.conv1.weight"], ends[1])
    assert not np.array_equal(ends[1], ends[2])


def test_early_stopping_ends_a_run(splits: Splits, tiny: Make, new_run: NewRun, monkeypatch):
    monkeypatch.setattr(
        "minicap.training.captioning.validation_scores", lambda *_, **__: {"val_loss": 1.0, "bleu_4": 0.5}
    )
    run = new_run("run")
    train_run(tiny(epochs=9, patience=2), run, splits)
    assert [row["epoch"] for row in run.read_history()] == [1, 2, 3]


def test_the_loss_falls(splits: Splits, tiny: Make, new_run: NewRun):
    run = new_run("run")
    train_run(tiny(epochs=6, hidden_size=32, lr=0.02, warmup=0.0), run, splits)
    losses = [row["train_loss"] for row in run.read_history()]
    assert losses[-1] < losses[0] - 0.2  # nats a word


# Seeds


def test_one_seed_gives_one_run(splits: Splits, tiny: Make, new_run: NewRun, assert_same):
    runs = [new_run(name) for name in ("a", "b")]
    for run in runs:
        train_run(tiny(dropout=0.5, epochs=2), run, splits)
    assert_same(*runs)


def test_another_seed_gives_another_run(splits: Splits, tiny: Make, new_run: NewRun):
    models = [train_run(tiny(seed=seed, epochs=1), new_run(str(seed)), splits) for seed in (0, 1)]
    assert all(
        not np.array_equal(a, b)
        for a, b in zip(*(m.params.values() for m in models), strict=True)
        if a.ndim > 1
    )


# Ctrl-C and --resume


@pytest.mark.parametrize(
    ("decoder", "conditioning", "batch", "threads"),
    [
        ("lstm", "par", 6, 1),  # in the middle of epoch 2
        ("lstm", "init", 1, 1),  # before there is any history
        ("lstm", "par", 6, 2),
        ("gru", "par", 6, 1),
        ("gru", "pre", 8, 1),  # the last batch of epoch 2
        ("rnn", "par", 11, 1),
    ],
)
def test_a_resumed_run_is_as_if_it_had_never_stopped(
    splits: Splits, tiny: Make, new_run: NewRun, press_ctrl_c, assert_same, decoder, conditioning, batch, threads
):  # fmt: skip
    config = tiny(decoder=decoder, conditioning=conditioning, dropout=0.5, threads=threads)
    straight, stopped = new_run("straight"), new_run("stopped")
    train_run(config, straight, splits)
    press_ctrl_c(batch * threads)  # each thread works on its part
    with pytest.raises(InterruptedTraining):
        train_run(config, stopped, splits)
    state = read_archive(stopped.checkpoint)[1]["training"]["state"]
    assert 4 * state["epoch"] + state["position"] == batch
    train_run(config, stopped, splits, resume=True)
    assert_same(straight, stopped)


VARIED = {"crop": 2, "flip": True, "jitter": 0.3}


@pytest.mark.parametrize(
    ("task", "options", "batch", "done"),
    [
        ("classify", {"batch_norm": True, "dropout": 0.5, "accumulate": 2}, 5, 6),  # that step was begun
        ("classify", {"optimizer": "rmsprop", "schedule": "step", "step_every": 0.5}, 1, 1),
        ("tag", {"accumulate": 3, "threads": 2}, 4, 4),  # the last step of epoch 1 has one batch
        ("tag", {"head": "dense", "dropout": 0.5, "optimizer": "adamw", "weight_decay": 0.1}, 6, 6),
        ("tag", {"head": "sequence", "dropout": 0.5, "accumulate": 2}, 2, 2),
    ],
)
def test_other_tasks_resume_as_exactly(
    classes: Splits, tags: Splits, small: Make, new_run: NewRun, press_ctrl_c, assert_same, task, options, batch, done
):  # fmt: skip
    config = small(task, **VARIED, **options)
    splits, kind = (classes, Classifier) if task == "classify" else (tags, Tagger)
    straight, stopped = new_run("straight"), new_run("stopped")
    train_run(config, straight, splits)
    press_ctrl_c(batch * config.threads, kind)
    with pytest.raises(InterruptedTraining):
        train_run(config, stopped, splits)
    state = read_archive(stopped.checkpoint)[1]["training"]["state"]
    assert 4 * state["epoch"] + state["position"] == done
    train_run(config, stopped, splits, resume=True)
    assert_same(straight, stopped)


def test_a_run_may_be_stopped_again_and_again(
    splits: Splits, tiny: Make, new_run: NewRun, press_ctrl_c, assert_same
):
    config = tiny(dropout=0.5, layers=2, optimizer="sgd", lr=0.05)
    straight, stopped = new_run("straight"), new_run("stopped")
    train_run(config, straight, splits)
    for again in range(4):
        press_ctrl_c(3)
        with pytest.raises(InterruptedTraining):
            train_run(config, stopped, splits, resume=again > 0)
    press_ctrl_c(0)
    train_run(config, stopped, splits, resume=True)
    assert_same(straight, stopped)


def test_ctrl_c_while_validating_ends_with_the_epoch(
    splits: Splits, tiny: Make, new_run: NewRun, monkeypatch, assert_same
):
    config, validate = tiny(epochs=2), captioning.validation_scores
    straight, stopped = new_run("straight"), new_run("stopped")
    train_run(config, straight, splits)

    def interrupted(*args: Any, **options: Any) -> Any:
        signal.raise_signal(signal.SIGINT)
        return validate(*args, **options)

    monkeypatch.setattr(captioning, "validation_scores", interrupted)
    with pytest.raises(InterruptedTraining):
        train_run(config, stopped, splits)
    assert [row["epoch"] for row in stopped.read_history()] == [1]
    monkeypatch.setattr(captioning, "validation_scores", validate)
    train_run(config, stopped, splits, resume=True)
    assert_same(straight, stopped)


def test_a_second_ctrl_c_keeps_what_was_saved(splits: Splits, tiny: Make, new_run: NewRun, monkeypatch):
    run, loss, seen = new_run("run"), Captioner.loss, []

    def impatient(self: Captioner, *args: Any, **options: Any) -> Any:
        seen.append(1)
        if len(seen) == 6:
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
        return loss(self, *args, **options)

    monkeypatch.setattr(Captioner, "loss", impatient)
    with pytest.raises(KeyboardInterrupt) as caught:
        train_run(tiny(), run, splits)
    assert not isinstance(caught.value, InterruptedTraining)
    assert read_archive(run.checkpoint)[1]["training"]["state"]["epoch"] == 1


def test_a_finished_run_may_go_on_for_longer(splits: Splits, tiny: Make, new_run: NewRun):
    run = new_run("run")
    train_run(tiny(epochs=1), run, splits)
    train_run(tiny(epochs=2), run, splits, resume=True)
    assert [row["epoch"] for row in run.read_history()] == [1, 2]
    assert TrainConfig.load(run.config).epochs == 2


def test_resuming_with_less_data_is_one_line(splits: Splits, tiny: Make, new_run: NewRun, press_ctrl_c):
    run = new_run("run")
    press_ctrl_c(7)
    with pytest.raises(InterruptedTraining):
        train_run(tiny(), run, splits)
    with pytest.raises(
        InputError, match="stopped after batch 3 of an epoch, but the 4 images of train make only 1"
    ):
        train_run(tiny(), run, Splits(splits.train.subset(range(4)), splits.val), resume=True)


# A full disk


def test_a_full_disk_leaves_the_former_checkpoint(
    splits: Splits, tiny: Make, new_run: NewRun, monkeypatch, assert_same
):
    straight, run, fsync = new_run("straight"), new_run("run"), os.fsync
    train_run(tiny(), straight, splits)

    def full_after_epoch_1(file: int) -> None:
        if run.history.exists():
            raise OSError(errno.ENOSPC, "No space left on device")
        fsync(file)

    monkeypatch.setattr("minicap.data.files.os.fsync", full_after_epoch_1)
    with pytest.raises(InputError, match=r"cannot be written \(No space left on device\)") as caught:
        train_run(tiny(), run, splits)
    assert "\n" not in str(caught.value)
    assert read_archive(run.checkpoint)[1]["training"]["state"]["epoch"] == 1
    assert not [path.name for path in run.path.iterdir() if path.name.startswith(".")]
    monkeypatch.setattr("minicap.data.files.os.fsync", fsync)
    train_run(tiny(), run, splits, resume=True)
    assert_same(straight, run)


# What is decided from the data


def test_nothing_is_written_where_the_data_do_not_fit(splits: Splits, tiny: Make, new_run: NewRun):
    run = new_run("run")
    with pytest.raises(InputError, match="batch size 17 is larger than the 16 images of train"):
        train_run(tiny(batch_size=17), run, splits)
    assert not run.checkpoint.exists()
    train_run(tiny(epochs=1), RunFolder.create(run.path), splits)  # the folder is no trap


def test_a_vocabulary_left_empty_is_one_line(splits: Splits, tiny: Make, new_run: NewRun):
    with pytest.raises(InputError, match="use --min-count"):
        train_run(tiny(min_count=10_000), new_run("run"), splits)


def test_mean_and_spread_are_those_of_the_training_pictures(splits: Splits, tiny: Make):
    preprocessing = fit_preprocessing(tiny(), splits.train)
    pixels = np.stack(splits.train.images) / 255  # (N, 32, 32, 3)
    assert preprocessing.mean == pytest.approx(pixels.mean(axis=(0, 1, 2)), abs=1e-4)
    assert preprocessing.std == pytest.approx(pixels.std(axis=(0, 1, 2)), abs=1e-4)


def test_flat_pictures_are_not_blown_up(splits: Splits, tiny: Make):
    flat = replace(
        splits.train, images=[np.full((32, 32, 3), 200, np.uint8)] * len(splits.train), scenes=None
    )
    assert fit_preprocessing(tiny(), flat).std == (0.02, 0.02, 0.02)


def test_at_most_val_images_are_captioned_each_epoch(
    splits: Splits, tiny: Make, new_run: NewRun, monkeypatch
):
    seen: list[tuple[str, ...]] = []

    def validate(model: Captioner, data: CaptionData, seed: int) -> dict[str, float]:
        seen.append(data.names)
        return {"val_loss": 1.0, "bleu_4": 0.0}

    monkeypatch.setattr("minicap.training.captioning.validation_scores", validate)
    train_run(tiny(epochs=3, val_images=2), new_run("run"), splits)
    assert len(seen[0]) == 2
    assert len(set(seen)) == 1


def test_the_blind_baseline_says_one_thing_of_every_picture(splits: Splits, tiny: Make, model: Captioner):
    blind = fit_blind(tiny(epochs=1), splits.train, model.vocabulary)
    assert blind.config["blind"]
    assert len(set(blind.caption(splits.val.images))) == 1
