"""The ways to write a recurrent layer: time or batch first, weights (in, out) or (out, in), gates in any order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import permutations
from typing import Any

import numpy as np

from minicap._types import Array
from minicap.gradcheck.invent_roles import roles_of

_GATES = {"rnn": "h", "lstm": "ifgo", "gru": "rzn"}
Form = tuple[tuple[Any, ...], dict[str, Any], Callable[[Array], Array], str]


def recurrent_variants(op: str, arguments: Mapping[str, Any]) -> Iterator[Form]:
    """Yield positional arguments, options, the way back and a note for each form that the arguments may have.

    Parameters
    ----------
    op : str
        ``rnn``, ``lstm``, ``gru``, or one with ``_step``.
    arguments : mapping
        The student's, by name.
    """
    kind, step = op.removesuffix("_step"), op.endswith("_step")
    arrays = {name: value for name, value in arguments.items() if isinstance(value, np.ndarray)}
    yield from _variants(kind, step, arrays)
    for args, options, _, note in _variants(kind, step, _in_rows(arrays, step)):
        yield args, options, _to_columns, ", ".join(filter(None, [note, "samples in columns"]))


def _to_columns(y: Array) -> Array:
    """Return (N, H) as (H, N), and (N, T, H) as (H, N, T)."""
    return np.moveaxis(y, -1, 0)


def _variants(kind: str, step: bool, arrays: Mapping[str, Array]) -> Iterator[Form]:
    """Yield the forms for arguments with a sample in each row."""
    x, h, c = (_first(arrays, role, kind) for role in ("x", "h", "c"))
    if x is None:
        return
    for wx, wh, biases, note in _weights(arrays, kind, x):
        hidden = wh.shape[0]
        if wh.shape[1] != len(_GATES[kind]) * hidden:
            continue
        for order, ordered in _orders(kind, wx, wh, biases):
            said = ", ".join(filter(None, [note, order]))
            for data, back, major in _times(x, step):
                batch = len(data)
                state = np.zeros((batch, hidden)) if h is None else h
                cell = np.zeros((batch, hidden)) if c is None else c
                where = ", ".join(filter(None, [said, major]))
                for args, options, more in _calls(kind, data, state, cell, *ordered):
                    yield args, options, back, ", ".join(filter(None, [where, more]))


def _in_rows(arrays: Mapping[str, Array], step: bool) -> dict[str, Array]:
    """Return arguments whose samples are columns with the samples as rows."""
    turned = {}
    for name, value in arrays.items():
        roles = roles_of(name)
        if "x" in roles and not step:
            turned[name] = np.moveaxis(value, 0, -1)
        elif {"x", "h", "c"} & set(roles) and value.ndim == 2 and 1 not in value.shape:
            turned[name] = value.T
        else:
            turned[name] = value
    return turned


def _first(arrays: Mapping[str, Array], role: str, kind: str) -> Array | None:
    """Return the array with a role."""
    if role == "c" and kind != "lstm":
        return None
    return next((value for name, value in arrays.items() if role in roles_of(name)), None)


def _weights(
    arrays: Mapping[str, Array], kind: str, x: Array
) -> Iterator[tuple[Array, Array, list[Array], str]]:
    """Yield input weights, recurrent weights and biases, in (in, out) layout."""
    wx = next(
        (v for n, v in arrays.items() if "wx" in roles_of(n) and n.lower() != "u" and v.ndim == 2), None
    )
    wh = next((v for n, v in arrays.items() if "wh" in roles_of(n) and v.ndim == 2 and v is not wx), None)
    named = [v for n, v in arrays.items() if {"b", "bg"} & set(roles_of(n)) or (n == "c" and kind == "gru")]
    biases = [b.ravel() for b in named if b.ndim == 1 or 1 in b.shape]
    w = next((v for n, v in arrays.items() if "w" in roles_of(n) and v.ndim == 2), None)
    if w is not None and wx is None and wh is not None:
        wx = w
    if wx is not None and wh is not None:
        yield wx, wh, biases, ""
        yield wx.T, wh.T, biases, "weights (out, in)"
    elif w is not None:
        size = x.shape[-1]
        for whole, note in ((w, "one matrix"), (w.T, "one matrix (out, in)")):
            yield whole[:size], whole[size:], biases, f"{note} for [x, h]"
            yield whole[-size:], whole[:-size], biases, f"{note} for [h, x]"


def _orders(
    kind: str, wx: Array, wh: Array, biases: list[Array]
) -> Iterator[tuple[str, tuple[Array, Array, list[Array]]]]:
    """Yield the weights with their gates brought from each possible order into the op's."""
    gates, hidden = _GATES[kind], wh.shape[0]
    for order in permutations(range(len(gates))):
        columns = np.concatenate([np.arange(hidden) + hidden * place for place in order])
        if any(b.size != columns.size for b in biases) or wx.shape[-1] != columns.size:
            continue
        theirs = "".join(gates[order.index(place)] for place in range(len(gates)))
        note = f"gates in the order {', '.join(theirs)}" if len(gates) > 1 else ""
        yield note, (wx[:, columns], wh[:, columns], [b[columns] for b in biases])


def _times(x: Array, step: bool) -> Iterator[tuple[Array, Callable[[Array], Array], str]]:
    """Yield the data batch first, and how to bring the result back."""
    yield x, np.asarray, ""
    if not step and x.ndim == 3:
        yield x.transpose(1, 0, 2), lambda y: np.swapaxes(y, 0, 1) if y.ndim == 3 else y, "time first"


def _calls(
    kind: str, x: Array, h: Array, c: Array, wx: Array, wh: Array, biases: list[Array]
) -> Iterator[tuple[tuple[Any, ...], dict[str, Any], str]]:
    """Yield the op's arguments; a GRU's candidate and its update gate are written in two ways each."""
    zeros = np.zeros(wx.shape[1])
    one, two = [*biases, zeros, zeros][:2]
    if kind == "rnn":
        yield (x, h, wx, wh, one + two), {}, ""
    elif kind == "lstm":
        yield (x, h, c, wx, wh, one + two), {}, ""
    else:
        update = np.ones(wx.shape[1])
        update[wh.shape[0] : 2 * wh.shape[0]] = -1  # sigmoid(-a) is 1 - sigmoid(a)
        for after in (True, False):
            reset = "" if after else "reset before the product"
            yield (x, h, wx, wh, one, two), {"reset_after": after}, reset
            turned = (wx * update, wh * update, one * update, two * update)
            note = ", ".join(filter(None, [reset, "h = (1 - z) h + z n"]))
            yield (x, h, *turned), {"reset_after": after}, note
