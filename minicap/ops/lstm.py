"""Long short-term memory, one step and a whole sequence."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from minicap import kernels
from minicap._types import Array
from minicap.ops import _check
from minicap.ops._recurrent import before, check_sequence, check_step


class LstmStepCache(NamedTuple):
    """The step's inputs, its activated gates (N, 4H) in the order i, f, g, o, and its cell state."""

    x: Array
    h: Array
    c: Array
    w_x: Array
    w_h: Array
    gates: Array
    c_next: Array


class LstmStepGrads(NamedTuple):
    """Gradients of ``lstm_step``, shaped like its arguments."""

    dx: Array
    dh: Array
    dc: Array
    dw_x: Array
    dw_h: Array
    db: Array


def lstm_step_forward(
    x: Array, h: Array, c: Array, w_x: Array, w_h: Array, b: Array
) -> tuple[tuple[Array, Array], LstmStepCache]:
    """Take one step of time.

    ::

        z = x @ w_x + h @ w_h + b                    four blocks of H: z_i, z_f, z_g, z_o
        i = sigmoid(z_i)   f = sigmoid(z_f)   g = tanh(z_g)   o = sigmoid(z_o)
        c_next = f * c + i * g                       forget a part, write a part
        h_next = o * tanh(c_next)                    show a part

    Parameters
    ----------
    x : Array, (N, D)
        This step's input.
    h, c : Array, (N, H)
        Hidden and cell state before it.
    w_x : Array, (D, 4H)
    w_h : Array, (H, 4H)
    b : Array, (4H,)

    Returns
    -------
    (h_next, c_next) : Array, (N, H) each
    cache : LstmStepCache
        Inputs, activated gates and ``c_next``.

    Raises
    ------
    ValueError
        If the shapes do not fit.

    References
    ----------
    Hochreiter and Schmidhuber, "Long short-term memory" (1997), with the forget gate of Gers et al.
    (2000); Graves, "Generating sequences with recurrent neural networks" (2013), equations 7-11
    without the peephole terms (his i, f, c, o, h are ours; his tanh input to c is our g).
    """
    x, h, c, w_x, w_h, b = _check.floats("lstm_step", x=x, h=h, c=c, w_x=w_x, w_h=w_h, b=b)
    check_step("lstm_step", 4, x, w_x, w_h, h=h, c=c, b=b)
    z = x @ w_x + h @ w_h + b  # (N, 4H)
    c = np.ascontiguousarray(c)
    gates, c_next, h_next = kernels.recurrent.lstm_gates_forward(z, c)
    return (h_next, c_next), LstmStepCache(x, h, c, w_x, w_h, gates, c_next)


def lstm_step_backward(dh_next: Array, dc_next: Array, cache: LstmStepCache) -> LstmStepGrads:
    """Propagate through one step.

    The cell state is read twice, by the output and by the next step, so its upstream is a sum::

        do  = dh_next * tanh(c_next)
        dc' = dc_next + dh_next * o * (1 - tanh(c_next)**2)
        di  = dc' * g      df = dc' * c      dg = dc' * i      dc = dc' * f

    through the slopes s(1 - s) of the sigmoids and 1 - g**2 of the tanh to the pre-activations::

        dz   = [di i(1-i), df f(1-f), dg (1-g**2), do o(1-o)]
        dx   = dz @ w_x.T      dh   = dz @ w_h.T
        dw_x = x.T @ dz        dw_h = h.T @ dz        db = sum_n dz

    Along c the gradient is only scaled by f, never by a matrix: with f near 1 it neither vanishes nor
    explodes.

    Parameters
    ----------
    dh_next, dc_next : Array, (N, H)
        Upstream gradients.
    cache : LstmStepCache

    Returns
    -------
    LstmStepGrads
        dx (N, D), dh (N, H), dc (N, H), dw_x (D, 4H), dw_h (H, 4H), db (4H,).

    Raises
    ------
    ValueError, TypeError
        If an upstream does not fit the forward's output.
    """
    x, h, _, w_x, w_h, _, c_next = cache
    dh_next = _check.upstream("lstm_step", "dh_next", dh_next, c_next.shape, c_next.dtype)
    dc_next = _check.upstream("lstm_step", "dc_next", dc_next, c_next.shape, c_next.dtype)
    arrays = (np.ascontiguousarray(array) for array in (dh_next, dc_next, cache.gates, cache.c, c_next))
    dz, dc = kernels.recurrent.lstm_gates_backward(*arrays)
    return LstmStepGrads(dz @ w_x.T, dz @ w_h.T, dc, x.T @ dz, h.T @ dz, dz.sum(axis=0))


