"""Places and relations, at their thresholds and on either side of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicap.data.scenes import SceneObject
from minicap.data.scenes.geometry import (
    INVERSE,
    PLACES,
    RELATIONS,
    column_of,
    holds,
    is_at,
    place_of,
    relation_between,
    relation_of_groups,
    row_of,
)


def at(x: float, y: float, radius: float = 0.1) -> SceneObject:
    return SceneObject("circle", "red", "small", x, y, radius)


lengths = st.integers(0, 1024).map(lambda k: k / 1024)
things = st.builds(at, lengths, lengths, st.integers(1, 300).map(lambda k: k / 1024))


@pytest.mark.parametrize(
    ("x", "y", "cell", "place"),
    [
        (0.1, 0.1, ("top", "left"), "in the top left"),
        (0.5, 0.1, ("top", "middle"), "at the top"),
        (0.9, 0.1, ("top", "right"), "in the top right"),
        (0.1, 0.5, ("middle", "left"), "on the left"),
        (0.5, 0.5, ("middle", "middle"), "in the middle"),
        (0.9, 0.5, ("middle", "right"), "on the right"),
        (0.1, 0.9, ("bottom", "left"), "in the bottom left"),
        (0.5, 0.9, ("bottom", "middle"), "at the bottom"),
        (1.0, 1.0, ("bottom", "right"), "in the bottom right"),
    ],
)
def test_every_cell_has_a_place(x, y, cell, place):
    assert (row_of(at(x, y)), column_of(at(x, y))) == cell
    assert place_of([at(x, y)]) == place


def test_a_row_is_at_the_top_in_all_its_columns():
    assert [is_at("at the top", at(x, 0.2)) for x in (0.1, 0.5, 0.9)] == [True, True, True]
    assert not is_at("at the top", at(0.5, 0.5))
    assert not is_at("in the middle", at(0.5, 0.2))


def test_several_things_share_a_row_a_column_or_nothing():
    assert place_of([at(0.1, 0.1), at(0.9, 0.1)]) == "at the top"
    assert place_of([at(0.9, 0.1), at(0.9, 0.9)]) == "on the right"
    assert place_of([at(0.1, 0.1), at(0.9, 0.9)]) is None


@pytest.mark.parametrize(
    ("a", "b", "relation"),
    [
        (at(0.5, 0.2), at(0.5, 0.7), "above"),
        (at(0.5, 0.7), at(0.5, 0.2), "below"),
        (at(0.2, 0.5), at(0.7, 0.5), "left of"),
        (at(0.7, 0.5), at(0.2, 0.5), "right of"),
        (at(0.5, 0.5, 0.1), at(0.5, 0.5, 0.2), "inside"),
        (at(0.5, 0.5, 0.2), at(0.5, 0.5, 0.1), None),  # the other way round
        (at(0.2, 0.2), at(0.7, 0.7), None),  # a diagonal
        (at(0.5, 0.25), at(0.5, 0.375), None),  # they overlap
        (at(0.5, 0.25, 0.125), at(0.5, 0.5, 0.125), "above"),  # they touch
        (at(0.25, 0.25), at(0.65, 0.75), "above"),  # 0.5 down for 0.4 across: exactly the ratio
        (at(0.25, 0.25), at(0.66, 0.75), None),
    ],
)
def test_relations_worked_by_hand(a, b, relation):
    assert relation_between(a, b) == relation


@given(things, things)
def test_at_most_one_relation_holds_and_it_turns_round(a, b):
    true = [relation for relation in RELATIONS if holds(relation, a, b)]
    assert len(true) <= 1
    for relation in true:
        if relation in INVERSE:
            assert holds(INVERSE[relation], b, a)
            assert not holds(relation, b, a)


@given(things)
def test_the_place_of_a_thing_is_true_of_it(thing):
    place = place_of([thing])
    assert place is None or is_at(place, thing)
    assert sum(is_at(name, thing) for name in PLACES) <= 3


def test_a_group_is_above_when_all_its_members_are():
    assert relation_of_groups([at(0.4, 0.1), at(0.6, 0.2)], [at(0.5, 0.8)]) == "above"
    assert relation_of_groups([at(0.4, 0.1), at(0.9, 0.8)], [at(0.5, 0.8)]) is None
