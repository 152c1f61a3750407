"""The one form that the engine knows, and what a forward's outputs must be to be differentiated."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from minicap._types import Array
from minicap.gradcheck.findings import UnusableError
from minicap.gradcheck.hygiene import Gradients


@dataclass(frozen=True)
class Subject:
    """A function with a backward, in the one form the engine knows.

    Attributes
    ----------
    name : str
        What is checked, for the report.
    inputs : dict of str to ndarray
        The live float arrays to differentiate by, keyed by the name of their gradient.
    forward : callable
        ``forward() -> (outputs, cache)`` at the present content of ``inputs``; outputs is a tuple.
    backward : callable
        ``backward(upstreams, cache) -> (gradients, problems)``: a dict keyed like ``inputs``, and sentences
        about whatever could not be wired to an input.
    linear : bool
        Whether ``backward`` takes an upstream gradient at all; a model's may start from its own loss.
    arguments : dict of str to object
        Everything the code was given, by name: the live inputs, integer inputs, options.
    style : str
        The convention it is written to: "pair", "class", "closure", "loss", "model", ...
    notes : sequence of str
        What the adapter took for granted, for the report; it may grow while the code is called.
    parameters : frozenset of str
        The gradients that belong to parameters of an object, not to arguments.
    manners : callable or None
        ``manners(upstreams, cache)`` returns further sentences, about whatever only the adapter can see.
    """

    name: str
    inputs: dict[str, Array]
    forward: Callable[[], tuple[tuple[Any, ...], Any]]
    backward: Callable[[tuple[Any, ...], Any], tuple[Gradients, list[str]]]
    linear: bool = True
    arguments: dict[str, Any] = field(default_factory=dict)
    style: str = "pair"
    notes: Sequence[str] = ()
    parameters: frozenset[str] = frozenset()
    manners: Callable[[tuple[Any, ...], Any], list[str]] | None = None


def flat(values: tuple[Any, ...]) -> Array:
    """Return arrays and scalars as one float64 vector of its own memory."""
    return np.concatenate([np.array(value, dtype=np.float64).ravel() for value in values])


def require_floats(outputs: tuple[Any, ...]) -> None:
    """Raise UnusableError where an output cannot be differentiated."""
    if not outputs:
        raise UnusableError("forward returns no output at all")
    for i, y in enumerate(outputs):
        what = f"output {i}" if len(outputs) > 1 else "the output"
        if not isinstance(y, (np.ndarray, np.floating, float)):
            raise UnusableError(
                f"{what} of forward is a {type(y).__name__}; an array of floats is needed", "dtype"
            )
        if np.asarray(y).dtype.kind != "f":
            raise UnusableError(
                f"{what} of forward has dtype {np.asarray(y).dtype}; only floats can be differentiated",
                "dtype",
            )


def require_finite(outputs: tuple[Any, ...]) -> None:
    """Raise UnusableError where an output is NaN or infinite at the very point of the check."""
    for i, y in enumerate(outputs):
        bad = int((~np.isfinite(y)).sum())
        if bad:
            what = f"output {i}" if len(outputs) > 1 else "the output"
            raise UnusableError(
                f"{what} of forward is not finite at {bad:,} of {np.size(y):,} entries", "nan"
            )


def guarded(stage: str, function: Callable[..., Any], *args: Any) -> Any:
    """Call the code under check; what it raises is a finding, not a crash."""
    try:
        return function(*args)
    except UnusableError:
        raise
    except (Exception, SystemExit) as raised:
        text = " ".join(str(raised).split())[:300]
        raise UnusableError(f"{stage} raised {type(raised).__name__}: {text}") from raised
