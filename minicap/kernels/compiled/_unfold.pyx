"""Convolution as one large matrix product over unfolded pixels (im2col), for builds without wide vectors.

All that one output pixel sees, C * KH * KW numbers, is first copied into one column, so that a single
product with the filters does all taps at once:

    forward    y        =  w_rows   @ columns
    input      dcolumns =  w_rows^T @ dy_rows      then each column is added to the pixels that it saw
    weight     dw_rows +=  dy_rows  @ columns^T

The columns are KH * KW times as large as the images, so they are made for a block of images, or of
output rows where one image is large, and a block is small enough to stay in cache. The blocks follow
each other in a fixed order: the same call gives the same bits. BLAS brings its own threads.
"""

from cython cimport floating

from minicap.kernels.compiled._windows cimport end_inside, first_inside

import numpy as np

from minicap.kernels._conv_geometry import output_size

BLOCK_BYTES = 1 << 21  # for the columns of one block: about a level-2 cache


cdef struct Window:
    Py_ssize_t kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w, top, left, width


cdef struct Block:
    Py_ssize_t image, image_end, row, row_end


cdef inline void _unfold_row(
    const floating[:, :, :, ::1] x, floating[:, ::1] columns, Py_ssize_t n, Py_ssize_t c, Py_ssize_t row,
    Py_ssize_t offset, Py_ssize_t stride, Py_ssize_t k, Py_ssize_t start, Py_ssize_t end,
) noexcept nogil:
    """Copy what one tap sees along one output row; outside of the image stand zeros."""
    cdef Py_ssize_t q, first = end, last = end
    if 0 <= row < x.shape[2]:
        first = first_inside(offset, stride, end)
        last = end_inside(offset, stride, x.shape[3], end)
    for q in range(first):
        columns[k, start + q] = 0
    if stride == 1:  # on its own, so that the compiler sees a plain copy
        for q in range(first, last):
            columns[k, start + q] = x[n, c, row, offset + q]
    else:
        for q in range(first, last):
            columns[k, start + q] = x[n, c, row, offset + q * stride]
    for q in range(last, end):
        columns[k, start + q] = 0


cdef inline void _fold_row(
    const floating[:, ::1] columns, floating[:, :, :, ::1] x, Py_ssize_t n, Py_ssize_t c, Py_ssize_t row,
    Py_ssize_t offset, Py_ssize_t stride, Py_ssize_t k, Py_ssize_t start, Py_ssize_t end,
) noexcept nogil:
    """Add along one output row to the pixels that one tap saw: the transpose of `_unfold_row`."""
    cdef Py_ssize_t q, first, last
    if not 0 <= row < x.shape[2]:
        return
    first = first_inside(offset, stride, end)
    last = end_inside(offset, stride, x.shape[3], end)
    if stride == 1:
        for q in range(first, last):
            x[n, c, row, offset + q] += columns[k, start + q]
    else:
        for q in range(first, last):
            x[n, c, row, offset + q * stride] += columns[k, start + q]


cdef void _unfold_block(
    const floating[:, :, :, ::1] x, floating[:, ::1] columns, Block block, Window at
) noexcept:
    """Fill columns (C * KH * KW, pixels of the block) with what every tap sees of x (N, C, H, W)."""
    cdef Py_ssize_t c, i, j, n, r, k = 0, start
    with nogil:
        for c in range(x.shape[1]):
            for i in range(at.kernel_h):
                for j in range(at.kernel_w):
                    start = 0
                    for n in range(block.image, block.image_end):
                        for r in range(block.row, block.row_end):
                            _unfold_row(
                                x, columns, n, c, r * at.stride_h + i * at.dilation_h - at.top,
                                j * at.dilation_w - at.left, at.stride_w, k, start, at.width,
                            )
                            start += at.width
                    k += 1


cdef void _fold_block(
    const floating[:, ::1] columns, floating[:, :, :, ::1] x, Block block, Window at
) noexcept:
    """Add columns (C * KH * KW, pixels of the block) to what every tap saw of x (N, C, H, W)."""
    cdef Py_ssize_t c, i, j, n, r, k = 0, start
    with nogil:
        for c in range(x.shape[1]):
            for i in range(at.kernel_h):
                for j in range(at.kernel_w):
                    start = 0
                    for n in range(block.image, block.image_end):
                        for r in range(block.row, block.row_end):
                            _fold_row(
                                columns, x, n, c, r * at.stride_h + i * at.dilation_h - at.top,
                                j * at.dilation_w - at.left, at.stride_w, k, start, at.width,
                            )
                            start += at.width
                    k += 1


