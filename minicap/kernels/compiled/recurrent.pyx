"""One time step of the LSTM and the GRU, after the matrix products: gates, and the new state.

NumPy's tanh is vectorised and the C library's is not, so tanh runs on whole arrays and the rest of
the arithmetic is fused around it. The sigmoid is tanh in disguise: 0.5 + 0.5 * tanh(a / 2).
"""

from cython cimport floating

import numpy as np


cdef void _lstm_scale(const floating[:, ::1] z, floating[:, ::1] gates) noexcept:
    """Copy z with the arguments of the three sigmoids halved, ready for tanh."""
    cdef Py_ssize_t n, k, hidden = z.shape[1] // 4
    with nogil:
        for n in range(z.shape[0]):
            for k in range(2 * hidden):
                gates[n, k] = <floating>0.5 * z[n, k]
            for k in range(2 * hidden, 3 * hidden):
                gates[n, k] = z[n, k]
            for k in range(3 * hidden, 4 * hidden):
                gates[n, k] = <floating>0.5 * z[n, k]


cdef void _lstm_cell(floating[:, ::1] gates, const floating[:, ::1] c_prev, floating[:, ::1] c) noexcept:
    """Finish the sigmoids in place, and update the cell."""
    cdef Py_ssize_t n, k, hidden = c.shape[1]
    cdef floating half = <floating>0.5, i, f, g
    with nogil:
        for n in range(c.shape[0]):
            for k in range(hidden):
                i = half + half * gates[n, k]
                f = half + half * gates[n, hidden + k]
                g = gates[n, 2 * hidden + k]
                gates[n, k] = i
                gates[n, hidden + k] = f
                gates[n, 3 * hidden + k] = half + half * gates[n, 3 * hidden + k]
                c[n, k] = f * c_prev[n, k] + i * g


cdef void _lstm_output(const floating[:, ::1] gates, floating[:, ::1] h) noexcept:
    """Multiply h, which holds tanh(c), by the output gate."""
    cdef Py_ssize_t n, k, hidden = h.shape[1]
    with nogil:
        for n in range(h.shape[0]):
            for k in range(hidden):
                h[n, k] *= gates[n, 3 * hidden + k]


cdef void _lstm_backward(
    const floating[:, ::1] dh, const floating[:, ::1] dc, const floating[:, ::1] gates,
    const floating[:, ::1] c_prev, const floating[:, ::1] tanh_c,
    floating[:, ::1] dz, floating[:, ::1] dc_prev,
) noexcept:
    """Fill dz and dc_prev."""
    cdef Py_ssize_t n, k, hidden = dh.shape[1]
    cdef floating i, f, g, o, t, dcell
    with nogil:
        for n in range(dh.shape[0]):
            for k in range(hidden):
                i, f = gates[n, k], gates[n, hidden + k]
                g, o = gates[n, 2 * hidden + k], gates[n, 3 * hidden + k]
                t = tanh_c[n, k]
                dcell = dc[n, k] + dh[n, k] * o * (1 - t * t)
                dz[n, k] = dcell * g * i * (1 - i)
                dz[n, hidden + k] = dcell * c_prev[n, k] * f * (1 - f)
                dz[n, 2 * hidden + k] = dcell * i * (1 - g * g)
                dz[n, 3 * hidden + k] = dh[n, k] * t * o * (1 - o)
                dc_prev[n, k] = dcell * f


cdef void _gru_scale(const floating[:, ::1] z_x, const floating[:, ::1] z_h, floating[:, ::1] gates) noexcept:
    """Fill the r and z thirds of gates with half their pre-activations, ready for tanh."""
    cdef Py_ssize_t n, k, hidden = z_x.shape[1] // 3
    with nogil:
        for n in range(z_x.shape[0]):
            for k in range(2 * hidden):
                gates[n, k] = <floating>0.5 * (z_x[n, k] + z_h[n, k])


cdef void _gru_candidate(
    const floating[:, ::1] z_x, const floating[:, ::1] z_h, floating[:, ::1] gates
) noexcept:
    """Finish the two sigmoids in place, and fill the last third with the candidate's pre-activation."""
    cdef Py_ssize_t n, k, hidden = z_x.shape[1] // 3
    cdef floating half = <floating>0.5
    with nogil:
        for n in range(z_x.shape[0]):
            for k in range(2 * hidden):
                gates[n, k] = half + half * gates[n, k]
            for k in range(hidden):
                gates[n, 2 * hidden + k] = z_x[n, 2 * hidden + k] + gates[n, k] * z_h[n, 2 * hidden + k]


