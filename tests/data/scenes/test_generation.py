"""Scenes by number: the same for ever, whatever else is asked for."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest

from minicap.data.scenes import SPLITS, Scene, generate, scene_at
from minicap.errors import InputError

# If the pictures or the sentences are changed on purpose, take the new digests from the failing test.
IMAGES = {
    ("train", 32): "e6a7dd616aeec3a4",
    ("train", 48): "592761ece13fdb63",
    ("train", 64): "fba01c060797c53a",
    ("train", 129): "89a5232b2d263bf7",
    ("val", 32): "6821acbd043df72f",
    ("val", 48): "bba27a6a0dc33328",
    ("val", 64): "5f1872ad1799a296",
    ("val", 129): "7b6a50401b296c7b",
    ("test", 32): "2b9670acd5b1c2b8",
    ("test", 48): "b46c973802bf9bbd",
    ("test", 64): "e0014be2e79bbb20",
    ("test", 129): "b7c62a790a2027a2",
    ("compositional", 32): "46ead1df4e20b520",
    ("compositional", 48): "fd43d18be01299f1",
    ("compositional", 64): "405ac6bddfd4b78b",
    ("compositional", 129): "0b867ee2593322a0",
}
WORDS = {
    "train": "19b8d1753c2d4a92",
    "val": "e9698398acd1e236",
    "test": "fcfea9d74998a470",
    "compositional": "aa12bbb107c831a8",
}


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("size", [32, 48, 64, 129])
def test_pixels_are_pinned(split, size):
    scenes = generate(4, size=size, seed=1, split=split)
    assert digest(b"".join(scene.image.tobytes() for scene in scenes)) == IMAGES[split, size]


@pytest.mark.parametrize("split", SPLITS)
def test_captions_and_objects_are_pinned(split):
    scenes = generate(40, size=32, seed=1, split=split)
    assert digest(json.dumps([scene[1:] for scene in scenes]).encode()) == WORDS[split]


def same(a: Scene, b: Scene) -> bool:
    return np.array_equal(a.image, b.image) and a[1:] == b[1:]


@pytest.mark.parametrize("split", SPLITS)
def test_a_longer_list_begins_with_the_shorter_one(split):
    short, long = (generate(n, size=32, seed=3, split=split) for n in (5, 9))
    assert all(map(same, short, long))
    assert same(scene_at(8, size=32, seed=3, split=split), long[8])


def test_another_size_shows_the_same_objects_with_the_same_captions():
    small, large = generate(8, size=32), generate(8, size=100)
    assert [scene[1:] for scene in small] == [scene[1:] for scene in large]
    assert large[0].image.shape == (100, 100, 3)


def test_another_seed_shows_other_scenes():
    assert generate(5, seed=0)[0].objects != generate(5, seed=1)[0].objects


@pytest.mark.parametrize(("objects", "counts"), [(1, {1}), (2, {2}), (3, {3}), ((1, 3), {1, 3}), ([2], {2})])
@pytest.mark.parametrize("split", SPLITS)
def test_so_many_objects_as_asked_for(split, objects, counts):
    assert {len(scene.objects) for scene in generate(25, size=32, split=split, objects=objects)} == counts


def test_no_scenes_is_an_empty_list():
    assert generate(0) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": -1}, "the number of scenes must not be negative, got -1"),
        ({"n": 1, "size": 31}, "size is 31 pixels; choose one from 32 to 1024"),
        ({"n": 1, "size": 1025}, "size is 1025 pixels"),
        ({"n": 1, "seed": -1}, "the seed must not be negative, got -1"),
        ({"n": 1, "split": "dev"}, "no split 'dev'; choose one of train, val, test, compositional"),
        ({"n": 1, "objects": 4}, "objects is 4; a scene has 1, 2 or 3 objects"),
        ({"n": 1, "objects": ()}, "a scene has 1, 2 or 3 objects"),
        ({"n": 0, "objects": 0}, "a scene has 1, 2 or 3 objects"),
    ],
)
def test_arguments_out_of_range(arguments, message):
    with pytest.raises(InputError, match=message):
        generate(**arguments)


def test_a_negative_index_is_no_scene():
    with pytest.raises(InputError, match="must not be negative, got -1"):
        scene_at(-1)


def test_half_a_scene_is_a_type_error():
    with pytest.raises(TypeError):
        generate(1.5)
