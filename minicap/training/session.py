"""A whole training, from a data folder to a run folder with its metrics."""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from minicap.data.batches import Epochs
from minicap.data.dataset import CaptionData, Pictures
from minicap.data.report import ReadingReport
from minicap.data.vocabulary import Vocabulary
from minicap.errors import InputError
from minicap.models import Captioner
from minicap.optim import OPTIMIZERS, Optimizer
from minicap.training.captioning import Captioning
from minicap.training.checkpoint import load_checkpoint
from minicap.training.classifying import Classifying
from minicap.training.config import TrainConfig
from minicap.training.health import examine
from minicap.training.objective import CaptionObjective, Objective, likelihood
from minicap.training.parallel import fitting_threads
from minicap.training.preparing import Splits, fit_preprocessing, read_splits, tell
from minicap.training.run import RunFolder
from minicap.training.samples import write_samples
from minicap.training.schedules import make_schedule
from minicap.training.seeds import seed_for
from minicap.training.stored import stored_splits
from minicap.training.tagging import Tagging
from minicap.training.task import Task
from minicap.training.trainer import Trainer
from minicap.training.transfer import adopt, hand_on, preprocessing_from, vocabulary_from

TASKS: dict[str, Task] = {"caption": Captioning(), "tag": Tagging(), "classify": Classifying()}


def train_run(
    config: TrainConfig,
    run: RunFolder,
    splits: Splits | None = None,
    *,
    resume: bool = False,
    progress: bool = False,
) -> Any:
    """Train a model as ``fit_run`` does, keep its best and last state, and judge the best on validation pictures.

    Parameters
    ----------
    config : TrainConfig
    run : RunFolder
    splits : Splits, optional
        Data in memory; read from ``config.data`` where None.
    resume : bool
        Go on from ``checkpoint.npz``.
    progress : bool
        Show progress bars and what was wrong with the data.

    Returns
    -------
    Captioner, Classifier or Tagger
        The best one.

    Raises
    ------
    InputError
        If data or run folder cannot be used.
    """
    if splits is None:
        splits = read_splits(config.data, config.task, progress=progress, pictures=not config.features)
    splits = stored_splits(config, splits, run, resume=resume, progress=progress)
    best = fit_run(config, run, splits, resume=resume, progress=progress)
    if splits.val is not None:
        judge_run(best, run, splits.val, splits.train, seed=config.seed)
    return best


def fit_run(
    config: TrainConfig,
    run: RunFolder,
    splits: Splits,
    *,
    resume: bool = False,
    progress: bool = False,
) -> Any:
    """Train a model and keep its best and last state.

    Parameters
    ----------
    config : TrainConfig
    run : RunFolder
    splits : Splits
    resume : bool
        Go on from ``checkpoint.npz``.
    progress : bool
        Show progress bars and what was wrong with the data.

    Returns
    -------
    Captioner, Classifier or Tagger
        The best one.

    Raises
    ------
    InputError
        If data or run folder cannot be used.
    """
    # The number of threads is kept, so that a resumed run adds up in the same order.
    config = replace(config, threads=config.threads or fitting_threads(config.batch_size))
    splits = stored_splits(config, splits, run, resume=resume, progress=progress)
    rng = np.random.default_rng(seed_for(config.seed, "dropout"))
    optimizer, task, state = _optimizer(config), TASKS[config.task], None
    if resume:
        model, state = load_checkpoint(run.checkpoint, task.model, optimizer, rng)
        config.save(run.config)  # it may go on for longer, or with data that have moved
    else:
        adopt(asdict(config))  # where the run was not begun by the command line, nobody has compared yet
        vocabulary = vocabulary_from(config) or task.vocabulary(config, splits.train)
        preprocessing = preprocessing_from(config) or fit_preprocessing(config, splits.train)
        model = task.build(config, vocabulary, preprocessing)
        hand_on(config, model)
        config.save(run.config)
        vocabulary.save(run.vocabulary)
    if not config.features:
        model.trunk.frozen = config.freeze
    trainer = _trainer(
        config, splits.train, model, optimizer=optimizer, rng=rng, run=run, state=state, progress=progress,
        validate=_validator(config, splits.val, model, progress=progress),
    )  # fmt: skip
    trainer.fit()
    return task.model.load(run.best)


def judge_run(
    model: Any, run: RunFolder, data: Any, train: Pictures | None, *, seed: int = 0
) -> dict[str, Any]:
    """Judge a model and leave ``metrics.json`` and samples in its run folder.

    Parameters
    ----------
    model : Captioner, Classifier or Tagger
    run : RunFolder
    data : Pictures
        The split to judge on.
    train : Pictures, optional
        For baselines.
    seed : int

    Returns
    -------
    dict
        The metrics.

    Raises
    ------
    InputError
        If pictures cannot be read or the folder not written.
    """
    data = data.usable(model.preprocessing)
    metrics, records = task_of(model).judge(model, data, train=train, seed=seed)
    run.write_json(run.metrics, metrics)
    write_samples(run, data, records, model.preprocessing)
    return metrics


