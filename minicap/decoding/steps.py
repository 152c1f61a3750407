"""The two methods that every search drives."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np

from minicap._types import Array


class Step(NamedTuple):
    """What a decoder says after reading one more word."""

    logits: Array  # (N, V) of the next word
    state: Any  # a NamedTuple of arrays with N rows
    attention: Array | None = None  # (N, L) where it looked


class Decoder(Protocol):
    """Anything that can be started on features and stepped word by word."""

    def start(self, features: Array) -> tuple[Any, Any]:
        """Return (memory, state): what stays for the sentence, and what changes with each word."""
        ...

    def step(self, tokens: Array, state: Any, memory: Any) -> Step:
        """Read one token (N,) each and return the logits of the next."""
        ...


def take_rows(state: Any, rows: Array) -> Any:
    """Pick rows of every array of a state, as a search does when it keeps some sentences and drops others.

    Parameters
    ----------
    state : NamedTuple of Array, (N, ...)
        Or an array, or any of these in tuples; what has no rows (None, a number) is handed on as it is.
    rows : Array of int, (M,)

    Returns
    -------
    the same with Array, (M, ...)
    """
    if isinstance(state, np.ndarray):
        return state[rows] if state.ndim else state
    if isinstance(state, tuple):
        taken = [take_rows(part, rows) for part in state]
        return type(state)(*taken) if hasattr(state, "_fields") else tuple(taken)
    return state
