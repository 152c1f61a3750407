# Winograd's convolution from arrays to pointers: tiles, room, threads.


cdef Tiling _tiling(images, results, r, top, left):
    """Return how images (N, C, H, W) and results (N, F, OH, OW) fall into tiles for taps r x r."""
    cdef Tiling at
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(float), channels = images[1], filters = results[1]
    at.height, at.width, at.top, at.left = images[2], images[3], top, left
    at.out_h, at.out_w, at.m = results[2], results[3], 7 - r
    at.down, at.across = (at.out_h + at.m - 1) // at.m, (at.out_w + at.m - 1) // at.m
    at.c, at.f = (channels + lanes - 1) // lanes * lanes, (filters + lanes - 1) // lanes * lanes
    at.strip = max(1, min(at.down, TILES_AT_ONCE // at.across))
    at.most = (at.strip * at.across + 7) // 8 * 8
    return at


cdef Py_ssize_t _turned_size(const Tiling* at) noexcept:
    """Return how many numbers a strip's images or results take, turned over."""
    return max((at.strip * at.m + 6) * at.width * at.c, at.strip * at.m * at.out_w * at.f)


def _winograd_images(x, w, b, y, out_size, top, left, turn, winner):
    """Fill y (N, F, ...) from x (N, C, H, W) by Winograd's convolution with filters w (F, C, r, r).

    With ``turn`` the filters are turned by 180 degrees and F and C change places: the input gradient. With a
    place for winners, y is pooled, and out_size is the convolution's own.
    """
    cdef Py_ssize_t images = x.shape[0], channels = x.shape[1], filters = y.shape[1], r = w.shape[2]
    cdef Tiling at = _tiling(x.shape, (images, filters, *out_size), r, top, left)
    cdef Py_ssize_t w_size = POINTS * channels * at.f
    cdef Py_ssize_t room_step = _rounded(at.c + POINTS * at.most * (at.c + at.f) + _turned_size(&at))
    cdef int threads = min(get_num_threads(), images * ((at.down + at.strip - 1) // at.strip))
    cdef float[::1] room = scratch((w_size + at.f + threads * room_step) * sizeof(float)).view(np.float32)
    cdef const float[:, :, :, ::1] seen = x
    cdef float[:, :, :, ::1] result = y
    cdef int[:, :, :, ::1] winners = winner
    cdef int* places = NULL if winner is None else &winners[0, 0, 0, 0]
    turned = np.zeros((channels, r * r, at.f), np.float32)
    if turn:
        turned[:, :, :filters] = w.reshape(channels, filters, r * r)[:, :, ::-1].swapaxes(1, 2)
    else:
        turned[:, :, :filters] = w.reshape(filters, channels, r * r).transpose(1, 2, 0)
    cdef const float[:, :, ::1] taps = turned
    np.asarray(room)[w_size : w_size + filters] = b
    np.asarray(room)[w_size + filters : w_size + at.f] = 0
    with nogil:
        _transform_filters(&taps[0, 0, 0], channels, at.f, &room[0], r)
        _winograd(
            &seen[0, 0, 0, 0], images, channels, &room[0], &room[w_size], &result[0, 0, 0, 0], filters, &at,
            &room[w_size + at.f], room_step, threads, places,
        )


def _winograd_weight_gradient(x, dy, dw, top, left):
    """Fill dw (F, C, r, r) from x (N, C, H, W) and dy (N, F, OH, OW)."""
    cdef Py_ssize_t images = x.shape[0], channels = x.shape[1], filters = dy.shape[1], r = dw.shape[2]
    cdef Tiling at = _tiling(x.shape, dy.shape, r, top, left)
    cdef Py_ssize_t sums = POINTS * at.c * at.f, dw_size = at.c * r * r * at.f
    cdef Py_ssize_t room_step = _rounded(
        max(at.c, at.f) + sums + POINTS * at.most * (at.c + at.f) + _turned_size(&at)
    )
    cdef int threads = min(get_num_threads(), images * ((at.down + at.strip - 1) // at.strip))
    cdef float[::1] room = scratch((dw_size + threads * room_step) * sizeof(float)).view(np.float32)
    cdef const float[:, :, :, ::1] seen = x, upstream = dy
    with nogil:
        _winograd_weights(
            &seen[0, 0, 0, 0], images, channels, &upstream[0, 0, 0, 0], filters, &at, &room[0], &room[dw_size],
            room_step, threads,
        )
    turned = np.asarray(room)[:dw_size].reshape(at.c, r * r, at.f)
    dw[...] = turned[:channels, :, :filters].transpose(2, 0, 1).reshape(dw.shape)
