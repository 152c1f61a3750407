"""Rows times a matrix that is packed for `_panel.h`, for whichever float type a kernel runs on.

A panel holds three or four vectors of columns, number by number of the depth: the same columns of each
gate, or columns that stand side by side; columns past the last are zeros.
"""

from cython cimport floating
from libc.string cimport memcpy, memset

from minicap.kernels.compiled._math cimport load_some, prefetch, store_some
from minicap.kernels.compiled._vector cimport VECTOR_BYTES, load, store, vec


cdef extern from "_panel.h" nogil:
    enum:
        PANEL_ROWS
    void panel_rows_3_f32(vec* sums, const float* a, Py_ssize_t step, const float* panel, Py_ssize_t depth)
    void panel_rows_4_f32(vec* sums, const float* a, Py_ssize_t step, const float* panel, Py_ssize_t depth)
    void panel_rows_3_f64(vec* sums, const double* a, Py_ssize_t step, const double* panel, Py_ssize_t depth)
    void panel_rows_4_f64(vec* sums, const double* a, Py_ssize_t step, const double* panel, Py_ssize_t depth)
    void panel_row_3_f32(vec* sums, const float* a, Py_ssize_t step, const float* panel, Py_ssize_t depth)
    void panel_row_4_f32(vec* sums, const float* a, Py_ssize_t step, const float* panel, Py_ssize_t depth)
    void panel_row_3_f64(vec* sums, const double* a, Py_ssize_t step, const double* panel, Py_ssize_t depth)
    void panel_row_4_f64(vec* sums, const double* a, Py_ssize_t step, const double* panel, Py_ssize_t depth)


cdef inline Py_ssize_t rows_at(Py_ssize_t n, Py_ssize_t last) noexcept nogil:
    """Return how many rows to take next: a tile's, or one where fewer are left."""
    return PANEL_ROWS if n + PANEL_ROWS <= last else 1


cdef inline void times_3(
    vec* sums, const floating* a, Py_ssize_t stride, const floating* panel, Py_ssize_t depth, Py_ssize_t rows
) noexcept nogil:
    """Fill (rows, 3) sums of products of rows, so far apart, with a panel."""
    if floating is float:
        if rows == 1:
            panel_row_3_f32(sums, a, stride, panel, depth)
        else:
            panel_rows_3_f32(sums, a, stride, panel, depth)
    else:
        if rows == 1:
            panel_row_3_f64(sums, a, stride, panel, depth)
        else:
            panel_rows_3_f64(sums, a, stride, panel, depth)


cdef inline void times_4(
    vec* sums, const floating* a, Py_ssize_t stride, const floating* panel, Py_ssize_t depth, Py_ssize_t rows
) noexcept nogil:
    """Fill (rows, 4) sums of products of rows, so far apart, with a panel."""
    if floating is float:
        if rows == 1:
            panel_row_4_f32(sums, a, stride, panel, depth)
        else:
            panel_rows_4_f32(sums, a, stride, panel, depth)
    else:
        if rows == 1:
            panel_row_4_f64(sums, a, stride, panel, depth)
        else:
            panel_rows_4_f64(sums, a, stride, panel, depth)


cdef inline vec part(const floating* p, Py_ssize_t count) noexcept nogil:
    """Load a vector of which so many numbers exist."""
    if count >= <Py_ssize_t>(VECTOR_BYTES // sizeof(floating)):
        return load(p)
    return load_some(p, count, <floating>0)


cdef inline void put(floating* p, Py_ssize_t count, vec v) noexcept nogil:
    """Store a vector of which so many numbers have a place."""
    if count >= <Py_ssize_t>(VECTOR_BYTES // sizeof(floating)):
        store(p, v)
    else:
        store_some(p, count, v)


cdef inline void pack_gates(
    const floating* w, floating* panel, Py_ssize_t start, Py_ssize_t depth, Py_ssize_t gates,
    Py_ssize_t hidden,
) noexcept nogil:
    """Pack a vector of columns from `start` of each gate of w (depth, gates * hidden)."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(floating), k, g
    for k in range(depth):
        for g in range(gates):
            store(panel, part(w + (k * gates + g) * hidden + start, hidden - start))
            panel += lanes


cdef inline void pack_columns(
    const floating* w, floating* panel, Py_ssize_t start, Py_ssize_t depth, Py_ssize_t width
) noexcept nogil:
    """Pack four vectors of columns from `start` of w (depth, width)."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(floating), k, v
    for k in range(depth):
        for v in range(4):
            store(panel, part(w + k * width + start + v * lanes, max(width - start - v * lanes, 0)))
            panel += lanes


cdef inline void pack_rows(
    const floating* w, floating* panel, Py_ssize_t start, Py_ssize_t depth, Py_ssize_t height
) noexcept nogil:
    """Pack four vectors of rows from `start` of w (height, depth): the columns of its transpose."""
    cdef Py_ssize_t width = 4 * VECTOR_BYTES // sizeof(floating), k, i, first, last
    for first in range(0, depth, 64):  # so many that what is written to stays in the first cache
        last = min(first + 64, depth)
        for i in range(width):
            if start + i < height:
                for k in range(first, last):
                    panel[k * width + i] = w[(start + i) * depth + k]
            else:
                for k in range(first, last):
                    panel[k * width + i] = 0


cdef inline void soon_all(
    const floating* p, Py_ssize_t step, Py_ssize_t rows, Py_ssize_t gap, Py_ssize_t count
) noexcept nogil:
    """Ask for so many vectors, a gap apart, of rows a step apart: tiles jump unforeseeably."""
    cdef Py_ssize_t r, i
    for r in range(rows):
        for i in range(count):
            prefetch(p + r * step + i * gap)
