"""The same convolution in the ways that people write it, from plain loops up.

Every rung is a pair that takes what ``minicap.ops.conv2d_forward`` and ``conv2d_backward`` take, at one stride
and padding for both axes and without dilation and groups, and finds the same numbers. Above these stand
minicap's reference, its kernels, and PyTorch; at the top the limit of the processor.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from minicap._types import Array
from minicap.ops.conv import Conv2dGrads

LOOPS, WINDOWS, IM2COL = "Python loops", "strided NumPy", "im2col, as in courses"
REFERENCE, KERNELS, THEIRS = "minicap's reference", "minicap's kernels", "PyTorch"


class Rung(NamedTuple):
    """A convolution and its gradients: ``forward(x, w, b, *, stride, padding)``, ``backward(dy, cache)``."""

    forward: Callable[..., tuple[Array, Any]]
    backward: Callable[[Array, Any], Conv2dGrads]


class RungCache(NamedTuple):
    """The padded images, what else a rung keeps of them, the filters, and how they slide."""

    padded: Array
    seen: Any
    w: Array
    stride: int
    padding: int


def _pad(x: Array, padding: int) -> Array:
    """Return images with zeros around them."""
    return np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))


def _crop(dpadded: Array, padding: int) -> Array:
    """Return the gradient of the images alone: the padding is not an input."""
    _, _, height, width = dpadded.shape
    return dpadded[:, :, padding : height - padding, padding : width - padding]


def _size(padded: Array, w: Array, stride: int) -> tuple[int, int]:
    """Return OH and OW."""
    oh, ow = ((padded.shape[axis] - w.shape[axis]) // stride + 1 for axis in (2, 3))
    return oh, ow


def loops_forward(
    x: Array, w: Array, b: Array, *, stride: int = 1, padding: int = 0
) -> tuple[Array, RungCache]:
    """Convolve as the formula is written, one multiplication after the other.

    Parameters
    ----------
    x : Array, (N, C, H, W)
    w : Array, (F, C, KH, KW)
    b : Array, (F,)
    stride, padding : int

    Returns
    -------
    y : Array, (N, F, OH, OW)
    cache : RungCache
    """
    padded = _pad(x, padding)
    y = np.zeros((len(x), len(w), *_size(padded, w, stride)), x.dtype)
    for n, f, p, q in np.ndindex(y.shape):
        total = b[f]
        for c, i, j in np.ndindex(w.shape[1:]):
            total += w[f, c, i, j] * padded[n, c, p * stride + i, q * stride + j]
        y[n, f, p, q] = total
    return y, RungCache(padded, None, w, stride, padding)


def loops_backward(dy: Array, cache: RungCache) -> Conv2dGrads:
    """Send each product's upstream to both of its factors, one after the other.

    Parameters
    ----------
    dy : Array, (N, F, OH, OW)
    cache : RungCache

    Returns
    -------
    Conv2dGrads
    """
    padded, _, w, stride, padding = cache
    dpadded, dw = np.zeros_like(padded), np.zeros_like(w)
    for n, f, p, q in np.ndindex(dy.shape):
        for c, i, j in np.ndindex(w.shape[1:]):
            dpadded[n, c, p * stride + i, q * stride + j] += w[f, c, i, j] * dy[n, f, p, q]
            dw[f, c, i, j] += padded[n, c, p * stride + i, q * stride + j] * dy[n, f, p, q]
    return Conv2dGrads(_crop(dpadded, padding), dw, dy.sum(axis=(0, 2, 3)))


def _windows(images: Array, w: Array, stride: int) -> Array:
    """Return a view (N, C, OH, OW, KH, KW) of every window, which copies nothing."""
    return sliding_window_view(images, w.shape[2:], axis=(2, 3))[:, :, ::stride, ::stride]


def windows_forward(
    x: Array, w: Array, b: Array, *, stride: int = 1, padding: int = 0
) -> tuple[Array, RungCache]:
    """Look at the images through a view of all windows and contract it with the filters.

    Parameters
    ----------
    x : Array, (N, C, H, W)
    w : Array, (F, C, KH, KW)
    b : Array, (F,)
    stride, padding : int

    Returns
    -------
    y : Array, (N, F, OH, OW)
    cache : RungCache
    """
    padded = _pad(x, padding)
    windows = _windows(padded, w, stride)
    y = np.tensordot(windows, w, axes=((1, 4, 5), (1, 2, 3))) + b  # (N, OH, OW, F)
    return np.ascontiguousarray(y.transpose(0, 3, 1, 2)), RungCache(padded, windows, w, stride, padding)


def windows_backward(dy: Array, cache: RungCache) -> Conv2dGrads:
    """Contract the windows with the upstream, and the upstream's own windows with the filters turned around.

    Parameters
    ----------
    dy : Array, (N, F, OH, OW)
    cache : RungCache

    Returns
    -------
    Conv2dGrads
    """
    padded, windows, w, stride, padding = cache
    dw = np.tensordot(dy, windows, axes=((0, 2, 3), (0, 2, 3)))
    # A pixel meets tap (i, j) in the output i rows and j columns before it: a correlation with the taps reversed.
    _, _, kh, kw = w.shape
    high, wide = (size + k - 1 for size, k in zip(padded.shape[2:], (kh, kw), strict=True))
    spread = np.zeros((*dy.shape[:2], high, wide), dy.dtype)
    spread[:, :, kh - 1 :: stride, kw - 1 :: stride][:, :, : dy.shape[2], : dy.shape[3]] = dy
    turned = np.ascontiguousarray(w[:, :, ::-1, ::-1])
    dpadded = np.tensordot(_windows(spread, w, 1), turned, axes=((1, 4, 5), (0, 2, 3)))  # (N, H', W', C)
    return Conv2dGrads(_crop(dpadded.transpose(0, 3, 1, 2), padding), dw, dy.sum(axis=(0, 2, 3)))


def _places(w: Array, size: tuple[int, int], stride: int) -> tuple[Array, Array, Array]:
    """Return channel, row and column, (C*KH*KW, 1) and twice (C*KH*KW, OH*OW), of all that windows see."""
    c, i, j = (places.reshape(-1, 1) for places in np.indices(w.shape[1:]))
    p, q = (places.reshape(1, -1) for places in np.indices(size))
    return c, i + stride * p, j + stride * q


def im2col_forward(
    x: Array, w: Array, b: Array, *, stride: int = 1, padding: int = 0
) -> tuple[Array, RungCache]:
    """Copy every window into a column by index arrays, then take one product.

    Parameters
    ----------
    x : Array, (N, C, H, W)
    w : Array, (F, C, KH, KW)
    b : Array, (F,)
    stride, padding : int

    Returns
    -------
    y : Array, (N, F, OH, OW)
    cache : RungCache
        With the columns.
    """
    padded = _pad(x, padding)
    size = _size(padded, w, stride)
    columns = padded[:, *_places(w, size, stride)]  # (N, C*KH*KW, OH*OW)
    columns = columns.transpose(1, 2, 0).reshape(columns.shape[1], -1)
    y = w.reshape(len(w), -1) @ columns + b[:, None]
    y = y.reshape(len(w), *size, len(x)).transpose(3, 0, 1, 2)
    return y, RungCache(padded, columns, w, stride, padding)


def im2col_backward(dy: Array, cache: RungCache) -> Conv2dGrads:
    """Take two products, and add the columns' gradients back to where they were copied from.

    Parameters
    ----------
    dy : Array, (N, F, OH, OW)
    cache : RungCache

    Returns
    -------
    Conv2dGrads
    """
    padded, columns, w, stride, padding = cache
    rows = dy.transpose(1, 2, 3, 0).reshape(len(w), -1)
    dw = (rows @ columns.T).reshape(w.shape)
    dcolumns = w.reshape(len(w), -1).T @ rows
    dcolumns = dcolumns.reshape(len(dcolumns), -1, len(dy)).transpose(2, 0, 1)
    dpadded = np.zeros_like(padded)
    places: Any = (slice(None), *_places(w, dy.shape[2:], stride))
    np.add.at(dpadded, places, dcolumns)
    return Conv2dGrads(_crop(dpadded, padding), dw, dy.sum(axis=(0, 2, 3)))


RUNGS = {
    LOOPS: Rung(loops_forward, loops_backward),
    WINDOWS: Rung(windows_forward, windows_backward),
    IM2COL: Rung(im2col_forward, im2col_backward),
}
