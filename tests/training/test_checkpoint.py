"""Checkpoints: what is saved comes back bit for bit, and what is broken is refused in one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from minicap.archive import read_archive, write_archive
from minicap.errors import InputError
from minicap.models import Captioner
from minicap.optim import Adam, Sgd
from minicap.training import TrainingState, load_checkpoint, save_checkpoint

STATE = TrainingState(
    epoch=2, position=3, loss_sum=0.1 + 0.2, norm_sum=1e-17, best=0.5, best_loss=1 / 3, waited=1, seconds=4.5,
    history=[{"epoch": 1, "train_loss": 2 / 3}, {"epoch": 2, "train_loss": 1e-300}],
)  # fmt: skip


@pytest.fixture
def optimizer(model: Captioner, rng: np.random.Generator) -> Adam:
    """Return an optimiser that has taken two steps."""
    optimizer = Adam(1e-3)
    for _ in range(2):
        optimizer.step(
            model.params, {n: rng.normal(size=p.shape).astype(p.dtype) for n, p in model.params.items()}
        )
    return optimizer


@pytest.fixture
def path(tmp_path: Path, model: Captioner, optimizer: Adam, rng: np.random.Generator) -> Path:
    """Return a sound checkpoint."""
    save_checkpoint(tmp_path / "checkpoint.npz", model, optimizer, rng, STATE)
    return tmp_path / "checkpoint.npz"


def load(path: Path, optimizer: Any = None) -> tuple[Any, TrainingState]:
    """Load a checkpoint of a captioner."""
    return load_checkpoint(path, Captioner, optimizer or Adam(1e-3), np.random.default_rng())


def test_everything_comes_back_bit_for_bit(path, model, optimizer, rng):
    fresh, generator = Adam(0.5), np.random.default_rng(99)
    loaded, state = load_checkpoint(path, Captioner, fresh, generator)
    assert state == STATE
    assert fresh.steps == 2
    for ours, theirs in ((model.params, loaded.params), (optimizer.state, fresh.state)):
        assert ours.keys() == theirs.keys()
        assert all(np.array_equal(ours[n], theirs[n]) and ours[n].dtype == theirs[n].dtype for n in ours)
    assert np.array_equal(rng.random(5), generator.random(5))
    assert loaded.vocabulary == model.vocabulary
    assert loaded.preprocessing == model.preprocessing


def test_a_run_that_is_as_good_as_new_comes_back_too(tmp_path, model, rng):
    save_checkpoint(tmp_path / "c.npz", model, Adam(1e-3), rng, TrainingState())
    assert load(tmp_path / "c.npz")[1] == TrainingState()


def test_a_checkpoint_is_also_a_model(path, model):
    assert np.array_equal(
        Captioner.load(path).params["encoder.conv1.weight"], model.params["encoder.conv1.weight"]
    )


def test_a_model_alone_cannot_be_resumed(tmp_path, model):
    model.save(tmp_path / "best.npz")
    with pytest.raises(InputError, match=r"best\.npz: it holds a model but no training to resume"):
        load(tmp_path / "best.npz")


def test_a_missing_file_tells_the_way_out(tmp_path):
    with pytest.raises(
        InputError, match=r"nothing\.npz: nothing was saved yet; start again without --resume"
    ):
        load(tmp_path / "nothing.npz")


def test_another_optimizer_is_refused(path):
    with pytest.raises(InputError, match=r"the training state makes no sense \(optimizer Adam\)"):
        load(path, Sgd(0.1))


@pytest.mark.parametrize("kept", [0, 1, 100, 0.5, 0.999])
def test_a_truncated_file_is_refused(path, kept):
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content)) if isinstance(kept, float) else kept])
    with pytest.raises(InputError, match=r"checkpoint\.npz: the file is damaged") as caught:
        load(path)
    assert "\n" not in str(caught.value)


def spoil_version(arrays, meta):
    meta["version"] = 99


def spoil_kind(arrays, meta):
    meta["kind"] = "Tagger"


def spoil_epoch(arrays, meta):
    meta["training"]["state"]["epoch"] = "two"


def spoil_position(arrays, meta):
    meta["training"]["state"]["position"] = -1


def spoil_sum(arrays, meta):
    meta["training"]["state"]["loss_sum"] = [1.0]


def spoil_history(arrays, meta):
    meta["training"]["state"]["history"] = [{"epoch": "one"}]


def spoil_fields(arrays, meta):
    meta["training"]["state"]["mood"] = "good"


def spoil_rng(arrays, meta):
    meta["training"]["rng"]["state"]["state"] = 2**400


def spoil_generator(arrays, meta):
    meta["training"]["rng"] = "none"


def spoil_training(arrays, meta):
    meta["training"] = 3


def spoil_slot_name(arrays, meta):
    arrays["optimizer/mean.nowhere"] = arrays.pop("optimizer/mean.encoder.conv1.weight")


def spoil_slot_shape(arrays, meta):
    arrays["optimizer/mean.encoder.conv1.weight"] = np.zeros(3, np.float32)


def spoil_parameter(arrays, meta):
    del arrays["model/encoder.conv1.weight"]


SPOILS = [value for name, value in list(globals().items()) if name.startswith("spoil_")]


@pytest.mark.parametrize("spoil", SPOILS, ids=lambda f: f.__name__)
def test_a_checkpoint_that_makes_no_sense_is_refused(path, spoil):
    arrays, meta = read_archive(path)
    spoil(arrays, meta)
    write_archive(path, arrays, meta)
    with pytest.raises(InputError, match=r"checkpoint\.npz: ") as caught:
        load(path)
    assert "\n" not in str(caught.value)
