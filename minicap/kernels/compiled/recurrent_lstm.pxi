# The LSTM over a whole sequence.


cdef void _lstm_rows(
    floating* gates, floating* cs, floating* hs, const floating* x, const floating* h0, const floating* c0,
    const floating* biases, Py_ssize_t next_bias, const floating* x_panels, const floating* panels,
    const unsigned char* real, Sizes s, Py_ssize_t width, Py_ssize_t first, Py_ssize_t last,
) noexcept nogil:
    """Take some rows through time."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(floating), hidden = s.hidden
    cdef Py_ssize_t j, k, n, r, g, t, left, at, rows, step
    cdef vec[4 * MOST_ROWS] sums, read
    cdef vec* z
    cdef vec c, h, old_c
    cdef const floating* h_prev
    cdef const floating* seen
    cdef const floating* b
    for t in range(s.steps):
        for j in range((hidden + lanes - 1) // lanes):
            k = j * lanes
            left = hidden - k
            n = first
            while n < last:
                rows = rows_at(n, last)
                at = (n * s.steps + t) * hidden
                h_prev = hs + at - hidden if t else h0 + n * hidden
                soon_all(gates + 4 * at + k, 4 * s.steps * hidden, rows, hidden, 4)
                soon_all(cs + at + k, s.steps * hidden, rows, 0, 1)
                soon_all(hs + at + k, s.steps * hidden, rows, 0, 1)
                step = s.steps * hidden if t else hidden
                seen = x + (n * s.steps + t) * width
                times_4(read, seen, s.steps * width, x_panels + 4 * k * width, width, rows)
                times_4(sums, h_prev, step, panels + 4 * k * hidden, hidden, rows)
                for r in range(rows):
                    at = ((n + r) * s.steps + t) * hidden
                    z = sums + 4 * r
                    b = biases + (n + r) * next_bias
                    for g in range(4):
                        z[g] = add(add(z[g], read[4 * r + g], b), part(b + g * hidden + k, left), b)
                    c = old_c = part(cs + at - hidden + k if t else c0 + (n + r) * hidden + k, left)
                    _lstm_unit(z, &c, &h, b)
                    for g in range(4):
                        put(gates + 4 * at + g * hidden + k, left, z[g])
                    if real != NULL and not real[(n + r) * s.steps + t]:
                        c = old_c
                        h = part(hs + at - hidden + k if t else h0 + (n + r) * hidden + k, left)
                    put(cs + at + k, left, c)
                    put(hs + at + k, left, h)
                n += rows


cdef void _lstm_run(
    floating[:, :, ::1] gates, floating[:, :, ::1] cs, floating[:, :, ::1] hs, const floating[:, :, ::1] x,
    const floating[:, ::1] h0, const floating[:, ::1] c0, const floating[:, ::1] w_x,
    const floating[:, ::1] w_h, const floating[:, ::1] b, floating[::1] x_panels, floating[::1] panels,
    const unsigned char* real, Sizes s,
) noexcept:
    """Fill gates and both states."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(floating), width = x.shape[2], k, thread
    for k in prange(0, s.hidden, lanes, num_threads=s.threads, schedule="static", nogil=True):
        pack_gates(&w_h[0, 0], &panels[4 * k * s.hidden], k, s.hidden, 4, s.hidden)
        pack_gates(&w_x[0, 0], &x_panels[4 * k * width], k, width, 4, s.hidden)
    for thread in prange(s.threads, num_threads=s.threads, schedule="static", nogil=True):
        _lstm_rows(
            &gates[0, 0, 0], &cs[0, 0, 0], &hs[0, 0, 0], &x[0, 0, 0], &h0[0, 0], &c0[0, 0], &b[0, 0],
            b.shape[1] if b.shape[0] > 1 else 0, &x_panels[0], &panels[0], real, s, width, share(s, thread),
            share(s, thread + 1),
        )


