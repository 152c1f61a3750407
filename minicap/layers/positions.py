"""Positions: attention alone cannot tell the first word from the last, so each place adds a vector of its own."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from minicap import ops
from minicap._types import Array, Arrays, Rng
from minicap.initializers import normal
from minicap.layers.base import Layer

MOST = 256  # learned positions; more than the words of any caption, and than the characters of most
LONGEST = 10_000.0  # a sinusoid's wavelengths go from 2 pi to 2 pi times this


class LearnedPositions(Layer):
    """A learned vector for every position: ``y_t = x_t + weight_t``, x (N, T, D), weight (P, D).

    The last vector serves all positions behind it as well, so no sentence is too long.

    References
    ----------
    Gehring et al., "Convolutional sequence to sequence learning" (2017), section 3.1.
    """

    def __init__(self, size: int, *, rng: Rng, dtype: DTypeLike = "float32", most: int = MOST) -> None:
        super().__init__()
        self.add_params(rng, dtype, weight=((most, size), normal(0.1)))

    def forward(self, x: Array, *, first: int = 0, **_: Any) -> tuple[Array, Any]:  # type: ignore[override]
        """Add the vectors of the positions ``first``, ``first + 1`` and so on; the cache tells which were read."""
        weight = self.params["weight"]
        places = np.minimum(np.arange(first, first + x.shape[1]), len(weight) - 1)
        rows, cache = ops.embedding_forward(places, weight)  # (T, D)
        return x + rows, cache

    def backward(self, dy: Array, cache: Any) -> tuple[Array, Arrays]:
        """Add up over the sentences what each position's vector receives."""
        return dy, {"weight": ops.embedding_backward(dy.sum(axis=0), cache).dw}


class SinusoidalPositions(Layer):
    """Waves of many lengths: ``y_t = x_t + sinusoids(T, D)_t``, x (N, T, D); no parameters, no longest sentence."""

    def __init__(self, size: int, *, rng: Rng | None = None, dtype: DTypeLike = "float32") -> None:
        super().__init__()

    def forward(self, x: Array, *, first: int = 0, **_: Any) -> tuple[Array, Any]:  # type: ignore[override]
        """Add the waves at the positions ``first``, ``first + 1`` and so on."""
        return x + sinusoids(x.shape[1], x.shape[2], first=first).astype(x.dtype), None

    def backward(self, dy: Array, cache: Any) -> tuple[Array, Arrays]:
        """Hand on: what is added does not hang on x."""
        return dy, {}


def sinusoids(steps: int, size: int, *, first: int = 0) -> Array:
    """Return the sines and cosines of positions, a pair of columns a wavelength.

    ::

        p_(t, 2i)     = sin(t / 10000**(2i / D))
        p_(t, 2i + 1) = cos(t / 10000**(2i / D))

    A shift by k turns each pair by an angle that is the same at every t, so "k words before" is a linear map.

    Parameters
    ----------
    steps, size : int
        T and D.
    first : int
        The first position.

    Returns
    -------
    Array of float64, (T, D)

    References
    ----------
    Vaswani et al., "Attention is all you need" (2017), section 3.5 (their pos is our t, d_model our D).
    """
    columns = np.arange(size)
    angles = np.arange(first, first + steps)[:, None] / LONGEST ** ((columns - columns % 2) / size)
    return np.where(columns % 2, np.cos(angles), np.sin(angles))


POSITIONS: dict[str, Any] = {"learned": LearnedPositions, "sinusoidal": SinusoidalPositions}
"""The kinds of positions by name."""