cdef Window _window(w_shape, y_shape, stride, padding, dilation):
    """Return the numbers that say which pixel a tap sees."""
    return Window(
        w_shape[2], w_shape[3], stride[0], stride[1], dilation[0], dilation[1],
        padding[0][0], padding[1][0], y_shape[3],
    )


cdef Block _block(images, rows):
    """Return two slices of the output as plain numbers."""
    return Block(images.start, images.stop, rows.start, rows.stop)


cdef _unfold(x, columns, images, rows, Window at):
    """Fill columns (G, C/G * KH * KW, M) with what every tap sees of x, for one block of M pixels."""
    flat = columns.reshape(-1, columns.shape[2])
    if x.dtype == np.float32:
        _unfold_block[float](x, flat, _block(images, rows), at)
    else:
        _unfold_block[double](x, flat, _block(images, rows), at)


cdef _fold(columns, x, images, rows, Window at):
    """Add columns (G, C/G * KH * KW, M) to what every tap saw of x, for one block of M pixels."""
    flat = columns.reshape(-1, columns.shape[2])
    if x.dtype == np.float32:
        _fold_block[float](flat, x, _block(images, rows), at)
    else:
        _fold_block[double](flat, x, _block(images, rows), at)


def _blocks(y_shape, column_bytes):
    """Yield (images, rows), slices of the output for which the columns take about BLOCK_BYTES."""
    n, _, oh, ow = y_shape
    fitting = max(1, BLOCK_BYTES // max(1, column_bytes * ow))  # so many output rows
    images, rows = max(1, fitting // oh), min(fitting, oh)
    for image in range(0, n, images):
        for row in range(0, oh, rows):
            yield slice(image, min(image + images, n)), slice(row, min(row + rows, oh))


def _room(shape, dtype, array=None):
    """Return the array where it has the shape, else a new one, so that blocks share a workspace."""
    return array if array is not None and array.shape == shape else np.empty(shape, dtype)


def _as_rows(part, groups):
    """Return a block of y (B, F, rows, OW) as contiguous matrices (G, F/G, B * rows * OW)."""
    b, f, h, w = part.shape
    return np.ascontiguousarray(part.swapaxes(0, 1)).reshape(groups, f // groups, b * h * w)


def forward(x, w, b, stride, padding, dilation, groups):
    """Slide the filters over the images and add the bias."""
    f, c, kh, kw = w.shape
    y = np.empty((len(x), f, *output_size(x.shape, w.shape, stride, padding, dilation)), x.dtype)
    at = _window(w.shape, y.shape, stride, padding, dilation)
    w_rows = w.reshape(groups, f // groups, c * kh * kw)
    columns = product = None
    for images, rows in _blocks(y.shape, groups * c * kh * kw * x.itemsize):
        part = y[images, :, rows].swapaxes(0, 1)  # (F, B, rows, OW)
        m = part.size // f
        columns = _room((groups, c * kh * kw, m), x.dtype, columns)
        _unfold(x, columns, images, rows, at)
        product = np.matmul(w_rows, columns, out=_room((groups, f // groups, m), x.dtype, product))
        np.add(product.reshape(part.shape), b.reshape(f, 1, 1, 1), out=part)
    return y


def input(dy, w, x_shape, stride, padding, dilation, groups):
    """Give every pixel the gradient of all outputs that it took part in."""
    f, c, kh, kw = w.shape
    at = _window(w.shape, dy.shape, stride, padding, dilation)
    w_columns = w.reshape(groups, f // groups, c * kh * kw).swapaxes(1, 2)
    dx, dcolumns = np.zeros(x_shape, dy.dtype), None
    for images, rows in _blocks(dy.shape, groups * c * kh * kw * dy.itemsize):
        dy_rows = _as_rows(dy[images, :, rows], groups)
        dcolumns = _room((groups, c * kh * kw, dy_rows.shape[2]), dy.dtype, dcolumns)
        np.matmul(w_columns, dy_rows, out=dcolumns)
        _fold(dcolumns, dx, images, rows, at)
    return dx


def weight(dy, x, w_shape, stride, padding, dilation, groups):
    """Correlate the upstream gradient with the pixels that each tap saw."""
    f, c, kh, kw = w_shape
    at = _window(w_shape, dy.shape, stride, padding, dilation)
    dw, columns = np.zeros((groups, f // groups, c * kh * kw), dy.dtype), None
    for images, rows in _blocks(dy.shape, groups * c * kh * kw * x.itemsize):
        dy_rows = _as_rows(dy[images, :, rows], groups)
        columns = _room((groups, c * kh * kw, dy_rows.shape[2]), x.dtype, columns)
        _unfold(x, columns, images, rows, at)
        dw += dy_rows @ columns.swapaxes(1, 2)
    return dw.reshape(w_shape)
