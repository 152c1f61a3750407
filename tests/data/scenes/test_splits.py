"""Splits share no description, and the compositional one shows what training never does."""

from __future__ import annotations

from itertools import combinations, permutations

from minicap.data.scenes import (
    COLOURS,
    HELD_OUT,
    SHAPES,
    SPLITS,
    SceneObject,
    description,
    generate,
    split_of,
)


def test_the_splits_are_disjoint_by_description(pool):
    seen = {split: {description(scene.objects) for scene in scenes} for split, scenes in pool.items()}
    for a, b in combinations(SPLITS, 2):
        assert seen[a].isdisjoint(seen[b])
    assert all(len(descriptions) > 75 for descriptions in seen.values())


def test_every_scene_belongs_to_the_split_it_was_drawn_for(pool):
    for split, scenes in pool.items():
        assert {split_of(scene.objects) for scene in scenes} == {split}


def test_held_out_pairs_are_in_every_compositional_scene_and_in_no_other(pool):
    for split, scenes in pool.items():
        for scene in scenes:
            held_out = any((thing.colour, thing.shape) in HELD_OUT for thing in scene.objects)
            assert held_out == (split == "compositional")


def test_an_eighth_of_the_pairs_is_held_out_and_each_half_is_seen_with_others():
    assert len(HELD_OUT) * 8 == len(COLOURS) * len(SHAPES)
    assert len({colour for colour, _ in HELD_OUT}) == len({shape for _, shape in HELD_OUT}) == len(HELD_OUT)
    assert all(colour in COLOURS and shape in SHAPES for colour, shape in HELD_OUT)


def test_training_shows_every_pair_that_is_not_held_out():
    seen = {(thing.colour, thing.shape) for scene in generate(400, size=32) for thing in scene.objects}
    everything = {(colour, shape) for colour in COLOURS for shape in SHAPES}
    assert seen == everything - HELD_OUT


def test_a_description_says_things_cells_and_relations(nest, street):
    assert description(nest.objects) == (
        "large pink square middle middle; small green heart middle middle; 1 inside 0"
    )
    assert description(street.objects) == (
        "large red circle top left; small blue star bottom left; small blue star bottom right; "
        "0 above 1; 0 beside 2; 1 left of 2"
    )


def test_the_order_of_the_objects_makes_no_difference(everything):
    for scene in everything[:60]:
        assert len({description(order) for order in permutations(scene.objects)}) == 1


def test_a_description_ignores_what_cannot_be_said():
    a = SceneObject("star", "red", "small", 0.10, 0.10, 0.11)
    b = a._replace(x=0.12, y=0.15, radius=0.1)
    assert description([a]) == description([b])
    assert description([a]) != description([a._replace(x=0.5)])


def test_about_eight_in_ten_descriptions_are_for_training():
    splits = [
        split_of([SceneObject(shape, colour, size, x, y, 0.1)])
        for shape in SHAPES
        for colour in COLOURS
        for size in ("large", "small")
        for x in (0.2, 0.5, 0.8)
        for y in (0.2, 0.5, 0.8)
    ]
    assert len(splits) == 864
    assert splits.count("compositional") == 108
    assert abs(splits.count("train") - 605) < 45  # four standard deviations are 44
    assert abs(splits.count("val") - 76) < 34
    assert abs(splits.count("test") - 76) < 34
