"""Exercises of lesson 0, to warm up. Replace each ``raise NotImplementedError``, then ask:

minicap exercise 0 exercises/00_start_here.py
"""

import numpy as np


def sum_of_squares_gradient(x):
    """Return the gradient by x (any shape) of ``L = sum of x^2 over all entries``."""
    raise NotImplementedError


def scale_gradients(dy, x, a):
    """Return (dx, da) of ``y = a * x`` for x (N, D), **one number** a, and the upstream gradient dy (N, D)."""
    raise NotImplementedError


def mean_gradient(dy, x):
    """Return dx of ``y = x.mean(axis=1)`` for x (N, D) and the upstream gradient dy (N,)."""
    raise NotImplementedError


def product_gradients(dy, x, w):
    """Return (dx, dw) of the matrix product ``y = x @ w`` for x (N, D), w (D, M) and dy (N, M)."""
    raise NotImplementedError
