"""As many multiply-adds as the processor can do: what all kernels are measured against."""

from cython.parallel cimport prange
from minicap.kernels.compiled._vector cimport VECTOR_BYTES, broadcast, madd, total, vec

cdef enum:
    CHAINS = 12  # enough to hide the latency of an addition, few enough for sixteen registers
    TURNS = 1 << 16

FLOPS = 2 * CHAINS * TURNS * (VECTOR_BYTES // sizeof(float))  # of one call, a thread


cdef float _chains() noexcept nogil:
    """Keep every unit busy from registers alone, and return something that depends on all of it."""
    cdef vec[CHAINS] sums
    cdef float one = 1, half = 0.5
    cdef vec added = broadcast(one), factor = broadcast(half)
    cdef Py_ssize_t i, _turn
    for i in range(CHAINS):
        sums[i] = broadcast(<float>i)
    for _turn in range(TURNS):
        for i in range(CHAINS):
            sums[i] = madd(added, sums[i], factor, &one)
    for i in range(1, CHAINS):
        sums[0] = madd(sums[0], sums[i], added, &one)
    return total(sums[0], &one)


def multiply_adds(int threads):
    """Do FLOPS operations in each of so many threads at once; return a number that they lead to."""
    cdef int _thread
    cdef float found = 0
    for _thread in prange(threads, num_threads=threads, schedule="static", nogil=True):
        found += _chains()
    return found
