"""Exercises of lesson 1. Replace each ``raise NotImplementedError``, then ask:

    minicap exercise 1 exercises/01_one_layer_and_its_gradient.py

NumPy is all you need; the library's own ops would answer nothing.
"""

import numpy as np


def squared_error_backward(dloss, y, t):
    """Return the gradient by y of the loss of regression, ``loss = 1/(2N) sum_nm (y_nm - t_nm)^2``.

    dloss is the upstream gradient, a number; y and t are (N, M), and so is the answer.
    """
    raise NotImplementedError


def central_difference(f, x, h=1e-5):
    """Return the derivative of f by every entry of x, by central differences with the step h.

    f takes an array like x and returns a number. x may have any shape; the answer has the same. When you have
    finished, x has to be as it was.
    """
    raise NotImplementedError


def relative_error(analytic, numeric):
    """Return ``max|a - n| / max|n|`` over all entries, as a float.

    Where numeric is zero everywhere: 0.0 if analytic is as well, else infinity.
    """
    raise NotImplementedError


def softmax_cross_entropy_gradient(logits, targets):
    """Return the gradient by the logits (N, V) of the mean cross-entropy for the classes targets (N,).

    The logits may be as large as 1000, and the answer is finite all the same.
    """
    raise NotImplementedError


def tanh_layer_backward(dy, x, w, b):
    """Return (dx, dw, db) of ``y = tanh(x @ w + b)`` for x (N, D), w (D, M), b (M,) and upstream dy (N, M)."""
    raise NotImplementedError
