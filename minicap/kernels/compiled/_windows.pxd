"""Which output pixels of a row see the image through a tap, and not the padding beside it."""


cdef inline Py_ssize_t first_inside(Py_ssize_t offset, Py_ssize_t stride, Py_ssize_t end) noexcept nogil:
    """Return the first q in 0 .. end with offset + q * stride >= 0."""
    return min((stride - 1 - offset) // stride if offset < 0 else 0, end)


cdef inline Py_ssize_t end_inside(
    Py_ssize_t offset, Py_ssize_t stride, Py_ssize_t size, Py_ssize_t end
) noexcept nogil:
    """Return the end of those q in 0 .. end with offset + q * stride < size."""
    return min((size - 1 - offset) // stride + 1 if offset < size else 0, end)
