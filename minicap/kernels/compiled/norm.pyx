"""Batch and layer normalisation: statistics in one pass over memory, the map in one that finds it in cache.

Sums run in float64, side by side in the lanes of vectors. The variance needs no pass of its own: values are
shifted by the first one before they are squared, so that a large mean takes no digits from

    var = sum(d**2) / M - (sum(d) / M)**2          d = x - first

since float64 has more to spare for float32 than an unlucky first value can cost. For float64 itself, which
has not, the shift is the mean, from a pass of its own.
A channel or a row belongs to one thread, and rows are added up in a fixed order, so results are the same for
any number of threads.
"""

from cython cimport floating
from cython.parallel cimport prange
from libc.math cimport sqrt
from libc.string cimport memset

from minicap.kernels.compiled._math cimport (
    LARGE, add_wide, before_aligned, prefetch, store_past, store_past_end, total_wide, widen_high, widen_low,
)
from minicap.kernels.compiled._vector cimport (
    VECTOR_BYTES, add, broadcast, load, madd, mul, store, sub, vec, zero,
)

import numpy as np

from minicap.kernels._threads import get_num_threads
from minicap.kernels._workspace import scratch


cdef enum:
    CHUNKS = 16  # parts of a layer norm's rows, as many for one thread as for several
    NEAR = 16  # vectors, or rows, of gradients that are added in their own type before float64 takes over


cdef struct Moments:
    double mean, var


cdef struct Sums:
    double plain, along


include "norm_sums.pxi"


cdef inline void _map_row(
    const floating* x, floating* y, Py_ssize_t count, floating mean, floating scale, floating shift,
) noexcept nogil:
    """Fill y with (x - mean) * scale + shift."""
    cdef Py_ssize_t s
    for s in range(count):
        y[s] = (x[s] - mean) * scale + shift


