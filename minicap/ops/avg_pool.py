"""Average pooling: the mean of each window."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from minicap import kernels
from minicap._types import Array
from minicap.ops import _check
from minicap.ops.conv import Padding, Pair


class AvgPool2dCache(NamedTuple):
    """Where the windows lie, and ``area`` (OH, OW), the number of pixels that each was divided by."""

    area: Array
    x_shape: tuple[int, int, int, int]
    kernel_size: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[tuple[int, int], tuple[int, int]]


class AvgPool2dGrads(NamedTuple):
    """Gradient of ``avg_pool2d``."""

    dx: Array


def avg_pool2d_forward(
    x: Array,
    kernel_size: Pair,
    *,
    stride: Pair | None = None,
    padding: Padding = 0,
    count_include_pad: bool = True,
) -> tuple[Array, AvgPool2dCache]:
    """Average each window.

    ``y[n, c, p, q] = sum_{i, j} x[n, c, p*sh + i, q*sw + j] / area[p, q]`` with ``x`` padded by zeros.

    Parameters
    ----------
    x : Array, (N, C, H, W)
    kernel_size : int or (h, w)
        Window, in pixels.
    stride : int or (h, w), optional
        Step between windows; the kernel size where None, so that windows tile.
    padding : int, (h, w) or ((top, bottom), (left, right))
        Smaller than the window on each side, so that each window holds a pixel.
    count_include_pad : bool
        Whether the area is always ``h * w``, as if the padding were pixels of value 0; otherwise it is the
        number of real pixels in the window, so that a border does not darken.

    Returns
    -------
    y : Array, (N, C, OH, OW)
    cache : AvgPool2dCache
        The areas, and the windows in full form.

    Raises
    ------
    ValueError
        If the window does not fit in the padded image, or the padding is as large as the window.
    """
    (x,) = _check.floats("avg_pool2d", x=x)
    windows = _check.windows("avg_pool2d", x, kernel_size, stride, padding)
    rows, columns = (
        _counts(size, k, s, side, count_include_pad)
        for size, k, s, side in zip(x.shape[2:], *windows, strict=True)
    )
    area = np.outer(rows, columns).astype(x.dtype)
    y = kernels.pool.avg_pool2d_forward(np.ascontiguousarray(x), *windows, area)
    return y, AvgPool2dCache(area, x.shape, *windows)


def avg_pool2d_backward(dy: Array, cache: AvgPool2dCache) -> AvgPool2dGrads:
    """Share each window's upstream evenly among its pixels.

    ``dx[n, c, p*sh + i, q*sw + j] += dy[n, c, p, q] / area[p, q]``: what would land on the padding is dropped,
    and a pixel in several overlapping windows collects from each.

    Parameters
    ----------
    dy : Array, (N, C, OH, OW)
        Upstream gradient.
    cache : AvgPool2dCache

    Returns
    -------
    AvgPool2dGrads
        dx (N, C, H, W).

    Raises
    ------
    ValueError, TypeError
        If ``dy`` does not fit the forward's output.
    """
    area, x_shape, *windows = cache
    dy = _check.upstream("avg_pool2d", "dy", dy, (*x_shape[:2], *area.shape), area.dtype)
    return AvgPool2dGrads(kernels.pool.avg_pool2d_backward(np.ascontiguousarray(dy), x_shape, *windows, area))


def _counts(size: int, kernel: int, step: int, padding: tuple[int, int], include_pad: bool) -> Array:
    """Return, along one axis, how many pixels each window is divided by."""
    before, after = padding
    start = np.arange(0, size + before + after - kernel + 1, step) - before
    if include_pad:
        return np.full(start.shape, kernel)
    return np.minimum(start + kernel, size) - np.maximum(start, 0)
