# ruff: noqa: RUF059
"""LSTM."""

import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def lstm_step_forward(x, prev_h, prev_c, Wx, Wh, b):
    """One step; the gates are stacked in the order i, f, o, g."""
    H = prev_h.shape[1]
    a = x.dot(Wx) + prev_h.dot(Wh) + b
    i = sigmoid(a[:, 0 * H : 1 * H])
    f = sigmoid(a[:, 1 * H : 2 * H])
    o = sigmoid(a[:, 2 * H : 3 * H])
    g = np.tanh(a[:, 3 * H : 4 * H])
    next_c = f * prev_c + i * g
    tanh_c = np.tanh(next_c)
    next_h = o * tanh_c
    cache = (x, prev_h, prev_c, Wx, Wh, i, f, o, g, tanh_c)
    return next_h, next_c, cache


def lstm_step_backward(dnext_h, dnext_c, cache):
    """Backward pass of one step, from gradients of both states."""
    x, prev_h, prev_c, Wx, Wh, i, f, o, g, tanh_c = cache
    do = dnext_h * tanh_c
    dc = dnext_c + dnext_h * o * (1 - tanh_c**2)
    df = dc * prev_c
    di = dc * g
    dg = dc * i
    dprev_c = dc * f
    da_i = di * i * (1 - i)
    da_f = df * f * (1 - f)
    da_o = do * o * (1 - o)
    da_g = dg * (1 - g**2)
    da = np.hstack((da_i, da_f, da_o, da_g))
    dx = da.dot(Wx.T)
    dprev_h = da.dot(Wh.T)
    dWx = x.T.dot(da)
    dWh = prev_h.T.dot(da)
    db = np.sum(da, axis=0)
    return dx, dprev_h, dprev_c, dWx, dWh, db


def lstm_forward(x, h0, Wx, Wh, b):
    """An LSTM over a sequence x (N, T, D); the first cell state is zero."""
    N, T, D = x.shape
    H = h0.shape[1]
    h = np.zeros((N, T, H), dtype=x.dtype)
    cache = []
    prev_h = h0
    prev_c = np.zeros_like(h0)
    for t in range(T):
        prev_h, prev_c, step_cache = lstm_step_forward(x[:, t], prev_h, prev_c, Wx, Wh, b)
        h[:, t] = prev_h
        cache.append(step_cache)
    return h, cache


def lstm_backward(dh, cache):
    """Backward pass over the sequence."""
    N, T, H = dh.shape
    x, Wx, Wh = cache[0][0], cache[0][3], cache[0][4]
    dx = np.zeros((N, T, x.shape[1]), dtype=dh.dtype)
    dWx = np.zeros_like(Wx)
    dWh = np.zeros_like(Wh)
    db = np.zeros(4 * H, dtype=dh.dtype)
    dprev_h = np.zeros((N, H), dtype=dh.dtype)
    dprev_c = np.zeros((N, H), dtype=dh.dtype)
    for t in reversed(range(T)):
        step = lstm_step_backward(dh[:, t] + dprev_h, dprev_c, cache[t])
        dx[:, t] = step[0]
        dprev_h = step[1]
        dprev_c = step[2]
        dWx += step[3]
        dWh += step[4]
        db += step[5]
    dh0 = dprev_h
    return dx, dh0, dWx, dWh, db


class LSTM:
    """Separate weights for every gate, applied to [h, x]; states start at zero."""

    def __init__(self, Wf, Wi, Wc, Wo, bf, bi, bc, bo):
        self.params = {"Wf": Wf, "Wi": Wi, "Wc": Wc, "Wo": Wo, "bf": bf, "bi": bi, "bc": bc, "bo": bo}
        self.grads = {}

    def forward(self, x):
        N, T, D = x.shape
        p = self.params
        H = p["bf"].shape[0]
        h, c = np.zeros((N, H), dtype=x.dtype), np.zeros((N, H), dtype=x.dtype)
        self.steps = []
        out = np.zeros((N, T, H), dtype=x.dtype)
        for t in range(T):
            z = np.concatenate([h, x[:, t]], axis=1)
            f = sigmoid(z @ p["Wf"] + p["bf"])
            i = sigmoid(z @ p["Wi"] + p["bi"])
            cc = np.tanh(z @ p["Wc"] + p["bc"])
            o = sigmoid(z @ p["Wo"] + p["bo"])
            c_prev = c
            c = f * c_prev + i * cc
            h = o * np.tanh(c)
            out[:, t] = h
            self.steps.append((z, f, i, cc, o, c_prev, c))
        return out

    def backward(self, dout):
        p = self.params
        N, T, H = dout.shape
        self.grads = {k: np.zeros_like(v) for k, v in p.items()}
        dh_next = np.zeros((N, H), dtype=dout.dtype)
        dc_next = np.zeros((N, H), dtype=dout.dtype)
        dx = []
        for t in reversed(range(T)):
            z, f, i, cc, o, c_prev, c = self.steps[t]
            dh = dout[:, t] + dh_next
            dot = dh * np.tanh(c) * o * (1 - o)
            dc = dc_next + dh * o * (1 - np.tanh(c) ** 2)
            dft = dc * c_prev * f * (1 - f)
            dit = dc * cc * i * (1 - i)
            dcct = dc * i * (1 - cc**2)
            self.add(z, dft, dit, dcct, dot)
            dz = dft @ p["Wf"].T + dit @ p["Wi"].T + dcct @ p["Wc"].T + dot @ p["Wo"].T
            dh_next = dz[:, :H]
            dx.append(dz[:, H:])
            dc_next = dc * f
        return np.stack(dx[::-1], axis=1)

    def add(self, z, dft, dit, dcct, dot):
        self.grads["Wf"] += z.T @ dft
        self.grads["Wi"] += z.T @ dit
        self.grads["Wc"] += z.T @ dcct
        self.grads["Wo"] += z.T @ dot
        self.grads["bf"] += dft.sum(axis=0)
        self.grads["bi"] += dit.sum(axis=0)
        self.grads["bc"] += dcct.sum(axis=0)
        self.grads["bo"] += dot.sum(axis=0)
