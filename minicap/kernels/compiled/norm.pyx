"""Batch and layer normalisation, one channel or row after the other.

The values of one channel are summed, squared, then mapped before the next channel's turn, so the
second and the third pass find them in cache. Sums run in double precision and in eight lanes side by
side: one lane would wait for each addition before it starts the next.
"""

from cython cimport floating
from libc.math cimport sqrt

import numpy as np


cdef struct Sums:
    double plain, along


cdef double _sum(const floating[:, :, ::1] x, Py_ssize_t c) noexcept nogil:
    """Return the sum over a channel."""
    cdef Py_ssize_t n, s, k, whole = x.shape[2] - x.shape[2] % 8
    cdef double[8] lane
    for k in range(8):
        lane[k] = 0
    for n in range(x.shape[0]):
        for s in range(0, whole, 8):
            for k in range(8):
                lane[k] += x[n, c, s + k]
        for s in range(whole, x.shape[2]):
            lane[s - whole] += x[n, c, s]
    return _total(lane)


cdef double _squares(const floating[:, :, ::1] x, Py_ssize_t c, double mean) noexcept nogil:
    """Return the sum over a channel of (x - mean)**2."""
    cdef Py_ssize_t n, s, k, whole = x.shape[2] - x.shape[2] % 8
    cdef double[8] lane
    for k in range(8):
        lane[k] = 0
    for n in range(x.shape[0]):
        for s in range(0, whole, 8):
            for k in range(8):
                lane[k] += (x[n, c, s + k] - mean) * (x[n, c, s + k] - mean)
        for s in range(whole, x.shape[2]):
            lane[s - whole] += (x[n, c, s] - mean) * (x[n, c, s] - mean)
    return _total(lane)


cdef Sums _sums(
    const floating[:, :, ::1] g, const floating[:, :, ::1] x, Py_ssize_t c, double mean
) noexcept nogil:
    """Return the sums over a channel of g and of g * (x - mean)."""
    cdef Py_ssize_t n, s, k, whole = x.shape[2] - x.shape[2] % 8
    cdef double[8] plain, along
    for k in range(8):
        plain[k] = along[k] = 0
    for n in range(x.shape[0]):
        for s in range(0, whole, 8):
            for k in range(8):
                plain[k] += g[n, c, s + k]
                along[k] += g[n, c, s + k] * (x[n, c, s + k] - mean)
        for s in range(whole, x.shape[2]):
            plain[s - whole] += g[n, c, s]
            along[s - whole] += g[n, c, s] * (x[n, c, s] - mean)
    return Sums(_total(plain), _total(along))


cdef inline double _total(const double* lane) noexcept nogil:
    """Return the sum of the eight lanes."""
    return ((lane[0] + lane[1]) + (lane[2] + lane[3])) + ((lane[4] + lane[5]) + (lane[6] + lane[7]))


cdef void _map(
    const floating[:, :, ::1] x, floating[:, :, ::1] y, Py_ssize_t c,
    floating mean, floating scale, floating shift,
) noexcept nogil:
    """Fill a channel of y with (x - mean) * scale + shift."""
    cdef Py_ssize_t n, s
    for n in range(x.shape[0]):
        for s in range(x.shape[2]):
            y[n, c, s] = (x[n, c, s] - mean) * scale + shift


cdef void _forward(
    const floating[:, :, ::1] x, const floating[::1] gamma, const floating[::1] beta, double eps,
    floating[:, :, ::1] y, floating[::1] mean, floating[::1] var, floating[::1] inv_std,
) noexcept:
    """Fill y and the statistics."""
    cdef Py_ssize_t c
    cdef double count = <double>(x.shape[0] * x.shape[2]), exact, spread, scale
    with nogil:
        for c in range(x.shape[1]):
            exact = _sum(x, c) / count
            spread = _squares(x, c, exact) / count
            scale = 1 / sqrt(spread + eps)
            mean[c], var[c], inv_std[c] = <floating>exact, <floating>spread, <floating>scale
            scale = scale * gamma[c]
            # What rounding took from the mean goes into the shift, where it still counts.
            _map(x, y, c, mean[c], <floating>scale, <floating>(beta[c] + (mean[c] - exact) * scale))


cdef void _apply(
    const floating[:, :, ::1] x, const floating[::1] mean, const floating[::1] inv_std,
    const floating[::1] gamma, const floating[::1] beta, floating[:, :, ::1] y,
) noexcept:
    """Fill y from given statistics."""
    cdef Py_ssize_t c
    with nogil:
        for c in range(x.shape[1]):
            _map(x, y, c, mean[c], gamma[c] * inv_std[c], beta[c])


cdef void _backward(
    const floating[:, :, ::1] dy, const floating[:, :, ::1] x, const floating[::1] mean,
    const floating[::1] inv_std, const floating[::1] gamma, bint training,
    floating[:, :, ::1] dx, floating[::1] dgamma, floating[::1] dbeta,
) noexcept:
    """Fill all three gradients; the channel's dy and x come from memory once."""
    cdef Py_ssize_t n, c, s
    cdef double count = <double>(x.shape[0] * x.shape[2])
    cdef Sums sums
    cdef floating centre, scale, level, slope
    with nogil:
        for c in range(x.shape[1]):
            centre, scale = mean[c], gamma[c] * inv_std[c]
            sums = _sums(dy, x, c, centre)
            dgamma[c], dbeta[c] = <floating>(sums.along * inv_std[c]), <floating>sums.plain
            if not training:
                _map(dy, dx, c, 0, scale, 0)
                continue
            level = <floating>(sums.plain / count)
            slope = <floating>(sums.along * inv_std[c] * inv_std[c] / count)
            for n in range(x.shape[0]):
                for s in range(x.shape[2]):
                    dx[n, c, s] = scale * ((dy[n, c, s] - level) - slope * (x[n, c, s] - centre))


