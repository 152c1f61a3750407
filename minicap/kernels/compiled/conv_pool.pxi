# What follows a convolution in most networks, done while its strip is still in cache: ReLU and 2x2 max-pooling.
#
# The largest of four pixels, cut off at zero, is the largest of the four cut off; so the maximum comes first,
# and the winner is the first of equals in row order, as if all had been stored.

cdef extern from "_pairs.h" nogil:
    enum:
        PAIRS_KNOWN
    void max_pairs_f32(const float* upper, const float* lower, float* y, int* winner, int start, int width)
    void max_pairs_f64(const double* upper, const double* lower, double* y, int* winner, int start, int width)


cdef void _emit_pooled(
    const floating* strip, Py_ssize_t width, Py_ssize_t first, Py_ssize_t end, Py_ssize_t columns,
    floating* y, int* winner, Py_ssize_t height,
) noexcept nogil:
    """Pool rows first .. end of a plane, the former even, into y and winner (height, columns // 2).

    A vector may run over into the next of these rows, whose turn comes later, but not past the last: what lies
    there may be another thread's.
    """
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(floating), p, q, half = columns // 2
    cdef const floating* upper
    cdef floating* out
    cdef int* place
    cdef int start
    cdef Py_ssize_t last = min(end // 2, height)
    for p in range(first // 2, last):
        upper = strip + (2 * p - first) * width
        out, place = y + p * half, winner + p * half
        q = 0
        while PAIRS_KNOWN and q < half and q + lanes <= (last - p) * half:
            start = <int>(2 * (p * columns + q))
            if floating is float:
                max_pairs_f32(upper + 2 * q, upper + width + 2 * q, out + q, place + q, start, <int>columns)
            else:
                max_pairs_f64(upper + 2 * q, upper + width + 2 * q, out + q, place + q, start, <int>columns)
            q += lanes
        while q < half:
            start = <int>(2 * (p * columns + q))
            _max_of_four(upper + 2 * q, upper + width + 2 * q, out + q, place + q, start, <int>columns)
            q += 1
        for q in range(half):
            out[q] = 0 if out[q] < 0 else out[q]  # NaN stays NaN


cdef inline void _max_of_four(
    const floating* upper, const floating* lower, floating* y, int* winner, int start, int columns
) noexcept nogil:
    """Fill one window."""
    cdef floating[4] tap
    cdef Py_ssize_t k
    tap[0], tap[1], tap[2], tap[3] = upper[0], upper[1], lower[0], lower[1]
    y[0], winner[0] = tap[0], start
    for k in range(1, 4):
        if (tap[k] > y[0]) | ((tap[k] != tap[k]) & (y[0] == y[0])):
            y[0], winner[0] = tap[k], start + <int>(k // 2) * columns + <int>(k % 2)


cdef void _pool_all(
    const floating[:, :, ::1] x, floating[:, :, ::1] y, int[:, :, ::1] winner, int threads
) noexcept:
    """Pool planes (N * F, OH, OW) that a convolution left."""
    cdef Py_ssize_t plane, h = y.shape[1], rows = 2 * y.shape[1]
    for plane in prange(x.shape[0], num_threads=threads, schedule="static", nogil=True):
        _emit_small(x, y, winner, plane, rows, h)


cdef inline void _emit_small(
    const floating[:, :, ::1] x, floating[:, :, ::1] y, int[:, :, ::1] winner, Py_ssize_t plane, Py_ssize_t rows,
    Py_ssize_t h,
) noexcept nogil:
    """Pool one plane window by window: nothing may be read behind it."""
    cdef Py_ssize_t p, q, w = x.shape[2]
    for p in range(h):
        for q in range(y.shape[2]):
            _max_of_four(
                &x[plane, 2 * p, 2 * q], &x[plane, 2 * p + 1, 2 * q], &y[plane, p, q], &winner[plane, p, q],
                <int>(2 * (p * w + q)), <int>w,
            )
            y[plane, p, q] = 0 if y[plane, p, q] < 0 else y[plane, p, q]
