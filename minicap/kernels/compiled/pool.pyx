"""Pooling as a running maximum or sum over kernel taps, one output row at a time so it stays in cache."""

from cython cimport floating
from cython.parallel cimport prange

from libc.string cimport memcpy, memset

from minicap.kernels.compiled._math cimport div
from minicap.kernels.compiled._pairs cimport (
    PAIRS_KNOWN, max_pair, max_pairs, mean_pairs_f32, mean_pairs_f64
)
from minicap.kernels.compiled._vector cimport VECTOR_BYTES, load, store, vec, zip_high, zip_low
from minicap.kernels.compiled._windows cimport end_inside, first_inside

import numpy as np

from minicap.kernels._threads import get_num_threads


include "pool_pairs.pxi"


cdef enum:
    SHORT = 4  # windows in a row, too few to take a tap of all of them at a time


cdef struct Window:
    Py_ssize_t kernel_h, kernel_w, stride_h, stride_w, top, left


cdef inline void _pool_row(
    const floating[:, :, :, ::1] x, floating[:, :, :, ::1] y, int[:, :, :, ::1] winner,
    Py_ssize_t n, Py_ssize_t c, Py_ssize_t p, Py_ssize_t row, Py_ssize_t offset, Py_ssize_t stride,
) noexcept nogil:
    """Let what one tap sees along one output row challenge the maxima found so far."""
    cdef Py_ssize_t q, first = first_inside(offset, stride, y.shape[3])
    cdef Py_ssize_t start = row * x.shape[3] + offset
    cdef floating value, best
    cdef bint better
    for q in range(first, end_inside(offset, stride, x.shape[3], y.shape[3])):
        value, best = x[n, c, row, offset + q * stride], y[n, c, p, q]
        better = (value > best) | ((value != value) & (best == best)) | (winner[n, c, p, q] < 0)
        y[n, c, p, q] = value if better else best
        winner[n, c, p, q] = <int>(start + q * stride) if better else winner[n, c, p, q]


cdef inline void _pool_window(
    const floating[:, :, :, ::1] x, floating[:, :, :, ::1] y, int[:, :, :, ::1] winner,
    Py_ssize_t n, Py_ssize_t c, Py_ssize_t p, Py_ssize_t q, Window at,
) noexcept nogil:
    """Fill one window, whose maximum stays in a register."""
    cdef Py_ssize_t top = p * at.stride_h - at.top, left = q * at.stride_w - at.left, row, column, place = -1
    cdef floating best = y[n, c, p, q], value
    for row in range(max(0, top), min(x.shape[2], top + at.kernel_h)):
        for column in range(max(0, left), min(x.shape[3], left + at.kernel_w)):
            value = x[n, c, row, column]
            if value > best or place < 0 or (value != value and best == best):
                best, place = value, row * x.shape[3] + column
    y[n, c, p, q], winner[n, c, p, q] = best, <int>place


cdef void _forward(
    const floating[:, :, :, ::1] x, floating[:, :, :, ::1] y, int[:, :, :, ::1] winner, Window at, int threads
) noexcept:
    """Raise y from -inf to the maxima and winner from -1 to their places, tap by tap or, in short rows, by window."""
    cdef Py_ssize_t n, c, p, q, i, j, row
    for n in prange(y.shape[0], num_threads=threads, schedule="static", nogil=True):
        for c in range(y.shape[1]):
            for p in range(y.shape[2]):
                if y.shape[3] <= SHORT:
                    for q in range(y.shape[3]):
                        _pool_window(x, y, winner, n, c, p, q, at)
                    continue
                for i in range(at.kernel_h):
                    row = p * at.stride_h + i - at.top
                    if 0 <= row < x.shape[2]:
                        for j in range(at.kernel_w):
                            _pool_row(x, y, winner, n, c, p, row, j - at.left, at.stride_w)


