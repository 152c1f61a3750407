# One step whose matrix products are done: the gate kernels, and those that keep nothing for a backward.


cdef void _lstm_step(
    const floating[:, ::1] z, const floating[:, ::1] c_prev, floating[:, ::1] gates, floating[:, ::1] c,
    floating[:, ::1] h,
) noexcept:
    """Fill gates, c and h."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(floating), hidden = c.shape[1], n, j, k, g, left
    cdef const floating* kind = NULL
    cdef vec[4] unit
    cdef vec cell, shown
    with nogil:
        for n in range(c.shape[0]):
            for j in range((hidden + lanes - 1) // lanes):
                k = j * lanes
                left = hidden - k
                for g in range(4):
                    unit[g] = part(&z[n, g * hidden + k], left)
                cell = part(&c_prev[n, k], left)
                _lstm_unit(unit, &cell, &shown, kind)
                for g in range(4):
                    put(&gates[n, g * hidden + k], left, unit[g])
                put(&c[n, k], left, cell)
                put(&h[n, k], left, shown)


cdef void _lstm_step_back(
    const floating[:, ::1] dh, const floating[:, ::1] dc, const floating[:, ::1] gates,
    const floating[:, ::1] c_prev, const floating[:, ::1] c, floating[:, ::1] dz, floating[:, ::1] dc_prev,
) noexcept:
    """Fill dz and dc_prev."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(floating), hidden = c.shape[1], n, j, k, g, left
    cdef const floating* kind = NULL
    cdef vec[4] unit
    cdef vec cell, after, shown
    with nogil:
        for n in range(c.shape[0]):
            for j in range((hidden + lanes - 1) // lanes):
                k = j * lanes
                left = hidden - k
                for g in range(4):
                    unit[g] = part(&gates[n, g * hidden + k], left)
                cell = part(&dc[n, k], left)
                after, shown = part(&c[n, k], left), part(&dh[n, k], left)
                _lstm_unit_back(unit, part(&c_prev[n, k], left), after, shown, &cell, kind)
                for g in range(4):
                    put(&dz[n, g * hidden + k], left, unit[g])
                put(&dc_prev[n, k], left, cell)


cdef void _gru_step(
    const floating[:, ::1] z_x, const floating[:, ::1] z_h, const floating[:, ::1] h_prev,
    floating[:, ::1] gates, floating[:, ::1] h,
) noexcept:
    """Fill gates and h."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(floating), hidden = h.shape[1], n, j, k, g, left
    cdef const floating* kind = NULL
    cdef vec[3] unit, past
    cdef vec state
    with nogil:
        for n in range(h.shape[0]):
            for j in range((hidden + lanes - 1) // lanes):
                k = j * lanes
                left = hidden - k
                for g in range(3):
                    unit[g] = part(&z_x[n, g * hidden + k], left)
                    past[g] = part(&z_h[n, g * hidden + k], left)
                state = part(&h_prev[n, k], left)
                _gru_unit(unit, past, &state, kind)
                for g in range(3):
                    put(&gates[n, g * hidden + k], left, unit[g])
                put(&h[n, k], left, state)


cdef void _gru_step_back(
    const floating[:, ::1] dh, const floating[:, ::1] gates, const floating[:, ::1] z_h,
    const floating[:, ::1] h_prev, floating[:, ::1] dz_x, floating[:, ::1] dz_h, floating[:, ::1] dh_prev,
) noexcept:
    """Fill dz_x, dz_h and dh_prev."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(floating), hidden = dh.shape[1], n, j, k, g, left
    cdef const floating* kind = NULL
    cdef vec[3] unit
    cdef vec state, past, scaled
    with nogil:
        for n in range(dh.shape[0]):
            for j in range((hidden + lanes - 1) // lanes):
                k = j * lanes
                left = hidden - k
                for g in range(3):
                    unit[g] = part(&gates[n, g * hidden + k], left)
                state = part(&dh[n, k], left)
                past = part(&h_prev[n, k], left)
                _gru_unit_back(
                    unit, part(&z_h[n, 2 * hidden + k], left), past, &state, &scaled, kind
                )
                for g in range(3):
                    put(&dz_x[n, g * hidden + k], left, unit[g])
                    put(&dz_h[n, g * hidden + k], left, unit[g] if g < 2 else scaled)
                put(&dh_prev[n, k], left, state)


cdef void _each(const floating[::1] x, floating[::1] y, bint logistic) noexcept:
    """Fill y with tanh(x), or with the sigmoid."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(floating), k = 0
    cdef const floating* kind = NULL
    cdef vec v
    with nogil:
        while k < x.shape[0]:
            v = part(&x[k], x.shape[0] - k)
            put(&y[k], x.shape[0] - k, vsigmoid(v, kind) if logistic else vtanh(v, kind))
            k += lanes


cdef void _rnn_on(const floating[:, ::1] z_x, const floating[:, ::1] z_h, floating[:, ::1] after) noexcept:
    """Fill the state after the step."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(floating), count = z_x.shape[0] * z_x.shape[1], k = 0
    cdef const floating* kind = NULL
    cdef const floating* one = &z_x[0, 0]
    cdef const floating* other = &z_h[0, 0]
    cdef vec z
    with nogil:
        while k < count:
            z = add(part(one + k, count - k), part(other + k, count - k), kind)
            put(&after[0, 0] + k, count - k, vtanh(z, kind))
            k += lanes


cdef void _lstm_on(
    const floating[:, ::1] z_x, const floating[:, ::1] z_h, const floating[:, ::1] state,
    floating[:, ::1] after,
) noexcept:
    """Fill the state after the step, hidden and cell side by side."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(floating), hidden = state.shape[1] // 2, n, j, k, g, left
    cdef const floating* kind = NULL
    cdef vec[4] unit
    cdef vec cell, shown
    with nogil:
        for n in range(state.shape[0]):
            for j in range((hidden + lanes - 1) // lanes):
                k = j * lanes
                left = hidden - k
                for g in range(4):
                    unit[g] = part(&z_x[n, g * hidden + k], left)
                    unit[g] = add(unit[g], part(&z_h[n, g * hidden + k], left), kind)
                cell = part(&state[n, hidden + k], left)
                _lstm_unit(unit, &cell, &shown, kind)
                put(&after[n, k], left, shown)
                put(&after[n, hidden + k], left, cell)


cdef void _gru_on(
    const floating[:, ::1] z_x, const floating[:, ::1] z_h, const floating[::1] b_h,
    const floating[:, ::1] state, floating[:, ::1] after,
) noexcept:
    """Fill the state after the step."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(floating), hidden = state.shape[1], n, j, k, g, left
    cdef const floating* kind = NULL
    cdef vec[3] unit, past
    cdef vec h
    with nogil:
        for n in range(state.shape[0]):
            for j in range((hidden + lanes - 1) // lanes):
                k = j * lanes
                left = hidden - k
                for g in range(3):
                    unit[g] = part(&z_x[n, g * hidden + k], left)
                    past[g] = add(part(&z_h[n, g * hidden + k], left), part(&b_h[g * hidden + k], left), kind)
                h = part(&state[n, k], left)
                _gru_unit(unit, past, &h, kind)
                put(&after[n, k], left, h)
