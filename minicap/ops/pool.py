"""Pooling: the largest value of each window, or the mean of a whole map."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from minicap import kernels
from minicap._types import Array
from minicap.ops import _check
from minicap.ops.conv import Padding, Pair


class MaxPool2dCache(NamedTuple):
    """Who won: ``winner`` (N, C, OH, OW) int32 is the flat index into an unpadded H x W image."""

    winner: Array
    x_shape: tuple[int, int, int, int]
    dtype: np.dtype


class MaxPool2dGrads(NamedTuple):
    """Gradient of ``max_pool2d``."""

    dx: Array


def max_pool2d_forward(
    x: Array, kernel_size: Pair, *, stride: Pair | None = None, padding: Padding = 0
) -> tuple[Array, MaxPool2dCache]:
    """Keep the largest value of each window.

    ``y[n, c, p, q] = max_{i, j} x[n, c, p*sh + i, q*sw + j]`` with ``x`` padded by -inf; of equal values
    the first in row order wins.

    Parameters
    ----------
    x : Array, (N, C, H, W)
    kernel_size : int or (h, w)
        Window, in pixels.
    stride : int or (h, w), optional
        Step between windows; the kernel size where None, so that windows tile.
    padding : int, (h, w) or ((top, bottom), (left, right))
        Smaller than the window on each side, so that each window holds a pixel.

    Returns
    -------
    y : Array, (N, C, OH, OW)
    cache : MaxPool2dCache
        The winners' places.

    Raises
    ------
    ValueError
        If the window does not fit in the padded image, or the padding is as large as the window.
    """
    (x,) = _check.floats("max_pool2d", x=x)
    kernel, step, pads = _check.windows("max_pool2d", x, kernel_size, stride, padding)
    y, winner = kernels.pool.max_pool2d_forward(np.ascontiguousarray(x), kernel, step, pads)
    return y, MaxPool2dCache(winner, x.shape, x.dtype)


def max_pool2d_backward(dy: Array, cache: MaxPool2dCache) -> MaxPool2dGrads:
    """Send each window's upstream to the pixel that won it.

    ``dx[n, c, winner[n, c, p, q]] += dy[n, c, p, q]``: the other pixels did not move the maximum, and a
    pixel that won several overlapping windows collects from each.

    Parameters
    ----------
    dy : Array, (N, C, OH, OW)
        Upstream gradient.
    cache : MaxPool2dCache

    Returns
    -------
    MaxPool2dGrads
        dx (N, C, H, W).

    Raises
    ------
    ValueError, TypeError
        If ``dy`` does not fit the forward's output.
    """
    dy = _check.upstream("max_pool2d", "dy", dy, cache.winner.shape, cache.dtype)
    return MaxPool2dGrads(
        kernels.pool.max_pool2d_backward(np.ascontiguousarray(dy), cache.winner, cache.x_shape)
    )


class GlobalAvgPool2dCache(NamedTuple):
    """The size that was averaged away."""

    x_shape: tuple[int, int, int, int]
    dtype: np.dtype


class GlobalAvgPool2dGrads(NamedTuple):
    """Gradient of ``global_avg_pool2d``."""

    dx: Array


def global_avg_pool2d_forward(x: Array) -> tuple[Array, GlobalAvgPool2dCache]:
    """Average each channel over the whole image: ``y[n, c] = mean_{p, q} x[n, c, p, q]``.

    Parameters
    ----------
    x : Array, (N, C, H, W)

    Returns
    -------
    y : Array, (N, C)
    cache : GlobalAvgPool2dCache
        The shape of ``x``.

    Raises
    ------
    ValueError
        If ``x`` has not four axes or no pixels.
    """
    (x,) = _check.floats("global_avg_pool2d", x=x)
    _check.ndim("global_avg_pool2d", "x", x, "(N, C, H, W)")
    if 0 in x.shape[2:]:
        raise ValueError(f"global_avg_pool2d: x (N, C, H, W) = {x.shape} has no pixels to average")
    n, c, height, width = x.shape
    rows = np.ascontiguousarray(x).reshape(n * c, height * width)
    return kernels.sums.row_means(rows).reshape(n, c), GlobalAvgPool2dCache(x.shape, x.dtype)


def global_avg_pool2d_backward(dy: Array, cache: GlobalAvgPool2dCache) -> GlobalAvgPool2dGrads:
    """Share each channel's upstream evenly: ``dx[n, c, p, q] = dy[n, c] / (H * W)``.

    Parameters
    ----------
    dy : Array, (N, C)
        Upstream gradient.
    cache : GlobalAvgPool2dCache

    Returns
    -------
    GlobalAvgPool2dGrads
        dx (N, C, H, W).

    Raises
    ------
    ValueError, TypeError
        If ``dy`` does not fit the forward's output.
    """
    _, _, height, width = cache.x_shape
    dy = _check.upstream("global_avg_pool2d", "dy", dy, cache.x_shape[:2], cache.dtype)
    share = np.ascontiguousarray(dy / (height * width)).reshape(-1)
    return GlobalAvgPool2dGrads(kernels.elementwise.spread_rows(share, height * width).reshape(cache.x_shape))
