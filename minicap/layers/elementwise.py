"""Nonlinearities as layers, any shape; ``Relu`` stands among the basic ones."""

from __future__ import annotations

from minicap import ops
from minicap.layers.base import Layer


class Relu6(Layer):
    """``min(max(x, 0), 6)``, any shape."""

    op_forward, op_backward = ops.relu6_forward, ops.relu6_backward


class Gelu(Layer):
    """x weighted by the normal distribution function, exactly or by its tanh form, any shape."""

    op_forward, op_backward = ops.gelu_forward, ops.gelu_backward

    def __init__(self, *, approximate: bool = False) -> None:
        super().__init__(approximate=approximate)


class Sigmoid(Layer):
    """``1 / (1 + exp(-x))``, any shape."""

    op_forward, op_backward = ops.sigmoid_forward, ops.sigmoid_backward


class Tanh(Layer):
    """``tanh(x)``, any shape."""

    op_forward, op_backward = ops.tanh_forward, ops.tanh_backward
