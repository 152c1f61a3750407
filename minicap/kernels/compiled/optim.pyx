"""One step of each optimiser: all arrays are read once and written once.

Unlike other kernels the steps write to their arguments: to all but the gradient. Numbers move each by itself,
and squares are added up by parts of one size, so results are the same for any number of threads.
"""

from cython cimport floating
from cython.parallel cimport prange

from minicap.kernels.compiled._math cimport (
    before_aligned, div, load_some, root, store_some, total_wide, widen_high, widen_low,
)
from minicap.kernels.compiled._vector cimport VECTOR_BYTES, add, broadcast, load, madd, mul, store, vec, zero

import numpy as np

from minicap.kernels._threads import get_num_threads

cdef enum:
    PART = 1 << 14  # numbers that a thread takes at a time, a multiple of every vector's length


cdef void _sgd_part(
    floating* param, const floating* grad, floating* velocity, Py_ssize_t count,
    floating lr, floating momentum, floating l2,
) noexcept nogil:
    """Move a few numbers."""
    cdef Py_ssize_t k
    for k in range(count):
        velocity[k] = momentum * velocity[k] + (grad[k] + l2 * param[k])
        param[k] -= lr * velocity[k]


cdef inline vec _rms(
    vec p, vec g, vec* square, vec lr, vec decay, vec rest, vec eps, vec l2, const floating* kind
) noexcept nogil:
    """Return where RMSProp moves a vector of numbers, whose mean squares go on."""
    g = madd(g, l2, p, kind)
    square[0] = madd(mul(mul(rest, g, kind), g, kind), decay, square[0], kind)
    return madd(p, lr, div(g, add(root(square[0], kind), eps, kind), kind), kind)


cdef void _rms_part(
    floating* param, const floating* grad, floating* square, Py_ssize_t count,
    floating lr, floating decay, floating eps, floating l2,
) noexcept nogil:
    """Move a few numbers."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(floating), k = 0, rest = count % lanes
    cdef vec s, v_lr = broadcast[floating](-lr), v_decay = broadcast[floating](decay)
    cdef vec share = broadcast[floating](1 - decay), v_eps = broadcast[floating](eps)
    cdef vec v_l2 = broadcast[floating](l2)
    while k + lanes <= count:
        s = load(square + k)
        store(param + k, _rms(load(param + k), load(grad + k), &s, v_lr, v_decay, share, v_eps, v_l2, param))
        store(square + k, s)
        k += lanes
    if rest:
        s = load_some(square + k, rest, <floating>1)
        store_some(param + k, rest, _rms(
            load_some(param + k, rest, <floating>0), load_some(grad + k, rest, <floating>0),
            &s, v_lr, v_decay, share, v_eps, v_l2, param,
        ))
        store_some(square + k, rest, s)


cdef struct Adam:
    double scale, beta1, beta2, eps, l2, shrink


cdef struct AdamVectors:
    vec scale, beta1, share1, beta2, share2, eps, l2, shrink


cdef inline vec _adam(
    vec p, vec g, vec* mean, vec* square, const AdamVectors* by, const floating* kind
) noexcept nogil:
    """Return where Adam moves a vector of numbers, whose means go on."""
    g = madd(g, by.l2, p, kind)
    mean[0] = madd(mul(by.share1, g, kind), by.beta1, mean[0], kind)
    square[0] = madd(mul(mul(by.share2, g, kind), g, kind), by.beta2, square[0], kind)
    g = div(mean[0], add(root(square[0], kind), by.eps, kind), kind)
    return madd(mul(p, by.shrink, kind), by.scale, g, kind)


cdef inline void _adam_some(
    floating* param, const floating* grad, floating* mean, floating* square, Py_ssize_t count,
    const AdamVectors* to,
) noexcept nogil:
    """Move less than a vector of numbers."""
    cdef vec p = load_some(param, count, <floating>0), g = load_some(grad, count, <floating>0)
    cdef vec m = load_some(mean, count, <floating>0), s = load_some(square, count, <floating>1)
    store_some(param, count, _adam(p, g, &m, &s, to, param))
    store_some(mean, count, m)
    store_some(square, count, s)


cdef void _adam_part(
    floating* param, const floating* grad, floating* mean, floating* square, Py_ssize_t count, Adam by
) noexcept nogil:
    """Move a few numbers, aligned to vectors as the parameter is."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(floating), k = before_aligned(param, count)
    cdef vec m, s
    cdef AdamVectors to
    to.scale, to.eps = broadcast[floating](<floating>(-by.scale)), broadcast[floating](<floating>by.eps)
    to.beta1, to.beta2 = broadcast[floating](<floating>by.beta1), broadcast[floating](<floating>by.beta2)
    to.share1 = broadcast[floating](<floating>(1 - by.beta1))
    to.share2 = broadcast[floating](<floating>(1 - by.beta2))
    to.l2, to.shrink = broadcast[floating](<floating>by.l2), broadcast[floating](<floating>by.shrink)
    if k:
        _adam_some(param, grad, mean, square, k, &to)
    while k + lanes <= count:
        m, s = load(mean + k), load(square + k)
        store(param + k, _adam(load(param + k), load(grad + k), &m, &s, &to, param))
        store(mean + k, m)
        store(square + k, s)
        k += lanes
    if k < count:
        _adam_some(param + k, grad + k, mean + k, square + k, count - k, &to)


