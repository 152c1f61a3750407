"""A whole training, from a data folder to a run folder with its metrics."""

from __future__ import annotations

import statistics
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from tqdm import tqdm

from minicap.data.batches import CaptionBatches
from minicap.data.corpus import CaptionCorpus
from minicap.data.dataset import CaptionData
from minicap.data.preprocessing import Preprocessing, to_tensor
from minicap.data.readers import read_captions
from minicap.data.report import ReadingReport
from minicap.data.vocabulary import Vocabulary
from minicap.errors import InputError
from minicap.models import Captioner
from minicap.optim import OPTIMIZERS
from minicap.training.checkpoint import load_checkpoint
from minicap.training.config import TrainConfig
from minicap.training.evaluation import evaluate, validation_scores
from minicap.training.parallel import fitting_threads
from minicap.training.run import RunFolder
from minicap.training.samples import write_samples
from minicap.training.schedules import make_schedule
from minicap.training.seeds import seed_for
from minicap.training.trainer import Trainer

MEASURED = 1000  # training pictures that mean and standard deviation are measured on
LEAST_STD = 0.02  # pictures of one flat colour must not be blown up


class Splits(NamedTuple):
    """What is learnt from, and what is validated on."""

    train: CaptionData
    val: CaptionData | None


def train_run(
    config: TrainConfig,
    run: RunFolder,
    splits: Splits | None = None,
    *,
    resume: bool = False,
    progress: bool = False,
) -> Captioner:
    """Train a captioner as ``fit_run`` does, keep its best and last state, and judge the best on validation pictures.

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
    Captioner
        The best one.

    Raises
    ------
    InputError
        If data or run folder cannot be used.
    """
    splits = splits or read_splits(config.data, progress=progress)
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
) -> Captioner:
    """Train a captioner and keep its best and last state.

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
    Captioner
        The best one.

    Raises
    ------
    InputError
        If data or run folder cannot be used.
    """
    # The number of threads is kept, so that a resumed run adds up in the same order.
    config = replace(config, threads=config.threads or fitting_threads(config.batch_size))
    rng = np.random.default_rng(seed_for(config.seed, "dropout"))
    optimizer = OPTIMIZERS[config.optimizer](config.lr)
    state = None
    if resume:
        model, state = load_checkpoint(run.checkpoint, Captioner, optimizer, rng)
        config.save(run.config)  # it may go on for longer, or with data that have moved
    else:
        vocabulary = Vocabulary.build(
            (text for texts in splits.train.captions for text in texts),
            tokenizer=config.tokenizer, min_count=config.min_count,
        )  # fmt: skip
        preprocessing = fit_preprocessing(config, splits.train)
        model = Captioner(vocabulary, preprocessing=preprocessing, **config.model_options())
        config.save(run.config)
        vocabulary.save(run.vocabulary)
    trainer = _trainer(
        config, splits.train, model, optimizer=optimizer, rng=rng, run=run, state=state, progress=progress,
        validate=_validator(config, splits.val, model.preprocessing, progress=progress),
    )  # fmt: skip
    trainer.fit()
    return Captioner.load(run.best)


