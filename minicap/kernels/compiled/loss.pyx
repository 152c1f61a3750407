"""Log-softmax and the gradient of cross-entropy: each row is in cache from its first pass to its last.

Rows are shared out over threads, and each is worked on alone, so results are the same for any number of them.
"""

from cython cimport floating
from cython.parallel cimport prange
from libc.math cimport log
from libc.string cimport memset

from minicap.kernels.compiled._math cimport (
    LARGE, add_wide, before_aligned, larger, load_some, store_past, store_past_end, store_some,
    total_wide, vexp,
)
from minicap.kernels.compiled._vector cimport (
    VECTOR_BYTES, add, broadcast, load, mul, store, sub, vec, zero,
)

import numpy as np

from minicap.kernels._threads import get_num_threads

cdef extern from "math.h" nogil:
    float INFINITY

cdef enum:
    BLOCK = 32  # vectors of exponentials that are added in their own type before float64 takes over


cdef inline floating _largest(const floating* x, Py_ssize_t count) noexcept nogil:
    """Return the largest of some numbers, and anything where one of them is NaN."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(floating), k, whole = count - count % lanes
    cdef vec[4] most
    cdef floating[16] lane
    cdef floating found
    for k in range(4):
        most[k] = broadcast[floating](<floating>(-INFINITY))
    k = 0
    while k + 4 * lanes <= whole:
        most[0] = larger(load(x + k), most[0], x)
        most[1] = larger(load(x + k + lanes), most[1], x)
        most[2] = larger(load(x + k + 2 * lanes), most[2], x)
        most[3] = larger(load(x + k + 3 * lanes), most[3], x)
        k += 4 * lanes
    while k < whole:
        most[0] = larger(load(x + k), most[0], x)
        k += lanes
    if k < count:
        most[1] = larger(load_some(x + k, count - k, <floating>(-INFINITY)), most[1], x)
    store(lane, larger(larger(most[0], most[1], x), larger(most[2], most[3], x), x))
    found = lane[0]
    for k in range(1, lanes):
        found = lane[k] if lane[k] > found else found
    return found


cdef inline double _exp_sum(const floating* x, Py_ssize_t count, floating most) noexcept nogil:
    """Return the sum of exp(x - most)."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(floating), k = 0, end
    cdef vec level = broadcast[floating](most)
    cdef vec[2] sums, near
    sums[0] = sums[1] = zero()
    while k + 2 * lanes <= count:
        near[0] = near[1] = zero()
        end = min(k + BLOCK * lanes, count - 2 * lanes + 1)
        while k < end:
            near[0] = add(near[0], vexp(sub(load(x + k), level, x), x), x)
            near[1] = add(near[1], vexp(sub(load(x + k + lanes), level, x), x), x)
            k += 2 * lanes
        add_wide(sums, add(near[0], near[1], x), x)
    while k < count:
        near[0] = load_some(x + k, min(lanes, count - k), <floating>(-INFINITY))
        add_wide(sums, vexp(sub(near[0], level, x), x), x)
        k += lanes
    return total_wide(sums)