class LstmCache(NamedTuple):
    """One record of the whole sequence; ``at(t)`` is the step's view of it."""

    x: Array
    h0: Array
    c0: Array
    w_x: Array
    w_h: Array
    b: Array
    gates: Array
    cs: Array
    hs: Array
    mask: Array | None

    def at(self, t: int) -> LstmStepCache:
        """Return the cache of step t."""
        h, c = before(self.hs, self.h0, t), before(self.cs, self.c0, t)
        return LstmStepCache(self.x[:, t], h, c, self.w_x, self.w_h, self.gates[:, t], self.cs[:, t])


class LstmGrads(NamedTuple):
    """Gradients of ``lstm``, shaped like its arguments."""

    dx: Array
    dh0: Array
    dc0: Array
    dw_x: Array
    dw_h: Array
    db: Array


def lstm_forward(
    x: Array, h0: Array, c0: Array, w_x: Array, w_h: Array, b: Array, *, mask: Array | None = None
) -> tuple[tuple[Array, Array], LstmCache]:
    """Run ``lstm_step`` over time; the loop stands in ``minicap/kernels/reference/recurrent.py``.

    Parameters
    ----------
    x : Array, (N, T, D)
    h0, c0 : Array, (N, H)
        Hidden and cell state before the first step.
    w_x : Array, (D, 4H)
    w_h : Array, (H, 4H)
    b : Array, (4H,), or (N, 4H)
        Shared, or each sequence's own, see ``rnn_forward``.
    mask : Array of bool, (N, T), optional
        True = a real word. A masked step carries both states, and ``hs`` repeats the hidden one.

    Returns
    -------
    (hs, c_last) : Array, (N, T, H) and (N, H)
        The hidden state after each step, and the cell state after the last.
    cache : LstmCache
        Inputs, activated gates (N, T, 4H), cell states and hidden states (N, T, H).

    Raises
    ------
    ValueError
        If the shapes do not fit.
    """
    x, h0, c0, w_x, w_h, b = _check.floats("lstm", x=x, h0=h0, c0=c0, w_x=w_x, w_h=w_h, b=b)
    mask = check_sequence("lstm", 4, x, mask, w_x=w_x, w_h=w_h, h0=h0, c0=c0, b=b)
    x, h0, c0, w_x, w_h, b = (np.ascontiguousarray(array) for array in (x, h0, c0, w_x, w_h, b))
    gates, cs, hs = kernels.recurrent.lstm_forward(x, h0, c0, w_x, w_h, b, mask)
    c_last = cs[:, -1] if cs.shape[1] else c0
    return (hs, c_last.copy()), LstmCache(x, h0, c0, w_x, w_h, b, gates, cs, hs, mask)


def lstm_backward(dhs: Array, dc_last: Array, cache: LstmCache) -> LstmGrads:
    """Propagate back through time.

    As in ``rnn_backward``, but two things travel backward from step to step, ``dh`` and ``dc``; the cell
    state's starts as ``dc_last``. Only they must wait for each other: once every step's ``dz`` is known, inputs
    and weights get theirs from all steps at once, as in ``linear``, since a sum over steps is a product over
    the rows of all steps.

    Parameters
    ----------
    dhs : Array, (N, T, H)
        Upstream gradient of every hidden state.
    dc_last : Array, (N, H)
        Upstream gradient of the last cell state.
    cache : LstmCache

    Returns
    -------
    LstmGrads
        dx (N, T, D), dh0 (N, H), dc0 (N, H), dw_x (D, 4H), dw_h (H, 4H), and db like b.

    Raises
    ------
    ValueError, TypeError
        If an upstream does not fit the forward's output.
    """
    dhs = _check.upstream("lstm", "dhs", dhs, cache.hs.shape, cache.hs.dtype)
    dc = _check.upstream("lstm", "dc_last", dc_last, cache.c0.shape, cache.hs.dtype)
    upstreams = np.ascontiguousarray(dhs), np.ascontiguousarray(dc)
    return LstmGrads(*kernels.recurrent.lstm_backward(*upstreams, *cache))
