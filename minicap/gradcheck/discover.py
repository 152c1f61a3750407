"""Find the layers in a module by looking: pairs, classes, closures, losses with their gradient, models."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from types import FunctionType, ModuleType
from typing import Any, NamedTuple

from minicap.gradcheck.adapters.calls import BACKWARDS, FORWARDS, method
from minicap.gradcheck.discover_build import build_class, build_function, build_pair, build_torch
from minicap.gradcheck.discover_names import LOSS, form_of, is_backward, is_forward, op_of, pair_up, words
from minicap.gradcheck.discover_source import is_closure, keys_of, only_raises, returned_tuples
from minicap.gradcheck.engine import Subject

_CONTAINERS = {"layers", "modules", "model", "models", "net", "network", "optimizer", "nets", "blocks"}
_POSITIONAL = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.POSITIONAL_ONLY)


class Slot(NamedTuple):
    """Something that a layer has to be given before it can be checked.

    Attributes
    ----------
    name : str
        Of the argument.
    default : object
        ``inspect.Parameter.empty`` where it has none.
    maker : bool
        Whether it goes to the constructor instead of to the forward.
    keys : dict of str to object
        Where it is a dict: the keys read from it, with their defaults.
    """

    name: str
    default: Any
    maker: bool
    keys: dict[str, Any]

    @property
    def required(self) -> bool:
        """Whether there is no default."""
        return self.default is inspect.Parameter.empty


@dataclass(frozen=True)
class Candidate:
    """A layer that was found in a module.

    Attributes
    ----------
    name : str
        ``affine`` for ``affine_forward`` and ``affine_backward``; a class's or function's own name otherwise.
    style : str
        "pair", "class", "closure", "loss", "model" or "torch".
    op : str or None
        The known op that it seems to be, by its name.
    form : str or None
        A key of ``invent_shapes.RECIPES``: what kind of inputs it seems to take.
    slots : tuple of Slot
        What it has to be given, in order.
    build : callable
        ``build(inputs) -> Subject`` from a dict of values by argument name.
    doc : str
        Its docstrings, which may tell shapes.
    line : int
        Where it stands in the file.
    """

    name: str
    style: str
    op: str | None
    form: str | None
    slots: tuple[Slot, ...]
    build: Callable[[Mapping[str, Any]], Subject]
    doc: str = ""
    line: int = 0


def find_layers(module: ModuleType) -> list[Candidate]:
    """Return the layers that a module defines, in the order in which they stand there.

    Parameters
    ----------
    module : ModuleType

    Returns
    -------
    list of Candidate
    """
    functions = {name: f for name, f in vars(module).items() if _is_own_function(f, module, name)}
    found = list(_pairs(functions))
    taken = {name for pair in _paired(functions) for name in pair[1:]}
    for name, function in functions.items():
        if name in taken or name.startswith("__"):
            continue
        if is_closure(function):
            found.append(_function(name, function, "closure"))
        elif _is_loss(name, function):
            found.append(_function(name, function, "loss"))
    for name, owner in vars(module).items():
        if inspect.isclass(owner) and owner.__module__ == module.__name__ and owner.__name__ == name:
            found += _class(owner)
    return _distinct(sorted(found, key=lambda candidate: candidate.line))


def passed_over(module: ModuleType) -> list[str]:
    """Return a sentence for each thing that looks like a part of a layer but cannot be checked by itself.

    Parameters
    ----------
    module : ModuleType
    """
    functions = {name: f for name, f in vars(module).items() if _is_own_function(f, module, name)}
    taken = {name for pair in _paired(functions) for name in pair[1:]}
    notes = [
        f"{name} has no {name.replace('forward', 'backward')} beside it, so it is not checked"
        for name, function in functions.items()
        if is_forward(name) and "forward" in name and name not in taken and not is_closure(function)
    ]
    for name, owner in vars(module).items():
        if inspect.isclass(owner) and owner.__module__ == module.__name__ and _holds_layers(owner):
            notes.append(f"{name} is made of other layers, so it is not checked by itself")
    return notes


def _is_own_function(value: Any, module: ModuleType, name: str) -> bool:
    """Whether a value is a function that stands in the module's file under this name."""
    plain = inspect.unwrap(value) if callable(value) and not inspect.isclass(value) else value
    return isinstance(plain, FunctionType) and plain.__code__.co_filename == module.__file__ and bool(name)


