"""Convolution, ReLU and 2x2 max-pooling in one: what the three ops do, without storing what lies between them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from minicap import kernels
from minicap._types import Array
from minicap.ops import _check
from minicap.ops.conv import Conv2dCache, Padding, conv2d_backward, conv2d_cache, conv2d_output_size


class Conv2dReluPoolCache(NamedTuple):
    """Both factors of the convolution, the result, and who won, as in ``max_pool2d``."""

    x: Array
    w: Array
    padding: tuple[tuple[int, int], tuple[int, int]]
    y: Array
    winner: Array

    @property
    def conv(self) -> Conv2dCache:
        """The convolution's own cache."""
        return Conv2dCache(self.x, self.w, (1, 1), self.padding, (1, 1), 1)


class Conv2dReluPoolGrads(NamedTuple):
    """Gradients of ``conv2d_relu_pool``, shaped like its arguments."""

    dx: Array | None
    dw: Array
    db: Array


def conv2d_relu_pool_forward(
    x: Array, w: Array, b: Array, *, padding: Padding = 0
) -> tuple[Array, Conv2dReluPoolCache]:
    """Convolve at stride 1, cut off what is negative, and keep the largest of 2x2 pixels.

    ``y = max_pool2d(relu(conv2d(x, w, b)), 2)``, the same numbers as from the three ops. The maps between them
    are four times as large as ``y`` and would be written and read again twice; they never leave the cache here.

    Parameters
    ----------
    x : Array, (N, C, H, W)
    w : Array, (F, C, KH, KW)
    b : Array, (F,)
    padding : int, (h, w) or ((top, bottom), (left, right))
        Zeros added around each image, in pixels.

    Returns
    -------
    y : Array, (N, F, OH // 2, OW // 2)
        An odd last row or column of the convolution is dropped, as by ``max_pool2d``.
    cache : Conv2dReluPoolCache
        The inputs, ``y``, and the winners' places.

    Raises
    ------
    ValueError
        If channels or sizes do not fit, or fewer than 2x2 pixels are left to pool.
    TypeError
        If the dtypes are not all float32 or all float64.
    """
    conv, b = conv2d_cache("conv2d_relu_pool", x, w, b, padding=padding)
    size = conv2d_output_size("conv2d_relu_pool", conv)
    if min(size) < 2:
        raise ValueError(
            f"conv2d_relu_pool: the convolution leaves (OH, OW) = {size} pixels but pooling needs 2x2; "
            "use larger images or more padding"
        )
    y, winner = kernels.conv.conv2d_relu_pool_forward(conv.x, conv.w, b, conv.padding)
    return y, Conv2dReluPoolCache(conv.x, conv.w, conv.padding, y, winner)


def conv2d_relu_pool_backward(
    dy: Array, cache: Conv2dReluPoolCache, *, input_gradient: bool = True
) -> Conv2dReluPoolGrads:
    """Propagate through pooling, ReLU and convolution.

    Only winners that came through the ReLU receive anything, so the upstream of the convolution is ``dy`` where
    ``y > 0``, each at its winner's place, and zero elsewhere; from there as in ``conv2d``.

    Parameters
    ----------
    dy : Array, (N, F, OH // 2, OW // 2)
        Upstream gradient.
    cache : Conv2dReluPoolCache
    input_gradient : bool
        Whether to compute dx; None where not.

    Returns
    -------
    Conv2dReluPoolGrads
        dx (N, C, H, W), dw (F, C, KH, KW), db (F,).

    Raises
    ------
    ValueError, TypeError
        If ``dy`` does not fit the forward's output.
    """
    conv, y = cache.conv, cache.y
    dy = np.ascontiguousarray(_check.upstream("conv2d_relu_pool", "dy", dy, y.shape, y.dtype))
    shape = (*y.shape[:2], *conv2d_output_size("conv2d_relu_pool", conv))
    passed = kernels.elementwise.relu_backward(dy.reshape(-1), y.reshape(-1)).reshape(y.shape)
    spread = kernels.pool.max_pool2d_backward(passed, cache.winner, shape)
    return Conv2dReluPoolGrads(*conv2d_backward(spread, conv, input_gradient=input_gradient))