cdef void _sgd_step(
    floating[::1] param, const floating[::1] grad, floating[::1] velocity,
    double lr, double momentum, double l2, int threads,
) noexcept:
    """Move all numbers."""
    cdef Py_ssize_t p, n = param.shape[0]
    for p in prange((n + PART - 1) // PART, num_threads=threads, schedule="static", nogil=True):
        _sgd_part(
            &param[p * PART], &grad[p * PART], &velocity[p * PART], min(<Py_ssize_t>PART, n - p * PART),
            <floating>lr, <floating>momentum, <floating>l2,
        )


cdef void _rms_step(
    floating[::1] param, const floating[::1] grad, floating[::1] square,
    double lr, double decay, double eps, double l2, int threads,
) noexcept:
    """Move all numbers."""
    cdef Py_ssize_t p, n = param.shape[0]
    for p in prange((n + PART - 1) // PART, num_threads=threads, schedule="static", nogil=True):
        _rms_part(
            &param[p * PART], &grad[p * PART], &square[p * PART], min(<Py_ssize_t>PART, n - p * PART),
            <floating>lr, <floating>decay, <floating>eps, <floating>l2,
        )


cdef void _adam_step(
    floating[::1] param, const floating[::1] grad, floating[::1] mean, floating[::1] square,
    Adam by, int threads,
) noexcept:
    """Move all numbers."""
    cdef Py_ssize_t p, n = param.shape[0]
    for p in prange((n + PART - 1) // PART, num_threads=threads, schedule="static", nogil=True):
        _adam_part(
            &param[p * PART], &grad[p * PART], &mean[p * PART], &square[p * PART],
            min(<Py_ssize_t>PART, n - p * PART), by,
        )


cdef inline void _add_squares(vec* sum, vec v, const floating* kind) noexcept nogil:
    """Add the squares of a vector in float64, which knows those of float32 exactly, and none overflows."""
    cdef double* wide = NULL
    cdef vec half
    if floating is float:
        half = widen_low(v)
        sum[0] = madd(sum[0], half, half, wide)
        half = widen_high(v)
        sum[1] = madd(sum[1], half, half, wide)
    else:
        sum[0] = madd(sum[0], v, v, wide)


cdef double _part(const floating* x, Py_ssize_t count) noexcept nogil:
    """Return the sum of the squares of a few numbers."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(floating), s = 0, whole = count - count % (2 * lanes)
    cdef vec[2] one, other
    cdef double rest = 0
    one[0] = one[1] = other[0] = other[1] = zero()
    while s < whole:
        _add_squares(one, load(x + s), x)
        _add_squares(other, load(x + s + lanes), x)
        s += 2 * lanes
    for s in range(whole, count):
        rest += <double>x[s] * x[s]
    return total_wide(one) + total_wide(other) + rest


cdef void _squares(const floating[::1] x, double[::1] parts, int threads) noexcept:
    """Fill the sums of parts."""
    cdef Py_ssize_t p, count = x.shape[0]
    for p in prange(parts.shape[0], num_threads=threads, schedule="static", nogil=True):
        parts[p] = _part(&x[p * PART], min(<Py_ssize_t>PART, count - p * PART))


def _threads_for(x):
    """Return how many threads an array of this size is worth."""
    return get_num_threads() if x.size > 200_000 else 1


def sgd_step(param, grad, velocity, lr, momentum, l2):
    """Move by the velocity; see the reference."""
    if param.dtype == np.float32:
        _sgd_step[float](param, grad, velocity, lr, momentum, l2, _threads_for(param))
    else:
        _sgd_step[double](param, grad, velocity, lr, momentum, l2, _threads_for(param))


def rmsprop_step(param, grad, square, lr, decay, eps, l2):
    """Move by the gradient over the root of its mean square; see the reference."""
    if param.dtype == np.float32:
        _rms_step[float](param, grad, square, lr, decay, eps, l2, _threads_for(param))
    else:
        _rms_step[double](param, grad, square, lr, decay, eps, l2, _threads_for(param))


def adam_step(param, grad, mean, square, scale, beta1, beta2, eps, l2, shrink):
    """Move by the mean gradient over the root of the mean square; see the reference."""
    cdef Adam by = Adam(scale, beta1, beta2, eps, l2, shrink)
    if param.dtype == np.float32:
        _adam_step[float](param, grad, mean, square, by, _threads_for(param))
    else:
        _adam_step[double](param, grad, mean, square, by, _threads_for(param))


def square_sum(x):
    """Return the sum of the squares of all numbers, in float64; see the reference."""
    parts = np.empty(-(-x.size // PART))
    if x.dtype == np.float32:
        _squares[float](x, parts, _threads_for(x))
    else:
        _squares[double](x, parts, _threads_for(x))
    return float(parts.sum())
