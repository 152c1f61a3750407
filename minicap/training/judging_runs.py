"""One trained model or two judged on the same pictures, whatever their task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from minicap._types import Array
from minicap.errors import InputError
from minicap.metrics import Idf, Statistics, mean_statistics
from minicap.models import Captioner
from minicap.training.evaluation import Measured, measure
from minicap.training.judging_baselines import NEIGHBOURS
from minicap.training.judging_compare import comparison
from minicap.training.judging_tags import BEST, THRESHOLD
from minicap.training.session import task_name, task_of
from minicap.training.tagging import Tagging


class Wanted(NamedTuple):
    """What an evaluation is to do beyond what it always does.

    Attributes
    ----------
    idf : Idf or None
        CIDEr's document frequencies, where not those of the references.
    baselines : bool
        Of a captioner, also those that take longer.
    k : int or None
        Neighbours that agree on a caption, or best tags that are looked at; None: as many as usual.
    threshold : float or None
        From which probability on a tag is said; None: as usual.
    ranked : int
        Pictures for ``retrieval``; 0 for none.
    """

    idf: Idf | None = None
    baselines: bool = False
    k: int | None = None
    threshold: float | None = None
    ranked: int = 0


def judge(
    model: Any, data: Any, *, train: Any = None, wanted: Wanted | None = None, seed: int = 0
) -> Measured:
    """Judge a model on a split.

    Parameters
    ----------
    model : Captioner, Classifier or Tagger
    data : Pictures
        That can be decoded.
    train : Pictures, optional
        For baselines.
    wanted : Wanted, optional
    seed : int

    Returns
    -------
    Measured
        ``captions`` is empty but for captioners.

    Raises
    ------
    InputError
        If something is wanted that a model of this task does not do.
    """
    wanted = Wanted() if wanted is None else wanted
    _check_wanted(model, wanted)
    if isinstance(model, Captioner):
        return measure(
            model, data, train=train, seed=seed, idf=wanted.idf, every_baseline=wanted.baselines,
            k=wanted.k or NEIGHBOURS, ranked=wanted.ranked,
        )  # fmt: skip
    task = task_of(model)
    if isinstance(task, Tagging):
        threshold = THRESHOLD if wanted.threshold is None else wanted.threshold
        judged = task.judge(model, data, train=train, seed=seed, threshold=threshold, k=wanted.k or BEST)
    else:
        judged = task.judge(model, data, train=train, seed=seed)
    return Measured(judged.metrics, [], record_statistics(judged.records))


def compare_models(
    models: Sequence[Any], data: Any, *, train: Any = None, wanted: Wanted | None = None, seed: int = 0
) -> dict[str, Any]:
    """Judge two models on the same pictures, and test whether they differ.

    Parameters
    ----------
    models : sequence of two models of one task
    data : Pictures
        That both can decode.
    train : Pictures, optional
    wanted : Wanted, optional
    seed : int

    Returns
    -------
    dict
        As ``judging_compare.comparison``, with ``split``.

    Raises
    ------
    InputError
        If the two do different things, or nothing about them can be compared.
    """
    check_alike(models)
    a, b = (judge(model, data, train=train, wanted=wanted, seed=seed) for model in models)
    left_out: tuple[str, ...] = ()
    if isinstance(models[0], Captioner) and models[0].vocabulary != models[1].vocabulary:
        left_out = ("perplexity", "image_gap")
    kept = {name: s for name, s in a.statistics.items() if name not in left_out}
    if not kept:
        raise InputError(f"{data.split}: no image has any tag, so there is nothing to compare")
    found = comparison((a.metrics, kept), (b.metrics, b.statistics), seed=seed) | {"split": data.split}
    if left_out:
        found["warnings"].append(
            "The two know different words, so perplexity and image gap, which depend on that, are not compared."
        )
    return found


def check_alike(models: Sequence[Any]) -> None:
    """Raise InputError where models do different things.

    Parameters
    ----------
    models : sequence of models
    """
    tasks = list(dict.fromkeys(map(task_name, models)))
    if len(tasks) > 1:
        raise InputError(f"the models are for different tasks, {' and '.join(tasks)}; compare like with like")
    if len({model.vocabulary.tokenizer.name for model in models if isinstance(model, Captioner)}) > 1:
        raise InputError("one model writes words, the other characters; score their captions from files")


def _check_wanted(model: Any, wanted: Wanted) -> None:
    """Raise InputError for what would be passed over in silence."""
    task = task_name(model)
    for name, given, tasks in (
        ("--idf", wanted.idf is not None, ("caption",)),
        ("--baselines", wanted.baselines, ("caption",)),
        ("--retrieval", wanted.ranked > 0, ("caption",)),
        ("--threshold", wanted.threshold is not None, ("tag",)),
        ("--k", wanted.k is not None, ("caption", "tag")),
    ):
        if given and task not in tasks:
            raise InputError(f"{name}: is for the task {' or '.join(tasks)}, but this model is for {task}")


def record_statistics(records: Sequence[Mapping[str, Any]]) -> dict[str, Statistics]:
    """Return what accuracy, or precision, recall and F1 of tags are computed of.

    Parameters
    ----------
    records : sequence of dict
        What a classifier or a tagger says of each picture, as ``Judged.records``.

    Returns
    -------
    dict of Statistics
        Empty where no picture has any tag.
    """
    if "tags" not in records[0]:
        return {"accuracy": mean_statistics([bool(record["right"]) for record in records])}
    counts = np.array([_tag_counts(record) for record in records], np.float64)  # (N, 3)
    if not counts[:, 2].any():
        return {}
    return {name: Statistics(counts, score) for name, score in _OF_TAGS.items()}


def _tag_counts(record: Mapping[str, Any]) -> tuple[int, int, int]:
    """Return how many tags of a picture are said rightly, are said, and are true among those that the model knows."""
    right = sum(tag["right"] for tag in record["tags"])
    return right, len(record["tags"]), right + sum("probability" in tag for tag in record["missed"])


def _precision(sums: Array) -> Array:
    """Return the right ones among those said."""
    return sums[..., 0] / np.maximum(sums[..., 1], 1)


def _recall(sums: Array) -> Array:
    """Return the right ones among those that are true."""
    return sums[..., 0] / np.maximum(sums[..., 2], 1)


def _f1(sums: Array) -> Array:
    """Return F1 of sums of right, said and true."""
    return 2 * sums[..., 0] / np.maximum(sums[..., 1] + sums[..., 2], 1)


_OF_TAGS = {"precision": _precision, "recall": _recall, "f1": _f1}
