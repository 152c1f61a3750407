"""A run folder as training leaves it, written by hand so that every part is known."""

from __future__ import annotations

import json
import shutil
from html.parser import HTMLParser

import numpy as np
import pytest

from minicap.data import save_png
from minicap.data.scenes import generate, judge
from minicap.report.html import VOID
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

CLASS_CONFIG = """data = "clothes"
task = "classify"
encoder = "classic"
decoder = "lstm"
head = "spatial"
hidden = "512,128"
min_count = 1
"""
CLASSES = ("shirt", "coat", "ankle boot", "hat")  # nobody shows a hat
CLASS_METRICS = {
    "accuracy": 0.75,
    "loss": 0.6421,
    "per_class": {"shirt": 0.5, "coat": 0.8, "ankle boot": 1.0},
    "confusion": [[5, 4, 0, 1], [2, 8, 0, 0], [0, 0, 8, 0], [0, 0, 0, 0]],
    "baselines": {"most_frequent_class": {"accuracy": 0.3571}},
    "split": "val",
    "n_images": 28,
}  # fmt: skip
CLASS_SAMPLES = [
    {
        "caption": "coat", "log_prob": -0.1, "references": ["coat"], "right": True,
        "classes": [
            {"class": "coat", "probability": 0.904}, {"class": "shirt", "probability": 0.0955},
            {"class": "ankle boot", "probability": 0.0005},
        ],
    },
    {
        "caption": "coat", "log_prob": -0.5, "references": ["shirt"], "right": False,
        "classes": [{"class": "coat", "probability": 0.607}, {"class": "shirt", "probability": 0.393}],
    },
]  # fmt: skip
TAG_CONFIG = CLASS_CONFIG.replace("classify", "tag").replace("clothes", "parks")
TAG_METRICS = {
    "map": 0.3238,
    "precision": 0.917,
    "recall": 0.4637,
    "f1": 0.616,
    "recalled": 0.1897,
    "loss": 0.2227,
    "per_tag": {"sun": 0.993, "boy": 0.933, "tree": 0.25},
    "baselines": {
        "most_frequent_tags": {"map": 0.114, "precision": 0.4377, "recall": 0.4633, "f1": 0.4501, "recalled": 0.1207}
    },
    "threshold": 0.5,
    "n_tags": 3,
    "split": "val",
    "n_images": 1002,
}  # fmt: skip
TAG_SAMPLES = [
    {
        "caption": "sun, boy", "references": ["sun, tree, kite"],
        "tags": [
            {"tag": "sun", "probability": 0.9897, "box": [4.0, 8.0, 2.0, 2.0], "right": True},
            {"tag": "boy", "probability": 0.5, "box": [4.0, 8.0, 2.0, 2.0], "right": False},
        ],
        "missed": [{"tag": "tree", "probability": 0.3}, {"tag": "kite"}],
    },
    {
        "caption": "sun", "references": ["sun, tree"],
        "tags": [{"tag": "sun", "probability": 0.9999, "right": True}], "missed": [{"tag": "tree", "probability": 0.1}],
    },
    {
        "caption": "boy", "references": ["boy"],
        "tags": [{"tag": "boy", "probability": 0.8, "right": True}], "missed": [],
    },
    {"caption": "", "references": [], "tags": [], "missed": []},
]  # fmt: skip


class Page(HTMLParser):
    """A parsed page: every tag with its attributes, the text by tag, and whether all tags are closed."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.texts, self.open = [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append((self.open[-1] if self.open else "", data))

    def text_in(self, tag):
        return [data for inside, data in self.texts if inside == tag]

    @property
    def text(self):
        return " ".join(data for inside, data in self.texts if inside != "style")


@pytest.fixture(scope="session")
def parse() -> type[Page]:
    """Return what parses a page."""
    return Page


@pytest.fixture
def class_run(tmp_path) -> RunFolder:
    """Return the run of a classifier."""
    run = begun(tmp_path / "clothes", CLASS_CONFIG, CLASS_METRICS, CLASS_SAMPLES, "accuracy")
    run.write_json(run.vocabulary, {"format": "minicap-labels-1", "names": CLASSES})
    return run


@pytest.fixture
def tag_run(tmp_path) -> RunFolder:
    """Return the run of a tagger."""
    return begun(tmp_path / "parks", TAG_CONFIG, TAG_METRICS, TAG_SAMPLES, "map")


def begun(path, config: str, metrics, samples, score: str) -> RunFolder:
    """Return the run of a classifier or tagger, with two epochs and grey pictures."""
    run = RunFolder.create(path)
    run.config.write_text(config, "utf-8")
    run.write_history(
        [{"epoch": e, "train_loss": 1 / e, "val_loss": 1.5 / e, score: 0.3 * e} for e in (1, 2)]
    )
    run.write_json(run.metrics, metrics)
    (run.path / "samples").mkdir()
    records = []
    for k, record in enumerate(samples):
        save_png(run.path / "samples" / f"{k:02d}.png", np.full((16, 16, 3), 90, np.uint8))
        records.append({"image": f"samples/{k:02d}.png", "name": f"picture {k}", **record})
    run.write_json(run.samples, records)
    return run


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
