# Winograd's convolution: fewer multiplications for 3x3 and 5x5 filters at stride 1, float32 only.
#
# A tile of 6 x 6 pixels d and a filter g of r x r give m x m results, m = 7 - r, not by correlating but by
# multiplying polynomials at the six points 0, 1, -1, 2, -2 and infinity:
#
#     Y = A^T [ (G g G^T) * (B^T d B) ] A
#
# Only the product in the middle mixes channels: 36 products of matrices (tiles, C) @ (C, F) instead of
# r * r for each of the m * m pixels, a quarter of the multiplications for r = 3. The weight gradient is
# the same with dy's m x m tiles as the filter and the r x r taps as the results. B is always the same:
#
#     B^T = 4  0 -5  0  1  0        G = row k of point a:  a**j / N,  N = 4, -6, -6, 24, 24; last row 0 .. 0 1
#           0 -4 -4  1  1  0      A^T = row i, point a:    a**i;  infinity only in the last row
#           0  4 -4 -1  1  0
#           0 -2 -1  2  1  0      Lavin and Gray, "Fast algorithms for convolutional neural networks" (2016),
#           0  2 -1 -2  1  0      sections 4.1 and 4.2, F(4x4, 3x3); their B, G, A are ours.
#           0  4  0 -5  0  1
#
# A vector holds 16 channels or filters of one pixel, so the image is turned over first (`_by_pixel`) and
# the result turned back. Large intermediate factors cost accuracy: see `minicap.kernels.conv_choice`.

cdef enum:
    POINTS = 36
    TILES_AT_ONCE = 48  # about: the strip's transformed tiles then fit in a level-2 cache


ctypedef const float* Pixel


cdef struct Tiling:
    # Tiles of m x m results over an image with margins; channels and filters are padded to whole vectors.
    Py_ssize_t height, width, top, left, out_h, out_w, m, down, across, c, f, strip, most


cdef inline vec _times(float s, vec a) noexcept nogil:
    """Return s * a."""
    return mul(broadcast(s), a, &s)


cdef inline vec _plus(vec a, float s, vec b) noexcept nogil:
    """Return a + s * b."""
    return madd(a, broadcast(s), b, &s)


cdef inline void _data_at_points(vec* d, Py_ssize_t step) noexcept nogil:
    """Replace six vectors by B^T times them."""
    cdef vec d0 = d[0], d1 = d[step], d2 = d[2 * step], d3 = d[3 * step], d4 = d[4 * step], d5 = d[5 * step]
    cdef vec even = _plus(d4, -4, d2), odd = _plus(d3, -4, d1)
    d[0] = _plus(_plus(d4, -5, d2), 4, d0)
    d[step] = _plus(even, 1, odd)
    d[2 * step] = _plus(even, -1, odd)
    even, odd = _plus(d4, -1, d2), _plus(d3, -1, d1)
    d[3 * step] = _plus(even, 2, odd)
    d[4 * step] = _plus(even, -2, odd)
    d[5 * step] = _plus(_plus(d5, -5, d3), 4, d1)


cdef inline void _filter_at_points(
    const vec* g, Py_ssize_t g_step, vec* u, Py_ssize_t u_step, Py_ssize_t r
) noexcept nogil:
    """Fill six vectors with G times r vectors."""
    cdef vec even = g[0], odd = g[g_step], far_even = g[0], far_odd = _times(2, g[g_step])
    if r > 2:
        even, far_even = _plus(even, 1, g[2 * g_step]), _plus(far_even, 4, g[2 * g_step])
    if r > 3:
        odd, far_odd = _plus(odd, 1, g[3 * g_step]), _plus(far_odd, 8, g[3 * g_step])
    if r > 4:
        even, far_even = _plus(even, 1, g[4 * g_step]), _plus(far_even, 16, g[4 * g_step])
    u[0] = _times(<float>0.25, g[0])
    u[u_step] = _times(<float>(-1. / 6), _plus(even, 1, odd))
    u[2 * u_step] = _times(<float>(-1. / 6), _plus(even, -1, odd))
    u[3 * u_step] = _times(<float>(1. / 24), _plus(far_even, 1, far_odd))
    u[4 * u_step] = _times(<float>(1. / 24), _plus(far_even, -1, far_odd))
    u[5 * u_step] = g[(r - 1) * g_step]


