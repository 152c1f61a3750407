"""Calling code that was written by someone else: what it takes, in which order, and without its noise."""

from __future__ import annotations

import contextlib
import inspect
import io
import pickle
import random
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

FORWARDS = ("forward", "forward_pass", "fprop", "__call__")
BACKWARDS = ("backward", "backward_pass", "bprop", "backprop", "backpropagate")
POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


class Parameter(NamedTuple):
    """A positional parameter: its name, and whether a call must give it."""

    name: str
    required: bool


def parameters(function: Callable[..., Any]) -> list[Parameter] | None:
    """Return the positional parameters of a function; None where it takes any number, or cannot be asked."""
    try:
        found = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None
    if any(p.kind is inspect.Parameter.VAR_POSITIONAL for p in found):
        return None
    return [Parameter(p.name, p.default is inspect.Parameter.empty) for p in found if p.kind in POSITIONAL]


def argument_names(function: Callable[..., Any], count: int) -> list[str]:
    """Return the names of the first ``count`` positional arguments; ``x``, ``x0``, ``x1`` where unnamed."""
    try:
        found = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        found = []
    names = [parameter.name for parameter in found if parameter.kind in POSITIONAL][:count]
    return names or ["x"] if count == 1 else names + [f"x{i}" for i in range(len(names), count)]


def arranged(
    function: Callable[..., Any], inputs: Sequence[Any] | Mapping[str, Any], options: Mapping[str, Any] | None
) -> tuple[list[str], list[Any], dict[str, Any]]:
    """Return the names and values of the positional arguments, and the options.

    A mapping of inputs is put into the function's own order; what the function does not take by position
    becomes an option.
    """
    if not isinstance(inputs, Mapping):
        return argument_names(function, len(inputs)), list(inputs), dict(options or {})
    by_name, names = dict(inputs), []
    for parameter in parameters(function) or [Parameter(name, True) for name in by_name]:
        if parameter.name not in by_name:
            break  # whatever follows is passed by keyword
        names.append(parameter.name)
    return names, [by_name.pop(name) for name in names], by_name | dict(options or {})


def plain(function: Callable[..., Any]) -> Any:
    """Return the function under partials and wrappers."""
    while isinstance(function, partial):
        function = function.func
    return inspect.unwrap(function)


def name_of(function: Callable[..., Any]) -> str:
    """Return what to call a function in a report."""
    return getattr(plain(function), "__name__", type(function).__name__)


def method(owner: Any, names: Sequence[str]) -> Callable[..., Any] | None:
    """Return the first of these methods that an object has."""
    for name in names:
        found = getattr(owner, name, None)
        if callable(found):
            return found
    return None


class Sink(io.TextIOBase):
    """A file that forgets what is written to it, and counts."""

    def __init__(self) -> None:
        self.count = 0

    def write(self, text: str) -> int:
        """Count the characters."""
        self.count += len(text)
        return len(text)


class Quiet:
    """Calls of one function, each with the same global randomness and without output or warnings.

    Global NumPy and ``random`` states, and generators at the top level of the function's module, are put
    into the same state before each call and put back after it. ``shift`` lets a backward draw
    other numbers than the forward did: a dropout mask drawn twice must show.
    """

    def __init__(self, function: Callable[..., Any], notes: list[str], who: str, shift: int = 0) -> None:
        self.notes, self.who, self.shift = notes, who, shift
        self.draws: bool | None = None
        self.everyone: np.random.RandomState = np.random.mtrand._rand  # behind np.random.rand and its like
        home = getattr(plain(function), "__func__", plain(function))
        self.generators = [
            value
            for value in getattr(home, "__globals__", {}).values()
            if isinstance(value, (np.random.Generator, np.random.RandomState))
        ]

    @contextlib.contextmanager
    def __call__(self) -> Iterator[None]:
        """Return the context of one call."""
        sink = Sink()
        with warnings.catch_warnings(), np.errstate(all="ignore"), self.frozen():
            warnings.simplefilter("ignore")
            with contextlib.redirect_stdout(sink), contextlib.redirect_stderr(sink):
                yield
        note = f"{self.who} prints; what it prints is not shown"
        if sink.count and note not in self.notes:
            self.notes.append(note)

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Start every call from the same random state; the first call tells whether that is needed."""
        if self.draws is False:
            yield
            return
        kept = self.states()
        self.everyone.seed(20_000 + self.shift)
        random.seed(20_000 + self.shift)
        for generator in self.generators:
            generator.random(7 * self.shift)
        start = self.states()
        try:
            yield
        finally:
            if self.draws is None:
                self.draws = pickle.dumps(start) != pickle.dumps(self.states())
            random.setstate(kept[0])
            for generator, state in zip((self.everyone, *self.generators), kept[1:], strict=True):
                _put(generator, state)

    def states(self) -> list[Any]:
        """Return every random state that a call may change."""
        return [random.getstate(), *map(_state, (self.everyone, *self.generators))]


def _state(generator: Any) -> Any:
    """Return the state of a generator of either kind."""
    if isinstance(generator, np.random.RandomState):
        return generator.get_state()
    return generator.bit_generator.state


def _put(generator: Any, state: Any) -> None:
    """Put a generator of either kind into a state."""
    if isinstance(generator, np.random.RandomState):
        generator.set_state(state)
    else:
        generator.bit_generator.state = state
