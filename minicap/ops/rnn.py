"""The plain (Elman) recurrent network, one step and a whole sequence."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from minicap import kernels
from minicap._types import Array
from minicap.ops import _check
from minicap.ops._recurrent import before, check_sequence, check_step


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
    h_next = kernels.recurrent.tanh(x @ w_x + h @ w_h + b)
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
    b: Array
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

    The loop stands in ``minicap/kernels/reference/recurrent.py``.

    Parameters
    ----------
    x : Array, (N, T, D)
    h0 : Array, (N, H)
        State before the first step.
    w_x : Array, (D, H)
    w_h : Array, (H, H)
    b : Array, (H,), or (N, H)
        Shared, or each sequence's own: what it reads at every step, such as a picture, needs one product only.
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
    x, h0, w_x, w_h, b = (np.ascontiguousarray(array) for array in (x, h0, w_x, w_h, b))
    hs = kernels.recurrent.rnn_forward(x, h0, w_x, w_h, b, mask)
    return hs, RnnCache(x, h0, w_x, w_h, b, hs, mask)


def rnn_backward(dhs: Array, cache: RnnCache) -> RnnGrads:
    """Propagate back through time.

    A state is read twice: by whoever reads ``hs`` and by the next step. So from the last step down the
    upstream of ``h_t`` is ``dhs_t`` plus the ``dh`` that step t + 1 sent back. A masked step hands its upstream
    on unchanged. The weights served every step, so their parts add up, and a sum over steps is one product over
    the rows of all steps.

    Parameters
    ----------
    dhs : Array, (N, T, H)
        Upstream gradient of every state.
    cache : RnnCache

    Returns
    -------
    RnnGrads
        dx (N, T, D), dh0 (N, H), dw_x (D, H), dw_h (H, H), and db like b.

    Raises
    ------
    ValueError, TypeError
        If ``dhs`` does not fit the forward's output.

    References
    ----------
    Werbos, "Backpropagation through time: what it does and how to do it" (1990).
    """
    dhs = _check.upstream("rnn", "dhs", dhs, cache.hs.shape, cache.hs.dtype)
    return RnnGrads(*kernels.recurrent.rnn_backward(np.ascontiguousarray(dhs), *cache))
