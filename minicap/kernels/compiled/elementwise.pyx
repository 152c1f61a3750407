"""Maps of each number by itself, to one number or to a row of them: one pass, in parts over threads."""

from cython cimport floating
from cython.parallel cimport prange

from minicap.kernels.compiled._math cimport (
    LARGE, before_aligned, larger, positive, store_past, store_past_end,
)
from minicap.kernels.compiled._vector cimport VECTOR_BYTES, load, store, zero

import numpy as np

from minicap.kernels._threads import get_num_threads

cdef enum:
    PART = 1 << 14  # numbers that a thread takes at a time


cdef void _relu_part(const floating* x, floating* y, Py_ssize_t count, bint past_caches) noexcept nogil:
    """Fill a few numbers of y; stores that are aligned to a vector are faster than others, also in cache."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(floating), k, head = before_aligned(y, count)
    for k in range(head):
        y[k] = 0 if x[k] <= 0 else x[k]  # so that NaN stays
    k = head
    if past_caches:
        while k + lanes <= count:
            store_past(y + k, larger(zero(), load(x + k), x))  # of 0 and NaN the second
            k += lanes
        store_past_end()
    while k + lanes <= count:
        store(y + k, larger(zero(), load(x + k), x))
        k += lanes
    while k < count:
        y[k] = 0 if x[k] <= 0 else x[k]
        k += 1


cdef void _pass_part(
    const floating* dy, const floating* x, floating* dx, Py_ssize_t count, bint past_caches
) noexcept nogil:
    """Fill a few numbers of dx."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(floating), k, head = before_aligned(dx, count)
    for k in range(head):
        dx[k] = dy[k] if x[k] > 0 else 0
    k = head
    if past_caches:
        while k + lanes <= count:
            store_past(dx + k, positive(load(x + k), load(dy + k), x))
            k += lanes
        store_past_end()
    while k + lanes <= count:
        store(dx + k, positive(load(x + k), load(dy + k), x))
        k += lanes
    while k < count:
        dx[k] = dy[k] if x[k] > 0 else 0
        k += 1


cdef void _relu(const floating[::1] x, floating[::1] y, int threads) noexcept:
    """Fill y."""
    cdef Py_ssize_t p, count = x.shape[0]
    cdef bint past_caches = count * <Py_ssize_t>sizeof(floating) >= LARGE
    for p in prange((count + PART - 1) // PART, num_threads=threads, schedule="static", nogil=True):
        _relu_part(&x[p * PART], &y[p * PART], min(<Py_ssize_t>PART, count - p * PART), past_caches)


cdef void _pass(const floating[::1] dy, const floating[::1] x, floating[::1] dx, int threads) noexcept:
    """Fill dx."""
    cdef Py_ssize_t p, count = x.shape[0]
    cdef bint past_caches = count * <Py_ssize_t>sizeof(floating) >= LARGE
    for p in prange((count + PART - 1) // PART, num_threads=threads, schedule="static", nogil=True):
        _pass_part(
            &dy[p * PART], &x[p * PART], &dx[p * PART], min(<Py_ssize_t>PART, count - p * PART), past_caches
        )


cdef void _spread_row(floating value, floating* y, Py_ssize_t count) noexcept nogil:
    """Fill a row with one number."""
    cdef Py_ssize_t k
    for k in range(count):
        y[k] = value


cdef void _spread(const floating[::1] values, floating[:, ::1] y, int threads) noexcept:
    """Fill y."""
    cdef Py_ssize_t m, count = y.shape[1]
    for m in prange(y.shape[0], num_threads=threads, schedule="static", nogil=True):
        _spread_row(values[m], &y[m, 0], count)


def _threads_for(x):
    """Return how many threads an array of this size is worth."""
    return get_num_threads() if x.size > 400_000 else 1


def relu_forward(x):
    """Return max(x, 0); NaN stays NaN. See the reference."""
    y = np.empty_like(x)
    if x.dtype == np.float32:
        _relu[float](x, y, _threads_for(x))
    else:
        _relu[double](x, y, _threads_for(x))
    return y


def relu_backward(dy, x):
    """Return dy where x is positive, else 0; see the reference."""
    dx = np.empty_like(dy)
    if dy.dtype == np.float32:
        _pass[float](dy, x, dx, _threads_for(x))
    else:
        _pass[double](dy, x, dx, _threads_for(x))
    return dx


def spread_rows(values, count):
    """Return a row of equal numbers for each value; see the reference."""
    y = np.empty((len(values), count), values.dtype)
    if y.dtype == np.float32:
        _spread[float](values, y, _threads_for(y))
    else:
        _spread[double](values, y, _threads_for(y))
    return y
