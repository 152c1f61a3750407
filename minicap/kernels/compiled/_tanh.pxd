"""The vector functions of `_tanh.h`, for whichever float type a kernel runs on."""

from cython cimport floating

from minicap.kernels.compiled._vector cimport vec


cdef extern from "_tanh.h" nogil:
    vec tanh_f32(vec x)
    vec tanh_f64(vec x)
    vec sigmoid_f32(vec x)
    vec sigmoid_f64(vec x)


cdef inline vec vtanh(vec x, const floating* kind) noexcept nogil:
    """Return tanh(x), within 3 units in the last place."""
    if floating is float:
        return tanh_f32(x)
    else:
        return tanh_f64(x)


cdef inline vec vsigmoid(vec x, const floating* kind) noexcept nogil:
    """Return 1 / (1 + exp(-x)), within 3 units in the last place."""
    if floating is float:
        return sigmoid_f32(x)
    else:
        return sigmoid_f64(x)
