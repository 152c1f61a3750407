"""Dropout: forget at random while training, so that no unit is relied on alone."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from minicap._types import Array, Rng
from minicap.ops import _check


class DropoutCache(NamedTuple):
    """The factor of each element: 0, or 1 / (1 - p) where it was kept."""

    scale: Array


class DropoutGrads(NamedTuple):
    """Gradient of ``dropout``."""

    dx: Array


def dropout_forward(
    x: Array, *, p: float = 0.5, training: bool = True, rng: Rng | None = None
) -> tuple[Array, DropoutCache]:
    """Set each element to zero with probability p and scale up the rest (inverted dropout).

    ``y = x * m / (1 - p)`` with independent m in {0, 1}, P(m = 0) = p. The scale keeps the expectation
    of y at x, so nothing need be done when not training: then ``y = x``.

    Parameters
    ----------
    x : Array, any shape
    p : float
        Probability that an element is dropped, 0 to 1.
    training : bool
    rng : numpy.random.Generator
        Where the randomness comes from; needed when training with p > 0. The same generator state
        draws the same mask for float32 and float64.

    Returns
    -------
    y : Array, like x
    cache : DropoutCache
        The factors.

    Raises
    ------
    ValueError
        If p is not within 0 to 1, or ``rng`` is missing.

    References
    ----------
    Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting" (2014);
    their p is the probability to keep.
    """
    (x,) = _check.floats("dropout", x=x)
    if not 0 <= p <= 1:
        raise ValueError(f"dropout: p is {p} but a probability from 0 to 1 is needed")
    if not training or p == 0:
        return x.copy(), DropoutCache(np.ones_like(x))
    if rng is None:
        raise ValueError("dropout: training draws at random; pass rng=np.random.default_rng(seed)")
    kept = rng.random(x.shape, dtype=np.float32) >= p
    scale = kept.astype(x.dtype) / x.dtype.type(1 - p if p < 1 else 1)
    return x * scale, DropoutCache(scale)


def dropout_backward(dy: Array, cache: DropoutCache) -> DropoutGrads:
    """Scale the upstream by the same factors: ``dx = dy * m / (1 - p)``.

    Parameters
    ----------
    dy : Array, like x
        Upstream gradient.
    cache : DropoutCache

    Returns
    -------
    DropoutGrads
        dx, like x.

    Raises
    ------
    ValueError, TypeError
        If ``dy`` does not fit the forward's output.
    """
    dy = _check.upstream("dropout", "dy", dy, cache.scale.shape, cache.scale.dtype)
    return DropoutGrads(dy * cache.scale)
