"""Before a training: its data are read, and measured for the preprocessing."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from tqdm import tqdm

from minicap.data.corpus import Corpus
from minicap.data.dataset import Pictures
from minicap.data.preprocessing import Preprocessing, to_tensor
from minicap.data.readers import read_data
from minicap.data.report import ReadingReport
from minicap.training.config import TrainConfig

MEASURED = 1000  # training pictures that mean and standard deviation are measured on
LEAST_STD = 0.02  # pictures of one flat colour must not be blown up


class Splits(NamedTuple):
    """What is learnt from, and what is validated on."""

    train: Any
    val: Any


def read_splits(
    path: str | Path, task: str = "caption", *, progress: bool = False, pictures: bool = True
) -> Splits:
    """Read training and validation split of a data folder.

    Parameters
    ----------
    path : str or Path
    task : str
        ``caption``, ``tag`` or ``classify``.
    progress : bool
        Print what was wrong with the data.
    pictures : bool
        Whether the pictures have to be there, see ``read_data``.

    Returns
    -------
    Splits

    Raises
    ------
    InputError
        If there is nothing to learn from.
    """
    corpus = read_corpus(path, task, progress=progress, pictures=pictures)
    return Splits(corpus.split("train"), corpus.split("val") if "val" in corpus.splits else None)


def read_corpus(
    path: str | Path, task: str = "caption", *, progress: bool = False, pictures: bool = True
) -> Corpus[Any]:
    """Read a data folder and, with ``progress``, print once what was wrong with it.

    Parameters
    ----------
    path : str or Path
    task : str
        ``caption``, ``tag`` or ``classify``.
    progress : bool
    pictures : bool
        Whether the pictures have to be there, see ``read_data``.

    Returns
    -------
    Corpus

    Raises
    ------
    InputError
        If nothing can be read.
    """
    corpus = read_data(path, task, pictures=pictures)
    if progress:
        sizes = ", ".join(f"{len(corpus.split(name)):,} {name}" for name in corpus.splits)
        tqdm.write(f"{corpus.kind}: {sizes} images", file=sys.stderr)
        tell(corpus.report)
    return corpus


def tell(report: ReadingReport) -> None:
    """Print what was wrong with data on standard error, beside any progress bar.

    Parameters
    ----------
    report : ReadingReport
    """
    for line in report.lines():
        tqdm.write(f"  {line}", file=sys.stderr)


def fit_preprocessing(config: TrainConfig, train: Pictures) -> Preprocessing:
    """Measure mean and standard deviation of each colour over training pictures, for inputs of about unit size.

    With ``normalize = "half"`` nothing is measured, and [0, 1] becomes [-1, 1].

    Parameters
    ----------
    config : TrainConfig
    train : Pictures

    Returns
    -------
    Preprocessing
    """
    plain = Preprocessing(config.image_size, mode=train.mode, resize=config.resize)
    if config.normalize == "half":
        return plain
    every = max(1, len(train) // MEASURED)
    some = train.subset(range(0, len(train), every)).usable(plain)
    x = to_tensor(some.pixels(plain), np.float64)  # (N, 3, S, S)
    mean, std = x.mean(axis=(0, 2, 3)), np.maximum(x.std(axis=(0, 2, 3)), LEAST_STD)
    return replace(plain, mean=tuple(mean.round(4).tolist()), std=tuple(std.round(4).tolist()))
