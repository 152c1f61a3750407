"""How weights start: random enough to differ, scaled so that signals keep their size through the layers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import DTypeLike

from minicap._types import Array, Rng

Initializer: TypeAlias = Callable[[Rng, tuple[int, ...], DTypeLike], Array]


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """Count how many inputs feed an output and how many outputs an input feeds.

    Parameters
    ----------
    shape : tuple of int
        (in, out) of a matrix or (F, C, KH, KW) of a convolution.

    Returns
    -------
    fan_in, fan_out : int
    """
    if len(shape) == 4:
        taps = shape[2] * shape[3]
        return shape[1] * taps, shape[0] * taps
    return shape[0], shape[-1]


def zeros(rng: Rng, shape: tuple[int, ...], dtype: DTypeLike) -> Array:
    """Return zeros: for biases, which have no symmetry to break.

    Parameters
    ----------
    rng : numpy.random.Generator
        Not used.
    shape : tuple of int
    dtype : dtype

    Returns
    -------
    Array of that shape
    """
    return np.zeros(shape, dtype)


def he_normal(rng: Rng, shape: tuple[int, ...], dtype: DTypeLike) -> Array:
    """Draw from a normal distribution of variance 2 / fan_in, in front of a ReLU.

    A ReLU drops half of the variance; the factor 2 puts it back.

    Parameters
    ----------
    rng : numpy.random.Generator
    shape : tuple of int
        (in, out) or (F, C, KH, KW).
    dtype : dtype

    Returns
    -------
    Array of that shape

    References
    ----------
    He et al., "Delving deep into rectifiers" (2015), equation 10.
    """
    return (rng.standard_normal(shape) * math.sqrt(2 / fans(shape)[0])).astype(dtype)


def glorot_uniform(rng: Rng, shape: tuple[int, ...], dtype: DTypeLike) -> Array:
    """Draw uniformly from +-sqrt(6 / (fan_in + fan_out)), in front of a tanh, sigmoid or softmax.

    Parameters
    ----------
    rng : numpy.random.Generator
    shape : tuple of int
        (in, out) or (F, C, KH, KW).
    dtype : dtype

    Returns
    -------
    Array of that shape

    References
    ----------
    Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks"
    (2010), equation 16.
    """
    limit = math.sqrt(6 / sum(fans(shape)))
    return rng.uniform(-limit, limit, shape).astype(dtype)


def normal(std: float) -> Initializer:
    """Return an initialiser that draws from a normal distribution of mean 0.

    Parameters
    ----------
    std : float
        Standard deviation.

    Returns
    -------
    Initializer
    """
    return lambda rng, shape, dtype: (rng.standard_normal(shape) * std).astype(dtype)


def orthogonal(rng: Rng, shape: tuple[int, ...], dtype: DTypeLike) -> Array:
    """Draw a random orthogonal matrix for each square block side by side, as in (H, 4H).

    An orthogonal matrix keeps the length of what it multiplies, so a state neither grows nor shrinks
    by being fed back.

    Parameters
    ----------
    rng : numpy.random.Generator
    shape : tuple of int
        (H, G * H): one block for each of G gates.
    dtype : dtype

    Returns
    -------
    Array of that shape

    Raises
    ------
    ValueError
        If the shape is not made of square blocks.

    References
    ----------
    Saxe et al., "Exact solutions to the nonlinear dynamics of learning in deep linear neural networks"
    (2014).
    """
    if len(shape) != 2 or shape[1] % shape[0]:
        raise ValueError(f"orthogonal: shape is {shape} but (H, G * H) is needed")
    blocks = []
    for _ in range(shape[1] // shape[0]):
        q, r = np.linalg.qr(rng.standard_normal((shape[0], shape[0])))
        blocks.append(q * np.sign(np.diag(r)))  # the sign makes the draw uniform over rotations
    return np.hstack(blocks).astype(dtype)


def lstm_bias(rng: Rng, shape: tuple[int, ...], dtype: DTypeLike) -> Array:
    """Return zeros with 1 for the forget gate, so that an LSTM starts out remembering.

    Parameters
    ----------
    rng : numpy.random.Generator
        Not used.
    shape : tuple of int
        (4H,), gates in the order i, f, g, o.
    dtype : dtype

    Returns
    -------
    Array of that shape

    References
    ----------
    Gers, Schmidhuber and Cummins, "Learning to forget" (2000); Jozefowicz et al., "An empirical
    exploration of recurrent network architectures" (2015).
    """
    bias = np.zeros(shape, dtype)
    hidden = shape[0] // 4
    bias[hidden : 2 * hidden] = 1
    return bias
