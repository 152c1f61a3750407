"""Average pooling as layers."""

from __future__ import annotations

from minicap import ops
from minicap.layers.base import Layer
from minicap.ops.conv import Padding, Pair


class AvgPool2d(Layer):
    """Mean of each window: x (N, C, H, W), y (N, C, OH, OW)."""

    op_forward, op_backward = ops.avg_pool2d_forward, ops.avg_pool2d_backward

    def __init__(
        self,
        kernel_size: Pair,
        *,
        stride: Pair | None = None,
        padding: Padding = 0,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__(
            kernel_size=kernel_size, stride=stride, padding=padding, count_include_pad=count_include_pad
        )


class GlobalAvgPool2d(Layer):
    """Mean of each channel over the whole image: x (N, C, H, W), y (N, C)."""

    op_forward, op_backward = ops.global_avg_pool2d_forward, ops.global_avg_pool2d_backward
