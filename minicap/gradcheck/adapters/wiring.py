"""Which returned gradient belongs to which input: by name, then by shape, then by order.

A dict or NamedTuple names its gradients. A plain tuple has no names, but the return statement of the code
often does (``return dx, dw, db``). Where neither helps, the order of the arguments decides, unless the shapes
fit in one other order only.
"""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from minicap.gradcheck.adapters.calls import plain
from minicap.gradcheck.adapters.trees import Place, shape_of, spread
from minicap.gradcheck.findings import Problem
from minicap.gradcheck.source import returns, tree_of

DATA = re.compile(
    r"^(y|t|ys|yb|gt|y_?(true|gt|onehot|one_hot|label|target|train|batch)s?|.*target.*|.*label.*|.*onehot.*|.*one_hot.*"
    r"|.*mask.*|.*running.*|.*moving.*|keep|weights?_decay|ground_truth|truth)$"
)
"""Float arguments of these names are data: no gradient is asked for."""

SAY_OTHERWISE = (
    "pass wiring=(...), the arguments' names in the order of the returned gradients, to say otherwise"
)


@dataclass
class Wired:
    """The gradients by name, sentences about what fits nowhere, and what was taken for granted."""

    gradients: dict[str, Any] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    data: list[str] = field(default_factory=list)


def wire(
    returned: Any,
    found: Sequence[Place],
    *,
    source: Sequence[str | None] | None = None,
    wiring: Sequence[str | None] | None = None,
    lenient: bool = True,
) -> Wired:
    """Give each returned gradient the name of the input it belongs to.

    Parameters
    ----------
    returned : NamedTuple, dict, tuple, list, ndarray or None
        What a backward returned.
    found : sequence of Place
        One a positional argument, those without leaves included.
    source : sequence of str or None, optional
        The names in the code's return statement, None for a part without one.
    wiring : sequence of str or None, optional
        The argument of each returned gradient, as the caller says; None for one to be left out.
    lenient : bool
        Whether an argument that looks like data (a target, a mask) may go without a gradient, and shapes may
        overrule the order.

    Returns
    -------
    Wired
    """
    wired = Wired()
    wanted = [place for place in found if place.leaves]
    if hasattr(returned, "_asdict"):
        returned = returned._asdict()
    if isinstance(returned, Mapping) and wiring is None:
        _by_key(returned, wanted, wired)
    else:
        values = _values(returned, wanted)
        for place, value in _pairs(values, found, wanted, source, wiring, lenient, wired):
            _assign(place, value, wired)
    for place in wanted:
        missing = [name for name in place.leaves if name not in wired.gradients]
        if missing and lenient and DATA.match(place.argument.lower()) and len(missing) == len(place.leaves):
            wired.data += missing
    return wired


def match(name: str, candidates: Sequence[str]) -> str | None:
    """Return the argument that a gradient called ``name`` belongs to, where that is clear.

    ``dw``, ``d_w``, ``grad_w``, ``w_grad``, ``gw`` and ``w`` belong to ``w``; ``dh_prev`` to ``prev_h``.
    """
    for form in (_exact, _folded, _words):
        hits = [candidate for candidate in candidates if form(name) & form(candidate, bare=True)]
        if len(hits) == 1:
            return hits[0]
        if hits:
            return None
    return None


AFFIXES = re.compile(r"^(?:d_?|grads?_|grad(?=[A-Z])|gradient_|g_?|delta_)(?=.)|(?:_grads?|_gradient|_bar)$")


def _exact(name: str, bare: bool = False) -> set[str]:
    """Return the name, and what remains of it without the mark of a gradient."""
    return {name} if bare else {name, *(AFFIXES.sub("", name, count=1) for _ in range(1))}


def _folded(name: str, bare: bool = False) -> set[str]:
    """Return the same without case and underscores."""
    return {form.lower().replace("_", "") for form in _exact(name, bare)}


def _words(name: str, bare: bool = False) -> set[str]:
    """Return the same with the words in alphabetical order."""
    return {" ".join(sorted(form.lower().split("_"))) for form in _exact(name, bare)}


def _by_key(returned: Mapping[str, Any], wanted: Sequence[Place], wired: Wired) -> None:
    """Wire gradients that come with names."""
    arguments = {place.argument: place for place in wanted}
    leaves = {name.removeprefix("d"): name for place in wanted for name in place.leaves}
    names = [name for place in wanted for name in place.leaves]
    for key, value in returned.items():
        leaf = key if key in names else leaves.get(match(str(key), list(leaves)) or "")
        argument = match(str(key), list(arguments))
        if leaf is not None:
            wired.gradients[leaf] = value
        elif argument is not None:
            _assign(arguments[argument], value, wired)
        elif value is not None:
            wired.problems.append(
                Problem(
                    f"backward returns {key}, which belongs to no float input (there are {', '.join(names)}); "
                    "an input without a gradient is passed by keyword",
                    "missing_gradient",
                )
            )


def _values(returned: Any, wanted: Sequence[Place]) -> list[Any]:
    """Return the gradients one by one; a list may be the one gradient of a list argument."""
    if isinstance(returned, list) and len(wanted) == 1 and isinstance(wanted[0].value, list):
        return [returned]
    return list(returned) if isinstance(returned, (tuple, list)) else [returned]


