"""Pixels: counted by hand where that is possible, and pictures that can be told apart."""

from __future__ import annotations

from itertools import combinations, permutations

import numpy as np
import pytest

from minicap.data.scenes import COLOURS, SHAPES, SceneObject
from minicap.data.scenes.draw import PAINTS, coverage, draw
from minicap.data.scenes.geometry import holds
from minicap.data.scenes.random_bits import RandomBits
from minicap.data.scenes.shapes import OUTLINES

SMALL, LARGE = 0.105, 0.18
ALL = 16  # points of a pixel


def thing(
    shape: str, *, x: float = 0.5, y: float = 0.5, radius: float = LARGE, colour: str = "red"
) -> SceneObject:
    return SceneObject(shape, colour, "large", x, y, radius)


def whole(item: SceneObject, size: int) -> np.ndarray:
    """Return the coverage over the whole picture."""
    top, left, counts = coverage(item, size)
    full = np.zeros((size, size), dtype=int)
    full[top : top + counts.shape[0], left : left + counts.shape[1]] = counts
    return full


def test_a_square_that_ends_on_pixel_borders_covers_them_whole():
    # Half a side of 880 thousandths of 100 / 1024 of 1024 pixels is 88 pixels.
    counts = whole(thing("square", radius=100 / 1024), 1024)
    expected = np.zeros((1024, 1024), dtype=int)
    expected[512 - 88 : 512 + 88, 512 - 88 : 512 + 88] = ALL
    np.testing.assert_array_equal(counts, expected)


def test_a_square_that_ends_within_pixels_covers_their_share():
    # At 256 pixels the half side of 95 steps is 20.9 pixels: 0.9 of the border pixels, of 4 points 4 or 3.
    counts = whole(thing("square", radius=95 / 1024), 256)
    assert counts[128, 128 - 21 : 128 - 19].tolist() == [16, 16]
    counts = whole(thing("square", radius=93 / 1024), 256)  # 20.46 pixels: 2 of 4 points
    assert counts[128, 128 - 21 : 128 - 19].tolist() == [8, 16]
    assert counts[128 - 21, 128 - 21] == 4


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("size", [64, 333])
def test_the_area_is_the_polygon_s(shape, size):
    x, y = OUTLINES[shape].T / 1000
    area = abs(np.sum(x[:-1] * y[1:] - x[1:] * y[:-1])) / 2 * (LARGE * size) ** 2
    drawn = whole(thing(shape, x=0.49, y=0.52), size).sum() / ALL
    assert drawn == pytest.approx(area, rel=0.02)


@pytest.mark.parametrize("shape", SHAPES)
def test_shapes_fill_the_square_of_their_radius_and_no_more(shape):
    rows, columns = np.nonzero(whole(thing(shape), 1000))
    for low, high in [(rows.min(), rows.max()), (columns.min(), columns.max())]:
        assert 319 <= low <= 319 + 0.15 * 180
        assert 680 >= high >= 680 - 0.15 * 180


@pytest.mark.parametrize("shape", SHAPES)
def test_shapes_are_mirror_images_of_themselves(shape):
    counts = whole(thing(shape), 128)
    assert abs(counts - counts[:, ::-1]).max() <= 4  # a point on an edge belongs to one side


@pytest.mark.parametrize(
    ("dx", "dy"), [(0, 0.5), (0.5, 0), (0, -0.5), (-0.5, 0), (0.5, 0.5), (0.9, 0), (0, -0.9)]
)
def test_what_leaves_the_picture_is_cut_off(dx, dy):
    item = thing("heart", x=0.5 + dx, y=0.5 + dy)
    inner = whole(item, 100)
    shifted = whole(thing("heart"), 100)
    moved = np.zeros_like(shifted)
    across, down = int(dx * 100), int(dy * 100)
    for row, column in np.argwhere(shifted):
        if 0 <= row + down < 100 and 0 <= column + across < 100:
            moved[row + down, column + across] = shifted[row, column]
    np.testing.assert_array_equal(inner, moved)


@pytest.mark.parametrize("radius", [SMALL, LARGE])
def test_shapes_can_be_told_apart_at_32_pixels(radius):
    for a, b in combinations(SHAPES, 2):
        difference = abs(whole(thing(a, radius=radius), 32) - whole(thing(b, radius=radius), 32)).sum() / ALL
        assert difference > 0.12 * (2 * radius * 32) ** 2  # of the square they fill


def test_paints_can_be_told_apart_with_all_their_jitter():
    for a, b in combinations(COLOURS, 2):
        assert np.linalg.norm(np.subtract(PAINTS[a], PAINTS[b])) > 2 * 12 * 3**0.5 + 20


def test_every_object_has_its_own_colour_in_the_picture(everything):
    for scene in everything:
        for item in scene.objects:
            sole = whole(item, 32) == ALL
            for other in scene.objects:
                if other is not item and holds("inside", other, item):
                    sole &= whole(other, 32) == 0
            seen = scene.image[sole].mean(axis=0)
            distances = {colour: np.linalg.norm(seen - PAINTS[colour]) for colour in COLOURS}
            assert min(distances, key=distances.get) == item.colour


def test_what_is_inside_is_surrounded(everything):
    for scene in everything:
        for a, b in permutations(scene.objects, 2):
            if holds("inside", a, b):
                assert (whole(b, 64)[whole(a, 64) > 0] == ALL).all()


def test_backgrounds_are_light_nearly_grey_and_different(everything):
    means = []
    for scene in everything:
        empty = sum(whole(item, 32) for item in scene.objects) == 0
        pixels = scene.image[empty].astype(int)
        assert pixels.min() > 160
        assert np.ptp(pixels.mean(axis=0)) < 20
        means.append(pixels.mean())
    assert np.std(means) > 5


def test_a_picture_is_noisy_but_mildly():
    one, two = (draw([], 64, RandomBits(0)).astype(int) for _ in range(2))
    np.testing.assert_array_equal(one, two)
    neighbours = one[:, 1:] - one[:, :-1]
    assert 2 < neighbours.std() < 8


def test_a_picture_is_contiguous_bytes():
    image = draw([thing("star")], 33, RandomBits(0))
    assert image.shape == (33, 33, 3)
    assert image.dtype == np.uint8
    assert image.flags.c_contiguous


def test_the_same_picture_in_two_sizes():
    items = [thing("star", x=0.3), thing("cross", x=0.75, colour="blue")]
    small, large = (draw(items, size, RandomBits(7)).astype(float) for size in (64, 128))
    halved = large.reshape(64, 2, 64, 2, 3).mean(axis=(1, 3))
    assert abs(halved - small).mean() < 4  # the noise is drawn anew
