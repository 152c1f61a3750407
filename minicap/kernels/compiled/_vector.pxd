"""The vector type of `_vector.h`, with arithmetic for whichever float type a kernel runs on.

The last argument of each only says the type: a pointer to numbers like those in the vector.
"""

from cython cimport floating


cdef extern from "_vector.h" nogil:
    ctypedef struct vec:
        pass
    enum:
        VECTOR_BYTES
        TILE_TAPS
        TILE_ROWS
    vec load "vector_load"(const void* p)
    void store "vector_store"(void* p, vec v)
    vec zero "vector_zero"()
    vec broadcast_f32(float s)
    vec broadcast_f64(double s)
    vec add_f32(vec a, vec b)
    vec add_f64(vec a, vec b)
    vec sub_f32(vec a, vec b)
    vec sub_f64(vec a, vec b)
    vec mul_f32(vec a, vec b)
    vec mul_f64(vec a, vec b)
    vec madd_f32(vec sum, vec a, vec b)
    vec madd_f64(vec sum, vec a, vec b)
    vec zip_low_f32(vec a, vec b)
    vec zip_low_f64(vec a, vec b)
    vec zip_high_f32(vec a, vec b)
    vec zip_high_f64(vec a, vec b)


cdef inline vec broadcast(floating s) noexcept nogil:
    """Return a vector of equal numbers."""
    if floating is float:
        return broadcast_f32(s)
    else:
        return broadcast_f64(s)


cdef inline vec add(vec a, vec b, const floating* kind) noexcept nogil:
    """Return a + b."""
    if floating is float:
        return add_f32(a, b)
    else:
        return add_f64(a, b)


cdef inline vec sub(vec a, vec b, const floating* kind) noexcept nogil:
    """Return a - b."""
    if floating is float:
        return sub_f32(a, b)
    else:
        return sub_f64(a, b)


cdef inline vec mul(vec a, vec b, const floating* kind) noexcept nogil:
    """Return a * b."""
    if floating is float:
        return mul_f32(a, b)
    else:
        return mul_f64(a, b)


cdef inline vec madd(vec sum, vec a, vec b, const floating* kind) noexcept nogil:
    """Return sum + a * b."""
    if floating is float:
        return madd_f32(sum, a, b)
    else:
        return madd_f64(sum, a, b)


cdef inline floating total(vec v, const floating* kind) noexcept nogil:
    """Return the sum of the vector's numbers."""
    cdef floating[16] lane  # as many as the widest vector has
    cdef floating sum = 0
    cdef Py_ssize_t i
    store(lane, v)
    for i in range(<Py_ssize_t>(VECTOR_BYTES // sizeof(floating))):
        sum += lane[i]
    return sum


cdef inline vec zip_low(vec a, vec b, const floating* kind) noexcept nogil:
    """Return a0 b0 a1 b1 ... from the lower halves."""
    if floating is float:
        return zip_low_f32(a, b)
    else:
        return zip_low_f64(a, b)


cdef inline vec zip_high(vec a, vec b, const floating* kind) noexcept nogil:
    """Return a0 b0 a1 b1 ... from the upper halves."""
    if floating is float:
        return zip_high_f32(a, b)
    else:
        return zip_high_f64(a, b)
