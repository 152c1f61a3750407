"""Five ways to say what is in a scene, drawn so that the plain ones are common.

Every sentence mentions every object. They differ in the opening, in size words, in places, in relations and
their direction, and in the order of mention; most keep the reading order, so that there is a language to
learn.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from minicap.data.scenes.geometry import INVERSE, place_of, relation_of_groups
from minicap.data.scenes.grammar import OPENINGS, Clause, Group, write_sentence
from minicap.data.scenes.random_bits import RandomBits
from minicap.data.scenes.scene import CAPTIONS_PER_SCENE, SceneObject

_OPENING_WEIGHTS = dict(zip(OPENINGS, (7, 2, 1), strict=True))
_SIZE_WEIGHTS = {False: 7, True: 3}
# What the weight of a sentence is multiplied by for how it is built.
_LIST, _REVERSED_LIST = 8, 1
_PLACES = 3
_RELATION, _REVERSED_RELATION = 12, 2

Things = list[SceneObject]


def write_captions(objects: Sequence[SceneObject], bits: RandomBits) -> tuple[str, ...]:
    """Draw five different sentences about the objects, each true and complete.

    Parameters
    ----------
    objects : sequence of SceneObject
        All the objects of the scene, in reading order.
    bits : RandomBits
        The scene's stream.

    Returns
    -------
    tuple of str
        Drawn without replacement, so the first are likely the plainest.
    """
    ways = [
        (build_weight * opening_weight, clauses, opening)
        for build_weight, clauses in _ways_to_say(objects)
        for opening, opening_weight in _OPENING_WEIGHTS.items()
    ]
    weights = [weight for weight, _, _ in ways]
    sentences = []
    for _ in range(CAPTIONS_PER_SCENE):
        chosen = bits.weighted(weights)
        weights[chosen] = 0
        sentences.append(write_sentence(*ways[chosen][1:]))
    return tuple(sentences)


def _ways_to_say(objects: Sequence[SceneObject]) -> Iterator[tuple[int, list[Clause]]]:
    """Yield every way to say what the objects are, with its weight; openings come on top."""
    for with_size, size_weight in _SIZE_WEIGHTS.items():
        groups = _grouped(objects, with_size)
        for weight, clauses in _ways_to_join(groups, with_size):
            yield weight * size_weight, clauses


def _ways_to_join(groups: list[Things], with_size: bool) -> Iterator[tuple[int, list[Clause]]]:
    """Yield lists, places and relations over the same groups."""
    said = [_said(group, with_size) for group in groups]
    yield _LIST, [Clause(group) for group in said]
    if len(groups) > 1:
        yield _REVERSED_LIST, [Clause(group) for group in reversed(said)]
    places = [place_of(group) for group in groups]
    if len(groups) <= 2 and all(places) and not _is_nested(groups):
        yield (
            _PLACES,
            [Clause(group._replace(place=place)) for group, place in zip(said, places, strict=True)],
        )
    for index, (a, b) in enumerate(pairwise(groups)):
        before = [Clause(group) for group in said[:index]]
        after = [Clause(group) for group in said[index + 2 :]]
        relation = relation_of_groups(a, b)
        if relation:
            yield _RELATION, [*before, Clause(said[index], relation, said[index + 1]), *after]
        if relation in INVERSE:
            turned = Clause(said[index + 1], INVERSE[relation], said[index])
            yield _REVERSED_RELATION, [*before, turned, *after]


def _grouped(objects: Sequence[SceneObject], with_size: bool) -> list[Things]:
    """Put alike objects together, the larger groups first; with size words alike means alike in size, too."""
    groups: dict[tuple[str, str, str], Things] = {}
    for thing in objects:
        key = (thing.shape, thing.colour, thing.size if with_size else "")
        groups.setdefault(key, []).append(thing)
    return sorted(groups.values(), key=len, reverse=True)


def _said(group: Things, with_size: bool) -> Group:
    """Say what a group is, without its place."""
    thing = group[0]
    return Group(len(group), thing.size if with_size else None, thing.colour, thing.shape)


def _is_nested(groups: list[Things]) -> bool:
    """Decide whether the first group is inside the second, where naming places would say little."""
    return len(groups) == 2 and relation_of_groups(*groups) == "inside"