cdef void _layer_forward(
    const floating[:, :, ::1] x, const floating[::1] gamma, const floating[::1] beta, double eps,
    floating[:, :, ::1] y, floating[::1] mean, floating[::1] inv_std,
) noexcept:
    """Fill y (1, M, D) and the statistics of its rows."""
    cdef Py_ssize_t m, d
    cdef double count = <double>x.shape[2], exact
    cdef floating centre, scale, rest
    with nogil:
        for m in range(x.shape[1]):
            exact = _sum(x, m) / count
            centre, scale = <floating>exact, <floating>(1 / sqrt(_squares(x, m, exact) / count + eps))
            rest = <floating>((centre - exact) * scale)  # what rounding took from the mean
            mean[m], inv_std[m] = centre, scale
            for d in range(x.shape[2]):
                y[0, m, d] = ((x[0, m, d] - centre) * scale + rest) * gamma[d] + beta[d]


cdef void _layer_backward(
    const floating[:, :, ::1] dy, const floating[:, :, ::1] x, const floating[::1] mean,
    const floating[::1] inv_std, const floating[::1] gamma,
    floating[:, :, ::1] dx, double[::1] dgamma, double[::1] dbeta,
) noexcept:
    """Fill dx (1, M, D), and add to dgamma and dbeta, which are double until all rows are in."""
    cdef Py_ssize_t m, d
    cdef double count = <double>x.shape[2]
    cdef Sums sums
    cdef floating centre, scale, level, slope
    with nogil:
        for m in range(x.shape[1]):
            centre, scale = mean[m], inv_std[m]
            for d in range(x.shape[2]):
                dx[0, m, d] = dy[0, m, d] * gamma[d]
                dbeta[d] += dy[0, m, d]
                dgamma[d] += dy[0, m, d] * ((x[0, m, d] - centre) * scale)
            sums = _sums[floating](dx, x, m, centre)
            level = <floating>(sums.plain / count)
            slope = <floating>(sums.along * scale * scale / count)
            for d in range(x.shape[2]):
                dx[0, m, d] = scale * ((dx[0, m, d] - level) - slope * (x[0, m, d] - centre))


def _long(x):
    """Return x (N, C, S) with many values of a channel in a row: one pixel an image makes (1, C, N)."""
    return np.ascontiguousarray(x.transpose(2, 1, 0)) if x.shape[2] == 1 else x


def _back(y, shape):
    """Undo `_long`."""
    return y if y.shape == shape else np.ascontiguousarray(y.transpose(2, 1, 0))


def batch_norm_forward(x, gamma, beta, eps):
    """Normalise by the statistics of the batch; see the reference."""
    values = _long(x)
    y = np.empty_like(values)
    mean, var, inv_std = np.empty_like(gamma), np.empty_like(gamma), np.empty_like(gamma)
    if x.dtype == np.float32:
        _forward[float](values, gamma, beta, eps, y, mean, var, inv_std)
    else:
        _forward[double](values, gamma, beta, eps, y, mean, var, inv_std)
    return _back(y, x.shape), mean, var, inv_std


def batch_norm_apply(x, mean, inv_std, gamma, beta):
    """Normalise by given statistics; see the reference."""
    values = _long(x)
    y = np.empty_like(values)
    if x.dtype == np.float32:
        _apply[float](values, mean, inv_std, gamma, beta, y)
    else:
        _apply[double](values, mean, inv_std, gamma, beta, y)
    return _back(y, x.shape)


def batch_norm_backward(dy, x, mean, inv_std, gamma, training):
    """Propagate through map and statistics; see the reference."""
    upstream, values = _long(dy), _long(x)
    dx, dgamma, dbeta = np.empty_like(values), np.empty_like(gamma), np.empty_like(gamma)
    if x.dtype == np.float32:
        _backward[float](upstream, values, mean, inv_std, gamma, training, dx, dgamma, dbeta)
    else:
        _backward[double](upstream, values, mean, inv_std, gamma, training, dx, dgamma, dbeta)
    return _back(dx, x.shape), dgamma, dbeta


def layer_norm_forward(x, gamma, beta, eps):
    """Normalise every row by its own statistics; see the reference."""
    y, mean, inv_std = np.empty_like(x), np.empty(len(x), x.dtype), np.empty(len(x), x.dtype)
    if x.dtype == np.float32:
        _layer_forward[float](x[None], gamma, beta, eps, y[None], mean, inv_std)
    else:
        _layer_forward[double](x[None], gamma, beta, eps, y[None], mean, inv_std)
    return y, mean, inv_std


def layer_norm_backward(dy, x, mean, inv_std, gamma):
    """Propagate through rows and columns; see the reference."""
    dx, dgamma, dbeta = np.empty_like(x), np.zeros(x.shape[1]), np.zeros(x.shape[1])
    if x.dtype == np.float32:
        _layer_backward[float](dy[None], x[None], mean, inv_std, gamma, dx[None], dgamma, dbeta)
    else:
        _layer_backward[double](dy[None], x[None], mean, inv_std, gamma, dx[None], dgamma, dbeta)
    return dx, dgamma.astype(x.dtype), dbeta.astype(x.dtype)
