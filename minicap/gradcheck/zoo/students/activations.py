"""Nonlinearities: each one forward and backward."""

import numpy as np


def relu_forward(x):
    """max(0, x), element by element."""
    out = np.maximum(0, x)
    cache = x
    return out, cache


def relu_backward(dout, cache):
    """Only what was positive has a gradient."""
    x = cache
    dx = dout * (x > 0)
    return dx


class ReLU:
    """ReLU that remembers where it let something through."""

    def forward(self, x):
        y = x.copy()
        y[y < 0] = 0
        self.active = y > 0
        return y

    def backward(self, grad):
        g = grad.copy()
        g[~self.active] = 0
        return g


def leaky_relu(x, slope=0.1):
    """Leaky ReLU as a closure."""
    positive = x > 0
    y = np.where(positive, x, slope * x)

    def backward(dy):
        dx = np.where(positive, dy, slope * dy)
        return dx

    return y, backward


class Sigmoid:
    """1 / (1 + exp(-x)); keeps the output for the backward pass."""

    def forward(self, x):
        self.s = 1 / (1 + np.exp(-x))
        return self.s

    def backward(self, dout):
        ds = self.s * (1 - self.s)
        return dout * ds


def tanh_forward(x):
    """Hyperbolic tangent."""
    out = np.tanh(x)
    return out, out


def tanh_backward(dout, cache):
    """Backward pass of tanh, from its output."""
    out = cache
    dx = dout * (1 - out**2)
    return dx


def softmax_forward(x):
    """Softmax over the last axis."""
    shifted = x - np.max(x, axis=-1, keepdims=True)
    e = np.exp(shifted)
    out = e / np.sum(e, axis=-1, keepdims=True)
    return out, out


def softmax_backward(dout, cache):
    """Backward pass of softmax: the Jacobian-vector product, row by row."""
    s = cache
    dot = np.sum(dout * s, axis=-1, keepdims=True)
    dx = s * (dout - dot)
    return dx


def swish_forward(x):
    """x * sigmoid(x)."""
    sig = 1 / (1 + np.exp(-x))
    out = x * sig
    cache = (x, sig)
    return out, cache


def swish_backward(dout, cache):
    """Backward pass of swish, by the product rule."""
    x, sig = cache
    dx = dout * sig
    dx = dx + dout * x * sig * (1 - sig)
    return dx
