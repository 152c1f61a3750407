"""Who is who: give a layer's arguments their roles in a recipe, by names and by what docstrings tell of axes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from minicap.gradcheck.discover import Candidate, Slot
from minicap.gradcheck.discover_source import NO_DEFAULT
from minicap.gradcheck.invent_roles import KEEP, is_dict, is_size, option, roles_of
from minicap.gradcheck.invent_shapes import Item, Recipe

# Roles that several arguments may have.
_SHARED = ("bg", "wg", "ug", "in", "out", "hidden", "vocab", "k", "b")


def disagreement(candidate: Candidate, wanted: Sequence[Slot], recipe: Recipe) -> int:
    """Return how many of the numbers of axes that the docstrings tell a recipe has otherwise.

    Parameters
    ----------
    candidate : Candidate
    wanted : sequence of Slot
        What has to be given a value.
    recipe : Recipe
    """
    wrong = 0
    for slot in wanted:
        item = next((recipe.items[role] for role in roles_of(slot.name) if role in recipe.items), None)
        axes = _told_axes(candidate, slot.name)
        wrong += item is not None and axes is not None and axes != len(item.shape)
    return wrong


def _told_axes(candidate: Candidate, name: str) -> int | None:
    """Return the number of axes that the docstrings give an argument, None where they do not tell."""
    told = re.search(rf"\b{re.escape(name)}\b[^().,;\n]{{0,40}}\(([^()\n]*,[^()\n]*)\)", candidate.doc)
    if told is None and "x" in roles_of(name):
        told = re.search(
            r"\(((?:N|B|m|n_x|T)\b[^()\n]*)\)", candidate.doc
        )  # "over the last axis of (N, T, D)"
    if told is not None:
        return None if "..." in told[1] else len([axis for axis in told[1].split(",") if axis.strip()])
    # A class that looks up words one by one is used with a plain row of ids.
    return (
        1 if (candidate.form, candidate.style) == ("embedding", "class") and "x" in roles_of(name) else None
    )


def assigned(wanted: Sequence[Slot], recipe: Recipe, form: str) -> dict[str, Item] | None:
    """Give each array among the arguments its part of a recipe.

    Parameters
    ----------
    wanted : sequence of Slot
        What has to be given a value.
    recipe : Recipe
    form : str
        The kind of layer that the recipe is for.

    Returns
    -------
    dict or None
        By argument, or ``argument[key]`` for what is in a dict; None where one has no part in the recipe.
    """
    taken: dict[str, str] = {}
    open_slots = []
    flat = [(slot.name, slot.name) for slot in wanted if not is_dict(slot.name, list(slot.keys))]
    flat += [
        (f"{slot.name}[{key}]", key)
        for slot in wanted if is_dict(slot.name, list(slot.keys))
        for key, default in slot.keys.items() if default is NO_DEFAULT
    ]  # fmt: skip
    numbers = {slot.name for slot in wanted if slot.maker and isinstance(slot.default, (int, tuple, list))}
    for path, name in flat:
        roles = _fitting(name, recipe, form, number=path in numbers)
        free = [role for role in roles if role not in taken.values() or role in _SHARED]
        if free:
            taken[path] = free[0]
        elif option(name) is KEEP and is_size(name):
            return None
        elif option(name) is KEEP:
            open_slots.append(path)
    rest = [
        role for role in recipe.items if role not in taken.values() and recipe.items[role].kind != "number"
    ]
    for path in open_slots:
        if "*" in recipe.items:
            taken[path] = "*"
        elif rest and recipe.items[rest[0]].kind != "bool":
            taken[path] = rest.pop(0)
        else:
            return None
    return {path: recipe.items[role] for path, role in taken.items()}


def _fitting(name: str, recipe: Recipe, form: str, number: bool) -> list[str]:
    """Return the roles of a recipe that an argument may have."""
    roles = [role for role in roles_of(name) if role in recipe.items]
    if form in ("layer_norm", "batch_norm", "spatial_batch_norm", "group_norm"):
        renamed = {"b": "beta", "w": "gamma"}
        roles += [renamed[role] for role in roles_of(name) if renamed.get(role) in recipe.items]
    if form == "dropout" and option(name) is not KEEP:
        return []
    if form in ("rnn", "lstm", "gru", "rnn_step", "lstm_step", "gru_step"):
        roles = _recurrent(name, roles, form)
    if option(name) is not KEEP and "x" in roles and name.lower() in ("p", "scale"):
        roles.remove("x") if form not in ("softmax_loss", "binary_loss") else None
    return [role for role in roles if recipe.items[role].kind == "number"] if number else roles


def _recurrent(name: str, roles: list[str], form: str) -> list[str]:
    """Return the roles in a recurrent layer, where short names mean other things."""
    short = name.lower().replace("_", "")
    if short in ("b", "bias", "bx", "bh", "bi", "bih", "bhh", "c") and (
        short != "c" or form.startswith("gru")
    ):
        return ["b", *roles] if form.startswith(("gru", "rnn")) or short in ("b", "bias") else roles
    if short in ("w", "weights", "weight"):
        return ["wx" if form.startswith("gru") else "w", "wx"]
    if short == "aprev":
        return ["h"]
    return ["b"] if roles == ["bg"] and form.startswith("rnn") else roles


def variants(parts: dict[str, Item]) -> Iterator[dict[str, Item]]:
    """Yield an assignment with biases (M,), then (1, M), (M, 1) and, among pictures, with four axes.

    Parameters
    ----------
    parts : dict
        From ``assigned``.
    """
    yield parts
    vectors = [path for path, item in parts.items() if _is_bias(path) and len(item.shape) == 1]
    if not vectors:
        return
    forms: list[tuple[int, ...]] = [(1, -1), (-1, 1)]
    if max(len(item.shape) for item in parts.values()) == 4:
        forms += [(1, 1, 1, -1), (1, -1, 1, 1), (-1, 1, 1, 1)]
    for form in forms:
        made = {
            path: parts[path]._replace(shape=tuple(parts[path].shape[0] if n < 0 else n for n in form))
            for path in vectors
        }
        yield parts | made


def _is_bias(path: str) -> bool:
    """Whether an argument or key is a bias or the like."""
    return bool(
        {"b", "bg", "by", "gamma", "beta"} & set(roles_of(path.partition("[")[2].rstrip("]") or path))
    )
