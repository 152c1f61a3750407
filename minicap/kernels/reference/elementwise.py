"""Maps of each number by itself, to one number or to a row of them."""

from __future__ import annotations

import numpy as np

from minicap._types import Array


def relu_forward(x: Array) -> Array:
    """Return max(x, 0); NaN stays NaN.

    Parameters
    ----------
    x : (M,)

    Returns
    -------
    y : (M,)
    """
    return np.maximum(x, 0)


def relu_backward(dy: Array, x: Array) -> Array:
    """Return dy where x is positive, else 0.

    Parameters
    ----------
    dy, x : (M,) upstream gradient, and the forward's input

    Returns
    -------
    dx : (M,)
    """
    return np.where(x > 0, dy, dy.dtype.type(0))


def spread_rows(values: Array, count: int) -> Array:
    """Return a row of equal numbers for each value.

    Parameters
    ----------
    values : (M,)
    count : S, the length of a row

    Returns
    -------
    y : (M, S)
    """
    return np.repeat(values[:, None], count, axis=1)
