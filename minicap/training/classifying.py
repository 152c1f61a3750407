"""The training of classifiers."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from minicap._types import Array
from minicap.data.labelled import ClassData
from minicap.data.labels import Labels
from minicap.metrics import accuracy, confusion_matrix, per_class_accuracy
from minicap.models import Classifier
from minicap.training.config import TrainConfig
from minicap.training.task import Judged, LabelledTask

MOST_CLASSES = 1000  # a larger confusion matrix is not kept
CONSIDERED = 3  # classes kept of each picture, the most probable ones


class Classifying(LabelledTask):
    """One class a picture."""

    model = Classifier

    def vocabulary(self, config: TrainConfig, train: ClassData) -> Labels:
        """Return the classes of the training pictures."""
        return Labels.of_classes(train.labels)

    def check(self, model: Classifier, data: ClassData) -> None:
        """Raise where a picture is of a class that was not learnt."""
        model.vocabulary.numbers(data.labels)

    def validate(self, model: Classifier, data: ClassData, *, seed: int = 0) -> dict[str, float]:
        """Return loss and accuracy."""
        numbers = model.vocabulary.numbers(data.labels)
        rows = model.probabilities(data.pixels(model.preprocessing))
        return {"val_loss": _loss(rows, numbers), "accuracy": accuracy(rows.argmax(axis=1), numbers)}

    def judge(
        self, model: Classifier, data: ClassData, *, train: ClassData | None = None, seed: int = 0
    ) -> Judged:
        """Return accuracy, of each class too, the confusion matrix, and the most frequent class as a baseline."""
        names, numbers = model.vocabulary.names, model.vocabulary.numbers(data.labels)
        rows = model.probabilities(data.pixels(model.preprocessing))
        guesses = rows.argmax(axis=1)
        confusion = confusion_matrix(guesses, numbers, len(names))
        shares = per_class_accuracy(confusion)
        metrics: dict[str, Any] = {
            "accuracy": accuracy(guesses, numbers),
            "loss": _loss(rows, numbers),
            "per_class": {n: float(s) for n, s in zip(names, shares, strict=True) if np.isfinite(s)},
        }
        if len(names) <= MOST_CLASSES:
            metrics["confusion"] = confusion.tolist()
        if train is not None:
            # By name: other data than the model's own may have classes that it does not know.
            usual = Counter(sorted(train.labels)).most_common(1)[0][0]
            metrics["baselines"] = {"most_frequent_class": {"accuracy": data.labels.count(usual) / len(data)}}
        metrics |= {"split": data.split, "n_images": len(data)}
        return Judged(metrics, _records(rows, data, names))


def _loss(rows: Array, numbers: Array) -> float:
    """Return the mean negative log-probability of the right classes."""
    right = rows[np.arange(len(rows)), numbers].astype(np.float64)
    return float(-np.log(np.maximum(right, np.finfo(np.float32).tiny)).mean())


def _records(rows: Array, data: ClassData, names: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return what ``samples.json`` holds of each picture."""
    records = []
    for row, label in zip(rows, data.labels, strict=True):
        best = np.argsort(-row, kind="stable")[:CONSIDERED]
        records.append(
            {
                "caption": names[best[0]],
                "log_prob": float(np.log(max(row[best[0]], np.finfo(np.float32).tiny))),
                "references": [label],
                "right": names[best[0]] == label,
                "classes": [{"class": names[k], "probability": float(row[k])} for k in best],
            }
        )
    return records
