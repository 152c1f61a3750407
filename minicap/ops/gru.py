"""The gated recurrent unit in both of its conventions, one step and a whole sequence."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from minicap import kernels
from minicap._types import Array
from minicap.ops import _check
from minicap.ops._recurrent import before, carry, check_sequence, check_step, split
from minicap.ops.activations import sigmoid_forward


class GruStepCache(NamedTuple):
    """The step's inputs and its activated gates (N, 3H) in the order r, z, n.

    ``z_h = h @ w_h + b_h`` (N, 3H) is what the reset gate scaled; None where it scaled ``h`` instead.
    """

    x: Array
    h: Array
    w_x: Array
    w_h: Array
    gates: Array
    z_h: Array | None


class GruStepGrads(NamedTuple):
    """Gradients of ``gru_step``, shaped like its arguments."""

    dx: Array
    dh: Array
    dw_x: Array
    dw_h: Array
    db_x: Array
    db_h: Array


def gru_step_forward(
    x: Array, h: Array, w_x: Array, w_h: Array, b_x: Array, b_h: Array, *, reset_after: bool = True
) -> tuple[Array, GruStepCache]:
    """Take one step of time.

    With three blocks of H columns, ``z_x = x @ w_x + b_x`` and ``z_h = h @ w_h + b_h``::

        r = sigmoid(z_xr + z_hr)             how much of the past the candidate sees
        z = sigmoid(z_xz + z_hz)             how much of the past is kept
        n = tanh(z_xn + r * z_hn)            reset_after=True: as in cuDNN and PyTorch
        n = tanh(z_xn + (r * h) @ w_hn + b_hn)    reset_after=False: as in the paper
        h_next = (1 - z) * n + z * h

    Parameters
    ----------
    x : Array, (N, D)
        This step's input.
    h : Array, (N, H)
        The state before it.
    w_x : Array, (D, 3H)
    w_h : Array, (H, 3H)
    b_x, b_h : Array, (3H,)
    reset_after : bool
        Whether the reset gate is applied after the product with ``w_h`` or before it.

    Returns
    -------
    h_next : Array, (N, H)
    cache : GruStepCache
        Inputs, activated gates and, if reset after, ``z_h``.

    Raises
    ------
    ValueError
        If the shapes do not fit.

    References
    ----------
    Cho et al., "Learning phrase representations using RNN encoder-decoder" (2014), equations 5-8
    (their z is the share kept, as here; their h-tilde is our n).
    """
    x, h, w_x, w_h, b_x, b_h = _check.floats("gru_step", x=x, h=h, w_x=w_x, w_h=w_h, b_x=b_x, b_h=b_h)
    check_step("gru_step", 3, x, w_x, w_h, h=h, b_x=b_x, b_h=b_h)
    return _step(x, h, w_x, w_h, b_x, b_h, reset_after)


def _step(
    x: Array, h: Array, w_x: Array, w_h: Array, b_x: Array, b_h: Array, reset_after: bool
) -> tuple[Array, GruStepCache]:
    """Take one step of checked arrays."""
    z_x = x @ w_x + b_x  # (N, 3H)
    if reset_after:
        z_h = h @ w_h + b_h  # (N, 3H)
        gates, h_next = kernels.recurrent.gru_gates_forward(z_x, z_h, np.ascontiguousarray(h))
        return h_next, GruStepCache(x, h, w_x, w_h, gates, z_h)
    gates, h_next = gru_reset_before(z_x, h, w_h, b_h)
    return h_next, GruStepCache(x, h, w_x, w_h, gates, None)


def gru_reset_before(z_x: Array, h: Array, w_h: Array, b_h: Array) -> tuple[Array, Array]:
    """Take one step whose reset gate acts before the product, given the input's part of it.

    Parameters
    ----------
    z_x : Array, (N, 3H)
        ``x @ w_x + b_x``.
    h : Array, (N, H)
    w_h : Array, (H, 3H)
    b_h : Array, (3H,)

    Returns
    -------
    gates : Array, (N, 3H)
    h_next : Array, (N, H)
    """
    hidden = h.shape[1]
    rz, n = np.split(z_x, [2 * hidden], axis=1)  # (N, 2H), (N, H)
    rz, _ = sigmoid_forward(rz + h @ w_h[:, : 2 * hidden] + b_h[: 2 * hidden])
    r, z = np.split(rz, 2, axis=1)
    n = np.tanh(n + (r * h) @ w_h[:, 2 * hidden :] + b_h[2 * hidden :])
    return np.hstack([r, z, n]), (1 - z) * n + z * h


def gru_step_backward(dh_next: Array, cache: GruStepCache) -> GruStepGrads:
    """Propagate through one step.

    From ``h_next = (1 - z) * n + z * h``, through the slopes of sigmoid and tanh to the pre-activations
    a_r, a_z, a_n::

        da_n = dh_next * (1 - z) * (1 - n**2)
        da_z = dh_next * (h - n) * z * (1 - z)
        reset_after=True:    da_r = da_n * z_hn * r(1 - r)         dz_h = [da_r, da_z, da_n * r]
        reset_after=False:   da_r = (da_n @ w_hn.T) * h * r(1 - r)

    and from there through the products, as in ``linear``. The state is read by the mix, by the gates and
    by the candidate; ``dh`` is the sum of the three.

    Parameters
    ----------
    dh_next : Array, (N, H)
        Upstream gradient.
    cache : GruStepCache

    Returns
    -------
    GruStepGrads
        dx (N, D), dh (N, H), dw_x (D, 3H), dw_h (H, 3H), db_x (3H,), db_h (3H,).

    Raises
    ------
    ValueError, TypeError
        If ``dh_next`` does not fit the forward's output.
    """
    x, h, w_x, w_h, gates, z_h = cache
    dh_next = _check.upstream("gru_step", "dh_next", dh_next, h.shape, h.dtype)
    if z_h is None:
        dz_x, dh, dw_h = _reset_before_backward(dh_next, cache)
        dz_h = dz_x
    else:
        arrays = (np.ascontiguousarray(array) for array in (dh_next, gates, z_h, h))
        dz_x, dz_h, dh = kernels.recurrent.gru_gates_backward(*arrays)
        dh = dh + dz_h @ w_h.T
        dw_h = h.T @ dz_h
    return GruStepGrads(dz_x @ w_x.T, dh, x.T @ dz_x, dw_h, dz_x.sum(axis=0), dz_h.sum(axis=0))


def _reset_before_backward(dh_next: Array, cache: GruStepCache) -> tuple[Array, Array, Array]:
    """Return (dz_x, dh, dw_h) where the reset gate scaled the state before the product."""
    _, h, _, w_h, gates, _ = cache
    hidden = h.shape[1]
    r, z, n = np.split(gates, 3, axis=1)
    w_rz, w_n = w_h[:, : 2 * hidden], w_h[:, 2 * hidden :]
    da_n = dh_next * (1 - z) * (1 - n * n)
    d_reset = da_n @ w_n.T  # upstream of r * h
    da_rz = np.hstack([d_reset * h * r * (1 - r), dh_next * (h - n) * z * (1 - z)])
    dh = dh_next * z + d_reset * r + da_rz @ w_rz.T
    return np.hstack([da_rz, da_n]), dh, np.hstack([h.T @ da_rz, (r * h).T @ da_n])


class GruCache(NamedTuple):
    """One record of the whole sequence; ``at(t)`` is the step's view of it."""

    x: Array
    h0: Array
    w_x: Array
    w_h: Array
    b_x: Array
    gates: Array
    z_h: Array | None
    hs: Array
    mask: Array | None

    def at(self, t: int) -> GruStepCache:
        """Return the cache of step t."""
        z_h = None if self.z_h is None else self.z_h[:, t]
        h = before(self.hs, self.h0, t)
        return GruStepCache(self.x[:, t], h, self.w_x, self.w_h, self.gates[:, t], z_h)