def task_of(model: Any) -> Task:
    """Return the task that a model is trained for.

    Parameters
    ----------
    model : Captioner, Classifier or Tagger

    Returns
    -------
    Task
    """
    return next(task for task in TASKS.values() if isinstance(model, task.model))


def task_name(model: Any) -> str:
    """Return what the task of a model is called: ``caption``, ``tag`` or ``classify``.

    Parameters
    ----------
    model : Captioner, Classifier or Tagger

    Returns
    -------
    str
    """
    return next(name for name, task in TASKS.items() if isinstance(model, task.model))


def make_batches(config: TrainConfig, train: Pictures, model: Any, *, progress: bool = False) -> Epochs:
    """Return the training batches that a configuration asks for.

    Parameters
    ----------
    config : TrainConfig
    train : Pictures
    model : Captioner, Classifier or Tagger
    progress : bool

    Returns
    -------
    CaptionBatches or LabelledBatches

    Raises
    ------
    InputError
        If a batch is larger than the data.
    """
    return TASKS[config.task].batches(config, train, model, progress=progress)


def _validator(config: TrainConfig, val: Any, model: Any, *, progress: bool = False) -> Any:
    """Return what judges an epoch, on at most ``val_images`` pictures that are always the same."""
    if val is None:
        return None
    task, report = TASKS[config.task], ReadingReport()
    task.check(model, val)
    val = val.usable(model.preprocessing, report=report)
    if progress:
        tell(report)
    if len(val) > config.val_images:
        rng = np.random.default_rng(seed_for(config.seed, "evaluation"))
        val = val.subset(np.sort(rng.choice(len(val), config.val_images, replace=False)))
    return lambda model: task.validate(model, val, seed=config.seed)


def fit_blind(
    config: TrainConfig, train: CaptionData, vocabulary: Vocabulary, *, progress: bool = False
) -> Captioner:
    """Train the blind baseline: the same decoder on the same captions, with one grey picture for all.

    Parameters
    ----------
    config : TrainConfig
        Of the model to compare with.
    train : CaptionData
    vocabulary : Vocabulary
    progress : bool

    Returns
    -------
    Captioner
    """
    config = replace(config, blind=True)
    model = TASKS["caption"].build(config, vocabulary, fit_preprocessing(config, train))
    _trainer(config, train, model, progress=progress).fit()
    return model


def _trainer(config: TrainConfig, train: Pictures, model: Any, **options: Any) -> Trainer:
    """Return a trainer as a configuration wants it."""
    progress = options.get("progress", False)
    batches = make_batches(config, train, model, progress=progress)
    if progress:
        tell(batches.report)
    state = options.get("state")
    if state is not None and state.position > len(batches):
        raise InputError(
            f"the run stopped after batch {state.position} of an epoch, but the {len(batches.data)} images of "
            f"{train.split} make only {len(batches)}; resume with the data it began with, or start a new run"
        )
    steps = -(-len(batches) // config.accumulate)  # an epoch
    total = config.epochs * steps
    schedule = make_schedule(
        config.schedule, config.lr, total, round(config.warmup * total),
        step_every=math.ceil(config.step_every * steps), step_factor=config.step_factor,
    )  # fmt: skip
    optimizer = options.get("optimizer") or _optimizer(config)
    defaults: dict[str, Any] = {
        "optimizer": optimizer,
        "objective": _objective(config, optimizer, total),
        "rng": np.random.default_rng(seed_for(config.seed, "dropout")),
    }
    return Trainer(
        model, batches, schedule=schedule, epochs=config.epochs, seed=config.seed, clip_norm=config.clip_norm,
        accumulate=config.accumulate, patience=config.patience,
        examine=lambda model: examine(model, batches.epoch(0)[0]),
        threads=config.threads or fitting_threads(config.batch_size),
        **defaults | options,
    )  # fmt: skip


def _objective(config: TrainConfig, optimizer: Optimizer, total: int) -> Objective:
    """Return what is minimised; the share of sampled words rises in a line over all steps of the training."""
    if not config.label_smoothing and not config.scheduled_sampling:
        return likelihood
    return CaptionObjective(
        config.label_smoothing, lambda: config.scheduled_sampling * min(1.0, optimizer.steps / total)
    )


def _optimizer(config: TrainConfig) -> Optimizer:
    """Return an optimiser as a configuration wants it."""
    return OPTIMIZERS[config.optimizer](config.lr, weight_decay=config.weight_decay)