def _pairs(
    values: list[Any],
    found: Sequence[Place],
    wanted: list[Place],
    source: Sequence[str | None] | None,
    wiring: Sequence[str | None] | None,
    lenient: bool,
    wired: Wired,
) -> list[tuple[Place, Any]]:
    """Return each value with the place it goes to."""
    if wiring is not None:
        return _as_told(values, wanted, wiring, wired)
    named = _named(source, found) if lenient and source and len(source) == len(values) else None
    if named is not None:
        if [p for p in named if p in wanted] != [p for p in wanted if p in named]:
            order = ", ".join(map(str, source or ()))
            wired.notes.append(
                f"gradients wired by the names they are returned under ({order}); {SAY_OTHERWISE}"
            )
        pairs = [(place, value) for place, value in zip(named, values, strict=True) if place.leaves]
        return _complete(pairs, wanted, len(values), wired)
    if len(values) in (len(wanted), len(found)):
        order_of = wanted if len(values) == len(wanted) else list(found)
        shuffled = _by_shape(values, order_of) if lenient and len(values) == len(wanted) else None
        if shuffled is not None:
            order = ", ".join(f"d{place.argument}" for place in shuffled)
            wired.notes.append(f"gradients wired by their shapes ({order}); {SAY_OTHERWISE}")
        return [
            (place, value) for place, value in zip(shuffled or order_of, values, strict=True) if place.leaves
        ]
    places = _by_shape(values, wanted) if lenient else None
    if places is not None:
        order = ", ".join(f"d{place.argument}" for place in places)
        wired.notes.append(f"gradients wired by their shapes ({order}); {SAY_OTHERWISE}")
    return _complete(list(zip(places or wanted, values, strict=False)), wanted, len(values), wired)


def _complete(
    pairs: list[tuple[Place, Any]], wanted: list[Place], count: int, wired: Wired
) -> list[tuple[Place, Any]]:
    """Add a sentence where the number of gradients is not that of the inputs."""
    got = [place for place, _ in pairs]
    missing = [p for p in wanted if p not in got and not DATA.match(p.argument.lower())]
    if missing or count > len(wanted):
        names = ", ".join(name for place in wanted for name in place.leaves)
        wired.problems.append(
            Problem(
                f"backward returns {count} gradient{'s' if count != 1 else ''} for {len(wanted)} float inputs "
                f"({names}); a NamedTuple with fields of these names leaves no doubt",
                "missing_gradient",
                next((name for place in missing for name in place.leaves), None),
            )
        )
    return pairs


def _as_told(
    values: list[Any], wanted: list[Place], wiring: Sequence[str | None], wired: Wired
) -> list[tuple[Place, Any]]:
    """Wire as the caller says."""
    if len(wiring) != len(values):
        wired.problems.append(
            Problem(
                f"backward returns {len(values)} gradients, but wiring names {len(wiring)}",
                "missing_gradient",
            )
        )
    pairs = []
    for name, value in zip(wiring, values, strict=False):
        place = next((p for p in wanted if name in (p.argument, f"d{p.argument}")), None)
        if name is not None and place is None:
            known = ", ".join(p.argument for p in wanted)
            raise ValueError(f"wiring: no float input is called {name!r}; there are {known}")
        if place is not None:
            pairs.append((place, value))
    return pairs


def _named(source: Sequence[str | None], found: Sequence[Place]) -> list[Place] | None:
    """Return the place of each name in a return statement, where all are clear and different."""
    arguments = {place.argument: place for place in found}
    hits = [match(name, list(arguments)) if name else None for name in source]
    if None in hits or len(set(hits)) != len(hits):
        return None
    return [arguments[hit] for hit in hits if hit is not None]


def _by_shape(values: list[Any], wanted: list[Place]) -> list[Place] | None:
    """Return the places in the one order that the shapes fit, None where order itself fits or several do."""
    if len(wanted) > 7 or len(values) > len(wanted) or any(len(place.leaves) != 1 for place in wanted):
        return None
    shapes = [shape_of(value) for value in values]
    targets = [next(iter(place.leaves.values())).shape for place in wanted]
    if len(values) == len(wanted) and shapes == targets:
        return None
    fits = [
        order
        for order in itertools.permutations(range(len(wanted)), len(values))
        if all(shapes[i] == targets[j] for i, j in enumerate(order))
    ]
    return [wanted[j] for j in fits[0]] if len(fits) == 1 else None


def _assign(place: Place, value: Any, wired: Wired) -> None:
    """Give a value to a place, part by part where that is a list or a dict."""
    parts, missing = spread(place, value)
    wired.gradients |= parts
    if missing and len(missing) < len(place.leaves):
        wired.problems.append(
            Problem(
                f"the gradient of {place.argument} has no part for {', '.join(missing)}",
                "missing_gradient",
                missing[0],
            )
        )


def returned_names(function: Callable[..., Any]) -> list[str | None] | None:
    """Return the names in a function's last return statement, None for a part that is no name, or for it all."""
    tree = tree_of(plain(function))
    values = list(returns(tree)) if tree else []
    if not values:
        return None
    value = max(values, key=lambda node: node.lineno)
    parts = value.elts if isinstance(value, ast.Tuple) else [value]
    return [getattr(part, "id", getattr(part, "attr", None)) for part in parts]