class GruGrads(NamedTuple):
    """Gradients of ``gru``, shaped like its arguments."""

    dx: Array
    dh0: Array
    dw_x: Array
    dw_h: Array
    db_x: Array
    db_h: Array


def gru_forward(
    x: Array,
    h0: Array,
    w_x: Array,
    w_h: Array,
    b_x: Array,
    b_h: Array,
    *,
    reset_after: bool = True,
    mask: Array | None = None,
) -> tuple[Array, GruCache]:
    """Run ``gru_step`` over time.

    Where the reset gate is applied after the product the loop stands in ``minicap/kernels/reference/recurrent.py``,
    else here.

    Parameters
    ----------
    x : Array, (N, T, D)
    h0 : Array, (N, H)
        State before the first step.
    w_x : Array, (D, 3H)
    w_h : Array, (H, 3H)
    b_x : Array, (3H,), or (N, 3H)
        Shared, or each sequence's own, see ``rnn_forward``.
    b_h : Array, (3H,)
    reset_after : bool
        See ``gru_step_forward``.
    mask : Array of bool, (N, T), optional
        True = a real word. A masked step carries the state, and ``hs`` repeats it.

    Returns
    -------
    hs : Array, (N, T, H)
        The state after each step.
    cache : GruCache
        Inputs, activated gates (N, T, 3H), ``z_h`` (N, T, 3H) if reset after, and states.

    Raises
    ------
    ValueError
        If the shapes do not fit.
    """
    x, h0, w_x, w_h, b_x, b_h = _check.floats("gru", x=x, h0=h0, w_x=w_x, w_h=w_h, b_x=b_x, b_h=b_h)
    mask = check_sequence("gru", 3, x, mask, w_x=w_x, w_h=w_h, h0=h0, b_x=b_x, b_h=b_h)
    x, h0, w_x, w_h, b_x, b_h = (np.ascontiguousarray(array) for array in (x, h0, w_x, w_h, b_x, b_h))
    if reset_after:
        gates, z_h, hs = kernels.recurrent.gru_forward(x, h0, w_x, w_h, b_x, b_h, mask)
        return hs, GruCache(x, h0, w_x, w_h, b_x, gates, z_h, hs, mask)
    gates = np.empty((*x.shape[:2], w_h.shape[1]), x.dtype)
    hs = np.empty((*x.shape[:2], h0.shape[1]), x.dtype)
    h = h0
    for t in range(x.shape[1]):
        h_next, step = _step(x[:, t], h, w_x, w_h, b_x, b_h, reset_after=False)
        gates[:, t] = step.gates
        hs[:, t] = h = carry(mask, t, h_next, h)
    return hs, GruCache(x, h0, w_x, w_h, b_x, gates, None, hs, mask)


