"""One time step of the LSTM and the GRU, after the matrix products: gates, and the new state.

The products x @ w_x and h @ w_h belong to the ops; what is left works element by element. All gates
of a step lie side by side in one array, (N, 4H) in the order i, f, g, o for the LSTM and (N, 3H) in
the order r, z, n for the GRU. The derivatives use what the forward kept:

    s = sigmoid(a)   =>   ds/da = s * (1 - s)
    t = tanh(a)      =>   dt/da = 1 - t**2

References
----------
Hochreiter and Schmidhuber, "Long Short-Term Memory", 1997 (with the forget gate of Gers et al., 2000).
Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder", 2014. Their r and z are ours;
their update gate weighs the old state as ours does: h = (1 - z) * n + z * h_prev.
"""

from __future__ import annotations

import numpy as np

from minicap._types import Array


def _sigmoid(a: Array) -> Array:
    """Return 1 / (1 + exp(-a)), written with tanh, which cannot overflow."""
    return 0.5 + 0.5 * np.tanh(0.5 * a)


def lstm_gates_forward(z: Array, c_prev: Array) -> tuple[Array, Array, Array]:
    """Open and close the gates, and update the cell.

        i, f, o = sigmoid(z_i), sigmoid(z_f), sigmoid(z_o);  g = tanh(z_g)
        c = f * c_prev + i * g
        h = o * tanh(c)

    Parameters
    ----------
    z : (N, 4H) pre-activations x @ w_x + h_prev @ w_h + b, in the order i, f, g, o
    c_prev : (N, H) cell state before the step

    Returns
    -------
    gates : (N, 4H), the activated gates in the same order
    c, h : (N, H) cell state and hidden state after the step
    """
    z_i, z_f, z_g, z_o = np.split(z, 4, axis=1)
    i, f, g, o = _sigmoid(z_i), _sigmoid(z_f), np.tanh(z_g), _sigmoid(z_o)
    c = f * c_prev + i * g
    h = o * np.tanh(c)
    return np.concatenate([i, f, g, o], axis=1), c, h


def lstm_gates_backward(dh: Array, dc: Array, gates: Array, c_prev: Array, c: Array) -> tuple[Array, Array]:
    """Carry the gradients of both states back through one step.

    The cell is reached on two paths, from later steps (dc) and through h = o * tanh(c):

        dcell = dc + dh * o * (1 - tanh(c)**2)

    Parameters
    ----------
    dh, dc : (N, H) upstream gradients of the hidden and the cell state after the step
    gates : (N, 4H), from the forward
    c_prev, c : (N, H) cell state before and after the step

    Returns
    -------
    dz : (N, 4H) gradient of the pre-activations
    dc_prev : (N, H)
    """
    i, f, g, o = np.split(gates, 4, axis=1)
    tanh_c = np.tanh(c)
    dcell = dc + dh * o * (1 - tanh_c * tanh_c)
    dz_i = dcell * g * i * (1 - i)
    dz_f = dcell * c_prev * f * (1 - f)
    dz_g = dcell * i * (1 - g * g)
    dz_o = dh * tanh_c * o * (1 - o)
    return np.concatenate([dz_i, dz_f, dz_g, dz_o], axis=1), dcell * f


def gru_gates_forward(z_x: Array, z_h: Array, h_prev: Array) -> tuple[Array, Array]:
    """Reset, update, and mix the old state with the candidate.

        r = sigmoid(zx_r + zh_r);  z = sigmoid(zx_z + zh_z);  n = tanh(zx_n + r * zh_n)
        h = (1 - z) * n + z * h_prev

    Parameters
    ----------
    z_x : (N, 3H) the input's part of the pre-activations, x @ w_x + b_x, in the order r, z, n
    z_h : (N, 3H) the state's part, h_prev @ w_h + b_h; the reset gate acts after the product
    h_prev : (N, H) hidden state before the step

    Returns
    -------
    gates : (N, 3H), the activated r, z, n
    h : (N, H) hidden state after the step
    """
    zx_r, zx_z, zx_n = np.split(z_x, 3, axis=1)
    zh_r, zh_z, zh_n = np.split(z_h, 3, axis=1)
    r, z = _sigmoid(zx_r + zh_r), _sigmoid(zx_z + zh_z)
    n = np.tanh(zx_n + r * zh_n)
    h = (1 - z) * n + z * h_prev
    return np.concatenate([r, z, n], axis=1), h


def gru_gates_backward(dh: Array, gates: Array, z_h: Array, h_prev: Array) -> tuple[Array, Array, Array]:
    """Carry the gradient of the state back through one step.

    Parameters
    ----------
    dh : (N, H) upstream gradient of the hidden state after the step
    gates : (N, 3H), from the forward
    z_h : (N, 3H) the state's part of the pre-activations
    h_prev : (N, H) hidden state before the step

    Returns
    -------
    dz_x, dz_h : (N, 3H) gradients of the two parts; they differ in the last third, where r scales zh_n
    dh_prev : (N, H) along the direct path z * h_prev only; the path through z_h is the caller's product
    """
    r, z, n = np.split(gates, 3, axis=1)
    zh_n = z_h[:, 2 * dh.shape[1] :]
    dz_n = dh * (1 - z) * (1 - n * n)
    dz_r = dz_n * zh_n * r * (1 - r)
    dz_z = dh * (h_prev - n) * z * (1 - z)
    dz_x = np.concatenate([dz_r, dz_z, dz_n], axis=1)
    dz_h = np.concatenate([dz_r, dz_z, dz_n * r], axis=1)
    return dz_x, dz_h, dh * z