cdef void _lstm_rows_back(
    floating* dz, floating* dc, floating* carried, const floating* dhs, const floating* gates,
    const floating* cs, const floating* c0, const floating* panels, const unsigned char* real, Sizes s,
    Py_ssize_t first, Py_ssize_t last,
) noexcept nogil:
    """Take some rows back through time; what a masked step hands on waits in `carried`."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(floating), hidden = s.hidden
    cdef Py_ssize_t j, k, n, r, v, t, g, left, at, rows, col
    cdef vec[4 * MOST_ROWS] sums
    cdef vec[4] z
    cdef vec c, dh, past
    cdef bint masked
    for t in reversed(range(s.steps)):
        for j in range((hidden + 4 * lanes - 1) // (4 * lanes)):
            k = j * 4 * lanes
            n = first
            while n < last:
                rows = rows_at(n, last)
                at = (n * s.steps + t) * hidden
                for g in range(4):
                    soon_all(gates + 4 * at + g * hidden + k, 4 * s.steps * hidden, rows, lanes, 4)
                    soon_all(dz + 4 * at + g * hidden + k, 4 * s.steps * hidden, rows, lanes, 4)
                soon_all(dhs + at + k, s.steps * hidden, rows, lanes, 4)
                soon_all(cs + at + k, s.steps * hidden, rows, lanes, 4)
                if t + 1 < s.steps:
                    at = (n * s.steps + t + 1) * 4 * hidden
                    times_4(sums, dz + at, s.steps * 4 * hidden, panels + 4 * k * hidden, 4 * hidden, rows)
                else:
                    memset(sums, 0, sizeof(sums))
                for r in range(rows):
                    at = ((n + r) * s.steps + t) * hidden
                    masked = real != NULL and not real[(n + r) * s.steps + t]
                    for v in range(min(4, (hidden - k + lanes - 1) // lanes)):
                        col = k + v * lanes
                        left = hidden - col
                        dh = add(sums[4 * r + v], part(dhs + at + col, left), dhs)
                        if real != NULL:
                            past = dh = add(dh, part(carried + (n + r) * hidden + col, left), dhs)
                            put(carried + (n + r) * hidden + col, left, past if masked else zero())
                        if masked:
                            for g in range(4):
                                put(dz + 4 * at + g * hidden + col, left, zero())
                            continue
                        for g in range(4):
                            z[g] = part(gates + 4 * at + g * hidden + col, left)
                        past = part(cs + at - hidden + col if t else c0 + (n + r) * hidden + col, left)
                        c = part(dc + (n + r) * hidden + col, left)
                        _lstm_unit_back(z, past, part(cs + at + col, left), dh, &c, dhs)
                        put(dc + (n + r) * hidden + col, left, c)
                        for g in range(4):
                            put(dz + 4 * at + g * hidden + col, left, z[g])
                n += rows


cdef void _lstm_run_back(
    floating[:, ::1] dz, floating[:, ::1] dc, floating[:, ::1] carried, const floating[:, :, ::1] dhs,
    const floating[:, :, ::1] gates, const floating[:, :, ::1] cs, const floating[:, ::1] c0,
    const floating[:, ::1] w_h, floating[::1] panels, const unsigned char* real, Sizes s,
) noexcept:
    """Fill dz, and take dc and `carried` from the last step to the first."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(floating), k, thread
    for k in prange(0, s.hidden, 4 * lanes, num_threads=s.threads, schedule="static", nogil=True):
        pack_rows(&w_h[0, 0], &panels[4 * k * s.hidden], k, 4 * s.hidden, s.hidden)
    for thread in prange(s.threads, num_threads=s.threads, schedule="static", nogil=True):
        _lstm_rows_back(
            &dz[0, 0], &dc[0, 0], &carried[0, 0], &dhs[0, 0, 0], &gates[0, 0, 0], &cs[0, 0, 0], &c0[0, 0],
            &panels[0],
            real, s, share(s, thread), share(s, thread + 1),
        )