def gru_backward(dhs: Array, cache: GruCache) -> GruGrads:
    """Propagate back through time, as in ``rnn_backward``.

    Parameters
    ----------
    dhs : Array, (N, T, H)
        Upstream gradient of every state.
    cache : GruCache

    Returns
    -------
    GruGrads
        dx (N, T, D), dh0 (N, H), dw_x (D, 3H), dw_h (H, 3H), db_x like b_x, db_h (3H,).

    Raises
    ------
    ValueError, TypeError
        If ``dhs`` does not fit the forward's output.
    """
    dhs = _check.upstream("gru", "dhs", dhs, cache.hs.shape, cache.hs.dtype)
    if cache.z_h is not None:
        return GruGrads(*kernels.recurrent.gru_backward(np.ascontiguousarray(dhs), *cache))
    dz = np.empty_like(cache.gates)
    dw_h, dh = np.zeros_like(cache.w_h), np.zeros_like(cache.h0)
    for t in reversed(range(dhs.shape[1])):
        dh_step, dh_past = split(cache.mask, t, dh + dhs[:, t])
        dz[:, t], dh, dw_step = _reset_before_backward(dh_step, cache.at(t))
        dw_h += dw_step
        dh = dh + dh_past
    dw_x = np.tensordot(cache.x, dz, axes=([0, 1], [0, 1]))
    per_row = dz.sum(axis=1)  # (N, 3H)
    db_h = per_row.sum(axis=0)
    return GruGrads(dz @ cache.w_x.T, dh, dw_x, dw_h, per_row if cache.b_x.ndim == 2 else db_h, db_h)
