# What follows a convolution in most networks, done while its strip is still in cache: ReLU and 2x2 max-pooling.
#
# The largest of four pixels, cut off at zero, is the largest of the four cut off; so the maximum comes first,
# and the winner is the first of equals in row order, as if all had been stored.

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
            max_pairs(upper + 2 * q, upper + width + 2 * q, out + q, place + q, start, <int>columns)
            q += lanes
        while q < half:
            start = <int>(2 * (p * columns + q))
            max_pair(upper + 2 * q, upper + width + 2 * q, out + q, place + q, start, <int>columns)
            q += 1
        for q in range(half):
            out[q] = 0 if out[q] < 0 else out[q]  # NaN stays NaN
