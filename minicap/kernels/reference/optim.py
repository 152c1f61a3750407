"""One step of each optimiser. Unlike other kernels the steps write to their arguments: to all but the gradient.

An l2 above 0 adds the gradient of the penalty l2 / 2 * sum(param**2); a shrink below 1 makes param smaller first.
"""

from __future__ import annotations

import numpy as np

from minicap._types import Array


def sgd_step(param: Array, grad: Array, velocity: Array, lr: float, momentum: float, l2: float) -> None:
    """Move by the velocity: v = momentum * v + grad;  param -= lr * v.

    Parameters
    ----------
    param, velocity : (M,), written to
    grad : (M,)
    lr, momentum, l2 : float
    """
    velocity *= momentum
    velocity += grad + l2 * param if l2 else grad
    param -= lr * velocity


def rmsprop_step(
    param: Array, grad: Array, square: Array, lr: float, decay: float, eps: float, l2: float
) -> None:
    """Move by the gradient over the root of its mean square.

        v = decay * v + (1 - decay) * grad**2;   param -= lr * grad / (sqrt(v) + eps)

    Parameters
    ----------
    param, square : (M,), written to
    grad : (M,)
    lr, decay, eps, l2 : float
    """
    grad = grad + l2 * param if l2 else grad
    square *= decay
    square += (1 - decay) * grad * grad
    param -= lr * grad / (np.sqrt(square) + eps)


def adam_step(
    param: Array,
    grad: Array,
    mean: Array,
    square: Array,
    scale: float,
    beta1: float,
    beta2: float,
    eps: float,
    l2: float,
    shrink: float,
) -> None:
    """Move by the mean gradient over the root of the mean square.

        m = beta1 * m + (1 - beta1) * grad;   v = beta2 * v + (1 - beta2) * grad**2
        param = shrink * param - scale * m / (sqrt(v) + eps)

    Parameters
    ----------
    param, mean, square : (M,), written to
    grad : (M,)
    scale, eps : float, with the corrections for the start at zero already in them
    beta1, beta2 : float
    l2, shrink : float
    """
    grad = grad + l2 * param if l2 else grad
    mean *= beta1
    mean += (1 - beta1) * grad
    square *= beta2
    square += (1 - beta2) * grad * grad
    if shrink != 1:
        param *= shrink
    param -= scale * mean / (np.sqrt(square) + eps)


def square_sum(x: Array) -> float:
    """Return the sum of the squares of all numbers, in float64.

    Parameters
    ----------
    x : (M,)

    Returns
    -------
    float
    """
    return float(np.square(x, dtype=np.float64).sum())
