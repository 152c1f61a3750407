"""Pooling over kernel taps: a running maximum, or a running sum that is then divided.

The maximum keeps beside it where it was: the flat index of the winning pixel in its image. That index
is all the backward needs, since

    y = max(x_1, ..., x_K)         =>   dy/dx_k = 1 for the winner, 0 for all others;
    y = (x_1 + ... + x_K) / area   =>   dy/dx_k = 1 / area for each.
"""

from __future__ import annotations

import numpy as np

from minicap._types import Array
from minicap.kernels.reference._windows import Padding, Pair, Shape, output_size, pad, taps


def max_pool2d_forward(x: Array, kernel_size: Pair, stride: Pair, padding: Padding) -> tuple[Array, Array]:
    """Take the largest pixel of every window; NaN counts as larger than any number.

    Among equals the first in row order wins. Padding never wins, not even over -inf.

    Parameters
    ----------
    x : (N, C, H, W)
    kernel_size, stride : (vertical, horizontal) in pixels
    padding : ((top, bottom), (left, right)) in pixels; every window must still hold a real pixel

    Returns
    -------
    y : (N, C, OH, OW)
    winner : (N, C, OH, OW) int32, the flat index ih * W + iw of the maximum in the unpadded image
    """
    (n, c, h, w), dilation = x.shape, (1, 1)
    oh, ow = output_size((h, w), kernel_size, stride, padding, dilation)
    padded = pad(x, padding, -np.inf)
    index = pad(np.arange(h * w, dtype=np.int32).reshape(h, w), padding, -1)  # -1 marks the padding
    y = np.full((n, c, oh, ow), -np.inf, x.dtype)
    winner = np.full((n, c, oh, ow), -1, np.int32)
    for _, _, rows, columns in taps(kernel_size, stride, dilation, (oh, ow)):
        value, place = padded[..., rows, columns], index[rows, columns]
        larger = (value > y) | (np.isnan(value) & ~np.isnan(y))
        better = (place >= 0) & (larger | (winner < 0))
        y = np.where(better, value, y)
        winner = np.where(better, place, winner)
    return y, winner


def max_pool2d_backward(dy: Array, winner: Array, x_shape: Shape) -> Array:
    """Send each gradient to the pixel that won; where windows overlap, gradients add up.

    Parameters
    ----------
    dy : (N, C, OH, OW) upstream gradient
    winner : (N, C, OH, OW) int32, from the forward
    x_shape : (N, C, H, W), the shape of the images

    Returns
    -------
    dx : (N, C, H, W)
    """
    n, c, h, w = x_shape
    dx = np.zeros(x_shape, dy.dtype)
    first_pixel = np.arange(n * c, dtype=np.int64).reshape(n, c, 1, 1) * (h * w)
    np.add.at(dx.reshape(-1), (first_pixel + winner).reshape(-1), dy.reshape(-1))
    return dx


def avg_pool2d_forward(x: Array, kernel_size: Pair, stride: Pair, padding: Padding, area: Array) -> Array:
    """Add up the pixels of every window and divide by its area.

    Parameters
    ----------
    x : (N, C, H, W)
    kernel_size, stride : (vertical, horizontal) in pixels
    padding : ((top, bottom), (left, right)) in pixels, which hold zeros
    area : (OH, OW), what to divide by

    Returns
    -------
    y : (N, C, OH, OW)
    """
    padded, dilation = pad(x, padding), (1, 1)
    total = np.zeros((*x.shape[:2], *area.shape), x.dtype)
    for _, _, rows, columns in taps(kernel_size, stride, dilation, area.shape):
        total += padded[..., rows, columns]
    return total / area


def avg_pool2d_backward(
    dy: Array, x_shape: Shape, kernel_size: Pair, stride: Pair, padding: Padding, area: Array
) -> Array:
    """Share each gradient among the pixels of its window; where windows overlap, shares add up.

    Parameters
    ----------
    dy : (N, C, OH, OW) upstream gradient
    x_shape : (N, C, H, W), the shape of the images
    kernel_size, stride, padding, area : as in the forward

    Returns
    -------
    dx : (N, C, H, W)
    """
    n, c, h, w = x_shape
    (top, bottom), (left, right) = padding
    share, dilation = dy / area, (1, 1)
    dpadded = np.zeros((n, c, top + h + bottom, left + w + right), dy.dtype)
    for _, _, rows, columns in taps(kernel_size, stride, dilation, area.shape):
        dpadded[..., rows, columns] += share
    return np.ascontiguousarray(dpadded[..., top : top + h, left : left + w])