cdef inline void _normalise(
    const floating* x, floating* y, Py_ssize_t count, floating most, floating rest, bint past_caches
) noexcept nogil:
    """Fill y with x - most - rest."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(floating), k = 0
    cdef vec one = broadcast[floating](most), other = broadcast[floating](rest)
    if past_caches:
        for k in range(before_aligned(y, count)):
            y[k] = (x[k] - most) - rest
        k = before_aligned(y, count)
        while k + lanes <= count:
            store_past(y + k, sub(sub(load(x + k), one, x), other, x))
            k += lanes
    while k + lanes <= count:
        store(y + k, sub(sub(load(x + k), one, x), other, x))
        k += lanes
    while k < count:
        y[k] = (x[k] - most) - rest
        k += 1


cdef void _log_softmax_row(
    const floating[:, ::1] x, floating[:, ::1] y, Py_ssize_t m, bint past_caches
) noexcept nogil:
    """Fill one row of y."""
    cdef Py_ssize_t count = x.shape[1]
    cdef floating most = _largest(&x[m, 0], count)
    cdef floating rest = <floating>log(_exp_sum(&x[m, 0], count, most))
    _normalise(&x[m, 0], &y[m, 0], count, most, rest, past_caches)
    if past_caches:
        store_past_end()


cdef inline vec _difference(vec log_prob, vec even, vec scale, const floating* kind) noexcept nogil:
    """Return (exp(log_prob) - even) * scale."""
    return mul(sub(vexp(log_prob, kind), even, kind), scale, kind)


cdef void _backward_row(
    const floating[:, ::1] log_probs, const long long[::1] targets, const unsigned char[::1] kept,
    floating scale, floating even, floating rest, floating[:, ::1] dx, Py_ssize_t m, bint past_caches,
) noexcept nogil:
    """Fill one row of the gradient."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(floating), k = 0, count = dx.shape[1], head
    cdef const floating* x = &log_probs[m, 0]
    cdef floating* y = &dx[m, 0]
    cdef vec times = broadcast[floating](scale), level = broadcast[floating](even)
    cdef floating[16] lane
    if not kept[m]:
        memset(y, 0, count * sizeof(floating))
        return
    if past_caches:
        head = before_aligned(y, count)
        if head:
            store_some(y, head, _difference(load_some(x, head, 0), level, times, x))
        k = head
        while k + lanes <= count:
            store_past(y + k, _difference(load(x + k), level, times, x))
            k += lanes
        store_past_end()
    while k + 2 * lanes <= count:
        store(y + k, _difference(load(x + k), level, times, x))
        store(y + k + lanes, _difference(load(x + k + lanes), level, times, x))
        k += 2 * lanes
    while k < count:
        head = min(lanes, count - k)
        store_some(y + k, head, _difference(load_some(x + k, head, 0), level, times, x))
        k += lanes
    store(lane, sub(vexp(broadcast[floating](x[targets[m]]), x), level, x))
    y[targets[m]] = (lane[0] - rest) * scale


cdef void _log_softmax(const floating[:, ::1] x, floating[:, ::1] y, int threads) noexcept:
    """Fill y."""
    cdef Py_ssize_t m
    cdef bint past_caches = x.shape[0] * x.shape[1] * <Py_ssize_t>sizeof(floating) >= 4 * LARGE
    for m in prange(x.shape[0], num_threads=threads, schedule="static", nogil=True):
        _log_softmax_row(x, y, m, past_caches)


cdef void _backward(
    const floating[:, ::1] log_probs, const long long[::1] targets, const unsigned char[::1] kept,
    double scale, double smoothing, floating[:, ::1] dx, int threads,
) noexcept:
    """Fill the gradient."""
    cdef Py_ssize_t m, words = dx.shape[1]
    cdef bint past_caches = dx.shape[0] * words * <Py_ssize_t>sizeof(floating) >= 4 * LARGE
    cdef floating even = <floating>(smoothing / words), rest = <floating>(1 - smoothing)
    for m in prange(dx.shape[0], num_threads=threads, schedule="static", nogil=True):
        _backward_row(log_probs, targets, kept, <floating>scale, even, rest, dx, m, past_caches)


def _threads_for(size):
    """Return how many threads so many exponentials are worth."""
    return get_num_threads() if size > 100_000 else 1


def log_softmax(x):
    """Return the logarithms of the softmax of every row; see the reference."""
    y = np.empty_like(x)
    if x.dtype == np.float32:
        _log_softmax[float](x, y, _threads_for(x.size))
    else:
        _log_softmax[double](x, y, _threads_for(x.size))
    return y


def cross_entropy_backward(log_probs, targets, kept, scale, smoothing):
    """Return the scaled difference of two distributions; see the reference."""
    dx, kept = np.empty_like(log_probs), kept.view(np.uint8)
    if dx.dtype == np.float32:
        _backward[float](log_probs, targets, kept, scale, smoothing, dx, _threads_for(dx.size))
    else:
        _backward[double](log_probs, targets, kept, scale, smoothing, dx, _threads_for(dx.size))
    return dx