cdef void _gru_mix(const floating[:, ::1] gates, const floating[:, ::1] h_prev, floating[:, ::1] h) noexcept:
    """Fill h with the mixture of the candidate and the old state."""
    cdef Py_ssize_t n, k, hidden = h.shape[1]
    cdef floating z
    with nogil:
        for n in range(h.shape[0]):
            for k in range(hidden):
                z = gates[n, hidden + k]
                h[n, k] = (1 - z) * gates[n, 2 * hidden + k] + z * h_prev[n, k]


cdef void _gru_backward(
    const floating[:, ::1] dh, const floating[:, ::1] gates, const floating[:, ::1] z_h,
    const floating[:, ::1] h_prev, floating[:, ::1] dz_x, floating[:, ::1] dz_h, floating[:, ::1] dh_prev,
) noexcept:
    """Fill dz_x, dz_h and dh_prev."""
    cdef Py_ssize_t n, k, hidden = dh.shape[1]
    cdef floating r, z, candidate, dz_n
    with nogil:
        for n in range(dh.shape[0]):
            for k in range(hidden):
                r, z, candidate = gates[n, k], gates[n, hidden + k], gates[n, 2 * hidden + k]
                dz_n = dh[n, k] * (1 - z) * (1 - candidate * candidate)
                dz_x[n, k] = dz_n * z_h[n, 2 * hidden + k] * r * (1 - r)
                dz_x[n, hidden + k] = dh[n, k] * (h_prev[n, k] - candidate) * z * (1 - z)
                dz_x[n, 2 * hidden + k] = dz_n
                dz_h[n, k] = dz_x[n, k]
                dz_h[n, hidden + k] = dz_x[n, hidden + k]
                dz_h[n, 2 * hidden + k] = dz_n * r
                dh_prev[n, k] = dh[n, k] * z


def lstm_gates_forward(z, c_prev):
    """Open and close the gates, and update the cell; see the reference."""
    gates, c = np.empty_like(z), np.empty_like(c_prev)
    if z.dtype == np.float32:
        _lstm_scale[float](z, gates)
        np.tanh(gates, out=gates)
        _lstm_cell[float](gates, c_prev, c)
        h = np.tanh(c)
        _lstm_output[float](gates, h)
    else:
        _lstm_scale[double](z, gates)
        np.tanh(gates, out=gates)
        _lstm_cell[double](gates, c_prev, c)
        h = np.tanh(c)
        _lstm_output[double](gates, h)
    return gates, c, h


def lstm_gates_backward(dh, dc, gates, c_prev, c):
    """Carry the gradients of both states back through one step; see the reference."""
    dz, dc_prev = np.empty_like(gates), np.empty_like(dc)
    if dh.dtype == np.float32:
        _lstm_backward[float](dh, dc, gates, c_prev, np.tanh(c), dz, dc_prev)
    else:
        _lstm_backward[double](dh, dc, gates, c_prev, np.tanh(c), dz, dc_prev)
    return dz, dc_prev


def gru_gates_forward(z_x, z_h, h_prev):
    """Reset, update, and mix the old state with the candidate; see the reference."""
    gates, h = np.empty_like(z_x), np.empty_like(h_prev)
    sigmoids, candidate = np.split(gates, [2 * h_prev.shape[1]], axis=1)
    if z_x.dtype == np.float32:
        _gru_scale[float](z_x, z_h, gates)
        np.tanh(sigmoids, out=sigmoids)
        _gru_candidate[float](z_x, z_h, gates)
        np.tanh(candidate, out=candidate)
        _gru_mix[float](gates, h_prev, h)
    else:
        _gru_scale[double](z_x, z_h, gates)
        np.tanh(sigmoids, out=sigmoids)
        _gru_candidate[double](z_x, z_h, gates)
        np.tanh(candidate, out=candidate)
        _gru_mix[double](gates, h_prev, h)
    return gates, h


def gru_gates_backward(dh, gates, z_h, h_prev):
    """Carry the gradient of the state back through one step; see the reference."""
    dz_x, dz_h, dh_prev = np.empty_like(gates), np.empty_like(gates), np.empty_like(dh)
    if dh.dtype == np.float32:
        _gru_backward[float](dh, gates, z_h, h_prev, dz_x, dz_h, dh_prev)
    else:
        _gru_backward[double](dh, gates, z_h, h_prev, dz_x, dz_h, dh_prev)
    return dz_x, dz_h, dh_prev
