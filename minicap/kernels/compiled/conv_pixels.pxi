# The direct convolution with filters in the vectors: for steps, and for few channels.
#
# The tiles of `conv_tiles.pxi` need neighbouring pixels side by side, which a step tears apart. Here one
# pixel, seen through one tap, multiplies a vector of filters, so pixels may lie anywhere:
#
#     acc[t][v] += x[offset[k] + t * step] * w[k][v]          T pixels, V vectors of filters
#
# No pixel is computed in vain. The result comes out pixel by pixel and is turned over at the end.

cdef enum:
    TURNED_NUMBERS = 32768  # of a strip of the result, pixel by pixel: half of a small level-2 cache


cdef inline void _pixel_tile(
    const floating* x, const Py_ssize_t* offsets, Py_ssize_t taps, const floating* w, Py_ssize_t width,
    const floating* b, floating* y, Py_ssize_t y_step, Py_ssize_t step, Py_ssize_t T, Py_ssize_t V,
) noexcept nogil:
    """Fill T pixels of y, y_step apart, with V vectors of filters each: the bias plus all taps."""
    cdef vec[24] acc
    cdef vec[3] weight
    cdef vec pixel
    cdef Py_ssize_t k, t, v, lanes = VECTOR_BYTES // sizeof(floating)
    for t in range(T):
        for v in range(V):
            acc[t * V + v] = load(b + v * lanes)
    for k in range(taps):
        for v in range(V):
            weight[v] = load(w + k * width + v * lanes)
        for t in range(T):
            pixel = broadcast(x[offsets[k] + t * step])
            for v in range(V):
                acc[t * V + v] = madd(acc[t * V + v], pixel, weight[v], x)
    for t in range(T):
        for v in range(V):
            store(y + t * y_step + v * lanes, acc[t * V + v])


cdef inline void _pixels_of_width(
    const floating* x, const Py_ssize_t* offsets, Py_ssize_t taps, const floating* w, Py_ssize_t width,
    const floating* b, floating* y, Py_ssize_t y_step, Py_ssize_t step, Py_ssize_t T, Py_ssize_t left,
) noexcept nogil:
    """Fill T pixels with one to three vectors of filters."""
    if VECTOR_BYTES == 64 and left == 3:
        _pixel_tile(x, offsets, taps, w, width, b, y, y_step, step, T, 3)
    elif left > 1:
        _pixel_tile(x, offsets, taps, w, width, b, y, y_step, step, T, 2)
    else:
        _pixel_tile(x, offsets, taps, w, width, b, y, y_step, step, T, 1)


cdef inline void _pixels_a_step(
    const floating* x, const Py_ssize_t* offsets, Py_ssize_t taps, const floating* w, Py_ssize_t width,
    const floating* b, floating* y, Py_ssize_t y_step, Py_ssize_t step, Py_ssize_t count, Py_ssize_t left,
) noexcept nogil:
    """Fill 8, 7, 6, 4 or 1 pixels (4 or 1 where registers are few)."""
    if VECTOR_BYTES == 64 and count == 8:
        _pixels_of_width(x, offsets, taps, w, width, b, y, y_step, step, 8, left)
    elif VECTOR_BYTES == 64 and count == 7:
        _pixels_of_width(x, offsets, taps, w, width, b, y, y_step, step, 7, left)
    elif VECTOR_BYTES == 64 and count == 6:
        _pixels_of_width(x, offsets, taps, w, width, b, y, y_step, step, 6, left)
    elif count == 4:
        _pixels_of_width(x, offsets, taps, w, width, b, y, y_step, step, 4, left)
    else:
        _pixels_of_width(x, offsets, taps, w, width, b, y, y_step, step, 1, left)


cdef void _line_of_pixels(
    const floating* x, const Py_ssize_t* offsets, Py_ssize_t taps, const floating* w, Py_ssize_t width,
    const floating* b, floating* y, Py_ssize_t y_step, Py_ssize_t step, Py_ssize_t length, Py_ssize_t left,
) noexcept nogil:
    """Fill a line of pixels; the last tile ends with the last pixel and may compute some again."""
    cdef Py_ssize_t count = _pixels_a_tile(length), q = 0, at
    while q < length:
        at = max(0, min(q, length - count))
        _pixels_a_step(x + step * at, offsets, taps, w, width, b, y + at * y_step, y_step, step, count, left)
        q += count


