"""How a forward hands over its cache, and what its backward wants: the form of a pair, read off one call."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from minicap.gradcheck.adapters.calls import Parameter, parameters
from minicap.gradcheck.findings import UnusableError

UPSTREAM = re.compile(r"^(d_?[A-Z]\w*|d_?(out|y|h|c|hs|z|a|s|o|l)\w*|grad\w*|\w+_grad|up\w*|g|gy|delta\w*)$")
CACHE = re.compile(
    r"^(\w*cache\w*|ctx|context|c|memory|mem|saved|tape|state|stored|intermediates?|residuals?)$"
)
OUTPUT = re.compile(r"^(out|outputs?|y|ys|result|a|h|s|p|probs?)$")


class Plan(NamedTuple):
    """The form of one pair.

    Attributes
    ----------
    form : str
        ``cache`` for ``(y, cache)``, ``flat`` for ``(y1, y2, cache)``, ``bare`` for outputs alone.
    total : int
        How many outputs there are.
    used : int
        How many of them, the first ones, have an upstream gradient.
    slots : tuple
        What each positional parameter of the backward is given: the number of an upstream, ``"all"`` of them
        in one container, ``"cache"``, ``"output"``, or ``("argument", name)``.
    note : str
        What is unusual about it, for the report.
    listed : bool
        Whether the outputs come in a list.
    """

    form: str
    total: int
    used: int
    slots: tuple[Any, ...]
    note: str = ""
    listed: bool = False

    def split(self, returned: Any) -> tuple[tuple[Any, ...], Any]:
        """Split what forward returned into the outputs that are differentiated and the cache."""
        outputs, cache = _split(self.form, returned)
        if len(outputs) != self.total:
            raise UnusableError(
                f"forward returns {self.total} outputs at one call and {len(outputs)} at another"
            )
        return outputs[: self.used], cache

    def fill(self, upstreams: tuple[Any, ...], cache: Any, arguments: Mapping[str, Any]) -> list[Any]:
        """Return the positional arguments of the backward."""
        filled: list[Any] = []
        for slot in self.slots:
            if slot == "cache":
                filled.append(cache)
            elif slot == "output":
                filled.append(cache[0] if isinstance(cache, (tuple, list)) else cache)
            elif slot == "all":
                filled.append(list(upstreams) if self.listed else upstreams)
            elif isinstance(slot, tuple):
                filled.append(arguments[slot[1]])
            else:
                filled.append(upstreams[slot])
        return filled


def plan(returned: Any, backward: Callable[..., Any], arguments: Sequence[str], bound: bool = False) -> Plan:
    """Read the form of a pair off what its forward returned and what its backward takes.

    Parameters
    ----------
    returned : object
        What forward returned.
    backward : callable
        Its backward.
    arguments : sequence of str
        The names of forward's arguments: a backward may want them again.
    bound : bool
        Whether the backward is a method, which may keep its cache in the object.

    Raises
    ------
    UnusableError
        If no form fits.
    """
    takes = parameters(backward)
    for form in _forms(returned):
        outputs, cache = _split(form, returned)
        for used, spread in _readings(form, outputs, returned):
            slots = _fit(takes, used if spread else 1, form, cache, arguments, bound, spread)
            if slots is not None and _sensible(form, outputs[:used], slots, bound, returned):
                note = _note(form, len(outputs), used, slots, takes)
                return Plan(form, len(outputs), used, slots, note, _listed(form, returned))
    if isinstance(returned, tuple) and len(returned) == 2:  # let the call itself say what does not fit
        outputs, _ = _split("cache", returned)
        return Plan("cache", len(outputs), len(outputs), (*range(len(outputs)), "cache"))
    kind = f"a tuple of {len(returned)}" if isinstance(returned, tuple) else f"a {type(returned).__name__}"
    raise UnusableError(f"forward must return (y, cache) or ((y1, y2), cache), not {kind}")


def _forms(returned: Any) -> list[str]:
    """Return the forms that a returned value may have, the likeliest first."""
    if not isinstance(returned, tuple):
        return ["bare"]
    return ["cache", "bare"] if len(returned) == 2 else ["flat", "bare"] if len(returned) > 2 else ["bare"]


def _split(form: str, returned: Any) -> tuple[tuple[Any, ...], Any]:
    """Split a returned value as one form has it."""
    if form != "bare" and (not isinstance(returned, tuple) or len(returned) < 2):
        raise UnusableError("forward returns (y, cache) at one call and something else at another")
    if form == "flat":
        return returned[:-1], returned[-1]
    y, cache = (
        returned if form == "cache" else (returned, returned)
    )  # a bare output is the only cache there is
    return (tuple(y) if isinstance(y, (tuple, list)) else (y,)), cache


def _listed(form: str, returned: Any) -> bool:
    """Whether the outputs come in a list."""
    return isinstance(returned[0] if form == "cache" else returned, list)


def _readings(form: str, outputs: tuple[Any, ...], returned: Any) -> list[tuple[int, bool]]:
    """Return how many outputs may be meant, and whether their upstreams come one by one."""
    several = len(outputs)
    one_by_one, together = (several, True), (several, False)
    if _listed(form, returned):
        return [together, one_by_one]
    if several == 1:
        return [one_by_one]
    fewer = [(used, True) for used in range(several - 1, 0, -1)]
    # ((h, c), cache) has one thing in front of the cache, (h, c, cache) has two.
    return [one_by_one, together, *fewer] if form == "cache" else [one_by_one, *fewer, together]


def _fit(
    takes: list[Parameter] | None,
    upstreams: int,
    form: str,
    cache: Any,
    arguments: Sequence[str],
    bound: bool,
    spread: bool,
) -> tuple[Any, ...] | None:
    """Return what each parameter of the backward is given, None where they do not fit."""
    needed: list[Any] = list(range(upstreams)) if spread else ["all"]
    if form != "bare":
        needed.append("cache")
    if takes is None:
        return tuple(needed) if form != "bare" or bound else None
    if form != "bare" and len(takes) > 1 and CACHE.match(takes[0].name) and not CACHE.match(takes[-1].name):
        needed = [needed[-1], *needed[:-1]]
    slots: list[Any] = []
    for parameter in takes:
        if needed:
            slot = needed.pop(0)
            if slot == "cache" and _is_upstream(parameter.name, cache, arguments):
                return None
            slots.append(slot)
        elif parameter.name in arguments:
            slots.append(("argument", parameter.name))
        elif parameter.required and form == "bare" and OUTPUT.match(parameter.name):
            slots.append("output")
        elif parameter.required:
            return None
        else:
            break  # its default serves, and whatever follows has one too
    return None if needed else tuple(slots)


def _is_upstream(name: str, cache: Any, arguments: Sequence[str]) -> bool:
    """Whether what looks like a cache is an output, because the backward has an upstream in its place."""
    return bool(isinstance(cache, np.ndarray) and UPSTREAM.match(name) and name not in arguments)


def _sensible(
    form: str, outputs: tuple[Any, ...], slots: tuple[Any, ...], bound: bool, returned: Any
) -> bool:
    """Whether a tuple may be outputs alone: all are numbers, and the backward finds elsewhere what it needs."""
    if form != "bare" or not isinstance(returned, tuple):
        return True
    floats = all(isinstance(y, (np.ndarray, np.floating, float)) for y in outputs)
    return floats and (bound or any(isinstance(slot, tuple) or slot == "output" for slot in slots))


def _note(form: str, count: int, used: int, slots: tuple[Any, ...], takes: list[Parameter] | None) -> str:
    """Return a sentence where one could have read the form another way."""
    if used < count:
        plural = "s" if used > 1 else ""
        return f"backward takes {used} upstream gradient{plural} for {count} outputs: the rest is left out"
    if slots and slots[0] == "cache":
        return f"backward takes its cache first: backward({', '.join(p.name for p in takes or [])})"
    if form == "bare" and "output" in slots:
        return "backward takes the output again, as its cache"
    if "all" in slots and count > 1:
        return f"backward takes the {count} upstream gradients in one container"
    return ""
