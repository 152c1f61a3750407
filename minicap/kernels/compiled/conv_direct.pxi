# The direct convolution around its tiles: padding, packing of weights, strips that fit in cache, threads.
#
# Everything is correlations at stride 1 over flat planes; which pixel a tap sees is a table of offsets,
# so the loops know neither strides nor padding. The tables come from `minicap.kernels._conv_geometry`.

cdef enum:
    STRIP_BYTES = 196608  # of planes that one strip of rows reads: a good part of a level-2 cache


cdef struct Planes:
    # How an image's channels (count, height, width) become planes: phases a channel, with margins, rows * row
    # each; `lines` rows and `step` numbers lie between one pixel of the result and the next.
    Py_ssize_t count, height, width, phases, stride_h, stride_w, top, left, rows, row, lines, step
    bint in_place
    Py_ssize_t[64] phase_h
    Py_ssize_t[64] phase_w


cdef struct Result:
    # A row of `Correlation.results`.
    Py_ssize_t taps, offsets, numbers, rows, columns, start, step_h, step_w


cdef inline Py_ssize_t _filters_a_tile(Py_ssize_t filters) noexcept nogil:
    """Return how many filters a tile has: 1 alone, else as many as registers allow."""
    return 1 if filters == 1 else 8 if VECTOR_BYTES == 64 and filters > 4 else 4


cdef void _fill_planes(const floating* x, floating* planes, const Planes* at) noexcept nogil:
    """Spread images over planes: row r, column q of phase (a, b) is pixel (r * stride + a - top, ...)."""
    cdef Py_ssize_t c, k, r, q, row, offset, first, last
    cdef const floating* source
    cdef floating* target = planes
    for c in range(at.count):
        for k in range(at.phases):
            offset = at.phase_w[k] - at.left
            first = first_inside(offset, at.stride_w, at.row)
            last = max(first, end_inside(offset, at.stride_w, at.width, at.row))
            for r in range(at.rows):
                row = r * at.stride_h + at.phase_h[k] - at.top
                if 0 <= row < at.height:
                    source = x + (c * at.height + row) * at.width + offset
                    for q in range(first):
                        target[q] = 0
                    if at.stride_w == 1:
                        _copy(source + first, target + first, last - first)
                    elif at.stride_w == 2:
                        for q in range(first, last):
                            target[q] = source[2 * q]
                    else:
                        for q in range(first, last):
                            target[q] = source[q * at.stride_w]
                    for q in range(last, at.row):
                        target[q] = 0
                else:
                    memset(target, 0, at.row * sizeof(floating))
                target += at.row
    memset(target, 0, VECTOR_BYTES * sizeof(floating))  # a vector may read past the last row; NaN times 0 is NaN


cdef inline const floating* _see(const floating* x, floating* room, const Planes* at) noexcept nogil:
    """Return the planes of an image: itself where it serves, else spread over the room."""
    if at.in_place:
        return x
    _fill_planes(x, room, at)
    return room


cdef void _correlate(
    const floating* planes, Py_ssize_t channels, Py_ssize_t width, const Result* result,
    const Py_ssize_t* offsets, const floating* w, const floating* b, Py_ssize_t filters, Py_ssize_t strip,
    floating* y, Py_ssize_t y_plane, floating* room, int* winner,
) noexcept nogil:
    """Fill the result's pixels of `filters` planes of y, strip by strip and within a strip tile by tile.

    With a place for winners, y is not the result but its maxima over 2x2 pixels, and zero where they are negative.
    """
    cdef Py_ssize_t R = _filters_a_tile(filters), taps = channels * result.taps, columns = result.columns
    cdef Py_ssize_t p = 0, p_end, f, r, length, step
    cdef bint dense = result.step_w == 1 and result.step_h == columns and not winner
    cdef floating* target
    while p < result.rows:
        p_end = min(p + strip, result.rows)
        length = (p_end - p - 1) * width + columns
        step = length + VECTOR_BYTES
        f = 0
        while f < filters:
            target = y + f * y_plane + result.start + p * result.step_h
            if dense and width == columns and f + R <= filters and length * sizeof(floating) >= VECTOR_BYTES:
                _row_of_tiles(w + f * taps, offsets, taps, planes + p * width, b + f, target, y_plane, length, R)
                f += R
                continue
            _row_of_tiles(w + f * taps, offsets, taps, planes + p * width, b + f, room, step, length, R)
            for r in range(min(R, filters - f)):
                if winner:
                    _emit_pooled(
                        room + r * step, width, p, p_end, columns, y + (f + r) * y_plane, winner + (f + r) * y_plane,
                        result.rows // 2,
                    )
                    continue
                _emit(room + r * step, width, p_end - p, columns, target + r * y_plane, result.step_h, result.step_w)
            f += R
        p = p_end


cdef inline void _emit(
    const floating* strip, Py_ssize_t width, Py_ssize_t rows, Py_ssize_t columns,
    floating* y, Py_ssize_t step_h, Py_ssize_t step_w,
) noexcept nogil:
    """Copy the pixels of a strip without what stands between its rows."""
    cdef Py_ssize_t p, q
    for p in range(rows):
        if step_w == 1:
            _copy(strip + p * width, y + p * step_h, columns)
        else:
            for q in range(columns):
                y[p * step_h + q * step_w] = strip[p * width + q]


cdef void _pack(
    const floating* w, floating* packed, Py_ssize_t filters, Py_ssize_t channels, const Py_ssize_t* taps,
    Py_ssize_t count, Py_ssize_t filter_step, Py_ssize_t channel_step,
) noexcept nogil:
    """Lay out weights tile by tile: for every channel and tap R filters side by side, zeros behind the last."""
    cdef Py_ssize_t R = _filters_a_tile(filters), tile, f, c, t, r
    cdef floating* target = packed
    for tile in range((filters + R - 1) // R):
        f = tile * R
        for c in range(channels):
            for t in range(count):
                for r in range(R):
                    target[r] = w[(f + r) * filter_step + c * channel_step + taps[t]] if f + r < filters else 0
                target += R


cdef void _correlate_all(
    const floating* x, Py_ssize_t images, Py_ssize_t groups, const Planes* at, const Result* results,
    Py_ssize_t count, const Py_ssize_t* offsets, const floating* w, Py_ssize_t w_group, const floating* b,
    Py_ssize_t filters, Py_ssize_t strip, floating* y, Py_ssize_t y_plane, floating* room,
    Py_ssize_t room_step, Py_ssize_t planes_size, int threads, int* winner,
) noexcept nogil:
    """Compute all results of all images and groups, each image in one thread."""
    cdef Py_ssize_t item, g, s, source = at.count * at.height * at.width, R = _filters_a_tile(filters)
    cdef Py_ssize_t padded = (filters + R - 1) // R * R
    cdef const floating* planes
    cdef const floating* weights
    cdef floating* own
    for item in prange(images * groups, num_threads=threads, schedule="static"):
        own = room + threadid() * room_step
        planes = _see(x + item * source, own, at)
        g = item % groups
        weights = w + g * w_group
        for s in range(count):
            _correlate(
                planes, at.count, at.row, results + s, offsets + results[s].offsets, weights, b + g * padded,
                filters, strip, y + item * filters * y_plane, y_plane, own + planes_size,
                winner + item * filters * y_plane if winner else winner,
            )
            weights = weights + padded * at.count * results[s].taps
