# ruff: noqa: RUF059
"""Losses that return their gradient, and one layer class."""

import numpy as np


def softmax_loss(x, y):
    """Mean cross entropy of scores x (N, C) against labels y (N,), and its gradient."""
    rows = np.arange(len(y))
    shifted = x - x.max(axis=1, keepdims=True)
    log_probs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    loss = -log_probs[rows, y].mean()
    dx = np.exp(log_probs)
    dx[rows, y] -= 1
    dx /= len(y)
    return loss, dx


def svm_loss(x, y):
    """Mean hinge loss of scores x (N, C): the right class should lead by 1."""
    rows = np.arange(len(y))
    gaps = 1 + x - x[rows, y][:, None]
    gaps[rows, y] = 0
    active = (gaps > 0).astype(x.dtype)
    loss = np.sum(gaps * active) / len(y)
    dx = active.copy()
    dx[rows, y] -= active.sum(axis=1)
    dx /= len(y)
    return loss, dx


def mse_loss(pred, target):
    """Squared error, summed over features and averaged over the batch."""
    N = pred.shape[0]
    diff = pred - target
    loss = np.sum(diff**2) / N
    dpred = 2 * diff / N
    return loss, dpred


def temporal_softmax_loss(x, y, mask):
    """Cross entropy over sequences x (N, T, V), y (N, T); mask is True at real words. Summed over time."""
    N, T, V = x.shape
    shifted = x - x.max(axis=2, keepdims=True)
    log_probs = shifted - np.log(np.exp(shifted).sum(axis=2, keepdims=True))
    target = np.eye(V, dtype=x.dtype)[y]
    loss = -np.sum(log_probs * target * mask[:, :, None]) / N
    dx = np.exp(log_probs) - target
    dx = dx * mask[:, :, None]
    dx = dx / N
    return loss, dx


class CrossEntropy:
    """Softmax and cross entropy in one layer."""

    def forward(self, x, t):
        e = np.exp(x - x.max(axis=1, keepdims=True))
        self.p = e / e.sum(axis=1, keepdims=True)
        self.t = t
        return -np.log(self.p[np.arange(len(t)), t]).mean()

    def backward(self, dloss=1):
        g = self.p.copy()
        g[np.arange(len(self.t)), self.t] -= 1
        g *= dloss
        return g / len(self.t)
