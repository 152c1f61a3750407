# Windows of 2x2 pixels side by side, which most networks have: one vector of them at a time.

cdef enum:
    TOGETHER = 16  # planes that a thread takes at a time


cdef void _max_2x2_planes(
    const floating[:, :, ::1] x, floating[:, :, ::1] y, int[:, :, ::1] winner,
    Py_ssize_t first, Py_ssize_t end,
) noexcept nogil:
    """Fill some planes of maxima over 2x2 pixels side by side.

    A row's last vector may run over into the next row, whose turn comes later: only what would run over the
    end of the last plane is done window by window.
    """
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(floating) if PAIRS_KNOWN else 1 << 40
    cdef Py_ssize_t plane, p, q, h = y.shape[1], ow = y.shape[2], w = x.shape[2]
    cdef Py_ssize_t left = (end - first) * h * ow
    cdef int start
    cdef const floating* upper
    cdef const floating* last = &x[first, 0, 0] + (end - first) * x.shape[1] * w
    cdef floating* out = &y[first, 0, 0]
    cdef int* place = &winner[first, 0, 0]
    for plane in range(first, end):
        for p in range(h):
            upper = &x[plane, 2 * p, 0]
            q = 0
            while q < ow and q + lanes <= left and upper + w + 2 * (q + lanes) <= last:
                start = <int>(2 * (p * w + q))
                max_pairs(upper + 2 * q, upper + w + 2 * q, out + q, place + q, start, <int>w)
                q += lanes
            while q < ow:
                start = <int>(2 * (p * w + q))
                max_pair(upper + 2 * q, upper + w + 2 * q, out + q, place + q, start, <int>w)
                q += 1
            out += ow
            place += ow
            left -= ow


cdef void _max_2x2(
    const floating[:, :, ::1] x, floating[:, :, ::1] y, int[:, :, ::1] winner, int threads
) noexcept:
    """Fill y and winner (N * C, OH, OW)."""
    cdef Py_ssize_t part, planes = y.shape[0], parts = (planes + TOGETHER - 1) // TOGETHER
    for part in prange(parts, num_threads=threads, schedule="static", nogil=True):
        _max_2x2_planes(x, y, winner, part * TOGETHER, min((part + 1) * TOGETHER, planes))


cdef void _mean_2x2_planes(
    const floating[:, :, ::1] x, const floating[:, ::1] area, floating[:, :, ::1] y,
    Py_ssize_t first, Py_ssize_t end,
) noexcept nogil:
    """Fill some planes of means over 2x2 pixels side by side, as `_max_2x2_planes` does."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(floating) if PAIRS_KNOWN else 1 << 40
    cdef Py_ssize_t plane, p, q, h = y.shape[1], ow = y.shape[2], w = x.shape[2]
    cdef const floating* upper
    cdef const floating* lower
    cdef const floating* last = &x[first, 0, 0] + (end - first) * x.shape[1] * w
    cdef floating* out = &y[first, 0, 0]
    for plane in range(first, end):
        for p in range(h):
            upper, lower = &x[plane, 2 * p, 0], &x[plane, 2 * p + 1, 0]
            q = 0
            # Areas are read as far as windows are written, so the last row of them cannot run over.
            while q < ow and q + lanes <= (h - p) * ow and lower + 2 * (q + lanes) <= last:
                if floating is float:
                    mean_pairs_f32(upper + 2 * q, lower + 2 * q, &area[p, q], out + q)
                else:
                    mean_pairs_f64(upper + 2 * q, lower + 2 * q, &area[p, q], out + q)
                q += lanes
            while q < ow:
                out[q] = (((upper[2 * q] + upper[2 * q + 1]) + lower[2 * q]) + lower[2 * q + 1]) / area[p, q]
                q += 1
            out += ow


cdef void _mean_2x2(
    const floating[:, :, ::1] x, const floating[:, ::1] area, floating[:, :, ::1] y, int threads
) noexcept:
    """Fill y (N * C, OH, OW)."""
    cdef Py_ssize_t part, planes = y.shape[0], parts = (planes + TOGETHER - 1) // TOGETHER
    for part in prange(parts, num_threads=threads, schedule="static", nogil=True):
        _mean_2x2_planes(x, area, y, part * TOGETHER, min((part + 1) * TOGETHER, planes))


cdef void _share_2x2_plane(
    const floating[:, :, ::1] dy, const floating[:, ::1] area, floating[:, :, ::1] dx, Py_ssize_t plane
) noexcept nogil:
    """Fill one plane of dx: each pixel of a window takes the same share."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(floating)
    cdef Py_ssize_t p, q, w = dx.shape[2], ow = dy.shape[2], h = dy.shape[1]
    cdef floating share
    cdef const floating* g
    cdef floating* row
    cdef vec shares
    for p in range(h):
        row, g = &dx[plane, 2 * p, 0], &dy[plane, p, 0]
        q = 0
        # A vector may run over into the lower row, which is filled after it, and read from the next one.
        while q < ow and q + lanes <= w and q + lanes <= (h - p) * ow:
            shares = div(load(g + q), load(&area[p, q]), g)
            store(row + 2 * q, zip_low(shares, shares, g))
            store(row + 2 * q + lanes, zip_high(shares, shares, g))
            q += lanes
        while q < ow:
            share = g[q] / area[p, q]
            row[2 * q] = share
            row[2 * q + 1] = share
            q += 1
        if w % 2:
            row[w - 1] = 0
        memcpy(row + w, row, w * sizeof(floating))
    if dx.shape[1] % 2:
        memset(&dx[plane, 2 * h, 0], 0, w * sizeof(floating))


cdef void _share_2x2(
    const floating[:, :, ::1] dy, const floating[:, ::1] area, floating[:, :, ::1] dx, int threads
) noexcept:
    """Fill dx (N * C, H, W)."""
    cdef Py_ssize_t plane
    for plane in prange(dx.shape[0], num_threads=threads, schedule="static", nogil=True):
        _share_2x2_plane(dy, area, dx, plane)
