"""The smallest training there is: a few scenes, a narrow model, a fraction of a second."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from minicap.data import CaptionData, Vocabulary
from minicap.data.scenes import generate
from minicap.models import Captioner
from minicap.training import RunFolder, Splits, TrainConfig


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
def press_ctrl_c(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Return a function that makes the user press Ctrl-C while the n-th batch from now is worked on."""
    loss = Captioner.loss

    def at(batch: int) -> None:
        seen = 0

        def interrupted(self: Captioner, *args: Any, **options: Any) -> Any:
            nonlocal seen
            seen += 1
            if seen == batch:
                signal.raise_signal(signal.SIGINT)
            return loss(self, *args, **options)

        monkeypatch.setattr(Captioner, "loss", interrupted)

    return at
