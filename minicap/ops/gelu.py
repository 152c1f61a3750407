"""The Gaussian error linear unit: x, weighted by how much of a normal distribution lies below it."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr

from minicap._types import Array
from minicap.ops import _check

CUBIC = 0.044715
ROOT = math.sqrt(2 / math.pi)
FLAT = 40.0  # so far out the distribution is 0 or 1 to the last bit, and no square or cube of x is needed


class GeluCache(NamedTuple):
    """The input, and its weight: the share of the distribution below it, exact or approximate."""

    x: Array
    weight: Array
    approximate: bool


class GeluGrads(NamedTuple):
    """Gradient of ``gelu``."""

    dx: Array


def gelu_forward(x: Array, *, approximate: bool = False) -> tuple[Array, GeluCache]:
    """Weight each value by the normal distribution function Phi: ``y = x * Phi(x)``.

    Exactly, and in the form that the first Transformers used::

        Phi(x) = (1 + erf(x / sqrt(2))) / 2
        Phi(x) ~ (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x**3))) / 2

    Parameters
    ----------
    x : Array, any shape
    approximate : bool
        Whether to use the second form; the two outputs differ by less than 0.0005.

    Returns
    -------
    y : Array, like x
    cache : GeluCache
        ``x`` and its weights.

    Raises
    ------
    TypeError
        If ``x`` is not float32 or float64.

    References
    ----------
    Hendrycks and Gimpel, "Gaussian error linear units (GELUs)" (2016), section 2.
    """
    (x,) = _check.floats("gelu", x=x)
    if approximate:
        near = np.clip(x, -FLAT, FLAT)
        weight = 0.5 * (1 + np.tanh(ROOT * near * (1 + CUBIC * near * near)))
    else:
        weight = ndtr(x)  # by erf near 0 and by erfc far below it, where 1 + erf would be all rounding
    return x * weight, GeluCache(x, weight, bool(approximate))


def gelu_backward(dy: Array, cache: GeluCache) -> GeluGrads:
    """Scale the upstream by the slope: ``dx = dy * (Phi(x) + x * Phi'(x))``, the product rule.

    The slope of Phi is the normal density, and for the approximation what the chain rule gives::

        Phi'(x) = exp(-x**2 / 2) / sqrt(2 * pi)
        Phi'(x) = 2 * Phi * (1 - Phi) * sqrt(2 / pi) * (1 + 3 * 0.044715 * x**2)

    Parameters
    ----------
    dy : Array, like x
        Upstream gradient.
    cache : GeluCache

    Returns
    -------
    GeluGrads
        dx, like x.

    Raises
    ------
    ValueError, TypeError
        If ``dy`` does not fit the forward's output.
    """
    x, weight, approximate = cache
    dy = _check.upstream("gelu", "dy", dy, x.shape, x.dtype)
    near = np.clip(x, -FLAT, FLAT)
    if approximate:
        density = 2 * weight * (1 - weight) * ROOT * (1 + 3 * CUBIC * near * near)
    else:
        density = np.exp(-0.5 * near * near) / math.sqrt(2 * math.pi)
    return GeluGrads(dy * (weight + near * density))
