"""Whether a caption is a sentence, whether it is true, and whether it leaves nothing out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import NamedTuple

from minicap.data.scenes.geometry import holds, is_at
from minicap.data.scenes.grammar import Clause, Group, parse
from minicap.data.scenes.scene import Scene, SceneObject


class Judgement(NamedTuple):
    """Hold the three verdicts on a caption; each supposes the one before it."""

    grammatical: bool
    true: bool
    complete: bool


def judge(caption: str, scene: Scene) -> Judgement:
    """Judge a caption by the objects of the scene; the picture itself is not looked at.

    *Grammatical*: the caption is a sentence of the grammar in `minicap.data.scenes.grammar`.

    *True*: every group it mentions can be matched with objects, no object twice, so that each number, size,
    colour, shape, place and relation holds. "a red star" asks for at least one; "two red stars" for exactly
    two: the scene holds two objects that fit the words, not more. A relation between groups holds between
    all members.

    *Complete*: true, and every object is mentioned. Shape and colour are then named, since the grammar has
    no group without them; sizes, places and relations may be left out.

    Parameters
    ----------
    caption : str
        Any text.
    scene : Scene
        The scene it claims to describe; only ``scene.objects`` is used.

    Returns
    -------
    Judgement
        (grammatical, true, complete); all False for a caption that is no sentence.
    """
    clauses = parse(caption)
    if clauses is None:
        return Judgement(False, False, False)
    groups = [group for clause in clauses for group in (clause.subject, clause.other) if group]
    mentioned = sum(group.number for group in groups)
    true = (
        mentioned <= len(scene.objects)
        and all(_exists(group, scene.objects) for group in groups)
        and any(_relations_hold(clauses, members) for members in _matches(groups, scene.objects))
    )
    return Judgement(True, true, true and mentioned == len(scene.objects))


def _fits(group: Group, thing: SceneObject) -> bool:
    """Decide whether everything the group says of its members is true of the object."""
    return (
        thing.shape == group.shape
        and thing.colour == group.colour
        and group.size in (None, thing.size)
        and (group.place is None or is_at(group.place, thing))
    )


def _exists(group: Group, things: Sequence[SceneObject]) -> bool:
    """Decide whether so many objects fit: at least one for an article, exactly n for a number."""
    fitting = sum(_fits(group, thing) for thing in things)
    return fitting == group.number if group.number > 1 else fitting >= 1


def _matches(
    groups: Sequence[Group], things: Sequence[SceneObject]
) -> Iterator[tuple[tuple[SceneObject, ...], ...]]:
    """Yield every way to give each group its members, no object to two groups."""
    if not groups:
        yield ()
        return
    fitting = [index for index, thing in enumerate(things) if _fits(groups[0], thing)]
    for chosen in combinations(fitting, groups[0].number):
        rest = [thing for index, thing in enumerate(things) if index not in chosen]
        for others in _matches(groups[1:], rest):
            yield (tuple(things[index] for index in chosen), *others)


def _relations_hold(clauses: Sequence[Clause], members: Sequence[Sequence[SceneObject]]) -> bool:
    """Decide whether each clause's relation holds between all members of its two groups."""
    remaining = iter(members)
    for clause in clauses:
        subjects = next(remaining)
        if clause.relation and not all(
            holds(clause.relation, a, b) for b in next(remaining) for a in subjects
        ):
            return False
    return True
