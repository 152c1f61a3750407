# Layer normalisation: a row is in cache from its first pass to its last.

cdef void _layer_forward_row(
    const floating[:, ::1] x, const floating[::1] gamma, const floating[::1] beta, double eps,
    floating[:, ::1] y, floating[::1] mean, floating[::1] inv_std, Py_ssize_t m,
) noexcept nogil:
    """Fill one row of y, and its statistics."""
    cdef Py_ssize_t d, width = x.shape[1]
    cdef Moments exact = _moments(&x[m, 0], 1, width, width)
    cdef floating centre = <floating>exact.mean, scale = <floating>(1 / sqrt(exact.var + eps))
    cdef floating rest = <floating>((centre - exact.mean) * scale)  # what rounding took from the mean
    cdef const floating* row = &x[m, 0]
    cdef const floating* times = &gamma[0]
    cdef const floating* plus = &beta[0]
    cdef floating* out = &y[m, 0]
    mean[m], inv_std[m] = centre, scale
    for d in range(width):
        out[d] = ((row[d] - centre) * scale + rest) * times[d] + plus[d]


cdef void _layer_forward(
    const floating[:, ::1] x, const floating[::1] gamma, const floating[::1] beta, double eps,
    floating[:, ::1] y, floating[::1] mean, floating[::1] inv_std, int threads,
) noexcept:
    """Fill y and the statistics of its rows."""
    cdef Py_ssize_t m
    for m in prange(x.shape[0], num_threads=threads, schedule="static", nogil=True):
        _layer_forward_row(x, gamma, beta, eps, y, mean, inv_std, m)


cdef inline void _layer_dx(
    const floating* dy, const floating* x, const floating* gamma, floating mean, floating scale,
    floating* dx, Py_ssize_t width,
) noexcept nogil:
    """Fill one row of dx."""
    cdef Py_ssize_t d
    cdef Sums sums = Sums(0, 0)
    cdef floating level, slope
    _add_sums(&sums, dy, gamma, x, width, mean, 0)
    level = <floating>(sums.plain / width)
    slope = <floating>(sums.along * scale * scale / width)
    for d in range(width):
        dx[d] = scale * ((dy[d] * gamma[d] - level) - slope * (x[d] - mean))


cdef inline void _add_vectors(
    const floating* dy, const floating* x, const floating* mean, const floating* scale,
    double* dgamma, double* dbeta, Py_ssize_t rows, Py_ssize_t width, const int vectors,
) noexcept nogil:
    """Add a few rows of one or two vectors of columns to the gradients of gamma and beta."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(floating), m, v, k
    cdef vec g, centre, times
    cdef vec[2] plain, along
    cdef floating[32] lane, lane_along
    for v in range(vectors):
        plain[v] = along[v] = zero()
    for m in range(rows):
        centre, times = broadcast[floating](mean[m]), broadcast[floating](scale[m])
        for v in range(vectors):
            g = load(dy + v * lanes)
            plain[v] = add(plain[v], g, x)
            along[v] = madd(along[v], mul(g, times, x), sub(load(x + v * lanes), centre, x), x)
        dy += width
        x += width
    for v in range(vectors):
        store(lane + v * lanes, plain[v])
        store(lane_along + v * lanes, along[v])
    for k in range(vectors * lanes):
        dbeta[k] += lane[k]
        dgamma[k] += lane_along[k]


cdef void _add_columns(
    const floating* dy, const floating* x, const floating* mean, const floating* scale,
    double* dgamma, double* dbeta, Py_ssize_t rows, Py_ssize_t width,
) noexcept nogil:
    """Add a few rows to the gradients of gamma and beta."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(floating), m, d = 0
    while d + 2 * lanes <= width:
        _add_vectors(dy + d, x + d, mean, scale, dgamma + d, dbeta + d, rows, width, 2)
        d += 2 * lanes
    if d + lanes <= width:
        _add_vectors(dy + d, x + d, mean, scale, dgamma + d, dbeta + d, rows, width, 1)
        d += lanes
    while d < width:
        for m in range(rows):
            dbeta[d] += dy[m * width + d]
            dgamma[d] += dy[m * width + d] * scale[m] * (x[m * width + d] - mean[m])
        d += 1


cdef void _layer_backward_chunk(
    const floating[:, ::1] dy, const floating[:, ::1] x, const floating[::1] mean,
    const floating[::1] inv_std, const floating[::1] gamma,
    floating[:, ::1] dx, double[:, :, ::1] parts, Py_ssize_t chunk,
) noexcept nogil:
    """Fill the dx of some rows, and add up what they mean for gamma and beta."""
    cdef Py_ssize_t width = x.shape[1], m, first, end
    memset(&parts[chunk, 0, 0], 0, 2 * width * sizeof(double))
    first, end = chunk * x.shape[0] // CHUNKS, (chunk + 1) * x.shape[0] // CHUNKS
    while first < end:
        for m in range(first, min(first + NEAR, end)):
            _layer_dx(&dy[m, 0], &x[m, 0], &gamma[0], mean[m], inv_std[m], &dx[m, 0], width)
        _add_columns(
            &dy[first, 0], &x[first, 0], &mean[first], &inv_std[first],
            &parts[chunk, 0, 0], &parts[chunk, 1, 0], min(<Py_ssize_t>NEAR, end - first), width,
        )
        first += NEAR


cdef void _layer_backward(
    const floating[:, ::1] dy, const floating[:, ::1] x, const floating[::1] mean,
    const floating[::1] inv_std, const floating[::1] gamma,
    floating[:, ::1] dx, double[:, :, ::1] parts, floating[::1] dgamma, floating[::1] dbeta, int threads,
) noexcept:
    """Fill all three gradients."""
    cdef Py_ssize_t chunk, d
    for chunk in prange(CHUNKS, num_threads=threads, schedule="static", nogil=True):
        _layer_backward_chunk(dy, x, mean, inv_std, gamma, dx, parts, chunk)
    for chunk in range(1, CHUNKS):
        for d in range(x.shape[1]):
            parts[0, 0, d] += parts[chunk, 0, d]
            parts[0, 1, d] += parts[chunk, 1, d]
    for d in range(x.shape[1]):
        dgamma[d], dbeta[d] = <floating>parts[0, 0, d], <floating>parts[0, 1, d]
