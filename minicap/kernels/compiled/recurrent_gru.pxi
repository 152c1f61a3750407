# The GRU, reset after the product, over a whole sequence, after the product of all inputs.


cdef void _gru_rows(
    floating* gates, floating* z_h, floating* hs, const floating* h0, const floating* biases,
    Py_ssize_t next_bias, const floating* b_h, const floating* panels, const unsigned char* real, Sizes s,
    Py_ssize_t first, Py_ssize_t last,
) noexcept nogil:
    """Take some rows through time; gates hold x @ w_x and come to hold the gates."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(floating), hidden = s.hidden
    cdef Py_ssize_t j, k, n, r, g, t, left, at, rows, step
    cdef vec[3 * MOST_ROWS] sums
    cdef vec[3] z
    cdef vec* past
    cdef vec h, old
    cdef const floating* h_prev
    cdef const floating* b_x
    for t in range(s.steps):
        for j in range((hidden + lanes - 1) // lanes):
            k = j * lanes
            left = hidden - k
            n = first
            while n < last:
                rows = rows_at(n, last)
                at = (n * s.steps + t) * hidden
                h_prev = hs + at - hidden if t else h0 + n * hidden
                step = s.steps * hidden if t else hidden
                times_3(sums, h_prev, step, panels + 3 * k * hidden, hidden, rows)
                for r in range(rows):
                    at = ((n + r) * s.steps + t) * hidden
                    past = sums + 3 * r
                    b_x = biases + (n + r) * next_bias
                    for g in range(3):
                        z[g] = part(gates + 3 * at + g * hidden + k, left)
                        z[g] = add(z[g], part(b_x + g * hidden + k, left), b_x)
                        past[g] = add(past[g], part(b_h + g * hidden + k, left), b_x)
                        put(z_h + 3 * at + g * hidden + k, left, past[g])
                    h = old = part(hs + at - hidden + k if t else h0 + (n + r) * hidden + k, left)
                    _gru_unit(z, past, &h, b_x)
                    for g in range(3):
                        put(gates + 3 * at + g * hidden + k, left, z[g])
                    put(hs + at + k, left, old if real != NULL and not real[(n + r) * s.steps + t] else h)
                n += rows


cdef void _gru_run(
    floating[:, :, ::1] gates, floating[:, :, ::1] z_h, floating[:, :, ::1] hs, const floating[:, ::1] h0,
    const floating[:, ::1] w_h, const floating[:, ::1] b_x, const floating[::1] b_h, floating[::1] panels,
    const unsigned char* real, Sizes s,
) noexcept:
    """Fill gates, which hold x @ w_x, the state's part of their pre-activations, and the states."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(floating), k, thread
    for k in prange(0, s.hidden, lanes, num_threads=s.threads, schedule="static", nogil=True):
        pack_gates(&w_h[0, 0], &panels[3 * k * s.hidden], k, s.hidden, 3, s.hidden)
    for thread in prange(s.threads, num_threads=s.threads, schedule="static", nogil=True):
        _gru_rows(
            &gates[0, 0, 0], &z_h[0, 0, 0], &hs[0, 0, 0], &h0[0, 0], &b_x[0, 0],
            b_x.shape[1] if b_x.shape[0] > 1 else 0, &b_h[0], &panels[0], real, s,
            share(s, thread), share(s, thread + 1),
        )


cdef void _gru_rows_back(
    floating* dz_x, floating* dz_h, floating* direct, const floating* dhs, const floating* gates,
    const floating* z_h,
    const floating* hs, const floating* h0, const floating* panels, const unsigned char* real, Sizes s,
    Py_ssize_t first, Py_ssize_t last,
) noexcept nogil:
    """Take some rows back through time; what goes past the product with w_h waits in `direct`."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(floating), hidden = s.hidden
    cdef Py_ssize_t j, k, n, r, v, t, g, left, at, rows, col
    cdef vec[4 * MOST_ROWS] sums
    cdef vec[3] z
    cdef vec dh, past, scaled
    for t in reversed(range(s.steps)):
        for j in range((hidden + 4 * lanes - 1) // (4 * lanes)):
            k = j * 4 * lanes
            n = first
            while n < last:
                rows = rows_at(n, last)
                if t + 1 < s.steps:
                    at = (n * s.steps + t + 1) * 3 * hidden
                    times_4(sums, dz_h + at, s.steps * 3 * hidden, panels + 3 * k * hidden, 3 * hidden, rows)
                else:
                    memset(sums, 0, sizeof(sums))
                for r in range(rows):
                    at = ((n + r) * s.steps + t) * hidden
                    for v in range(min(4, (hidden - k + lanes - 1) // lanes)):
                        col = k + v * lanes
                        left = hidden - col
                        dh = add(sums[4 * r + v], part(dhs + at + col, left), dhs)
                        dh = add(dh, part(direct + (n + r) * hidden + col, left), dhs)
                        if real != NULL and not real[(n + r) * s.steps + t]:
                            z[0] = z[1] = z[2] = scaled = zero()
                        else:
                            for g in range(3):
                                z[g] = part(gates + 3 * at + g * hidden + col, left)
                            past = part(hs + at - hidden + col if t else h0 + (n + r) * hidden + col, left)
                            scaled = part(z_h + 3 * at + 2 * hidden + col, left)
                            _gru_unit_back(z, scaled, past, &dh, &scaled, dhs)
                        put(direct + (n + r) * hidden + col, left, dh)
                        for g in range(3):
                            put(dz_x + 3 * at + g * hidden + col, left, z[g])
                            put(dz_h + 3 * at + g * hidden + col, left, z[g] if g < 2 else scaled)
                n += rows


cdef void _gru_run_back(
    floating[:, ::1] dz_x, floating[:, ::1] dz_h, floating[:, ::1] direct, const floating[:, :, ::1] dhs,
    const floating[:, :, ::1] gates, const floating[:, :, ::1] z_h, const floating[:, :, ::1] hs,
    const floating[:, ::1] h0, const floating[:, ::1] w_h, floating[::1] panels, const unsigned char* real,
    Sizes s,
) noexcept:
    """Fill dz_x and dz_h, and take `direct` from the last step to the first."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(floating), k, thread
    for k in prange(0, s.hidden, 4 * lanes, num_threads=s.threads, schedule="static", nogil=True):
        pack_rows(&w_h[0, 0], &panels[3 * k * s.hidden], k, 3 * s.hidden, s.hidden)
    for thread in prange(s.threads, num_threads=s.threads, schedule="static", nogil=True):
        _gru_rows_back(
            &dz_x[0, 0], &dz_h[0, 0], &direct[0, 0], &dhs[0, 0, 0], &gates[0, 0, 0], &z_h[0, 0, 0],
            &hs[0, 0, 0], &h0[0, 0], &panels[0], real, s, share(s, thread), share(s, thread + 1),
        )
