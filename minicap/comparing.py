"""Captioners side by side: the same pictures, the same budget, another way to tell the decoder what it sees."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import minicap
from minicap.data.dataset import CaptionData
from minicap.demo import COUNTS, FULL, UNSEEN_PAIRS, draw_scenes
from minicap.errors import InputError
from minicap.models import CONDITIONINGS, DECODERS
from minicap.training import RunFolder, Splits, TrainConfig, evaluate
from minicap.training.judging_baselines import judge_truth
from minicap.training.parallel import one_blas_thread
from minicap.training.session import fit_run

SIGHTED = tuple(name for name in CONDITIONINGS if name != "none")
SCENES = replace(FULL.config, epochs=4)  # the demo's captioner, as far as variants share it


class Variant(NamedTuple):
    """What is compared: a decoder, and how the picture reaches it."""

    decoder: str
    conditioning: str

    @property
    def name(self) -> str:
        """As it is written on the command line."""
        return f"{self.decoder}-{self.conditioning}"


def read_variants(text: str, decoder: str = "lstm") -> list[Variant]:
    """Return the variants that a list such as ``par,init,gru-attention,transformer-attention`` names.

    Parameters
    ----------
    text : str
        Conditionings with a comma between, each with a decoder and a hyphen in front where it is another.
    decoder : str
        Of those without.

    Returns
    -------
    list of Variant

    Raises
    ------
    InputError
        If there is no such decoder or conditioning, or one is named twice.
    """
    found = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        first, _, second = part.rpartition("-")
        variant = Variant(first or decoder, second)
        if variant.decoder not in DECODERS or variant.conditioning not in CONDITIONINGS:
            raise InputError(
                f"--variants: {part!r} is none; a variant is one of {', '.join(CONDITIONINGS)}, with one of "
                f"{', '.join(DECODERS)} and a hyphen in front where another decoder than {decoder} is meant"
            )
        if variant in found:
            raise InputError(f"--variants: {part!r} is named twice")
        found.append(variant)
    if not found:
        raise InputError(f"--variants: name at least one of {', '.join(CONDITIONINGS)}")
    return found


class Exam(NamedTuple):
    """What variants learn from, and what they are judged on."""

    splits: Splits
    test: CaptionData
    compositional: CaptionData | None


def scene_exam(config: TrainConfig, *, train: int, test: int) -> Exam:
    """Draw built-in scenes: to learn from, to validate on, and of each number of objects to be judged on.

    Parameters
    ----------
    config : TrainConfig
        Its seed and picture size.
    train, test : int
        Scenes to learn from, and of each of one, two, three objects and unseen pairs.

    Returns
    -------
    Exam
    """
    splits = Splits(draw_scenes("train", train, config), draw_scenes("val", max(test // 3, 1), config))
    tests = [draw_scenes("test", test, config, objects=count) for count in COUNTS.values()]
    scenes = [scene for data in tests for scene in data.scenes or ()]
    return Exam(splits, CaptionData.from_scenes(scenes, "test"), draw_scenes(UNSEEN_PAIRS, test, config))


def compare(
    variants: Sequence[Variant],
    exam: Exam,
    config: TrainConfig,
    out: str | Path,
    *,
    seeds: int = 1,
    progress: bool = False,
) -> dict[str, Any]:
    """Train every variant once a seed with the same budget, and judge all on the same pictures.

    Parameters
    ----------
    variants : sequence of Variant
    exam : Exam
    config : TrainConfig
        All that they share; its seed is the first one.
    out : str or Path
        Folder for a run folder of each training, ``<decoder>-<conditioning>-<seed>``; runs that stand there are
        replaced.
    seeds : int
    progress : bool
        Show what goes on, on standard error.

    Returns
    -------
    dict
        ``rows``: one a variant with ``decoder``, ``conditioning``, ``parameters``, and for each score its mean over the
        seeds and, under ``spread``, its standard deviation; ``config``, ``seeds``, ``n_train``, ``n_test``.

    Raises
    ------
    InputError
        If a choice makes no sense or the folder cannot be written.
    """
    configs = {
        variant: replace(config, **variant._asdict()) for variant in variants
    }  # refuses before any work
    rows = []
    with one_blas_thread():
        for variant, chosen in configs.items():
            found = []
            for seed in range(config.seed, config.seed + seeds):
                if progress:
                    print(f"training {variant.name}, seed {seed} ...", file=sys.stderr, flush=True)
                run = RunFolder.create(Path(out) / f"{variant.name}-{seed}", overwrite=True)
                found.append(_train_and_judge(replace(chosen, seed=seed), run, exam, progress))
            rows.append({**variant._asdict(), **_summary(found)})
    return {
        "rows": rows, "seeds": seeds, "n_train": len(exam.splits.train), "n_test": len(exam.test),
        "epochs": config.epochs, "kernels": minicap.active_kernels(),
    }  # fmt: skip


def _train_and_judge(config: TrainConfig, run: RunFolder, exam: Exam, progress: bool) -> dict[str, float]:
    """Return the scores of one training."""
    began = time.perf_counter()
    model = fit_run(config, run, exam.splits, progress=progress)
    seconds = time.perf_counter() - began
    metrics = evaluate(model, exam.test, seed=config.seed).metrics
    run.write_json(run.metrics, metrics)
    names = ("bleu_4", "cider", "perplexity", "image_gap")
    scores = {name: metrics[name] for name in names if name in metrics}
    scores |= {f"truth_{count}": share for count, share in metrics.get("truth_by_count", {}).items()}
    if exam.compositional is not None:
        captions = model.caption(exam.compositional.pixels(model.preprocessing))
        scores["truth_compositional"] = judge_truth(captions, exam.compositional)["truth"]
    parameters = sum(array.size for array in model.params.values())
    return {"parameters": parameters, "seconds": seconds, **scores}


def _summary(found: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    """Return the mean of each score over the seeds, and how far it spreads."""
    values = {name: np.array([scores[name] for scores in found], float) for name in found[0]}
    means = {name: float(several.mean()) for name, several in values.items()}
    spread = {name: float(v.std(ddof=1)) for name, v in values.items() if len(v) > 1 and name != "parameters"}
    return {**means, "parameters": int(means["parameters"]), "spread": spread}
