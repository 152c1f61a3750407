"""Scenes by number: each is a function of the seed, the split and its index."""

from __future__ import annotations

from collections.abc import Sequence
from operator import index as as_integer

from minicap.data.scenes.captions import write_captions
from minicap.data.scenes.draw import draw
from minicap.data.scenes.layout import COUNT_WEIGHTS, draw_objects
from minicap.data.scenes.random_bits import RandomBits
from minicap.data.scenes.scene import MAX_SIZE, MIN_SIZE, SPLITS, Scene
from minicap.errors import InputError


def generate(
    n: int, *, size: int = 64, seed: int = 0, split: str = "train", objects: int | Sequence[int] | None = None
) -> list[Scene]:
    """Generate the first n scenes of a split.

    Scene i depends on seed, split, objects and i alone: a longer list begins with the shorter one, and
    another size in pixels shows the same objects with the same captions.

    Parameters
    ----------
    n : int
        How many scenes.
    size : int
        The side of the pictures in pixels, 32 to 1024.
    seed : int
        Any integer from 0.
    split : str
        "train", "val", "test" or "compositional". No description of one split occurs in another.
    objects : int or sequence of int, optional
        Only scenes with so many objects, 1 to 3; by default about 40 % have one, 35 % two and 25 % three.

    Returns
    -------
    list of Scene
        Pictures uint8 (size, size, 3), five captions each, and the objects.

    Raises
    ------
    InputError
        If an argument is out of its range.

    Examples
    --------
    >>> scene = generate(1, size=48, seed=7, objects=1)[0]
    >>> scene.image.shape, len(scene.captions)
    ((48, 48, 3), 5)
    """
    if as_integer(n) < 0:
        raise InputError(f"scenes: the number of scenes must not be negative, got {n}")
    counts = _check(size, seed, split, objects)
    return [_scene(index, size, seed, split, counts) for index in range(n)]


def scene_at(
    index: int,
    *,
    size: int = 64,
    seed: int = 0,
    split: str = "train",
    objects: int | Sequence[int] | None = None,
) -> Scene:
    """Generate scene number ``index`` of the list that `generate` returns, without the ones before it.

    Parameters
    ----------
    index : int
        From 0.
    size, seed, split, objects
        As for `generate`.

    Returns
    -------
    Scene
        The same as ``generate(index + 1, ...)[index]``.

    Raises
    ------
    InputError
        If an argument is out of its range.
    """
    if as_integer(index) < 0:
        raise InputError(f"scenes: the index of a scene must not be negative, got {index}")
    return _scene(index, size, seed, split, _check(size, seed, split, objects))


def _scene(index: int, size: int, seed: int, split: str, counts: Sequence[int]) -> Scene:
    """Make scene number ``index``: what is in it, then what is said of it, then its pixels."""
    bits = RandomBits(seed, SPLITS.index(split), index)
    objects = draw_objects(bits, counts, split)
    captions = write_captions(objects, bits)
    return Scene(draw(objects, size, bits), captions, objects)


def _check(size: int, seed: int, split: str, objects: int | Sequence[int] | None) -> tuple[int, ...]:
    """Validate the arguments and return the counts of objects that are wanted."""
    if not MIN_SIZE <= as_integer(size) <= MAX_SIZE:
        raise InputError(f"scenes: size is {size} pixels; choose one from {MIN_SIZE} to {MAX_SIZE}")
    if as_integer(seed) < 0:
        raise InputError(f"scenes: the seed must not be negative, got {seed}")
    if split not in SPLITS:
        raise InputError(f"scenes: there is no split {split!r}; choose one of {', '.join(SPLITS)}")
    if objects is None:
        return tuple(COUNT_WEIGHTS)
    counts = tuple(objects) if isinstance(objects, Sequence) else (as_integer(objects),)
    if not counts or any(count not in COUNT_WEIGHTS for count in counts):
        raise InputError(f"scenes: objects is {objects}; a scene has 1, 2 or 3 objects, or several of these")
    return counts
