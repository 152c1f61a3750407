"""Layers of feed-forward networks: each a few lines that declare an op pair and its parameters."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from minicap import ops
from minicap._types import Array, Arrays, Rng
from minicap.initializers import Initializer, glorot_uniform, he_normal, normal, zeros
from minicap.layers.base import Layer
from minicap.ops.conv import Padding, Pair

_TENTH = normal(0.1)


class Linear(Layer):
    """Fully connected layer: ``y = x @ weight + bias``, x (..., in), weight (in, out), bias (out,)."""

    op_forward, op_backward = ops.linear_forward, ops.linear_backward
    arguments = {"weight": "w", "bias": "b"}

    def __init__(
        self,
        in_size: int,
        out_size: int,
        *,
        rng: Rng,
        dtype: DTypeLike = "float32",
        init: Initializer = glorot_uniform,
    ) -> None:
        super().__init__()
        self.add_params(rng, dtype, weight=((in_size, out_size), init), bias=((out_size,), zeros))


class TiedLinear(Layer):
    """A linear map whose weight is another layer's: x (..., D) and w (D, V) come in, only the bias (V,) is its own."""

    op_forward, op_backward = ops.linear_forward, ops.linear_backward
    inputs = ("x", "w")
    arguments = {"bias": "b"}

    def __init__(self, out_size: int, *, dtype: DTypeLike = "float32") -> None:
        super().__init__()
        self.params = {"bias": np.zeros(out_size, dtype)}


class Conv2d(Layer):
    """Convolution: x (N, C, H, W), weight (F, C/groups, KH, KW), bias (F,)."""

    op_forward, op_backward = ops.conv2d_forward, ops.conv2d_backward
    arguments = {"weight": "w", "bias": "b"}

    def __init__(
        self,
        channels: int,
        filters: int,
        kernel_size: tuple[int, int] = (3, 3),
        *,
        rng: Rng,
        stride: Pair = 1,
        padding: Padding = 0,
        dilation: Pair = 1,
        groups: int = 1,
        dtype: DTypeLike = "float32",
    ) -> None:
        super().__init__(stride=stride, padding=padding, dilation=dilation, groups=groups)
        shape = (filters, channels // groups, *kernel_size)
        self.add_params(rng, dtype, weight=(shape, he_normal), bias=((filters,), zeros))

    def backward(self, *upstreams_and_cache: Any, input_gradient: bool = True) -> tuple[Any, Arrays]:
        """Propagate through the op, on request without the input's gradient: the first layer's is for nobody.

        Parameters
        ----------
        *upstreams_and_cache
            ``dy`` and the forward's cache.
        input_gradient : bool

        Returns
        -------
        dx : Array, (N, C, H, W), or None
        grads : dict of str to Array
        """
        found = type(self).op_backward(*upstreams_and_cache, input_gradient=input_gradient)
        return found.dx, {"weight": found.dw, "bias": found.db}


class Embedding(Layer):
    """One vector a word: ids (...), weight (V, D), y (..., D)."""

    op_forward, op_backward = ops.embedding_forward, ops.embedding_backward
    inputs = ("ids",)
    arguments = {"weight": "w"}

    def __init__(
        self,
        rows: int,
        width: int,
        *,
        rng: Rng,
        dtype: DTypeLike = "float32",
        init: Initializer = _TENTH,
    ) -> None:
        super().__init__()
        self.add_params(rng, dtype, weight=((rows, width), init))


class Relu(Layer):
    """``max(x, 0)``, any shape."""

    op_forward, op_backward = ops.relu_forward, ops.relu_backward


class MaxPool2d(Layer):
    """Largest value of each window: x (N, C, H, W), y (N, C, OH, OW)."""

    op_forward, op_backward = ops.max_pool2d_forward, ops.max_pool2d_backward

    def __init__(self, kernel_size: Pair, *, stride: Pair | None = None, padding: Padding = 0) -> None:
        super().__init__(kernel_size=kernel_size, stride=stride, padding=padding)


class Dropout(Layer):
    """Inverted dropout with probability p dropped, any shape; give ``training`` and ``rng`` to ``forward``."""

    op_forward, op_backward = ops.dropout_forward, ops.dropout_backward
    modes = ("training", "rng")

    def __init__(self, p: float = 0.5) -> None:
        super().__init__(p=p)


class FlattenGrads(NamedTuple):
    """Gradient of ``Flatten``."""

    dx: Array


class Flatten(Layer):
    """All axes but the first in one: x (N, C, H, W), y (N, C * H * W)."""

    @staticmethod
    def op_forward(x: Array) -> tuple[Array, tuple[int, ...]]:
        """Reshape; the cache is the former shape."""
        return x.reshape(x.shape[0], -1), x.shape

    @staticmethod
    def op_backward(dy: Array, cache: tuple[int, ...]) -> FlattenGrads:
        """Reshape back."""
        return FlattenGrads(dy.reshape(cache))
