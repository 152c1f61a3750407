# The plain network over a whole sequence, after the product of all inputs.


cdef void _rnn_rows(
    floating* hs, const floating* h0, const floating* biases, Py_ssize_t next_bias,
    const floating* panels, const unsigned char* real, Sizes s, Py_ssize_t first, Py_ssize_t last,
) noexcept nogil:
    """Take some rows through time; hs hold x @ w_x and come to hold the states."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(floating), hidden = s.hidden
    cdef Py_ssize_t j, k, n, r, v, t, left, at, rows, col
    cdef vec[4 * MOST_ROWS] sums
    cdef vec h
    cdef const floating* h_prev
    cdef const floating* b
    for t in range(s.steps):
        for j in range((hidden + 4 * lanes - 1) // (4 * lanes)):
            k = j * 4 * lanes
            n = first
            while n < last:
                rows = rows_at(n, last)
                at = (n * s.steps + t) * hidden
                h_prev = hs + at - hidden if t else h0 + n * hidden
                times_4(sums, h_prev, s.steps * hidden if t else hidden, panels + k * hidden, hidden, rows)
                for r in range(rows):
                    at = ((n + r) * s.steps + t) * hidden
                    b = biases + (n + r) * next_bias
                    for v in range(min(4, (hidden - k + lanes - 1) // lanes)):
                        col = k + v * lanes
                        left = hidden - col
                        if real != NULL and not real[(n + r) * s.steps + t]:
                            h = part(hs + at - hidden + col if t else h0 + (n + r) * hidden + col, left)
                        else:
                            h = add(sums[4 * r + v], part(hs + at + col, left), b)
                            h = vtanh(add(h, part(b + col, left), b), b)
                        put(hs + at + col, left, h)
                n += rows


cdef void _rnn_run(
    floating[:, :, ::1] hs, const floating[:, ::1] h0, const floating[:, ::1] w_h, const floating[:, ::1] b,
    floating[::1] panels, const unsigned char* real, Sizes s,
) noexcept:
    """Fill the states, which hold x @ w_x."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(floating), k, thread
    for k in prange(0, s.hidden, 4 * lanes, num_threads=s.threads, schedule="static", nogil=True):
        pack_columns(&w_h[0, 0], &panels[k * s.hidden], k, s.hidden, s.hidden)
    for thread in prange(s.threads, num_threads=s.threads, schedule="static", nogil=True):
        _rnn_rows(
            &hs[0, 0, 0], &h0[0, 0], &b[0, 0], b.shape[1] if b.shape[0] > 1 else 0, &panels[0], real, s,
            share(s, thread), share(s, thread + 1),
        )


cdef void _rnn_rows_back(
    floating* dz, floating* carried, const floating* dhs, const floating* hs, const floating* panels,
    const unsigned char* real, Sizes s, Py_ssize_t first, Py_ssize_t last,
) noexcept nogil:
    """Take some rows back through time; what a masked step hands on waits in `carried`."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(floating), hidden = s.hidden
    cdef Py_ssize_t j, k, n, r, v, t, left, at, rows, col
    cdef vec[4 * MOST_ROWS] sums
    cdef vec h, dh, one = broadcast[floating](1)
    cdef bint masked
    for t in reversed(range(s.steps)):
        for j in range((hidden + 4 * lanes - 1) // (4 * lanes)):
            k = j * 4 * lanes
            n = first
            while n < last:
                rows = rows_at(n, last)
                if t + 1 < s.steps:
                    at = (n * s.steps + t + 1) * hidden
                    times_4(sums, dz + at, s.steps * hidden, panels + k * hidden, hidden, rows)
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
                            dh = add(dh, part(carried + (n + r) * hidden + col, left), dhs)
                            put(carried + (n + r) * hidden + col, left, dh if masked else zero())
                        h = part(hs + at + col, left)
                        dh = zero() if masked else mul(dh, sub(one, mul(h, h, dhs), dhs), dhs)
                        put(dz + at + col, left, dh)
                n += rows


cdef void _rnn_run_back(
    floating[:, ::1] dz, floating[:, ::1] carried, const floating[:, :, ::1] dhs,
    const floating[:, :, ::1] hs, const floating[:, ::1] w_h, floating[::1] panels,
    const unsigned char* real, Sizes s,
) noexcept:
    """Fill dz, and take `carried` from the last step to the first."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(floating), k, thread
    for k in prange(0, s.hidden, 4 * lanes, num_threads=s.threads, schedule="static", nogil=True):
        pack_rows(&w_h[0, 0], &panels[k * s.hidden], k, s.hidden, s.hidden)
    for thread in prange(s.threads, num_threads=s.threads, schedule="static", nogil=True):
        _rnn_rows_back(
            &dz[0, 0], &carried[0, 0], &dhs[0, 0, 0], &hs[0, 0, 0], &panels[0], real, s, share(s, thread),
            share(s, thread + 1),
        )
