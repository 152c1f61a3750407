"""Everything a training is made of, in one file, so that a resumed run cannot be told from one that never stopped."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from minicap._types import Rng
from minicap.archive import read_archive, write_archive
from minicap.data.files import shown
from minicap.errors import InputError
from minicap.models.storage import model_record, restore_model
from minicap.optim import Optimizer

Model = TypeVar("Model")


@dataclass
class TrainingState:
    """Where a training stands.

    Attributes
    ----------
    epoch : int
        Epochs that are finished.
    position : int
        Batches of the running epoch that are done.
    loss_sum, norm_sum : float
        Sums over those batches, of the loss and of the gradient's norm.
    best : float or None
        Best validation score so far; ``best_loss`` decides between equal ones.
    waited : int
        Epochs since then.
    seconds : float
        Time spent so far.
    history : list of dict
        One row a finished epoch.
    """

    epoch: int = 0
    position: int = 0
    loss_sum: float = 0.0
    norm_sum: float = 0.0
    best: float | None = None
    best_loss: float = float("inf")
    waited: int = 0
    seconds: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list)


def save_checkpoint(path: Path, model: Any, optimizer: Optimizer, rng: Rng, state: TrainingState) -> None:
    """Write model, optimiser, generator and state as one file.

    Parameters
    ----------
    path : Path
    model : Captioner
    optimizer : Optimizer
    rng : numpy.random.Generator
        The dropout generator; batches are drawn anew from the seed.
    state : TrainingState

    Raises
    ------
    InputError
        If it cannot be written; the former checkpoint is then still there.
    """
    arrays, meta = model_record(model)
    arrays |= {f"optimizer/{name}": array for name, array in optimizer.state.items()}
    meta["training"] = {
        "state": asdict(state),
        "optimizer": {"kind": type(optimizer).__name__, "steps": optimizer.steps},
        "rng": rng.bit_generator.state,
    }
    write_archive(path, arrays, meta)


def load_checkpoint(
    path: Path, kind: type[Model], optimizer: Optimizer, rng: Rng
) -> tuple[Model, TrainingState]:
    """Read what ``save_checkpoint`` wrote; optimiser and generator are set to where they were.

    Parameters
    ----------
    path : Path
    kind : type
        The class of the model.
    optimizer : Optimizer
    rng : numpy.random.Generator

    Returns
    -------
    model
    state : TrainingState

    Raises
    ------
    InputError
        If there is no such file, it is damaged, or holds a model only.
    """
    if not path.is_file():
        raise InputError(f"{shown(path)}: nothing was saved yet; start again without --resume")
    arrays, meta = read_archive(path)
    if "training" not in meta:
        raise InputError(f"{shown(path)}: it holds a model but no training to resume; start a new run")
    model = restore_model(path, arrays, meta, kind)
    try:
        training = meta["training"]
        state = _checked(TrainingState(**training["state"]))
        if training["optimizer"]["kind"] != type(optimizer).__name__:
            raise ValueError(f"optimizer {training['optimizer']['kind']}")
        optimizer.steps = int(training["optimizer"]["steps"])
        rng.bit_generator.state = training["rng"]
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise InputError(
            f"{shown(path)}: the training state makes no sense ({shown(error)}); start a new run"
        ) from error
    optimizer.state = {
        name.removeprefix("optimizer/"): a for name, a in arrays.items() if name.startswith("optimizer/")
    }
    _check_slots(path, model, optimizer)
    return model, state


def _checked(state: TrainingState) -> TrainingState:
    """Return a state whose every value is of its kind, or raise."""
    counts = (state.epoch, state.position, state.waited)
    if not all(type(count) is int and count >= 0 for count in counts):
        raise ValueError(f"epoch, position and waited are {counts}")
    numbers = [state.loss_sum, state.norm_sum, state.best_loss, state.seconds, state.best or 0.0]
    numbers += [value for row in state.history for value in dict(row).values()]
    if not all(type(number) in (int, float) for number in numbers):
        raise TypeError("a sum, a score or the history is no number")
    return state


def _check_slots(path: Path, model: Any, optimizer: Optimizer) -> None:
    """Raise unless the optimiser's arrays are those of the model's parameters."""
    params = model.params
    for name, array in optimizer.state.items():
        owner = params.get(name.partition(".")[2])
        if owner is None or owner.shape != array.shape or owner.dtype != array.dtype:
            raise InputError(
                f"{shown(path)}: optimizer state {shown(name)} fits no parameter; start a new run"
            )
