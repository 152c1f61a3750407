"""GRU."""

import numpy as np


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def gru_step_forward(x, h, Wx, Wh, b):
    """One step; the columns of Wx (D, 3H) and Wh (H, 3H) are for r, z and n."""
    H = h.shape[1]
    ax = x @ Wx + b
    r = sigmoid(ax[:, :H] + h @ Wh[:, :H])
    z = sigmoid(ax[:, H : 2 * H] + h @ Wh[:, H : 2 * H])
    n = np.tanh(ax[:, 2 * H :] + (r * h) @ Wh[:, 2 * H :])
    h_next = (1 - z) * n + z * h
    return h_next, (x, h, Wx, Wh, r, z, n)


def gru_step_backward(dh_next, cache):
    """Backward pass of one step."""
    x, h, Wx, Wh, r, z, n = cache
    H = h.shape[1]
    dn = dh_next * (1 - z)
    dz = dh_next * (h - n)
    dh = dh_next * z
    da_n = dn * (1 - n**2)
    drh = da_n @ Wh[:, 2 * H :].T
    dr = drh * h
    dh = dh + drh * r
    da_r = dr * r * (1 - r)
    da_z = dz * z * (1 - z)
    dh = dh + da_r @ Wh[:, :H].T
    dh = dh + da_z @ Wh[:, H : 2 * H].T
    da = np.concatenate([da_r, da_z, da_n], axis=1)
    dx = da @ Wx.T
    dWx = x.T @ da
    dWh = np.concatenate([h.T @ da_r, h.T @ da_z, (r * h).T @ da_n], axis=1)
    db = da.sum(axis=0)
    return dx, dh, dWx, dWh, db


def gru_forward(x, h0, Wx, Wh, b):
    """A GRU over x (N, T, D); returns all states (N, T, H)."""
    states = []
    caches = []
    h = h0
    for t in range(x.shape[1]):
        h, step = gru_step_forward(x[:, t], h, Wx, Wh, b)
        states.append(h)
        caches.append(step)
    return np.stack(states, axis=1), caches


def gru_backward(dhs, caches):
    """Backward pass over the sequence."""
    x, h, Wx, Wh = caches[0][:4]
    dx = np.zeros((dhs.shape[0], dhs.shape[1], x.shape[1]), dtype=dhs.dtype)
    dWx, dWh = np.zeros_like(Wx), np.zeros_like(Wh)
    db = np.zeros(Wx.shape[1], dtype=dhs.dtype)
    dh = np.zeros_like(h)
    for t in range(dhs.shape[1] - 1, -1, -1):
        dh = dh + dhs[:, t]
        dx[:, t], dh, dWx_t, dWh_t, db_t = gru_step_backward(dh, caches[t])
        dWx += dWx_t
        dWh += dWh_t
        db += db_t
    return dx, dh, dWx, dWh, db


class GRUCell:
    """The variant with h = z * h_prev + (1 - z) * candidate and a bias inside the reset gate."""

    def __init__(self, W, U, b, c):
        self.W, self.U, self.b, self.c = W, U, b, c

    def forward(self, x, h):
        H = h.shape[1]
        self.x, self.h = x, h
        gx = x @ self.W + self.b
        gh = h @ self.U + self.c
        self.z = sigmoid(gx[:, :H] + gh[:, :H])
        self.r = sigmoid(gx[:, H : 2 * H] + gh[:, H : 2 * H])
        self.inner = gh[:, 2 * H :]
        self.n = np.tanh(gx[:, 2 * H :] + self.r * self.inner)
        return self.z * h + (1 - self.z) * self.n

    def backward(self, dout):
        z, r, n, h = self.z, self.r, self.n, self.h
        dn = dout * (1 - z) * (1 - n**2)
        dz = dout * (h - n) * z * (1 - z)
        dr = dn * self.inner * r * (1 - r)
        dgx = np.hstack([dz, dr, dn])
        dgh = np.hstack([dz, dr, dn * r])
        self.dW = self.x.T @ dgx
        self.dU = h.T @ dgh
        self.db = dgx.sum(axis=0)
        self.dc = dgh.sum(axis=0)
        dx = dgx @ self.W.T
        dh = dout * z + dgh @ self.U.T
        return dx, dh
