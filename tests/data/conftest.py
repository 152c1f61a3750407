"""Small real files for the data tests, and a cache that is not the user's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from minicap.data import save_png


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep cached pixels in a folder of the test's own."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("MINICAP_CACHE", str(folder))
    return folder


@pytest.fixture
def picture(rng: np.random.Generator) -> Callable[..., np.ndarray]:
    """Return a maker of random pictures."""

    def make(height: int = 8, width: int = 8) -> np.ndarray:
        return rng.integers(0, 256, (height, width, 3), dtype=np.uint8)

    return make


@pytest.fixture
def folder(tmp_path: Path, picture: Callable[..., np.ndarray]) -> Callable[..., Path]:
    """Return a maker of folders: text files by name, and pictures under ``images/``."""

    def make(images: str | list[str] = "", *, texts: dict[str, str | bytes] | None = None) -> Path:
        names = images.split() if isinstance(images, str) else images
        (tmp_path / "images").mkdir(exist_ok=True)
        for name in names:
            save_png(tmp_path / "images" / name, picture())
        for name, text in (texts or {}).items():
            (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        return tmp_path

    return make
