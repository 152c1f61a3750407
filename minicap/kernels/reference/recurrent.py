"""The LSTM, the GRU and the plain network: the gates of one step, and whole sequences as loops over steps.

All gates of a step lie side by side in one array, (N, 4H) in the order i, f, g, o for the LSTM and (N, 3H) in
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


def tanh(x: Array) -> Array:
    """Return the hyperbolic tangent of an array of any shape."""
    return np.tanh(x)


def sigmoid(x: Array) -> Array:
    """Return 1 / (1 + exp(-x)) of an array of any shape, written with tanh, which cannot overflow."""
    return 0.5 + 0.5 * np.tanh(0.5 * x)


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
    i, f, g, o = sigmoid(z_i), sigmoid(z_f), np.tanh(z_g), sigmoid(z_o)
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
    r, z = sigmoid(zx_r + zh_r), sigmoid(zx_z + zh_z)
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


# One more step where no gradient is wanted, as in decoding: of the input, the part z_x of the pre-activations.


def rnn_step(z_x: Array, state: Array, w_h: Array) -> Array:
    """Return the state (N, H) after one more input.

    Parameters: z_x (N, H) = x @ w_x + b, state (N, H), w_h (H, H).
    """
    return np.tanh(z_x + state @ w_h)


def lstm_step(z_x: Array, state: Array, w_h: Array) -> Array:
    """Return hidden and cell state, side by side (N, 2H), after one more input.

    Parameters: z_x (N, 4H) = x @ w_x + b, state (N, 2H), w_h (H, 4H).
    """
    h, c = np.split(state, 2, axis=1)
    _, c, h = lstm_gates_forward(z_x + h @ w_h, c)
    return np.concatenate([h, c], axis=1)


def gru_step(z_x: Array, state: Array, w_h: Array, b_h: Array) -> Array:
    """Return the state (N, H) after one more input; the reset gate acts after the product.

    Parameters: z_x (N, 3H) = x @ w_x + b_x, state (N, H), w_h (H, 3H), b_h (3H,).
    """
    return gru_gates_forward(z_x, state @ w_h + b_h, state)[1]


# Sequences: x (N, T, D), states (N, H), mask (N, T) or None. A masked step carries the state, and the
# results repeat it. Backward, a state is read twice, by whoever reads hs and by the next step, so from the last
# step down its upstream is dhs_t plus what step t + 1 sent back; a masked step hands its upstream on unchanged.
# Once every step's pre-activations have their gradients, inputs and weights get theirs from all steps at once.
# A bias of the input's is shared, (width,), or each sequence's own, (N, width), the same at every step.


def rnn_forward(x: Array, h0: Array, w_x: Array, w_h: Array, b: Array, mask: Array | None) -> Array:
    """Run h_t = tanh(x_t @ w_x + h_{t-1} @ w_h + b) over time.

    Parameters
    ----------
    x : (N, T, D)
    h0 : (N, H)
    w_x : (D, H)
    w_h : (H, H)
    b : (H,) or (N, H)
    mask : (N, T) bool, or None

    Returns
    -------
    hs : (N, T, H)
    """
    hs = np.empty((*x.shape[:2], h0.shape[1]), x.dtype)
    h = h0
    for t in range(x.shape[1]):
        hs[:, t] = h = _carry(mask, t, np.tanh(x[:, t] @ w_x + h @ w_h + b), h)
    return hs


def rnn_backward(
    dhs: Array, x: Array, h0: Array, w_x: Array, w_h: Array, b: Array, hs: Array, mask: Array | None
) -> tuple[Array, ...]:
    """Propagate back through time.

    Returns
    -------
    dx, dh0, dw_x, dw_h, db
    """
    dz = np.empty_like(hs)
    dh = np.zeros_like(h0)
    for t in reversed(range(hs.shape[1])):
        dh_step, dh_past = _split(mask, t, dh + dhs[:, t])
        dz[:, t] = dh_step * (1 - hs[:, t] * hs[:, t])
        dh = dz[:, t] @ w_h.T + dh_past
    return dz @ w_x.T, dh, _flat(x).T @ _flat(dz), _before(hs, h0).T @ _flat(dz), _bias_gradient(dz, b)


def lstm_forward(
    x: Array, h0: Array, c0: Array, w_x: Array, w_h: Array, b: Array, mask: Array | None
) -> tuple[Array, Array, Array]:
    """Run the LSTM over time.

    Parameters
    ----------
    x, mask : as for ``rnn_forward``
    h0, c0 : (N, H)
    w_x, w_h : (D, 4H) and (H, 4H)
    b : (4H,) or (N, 4H)

    Returns
    -------
    gates : (N, T, 4H), the activated gates
    cs, hs : (N, T, H) cell and hidden state after each step
    """
    gates = np.empty((*x.shape[:2], w_h.shape[1]), x.dtype)
    cs, hs = np.empty((2, *x.shape[:2], h0.shape[1]), x.dtype)
    h, c = h0, c0
    for t in range(x.shape[1]):
        gates[:, t], c_next, h_next = lstm_gates_forward(x[:, t] @ w_x + h @ w_h + b, c)
        hs[:, t] = h = _carry(mask, t, h_next, h)
        cs[:, t] = c = _carry(mask, t, c_next, c)
    return gates, cs, hs


def lstm_backward(
    dhs: Array,
    dc_last: Array,
    x: Array,
    h0: Array,
    c0: Array,
    w_x: Array,
    w_h: Array,
    b: Array,
    gates: Array,
    cs: Array,
    hs: Array,
    mask: Array | None,
) -> tuple[Array, ...]:
    """Propagate back through time; two things travel from step to step, dh and dc, which starts as dc_last.

    Returns
    -------
    dx, dh0, dc0, dw_x, dw_h, db
    """
    dz = np.empty_like(gates)
    dh, dc = np.zeros_like(h0), dc_last.copy()
    for t in reversed(range(hs.shape[1])):
        dh_step, dh_past = _split(mask, t, dh + dhs[:, t])
        dc_step, dc_past = _split(mask, t, dc)
        c_prev = cs[:, t - 1] if t else c0
        dz[:, t], dc_step = lstm_gates_backward(dh_step, dc_step, gates[:, t], c_prev, cs[:, t])
        dh, dc = dz[:, t] @ w_h.T + dh_past, dc_step + dc_past
    return dz @ w_x.T, dh, dc, _flat(x).T @ _flat(dz), _before(hs, h0).T @ _flat(dz), _bias_gradient(dz, b)


def gru_forward(
    x: Array, h0: Array, w_x: Array, w_h: Array, b_x: Array, b_h: Array, mask: Array | None
) -> tuple[Array, Array, Array]:
    """Run the GRU, reset after the product, over time.

    Parameters
    ----------
    x, h0, mask : as for ``rnn_forward``
    w_x, w_h : (D, 3H) and (H, 3H)
    b_x, b_h : (3H,) or (N, 3H), and (3H,)

    Returns
    -------
    gates, z_h : (N, T, 3H), the activated gates, and the state's part of their pre-activations
    hs : (N, T, H)
    """
    gates, z_h = np.empty((2, *x.shape[:2], w_h.shape[1]), x.dtype)
    hs = np.empty((*x.shape[:2], h0.shape[1]), x.dtype)
    h = h0
    for t in range(x.shape[1]):
        z_h[:, t] = h @ w_h + b_h
        gates[:, t], h_next = gru_gates_forward(x[:, t] @ w_x + b_x, z_h[:, t], h)
        hs[:, t] = h = _carry(mask, t, h_next, h)
    return gates, z_h, hs


def gru_backward(
    dhs: Array,
    x: Array,
    h0: Array,
    w_x: Array,
    w_h: Array,
    b_x: Array,
    gates: Array,
    z_h: Array,
    hs: Array,
    mask: Array | None,
) -> tuple[Array, ...]:
    """Propagate back through time.

    Returns
    -------
    dx, dh0, dw_x, dw_h, db_x, db_h
    """
    dz_x, dz_h = np.empty_like(gates), np.empty_like(gates)
    dh = np.zeros_like(h0)
    for t in reversed(range(hs.shape[1])):
        dh_step, dh_past = _split(mask, t, dh + dhs[:, t])
        h_prev = hs[:, t - 1] if t else h0
        dz_x[:, t], dz_h[:, t], direct = gru_gates_backward(dh_step, gates[:, t], z_h[:, t], h_prev)
        dh = direct + dz_h[:, t] @ w_h.T + dh_past
    dw_x, dw_h = _flat(x).T @ _flat(dz_x), _before(hs, h0).T @ _flat(dz_h)
    return dz_x @ w_x.T, dh, dw_x, dw_h, _bias_gradient(dz_x, b_x), _flat(dz_h).sum(axis=0)


def _carry(mask: Array | None, t: int, new: Array, old: Array) -> Array:
    """Return the state after step t (N, H): the new one where the word is real, else the old one again."""
    return new if mask is None else np.where(mask[:, t, None], new, old)


def _split(mask: Array | None, t: int, d: Array) -> tuple[Array, Array | float]:
    """Split a state's upstream at step t: what goes into the step, and what its masked rows carry past it."""
    if mask is None:
        return d, 0
    real = mask[:, t, None].astype(d.dtype)
    return d * real, d * (1 - real)


def _bias_gradient(dz: Array, b: Array) -> Array:
    """Add up over the steps what a bias received, and over the rows as well where they share it."""
    return _flat(dz).sum(axis=0) if b.ndim == 1 else dz.sum(axis=1)


def _flat(array: Array) -> Array:
    """Return the rows of all steps (N T, width)."""
    return array.reshape(-1, array.shape[2])


def _before(hs: Array, h0: Array) -> Array:
    """Return the state that each step started from (N T, H)."""
    return _flat(np.concatenate([h0[:, None], hs], axis=1)[:, :-1])
