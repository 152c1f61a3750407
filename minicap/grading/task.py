"""What a child process does for grading: call a submission and hand back what it gave. It knows no right answer."""

from __future__ import annotations

import contextlib
import inspect
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from minicap.gradcheck.child import explain
from minicap.gradcheck.discover_source import load_file
from minicap.grading.limits import limit
from minicap.grading.values import result_form, unpacked


def call_cases(
    path: str,
    part: Mapping[str, Any],
    cases: Sequence[Mapping[str, Any]],
    *,
    backward: bool,
    forbidden: Sequence[str],
) -> dict[str, Any]:
    """Call a part of a submission on the hidden inputs.

    Parameters
    ----------
    path : str
        The submission.
    part : mapping
        ``forward``, ``backward``, ``outputs``, ``gradients``, ``arguments``, ``loss``, ``cache_last`` and ``cache``.
    cases : sequence of mapping
        ``arguments`` and ``upstreams``, packed.
    backward : bool
        Whether gradients are wanted too.
    forbidden : sequence of str
        Packages that may not be imported.

    Returns
    -------
    dict
        ``sentence``, empty unless the submission could not be called at all, ``cases`` and ``imports``.
    """
    seen: list[str] = []
    functions, sentence = _loaded(path, part, forbidden, seen)
    found: list[dict[str, Any]] = []
    for case in cases if not sentence else ():
        found.append(_one(functions, part, case, backward))
        if found[-1].get("sentence"):
            break  # the other cases would say the same
    return {"sentence": sentence, "cases": found, "imports": sorted(set(seen))}


def diagnose(
    path: str, part: Mapping[str, Any], case: Mapping[str, Any], *, forbidden: Sequence[str], tolerance: float
) -> dict[str, Any]:
    """Check a part's backward against the slope of its own forward, and name the bug.

    Parameters
    ----------
    path, part, forbidden
        As for ``call_cases``.
    case : mapping
        One of the hidden inputs.
    tolerance : float

    Returns
    -------
    dict
        ``gradient``, ``sentence`` and ``hint``; empty where nothing was found.
    """
    from minicap.gradcheck.adapters import losses, pairs
    from minicap.gradcheck.engine import check

    functions, sentence = _loaded(path, part, forbidden, [])
    if sentence:
        return {}
    arguments = [unpacked(value) for value in case["arguments"].values()]
    names = dict(zip(part["arguments"], _names(functions[0], part["arguments"]), strict=True))
    wiring = tuple(names[name] for name in part["gradients"])

    def build() -> Any:
        if part["loss"]:
            return losses.subject(functions[0], arguments, wiring=wiring)
        return pairs.subject(functions[0], functions[1], arguments, wiring=wiring)

    found = check(build, part["forward"], tolerance=tolerance).diagnosis
    if found is None or found.kind == "unknown":
        return {}
    by_theirs = {f"d{theirs}": f"d{name}" for name, theirs in names.items()}
    gradient = by_theirs.get(found.gradient or "")
    return {"gradient": gradient, "sentence": found.sentence, "hint": found.hint}


def _names(function: Callable[..., Any], names: Sequence[str]) -> Sequence[str]:
    """Return what a submission calls its arguments; students call them as they like."""
    try:
        found = list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return names
    return found if len(found) == len(names) else names


def _loaded(
    path: str, part: Mapping[str, Any], forbidden: Sequence[str], seen: list[str]
) -> tuple[list[Callable[..., Any]], str]:
    """Return a part's functions, or a sentence on why there are none."""
    _move_out()
    limit(forbidden, seen)
    me = os.getpid()
    try:
        module = load_file(path)
    except BaseException as raised:
        _only(me)
        return [], _said(raised)
    _only(me)
    names = [name for name in (part["forward"], part["backward"]) if name]
    functions = [getattr(module, name, None) for name in names]
    for name, function in zip(names, functions, strict=True):
        if not callable(function):
            return [], f"there is no function {name}"
    return [function for function in functions if function is not None], ""


def _move_out() -> None:
    """Go where the files that a submission writes are thrown away with this process's own."""
    with contextlib.suppress(OSError):
        folder = Path(sys.argv[-1], "work")
        folder.mkdir()
        os.chdir(folder)


def _only(me: int) -> None:
    """End a copy of this process that a submission has made."""
    if os.getpid() != me:
        os._exit(0)


def _said(raised: BaseException) -> str:
    """Return a sentence for what a submission raised."""
    if isinstance(raised, NotImplementedError):
        return "it is not written yet (NotImplementedError)"
    return explain(raised)[1]


def _one(
    functions: Sequence[Callable[..., Any]], part: Mapping[str, Any], case: Mapping[str, Any], backward: bool
) -> dict[str, Any]:
    """Return outputs of one case, and gradients where they are wanted."""
    arguments = [unpacked(value) for value in case["arguments"].values()]
    kept = [x.copy() if isinstance(x, np.ndarray) else None for x in arguments]
    me, stage = os.getpid(), "forward"
    try:
        returned = functions[0](*arguments)
        outputs, cache = _outputs(part, returned)
        found: dict[str, Any] = {"outputs": [result_form(y) for y in outputs]}
        if part["cache"]:
            found["cache"] = (
                [result_form(value) for value in cache] if isinstance(cache, (tuple, list)) else None
            )
        found["changed"] = _changed(part, arguments, kept)
        if not backward:
            return found
        if part["loss"]:
            gradients = returned[1:] if isinstance(returned, tuple) else ()
        else:
            stage = "backward"
            gradients = _pulled(functions[1], part, case, cache)
            found["changed"] = _changed(part, arguments, kept)
        found["gradients"] = _named(part, gradients)
        return found
    except BaseException as raised:
        return {"sentence": f"{stage}: {_said(raised)}" if backward else _said(raised)}
    finally:
        _only(me)


def _outputs(part: Mapping[str, Any], returned: Any) -> tuple[list[Any], Any]:
    """Return a forward's outputs and its cache: ``(y, cache)``, ``(h, c, cache)`` or ``((h, c), cache)``."""
    count = len(part["outputs"])
    if not isinstance(returned, (tuple, list)):
        return [returned], None
    parts = list(returned)
    if part["loss"]:
        return parts[:count], None
    if count > 1 and len(parts) == 2 and isinstance(parts[0], (tuple, list)):
        return list(parts[0]), parts[1]
    return parts[:-1], parts[-1]


def _pulled(
    backward: Callable[..., Any], part: Mapping[str, Any], case: Mapping[str, Any], cache: Any
) -> Any:
    """Return what backward gives for the upstream gradients."""
    upstreams = [unpacked(value) for value in case["upstreams"]]
    return backward(*([cache, *upstreams] if part["cache_first"] else [*upstreams, cache]))


def _named(part: Mapping[str, Any], gradients: Any) -> dict[str, Any]:
    """Return gradients by argument name, from a tuple in order, one array, or a dict."""
    names = part["gradients"]
    if isinstance(gradients, Mapping):
        found = {name: gradients.get(f"d{name}", gradients.get(name)) for name in names}
    elif isinstance(gradients, (tuple, list)):
        found = dict(zip(names, gradients, strict=False))
    else:
        found = {names[0]: gradients}
    return {name: result_form(value) for name, value in found.items()}


def _changed(part: Mapping[str, Any], arguments: Sequence[Any], kept: Sequence[Any]) -> list[str]:
    """Return the names of the arguments that no longer hold what they held."""
    names = part["arguments"]
    return [
        name
        for name, now, before in zip(names, arguments, kept, strict=True)
        if before is not None and not np.array_equal(now, before, equal_nan=True)
    ]
