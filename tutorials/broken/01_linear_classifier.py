"""A linear classifier that learns, but slowly: one of its gradients is wrong.

    minicap gradcheck broken/01_linear_classifier.py

Shapes: N examples, D numbers each, M outputs, V classes.
"""

import numpy as np


def linear_forward(x, w, b):
    """Return ``y = x @ w + b`` for x (N, D), w (D, M), b (M,)."""
    return x @ w + b, (x, w)


def linear_backward(dy, cache):
    """Return the gradients by x, w and b for the upstream gradient dy (N, M)."""
    x, w = cache
    dx = dy @ w.T
    dw = x.T @ dy / len(x)
    db = dy.sum(axis=0)
    return dx, dw, db


def softmax_loss(x, y):
    """Return the mean cross-entropy of the logits x (N, V) for the classes y (N,), and its gradient by x."""
    shifted = x - x.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    rows = np.arange(len(x))
    dx = np.exp(log_p)
    dx[rows, y] -= 1
    return -log_p[rows, y].mean(), dx / len(x)
