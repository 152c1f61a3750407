"""Two-dimensional convolution, straight from the pixels: none is copied once per tap.

Four ways, each in files of its own; which one serves a shape, `minicap.kernels.conv_choice` says:

    rows       conv_tiles.pxi, conv_direct.pxi     a vector holds pixels of one filter
    pixels     conv_pixels.pxi, conv_weights.pxi   a vector holds filters of one pixel
    winograd   conv_winograd.pxi                   fewer multiplications for 3x3 and 5x5
    unfold     _unfold.pyx                         large matrix products, where vectors are narrow
"""

from cython cimport floating
from cython.parallel cimport prange, threadid
from libc.string cimport memset

from minicap.kernels.compiled._pairs cimport PAIRS_KNOWN, max_pair, max_pairs
from minicap.kernels.compiled._vector cimport (
    TILE_ROWS, TILE_TAPS, VECTOR_BYTES, add, broadcast, load, madd, mul, store, vec, zero, zip_high, zip_low
)
from minicap.kernels.compiled._windows cimport end_inside, first_inside

import numpy as np

from minicap.kernels._conv_choice import conv_choice
from minicap.kernels._conv_geometry import forward_correlation, input_correlation, output_size
from minicap.kernels._switch import module_in_use
from minicap.kernels._threads import get_num_threads
from minicap.kernels._workspace import scratch

include "conv_tiles.pxi"
include "conv_turn.pxi"
include "conv_pool.pxi"
include "conv_direct.pxi"
include "conv_pixels.pxi"
include "conv_weights.pxi"
include "conv_drive.pxi"
include "conv_winograd.pxi"
include "conv_winograd_drive.pxi"


def _way(which, w_shape, stride, dilation, groups, dtype):
    """Return the way that this build goes for the forward, input or weight gradient."""
    return conv_choice(tuple(w_shape), tuple(stride), tuple(dilation), groups, dtype.itemsize, VECTOR_BYTES)[which]


def _unfolding():
    """Return the module for narrow vectors, which only the build for any processor has."""
    from minicap.kernels.compiled.generic import _unfold

    return _unfold


def _correlate_images(x, y, plan, groups, w, steps, b, winner):
    """Fill y (N, G * F, OH, OW) from x (N, G * C, H, W), as the plan says; pooled where there are winners."""
    images, channels, height, width = x.shape
    source = images, groups, channels // groups, height, width
    arrays = x.reshape(-1), y.reshape(-1), source, plan, w.reshape(-1), steps, b, y.shape[1] // groups, *y.shape[2:]
    places = None if winner is None else winner.reshape(-1)
    if x.dtype == np.float32:
        if plan.by_pixel:
            _by_pixels[float](*arrays)
        else:
            _by_rows[float](*arrays, places)
    elif plan.by_pixel:
        _by_pixels[double](*arrays)
    else:
        _by_rows[double](*arrays, places)


def _forward_into(y, way, x, w, b, size, stride, padding, dilation, groups, winner):
    """Fill y with the convolution of this size, or with what pooling makes of it where there are winners."""
    _, c, kh, kw = w.shape
    if way == "winograd":
        _winograd_images(x, w, b, y, size, padding[0][0], padding[1][0], False, winner)
    else:
        plan = forward_correlation(
            x.shape[2:], c, (kh, kw), size, tuple(stride), padding, tuple(dilation), way == "pixels"
        )
        _correlate_images(x, y, plan, groups, w, (c * kh * kw, kh * kw), b, winner)


def conv2d_forward(x, w, b, stride, padding, dilation, groups):
    """Slide the filters over the images and add the bias; see the reference."""
    size = output_size(x.shape, w.shape, stride, padding, dilation)
    way = _way("forward", w.shape, stride, dilation, groups, x.dtype)
    y = np.empty((len(x), len(w), *size), x.dtype)
    if y.size == 0:
        return y
    if way == "unfold":
        return _unfolding().forward(x, w, b, stride, padding, dilation, groups)
    _forward_into(y, way, x, w, b, size, stride, padding, dilation, groups, None)
    return y


def conv2d_relu_pool_forward(x, w, b, padding):
    """Convolve at stride 1, cut off at zero, and take the largest of 2x2 pixels; see the reference."""
    plain = (1, 1)
    size = output_size(x.shape, w.shape, plain, padding, plain)
    way = _way("forward", w.shape, plain, plain, 1, x.dtype)
    if way == "unfold":
        full = conv2d_forward(x, w, b, plain, padding, plain, 1)
        largest, winner = module_in_use("pool").max_pool2d_forward(full, (2, 2), (2, 2), ((0, 0), (0, 0)))
        return np.maximum(largest, 0, out=largest), winner
    y = np.empty((len(x), len(w), size[0] // 2, size[1] // 2), x.dtype)
    winner = np.empty(y.shape, np.int32)
    if y.size:
        _forward_into(y, way, x, w, b, size, plain, padding, plain, 1, winner)
    return y, winner


def conv2d_backward_input(dy, w, x_shape, stride, padding, dilation, groups):
    """Give every pixel the gradient of all outputs that it took part in; see the reference."""
    f, c, kh, kw = w.shape
    way = _way("input", w.shape, stride, dilation, groups, dy.dtype)
    dx = np.empty(x_shape, dy.dtype)
    if dx.size == 0:
        return dx
    if way == "unfold":
        return _unfolding().input(dy, w, x_shape, stride, padding, dilation, groups)
    if way == "winograd":
        _winograd_images(dy, w, 0, dx, dx.shape[2:], kh - 1 - padding[0][0], kw - 1 - padding[1][0], True, None)
    else:
        plan = input_correlation(
            dy.shape[2:], f // groups, (kh, kw), tuple(x_shape[2:]), tuple(stride), padding, tuple(dilation),
            way == "pixels",
        )
        _correlate_images(dy, dx, plan, groups, w, (kh * kw, c * kh * kw), np.zeros(x_shape[1], dy.dtype), None)
    return dx


def conv2d_backward_weight(dy, x, w_shape, stride, padding, dilation, groups):
    """Correlate the upstream gradient with the pixels that each tap saw; see the reference."""
    _, c, kh, kw = w_shape
    way = _way("weight", w_shape, stride, dilation, groups, dy.dtype)
    if way == "unfold":
        return _unfolding().weight(dy, x, w_shape, stride, padding, dilation, groups)
    dw = np.zeros(w_shape, dy.dtype)
    if dy.size == 0:
        return dw
    if way == "winograd":
        _winograd_weight_gradient(x, dy, dw, padding[0][0], padding[1][0])
    else:
        plan = forward_correlation(
            x.shape[2:], c, (kh, kw), dy.shape[2:], tuple(stride), padding, tuple(dilation), way == "pixels"
        )
        source = len(x), groups, c, x.shape[2], x.shape[3]
        if x.dtype == np.float32:
            _weights[float](x.reshape(-1), dy.reshape(-1), source, plan, dw, *dy.shape[2:])
        else:
            _weights[double](x.reshape(-1), dy.reshape(-1), source, plan, dw, *dy.shape[2:])
    return dw