cdef Py_ssize_t _pixels_a_tile(Py_ssize_t length) noexcept nogil:
    """Return how many pixels a tile has so that the fewest of a line are computed twice."""
    cdef Py_ssize_t count, best = 1, waste, least = length
    if length >= 4:
        best, least = 4, (length + 3) // 4 * 4 - length
    if VECTOR_BYTES == 64:
        for count in range(6, 9):
            waste = (length + count - 1) // count * count - length
            if length >= count and waste <= least:
                best, least = count, waste
    return best


cdef void _pack_by_pixel(
    const floating* w, floating* packed, Py_ssize_t filters, Py_ssize_t width, Py_ssize_t channels,
    const Py_ssize_t* taps, Py_ssize_t count, Py_ssize_t filter_step, Py_ssize_t channel_step,
) noexcept nogil:
    """Lay out weights for every channel and tap with the filters side by side, zeros behind the last."""
    cdef Py_ssize_t f, c, t
    for c in range(channels):
        for t in range(count):
            for f in range(filters):
                packed[(c * count + t) * width + f] = w[f * filter_step + c * channel_step + taps[t]]
            for f in range(filters, width):
                packed[(c * count + t) * width + f] = 0


cdef void _correlate_by_pixel(
    const floating* planes, const Planes* at, const Result* results, Py_ssize_t count,
    const Py_ssize_t* offsets, const floating* w, const floating* b, Py_ssize_t filters,
    Py_ssize_t width, Py_ssize_t strip, floating* y, Py_ssize_t out_h, Py_ssize_t out_w, floating* turned,
) noexcept nogil:
    """Fill `filters` planes of y (out_h, out_w), strip by strip."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(floating), u, u_end, i, s, f, left, row, taps, first, last
    cdef Py_ssize_t across = results[0].step_h // out_w  # rows of y that one row of a result stands for
    cdef const floating* weights
    cdef const floating* x
    cdef floating* target
    u = 0
    while u * across < out_h:
        u_end = u + strip
        weights = w
        for s in range(count):
            taps = at.count * results[s].taps
            f = 0
            while f < width:
                left = _vectors((width - f) // lanes)
                for i in range(u, min(u_end, results[s].rows)):
                    x = planes + i * at.lines * at.row
                    target = turned + (results[s].start + (i - u) * results[s].step_h) * width + f
                    _line_of_pixels(
                        x, offsets + results[s].offsets, taps, weights + f, width, b + f, target,
                        results[s].step_w * width, at.step, results[s].columns, left,
                    )
                f += left * lanes
            weights = weights + taps * width
        first, last = u * across, min(out_h, u_end * across)
        _by_channel(turned, width, y + first * out_w, out_h * out_w, filters, (last - first) * out_w)
        u = u_end


cdef void _correlate_all_by_pixel(
    const floating* x, Py_ssize_t images, Py_ssize_t groups, const Planes* at, const Result* results,
    Py_ssize_t count, const Py_ssize_t* offsets, const floating* w, Py_ssize_t w_group, const floating* b,
    Py_ssize_t filters, Py_ssize_t width, Py_ssize_t strip, floating* y, Py_ssize_t out_h, Py_ssize_t out_w,
    floating* room, Py_ssize_t room_step, Py_ssize_t planes_size, int threads,
) noexcept nogil:
    """Compute all results of all images and groups, each image in one thread."""
    cdef Py_ssize_t item, g, source = at.count * at.height * at.width
    cdef floating* own
    for item in prange(images * groups, num_threads=threads, schedule="static"):
        own = room + threadid() * room_step
        g = item % groups
        _correlate_by_pixel(
            _see(x + item * source, own, at), at, results, count, offsets, w + g * w_group, b + g * width,
            filters, width, strip, y + item * filters * out_h * out_w, out_h, out_w, own + planes_size,
        )
