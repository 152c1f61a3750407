"""The LSTM, the GRU and the plain network: whole sequences, and the gates of one step.

What must wait for the step in front is done here: a few rows of the state meet a panel of packed weights, see
`_panel.h`, and the gates of the units that come out are finished at once. The LSTM, whose panels are widest,
reads its inputs there too; other products over the rows of all steps are NumPy's. Rows do not see each other,
so each thread takes its own through all of time, and results are the same for any number of threads. A masked
step costs a branch a vector of its row.
"""

from cython cimport floating
from cython.parallel cimport prange
from libc.string cimport memset

from minicap.kernels.compiled._panel cimport (
    PANEL_ROWS, pack_columns, pack_gates, pack_rows, part, put, rows_at, soon_all, times_3, times_4,
)
from minicap.kernels.compiled._tanh cimport vsigmoid, vtanh
from minicap.kernels.compiled._vector cimport VECTOR_BYTES, add, broadcast, madd, mul, sub, vec, zero

import numpy as np

from minicap.kernels._threads import get_num_threads
from minicap.kernels._workspace import scratch

cdef enum:
    MOST_ROWS = 4  # rows of a tile where they are most
    ALIGNMENT = 64  # bytes

WORTH_THREADS = 1 << 22  # multiply-adds; below, waking another thread costs more than it saves

cdef struct Sizes:
    Py_ssize_t n, steps, hidden
    int threads