cdef void _backward_plane(
    const floating[:, ::1] dy, const int[:, ::1] winner, floating[:, ::1] dx, Py_ssize_t plane
) noexcept nogil:
    """Add every gradient of a plane to its winner's pixel, right after the plane was cleared."""
    cdef Py_ssize_t q
    memset(&dx[plane, 0], 0, dx.shape[1] * sizeof(floating))
    for q in range(dy.shape[1]):
        dx[plane, winner[plane, q]] += dy[plane, q]


cdef void _backward(
    const floating[:, ::1] dy, const int[:, ::1] winner, floating[:, ::1] dx, int threads
) noexcept:
    """Fill planes of dx (N * C, H * W) from planes of dy (N * C, OH * OW)."""
    cdef Py_ssize_t plane
    for plane in prange(dy.shape[0], num_threads=threads, schedule="static", nogil=True):
        _backward_plane(dy, winner, dx, plane)


cdef inline void _add_row(
    const floating[:, :, :, ::1] x, floating[:, :, :, ::1] y,
    Py_ssize_t n, Py_ssize_t c, Py_ssize_t p, Py_ssize_t row, Py_ssize_t offset, Py_ssize_t stride,
) noexcept nogil:
    """Add what one tap sees along one output row."""
    cdef Py_ssize_t q, first = first_inside(offset, stride, y.shape[3])
    cdef Py_ssize_t end = end_inside(offset, stride, x.shape[3], y.shape[3])
    if stride == 1:  # on its own, so that the compiler sees neighbours
        for q in range(first, end):
            y[n, c, p, q] += x[n, c, row, offset + q]
    else:
        for q in range(first, end):
            y[n, c, p, q] += x[n, c, row, offset + q * stride]


cdef inline void _share_row(
    const floating[:, :, :, ::1] share, floating[:, :, :, ::1] dx,
    Py_ssize_t n, Py_ssize_t c, Py_ssize_t p, Py_ssize_t row, Py_ssize_t offset, Py_ssize_t stride,
) noexcept nogil:
    """Add along one output row to the pixels that one tap saw: the transpose of `_add_row`."""
    cdef Py_ssize_t q, first = first_inside(offset, stride, share.shape[3])
    cdef Py_ssize_t end = end_inside(offset, stride, dx.shape[3], share.shape[3])
    if stride == 1:
        for q in range(first, end):
            dx[n, c, row, offset + q] += share[n, c, p, q]
    else:
        for q in range(first, end):
            dx[n, c, row, offset + q * stride] += share[n, c, p, q]


cdef void _sums(const floating[:, :, :, ::1] x, floating[:, :, :, ::1] y, Window at, int threads) noexcept:
    """Add to y the pixels of every window, tap by tap."""
    cdef Py_ssize_t n, c, p, i, j, row
    for n in prange(y.shape[0], num_threads=threads, schedule="static", nogil=True):
        for c in range(y.shape[1]):
            for p in range(y.shape[2]):
                for i in range(at.kernel_h):
                    row = p * at.stride_h + i - at.top
                    if 0 <= row < x.shape[2]:
                        for j in range(at.kernel_w):
                            _add_row(x, y, n, c, p, row, j - at.left, at.stride_w)


cdef void _shares(
    const floating[:, :, :, ::1] share, floating[:, :, :, ::1] dx, Window at, int threads
) noexcept:
    """Add every window's share to each of its pixels, tap by tap."""
    cdef Py_ssize_t n, c, p, i, j, row
    for n in prange(share.shape[0], num_threads=threads, schedule="static", nogil=True):
        for c in range(share.shape[1]):
            for p in range(share.shape[2]):
                for i in range(at.kernel_h):
                    row = p * at.stride_h + i - at.top
                    if 0 <= row < dx.shape[2]:
                        for j in range(at.kernel_w):
                            _share_row(share, dx, n, c, p, row, j - at.left, at.stride_w)


cdef Window _window(kernel_size, stride, padding):
    """Return the numbers that say which pixel a tap sees."""
    return Window(kernel_size[0], kernel_size[1], stride[0], stride[1], padding[0][0], padding[1][0])


