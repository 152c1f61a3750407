"""Layers with a state: the state of another step, and mistakes inside one gate."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from minicap._types import Array
from minicap.gradcheck.diagnosis.axes import Axes
from minicap.gradcheck.diagnosis.candidate import Candidate
from minicap.gradcheck.diagnosis.evidence import Evidence, View
from minicap.gradcheck.diagnosis.ratios import column_ratio, formulas, sigmoid


def explain_shift(evidence: Evidence, view: View, axes: Axes) -> Candidate | None:
    """The state after a step stands where the state before it belongs."""
    if view.outputs is None or not view.shape or axes.role(view.name, 0) or len(view.shape) > 2:
        return None
    return _from_nothing(view, axes) or _other_state(evidence, view, axes)


def _from_nothing(view: View, axes: Axes) -> Candidate | None:
    """At the first step the state before is zero, and so is the true gradient: this one is not."""
    if axes.time is None or axes.time.target < 0:
        return None
    first = np.indices(view.outputs or ())[axes.time.target].ravel() == 0
    if not view.zero(view.numeric[:, first]).all() or view.zero(view.analytic[:, first]).all():
        return None
    sentence = (
        f"{view.name} is not zero for the first step's output though the state before that step is zero: the state "
        "after a step is used where the one before it belongs."
    )
    return Candidate("time_shift", view.name, sentence, 0.9)


def _other_state(evidence: Evidence, view: View, axes: Axes) -> Candidate | None:
    """Rows are proportional to the output of some step instead of to the state the first one began with."""
    outputs = view.outputs or ()
    grid = np.indices(outputs).reshape(len(outputs), -1)
    first, states, batch = _first_step(evidence, axes, grid)
    wrong = (view.residual[:, first] != 0).any(axis=1)
    for name, before in evidence.floats.items():
        if before.shape != states[0].shape or f"d{name}" == view.name:
            continue
        for step, state in enumerate(states):
            one, other = (_by_column(v, grid[:, first], batch) for v in (before, state))
            if _proportional(view, first, wrong, one, other):
                which = "the state after each step" if step == 0 else f"the state after step {step}"
                sentence = (
                    f"{view.name} is built with {which} where the state before the step ({name} at the first) "
                    "belongs."
                )
                return Candidate("time_shift", view.name, sentence, 0.93)
    return None


def _by_column(state: Array, grid: Array, batch: tuple[int, int] | None) -> Array:
    """Return the state of each column's sample, (H, columns)."""
    if batch is None or state.ndim < 2:
        return np.broadcast_to(state.ravel()[:, None], (state.size, grid.shape[1]))
    of_sample = np.moveaxis(np.take(state, grid[batch[0]], batch[1]), batch[1], -1)
    return np.asarray(of_sample.reshape(-1, grid.shape[1]))


def _proportional(view: View, first: Array, wrong: Array, one: Array, other: Array) -> bool:
    """Whether along some axis the gradient has the factor ``other`` where ``one`` belongs, both (H, columns)."""
    for axis, length in enumerate(view.shape):
        if one.shape[0] != length:
            continue
        a, n, w = (
            np.moveaxis(v.reshape(*view.shape, -1), axis, 0)
            for v in (view.analytic[:, first], view.numeric[:, first], wrong[:, None])
        )
        fit = (slice(None),) + (None,) * (a.ndim - 2) + (slice(None),)
        if np.any(n * w) and view.same(a * w * one[fit], n * w * other[fit], 100.0):
            return True
    return False


def _first_step(
    evidence: Evidence, axes: Axes, grid: Array
) -> tuple[Array, list[Array], tuple[int, int] | None]:
    """Return the first step's columns, every step's output, and the batch's axis in all outputs and in one."""
    shape, time, batch = evidence.stacked or (), axes.time, axes.batch
    y = np.concatenate([part.ravel() for part in evidence.outputs]).reshape(shape)
    if time is not None and time.target >= 0:
        first, away = grid[time.target] == 0, time.target
        states = list(np.moveaxis(y, away, 0))
    elif len(evidence.outputs) > 1:
        first, away, states = grid[0] == 0, 0, [evidence.outputs[0]]
    else:
        first, away, states = np.ones(grid.shape[1], bool), len(shape), [y]
    if batch is None or batch.target == away:
        return first, states, None
    return first, states, (batch.target, batch.target - (batch.target > away))


class Gate(NamedTuple):
    """One gate: its entries in which gradients, what goes into its nonlinearity, the state before, (N, T, H)."""

    blocks: dict[str, slice]
    before: Array
    state: Array


def explain_gate(evidence: Evidence, view: View, axes: Axes) -> Candidate | None:
    """Inside one gate the gradient is off by a factor that a mistake about its nonlinearity leaves."""
    shape = evidence.stacked
    if view.outputs is None or shape is None or len(evidence.outputs) > 2:
        return None
    y = np.asarray(evidence.outputs[0])
    if y.ndim not in (2, 3):
        return None
    y = y if y.ndim == 3 else y[:, None]
    gates = list(find_gates(evidence, y))
    for number, gate in enumerate(gates):
        if view.name not in gate.blocks:
            continue
        for step in range(min(2, y.shape[1])):
            part = _part(view, y.shape, gate.blocks[view.name], step)
            if part.wrong:
                candidate = _mistake(part, gates, number, y[:, step], step) or _left_out(
                    part, gates, number, step
                )
                if candidate is not None:
                    return candidate
    return None