cdef Py_ssize_t share(Sizes s, Py_ssize_t thread) noexcept nogil:
    """Return the first row of a thread's share, in whole tiles; that of the thread behind the last is N."""
    cdef Py_ssize_t tiles = (s.n + PANEL_ROWS - 1) // PANEL_ROWS
    return min(s.n, tiles * thread // s.threads * PANEL_ROWS)


cdef Sizes sizes_of(hs, Py_ssize_t width):
    """Return the sizes of a sequence whose state meets `width` columns, and the threads that are worth it."""
    cdef Sizes s
    s.n, s.steps, s.hidden = hs.shape
    s.threads = get_num_threads() if s.n * s.steps * s.hidden * width >= WORTH_THREADS else 1
    return s


include "recurrent_units.pxi"
include "recurrent_steps.pxi"
include "recurrent_rnn.pxi"
include "recurrent_lstm.pxi"
include "recurrent_gru.pxi"


cdef const unsigned char* flags(const unsigned char[:, ::1] mask) noexcept:
    """Return where a mask stands, or NULL where there is none."""
    return NULL if mask is None or mask.shape[0] == 0 or mask.shape[1] == 0 else &mask[0, 0]


def _bytes(mask):
    """Return a mask as numbers."""
    return None if mask is None else np.ascontiguousarray(mask).view(np.uint8)


def _rooms(dtype, *shapes):
    """Return scratch arrays of the shapes asked for, each where a vector may start."""
    cdef Py_ssize_t start = 0
    spans = []
    for shape in shapes:
        size = dtype.itemsize
        for length in shape:
            size *= length
        spans.append((start, start + size))
        start += (size + ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT
    room = scratch(start)
    return [room[a:b].view(dtype).reshape(shape) for (a, b), shape in zip(spans, shapes)]


def _panels(dtype, hidden, width, vectors):
    """Return how many numbers w_h fills in whole panels, packed by its columns or by its rows."""
    lanes = VECTOR_BYTES // dtype.itemsize
    return (-(-hidden // (vectors * lanes)) * vectors * lanes * width,)


def _started(hs, h0, out):
    """Fill `out` with the state that each step started from."""
    out = out.reshape(hs.shape)
    out[:, 1:], out[:, :1] = hs[:, :-1], h0[:, None]


def _bias_gradient(dz, b, steps):
    """Add up dz (N T, width) over the steps, and over the rows as well where they share the bias b."""
    return dz.sum(axis=0) if b.ndim == 1 else dz.reshape(b.shape[0], steps, b.shape[1]).sum(axis=1)


def rnn_forward(x, h0, w_x, w_h, b, mask):
    """Run the plain network over a sequence; see the reference."""
    biases = np.atleast_2d(b)
    hs = np.empty((*x.shape[:2], h0.shape[1]), x.dtype)
    cdef Sizes s = sizes_of(hs, hs.shape[2])
    cdef const unsigned char[:, ::1] real = _bytes(mask)
    np.matmul(x.reshape(-1, x.shape[2]), w_x, out=hs.reshape(-1, s.hidden))
    panels, = _rooms(x.dtype, _panels(x.dtype, s.hidden, s.hidden, 4))
    if hs.size and x.dtype == np.float32:
        _rnn_run[float](hs, h0, w_h, biases, panels, flags(real), s)
    elif hs.size:
        _rnn_run[double](hs, h0, w_h, biases, panels, flags(real), s)
    return hs


def rnn_backward(dhs, x, h0, w_x, w_h, b, hs, mask):
    """Propagate back through the plain network; see the reference."""
    cdef Sizes s = sizes_of(hs, hs.shape[2])
    cdef const unsigned char[:, ::1] real = _bytes(mask)
    shapes = (s.n * s.steps, s.hidden), (s.n * s.steps, s.hidden), (s.n, s.hidden)
    dz, started, carried, panels = _rooms(x.dtype, *shapes, _panels(x.dtype, s.hidden, s.hidden, 4))
    carried[...] = 0
    if hs.size and x.dtype == np.float32:
        _rnn_run_back[float](dz, carried, dhs, hs, w_h, panels, flags(real), s)
    elif hs.size:
        _rnn_run_back[double](dz, carried, dhs, hs, w_h, panels, flags(real), s)
    _started(hs, h0, started)
    dx = np.matmul(dz, w_x.T).reshape(x.shape)
    dh0 = carried + dz.reshape(hs.shape)[:, 0] @ w_h.T if s.steps else np.zeros_like(h0)
    return dx, dh0, x.reshape(-1, x.shape[2]).T @ dz, started.T @ dz, _bias_gradient(dz, b, s.steps)


def lstm_forward(x, h0, c0, w_x, w_h, b, mask):
    """Run the LSTM over a sequence; see the reference."""
    biases = np.atleast_2d(b)
    (n, steps, _), hidden = x.shape, h0.shape[1]
    gates = np.empty((n, steps, 4 * hidden), x.dtype)
    cs, hs = np.empty((n, steps, hidden), x.dtype), np.empty((n, steps, hidden), x.dtype)
    cdef Sizes s = sizes_of(hs, 4 * hidden)
    cdef const unsigned char[:, ::1] real = _bytes(mask)
    packed = [_panels(x.dtype, hidden, 4 * depth, 1) for depth in (x.shape[2], hidden)]
    x_panels, panels = _rooms(x.dtype, *packed)
    if hs.size and x.dtype == np.float32:
        _lstm_run[float](gates, cs, hs, x, h0, c0, w_x, w_h, biases, x_panels, panels, flags(real), s)
    elif hs.size:
        _lstm_run[double](gates, cs, hs, x, h0, c0, w_x, w_h, biases, x_panels, panels, flags(real), s)
    return gates, cs, hs


def lstm_backward(dhs, dc_last, x, h0, c0, w_x, w_h, b, gates, cs, hs, mask):
    """Propagate back through the LSTM; see the reference."""
    cdef Sizes s = sizes_of(hs, gates.shape[2])
    cdef const unsigned char[:, ::1] real = _bytes(mask)
    shapes = (s.n * s.steps, 4 * s.hidden), (s.n * s.steps, s.hidden), (s.n, s.hidden)
    dz, started, carried, panels = _rooms(x.dtype, *shapes, _panels(x.dtype, s.hidden, 4 * s.hidden, 4))
    carried[...] = 0
    dc = dc_last.copy()
    if hs.size and x.dtype == np.float32:
        _lstm_run_back[float](dz, dc, carried, dhs, gates, cs, c0, w_h, panels, flags(real), s)
    elif hs.size:
        _lstm_run_back[double](dz, dc, carried, dhs, gates, cs, c0, w_h, panels, flags(real), s)
    _started(hs, h0, started)
    dx = np.matmul(dz, w_x.T).reshape(x.shape)
    dh0 = carried + dz.reshape(gates.shape)[:, 0] @ w_h.T if s.steps else np.zeros_like(h0)
    return dx, dh0, dc, x.reshape(-1, x.shape[2]).T @ dz, started.T @ dz, _bias_gradient(dz, b, s.steps)


def gru_forward(x, h0, w_x, w_h, b_x, b_h, mask):
    """Run the GRU over a sequence; see the reference."""
    biases = np.atleast_2d(b_x)
    (n, steps, _), hidden = x.shape, h0.shape[1]
    gates, z_h = np.empty((n, steps, 3 * hidden), x.dtype), np.empty((n, steps, 3 * hidden), x.dtype)
    hs = np.empty((n, steps, hidden), x.dtype)
    cdef Sizes s = sizes_of(hs, 3 * hidden)
    cdef const unsigned char[:, ::1] real = _bytes(mask)
    np.matmul(x.reshape(-1, x.shape[2]), w_x, out=gates.reshape(-1, 3 * hidden))
    panels, = _rooms(x.dtype, _panels(x.dtype, hidden, 3 * hidden, 1))
    if hs.size and x.dtype == np.float32:
        _gru_run[float](gates, z_h, hs, h0, w_h, biases, b_h, panels, flags(real), s)
    elif hs.size:
        _gru_run[double](gates, z_h, hs, h0, w_h, biases, b_h, panels, flags(real), s)
    return gates, z_h, hs


def gru_backward(dhs, x, h0, w_x, w_h, b_x, gates, z_h, hs, mask):
    """Propagate back through the GRU; see the reference."""
    cdef Sizes s = sizes_of(hs, gates.shape[2])
    cdef const unsigned char[:, ::1] real = _bytes(mask)
    wide = s.n * s.steps, 3 * s.hidden
    shapes = wide, wide, (s.n * s.steps, s.hidden), (s.n, s.hidden)
    packed = _panels(x.dtype, s.hidden, 3 * s.hidden, 4)
    dz_x, dz_h, started, direct, panels = _rooms(x.dtype, *shapes, packed)
    direct[...] = 0
    if hs.size and x.dtype == np.float32:
        _gru_run_back[float](dz_x, dz_h, direct, dhs, gates, z_h, hs, h0, w_h, panels, flags(real), s)
    elif hs.size:
        _gru_run_back[double](dz_x, dz_h, direct, dhs, gates, z_h, hs, h0, w_h, panels, flags(real), s)
    _started(hs, h0, started)
    dx = np.matmul(dz_x, w_x.T).reshape(x.shape)
    dh0 = direct + dz_h.reshape(gates.shape)[:, 0] @ w_h.T if s.steps else np.zeros_like(h0)
    dw_x, dw_h = x.reshape(-1, x.shape[2]).T @ dz_x, started.T @ dz_h
    return dx, dh0, dw_x, dw_h, _bias_gradient(dz_x, b_x, s.steps), dz_h.sum(axis=0)


def rnn_step(z_x, state, w_h):
    """Return the state after one more input; see the reference."""
    after = np.empty_like(state)
    z_h, = _rooms(state.dtype, z_x.shape)
    np.matmul(state, w_h, out=z_h)
    if after.size and state.dtype == np.float32:
        _rnn_on[float](z_x, z_h, after)
    elif after.size:
        _rnn_on[double](z_x, z_h, after)
    return after


def lstm_step(z_x, state, w_h):
    """Return hidden and cell state after one more input; see the reference."""
    after = np.empty_like(state)
    z_h, = _rooms(state.dtype, z_x.shape)
    np.matmul(state[:, : w_h.shape[0]], w_h, out=z_h)
    if state.dtype == np.float32:
        _lstm_on[float](z_x, z_h, state, after)
    else:
        _lstm_on[double](z_x, z_h, state, after)
    return after


def gru_step(z_x, state, w_h, b_h):
    """Return the state after one more input; see the reference."""
    after = np.empty_like(state)
    z_h, = _rooms(state.dtype, z_x.shape)
    np.matmul(state, w_h, out=z_h)
    if state.dtype == np.float32:
        _gru_on[float](z_x, z_h, b_h, state, after)
    else:
        _gru_on[double](z_x, z_h, b_h, state, after)
    return after


def lstm_gates_forward(z, c_prev):
    """Open and close the gates, and update the cell; see the reference."""
    gates, c, h = np.empty_like(z), np.empty_like(c_prev), np.empty_like(c_prev)
    if z.dtype == np.float32:
        _lstm_step[float](z, c_prev, gates, c, h)
    else:
        _lstm_step[double](z, c_prev, gates, c, h)
    return gates, c, h


def lstm_gates_backward(dh, dc, gates, c_prev, c):
    """Carry the gradients of both states back through one step; see the reference."""
    dz, dc_prev = np.empty_like(gates), np.empty_like(dc)
    if dh.dtype == np.float32:
        _lstm_step_back[float](dh, dc, gates, c_prev, c, dz, dc_prev)
    else:
        _lstm_step_back[double](dh, dc, gates, c_prev, c, dz, dc_prev)
    return dz, dc_prev


def gru_gates_forward(z_x, z_h, h_prev):
    """Reset, update, and mix the old state with the candidate; see the reference."""
    gates, h = np.empty_like(z_x), np.empty_like(h_prev)
    if z_x.dtype == np.float32:
        _gru_step[float](z_x, z_h, h_prev, gates, h)
    else:
        _gru_step[double](z_x, z_h, h_prev, gates, h)
    return gates, h


def gru_gates_backward(dh, gates, z_h, h_prev):
    """Carry the gradient of the state back through one step; see the reference."""
    dz_x, dz_h, dh_prev = np.empty_like(gates), np.empty_like(gates), np.empty_like(dh)
    if dh.dtype == np.float32:
        _gru_step_back[float](dh, gates, z_h, h_prev, dz_x, dz_h, dh_prev)
    else:
        _gru_step_back[double](dh, gates, z_h, h_prev, dz_x, dz_h, dh_prev)
    return dz_x, dz_h, dh_prev


def tanh(x):
    """Return the hyperbolic tangent, within 3 units in the last place; see the reference."""
    y = np.empty_like(x)
    if x.dtype == np.float32:
        _each[float](x.reshape(-1), y.reshape(-1), False)
    else:
        _each[double](x.reshape(-1), y.reshape(-1), False)
    return y


def sigmoid(x):
    """Return the logistic function, within 3 units in the last place; see the reference."""
    y = np.empty_like(x)
    if x.dtype == np.float32:
        _each[float](x.reshape(-1), y.reshape(-1), True)
    else:
        _each[double](x.reshape(-1), y.reshape(-1), True)
    return y
