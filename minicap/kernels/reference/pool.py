"""Max pooling as a running maximum over kernel taps.

The output keeps, beside each maximum, where it was: the flat index of the winning pixel in its
image. That index is all the backward needs, since

    y = max(x_1, ..., x_K)   =>   dy/dx_k = 1 for the winner, 0 for all others.
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
