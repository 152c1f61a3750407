# ruff: noqa: NPY002, SIM108
"""Dropout, inverted, with NumPy's global random numbers."""

import numpy as np


def dropout_forward(x, dropout_param):
    """Inverted dropout; p is the probability of dropping a unit."""
    p, mode = dropout_param["p"], dropout_param["mode"]
    if "seed" in dropout_param:
        np.random.seed(dropout_param["seed"])
    mask = None
    out = x
    if mode == "train":
        mask = (np.random.rand(*x.shape) >= p) / (1 - p)
        mask = mask.astype(x.dtype)
        out = x * mask
    cache = (dropout_param, mask)
    return out, cache


def dropout_backward(dout, cache):
    """Backward pass for inverted dropout."""
    dropout_param, mask = cache
    if dropout_param["mode"] == "train":
        dx = dout * mask
    else:
        dx = dout
    return dx


class Dropout:
    """Dropout that keeps a boolean mask and scales separately."""

    def __init__(self, keep_prob=0.8):
        self.keep_prob = keep_prob

    def forward(self, x, train_flg=True):
        if not train_flg:
            return x
        self.mask = np.random.rand(*x.shape) < self.keep_prob
        out = x * self.mask
        out = out / self.keep_prob
        return out

    def backward(self, dout):
        dx = dout * self.mask
        dx = dx / self.keep_prob
        return dx
