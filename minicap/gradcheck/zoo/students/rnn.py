# ruff: noqa: RUF059
"""Vanilla recurrent networks, batch first."""

import numpy as np


def rnn_step_forward(x, prev_h, Wx, Wh, b):
    """One step with tanh: x (N, D), prev_h (N, H)."""
    next_h = np.tanh(x.dot(Wx) + prev_h.dot(Wh) + b)
    cache = (x, prev_h, Wx, Wh, next_h)
    return next_h, cache


def rnn_step_backward(dnext_h, cache):
    """Backward pass of one step."""
    x, prev_h, Wx, Wh, next_h = cache
    dz = dnext_h * (1 - next_h**2)
    dx = dz.dot(Wx.T)
    dprev_h = dz.dot(Wh.T)
    dWx = x.T.dot(dz)
    dWh = prev_h.T.dot(dz)
    db = np.sum(dz, axis=0)
    return dx, dprev_h, dWx, dWh, db


def rnn_forward(x, h0, Wx, Wh, b):
    """Runs over a sequence x (N, T, D); returns all hidden states h (N, T, H)."""
    N, T, D = x.shape
    H = h0.shape[1]
    h = np.zeros((N, T, H), dtype=x.dtype)
    cache = []
    prev_h = h0
    for t in range(T):
        prev_h, step_cache = rnn_step_forward(x[:, t], prev_h, Wx, Wh, b)
        h[:, t] = prev_h
        cache.append(step_cache)
    return h, cache


def rnn_backward(dh, cache):
    """Backward pass over the whole sequence; dh (N, T, H) comes from above at every step."""
    N, T, H = dh.shape
    x0, _, Wx, Wh, _ = cache[0]
    D = x0.shape[1]
    dx = np.zeros((N, T, D), dtype=dh.dtype)
    dWx = np.zeros_like(Wx)
    dWh = np.zeros_like(Wh)
    db = np.zeros(H, dtype=dh.dtype)
    dprev_h = np.zeros((N, H), dtype=dh.dtype)
    for t in reversed(range(T)):
        dnext_h = dh[:, t] + dprev_h
        dx_t, dprev_h, dWx_t, dWh_t, db_t = rnn_step_backward(dnext_h, cache[t])
        dx[:, t] = dx_t
        dWx += dWx_t
        dWh += dWh_t
        db += db_t
    dh0 = dprev_h
    return dx, dh0, dWx, dWh, db


class TimeRNN:
    """Time-major recurrent layer: xs (T, N, D) and a first state; gradients of the weights all at once."""

    def __init__(self, Wx, Wh, b):
        self.Wx, self.Wh, self.b = Wx, Wh, b

    def forward(self, xs, h0):
        hs = [h0]
        for x in xs:
            hs.append(np.tanh(x @ self.Wx + hs[-1] @ self.Wh + self.b))
        self.xs = xs
        self.states = np.stack(hs)
        return self.states[1:]

    def backward(self, dhs):
        dzs = np.zeros_like(dhs)
        dh = np.zeros_like(dhs[0])
        for t in reversed(range(len(dhs))):
            dz = (dhs[t] + dh) * (1 - self.states[t + 1] ** 2)
            dzs[t] = dz
            dh = dz @ self.Wh.T
        self.dWx = np.einsum("tnd,tnh->dh", self.xs, dzs)
        self.dWh = np.einsum("tng,tnh->gh", self.states[:-1], dzs)
        self.db = dzs.sum(axis=(0, 1))
        dxs = dzs @ self.Wx.T
        return dxs, dh


def unroll_forward(xs, h0, Wxh, Whh, bh):
    """One sequence as a list of vectors; returns the list of states."""
    hs = []
    h = h0
    for x in xs:
        h = np.tanh(Wxh @ x + Whh @ h + bh)
        hs.append(h)
    return hs, (xs, h0, hs, Wxh, Whh)


def unroll_backward(dhs, cache):
    """Backward through time, given a list of gradients of the states."""
    xs, h0, hs, Wxh, Whh = cache
    dWxh, dWhh = np.zeros_like(Wxh), np.zeros_like(Whh)
    dbh = np.zeros_like(h0)
    dxs = [None] * len(xs)
    dhnext = np.zeros_like(h0)
    for t in reversed(range(len(xs))):
        dh = dhs[t] + dhnext
        da = dh * (1 - hs[t] ** 2)
        dbh += da
        dWxh += np.outer(da, xs[t])
        previous = hs[t - 1] if t > 0 else h0
        dWhh += np.outer(da, previous)
        dxs[t] = Wxh.T @ da
        dhnext = Whh.T @ da
    return dxs, dhnext, dWxh, dWhh, dbh
