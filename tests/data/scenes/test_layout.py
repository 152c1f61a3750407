"""Where things stand: in the picture, apart, and never near a threshold."""

from __future__ import annotations

from collections import Counter
from itertools import combinations, permutations

from minicap.data.scenes import SIZES, generate
from minicap.data.scenes.geometry import CLEARLY, DIAGONAL, PLACE_MARGIN, holds, relation_between
from minicap.data.scenes.layout import CONTAINERS, GRID


def is_nested(a, b) -> bool:
    return holds("inside", a, b) or holds("inside", b, a)


def test_everything_is_inside_the_picture(everything):
    for scene in everything:
        for thing in scene.objects:
            assert thing.radius + 0.02 < min(thing.x, thing.y, 1 - thing.x, 1 - thing.y)


def test_lengths_are_whole_grid_steps_so_that_sums_are_exact(everything):
    for scene in everything:
        for thing in scene.objects:
            assert all((length * GRID).is_integer() for length in thing[3:])


def test_no_centre_is_near_a_border_between_places(everything):
    for scene in everything:
        for thing in scene.objects:
            assert all(
                abs(c - border) >= PLACE_MARGIN for c in (thing.x, thing.y) for border in (1 / 3, 2 / 3)
            )


def test_things_keep_a_gap_or_one_is_inside_the_other(everything):
    for scene in everything:
        for a, b in combinations(scene.objects, 2):
            if not is_nested(a, b):
                assert max(abs(a.x - b.x), abs(a.y - b.y)) - a.radius - b.radius > 0.03


def test_no_pair_is_near_the_threshold_of_a_relation(everything):
    for scene in everything:
        for a, b in combinations(scene.objects, 2):
            if not is_nested(a, b):
                near, far = sorted((abs(a.x - b.x), abs(a.y - b.y)))
                assert far >= CLEARLY * near or far <= DIAGONAL * near


def test_two_things_always_have_a_relation_and_are_named_in_its_order(everything):
    relations = {relation_between(*scene.objects) for scene in everything if len(scene.objects) == 2}
    assert relations == {"above", "left of", "inside"}


def test_what_is_inside_is_small_of_another_colour_and_comes_with_room(everything):
    nested = [
        (a, b) for scene in everything for a, b in permutations(scene.objects, 2) if holds("inside", a, b)
    ]
    assert len(nested) > 50
    for inner, outer in nested:
        assert (inner.size, outer.size) == ("small", "large")
        assert inner.colour != outer.colour
        assert outer.shape in CONTAINERS
        assert max(abs(inner.x - outer.x), abs(inner.y - outer.y)) + inner.radius < outer.radius - 0.03


def test_large_is_far_from_small(everything):
    radii = {size: [t.radius for s in everything for t in s.objects if t.size == size] for size in SIZES}
    assert max(radii["small"]) * 1.3 < min(radii["large"])


def test_three_things_are_named_row_by_row(everything):
    rows = [[int(t.y * 3) * 3 + int(t.x * 3) for t in s.objects] for s in everything if len(s.objects) == 3]
    assert len(rows) > 100
    assert all(cells == sorted(cells) for cells in rows)


def test_the_mix_of_counts(everything):
    shares = Counter(len(scene.objects) for scene in everything)
    assert abs(shares[1] / 600 - 0.40) < 0.08
    assert abs(shares[2] / 600 - 0.35) < 0.08
    assert abs(shares[3] / 600 - 0.25) < 0.08


def test_three_alike_may_be_large():
    scenes = generate(200, size=32, objects=3)
    sizes = Counter(tuple(sorted(thing.size for thing in scene.objects)) for scene in scenes)
    assert len(sizes) == 4  # from three small to three large