cdef void _map(
    const floating* x, floating* y, Py_ssize_t rows, Py_ssize_t step, Py_ssize_t count,
    floating mean, floating scale, floating shift, bint past_caches,
) noexcept nogil:
    """Fill rows of y with (x - mean) * scale + shift."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(floating), _, k, head
    cdef vec centre = broadcast[floating](mean), times = broadcast[floating](scale)
    cdef vec plus = broadcast[floating](shift), v
    for _ in range(rows):
        if past_caches:
            head = before_aligned(y, count)
            _map_row(x, y, head, mean, scale, shift)
            for k in range((count - head) // lanes):
                v = sub(load(x + head + k * lanes), centre, x)
                store_past(y + head + k * lanes, madd(plus, v, times, x))
            head += (count - head) // lanes * lanes
            _map_row(x + head, y + head, count - head, mean, scale, shift)
        else:
            _map_row(x, y, count, mean, scale, shift)
        x += step
        y += step
    if past_caches:
        store_past_end()


cdef inline void _map_back_row(
    const floating* dy, const floating* x, floating* dx, Py_ssize_t count,
    floating mean, floating scale, floating level, floating slope,
) noexcept nogil:
    """Fill dx with scale * (dy - level - slope * (x - mean))."""
    cdef Py_ssize_t s
    for s in range(count):
        dx[s] = scale * ((dy[s] - level) - slope * (x[s] - mean))


cdef void _map_back(
    const floating* dy, const floating* x, floating* dx, Py_ssize_t rows, Py_ssize_t step, Py_ssize_t count,
    floating mean, floating scale, floating level, floating slope, bint past_caches,
) noexcept nogil:
    """Fill rows of dx with scale * (dy - level - slope * (x - mean))."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(floating), _, k, s, head
    cdef vec centre = broadcast[floating](mean), times = broadcast[floating](scale)
    cdef vec down = broadcast[floating](level), along = broadcast[floating](-slope), v
    for _ in range(rows):
        if past_caches:
            head = before_aligned(dx, count)
            _map_back_row(dy, x, dx, head, mean, scale, level, slope)
            for k in range((count - head) // lanes):
                s = head + k * lanes
                v = madd(sub(load(dy + s), down, x), sub(load(x + s), centre, x), along, x)
                store_past(dx + s, mul(v, times, x))
            head += (count - head) // lanes * lanes
            _map_back_row(dy + head, x + head, dx + head, count - head, mean, scale, level, slope)
        else:
            _map_back_row(dy, x, dx, count, mean, scale, level, slope)
        dy += step
        x += step
        dx += step
    if past_caches:
        store_past_end()


cdef inline bint _past_caches(const floating[:, :, ::1] x) noexcept nogil:
    """Tell whether a result like x is large, in rows of some length."""
    cdef Py_ssize_t row = x.shape[2] * <Py_ssize_t>sizeof(floating)
    return row >= 8 * VECTOR_BYTES and x.shape[0] * x.shape[1] * row >= LARGE


cdef void _forward_channel(
    const floating[:, :, ::1] x, const floating[::1] gamma, const floating[::1] beta, double eps,
    floating[:, :, ::1] y, floating[::1] mean, floating[::1] var, floating[::1] inv_std, Py_ssize_t c,
) noexcept nogil:
    """Fill one channel of y, and its statistics."""
    cdef Py_ssize_t step = x.shape[1] * x.shape[2]
    cdef Moments exact = _moments(&x[0, c, 0], x.shape[0], step, x.shape[2])
    cdef double scale = 1 / sqrt(exact.var + eps)
    mean[c], var[c], inv_std[c] = <floating>exact.mean, <floating>exact.var, <floating>scale
    scale = scale * gamma[c]
    # What rounding took from the mean goes into the shift, where it still counts.
    _map(
        &x[0, c, 0], &y[0, c, 0], x.shape[0], step, x.shape[2],
        mean[c], <floating>scale, <floating>(beta[c] + (mean[c] - exact.mean) * scale), _past_caches(x),
    )


cdef void _forward(
    const floating[:, :, ::1] x, const floating[::1] gamma, const floating[::1] beta, double eps,
    floating[:, :, ::1] y, floating[::1] mean, floating[::1] var, floating[::1] inv_std, int threads,
) noexcept:
    """Fill y and the statistics."""
    cdef Py_ssize_t c
    for c in prange(x.shape[1], num_threads=threads, schedule="static", nogil=True):
        _forward_channel(x, gamma, beta, eps, y, mean, var, inv_std, c)


cdef void _apply(
    const floating[:, :, ::1] x, const floating[::1] mean, const floating[::1] inv_std,
    const floating[::1] gamma, const floating[::1] beta, floating[:, :, ::1] y, int threads,
) noexcept:
    """Fill y from given statistics."""
    cdef Py_ssize_t c, n = x.shape[0], step = x.shape[1] * x.shape[2], s = x.shape[2]
    cdef bint past_caches = _past_caches(x)
    for c in prange(x.shape[1], num_threads=threads, schedule="static", nogil=True):
        _map(&x[0, c, 0], &y[0, c, 0], n, step, s, mean[c], gamma[c] * inv_std[c], beta[c], past_caches)


cdef void _backward_channel(
    const floating[:, :, ::1] dy, const floating[:, :, ::1] x, const floating[::1] mean,
    const floating[::1] inv_std, const floating[::1] gamma, bint training,
    floating[:, :, ::1] dx, floating[::1] dgamma, floating[::1] dbeta, Py_ssize_t c,
) noexcept nogil:
    """Fill one channel's gradients; dy and x come from memory once."""
    cdef Py_ssize_t step = x.shape[1] * x.shape[2]
    cdef double count = <double>(x.shape[0] * x.shape[2])
    cdef floating centre = mean[c], scale = gamma[c] * inv_std[c], level, slope
    cdef const floating* g = &dy[0, c, 0]
    cdef const floating* of = &x[0, c, 0]
    cdef floating* out = &dx[0, c, 0]
    cdef Py_ssize_t n, ahead = _ahead(step, x.shape[2] * sizeof(floating))
    cdef Sums sums = Sums(0, 0)
    for n in range(x.shape[0]):
        _add_sums(&sums, g + n * step, <const floating*>NULL, of + n * step, x.shape[2], centre, ahead)
    dbeta[c], dgamma[c] = <floating>sums.plain, <floating>(sums.along * inv_std[c])
    if not training:
        _map(g, out, x.shape[0], step, x.shape[2], 0, scale, 0, _past_caches(x))
        return
    level = <floating>(sums.plain / count)
    slope = <floating>(sums.along * inv_std[c] * inv_std[c] / count)
    _map_back(g, of, out, x.shape[0], step, x.shape[2], centre, scale, level, slope, _past_caches(x))


cdef void _backward(
    const floating[:, :, ::1] dy, const floating[:, :, ::1] x, const floating[::1] mean,
    const floating[::1] inv_std, const floating[::1] gamma, bint training,
    floating[:, :, ::1] dx, floating[::1] dgamma, floating[::1] dbeta, int threads,
) noexcept:
    """Fill all three gradients."""
    cdef Py_ssize_t c
    for c in prange(x.shape[1], num_threads=threads, schedule="static", nogil=True):
        _backward_channel(dy, x, mean, inv_std, gamma, training, dx, dgamma, dbeta, c)


include "norm_layer.pxi"


def _threads_for(x):
    """Return how many threads an array of this size is worth."""
    return get_num_threads() if x.size > 100_000 else 1


def _long(x):
    """Return x (N, C, S) with many values of a channel in a row: one pixel an image makes (1, C, N)."""
    return np.ascontiguousarray(x.transpose(2, 1, 0)) if x.shape[2] == 1 else x


def _back(y, shape):
    """Undo `_long`."""
    return y if y.shape == shape else np.ascontiguousarray(y.transpose(2, 1, 0))


def batch_norm_forward(x, gamma, beta, eps):
    """Normalise by the statistics of the batch; see the reference."""
    values, threads = _long(x), _threads_for(x)
    y = np.empty_like(values)
    mean, var, inv_std = np.empty_like(gamma), np.empty_like(gamma), np.empty_like(gamma)
    if x.dtype == np.float32:
        _forward[float](values, gamma, beta, eps, y, mean, var, inv_std, threads)
    else:
        _forward[double](values, gamma, beta, eps, y, mean, var, inv_std, threads)
    return _back(y, x.shape), mean, var, inv_std


def batch_norm_apply(x, mean, inv_std, gamma, beta):
    """Normalise by given statistics; see the reference."""
    values, threads = _long(x), _threads_for(x)
    y = np.empty_like(values)
    if x.size == 0:
        return y.reshape(x.shape)
    if x.dtype == np.float32:
        _apply[float](values, mean, inv_std, gamma, beta, y, threads)
    else:
        _apply[double](values, mean, inv_std, gamma, beta, y, threads)
    return _back(y, x.shape)


def batch_norm_backward(dy, x, mean, inv_std, gamma, training):
    """Propagate through map and statistics; see the reference."""
    upstream, values, threads = _long(dy), _long(x), _threads_for(x)
    dx, dgamma, dbeta = np.empty_like(values), np.empty_like(gamma), np.empty_like(gamma)
    if x.size == 0:
        return dx.reshape(x.shape), np.zeros_like(gamma), np.zeros_like(gamma)
    if x.dtype == np.float32:
        _backward[float](upstream, values, mean, inv_std, gamma, training, dx, dgamma, dbeta, threads)
    else:
        _backward[double](upstream, values, mean, inv_std, gamma, training, dx, dgamma, dbeta, threads)
    return _back(dx, x.shape), dgamma, dbeta


def layer_norm_forward(x, gamma, beta, eps):
    """Normalise every row by its own statistics; see the reference."""
    y, mean, inv_std = np.empty_like(x), np.empty(len(x), x.dtype), np.empty(len(x), x.dtype)
    if x.dtype == np.float32:
        _layer_forward[float](x, gamma, beta, eps, y, mean, inv_std, _threads_for(x))
    else:
        _layer_forward[double](x, gamma, beta, eps, y, mean, inv_std, _threads_for(x))
    return y, mean, inv_std


def layer_norm_backward(dy, x, mean, inv_std, gamma):
    """Propagate through rows and columns; see the reference."""
    dx, dgamma, dbeta = np.empty_like(x), np.empty_like(gamma), np.empty_like(gamma)
    parts = scratch(CHUNKS * 2 * x.shape[1] * 8).view(np.float64).reshape(CHUNKS, 2, x.shape[1])
    if x.dtype == np.float32:
        _layer_backward[float](dy, x, mean, inv_std, gamma, dx, parts, dgamma, dbeta, _threads_for(x))
    else:
        _layer_backward[double](dy, x, mean, inv_std, gamma, dx, parts, dgamma, dbeta, _threads_for(x))
    return dx, dgamma, dbeta
