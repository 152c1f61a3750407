"""Windows of 2x2 pixels side by side: a vector of them at a time by `_pairs.h`, or one alone."""

from cython cimport floating


cdef extern from "_pairs.h" nogil:
    enum:
        PAIRS_KNOWN
    void max_pairs_f32(const float* upper, const float* lower, float* y, int* winner, int start, int width)
    void max_pairs_f64(const double* upper, const double* lower, double* y, int* winner, int start, int width)
    void mean_pairs_f32(const float* upper, const float* lower, const float* area, float* y)
    void mean_pairs_f64(const double* upper, const double* lower, const double* area, double* y)


cdef inline void max_pairs(
    const floating* upper, const floating* lower, floating* y, int* winner, int start, int width
) noexcept nogil:
    """Fill a vector of maxima and their places; `start` is the place of the first window's first pixel."""
    if floating is float:
        max_pairs_f32(upper, lower, y, winner, start, width)
    else:
        max_pairs_f64(upper, lower, y, winner, start, width)


cdef inline void max_pair(
    const floating* upper, const floating* lower, floating* y, int* winner, int start, int width
) noexcept nogil:
    """Fill one window: the first of equals wins, and NaN over any number."""
    cdef floating[4] tap
    cdef Py_ssize_t k
    tap[0], tap[1], tap[2], tap[3] = upper[0], upper[1], lower[0], lower[1]
    y[0], winner[0] = tap[0], start
    for k in range(1, 4):
        if (tap[k] > y[0]) | ((tap[k] != tap[k]) & (y[0] == y[0])):
            y[0], winner[0] = tap[k], start + <int>(k // 2) * width + <int>(k % 2)
