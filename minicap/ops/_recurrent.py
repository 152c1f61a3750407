"""What rnn, lstm and gru share: shape checks, and what a mask does to time."""

from __future__ import annotations

import numpy as np

from minicap._types import Array
from minicap.ops import _check


def check_step(op: str, gates: int, x: Array, w_x: Array, w_h: Array, **others: Array) -> None:
    """Raise unless one step's arrays fit: x (N, D), w_x (D, G H), w_h (H, G H), states (N, H), biases (G H,)."""
    _check.ndim(op, "x", x, "(N, D)")
    _check_weights(op, gates, x.shape[0], x.shape[1], w_x, w_h, **others)


def check_sequence(op: str, gates: int, x: Array, mask: Array | None, **others: Array) -> Array | None:
    """Raise unless a sequence (N, T, D) fits its weights and states; return the checked mask (N, T).

    The input's bias, ``b`` or ``b_x``, may be each sequence's own, (N, G H).
    """
    _check.ndim(op, "x", x, "(N, T, D)")
    rows = x.shape[0]
    for name in {"b", "b_x"} & others.keys():
        if others[name].ndim == 2 and others[name].shape[0] == rows:
            others[name] = others[name][:1].reshape(-1) if rows else others[name].sum(axis=0)
    _check_weights(op, gates, rows, x.shape[2], **others)
    return _check.mask(op, mask, x.shape[:2], "(N, T)")


def _check_weights(op: str, gates: int, n: int, d: int, w_x: Array, w_h: Array, **others: Array) -> None:
    """Raise unless weights, states (N, H) and biases (named b...) fit N rows of D inputs."""
    _check.ndim(op, "w_h", w_h, "(H, gates)")
    hidden, width = w_h.shape[0], f"{gates} H" if gates > 1 else "H"
    _check.shape(op, "w_h", w_h, (hidden, gates * hidden), f"(H, {width})")
    _check.shape(op, "w_x", w_x, (d, gates * hidden), f"(D, {width})")
    for name, array in others.items():
        if name.startswith("b"):
            _check.shape(op, name, array, (gates * hidden,), f"({width},)")
        else:
            _check.shape(op, name, array, (n, hidden), "(N, H)")


def carry(mask: Array | None, t: int, new: Array, old: Array) -> Array:
    """Return the state after step t (N, H): the new one where the word is real, else the old one again."""
    return new if mask is None else np.where(mask[:, t, None], new, old)


def split(mask: Array | None, t: int, d: Array) -> tuple[Array, Array | float]:
    """Split a state's upstream at step t: what goes into the step, and what its masked rows carry past it."""
    if mask is None:
        return d, 0
    real = mask[:, t, None].astype(d.dtype)
    return d * real, d * (1 - real)


def before(states: Array, first: Array, t: int) -> Array:
    """Return the state that step t started from: ``states`` (N, T, H) at t - 1, or ``first`` (N, H)."""
    return states[:, t - 1] if t else first
