"""Elementwise nonlinearities, each with the derivative that its own output makes cheap."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from minicap import kernels
from minicap._types import Array
from minicap.ops import _check


class ReluCache(NamedTuple):
    """The input, whose sign decides what passes."""

    x: Array


class ReluGrads(NamedTuple):
    """Gradient of ``relu``."""

    dx: Array


def relu_forward(x: Array) -> tuple[Array, ReluCache]:
    """Cut off what is negative: ``y = max(x, 0)``.

    Parameters
    ----------
    x : Array, any shape

    Returns
    -------
    y : Array, like x
    cache : ReluCache
        ``x``.

    Raises
    ------
    TypeError
        If ``x`` is not float32 or float64.

    References
    ----------
    Nair and Hinton, "Rectified linear units improve restricted Boltzmann machines" (2010).
    """
    (x,) = _check.floats("relu", x=x)
    y = kernels.elementwise.relu_forward(_flat(x))
    return y.reshape(x.shape), ReluCache(x)


def relu_backward(dy: Array, cache: ReluCache) -> ReluGrads:
    """Let the upstream pass where the input was positive: ``dx = dy * [x > 0]``.

    At exactly 0 the function has a kink; the value 0 between its one-sided derivatives is taken.

    Parameters
    ----------
    dy : Array, like x
        Upstream gradient.
    cache : ReluCache

    Returns
    -------
    ReluGrads
        dx, like x.

    Raises
    ------
    ValueError, TypeError
        If ``dy`` does not fit the forward's output.
    """
    dy = _check.upstream("relu", "dy", dy, cache.x.shape, cache.x.dtype)
    dx = kernels.elementwise.relu_backward(_flat(dy), _flat(cache.x))
    return ReluGrads(dx.reshape(dy.shape))


class Relu6Cache(NamedTuple):
    """The input, which says what passes."""

    x: Array


class Relu6Grads(NamedTuple):
    """Gradient of ``relu6``."""

    dx: Array


def relu6_forward(x: Array) -> tuple[Array, Relu6Cache]:
    """Cut off what is negative and what is above 6: ``y = min(max(x, 0), 6)``.

    Parameters
    ----------
    x : Array, any shape

    Returns
    -------
    y : Array, like x
    cache : Relu6Cache
        ``x``.

    Raises
    ------
    TypeError
        If ``x`` is not float32 or float64.

    References
    ----------
    Howard et al., "MobileNets" (2017), whose networks use it.
    """
    (x,) = _check.floats("relu6", x=x)
    return np.clip(x, 0, 6), Relu6Cache(x)


def relu6_backward(dy: Array, cache: Relu6Cache) -> Relu6Grads:
    """Let the upstream pass between the two cuts: ``dx = dy * [0 < x < 6]``.

    At exactly 0 and 6 the function has a kink; the value 0 between its one-sided derivatives is taken.

    Parameters
    ----------
    dy : Array, like x
        Upstream gradient.
    cache : Relu6Cache

    Returns
    -------
    Relu6Grads
        dx, like x.

    Raises
    ------
    ValueError, TypeError
        If ``dy`` does not fit the forward's output.
    """
    dy = _check.upstream("relu6", "dy", dy, cache.x.shape, cache.x.dtype)
    return Relu6Grads(dy * ((cache.x > 0) & (cache.x < 6)))


class TanhCache(NamedTuple):
    """The output: the derivative is a polynomial in it."""

    y: Array


class TanhGrads(NamedTuple):
    """Gradient of ``tanh``."""

    dx: Array


def tanh_forward(x: Array) -> tuple[Array, TanhCache]:
    """Squash to (-1, 1): ``y = tanh(x)``.

    Parameters
    ----------
    x : Array, any shape

    Returns
    -------
    y : Array, like x
    cache : TanhCache
        ``y``.

    Raises
    ------
    TypeError
        If ``x`` is not float32 or float64.
    """
    (x,) = _check.floats("tanh", x=x)
    y = np.tanh(x)
    return y, TanhCache(y)


def tanh_backward(dy: Array, cache: TanhCache) -> TanhGrads:
    """Scale the upstream by the slope: ``dx = dy * (1 - y**2)``, since tanh' = 1 - tanh^2.

    Parameters
    ----------
    dy : Array, like y
        Upstream gradient.
    cache : TanhCache

    Returns
    -------
    TanhGrads
        dx, like y.

    Raises
    ------
    ValueError, TypeError
        If ``dy`` does not fit the forward's output.
    """
    dy = _check.upstream("tanh", "dy", dy, cache.y.shape, cache.y.dtype)
    return TanhGrads(dy * (1 - cache.y * cache.y))


class SigmoidCache(NamedTuple):
    """The output: the derivative is a polynomial in it."""

    y: Array


class SigmoidGrads(NamedTuple):
    """Gradient of ``sigmoid``."""

    dx: Array


def sigmoid_forward(x: Array) -> tuple[Array, SigmoidCache]:
    """Squash to (0, 1): ``y = 1 / (1 + exp(-x))``.

    Parameters
    ----------
    x : Array, any shape

    Returns
    -------
    y : Array, like x
    cache : SigmoidCache
        ``y``.

    Raises
    ------
    TypeError
        If ``x`` is not float32 or float64.
    """
    (x,) = _check.floats("sigmoid", x=x)
    e = np.exp(-np.abs(x))  # at most 1: nothing overflows at either end
    y = np.where(x >= 0, 1, e) / (1 + e)
    return y, SigmoidCache(y)


def sigmoid_backward(dy: Array, cache: SigmoidCache) -> SigmoidGrads:
    """Scale the upstream by the slope: ``dx = dy * y * (1 - y)``.

    Parameters
    ----------
    dy : Array, like y
        Upstream gradient.
    cache : SigmoidCache

    Returns
    -------
    SigmoidGrads
        dx, like y.

    Raises
    ------
    ValueError, TypeError
        If ``dy`` does not fit the forward's output.
    """
    dy = _check.upstream("sigmoid", "dy", dy, cache.y.shape, cache.y.dtype)
    return SigmoidGrads(dy * cache.y * (1 - cache.y))


def _flat(x: Array) -> Array:
    """Return all numbers of x in a row, a view where it can be one."""
    return np.ascontiguousarray(x).reshape(-1)
