# Sums over channels and rows, from which statistics and gradients are made.

cdef inline Py_ssize_t _ahead(Py_ssize_t step, Py_ssize_t row_bytes) noexcept nogil:
    """Return how far on to ask for rows that lie apart, so that they arrive in time: some kilobytes."""
    return step * (1 + 3072 // max(row_bytes, <Py_ssize_t>1))


cdef inline void _add_moments(vec* plain, vec* square, vec x, vec first, const floating* kind) noexcept nogil:
    """Add d and d**2 to their sums, d = x - first; all in float64."""
    cdef double* wide = NULL
    cdef vec d
    if floating is float:
        d = sub(widen_low(x), first, wide)
        plain[0] = add(plain[0], d, wide)
        square[0] = madd(square[0], d, d, wide)
        d = sub(widen_high(x), first, wide)
        plain[1] = add(plain[1], d, wide)
        square[1] = madd(square[1], d, d, wide)
    else:
        d = sub(x, first, wide)
        plain[0] = add(plain[0], d, wide)
        square[0] = madd(square[0], d, d, wide)


cdef double _mean(const double* x, Py_ssize_t rows, Py_ssize_t step, Py_ssize_t count) noexcept nogil:
    """Return the mean over rows of some length, each a step behind the other."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(double), n, s, k, pairs = count // (2 * lanes)
    cdef vec one = zero(), other = zero()
    cdef vec[2] both
    cdef double rest = 0
    for n in range(rows):
        for k in range(pairs):
            one = add(one, load(x + 2 * k * lanes), x)
            other = add(other, load(x + (2 * k + 1) * lanes), x)
        for s in range(2 * pairs * lanes, count):
            rest += x[s]
        x += step
    both[0], both[1] = one, other
    return (total_wide(both) + rest) / <double>(rows * count)


cdef Moments _moments(
    const floating* x, Py_ssize_t rows, Py_ssize_t step, Py_ssize_t count
) noexcept nogil:
    """Return mean and variance over rows of some length, each a step behind the other."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(floating), n, s, k, pairs = count // (2 * lanes)
    cdef Py_ssize_t ahead = _ahead(step, count * sizeof(floating))
    cdef double shift = x[0], rest = 0, rest_square = 0, d, total = <double>(rows * count)
    cdef vec first
    cdef vec[2] plain, square, more, more_square
    cdef const floating* row
    if floating is double:
        shift = _mean(x, rows, step, count)
    first = broadcast[double](shift)
    plain[0] = plain[1] = square[0] = square[1] = zero()
    more[0] = more[1] = more_square[0] = more_square[1] = zero()
    for n in range(rows):
        row = x + n * step
        for k in range(pairs):
            if rows > 1:
                prefetch(row + ahead + 2 * k * lanes)
                prefetch(row + ahead + (2 * k + 1) * lanes)
            _add_moments(plain, square, load(row + 2 * k * lanes), first, x)
            _add_moments(more, more_square, load(row + (2 * k + 1) * lanes), first, x)
        for s in range(2 * pairs * lanes, count):
            d = row[s] - shift
            rest += d
            rest_square += d * d
    d = (total_wide(plain) + total_wide(more) + rest) / total
    rest_square += total_wide(square) + total_wide(more_square)
    return Moments(shift + d, max(rest_square / total - d * d, <double>0))


cdef void _add_sums(
    Sums* sums, const floating* g, const floating* gamma, const floating* x, Py_ssize_t count, floating mean,
    Py_ssize_t ahead,
) noexcept nogil:
    """Add up g and g * (x - mean) along a row, and ask for another; where gamma is given, g is times it.

    Blocks of NEAR vectors are added in their own type, so a float32 sum is off by NEAR roundings at most.
    """
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(floating), s = 0, end, whole = count - count % lanes
    cdef vec centre = broadcast[floating](mean), near, near_along, v
    cdef vec[2] plain, along
    cdef double rest = 0, rest_along = 0
    plain[0] = plain[1] = along[0] = along[1] = zero()
    while s < whole:
        near = near_along = zero()
        end = min(s + NEAR * lanes, whole)
        while s < end:
            if ahead:
                prefetch(g + s + ahead)
                prefetch(x + s + ahead)
            v = load(g + s)
            if gamma != NULL:
                v = mul(v, load(gamma + s), x)
            near = add(near, v, x)
            near_along = madd(near_along, v, sub(load(x + s), centre, x), x)
            s += lanes
        add_wide(plain, near, x)
        add_wide(along, near_along, x)
    for s in range(whole, count):
        rest += g[s] * (gamma[s] if gamma != NULL else 1)
        rest_along += g[s] * (gamma[s] if gamma != NULL else 1) * (x[s] - mean)
    sums.plain += total_wide(plain) + rest
    sums.along += total_wide(along) + rest_along