def _threads_for(x):
    """Return how many threads an array of this size is worth."""
    return get_num_threads() if x.size > 100_000 else 1


def _tiles_2x2(kernel_size, stride, padding):
    """Tell whether windows are 2x2 pixels side by side."""
    return tuple(kernel_size) == tuple(stride) == (2, 2) and not (any(padding[0]) or any(padding[1]))


def _planes(x):
    """Return a view of x (N, C, H, W) as (N * C, H, W)."""
    return x.reshape(x.shape[0] * x.shape[1], *x.shape[2:])


def max_pool2d_forward(x, kernel_size, stride, padding):
    """Take the largest pixel of every window; NaN counts as larger than any number. See the reference."""
    cdef Window at = _window(kernel_size, stride, padding)
    n, c, h, w = x.shape
    if _tiles_2x2(kernel_size, stride, padding):
        y, winner = np.empty((n, c, h // 2, w // 2), x.dtype), np.empty((n, c, h // 2, w // 2), np.int32)
        if x.dtype == np.float32:
            _max_2x2[float](_planes(x), _planes(y), _planes(winner), _threads_for(x))
        else:
            _max_2x2[double](_planes(x), _planes(y), _planes(winner), _threads_for(x))
        return y, winner
    oh = (h + sum(padding[0]) - kernel_size[0]) // stride[0] + 1
    ow = (w + sum(padding[1]) - kernel_size[1]) // stride[1] + 1
    y, winner = np.full((n, c, oh, ow), -np.inf, x.dtype), np.full((n, c, oh, ow), -1, np.int32)
    if x.dtype == np.float32:
        _forward[float](x, y, winner, at, _threads_for(x))
    else:
        _forward[double](x, y, winner, at, _threads_for(x))
    return y, winner


def max_pool2d_backward(dy, winner, x_shape):
    """Send each gradient to the pixel that won; where windows overlap, gradients add up."""
    n, c, oh, ow = dy.shape
    dx = np.empty(x_shape, dy.dtype)
    planes = dx.reshape(n * c, x_shape[2] * x_shape[3])
    dy, winner = dy.reshape(n * c, oh * ow), winner.reshape(n * c, oh * ow)
    if dy.dtype == np.float32:
        _backward[float](dy, winner, planes, _threads_for(dx))
    else:
        _backward[double](dy, winner, planes, _threads_for(dx))
    return dx


def avg_pool2d_forward(x, kernel_size, stride, padding, area):
    """Add up the pixels of every window and divide by its area; see the reference."""
    cdef Window at = _window(kernel_size, stride, padding)
    if _tiles_2x2(kernel_size, stride, padding):
        y = np.empty((*x.shape[:2], *area.shape), x.dtype)
        if x.dtype == np.float32:
            _mean_2x2[float](_planes(x), area, _planes(y), _threads_for(x))
        else:
            _mean_2x2[double](_planes(x), area, _planes(y), _threads_for(x))
        return y
    y = np.zeros((*x.shape[:2], *area.shape), x.dtype)
    if x.dtype == np.float32:
        _sums[float](x, y, at, _threads_for(x))
    else:
        _sums[double](x, y, at, _threads_for(x))
    y /= area
    return y


def avg_pool2d_backward(dy, x_shape, kernel_size, stride, padding, area):
    """Share each gradient among the pixels of its window; see the reference."""
    cdef Window at = _window(kernel_size, stride, padding)
    if _tiles_2x2(kernel_size, stride, padding):
        dx = np.empty(x_shape, dy.dtype)
        if dy.dtype == np.float32:
            _share_2x2[float](_planes(dy), area, _planes(dx), _threads_for(dx))
        else:
            _share_2x2[double](_planes(dy), area, _planes(dx), _threads_for(dx))
        return dx
    dx, share = np.zeros(x_shape, dy.dtype), dy / area
    if dy.dtype == np.float32:
        _shares[float](share, dx, at, _threads_for(dx))
    else:
        _shares[double](share, dx, at, _threads_for(dx))
    return dx