def _paired(functions: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return the pairs among functions; a derivative of one argument alone is no backward."""
    backwards = [name for name, f in functions.items() if is_backward(name) and len(_parameters(f)) > 1]
    return pair_up(list(functions), backwards)


def _pairs(functions: Mapping[str, Any]) -> Iterator[Candidate]:
    """Yield a candidate for each pair."""
    for name, forward, backward in _paired(functions):
        function = functions[forward]
        yield Candidate(
            name, "pair", op_of(name), form_of(name), _slots(function),
            partial(build_pair, function, functions[backward], name), _doc(function), _line(function),
        )  # fmt: skip


def _function(name: str, function: Any, style: str) -> Candidate:
    """Return the candidate of a closure or a loss."""
    build = partial(build_function, style, function, name)
    stem = "_".join(word for word in words(name) if word not in ("forward",)) or name
    form = form_of(name) or ("softmax_loss" if style == "loss" else None)
    return Candidate(
        stem if style == "closure" else name, style, op_of(name), form, _slots(function), build,
        _doc(function), _line(function),
    )  # fmt: skip


def _is_loss(name: str, function: Any) -> bool:
    """Whether a function returns a loss and its gradient, as far as its name and its source tell."""
    if not _parameters(function):
        return False
    returned = returned_tuples(function)
    says = any(
        len(names) > 1
        and (names[0].lower().endswith(("loss", "cost")) or names[0] in ("J", "L"))
        and any(part.startswith(("d", "grad")) for part in names[1:])
        for names in returned
    )
    return says or (bool(set(words(name)) & LOSS) and any(len(names) > 1 for names in returned))


def _class(owner: type) -> list[Candidate]:
    """Return the candidate that a class is, if it is one."""
    if inspect.isabstract(owner) or _holds_layers(owner):
        return []
    doc, name = _doc(owner), owner.__name__
    if any(base.__module__.startswith("torch") and base.__name__ == "Function" for base in owner.__mro__):
        return [_torch(owner)]
    forward, backward = method(owner, FORWARDS), method(owner, BACKWARDS)
    loss = method(owner, ("loss",))
    maker = _slots(owner.__init__, True) if owner.__init__ is not object.__init__ else ()  # type: ignore[misc]
    if forward is not None and backward is not None:
        if only_raises(forward) or only_raises(backward):
            return []
        slots, style, form = (*maker, *_slots(forward)), "class", form_of(name)
        doc += _doc(forward)
    elif loss is not None and any(len(names) > 1 for names in returned_tuples(loss)):
        slots, style, form = (*maker, *_slots(loss)), "model", "model"
        doc += _doc(loss)
    else:
        return []
    op = op_of(name) if style == "class" else None
    return [
        Candidate(name, style, op, form, slots, partial(build_class, owner, style, maker), doc, _line(owner))
    ]


def _torch(owner: type) -> Candidate:
    """Return the candidate of a ``torch.autograd.Function``."""
    forward: Any = owner.__dict__["forward"].__func__
    slots = _slots(forward)[1:] if _parameters(forward)[:1] == ["ctx"] else _slots(forward)
    name = owner.__name__
    build = partial(build_torch, owner, name)
    return Candidate(name, "torch", op_of(name), form_of(name), slots, build, _doc(owner), _line(owner))


def _holds_layers(owner: type) -> bool:
    """Whether a class is given other layers when it is made."""
    made_of = set(_parameters(owner.__init__)) & _CONTAINERS if "__init__" in vars(owner) else set()  # type: ignore[misc]
    return bool(made_of) and method(owner, FORWARDS) is not None


def _parameters(function: Any) -> list[str]:
    """Return the names of the positional parameters, without ``self``."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return []
    return [p.name for p in parameters if p.kind in _POSITIONAL and p.name != "self"]


def _slots(function: Any, maker: bool = False) -> tuple[Slot, ...]:
    """Return what a function has to be given."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return ()
    named = [p for p in parameters if p.kind in (*_POSITIONAL, inspect.Parameter.KEYWORD_ONLY)]
    return tuple(Slot(p.name, p.default, maker, keys_of(function, p.name)) for p in named if p.name != "self")


def _doc(thing: Any) -> str:
    """Return the docstring, if any."""
    doc = getattr(thing, "__doc__", None)
    return f"{doc}\n" if isinstance(doc, str) else ""


def _line(thing: Any) -> int:
    """Return the line on which something is defined; 0 where that cannot be told."""
    try:
        return inspect.getsourcelines(thing)[1]
    except (OSError, TypeError):
        return 0


def _distinct(candidates: list[Candidate]) -> list[Candidate]:
    """Return the candidates with a number behind a name that was there before."""
    seen: dict[str, int] = {}
    result = []
    for candidate in candidates:
        seen[candidate.name] = seen.get(candidate.name, 0) + 1
        number = seen[candidate.name]
        name = candidate.name if number == 1 else f"{candidate.name}_{number}"
        result.append(Candidate(**{**candidate.__dict__, "name": name}))
    return result
