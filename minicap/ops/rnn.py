"""The plain (Elman) recurrent network, one step and a whole sequence."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from minicap._types import Array
from minicap.ops import _check
from minicap.ops._recurrent import before, carry, check_sequence, check_step, split


class RnnStepCache(NamedTuple):
    """The step's inputs and its output ``h_next``, in which the slope of tanh is written."""

    x: Array
    h: Array
    w_x: Array
    w_h: Array
    h_next: Array


class RnnStepGrads(NamedTuple):
    """Gradients of ``rnn_step``, shaped like its arguments."""

    dx: Array
    dh: Array
    dw_x: Array
    dw_h: Array
    db: Array


def rnn_step_forward(x: Array, h: Array, w_x: Array, w_h: Array, b: Array) -> tuple[Array, RnnStepCache]:
    """Take one step of time: ``h_next = tanh(x @ w_x + h @ w_h + b)``.

    Parameters
    ----------
    x : Array, (N, D)
        This step's input.
    h : Array, (N, H)
        The state before it.
    w_x : Array, (D, H)
    w_h : Array, (H, H)
    b : Array, (H,)

    Returns
    -------
    h_next : Array, (N, H)
    cache : RnnStepCache
        Inputs and ``h_next``.

    Raises
    ------
    ValueError
        If the shapes do not fit.

    References
    ----------
    Elman, "Finding structure in time" (1990).
    """
    x, h, w_x, w_h, b = _check.floats("rnn_step", x=x, h=h, w_x=w_x, w_h=w_h, b=b)
    check_step("rnn_step", 1, x, w_x, w_h, h=h, b=b)
    h_next = np.tanh(x @ w_x + h @ w_h + b)
    return h_next, RnnStepCache(x, h, w_x, w_h, h_next)


def rnn_step_backward(dh_next: Array, cache: RnnStepCache) -> RnnStepGrads:
    """Propagate through one step.

    With ``z = x @ w_x + h @ w_h + b`` and tanh' = 1 - tanh^2::

        dz   = dh_next * (1 - h_next**2)
        dx   = dz @ w_x.T      dh   = dz @ w_h.T
        dw_x = x.T @ dz        dw_h = h.T @ dz        db = sum_n dz

    Parameters
    ----------
    dh_next : Array, (N, H)
        Upstream gradient.
    cache : RnnStepCache

    Returns
    -------
    RnnStepGrads
        dx (N, D), dh (N, H), dw_x (D, H), dw_h (H, H), db (H,).

    Raises
    ------
    ValueError, TypeError
        If ``dh_next`` does not fit the forward's output.
    """
    x, h, w_x, w_h, h_next = cache
    dh_next = _check.upstream("rnn_step", "dh_next", dh_next, h_next.shape, h_next.dtype)
    dz = dh_next * (1 - h_next * h_next)
    return RnnStepGrads(dz @ w_x.T, dz @ w_h.T, x.T @ dz, h.T @ dz, dz.sum(axis=0))


class RnnCache(NamedTuple):
    """One record of the whole sequence; ``at(t)`` is the step's view of it."""

    x: Array
    h0: Array
    w_x: Array
    w_h: Array
    hs: Array
    mask: Array | None

    def at(self, t: int) -> RnnStepCache:
        """Return the cache of step t."""
        return RnnStepCache(self.x[:, t], before(self.hs, self.h0, t), self.w_x, self.w_h, self.hs[:, t])


class RnnGrads(NamedTuple):
    """Gradients of ``rnn``, shaped like its arguments."""

    dx: Array
    dh0: Array
    dw_x: Array
    dw_h: Array
    db: Array


def rnn_forward(
    x: Array, h0: Array, w_x: Array, w_h: Array, b: Array, *, mask: Array | None = None
) -> tuple[Array, RnnCache]:
    """Run ``rnn_step`` over time: ``h_t = tanh(x_t @ w_x + h_{t-1} @ w_h + b)``.

    Parameters
    ----------
    x : Array, (N, T, D)
    h0 : Array, (N, H)
        State before the first step.
    w_x : Array, (D, H)
    w_h : Array, (H, H)
    b : Array, (H,)
    mask : Array of bool, (N, T), optional
        True = a real word. A masked step carries the state, and ``hs`` repeats it.

    Returns
    -------
    hs : Array, (N, T, H)
        The state after each step.
    cache : RnnCache
        Inputs and states.

    Raises
    ------
    ValueError
        If the shapes do not fit.
    """
    x, h0, w_x, w_h, b = _check.floats("rnn", x=x, h0=h0, w_x=w_x, w_h=w_h, b=b)
    mask = check_sequence("rnn", 1, x, mask, w_x=w_x, w_h=w_h, h0=h0, b=b)
    hs = np.empty((*x.shape[:2], h0.shape[1]), x.dtype)
    h = h0
    for t in range(x.shape[1]):
        h_next, _ = rnn_step_forward(x[:, t], h, w_x, w_h, b)
        hs[:, t] = h = carry(mask, t, h_next, h)
    return hs, RnnCache(x, h0, w_x, w_h, hs, mask)


def rnn_backward(dhs: Array, cache: RnnCache) -> RnnGrads:
    """Propagate back through time.

    A state is read twice: by whoever reads ``hs`` and by the next step. So from the last step down the
    upstream of ``h_t`` is ``dhs_t`` plus the ``dh`` that step t + 1 sent back; the weights served every
    step, so their parts add up. A masked step hands its upstream on unchanged.

    Parameters
    ----------
    dhs : Array, (N, T, H)
        Upstream gradient of every state.
    cache : RnnCache

    Returns
    -------
    RnnGrads
        dx (N, T, D), dh0 (N, H), dw_x (D, H), dw_h (H, H), db (H,).

    Raises
    ------
    ValueError, TypeError
        If ``dhs`` does not fit the forward's output.

    References
    ----------
    Werbos, "Backpropagation through time: what it does and how to do it" (1990).
    """
    dhs = _check.upstream("rnn", "dhs", dhs, cache.hs.shape, cache.hs.dtype)
    dx = np.empty_like(cache.x)
    dw_x, dw_h = np.zeros_like(cache.w_x), np.zeros_like(cache.w_h)
    db = np.zeros_like(cache.w_h[0])
    dh = np.zeros_like(cache.h0)
    for t in reversed(range(dhs.shape[1])):
        dh_step, dh_past = split(cache.mask, t, dh + dhs[:, t])
        step = rnn_step_backward(dh_step, cache.at(t))
        dx[:, t] = step.dx
        dw_x += step.dw_x
        dw_h += step.dw_h
        db += step.db
        dh = step.dh + dh_past
    return RnnGrads(dx, dh, dw_x, dw_h, db)
