# From arrays to pointers: find room, pack what the loops want packed, and let threads loose on the images.


def _rounded(size):
    """Return a number of numbers as a multiple of 16, so that whatever lies behind starts a cache line."""
    return (size + 15) // 16 * 16


cdef Planes _planes(plan, channels, height, width):
    """Return how images become planes, as plain numbers."""
    cdef Planes at
    at.count, at.height, at.width, at.phases = channels, height, width, len(plan.phases)
    (at.stride_h, at.stride_w), (at.lines, at.step) = plan.stride, plan.step
    at.top, at.left, at.rows, at.row, at.in_place = plan.top, plan.left, plan.rows, plan.row, plan.in_place
    for k, (a, b) in enumerate(plan.phases):
        at.phase_h[k], at.phase_w[k] = a, b
    return at


cdef Py_ssize_t _planes_size(const Planes* at) noexcept:
    """Return how many numbers an image's planes take, with what a vector may read behind the last."""
    return 0 if at.in_place else (at.count * at.phases * at.rows * at.row + VECTOR_BYTES + 15) // 16 * 16


cdef _by_rows(
    const floating[::1] x, floating[::1] y, source, plan, const floating[::1] w, steps,
    const floating[::1] b, Py_ssize_t filters, Py_ssize_t out_h, Py_ssize_t out_w, int[::1] winner,
):
    """Correlate images (N, G, C, H, W) with pixels in the vectors; out_h and out_w are those of y, pooled or not."""
    cdef Py_ssize_t images = source[0], groups = source[1], channels = source[2], g, k, s
    cdef Planes at = _planes(plan, channels, source[3], source[4])
    cdef const Py_ssize_t[:, ::1] results = plan.results
    cdef const Py_ssize_t[::1] offsets = plan.offsets, taps = plan.taps
    cdef Py_ssize_t R = _filters_a_tile(filters), padded = (filters + R - 1) // R * R
    cdef Py_ssize_t filter_step = steps[0], channel_step = steps[1], planes_size = _planes_size(&at)
    cdef Py_ssize_t row_bytes = channels * at.phases * at.row * <Py_ssize_t>sizeof(floating)
    cdef Py_ssize_t strip = max(2, (STRIP_BYTES // row_bytes - <Py_ssize_t>plan.reach) // 2 * 2)
    cdef Py_ssize_t rows = min(strip, max(plan.results[:, 3]))
    cdef int* winners = NULL if winner is None else &winner[0]
    cdef Py_ssize_t room_step = planes_size + _rounded(R * (rows * at.row + VECTOR_BYTES))
    cdef Py_ssize_t w_group = padded * channels * taps.shape[0], w_size = _rounded(groups * w_group)
    cdef Py_ssize_t b_size = _rounded(groups * padded)
    cdef int threads = min(get_num_threads(), images * groups)
    cdef floating[::1] room = scratch((w_size + b_size + threads * room_step) * sizeof(floating)).view(w.base.dtype)
    cdef floating* packed
    cdef floating* bias = &room[w_size]
    with nogil:
        for g in range(groups):
            for k in range(padded):
                bias[g * padded + k] = b[g * filters + k] if k < filters else 0
            packed = &room[g * w_group]
            for s in range(results.shape[0]):
                _pack(
                    &w[g * (w.shape[0] // groups)], packed, filters, channels, &taps[results[s, 2]],
                    results[s, 0], filter_step, channel_step,
                )
                packed = packed + padded * channels * results[s, 0]
        _correlate_all(
            &x[0], images, groups, &at, <const Result*>&results[0, 0], results.shape[0], &offsets[0], &room[0],
            w_group, bias, filters, strip, &y[0], out_h * out_w, &room[w_size + b_size], room_step, planes_size,
            threads, winners,
        )


cdef _by_pixels(
    const floating[::1] x, floating[::1] y, source, plan, const floating[::1] w, steps,
    const floating[::1] b, Py_ssize_t filters, Py_ssize_t out_h, Py_ssize_t out_w,
):
    """Correlate images (N, G, C, H, W) with filters in the vectors."""
    cdef Py_ssize_t images = source[0], groups = source[1], channels = source[2], g, k, s
    cdef Planes at = _planes(plan, channels, source[3], source[4])
    cdef const Py_ssize_t[:, ::1] results = plan.results
    cdef const Py_ssize_t[::1] offsets = plan.offsets, taps = plan.taps
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(floating), width = (filters + lanes - 1) // lanes * lanes
    cdef Py_ssize_t filter_step = steps[0], channel_step = steps[1], planes_size = _planes_size(&at)
    cdef Py_ssize_t across = results[0, 6] // out_w, rows = (out_h + across - 1) // across
    cdef Py_ssize_t strip = min(rows, max(1, TURNED_NUMBERS // (across * out_w * width)))
    cdef Py_ssize_t room_step = planes_size + _rounded(strip * across * out_w * width)
    cdef Py_ssize_t w_group = width * channels * taps.shape[0], w_size = groups * w_group
    cdef Py_ssize_t b_size = groups * width
    cdef int threads = min(get_num_threads(), images * groups)
    cdef floating[::1] room = scratch((w_size + b_size + threads * room_step) * sizeof(floating)).view(w.base.dtype)
    cdef floating* packed
    cdef floating* bias = &room[w_size]
    with nogil:
        for g in range(groups):
            for k in range(width):
                bias[g * width + k] = b[g * filters + k] if k < filters else 0
            packed = &room[g * w_group]
            for s in range(results.shape[0]):
                _pack_by_pixel(
                    &w[g * (w.shape[0] // groups)], packed, filters, width, channels, &taps[results[s, 2]],
                    results[s, 0], filter_step, channel_step,
                )
                packed = packed + width * channels * results[s, 0]
        _correlate_all_by_pixel(
            &x[0], images, groups, &at, <const Result*>&results[0, 0], results.shape[0], &offsets[0], &room[0],
            w_group, bias, filters, width, strip, &y[0], out_h, out_w, &room[w_size + b_size], room_step,
            planes_size, threads,
        )


cdef _weights(
    const floating[::1] x, const floating[::1] dy, source, plan, dw, Py_ssize_t rows, Py_ssize_t columns,
):
    """Fill dw (G * F, ...): every thread adds up its own images, and what they found comes together in order."""
    cdef Py_ssize_t images = source[0], groups = source[1], channels = source[2], filters = dw.shape[0] // groups
    cdef Planes at = _planes(plan, channels, source[3], source[4])
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(floating), step = (filters + lanes - 1) // lanes * lanes
    cdef bint few = not plan.by_pixel
    cdef Py_ssize_t T = 9 if few else TILE_TAPS, taps = plan.offsets.size, padded = (taps + T - 1) // T * T
    cdef const Py_ssize_t[::1] offsets = np.pad(plan.offsets, (0, padded - taps))
    cdef Py_ssize_t planes_size = _planes_size(&at)
    cdef Py_ssize_t sums_size = _rounded(groups * padded * (filters * lanes if few else step))
    cdef Py_ssize_t turned_size = _rounded(rows * at.row + VECTOR_BYTES if few else rows * columns * step)
    cdef Py_ssize_t room_step = planes_size + turned_size + sums_size
    cdef int threads = min(get_num_threads(), images)
    cdef floating[::1] room = scratch(threads * room_step * sizeof(floating)).view(dw.dtype)
    with nogil:
        _weights_of_all(
            &x[0], &dy[0], images, groups, &at, &offsets[0], padded, filters, step, few, rows, columns, &room[0],
            room_step, planes_size, sums_size, threads,
        )
    sums = np.asarray(room).reshape(threads, room_step)[:, room_step - sums_size :].sum(axis=0)
    if few:
        sums = sums[: groups * filters * padded * lanes]
        found = sums.reshape(groups * filters, padded, lanes).sum(axis=2)[:, :taps]
    else:
        found = sums[: groups * padded * step].reshape(groups, padded, step)[:, :taps, :filters].swapaxes(1, 2)
    dw[...] = found.reshape(dw.shape)
