# The innermost loops of the direct convolution: tiles that stay in registers.
#
# An image is laid out flat, its rows one after another with their padding. Then every tap (c, i, j) sees
# the same flat image from another offset, and a tile of R filters and V vectors of pixels is
#
#     acc[r][v] += w[k][r] * x[offset[k] + v]          over all K = C * KH * KW taps
#
# Each vector of pixels is loaded once for R filters and each weight once for V vectors. The loops have
# constant bounds wherever a tile is called, so the compiler unrolls them, and acc lives in registers.
# How many there are decides R: 32 with AVX-512, else 16.


cdef inline void _tile(
    const floating* w, const Py_ssize_t* offsets, Py_ssize_t taps, const floating* x, const floating* b,
    floating* y, Py_ssize_t step, Py_ssize_t R, Py_ssize_t V,
) noexcept nogil:
    """Fill R rows of y, `step` apart, with V vectors each: the bias plus all taps."""
    cdef vec[24] acc
    cdef vec[8] seen
    cdef vec weight
    cdef Py_ssize_t k, r, v, lanes = VECTOR_BYTES // sizeof(floating)
    for r in range(R):
        for v in range(V):
            acc[r * V + v] = broadcast(b[r])
    for k in range(taps):
        for v in range(V):
            seen[v] = load(x + offsets[k] + v * lanes)
        for r in range(R):
            weight = broadcast(w[k * R + r])
            for v in range(V):
                acc[r * V + v] = madd(acc[r * V + v], weight, seen[v], x)
    for r in range(R):
        for v in range(V):
            store(y + r * step + v * lanes, acc[r * V + v])


cdef void _row_of_tiles(
    const floating* w, const Py_ssize_t* offsets, Py_ssize_t taps, const floating* x, const floating* b,
    floating* y, Py_ssize_t step, Py_ssize_t length, Py_ssize_t filters,
) noexcept nogil:
    """Fill `filters` rows of y (1, 4 or 8 of them) with `length` pixels each, or with a vector if that is longer.

    The last vector ends with the last pixel: it computes some pixels again rather than read past the image.
    """
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(floating), q = 0, left, vectors
    while q < length:
        left = (length - q + lanes - 1) // lanes
        if left <= 3 and q + left * lanes > length >= lanes:
            if q == 0:
                left -= 1
            else:
                q = length - left * lanes
        vectors = 3 if left == 3 or left > 4 else min(left, 2)  # four are two and two, not three and one
        if filters == 1 and length - q >= 6 * lanes:
            vectors = 6
        if filters == 8 and vectors == 3:
            _tile(w, offsets, taps, x + q, b, y + q, step, 8, 3)
        elif filters == 8 and vectors == 2:
            _tile(w, offsets, taps, x + q, b, y + q, step, 8, 2)
        elif filters == 8:
            _tile(w, offsets, taps, x + q, b, y + q, step, 8, 1)
        elif filters == 4 and vectors == 3:
            _tile(w, offsets, taps, x + q, b, y + q, step, 4, 3)
        elif filters == 4 and vectors == 2:
            _tile(w, offsets, taps, x + q, b, y + q, step, 4, 2)
        elif filters == 4:
            _tile(w, offsets, taps, x + q, b, y + q, step, 4, 1)
        elif vectors == 6:
            _tile(w, offsets, taps, x + q, b, y + q, step, 1, 6)
        elif vectors == 3:
            _tile(w, offsets, taps, x + q, b, y + q, step, 1, 3)
        else:
            vectors = 1
            _tile(w, offsets, taps, x + q, b, y + q, step, 1, 1)
        q += vectors * lanes


cdef inline void _weight_tile(
    const floating* x, const Py_ssize_t* offsets, Py_ssize_t x_row, Py_ssize_t x_step, const floating* dy,
    Py_ssize_t step, Py_ssize_t rows, Py_ssize_t columns, floating* dw, Py_ssize_t T, Py_ssize_t V, bint fresh,
) noexcept nogil:
    """Add to T rows of dw V vectors of filters each, or fill them: the sum over rows and columns of x times dy.

    dy is laid out pixel by pixel, each with its filters side by side, `step` of them; so is dw, tap by tap.
    A vector holds filters, and one pixel of x, seen through one tap, goes to all of them; x_row and x_step
    lead from one pixel of x to that of the next row or column.
    """
    cdef vec[27] acc
    cdef vec[3] upstream
    cdef vec pixel
    cdef Py_ssize_t p, q, t, v, lanes = VECTOR_BYTES // sizeof(floating)
    for t in range(T):
        for v in range(V):
            acc[t * V + v] = zero() if fresh else load(dw + t * step + v * lanes)
    for p in range(rows):
        for q in range(columns):
            for v in range(V):
                upstream[v] = load(dy + (p * columns + q) * step + v * lanes)
            for t in range(T):
                pixel = broadcast(x[offsets[t] + p * x_row + q * x_step])
                for v in range(V):
                    acc[t * V + v] = madd(acc[t * V + v], pixel, upstream[v], x)
    for t in range(T):
        for v in range(V):
            store(dw + t * step + v * lanes, acc[t * V + v])


cdef inline Py_ssize_t _vectors(Py_ssize_t left) noexcept nogil:
    """Return how many of the vectors left a tile takes: four are two and two, not three and one."""
    return 3 if VECTOR_BYTES == 64 and (left == 3 or left > 4) else min(left, 2)


cdef inline void _weight_tiles(
    const floating* x, const Py_ssize_t* offsets, Py_ssize_t x_row, Py_ssize_t x_step, const floating* dy,
    Py_ssize_t step, Py_ssize_t rows, Py_ssize_t columns, floating* dw, Py_ssize_t T, Py_ssize_t vectors, bint fresh,
) noexcept nogil:
    """As `_weight_tile`, for a number of vectors that only the call knows."""
    if VECTOR_BYTES == 64 and vectors == 3:
        _weight_tile(x, offsets, x_row, x_step, dy, step, rows, columns, dw, T, 3, fresh)
    elif vectors == 2:
        _weight_tile(x, offsets, x_row, x_step, dy, step, rows, columns, dw, T, 2, fresh)
    else:
        _weight_tile(x, offsets, x_row, x_step, dy, step, rows, columns, dw, T, 1, fresh)
