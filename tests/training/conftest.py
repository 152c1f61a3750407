"""The smallest trainings there are: a few pictures, a narrow model, a fraction of a second."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from minicap.archive import read_archive
from minicap.data import CaptionData, ClassData, TagData, Vocabulary
from minicap.data.scenes import generate
from minicap.models import Captioner
from minicap.training import RunFolder, Splits, TrainConfig

COLOURS = ("red", "green", "blue")


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep cached pixels in a folder of the test's own."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("MINICAP_CACHE", str(folder))
    return folder


@pytest.fixture(scope="session")
def splits() -> Splits:
    """Return 16 scenes to learn from and 4 to validate on."""
    return Splits(*(scenes(split, n) for split, n in (("train", 16), ("val", 4))))


def scenes(split: str, n: int) -> CaptionData:
    """Return scenes of 32 px in memory."""
    return CaptionData.from_scenes(generate(n, size=32, split=split), split)


def coloured(n: int, seed: int) -> np.ndarray:
    """Return n noisy pictures of 12 px, uint8 (n, 12, 12, 3), in turn of each of three colours."""
    pixels = np.random.default_rng(seed).integers(0, 120, (n, 12, 12, 3), dtype=np.uint8)
    pixels[np.arange(n), ..., np.arange(n) % 3] += 120
    return pixels


@pytest.fixture(scope="session")
def classes() -> Splits:
    """Return 24 pictures of three classes to learn from and 6 to validate on."""

    def part(split: str, n: int) -> ClassData:
        names = tuple(f"{split}{i}" for i in range(n))
        return ClassData(split, names, tuple(COLOURS[i % 3] for i in range(n)), coloured(n, n))

    return Splits(part("train", 24), part("val", 6))


@pytest.fixture(scope="session")
def tags() -> Splits:
    """Return 24 tagged pictures to learn from and 6 to validate on; some have no tag."""
    said = (("warm", "red"), ("green",), ())

    def part(split: str, n: int) -> TagData:
        names = tuple(f"{split}{i}" for i in range(n))
        return TagData(split, names, tuple(said[i % 3] for i in range(n)), coloured(n, n))

    return Splits(part("train", 24), part("val", 6))


def grey(n: int) -> np.ndarray:
    """Return pictures that differ in their shade alone, uint8 (n, 8, 8, 3)."""
    shades = np.linspace(0, 255, n, dtype=np.uint8)
    return np.broadcast_to(shades[:, None, None, None], (n, 8, 8, 3))


@pytest.fixture(scope="session")
def class_data() -> Callable[..., ClassData]:
    """Return a maker of grey pictures of the classes named."""

    def make(*labels: str, split: str = "val") -> ClassData:
        return ClassData(split, tuple(f"{i}.png" for i in range(len(labels))), labels, grey(len(labels)))

    return make


@pytest.fixture(scope="session")
def tag_data() -> Callable[..., TagData]:
    """Return a maker of grey pictures with tags, a text a picture, in which each letter is one."""

    def make(*tags: str, split: str = "val") -> TagData:
        names = tuple(f"{i}.png" for i in range(len(tags)))
        return TagData(split, names, tuple(map(tuple, tags)), grey(len(tags)))

    return make


@pytest.fixture(scope="session")
def small() -> Callable[..., TrainConfig]:
    """Return a maker of configurations of classifiers and taggers: four batches an epoch."""

    def make(task: str, **changes: Any) -> TrainConfig:
        narrow = {"encoder": "4,M,6,M", "hidden": "8", "embed_size": 5, "hidden_size": 6, "image_size": 12}
        few = {"data": "in memory", "task": task, "batch_size": 6, "epochs": 2, "threads": 1}
        return TrainConfig.for_task({**few, **narrow, **changes})

    return make


@pytest.fixture(scope="session")
def tiny() -> Callable[..., TrainConfig]:
    """Return a maker of configurations: four batches an epoch."""

    def make(**changes: Any) -> TrainConfig:
        narrow = {
            "image_size": 32,
            "embed_size": 8,
            "hidden_size": 8,
            "batch_size": 4,
            "captions_per_image": 2,
        }
        return TrainConfig(**{"data": "in memory", "epochs": 3, "threads": 1, **narrow, **changes})

    return make


@pytest.fixture
def new_run(tmp_path: Path) -> Callable[[str], RunFolder]:
    """Return a maker of run folders by name."""
    return lambda name: RunFolder.create(tmp_path / name)


@pytest.fixture
def model(splits: Splits, tiny: Callable[..., TrainConfig]) -> Captioner:
    """Return a captioner that has learnt nothing yet."""
    return Captioner(Vocabulary.build(splits.train.all_captions()), **tiny().model_options())


@pytest.fixture
def press_ctrl_c() -> Iterator[Callable[..., None]]:
    """Return a function that makes the user press Ctrl-C while the n-th batch from now is worked on."""
    patch = pytest.MonkeyPatch()

    def at(batch: int, kind: Any = Captioner) -> None:
        patch.undo()
        loss, seen = kind.loss, 0

        def interrupted(self: Any, *args: Any, **options: Any) -> Any:
            nonlocal seen
            seen += options.get("training", False)
            if options.get("training") and seen == batch:  # validation is no batch
                signal.raise_signal(signal.SIGINT)
            return loss(self, *args, **options)

        patch.setattr(kind, "loss", interrupted)

    yield at
    patch.undo()


def without_seconds(rows: list[dict[str, float]]) -> list[dict[str, float]]:
    """Return history rows without what no two runs share."""
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


def content(run: RunFolder) -> tuple[dict[str, bytes], dict[str, Any]]:
    """Return every bit of the last and the best state, and everything else but the time it took."""
    arrays, meta = read_archive(run.checkpoint)
    best, best_meta = read_archive(run.best)
    state = meta["training"]["state"]
    del state["seconds"]
    state["history"] = without_seconds(state["history"])
    bits = {name: array.tobytes() for name, array in arrays.items()}
    bits |= {f"best/{name}": array.tobytes() for name, array in best.items()}
    texts = {
        path.name: path.read_text(encoding="utf-8") for path in (run.config, run.vocabulary, run.samples)
    }
    history = without_seconds(run.read_history())
    return bits, {
        "last": meta,
        "best": best_meta,
        "history": history,
        "metrics": run.read_json(run.metrics),
        **texts,
    }


@pytest.fixture(scope="session")
def assert_same() -> Callable[[RunFolder, RunFolder], None]:
    """Return a function that compares two runs bit for bit."""

    def check(a: RunFolder, b: RunFolder) -> None:
        (bits_a, rest_a), (bits_b, rest_b) = content(a), content(b)
        assert bits_a.keys() == bits_b.keys()
        assert [name for name in bits_a if bits_a[name] != bits_b[name]] == []
        assert rest_a == rest_b

    return check