def judge_run(
    model: Captioner, run: RunFolder, data: CaptionData, train: CaptionData | None, *, seed: int = 0
) -> dict[str, Any]:
    """Judge a model and leave ``metrics.json`` and sample captions in its run folder.

    Parameters
    ----------
    model : Captioner
    run : RunFolder
    data : CaptionData
        The split to judge on.
    train : CaptionData, optional
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
    metrics, captions = evaluate(model, data, train=train, seed=seed)
    run.write_json(run.metrics, metrics)
    write_samples(run, data, captions, model.preprocessing)
    return metrics


def read_splits(path: str | Path, *, progress: bool = False) -> Splits:
    """Read training and validation split of a data folder.

    Parameters
    ----------
    path : str or Path
    progress : bool
        Print what was wrong with the data.

    Returns
    -------
    Splits

    Raises
    ------
    InputError
        If there is nothing to learn from.
    """
    corpus = read_corpus(path, progress=progress)
    return Splits(corpus.split("train"), corpus.split("val") if "val" in corpus.splits else None)


def read_corpus(path: str | Path, *, progress: bool = False) -> CaptionCorpus:
    """Read a data folder and, with ``progress``, print once what was wrong with it.

    Parameters
    ----------
    path : str or Path
    progress : bool

    Returns
    -------
    CaptionCorpus

    Raises
    ------
    InputError
        If nothing can be read.
    """
    corpus = read_captions(path)
    if progress:
        sizes = ", ".join(f"{len(corpus.split(name)):,} {name}" for name in corpus.splits)
        tqdm.write(f"{corpus.kind}: {sizes} images", file=sys.stderr)
        _tell(corpus.report)
    return corpus


def _tell(report: ReadingReport) -> None:
    """Print what was wrong with data on standard error, beside any progress bar."""
    for line in report.lines():
        tqdm.write(f"  {line}", file=sys.stderr)


def make_batches(
    config: TrainConfig, train: CaptionData, model: Captioner, *, progress: bool = False
) -> CaptionBatches:
    """Return the training batches that a configuration asks for.

    Parameters
    ----------
    config : TrainConfig
    train : CaptionData
    model : Captioner
    progress : bool

    Returns
    -------
    CaptionBatches

    Raises
    ------
    InputError
        If a batch is larger than the data.
    """
    several = config.captions_per_image or min(
        5, round(statistics.median(len(texts) for texts in train.captions))
    )
    return CaptionBatches(
        train, model.vocabulary, model.preprocessing, config.batch_size,
        captions_per_image=several, dtype=model.dtype, progress=progress,
    )  # fmt: skip


def _validator(
    config: TrainConfig, val: CaptionData | None, preprocessing: Preprocessing, *, progress: bool = False
) -> Any:
    """Return what judges an epoch, on at most ``val_images`` pictures that are always the same."""
    if val is None:
        return None
    report = ReadingReport()
    val = val.usable(preprocessing, report=report)
    if progress:
        _tell(report)
    if len(val) > config.val_images:
        rng = np.random.default_rng(seed_for(config.seed, "evaluation"))
        val = val.subset(np.sort(rng.choice(len(val), config.val_images, replace=False)))
    return lambda model: validation_scores(model, val, seed=config.seed)


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
    model = Captioner(vocabulary, preprocessing=fit_preprocessing(config, train), **config.model_options())
    _trainer(config, train, model, progress=progress).fit()
    return model


def fit_preprocessing(config: TrainConfig, train: CaptionData) -> Preprocessing:
    """Measure mean and standard deviation of each colour over training pictures, for inputs of about unit size.

    Parameters
    ----------
    config : TrainConfig
    train : CaptionData

    Returns
    -------
    Preprocessing
    """
    plain = Preprocessing(config.image_size)
    every = max(1, len(train) // MEASURED)
    some = train.subset(range(0, len(train), every)).usable(plain)
    x = to_tensor(some.pixels(plain), np.float64)  # (N, 3, S, S)
    mean, std = x.mean(axis=(0, 2, 3)), np.maximum(x.std(axis=(0, 2, 3)), LEAST_STD)
    return replace(plain, mean=tuple(mean.round(4).tolist()), std=tuple(std.round(4).tolist()))


def _trainer(config: TrainConfig, train: CaptionData, model: Captioner, **options: Any) -> Trainer:
    """Return a trainer as a configuration wants it."""
    progress = options.get("progress", False)
    batches = make_batches(config, train, model, progress=progress)
    if progress:
        _tell(batches.report)
    state = options.get("state")
    if state is not None and state.position > len(batches):
        raise InputError(
            f"the run stopped after batch {state.position} of an epoch, but the {len(batches.data)} images of "
            f"{train.split} make only {len(batches)}; resume with the data it began with, or start a new run"
        )
    total = config.epochs * len(batches)
    defaults: dict[str, Any] = {
        "optimizer": OPTIMIZERS[config.optimizer](config.lr),
        "rng": np.random.default_rng(seed_for(config.seed, "dropout")),
    }
    return Trainer(
        model, batches, schedule=make_schedule(config.schedule, config.lr, total, round(config.warmup * total)),
        epochs=config.epochs, seed=config.seed, clip_norm=config.clip_norm, patience=config.patience,
        threads=config.threads or fitting_threads(config.batch_size),
        **defaults | options,
    )  # fmt: skip