cdef inline void _results(const vec* t, Py_ssize_t t_step, vec* y, Py_ssize_t y_step, Py_ssize_t m) noexcept nogil:
    """Fill m vectors with A^T times six."""
    cdef vec near_even = _plus(t[t_step], 1, t[2 * t_step]), near_odd = _plus(t[t_step], -1, t[2 * t_step])
    cdef vec far_even = _plus(t[3 * t_step], 1, t[4 * t_step]), far_odd = _plus(t[3 * t_step], -1, t[4 * t_step])
    y[0] = _plus(_plus(t[0], 1, near_even), 1, far_even)
    y[y_step] = _plus(near_odd, 2, far_odd)
    if m > 2:
        y[2 * y_step] = _plus(near_even, 4, far_even)
    if m > 3:
        y[3 * y_step] = _plus(near_odd, 8, far_odd)
    if m > 4:
        y[4 * y_step] = _plus(near_even, 16, far_even)
    y[(m - 1) * y_step] = _plus(y[(m - 1) * y_step], 1, t[5 * t_step])


cdef void _transform_data(
    const float* turned, Py_ssize_t first_row, Py_ssize_t rows, const Tiling* at, Py_ssize_t tile_row,
    Py_ssize_t tile_rows, const float* nothing, float* points, Py_ssize_t point_step,
) noexcept nogil:
    """Fill points (36, tiles, C) with B^T d B of a strip's tiles; turned (rows * W, C) starts at first_row."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(float), i, j, r, s, v, k, y, x, tile = 0
    cdef Pixel[36] pixel
    cdef vec[36] d
    for i in range(tile_row, tile_row + tile_rows):
        for j in range(at.across):
            for r in range(6):
                y = i * at.m + r - at.top
                for s in range(6):
                    x = j * at.m + s - at.left
                    pixel[6 * r + s] = nothing
                    if 0 <= y < at.height and 0 <= x < at.width:
                        pixel[6 * r + s] = turned + ((y - first_row) * at.width + x) * at.c
            for v in range(at.c // lanes):
                for k in range(36):
                    d[k] = load(pixel[k] + v * lanes)
                for k in range(6):
                    _data_at_points(d + k, 6)
                for k in range(6):
                    _data_at_points(d + 6 * k, 1)
                for k in range(36):
                    store(points + k * point_step + tile * at.c + v * lanes, d[k])
            tile += 1


cdef void _transform_filters(
    const float* turned, Py_ssize_t count, Py_ssize_t width, float* points, Py_ssize_t r
) noexcept nogil:
    """Fill points (36, count, width) with G g G^T of filters turned (count, r * r, width)."""
    if r == 3:
        _transform_filters_sized(turned, count, width, points, 3)
    else:
        _transform_filters_sized(turned, count, width, points, 5)


cdef inline void _transform_filters_sized(
    const float* turned, Py_ssize_t count, Py_ssize_t width, float* points, Py_ssize_t r
) noexcept nogil:
    """Do so for a size that the compiler knows."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(float), c, v, k
    cdef vec[25] g
    cdef vec[30] half
    cdef vec[36] u
    for c in range(count):
        for v in range(width // lanes):
            for k in range(r * r):
                g[k] = load(turned + (c * r * r + k) * width + v * lanes)
            for k in range(r):
                _filter_at_points(g + k, r, half + k, r, r)
            for k in range(6):
                _filter_at_points(half + k * r, 1, u + 6 * k, 1, r)
            for k in range(36):
                store(points + (k * count + c) * width + v * lanes, u[k])


cdef void _multiply(
    const float* a, Py_ssize_t a_step, Py_ssize_t a_row, const float* b, Py_ssize_t width, Py_ssize_t inner,
    float* out, Py_ssize_t rows, bint fresh,
) noexcept nogil:
    """Add to out (rows, width), or fill it with, the product of a and b (inner, width).

    Number k of row i of a stands at i * a_step + k * a_row. ``rows`` is a multiple of TILE_ROWS.
    """
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(float), i, f = 0, vectors
    cdef Py_ssize_t[8] offsets
    for i in range(TILE_ROWS):
        offsets[i] = i * a_step
    while f < width:
        vectors = _vectors((width - f) // lanes)
        i = 0
        while i < rows:
            _weight_tiles(
                a + i * a_step, offsets, a_row, 0, b + f, width, inner, 1, out + i * width + f,
                TILE_ROWS, vectors, fresh,
            )
            i += TILE_ROWS
        f += vectors * lanes


cdef void _transform_results(
    const float* points, Py_ssize_t point_step, const Tiling* at, Py_ssize_t tile_row, Py_ssize_t tile_rows,
    const float* bias, float* turned,
) noexcept nogil:
    """Fill turned (pixels, F), the strip's results pixel by pixel, with A^T t A plus the bias."""
    if at.m == 4:
        _transform_results_sized(points, point_step, at, tile_row, tile_rows, bias, turned, 4)
    else:
        _transform_results_sized(points, point_step, at, tile_row, tile_rows, bias, turned, 2)


cdef inline void _transform_results_sized(
    const float* points, Py_ssize_t point_step, const Tiling* at, Py_ssize_t tile_row, Py_ssize_t tile_rows,
    const float* bias, float* turned, Py_ssize_t m,
) noexcept nogil:
    """Do so for a size that the compiler knows."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(float), i, j, r, s, v, k, tile = 0
    cdef vec[36] t
    cdef vec[24] half
    cdef vec[16] y
    cdef vec shift
    cdef float* target
    for i in range(tile_rows):
        for j in range(at.across):
            target = turned + (i * m * at.out_w + j * m) * at.f
            for v in range(at.f // lanes):
                shift = load(bias + v * lanes)
                for k in range(36):
                    t[k] = load(points + k * point_step + tile * at.f + v * lanes)
                for k in range(6):
                    _results(t + k, 6, half + k, 6, m)
                for k in range(m):
                    _results(half + 6 * k, 1, y + m * k, 1, m)
                for r in range(m):
                    if (tile_row + i) * m + r < at.out_h:
                        for s in range(m):
                            if j * m + s < at.out_w:
                                store(
                                    target + (r * at.out_w + s) * at.f + v * lanes, add(y[m * r + s], shift, bias)
                                )
            tile += 1


cdef void _pool_strip(
    const float* turned, const Tiling* at, Py_ssize_t first, Py_ssize_t end, Py_ssize_t plane, Py_ssize_t filters,
    float* y, int* winner, float* room,
) noexcept nogil:
    """Turn rows first .. end back, a vector of filters at a time, and pool them into their planes of y."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(float), f, i, pixels = (end - first) * at.out_w
    cdef Py_ssize_t step = pixels + 2 * lanes, pooled = (at.out_h // 2) * (at.out_w // 2)
    f = 0
    while f < filters:
        _by_channel(turned + f, at.f, room, step, min(lanes, filters - f), pixels)
        for i in range(min(lanes, filters - f)):
            _emit_pooled(
                room + i * step, at.out_w, first, end, at.out_w, y + (plane + f + i) * pooled,
                winner + (plane + f + i) * pooled, at.out_h // 2,
            )
        f += lanes


cdef void _winograd(
    const float* x, Py_ssize_t images, Py_ssize_t channels, const float* u, const float* bias, float* y,
    Py_ssize_t filters, const Tiling* at, float* room, Py_ssize_t room_step, int threads, int* winner,
) noexcept nogil:
    """Correlate images (N, C, H, W) with filters at points u (36, C, F); strips of tiles go to threads.

    With a place for winners, y is not the result but its maxima over 2x2 pixels, and zero where they are negative.
    """
    cdef Py_ssize_t strips = (at.down + at.strip - 1) // at.strip, item, n, i, rows, first, last, k, tiles
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(float), pixels = at.height * at.width
    cdef float* nothing
    cdef float* turned
    cdef float* data
    cdef float* product
    for item in prange(images * strips, num_threads=threads, schedule="static"):
        n, i = item // strips, item % strips * at.strip
        rows = min(at.strip, at.down - i)
        tiles = (rows * at.across + 7) // 8 * 8
        nothing = room + threadid() * room_step
        data = nothing + at.c
        product = data + POINTS * at.most * at.c
        turned = product + POINTS * at.most * at.f
        first = max(0, min(at.height, i * at.m - at.top))
        last = max(first, min(at.height, (i + rows - 1) * at.m + 6 - at.top))
        memset(nothing, 0, at.c * sizeof(float))
        _by_pixel(
            x + n * channels * pixels + first * at.width, channels, pixels, (last - first) * at.width, turned, at.c
        )
        _transform_data(turned, first, last - first, at, i, rows, nothing, data, at.most * at.c)
        for k in range(POINTS):
            _multiply(
                data + k * at.most * at.c, at.c, 1, u + k * channels * at.f, at.f, channels,
                product + k * at.most * at.f, tiles, True,
            )
        _transform_results(product, at.most * at.f, at, i, rows, bias, turned)
        if winner:
            _pool_strip(turned, at, i * at.m, min(at.out_h, (i + rows) * at.m), n * filters, filters, y, winner, data)
            continue
        _by_channel(
            turned, at.f, y + n * filters * at.out_h * at.out_w + i * at.m * at.out_w, at.out_h * at.out_w,
            filters, (min(at.out_h, (i + rows) * at.m) - i * at.m) * at.out_w,
        )


cdef void _transform_upstream(
    const float* turned, const Tiling* at, Py_ssize_t tile_row, Py_ssize_t tile_rows, const float* nothing,
    float* points, Py_ssize_t point_step,
) noexcept nogil:
    """Fill points (36, tiles, F) with G dY G^T of a strip's m x m tiles, which turned (rows * OW, F) holds."""
    if at.m == 4:
        _transform_upstream_sized(turned, at, tile_row, tile_rows, nothing, points, point_step, 4)
    else:
        _transform_upstream_sized(turned, at, tile_row, tile_rows, nothing, points, point_step, 2)


cdef inline void _transform_upstream_sized(
    const float* turned, const Tiling* at, Py_ssize_t tile_row, Py_ssize_t tile_rows, const float* nothing,
    float* points, Py_ssize_t point_step, Py_ssize_t m,
) noexcept nogil:
    """Do so for a size that the compiler knows."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(float), i, j, r, s, v, k, tile = 0
    cdef Pixel[16] pixel
    cdef vec[16] g
    cdef vec[24] half
    cdef vec[36] u
    for i in range(tile_rows):
        for j in range(at.across):
            for r in range(m):
                for s in range(m):
                    pixel[m * r + s] = nothing
                    if (tile_row + i) * m + r < at.out_h and j * m + s < at.out_w:
                        pixel[m * r + s] = turned + ((i * m + r) * at.out_w + j * m + s) * at.f
            for v in range(at.f // lanes):
                for k in range(m * m):
                    g[k] = load(pixel[k] + v * lanes)
                for k in range(m):
                    _filter_at_points(g + k, m, half + k, m, m)
                for k in range(6):
                    _filter_at_points(half + m * k, 1, u + 6 * k, 1, m)
                for k in range(36):
                    store(points + k * point_step + tile * at.f + v * lanes, u[k])
            tile += 1


cdef void _add_winograd_weights(const float* points, const Tiling* at, float* dw) noexcept nogil:
    """Add to dw (C, r * r, F) what points (36, C, F) say, with r = 7 - m."""
    if at.m == 4:
        _add_winograd_weights_sized(points, at, dw, 3)
    else:
        _add_winograd_weights_sized(points, at, dw, 5)


cdef inline void _add_winograd_weights_sized(
    const float* points, const Tiling* at, float* dw, Py_ssize_t taps
) noexcept nogil:
    """Do so for a size that the compiler knows."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(float), c, v, k
    cdef vec[36] t
    cdef vec[30] half
    cdef vec[25] y
    cdef float* target
    for c in range(at.c):
        for v in range(at.f // lanes):
            for k in range(36):
                t[k] = load(points + (k * at.c + c) * at.f + v * lanes)
            for k in range(6):
                _results(t + k, 6, half + k, 6, taps)
            for k in range(taps):
                _results(half + 6 * k, 1, y + taps * k, 1, taps)
            for k in range(taps * taps):
                target = dw + (c * taps * taps + k) * at.f + v * lanes
                store(target, add(load(target), y[k], target))


cdef void _winograd_weights(
    const float* x, Py_ssize_t images, Py_ssize_t channels, const float* dy, Py_ssize_t filters, const Tiling* at,
    float* dw, float* room, Py_ssize_t room_step, int threads,
) noexcept nogil:
    """Fill dw (C, r * r, F): every thread adds up its own strips at the points, then all come together in order."""
    cdef Py_ssize_t strips = (at.down + at.strip - 1) // at.strip, item, n, i, rows, first, last, k, t
    cdef Py_ssize_t pixels = at.height * at.width, out_pixels = at.out_h * at.out_w, tiles
    cdef float* nothing
    cdef float* sums
    cdef float* data
    cdef float* upstream
    cdef float* turned
    for t in prange(threads, num_threads=threads, schedule="static"):
        nothing = room + t * room_step
        sums = nothing + max(at.c, at.f)
        data = sums + POINTS * at.c * at.f
        upstream = data + POINTS * at.most * at.c
        turned = upstream + POINTS * at.most * at.f
        memset(nothing, 0, (max(at.c, at.f) + POINTS * at.c * at.f) * sizeof(float))
        for item in range(images * strips * t // threads, images * strips * (t + 1) // threads):
            n, i = item // strips, item % strips * at.strip
            rows = min(at.strip, at.down - i)
            tiles = rows * at.across
            first = max(0, min(at.height, i * at.m - at.top))
            last = max(first, min(at.height, (i + rows - 1) * at.m + 6 - at.top))
            _by_pixel(
                x + n * channels * pixels + first * at.width, channels, pixels, (last - first) * at.width,
                turned, at.c,
            )
            _transform_data(turned, first, last - first, at, i, rows, nothing, data, at.most * at.c)
            _by_pixel(
                dy + n * filters * out_pixels + i * at.m * at.out_w, filters, out_pixels,
                (min(at.out_h, (i + rows) * at.m) - i * at.m) * at.out_w, turned, at.f,
            )
            _transform_upstream(turned, at, i, rows, nothing, upstream, at.most * at.f)
            for k in range(POINTS):
                _multiply(
                    data + k * at.most * at.c, 1, at.c, upstream + k * at.most * at.f, at.f, tiles,
                    sums + k * at.c * at.f, at.c, False,
                )
    memset(dw, 0, at.c * (7 - at.m) * (7 - at.m) * at.f * sizeof(float))
    for t in range(threads):
        _add_winograd_weights(room + t * room_step + max(at.c, at.f), at, dw)
