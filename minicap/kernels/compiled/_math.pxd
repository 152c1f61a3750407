"""The vector functions of `_math.h`, for whichever float type a kernel runs on."""

from cython cimport floating
from libc.string cimport memcpy

from minicap.kernels.compiled._vector cimport VECTOR_BYTES, add, load, madd, store, sub, vec, zero


cdef extern from "_math.h" nogil:
    vec div_f32(vec a, vec b)
    vec div_f64(vec a, vec b)
    vec sqrt_f32(vec a)
    vec sqrt_f64(vec a)
    vec max_f32(vec a, vec b)
    vec max_f64(vec a, vec b)
    vec positive_f32(vec x, vec v)
    vec positive_f64(vec x, vec v)
    vec exp_f32(vec a)
    vec exp_f64(vec a)
    vec widen_low(vec v)
    vec widen_high(vec v)
    void prefetch "vector_prefetch"(const void* p)
    void store_past(void* p, vec v)
    void store_past_end()


cdef enum:
    LARGE = 1 << 23  # bytes: a result so large is written past the caches, which it would only flush


cdef inline vec div(vec a, vec b, const floating* kind) noexcept nogil:
    """Return a / b."""
    if floating is float:
        return div_f32(a, b)
    else:
        return div_f64(a, b)


cdef inline vec root(vec a, const floating* kind) noexcept nogil:
    """Return the square root."""
    if floating is float:
        return sqrt_f32(a)
    else:
        return sqrt_f64(a)


cdef inline vec larger(vec a, vec b, const floating* kind) noexcept nogil:
    """Return the larger of two numbers, and b where one is NaN."""
    if floating is float:
        return max_f32(a, b)
    else:
        return max_f64(a, b)


cdef inline vec positive(vec x, vec v, const floating* kind) noexcept nogil:
    """Return v where x is positive, else 0."""
    if floating is float:
        return positive_f32(x, v)
    else:
        return positive_f64(x, v)


cdef inline vec vexp(vec a, const floating* kind) noexcept nogil:
    """Return e to the power of a, within two units in the last place."""
    if floating is float:
        return exp_f32(a)
    else:
        return exp_f64(a)


cdef inline vec load_some(const floating* p, Py_ssize_t count, floating rest) noexcept nogil:
    """Return the vector of the first few numbers at p, filled up with another."""
    cdef floating[16] lane  # as many as the widest vector has
    cdef Py_ssize_t i
    for i in range(<Py_ssize_t>(VECTOR_BYTES // sizeof(floating))):
        lane[i] = rest
    memcpy(lane, p, count * sizeof(floating))
    return load(lane)


cdef inline void store_some(floating* p, Py_ssize_t count, vec v) noexcept nogil:
    """Store the first few numbers of a vector."""
    cdef floating[16] lane  # as many as the widest vector has
    store(lane, v)
    memcpy(p, lane, count * sizeof(floating))


cdef inline Py_ssize_t before_aligned(const floating* p, Py_ssize_t count) noexcept nogil:
    """Return how many of some numbers lie before the first address that `store_past` takes."""
    return min(count, <Py_ssize_t>((-<size_t>p % VECTOR_BYTES) // sizeof(floating)))


cdef inline void add_wide(vec* sum, vec v, const floating* kind) noexcept nogil:
    """Add a vector to one of float64: two vectors of sums, of which float64 needs the first alone."""
    cdef double* wide = NULL
    if floating is float:
        sum[0] = add(sum[0], widen_low(v), wide)
        sum[1] = add(sum[1], widen_high(v), wide)
    else:
        sum[0] = add(sum[0], v, wide)


cdef inline double total_wide(const vec* sum) noexcept nogil:
    """Return the sum of what `add_wide` gathered."""
    cdef double[8] lane  # as many as the widest vector has
    cdef double* wide = NULL
    cdef Py_ssize_t i, width = VECTOR_BYTES // 8
    store(lane, add(sum[0], sum[1], wide))
    while width > 1:
        width //= 2
        for i in range(width):
            lane[i] += lane[i + width]
    return lane[0]
