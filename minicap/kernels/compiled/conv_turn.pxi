# Turning pixels over: from a row a channel to all channels of a pixel side by side, and back.


cdef inline void _copy(const floating* source, floating* target, Py_ssize_t count) noexcept nogil:
    """Copy a short row: calling `memcpy` would take longer. The last vector ends with the row."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(floating), q = 0
    if count < lanes:
        for q in range(count):
            target[q] = source[q]
        return
    while q + lanes <= count:
        store(target + q, load(source + q))
        q += lanes
    if q < count:
        store(target + count - lanes, load(source + count - lanes))


cdef inline void _turn(vec* row, const floating* kind) noexcept nogil:
    """Turn a square of numbers over: as many rows as a vector has numbers.

    Zipping row i with row i + half of them, as often as their number halves, does it.
    """
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(floating), half = lanes // 2, i, k = 1
    cdef vec[16] zipped
    while k < lanes:
        for i in range(half):
            zipped[2 * i] = zip_low(row[i], row[i + half], kind)
            zipped[2 * i + 1] = zip_high(row[i], row[i + half], kind)
        for i in range(lanes):
            row[i] = zipped[i]
        k *= 2


cdef void _by_pixel(
    const floating* x, Py_ssize_t channels, Py_ssize_t x_step, Py_ssize_t pixels, floating* turned, Py_ssize_t step
) noexcept nogil:
    """Turn x over, `channels` rows x_step apart: turned (pixels, step), with zeros behind the last channel."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(floating), block, c, q, i, count
    cdef vec[16] row
    for block in range(step // lanes):
        c = block * lanes
        count = max(0, min(lanes, channels - c))
        q = 0
        while q < pixels and pixels >= lanes:
            q = min(q, pixels - lanes)  # the last square ends with the last pixel
            for i in range(count):
                row[i] = load(x + (c + i) * x_step + q)
            for i in range(count, lanes):
                row[i] = zero()
            _turn(row, x)
            for i in range(lanes):
                store(turned + (q + i) * step + c, row[i])
            q += lanes
        while q < pixels:
            for i in range(lanes):
                turned[q * step + c + i] = x[(c + i) * x_step + q] if i < count else 0
            q += 1


cdef void _by_channel(
    const floating* turned, Py_ssize_t step, floating* y, Py_ssize_t y_step, Py_ssize_t filters, Py_ssize_t pixels
) noexcept nogil:
    """Turn pixels back: y (filters, pixels), rows y_step apart, from turned (pixels, step)."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(floating), block, f, q, i, count
    cdef vec[16] row
    for block in range((filters + lanes - 1) // lanes):
        f = block * lanes
        count = min(lanes, filters - f)
        q = 0
        while q < pixels and pixels >= lanes:
            q = min(q, pixels - lanes)
            for i in range(lanes):
                row[i] = load(turned + (q + i) * step + f)
            _turn(row, turned)
            for i in range(count):
                store(y + (f + i) * y_step + q, row[i])
            q += lanes
        while q < pixels:
            for i in range(count):
                y[(f + i) * y_step + q] = turned[q * step + f + i]
            q += 1
