"""The fully connected layer: start reading here."""

from __future__ import annotations

from typing import NamedTuple

from minicap._types import Array
from minicap.ops import _check


class LinearCache(NamedTuple):
    """What the backward needs: both factors of the product."""

    x: Array
    w: Array


class LinearGrads(NamedTuple):
    """Gradients of ``linear``, shaped like its arguments."""

    dx: Array
    dw: Array
    db: Array


def linear_forward(x: Array, w: Array, b: Array) -> tuple[Array, LinearCache]:
    """Map the last axis through a matrix and add a bias: ``y = x @ w + b``.

    Parameters
    ----------
    x : Array, (..., D)
        Inputs; all axes but the last are batch axes.
    w : Array, (D, M)
        Weights, laid out (in, out).
    b : Array, (M,)
        Bias.

    Returns
    -------
    y : Array, (..., M)
    cache : LinearCache
        ``x`` and ``w``.

    Raises
    ------
    ValueError
        If the shapes do not fit.
    TypeError
        If the dtypes are not all float32 or all float64.
    """
    x, w, b = _check.floats("linear", x=x, w=w, b=b)
    _check.ndim("linear", "w", w, "(D, M)")
    if x.ndim == 0 or x.shape[-1] != w.shape[0]:
        raise ValueError(f"linear: x is (..., D) = {x.shape} but w is (D, M) = {w.shape}; their D differ")
    _check.shape("linear", "b", b, (w.shape[1],), "(M,)")
    y = (
        x.reshape(-1, w.shape[0]) @ w
    )  # all rows in one product: with batch axes NumPy would make many small ones
    y += b  # in place: a second array would cost more than the sum
    return y.reshape(*x.shape[:-1], w.shape[1]), LinearCache(x, w)


def linear_backward(dy: Array, cache: LinearCache) -> LinearGrads:
    """Propagate through ``linear``.

    With ``L`` any scalar behind ``y`` and rows r of the flattened batch::

        dx = dy @ w.T              y_rm = sum_d x_rd w_dm + b_m   =>   dy_rm/dx_rd = w_dm
        dw = x.T @ dy              every row used the same w, so their parts add up
        db = sum_r dy_r            and the same b

    Parameters
    ----------
    dy : Array, (..., M)
        Upstream gradient dL/dy.
    cache : LinearCache

    Returns
    -------
    LinearGrads
        dx (..., D), dw (D, M), db (M,).

    Raises
    ------
    ValueError, TypeError
        If ``dy`` does not fit the forward's output.
    """
    x, w = cache
    dy = _check.upstream("linear", "dy", dy, (*x.shape[:-1], w.shape[1]), x.dtype)
    rows_x = x.reshape(-1, w.shape[0])  # (R, D)
    rows_dy = dy.reshape(-1, w.shape[1])  # (R, M)
    return LinearGrads(dx=(rows_dy @ w.T).reshape(x.shape), dw=rows_x.T @ rows_dy, db=rows_dy.sum(axis=0))
