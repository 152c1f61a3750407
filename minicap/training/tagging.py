"""The training of taggers."""

from __future__ import annotations

from typing import Any

import numpy as np

from minicap._types import Array
from minicap.data.labelled import TagData
from minicap.data.labelled_batches import batches_in_order
from minicap.data.labels import Labels
from minicap.metrics import mean_average_precision, most_frequent_tags, precision_recall_f1, recalled_tags
from minicap.models import Tagger
from minicap.models.tag_heads import Findings
from minicap.training.config import TrainConfig
from minicap.training.judging_tags import BEST, THRESHOLD, said_tags, tag_details
from minicap.training.task import Judged, LabelledTask


class Tagging(LabelledTask):
    """Any number of tags a picture."""

    model = Tagger

    def vocabulary(self, config: TrainConfig, train: TagData) -> Labels:
        """Return the tags that occur often enough in training."""
        return Labels.of_tags(train.tags, min_count=config.min_count)

    def validate(self, model: Tagger, data: TagData, *, seed: int = 0) -> dict[str, float]:
        """Return loss and mean average precision."""
        truth = model.vocabulary.marked(data.tags)
        found = model.find(data.pixels(model.preprocessing))
        return {"val_loss": _loss(model, data), "map": _map(found.probabilities, truth)}

    def judge(
        self,
        model: Tagger,
        data: TagData,
        *,
        train: TagData | None = None,
        seed: int = 0,
        threshold: float = THRESHOLD,
        k: int = BEST,
    ) -> Judged:
        """Return average precision, and precision and recall of what is said, beside the most frequent tags.

        Said is what is at least as likely as ``threshold``; ``k`` best tags are looked at in any case.
        """
        truth = model.vocabulary.marked(data.tags)
        found = model.find(data.pixels(model.preprocessing))
        said = said_tags(found, threshold)
        metrics: dict[str, Any] = scores(found.probabilities, said, truth) | {"loss": _loss(model, data)}
        if truth.any():
            each = mean_average_precision(found.probabilities, truth).per_tag
            pairs = zip(model.vocabulary.names, each, strict=True)
            metrics["per_tag"] = {name: float(value) for name, value in pairs if np.isfinite(value)}
            metrics |= tag_details(found, said, truth, model.vocabulary.names, k=k)
        if train is not None:
            usual = most_frequent(model.vocabulary.marked(train.tags), len(data))
            metrics["baselines"] = {"most_frequent_tags": scores(*usual, truth)}
        if found.said is None:
            metrics["threshold"] = threshold
        metrics |= {"n_tags": len(model.vocabulary), "split": data.split, "n_images": len(data)}
        return Judged(metrics, _records(found, said, data, model))


def scores(probabilities: Array, said: Array, truth: Array) -> dict[str, float]:
    """Return the metrics of tags.

    Parameters
    ----------
    probabilities : Array, (N, K)
    said, truth : Array of bool, (N, K)

    Returns
    -------
    dict
        ``map``, ``precision``, ``recall`` and ``f1`` over all picture-tag pairs, ``recalled``: the share of the
        tags in the truth that are rightly said at least once. Empty where no picture has any tag.
    """
    if not truth.any():
        return {}
    found = precision_recall_f1(said, truth)
    return {
        "map": _map(probabilities, truth),
        "precision": found.precision,
        "recall": found.recall,
        "f1": found.f1,
        "recalled": recalled_tags(said, truth),
    }


def most_frequent(train_truth: Array, count: int) -> tuple[Array, Array]:
    """Return what somebody says who never looks: the most frequent tags, as many as pictures have on average.

    Parameters
    ----------
    train_truth : Array of bool, (M, K)
    count : int
        N, pictures to say it of.

    Returns
    -------
    probabilities : Array, (N, K)
    said : Array of bool, (N, K)
    """
    usual = most_frequent_tags(train_truth)
    many = max(1, round(float(train_truth.sum(axis=1).mean())))
    said = np.zeros(len(usual), np.bool_)
    said[np.argsort(-usual, kind="stable")[:many]] = True
    return np.tile(usual, (count, 1)), np.tile(said, (count, 1))


def _map(probabilities: Array, truth: Array) -> float:
    """Return the mean average precision, 0 where there is nothing to find."""
    return float(mean_average_precision(probabilities, truth).map) if truth.any() else 0.0


def _loss(model: Tagger, data: TagData) -> float:
    """Return the model's loss on data in nats, not while training."""
    batches = batches_in_order(data, model.vocabulary, model.preprocessing, 64, dtype=model.dtype)
    found = [(float(model.loss(batch)[0]), model.weigh(batch)) for batch in batches]
    return sum(loss * weight for loss, weight in found) / sum(weight for _, weight in found)


def _records(found: Findings, said: Array, data: TagData, model: Tagger) -> list[dict[str, Any]]:
    """Return what ``samples.json`` holds of each picture."""
    names, records = model.vocabulary.names, []
    for n, (row, chosen, tags) in enumerate(zip(found.probabilities, said, data.tags, strict=True)):
        best = [k for k in np.argsort(-row, kind="stable") if chosen[k]]
        caption, known = [names[k] for k in best], dict(zip(names, row.tolist(), strict=True))
        records.append(
            {
                "caption": ", ".join(caption),
                "references": [", ".join(tags)] if tags else [],
                "tags": [model.tag_of(found, n, k).to_dict() | {"right": names[k] in tags} for k in best],
                "missed": [
                    {"tag": tag} | ({"probability": known[tag]} if tag in known else {})
                    for tag in dict.fromkeys(tags)
                    if tag not in caption
                ],
            }
        )
    return records
