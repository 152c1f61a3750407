"""What the training of a captioner, a classifier and a tagger differ in, behind one interface."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

from minicap.data.batches import Epochs
from minicap.data.labelled_batches import LabelledBatches
from minicap.data.preprocessing import Preprocessing
from minicap.training.config import TrainConfig


class Judged(NamedTuple):
    """The metrics as ``metrics.json`` holds them, and what the model says of each picture.

    Attributes
    ----------
    metrics : dict
    records : list of dict
        For ``samples.json``: ``caption`` is what the model says, ``references`` what is right.
    """

    metrics: dict[str, Any]
    records: list[dict[str, Any]]


class Task:
    """A kind of training. One instance serves all runs; it keeps nothing.

    Attributes
    ----------
    model : type
        ``Captioner``, ``Classifier`` or ``Tagger``.
    """

    model: ClassVar[Any]

    def vocabulary(self, config: TrainConfig, train: Any) -> Any:
        """Return what the outputs are called, from the training data."""
        raise NotImplementedError

    def build(self, config: TrainConfig, vocabulary: Any, preprocessing: Preprocessing) -> Any:
        """Return a model that has learnt nothing yet."""
        return self.model(vocabulary, preprocessing=preprocessing, **config.model_options())

    def batches(self, config: TrainConfig, train: Any, model: Any, *, progress: bool = False) -> Epochs:
        """Return the training batches that a configuration asks for."""
        raise NotImplementedError

    def check(self, model: Any, data: Any) -> None:
        """Raise where data cannot be judged, before a long training and not after it."""

    def validate(self, model: Any, data: Any, *, seed: int = 0) -> dict[str, float]:
        """Return what an epoch is judged by, ``val_loss`` among it."""
        raise NotImplementedError

    def judge(self, model: Any, data: Any, *, train: Any = None, seed: int = 0) -> Judged:
        """Return every metric of a model on a split, and of baselines that know ``train`` alone."""
        raise NotImplementedError


class LabelledTask(Task):
    """What classes and tags share: the same shuffled batches."""

    def batches(
        self, config: TrainConfig, train: Any, model: Any, *, progress: bool = False
    ) -> LabelledBatches:
        """Return shuffled batches."""
        return LabelledBatches(
            train, model.vocabulary, model.preprocessing, config.batch_size,
            augmentation=config.augmentation(), dtype=model.dtype, progress=progress,
        )  # fmt: skip
