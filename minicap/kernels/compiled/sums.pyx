"""Sums in vectors: blocks in their own type, so that memory is the limit, and the blocks in float64.

A block is NEAR vectors long, so a float32 sum is off by NEAR roundings of its terms at most, however many
there are. What belongs to one sum is added up in a fixed order, whatever the number of threads.
"""

from cython cimport floating
from cython.parallel cimport prange

from minicap.kernels.compiled._math cimport add_wide, prefetch, total_wide
from minicap.kernels.compiled._vector cimport VECTOR_BYTES, add, load, vec, zero

import numpy as np

from minicap.kernels._threads import get_num_threads

cdef enum:
    NEAR = 16  # vectors


cdef inline double _sum(const floating* x, Py_ssize_t count, Py_ssize_t ahead) noexcept nogil:
    """Return the sum of a row, and ask for the one so far ahead, if any."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(floating), s = 0, end, whole = count - count % (2 * lanes)
    cdef vec near, other
    cdef vec[2] sums
    cdef double rest = 0
    sums[0] = sums[1] = zero()
    while s < whole:
        near = zero()
        other = zero()
        end = min(s + 2 * NEAR * lanes, whole)
        while s < end:
            if ahead:
                prefetch(x + s + ahead)
                prefetch(x + s + ahead + lanes)
            near = add(near, load(x + s), x)
            other = add(other, load(x + s + lanes), x)
            s += 2 * lanes
        add_wide(sums, near, x)
        add_wide(sums, other, x)
    if s + lanes <= count:
        add_wide(sums, load(x + s), x)
        s += lanes
    while s < count:
        rest += x[s]
        s += 1
    return total_wide(sums) + rest


cdef inline floating _channel(const floating[:, :, ::1] x, Py_ssize_t c) noexcept nogil:
    """Return the sum of a channel."""
    cdef Py_ssize_t n, step = x.shape[1] * x.shape[2]
    cdef Py_ssize_t ahead = step * (1 + 3072 // (x.shape[2] * <Py_ssize_t>sizeof(floating) + 1))
    cdef double found = 0
    for n in range(x.shape[0]):
        found += _sum(&x[n, c, 0], x.shape[2], ahead)
    return <floating>found


cdef void _channels(const floating[:, :, ::1] x, floating[::1] sums, int threads) noexcept:
    """Fill the sums."""
    cdef Py_ssize_t c
    for c in prange(sums.shape[0], num_threads=threads, schedule="static", nogil=True):
        sums[c] = _channel(x, c)


cdef void _rows(const floating[:, ::1] x, floating[::1] means, int threads) noexcept:
    """Fill the means."""
    cdef Py_ssize_t m, count = x.shape[1]
    for m in prange(means.shape[0], num_threads=threads, schedule="static", nogil=True):
        means[m] = <floating>(_sum(&x[m, 0], count, 0) / count)


def _threads_for(x):
    """Return how many threads an array of this size is worth."""
    return get_num_threads() if x.size > 400_000 else 1


def channel_sums(x):
    """Add up every channel over the batch and its pixels; see the reference."""
    if x.shape[2] == 1:  # rows of channels: NumPy adds them as they lie
        return x[:, :, 0].sum(axis=0, dtype=np.float64).astype(x.dtype)
    sums = np.empty(x.shape[1], x.dtype)
    if x.size == 0:
        sums.fill(0)
    elif x.dtype == np.float32:
        _channels[float](x, sums, _threads_for(x))
    else:
        _channels[double](x, sums, _threads_for(x))
    return sums


def row_means(x):
    """Average every row; see the reference."""
    means = np.empty(len(x), x.dtype)
    if x.dtype == np.float32:
        _rows[float](x, means, _threads_for(x))
    else:
        _rows[double](x, means, _threads_for(x))
    return means
