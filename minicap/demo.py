"""The whole job on built-in scenes: learn, describe scenes never seen, and be judged without mercy."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import minicap
from minicap.data.dataset import CaptionData
from minicap.data.scenes import generate, judge
from minicap.models import Caption, Captioner
from minicap.plots import plot_captions
from minicap.report import write_report
from minicap.training import RunFolder, Splits, TrainConfig, evaluate, judge_captions
from minicap.training.captioning import caption_records
from minicap.training.judging_baselines import judge_truth
from minicap.training.parallel import one_blas_thread
from minicap.training.samples import write_samples
from minicap.training.session import fit_blind, fit_run

COUNTS = {"one object": 1, "two objects": 2, "three objects": 3}
UNSEEN_PAIRS = "compositional"
SHOWN = {
    "one object": 3,
    "two objects": 3,
    "three objects": 1,
    UNSEEN_PAIRS: 1,
}  # in the picture, the first of each


@dataclass(frozen=True)
class DemoSize:
    """How much the demo does.

    Attributes
    ----------
    train, val, test : int
        Scenes to learn from, to validate on, and to judge on: of each number of objects, and of
        ``compositional``.
    config : TrainConfig
    """

    train: int
    val: int
    test: int
    config: TrainConfig


FULL = DemoSize(
    6000, 100, 300,
    TrainConfig(
        data="built-in scenes", image_size=48, embed_size=128, hidden_size=128,
        epochs=6, batch_size=16, captions_per_image=2, lr=2e-3, conditioning="dot",
    ),
)  # fmt: skip
FAST = DemoSize(
    1200, 40, 40,
    TrainConfig(
        data="built-in scenes", image_size=32, embed_size=64, hidden_size=64,
        epochs=3, batch_size=16, captions_per_image=2, lr=2e-3, conditioning="dot",
    ),
)  # fmt: skip


def run_demo(
    out: str | Path,
    *,
    seed: int = 0,
    fast: bool = False,
    progress: bool = False,
    size: DemoSize | None = None,
) -> dict[str, Any]:
    """Train a captioner on built-in scenes and judge it on scenes whose description it never saw.

    Parameters
    ----------
    out : str or Path
        Run folder; a run that stands there is replaced.
    seed : int
        Of scenes, weights and batches.
    fast : bool
        A few seconds of training, to see that everything works: the captions will be poor.
    progress : bool
        Show what goes on, on standard error.
    size : DemoSize, optional
        Another size than ``FULL`` and ``FAST``.

    Returns
    -------
    dict
        ``table``: for one, two, three objects and compositional scenes ``truth``, ``truth_loose`` and
        ``blind`` (``truth`` of the blind baseline); ``metrics`` as in ``metrics.json``; ``examples``,
        ``files``, ``seconds`` and ``kernels``.

    Raises
    ------
    InputError
        If the folder cannot be written.
    """
    began = time.perf_counter()
    size = size or (FAST if fast else FULL)
    with one_blas_thread():
        result = _run(RunFolder.create(out, overwrite=True), replace(size.config, seed=seed), size, progress)
    return result | {"seconds": time.perf_counter() - began, "kernels": minicap.active_kernels()}


def _run(run: RunFolder, config: TrainConfig, size: DemoSize, progress: bool) -> dict[str, Any]:
    """Draw scenes, train with and without sight, and judge."""
    _say(progress, f"drawing {size.train:,} scenes of {config.image_size} pixels ...")
    splits = Splits(draw_scenes("train", size.train, config), draw_scenes("val", size.val, config))
    tests = {name: draw_scenes("test", size.test, config, objects=count) for name, count in COUNTS.items()}
    tests[UNSEEN_PAIRS] = draw_scenes("compositional", size.test, config)
    _say(progress, f"training {config.epochs} epochs with {minicap.active_kernels()} kernels ...")
    model = fit_run(config, run, splits, progress=progress)
    _say(progress, "training the blind baseline: the same decoder, shown one grey picture always ...")
    blind = fit_blind(replace(config, epochs=2), splits.train, model.vocabulary, progress=progress)
    _say(progress, f"describing {4 * size.test:,} scenes never seen ...")
    return _judge(run, model, blind, tests, splits.train)


def _judge(
    run: RunFolder, model: Captioner, blind: Captioner, tests: Mapping[str, CaptionData], train: CaptionData
) -> dict[str, Any]:
    """Caption the test scenes with and without sight, and leave metrics, picture and report in the run."""
    pixels = {name: data.pixels(model.preprocessing) for name, data in tests.items()}
    seeing = {name: model.caption(pictures) for name, pictures in pixels.items()}
    blinded = {name: blind.caption(pictures) for name, pictures in pixels.items()}
    tokenizer = model.vocabulary.tokenizer
    test = CaptionData.from_scenes([scene for name in COUNTS for scene in _scenes_of(tests[name])], "test")
    metrics = evaluate(model, test, train=train).metrics
    guesses = [caption for name in COUNTS for caption in blinded[name]]
    metrics["baselines"]["blind"] = judge_captions(guesses, test, tokenizer)
    metrics[UNSEEN_PAIRS] = judge_captions(seeing[UNSEEN_PAIRS], tests[UNSEEN_PAIRS], tokenizer)
    run.write_json(run.metrics, metrics)
    picture = _keep_pictures(run, tests, seeing, model)
    return {
        "table": {name: _row(tests[name], seeing[name], blinded[name]) for name in tests},
        "metrics": metrics,
        "examples": [f"{caption}  ({name})" for name, said in seeing.items() for caption in said[:2]],
        "files": {"picture": str(picture), "report": str(write_report(run))},
    }


def _say(progress: bool, text: str) -> None:
    """Print a line on standard error where progress is shown."""
    if progress:
        print(text, file=sys.stderr, flush=True)


def draw_scenes(split: str, n: int, config: TrainConfig, objects: int | None = None) -> CaptionData:
    """Draw built-in scenes of one split.

    Parameters
    ----------
    split : str
    n : int
    config : TrainConfig
        Its seed and picture size.
    objects : int, optional
        How many objects each has; one to three where None.

    Returns
    -------
    CaptionData
    """
    scenes = generate(n, size=config.image_size, seed=config.seed, split=split, objects=objects)
    return CaptionData.from_scenes(scenes, split)


def _scenes_of(data: CaptionData) -> tuple[Any, ...]:
    """Return the ground truth, which built-in scenes always have."""
    assert data.scenes is not None
    return data.scenes


def _row(data: CaptionData, captions: Sequence[str], blinded: Sequence[str]) -> dict[str, float]:
    """Judge captions and those of the blind baseline."""
    seen, blind = (judge_truth(said, data) for said in (captions, blinded))
    return {"truth": seen["truth"], "truth_loose": seen["truth_loose"], "blind": blind["truth"]}


def _keep_pictures(
    run: RunFolder, tests: Mapping[str, CaptionData], captions: Mapping[str, list[Caption]], model: Captioner
) -> Path:
    """Draw the first scenes of each kind with their captions, and keep more for the report."""
    scenes = [scene for name, n in SHOWN.items() for scene in _scenes_of(tests[name])[:n]]
    texts = [str(text) for name, n in SHOWN.items() for text in captions[name][:n]]
    judgements = [judge(text, scene) for text, scene in zip(texts, scenes, strict=True)]
    path = run.path / "demo.png"
    plot_captions([scene.image for scene in scenes], texts, judgements=judgements, path=path)
    everything = CaptionData.from_scenes([s for data in tests.values() for s in _scenes_of(data)], "test")
    records = caption_records(everything, [c for said in captions.values() for c in said])
    write_samples(run, everything, records, model.preprocessing)
    return path
