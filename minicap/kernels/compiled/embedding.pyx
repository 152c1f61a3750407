"""The gradient of a table look-up, one pass over the words looked up."""

from cython cimport floating

import numpy as np


cdef void _add_rows(const floating[:, ::1] dy, const long long[::1] ids, floating[:, ::1] dw) noexcept:
    """Add row m of dy to row ids[m] of dw, in order of appearance."""
    cdef Py_ssize_t m, d, word
    with nogil:
        for m in range(dy.shape[0]):
            word = <Py_ssize_t>ids[m]
            for d in range(dy.shape[1]):
                dw[word, d] += dy[m, d]


def embedding_backward(dy, ids, rows):
    """Add every gradient to its word's row; a word that occurs twice receives both. See the reference."""
    dw = np.zeros((rows, dy.shape[1]), dy.dtype)
    if dy.dtype == np.float32:
        _add_rows[float](dy, ids, dw)
    else:
        _add_rows[double](dy, ids, dw)
    return dw
