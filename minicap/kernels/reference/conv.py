"""Two-dimensional convolution as a sum over kernel taps, each one matrix product over all pixels.

The output pixel (oh, ow) of filter f is

    y[n, f, oh, ow] = b[f] + sum over c, i, j of
                      w[f, c, i, j] * padded[n, c, oh * stride + i * dilation, ow * stride + j * dilation]

(cross-correlation: the kernel is not flipped). Read with the tap (i, j) outermost, it says: take the
pixels which this tap sees, one for every output pixel, and mix their C channels into F filters by
the matrix w[:, :, i, j]. The two gradients follow tap by tap, since each tap is a linear map:

    forward    y      +=  w_ij   @ seen_ij
    input      dseen  +=  w_ij^T @ dy          (added back to the pixels which the tap saw)
    weight     dw_ij   =  dy     @ seen_ij^T

With groups, channels and filters fall into G parts that do not mix: G products side by side.
"""

from __future__ import annotations

import numpy as np

from minicap._types import Array
from minicap.kernels.reference._windows import Padding, Pair, Shape, output_size, pad, taps
from minicap.kernels.reference.pool import max_pool2d_forward


def _by_group(x: Array, groups: int) -> Array:
    """Return x (N, C, H, W) as (G, C/G, N, H, W), so that all pixels of a channel lie together."""
    n, c, h, w = x.shape
    return x.transpose(1, 0, 2, 3).reshape(groups, c // groups, n, h, w)


def _by_image(x: Array) -> Array:
    """Return x (G, C/G, N, H, W) as a contiguous (N, C, H, W), undoing `_by_group`."""
    g, c, n, h, w = x.shape
    return np.ascontiguousarray(x.reshape(g * c, n, h, w).transpose(1, 0, 2, 3))


def _by_tap(w: Array, groups: int) -> Array:
    """Return w (F, C/G, KH, KW) as contiguous matrices (KH, KW, G, F/G, C/G), one a tap and group."""
    f, c, kh, kw = w.shape
    return np.ascontiguousarray(w.reshape(groups, f // groups, c, kh, kw).transpose(3, 4, 0, 1, 2))


def conv2d_forward(
    x: Array, w: Array, b: Array, stride: Pair, padding: Padding, dilation: Pair, groups: int
) -> Array:
    """Slide the filters over the images and add the bias.

    Parameters
    ----------
    x : (N, C, H, W) images
    w : (F, C/groups, KH, KW) filters
    b : (F,) bias
    stride, dilation : (vertical, horizontal) in pixels
    padding : ((top, bottom), (left, right)) in pixels, filled with zeros
    groups : number of parts into which channels and filters fall

    Returns
    -------
    y : (N, F, OH, OW)
    """
    (n, _, height, width), (f, c, kh, kw) = x.shape, w.shape  # c: the channels of one group
    oh, ow = output_size((height, width), (kh, kw), stride, padding, dilation)
    padded, w_taps = _by_group(pad(x, padding), groups), _by_tap(w, groups)
    y = np.zeros((groups, f // groups, n * oh * ow), x.dtype)
    for i, j, rows, columns in taps((kh, kw), stride, dilation, (oh, ow)):
        seen = padded[..., rows, columns].reshape(groups, c, n * oh * ow)
        y += w_taps[i, j] @ seen
    y += b.reshape(groups, f // groups, 1)
    return _by_image(y.reshape(groups, f // groups, n, oh, ow))


def conv2d_backward_input(
    dy: Array, w: Array, x_shape: Shape, stride: Pair, padding: Padding, dilation: Pair, groups: int
) -> Array:
    """Give every pixel the gradient of all outputs that it took part in.

    Parameters
    ----------
    dy : (N, F, OH, OW) upstream gradient
    w : (F, C/groups, KH, KW) filters
    x_shape : (N, C, H, W), the shape of the images
    stride, padding, dilation, groups : as in the forward

    Returns
    -------
    dx : (N, C, H, W)
    """
    (n, _, height, width), (f, c, kh, kw) = x_shape, w.shape
    (top, bottom), (left, right) = padding
    oh, ow = dy.shape[2:]
    dy_rows, w_taps = _by_group(dy, groups).reshape(groups, f // groups, n * oh * ow), _by_tap(w, groups)
    dpadded = np.zeros((groups, c, n, top + height + bottom, left + width + right), dy.dtype)
    for i, j, rows, columns in taps((kh, kw), stride, dilation, (oh, ow)):
        dseen = w_taps[i, j].swapaxes(1, 2) @ dy_rows
        dpadded[..., rows, columns] += dseen.reshape(groups, c, n, oh, ow)
    return _by_image(dpadded[..., top : top + height, left : left + width])


def conv2d_backward_weight(
    dy: Array, x: Array, w_shape: Shape, stride: Pair, padding: Padding, dilation: Pair, groups: int
) -> Array:
    """Correlate the upstream gradient with the pixels that each tap saw.

    Parameters
    ----------
    dy : (N, F, OH, OW) upstream gradient
    x : (N, C, H, W) images
    w_shape : (F, C/groups, KH, KW), the shape of the filters
    stride, padding, dilation, groups : as in the forward

    Returns
    -------
    dw : (F, C/groups, KH, KW)
    """
    f, c, kh, kw = w_shape
    n, _, oh, ow = dy.shape
    dy_rows = _by_group(dy, groups).reshape(groups, f // groups, n * oh * ow)
    padded = _by_group(pad(x, padding), groups)
    dw = np.empty((groups, f // groups, c, kh, kw), dy.dtype)
    for i, j, rows, columns in taps((kh, kw), stride, dilation, (oh, ow)):
        seen = padded[..., rows, columns].reshape(groups, c, n * oh * ow)
        dw[..., i, j] = dy_rows @ seen.swapaxes(1, 2)
    return dw.reshape(w_shape)


def conv2d_relu_pool_forward(x: Array, w: Array, b: Array, padding: Padding) -> tuple[Array, Array]:
    """Convolve at stride 1, cut off what is negative, and take the largest of 2x2 pixels: three in one.

    Parameters
    ----------
    x : (N, C, H, W) images
    w : (F, C, KH, KW) filters
    b : (F,) bias
    padding : ((top, bottom), (left, right)) in pixels, filled with zeros

    Returns
    -------
    y : (N, F, OH // 2, OW // 2)
    winner : int32, like y; the flat index of the largest pixel in its OH x OW map before it was cut off
    """
    full = conv2d_forward(x, w, b, (1, 1), padding, (1, 1), 1)
    largest, winner = max_pool2d_forward(full, (2, 2), (2, 2), ((0, 0), (0, 0)))
    return np.maximum(largest, 0), winner
