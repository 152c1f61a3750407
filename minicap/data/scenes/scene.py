"""What a scene is: a small picture, five sentences about it, and the truth they are judged by."""

from __future__ import annotations

from typing import NamedTuple

from minicap._types import Array

SHAPES = ("circle", "square", "triangle", "star", "cross", "heart")
COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "black")
SIZES = ("large", "small")
SPLITS = ("train", "val", "test", "compositional")

MAX_OBJECTS = 3
CAPTIONS_PER_SCENE = 5
MIN_SIZE, MAX_SIZE = 32, 1024  # pixels a side


class SceneObject(NamedTuple):
    """Name one thing in a scene and say where it is.

    Lengths are fractions of the picture's side, so they hold at any size in pixels. ``x`` grows to the
    right, ``y`` grows downward, and the object fills the square from ``x - radius`` to ``x + radius`` and
    from ``y - radius`` to ``y + radius``.

    Attributes
    ----------
    shape, colour, size : str
        One of `SHAPES`, `COLOURS` and `SIZES`.
    x, y : float
        The centre.
    radius : float
        Half the width of the square the object fills.
    """

    shape: str
    colour: str
    size: str
    x: float
    y: float
    radius: float


class Scene(NamedTuple):
    """Hold a picture, its captions and its objects.

    Attributes
    ----------
    image : Array or None
        Pixels, uint8 (S, S, 3); None where only the truth was read from a file.
    captions : tuple of str
        Different sentences, each of them true and complete.
    objects : tuple of SceneObject
        Everything in the picture, in reading order.
    """

    image: Array | None
    captions: tuple[str, ...]
    objects: tuple[SceneObject, ...]
