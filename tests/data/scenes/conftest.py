"""A few hundred small scenes of every split, drawn once for all tests here."""

from __future__ import annotations

import pytest

from minicap.data.scenes import SPLITS, Scene, SceneObject, generate


@pytest.fixture(scope="session")
def pool() -> dict[str, list[Scene]]:
    """Return 150 scenes of 32 pixels a split."""
    return {split: generate(150, size=32, seed=11, split=split) for split in SPLITS}


@pytest.fixture(scope="session")
def everything(pool) -> list[Scene]:
    """Return the scenes of all splits in one list."""
    return [scene for scenes in pool.values() for scene in scenes]


@pytest.fixture(scope="session")
def street() -> Scene:
    """Return a scene made by hand: a large red circle at the top left, two small blue stars at the bottom."""
    return Scene(
        None,
        (),
        (
            SceneObject("circle", "red", "large", 0.25, 0.25, 0.18),
            SceneObject("star", "blue", "small", 0.25, 0.8, 0.11),
            SceneObject("star", "blue", "small", 0.8, 0.8, 0.11),
        ),
    )


@pytest.fixture(scope="session")
def nest() -> Scene:
    """Return a scene made by hand: a small green heart inside a large pink square, in the middle."""
    return Scene(
        None,
        (),
        (
            SceneObject("heart", "green", "small", 0.5, 0.5, 0.1),
            SceneObject("square", "pink", "large", 0.5, 0.5, 0.24),
        ),
    )
