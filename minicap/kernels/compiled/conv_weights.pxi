# The weight gradient: sums over pixels, each thread with its own images and its own sums.
#
# With many filters a vector holds filters: dy is turned over so that each pixel's filters lie side by
# side, and one pixel of x, seen through one tap, multiplies all of them. With few, as in a depthwise
# convolution, a vector holds pixels, and what is between the rows of dy is zero.

cdef enum:
    PIXELS_AT_ONCE = 128  # of dy that one tile sums over: they stay in the level-1 cache for all taps


cdef void _add_weights(
    const floating* planes, const Planes* at, const Py_ssize_t* offsets, Py_ssize_t taps,
    const floating* turned, Py_ssize_t step, Py_ssize_t rows, Py_ssize_t columns, floating* dw,
) noexcept nogil:
    """Add one image's part to dw (taps, step); taps is a multiple of a tile's."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(floating), p = 0, p_end, f, t, vectors
    cdef Py_ssize_t strip = max(1, PIXELS_AT_ONCE // columns), x_row = at.lines * at.row
    cdef const floating* x
    cdef const floating* dy
    while p < rows:
        p_end = min(p + strip, rows)
        x = planes + p * x_row
        f = 0
        while f < step:
            vectors = _vectors((step - f) // lanes)
            dy = turned + p * columns * step + f
            t = 0
            while t < taps:
                _weight_tiles(
                    x, offsets + t, x_row, at.step, dy, step, p_end - p, columns, dw + t * step + f,
                    TILE_TAPS, vectors, False,
                )
                t += TILE_TAPS
            f += vectors * lanes
        p = p_end


cdef void _add_few_weights(
    const floating* planes, Py_ssize_t x_row, const Py_ssize_t* offsets, Py_ssize_t taps,
    const floating* dy, Py_ssize_t filters, Py_ssize_t rows, Py_ssize_t columns, floating* spread, floating* dw,
) noexcept nogil:
    """Add one image's part to dw (filters, taps, lanes), vectors whose numbers are still to be added up.

    taps is a multiple of nine; spread holds rows as wide as x's.
    """
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(floating), f, p, q, t, i, v
    cdef Py_ssize_t length = ((rows - 1) * x_row + columns + lanes - 1) // lanes * lanes
    cdef vec[9] acc
    cdef vec upstream
    cdef floating* sums
    for f in range(filters):
        for p in range(rows):
            _copy(dy + (f * rows + p) * columns, spread + p * x_row, columns)
            for q in range(columns, x_row):
                spread[p * x_row + q] = 0
        for q in range(rows * x_row, length):
            spread[q] = 0
        for t in range(0, taps, 9):
            sums = dw + (f * taps + t) * lanes
            for i in range(9):
                acc[i] = load(sums + i * lanes)
            for v in range(length // lanes):
                q = v * lanes
                upstream = load(spread + q)
                for i in range(9):
                    acc[i] = madd(acc[i], upstream, load(planes + offsets[t + i] + q), dy)
            for i in range(9):
                store(sums + i * lanes, acc[i])


cdef void _weights_of_all(
    const floating* x, const floating* dy, Py_ssize_t images, Py_ssize_t groups, const Planes* at,
    const Py_ssize_t* offsets, Py_ssize_t taps, Py_ssize_t filters, Py_ssize_t step, bint few,
    Py_ssize_t rows, Py_ssize_t columns, floating* room, Py_ssize_t room_step, Py_ssize_t planes_size,
    Py_ssize_t sums_size, int threads,
) noexcept nogil:
    """Leave at the end of each thread's room its sums, (groups, taps, step) or (groups, filters, taps, lanes)."""
    cdef Py_ssize_t t, n, g, source = at.count * at.height * at.width, pixels = rows * columns
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(floating)
    cdef const floating* planes
    cdef const floating* upstream
    cdef floating* own
    cdef floating* sums
    for t in prange(threads, num_threads=threads, schedule="static"):
        own = room + t * room_step
        sums = own + room_step - sums_size
        memset(sums, 0, sums_size * sizeof(floating))
        for n in range(images * t // threads, images * (t + 1) // threads):
            for g in range(groups):
                planes = _see(x + (n * groups + g) * source, own, at)
                upstream = dy + (n * groups + g) * filters * pixels
                if few:
                    _add_few_weights(
                        planes, at.row, offsets, taps, upstream, filters, rows, columns,
                        own + planes_size, sums + g * filters * taps * lanes,
                    )
                else:
                    _by_pixel(upstream, filters, pixels, pixels, own + planes_size, step)
                    _add_weights(
                        planes, at, offsets, taps, own + planes_size, step, rows, columns, sums + g * taps * step
                    )
