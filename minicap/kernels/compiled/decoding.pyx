"""The best word and its log-probability: a row of logits is in cache from its first pass to its last.

Exponentials are taken in the type of the logits and added in float64. Rows are shared out over threads, and
each is worked on alone, so results are the same for any number of them.
"""

from cython cimport floating
from cython.parallel cimport prange
from libc.math cimport log

from minicap.kernels.compiled._math cimport add_wide, larger, load_some, total_wide, vexp
from minicap.kernels.compiled._vector cimport VECTOR_BYTES, add, broadcast, load, store, sub, vec, zero

import numpy as np

from minicap.kernels._threads import get_num_threads

cdef extern from "math.h" nogil:
    float INFINITY

cdef enum:
    BLOCK = 8  # vectors: the best word is looked for in the first block that holds the best logit

WORTH_THREADS = 1 << 18  # logits


cdef inline vec _some(const floating* x, Py_ssize_t count) noexcept nogil:
    """Load a vector of logits, of which so many exist; the others are impossible."""
    if count >= <Py_ssize_t>(VECTOR_BYTES // sizeof(floating)):
        return load(x)
    return load_some(x, count, <floating>(-INFINITY))


cdef inline floating _largest(vec v, const floating* kind) noexcept nogil:
    """Return the largest number of a vector."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(floating), k
    cdef floating[16] lane  # as many as the widest vector has
    cdef floating found
    store(lane, v)
    found = lane[0]
    for k in range(1, lanes):
        found = lane[k] if lane[k] > found else found
    return found


cdef inline Py_ssize_t _best(const floating* x, const floating* penalty, Py_ssize_t count) noexcept nogil:
    """Return the first place of the largest of x + penalty, and 0 where none is above -inf."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(floating), k = 0, block, end, place = -1
    cdef floating best = <floating>(-INFINITY), most
    cdef vec v
    while k < count:
        block = k
        end = min(k + BLOCK * lanes, count)
        v = broadcast[floating](<floating>(-INFINITY))
        while k < end:
            v = larger(add(_some(x + k, count - k), _some(penalty + k, count - k), x), v, x)
            k += lanes
        most = _largest(v, x)
        if most > best:
            best, place = most, block
    if place < 0:
        return 0
    while x[place] + penalty[place] != best:
        place += 1
    return place


cdef inline double _log_prob(const floating* x, Py_ssize_t count, Py_ssize_t word) noexcept nogil:
    """Return the log-probability of one word."""
    cdef Py_ssize_t lanes = VECTOR_BYTES // sizeof(floating), k = 0, end
    cdef vec most_of = broadcast[floating](<floating>(-INFINITY)), level, near
    cdef vec[2] sums
    cdef floating most
    while k < count:
        most_of = larger(_some(x + k, count - k), most_of, x)
        k += lanes
    most = _largest(most_of, x)
    level = broadcast[floating](most)
    sums[0] = sums[1] = zero()
    k = 0
    while k < count:
        near = zero()
        end = min(k + 2 * lanes, count)  # two at a time are added in their own type
        while k < end:
            near = add(near, vexp(sub(_some(x + k, count - k), level, x), x), x)
            k += lanes
        add_wide(sums, near, x)
    return (<double>x[word] - <double>most) - log(total_wide(sums))


cdef void _fill(
    const floating[:, ::1] logits, const floating[::1] penalty, long long[::1] ids, double[::1] log_probs,
    int threads,
) noexcept:
    """Fill the log-probabilities, and the ids too where there are penalties."""
    cdef Py_ssize_t n, words = logits.shape[1]
    cdef bint choose = penalty.shape[0] > 0
    for n in prange(logits.shape[0], num_threads=threads, schedule="static", nogil=True):
        if choose:
            ids[n] = _best(&logits[n, 0], &penalty[0], words)
        log_probs[n] = _log_prob(&logits[n, 0], words, ids[n])


def _threads_for(size):
    """Return how many threads so many logits are worth."""
    return get_num_threads() if size >= WORTH_THREADS else 1


def best_words(logits, banned):
    """Return the most probable word of every row, and its log-probability; see the reference."""
    ids, log_probs = np.empty(len(logits), np.int64), np.empty(len(logits))
    penalty = np.where(banned, -np.inf, 0).astype(logits.dtype)
    if logits.dtype == np.float32:
        _fill[float](logits, penalty, ids, log_probs, _threads_for(logits.size))
    else:
        _fill[double](logits, penalty, ids, log_probs, _threads_for(logits.size))
    return ids, log_probs


def word_log_probs(logits, ids):
    """Return the log-probabilities of given words, one a row; see the reference."""
    given, log_probs, none = ids.astype(np.int64), np.empty(len(logits)), np.empty(0, logits.dtype)
    if logits.dtype == np.float32:
        _fill[float](logits, none, given, log_probs, _threads_for(logits.size))
    else:
        _fill[double](logits, none, given, log_probs, _threads_for(logits.size))
    return log_probs
