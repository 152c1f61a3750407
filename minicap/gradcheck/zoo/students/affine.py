# ruff: noqa: NPY002, RUF059
# mypy: ignore-errors
"""Fully connected layers, the way three courses ask for them."""

import numpy as np


def affine_forward(x, w, b):
    """out = x w + b, where x (N, ...) is flattened to (N, D) first; w (D, M), b (M,)."""
    N = x.shape[0]
    out = x.reshape(N, -1).dot(w) + b
    cache = (x, w, b)
    return out, cache


def affine_backward(dout, cache):
    """Returns dx in the shape of x, dw and db."""
    x, w, b = cache
    N = x.shape[0]
    dx = dout.dot(w.T).reshape(x.shape)
    dw = x.reshape(N, -1).T.dot(dout)
    db = np.sum(dout, axis=0)
    return dx, dw, db


class Dense:
    """y = x W + b with the weights given from outside."""

    def __init__(self, W, b):
        self.W, self.b = W, b

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, dout):
        self.dW = self.x.T @ dout
        self.db = dout.sum(axis=0)
        return dout @ self.W.T


class Linear:
    """A layer that makes its own weights, stored as (out, in) like most libraries do."""

    def __init__(self, in_features, out_features):
        scale = np.sqrt(2.0 / in_features)
        self.params = {
            "weight": scale * np.random.randn(out_features, in_features),
            "bias": np.zeros(out_features),
        }
        self.grads = {}

    def forward(self, x):
        self.inputs = x
        return x @ self.params["weight"].T + self.params["bias"]

    def backward(self, grad_output):
        self.grads["weight"] = grad_output.T @ self.inputs
        self.grads["bias"] = grad_output.sum(axis=0)
        grad_input = grad_output @ self.params["weight"]
        return grad_input


def linear(x, W, b):
    """Linear layer that returns its value and a function for the backward pass."""
    y = x @ W + b

    def backward(dy):
        dx = dy @ W.T
        dW = x.T @ dy
        db = dy.sum(0)
        return dx, dW, db

    return y, backward


def temporal_affine_forward(x, w, b):
    """The same affine layer at every time step of x (N, T, D)."""
    N, T, D = x.shape
    M = b.shape[0]
    out = x.reshape(N * T, D).dot(w).reshape(N, T, M) + b
    cache = x, w, b, out
    return out, cache


def temporal_affine_backward(dout, cache):
    """The weights get a gradient from every step."""
    x, w, b, out = cache
    N, T, D = x.shape
    M = b.shape[0]
    dx = dout.reshape(N * T, M).dot(w.T).reshape(N, T, D)
    dw = dout.reshape(N * T, M).T.dot(x.reshape(N * T, D)).T
    db = dout.sum(axis=(0, 1))
    return dx, dw, db