def _part(view: View, shape: tuple[int, ...], block: slice, step: int) -> View:
    """Return one gate's entries for the outputs of one step, (.., H) and (N H,)."""
    columns, rows = np.zeros(view.analytic.shape[1], bool), np.zeros(view.shape, bool)
    own = np.zeros(shape, bool)
    own[:, step] = True
    columns[: own.size] = own.ravel()
    rows[..., block] = True
    chosen = rows.ravel()
    a, n = (v[chosen][:, columns] for v in (view.analytic, view.numeric))
    return View(view.name, (*view.shape[:-1], block.stop - block.start), a, n, None, view.tolerance)


def _mistake(part: View, gates: list[Gate], number: int, y: Array, step: int) -> Candidate | None:
    """Return the mistake whose factor is there: about the gate's own nonlinearity, or about one behind it."""
    found = column_ratio(part)
    if found is None:
        return None
    ratio, known = found
    for where, value in _values(gates, number, y, step):
        for kind, words, factor in formulas(value.ravel()[known]):
            if np.abs(ratio[known] - factor).max() <= 1e-4 * np.abs(factor).max():
                sentence = (
                    f"{part.name} is wrong inside the block of gate {number} (counted from 0), by one factor a "
                    f"unit: {words} (at {where})."
                )
                return Candidate(kind, part.name, sentence, 0.88)
    return None


def _values(gates: list[Gate], number: int, y: Array, step: int) -> Iterator[tuple[str, Array]]:
    """Yield what a nonlinearity may have given: this gate's, an LSTM's tanh of the cell, a GRU's candidate."""
    own = gates[number]
    yield "that gate", sigmoid(own.before[:, step])
    yield "that gate", np.tanh(own.before[:, step])
    for gate in gates:
        s, h = sigmoid(gate.before[:, step]), gate.state[:, step]
        if len(gates) == 4:
            yield "the cell", y / s
        if len(gates) == 3:
            yield "the candidate state", (y - s * h) / (1 - s)
            yield "the candidate state", (y - (1 - s) * h) / s


def _left_out(part: View, gates: list[Gate], number: int, step: int) -> Candidate | None:
    """Return the other gate whose value is missing as a factor, a unit of the outputs or of the state each."""
    width = part.shape[-1]
    for other, gate in enumerate(gates):
        s = sigmoid(gate.before[:, step])  # (N, H)
        ways = [s.ravel()[None, None]]  # a factor an output
        if len(part.shape) == 2 and part.shape[0] == width:
            ways.append(np.repeat(s.T, width, axis=1)[:, None])  # a factor a unit of the state: (H, 1, N H)
        a, n = (v.reshape(-1, width, v.shape[1]) for v in (part.analytic, part.numeric))
        if other != number and any(part.same(a * way, n, 100.0) for way in ways):
            sentence = (
                f"{part.name} is wrong inside the block of gate {number} (counted from 0): the value of gate {other}, "
                "which the forward multiplies with, is left out."
            )
            return Candidate("missing_term", part.name, sentence, 0.88)
    return None


def find_gates(evidence: Evidence, y: Array) -> Iterator[Gate]:
    """Yield the gates of a layer with weights for the input (D, G H), for the state (H, G H) and a bias (G H,)."""
    n, t, h = y.shape
    arrays = evidence.floats
    xs = [
        (k, v.reshape(n, t, -1))
        for k, v in arrays.items()
        if v.ndim >= 2 and v.shape[: y.ndim - 1] == y.shape[:-1]
    ]
    if t == 1:
        xs = [(k, v[:, None]) for k, v in arrays.items() if v.ndim == 2 and v.shape[0] == n]
    for x_name, x in xs:
        for first, w_x in arrays.items():
            for second, w_h in arrays.items():
                if first == second or w_x.ndim != 2 or w_h.ndim != 2 or w_x.shape[0] != x.shape[-1]:
                    continue
                if (
                    w_h.shape[0] != h
                    or w_x.shape[1] != w_h.shape[1]
                    or w_x.shape[1] % h
                    or x_name in (first, second)
                ):
                    continue
                yield from _split(arrays, x_name, x, (first, second), y)
                return


def _split(
    arrays: dict[str, Array], x_name: str, x: Array, names: tuple[str, str], y: Array
) -> Iterator[Gate]:
    """Yield the blocks of one layer."""
    n, _, h = y.shape
    w_x, w_h = arrays[names[0]], arrays[names[1]]
    states = [v for k, v in arrays.items() if v.shape == (n, h) and k not in (x_name, *names)]
    start = states[0] if states else np.zeros((n, h))
    before = np.concatenate([start[:, None], y[:, :-1]], axis=1)
    z = x @ w_x + before @ w_h
    biases = [k for k, v in arrays.items() if v.shape == (w_x.shape[1],)]
    for bias in biases:
        z = z + arrays[bias]
    for g in range(w_x.shape[1] // h):
        block = slice(g * h, (g + 1) * h)
        yield Gate({f"d{k}": block for k in (*names, *biases)}, z[..., block], before)
