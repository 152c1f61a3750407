"""A run folder as training leaves it, written by hand so that every part is known."""

from __future__ import annotations

import json
import shutil

import pytest

from minicap.data import save_png
from minicap.data.scenes import generate, judge
from minicap.training.run import RunFolder

SAID = {1: "a red heart", 4: "a blue square"}  # of these scenes the model says something else than people
BLEU = {"bleu_1": 0.981, "bleu_2": 0.964, "bleu_3": 0.941, "bleu_4": 0.9124}
METRICS = {
    **BLEU,
    "exact_match": 0.8244,
    "truth": 0.934,
    "truth_loose": 0.951,
    "truth_by_count": {"1": 0.987, "2": 0.941, "3": 0.873},
    "perplexity": 2.1345,
    "image_gap": 2.413,
    "image_gap_interval": [2.357, 2.471],
    "baselines": {
        "random_caption": {"bleu_1": 0.512, "bleu_4": 0.121, "exact_match": 0.0, "truth": 0.0022},
        "constant_caption": {"caption": "a red star and a blue star", "bleu_1": 0.531, "bleu_4": 0.143, "truth": 0.0},
        "blind": {"bleu_4": 0.176, "truth": 0.0311, "truth_by_count": {"1": 0.08, "2": 0.01, "3": 0.0}},
    },
    "split": "test",
    "n_images": 900,
    "signature": {
        "tokenizer": "word", "smoothing": "none", "n_images": 900, "n_references": 4500, "version": "0.1.0",
    },
    "compositional": {"truth": 0.712, "split": "compositional", "n_images": 300},
}  # fmt: skip
CONFIG = """data = "built-in scenes"
task = "caption"
encoder = "small"
decoder = "lstm"
conditioning = "par"
image_size = 48
dropout = 0.0
lr = 0.002
blind = false
seed = 0
"""


@pytest.fixture
def empty_run(tmp_path) -> RunFolder:
    """Return a run that has just begun: a configuration and nothing else."""
    run = RunFolder.create(tmp_path / "demo")
    run.config.write_text(CONFIG, "utf-8")
    return run


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory) -> RunFolder:
    """Return a run that has everything, for tests that only look at it."""
    run = RunFolder.create(tmp_path_factory.mktemp("runs") / "demo")
    run.config.write_text(CONFIG, "utf-8")
    run.write_history(history(8))
    run.write_json(run.metrics, METRICS)
    write_samples(run)
    return run


@pytest.fixture
def full_run(finished_run, tmp_path) -> RunFolder:
    """Return a run that has everything, to change it."""
    return RunFolder(shutil.copytree(finished_run.path, tmp_path / "demo", dirs_exist_ok=True))


def history(epochs: int) -> list[dict[str, float]]:
    """Return the rows of a training that goes well."""
    return [
        {
            "epoch": e,
            "lr": 0.002 * (1 - e / (epochs + 1)),
            "train_loss": 0.31 + 3.4 * 0.5**e,
            "grad_norm": 3.0 * 0.85**e,
            "val_loss": 0.36 + 3.2 * 0.5**e,
            "bleu_4": 0.92 * (1 - 0.6**e),
            "truth": 0.95 * (1 - 0.7**e),
            "seconds": 6.3 * e,
        }
        for e in range(1, epochs + 1)
    ]


def write_samples(run: RunFolder) -> None:
    """Write twelve scenes with captions, two of them wrong."""
    scenes = [
        scene
        for objects in (1, 2, 3)
        for scene in generate(4, size=48, seed=5, split="test", objects=objects)
    ]
    (run.path / "samples").mkdir()
    records = []
    for k, scene in enumerate(scenes):
        caption = SAID.get(k, scene.captions[k % 5])
        save_png(run.path / "samples" / f"{k:02d}.png", scene.image)
        records.append(
            {
                "image": f"samples/{k:02d}.png", "name": f"scene {k}", "caption": caption,
                "log_prob": -1.5 - 0.25 * k, "references": list(scene.captions),
                **judge(caption, scene)._asdict(),
            }
        )  # fmt: skip
    run.samples.write_text(json.dumps(records), "utf-8")
