"""Pooling layers."""

import numpy as np


def max_pool_forward_naive(x, pool_param):
    """Max-pooling; pool_param has the keys pool_height, pool_width and stride."""
    ph, pw, stride = pool_param["pool_height"], pool_param["pool_width"], pool_param["stride"]
    N, C, H, W = x.shape
    H_out = 1 + (H - ph) // stride
    W_out = 1 + (W - pw) // stride
    out = np.zeros((N, C, H_out, W_out), dtype=x.dtype)
    for i in range(H_out):
        for j in range(W_out):
            window = x[:, :, i * stride : i * stride + ph, j * stride : j * stride + pw]
            out[:, :, i, j] = window.max(axis=(2, 3))
    cache = (x, pool_param)
    return out, cache


def max_pool_backward_naive(dout, cache):
    """The gradient of each window goes to its maximum."""
    x, pool_param = cache
    ph, pw, stride = pool_param["pool_height"], pool_param["pool_width"], pool_param["stride"]
    N, C, H_out, W_out = dout.shape
    dx = np.zeros_like(x)
    for n in range(N):
        for c in range(C):
            for i in range(H_out):
                for j in range(W_out):
                    r, s = i * stride, j * stride
                    window = x[n, c, r : r + ph, s : s + pw]
                    row, col = np.unravel_index(np.argmax(window), window.shape)
                    dx[n, c, r + row, s + col] += dout[n, c, i, j]
    return dx


class MaxPool:
    """Max-pooling over windows that do not overlap, by reshaping; remembers the winners."""

    def __init__(self, pool_h, pool_w):
        self.pool_h = pool_h
        self.pool_w = pool_w

    def forward(self, x):
        N, C, H, W = x.shape
        oh, ow = H // self.pool_h, W // self.pool_w
        windows = x.reshape(N, C, oh, self.pool_h, ow, self.pool_w)
        windows = windows.transpose(0, 1, 2, 4, 3, 5).reshape(N, C, oh, ow, -1)
        self.arg_max = windows.argmax(axis=-1)
        self.x_shape = x.shape
        return windows.max(axis=-1)

    def backward(self, dout):
        N, C, oh, ow = dout.shape
        size = self.pool_h * self.pool_w
        dwindows = np.zeros((N, C, oh, ow, size), dtype=dout.dtype)
        np.put_along_axis(dwindows, self.arg_max[..., None], dout[..., None], axis=-1)
        dwindows = dwindows.reshape(N, C, oh, ow, self.pool_h, self.pool_w)
        dx = dwindows.transpose(0, 1, 2, 4, 3, 5).reshape(self.x_shape)
        return dx


def winner_of(x):
    """Marks the largest entry of a window."""
    mask = np.zeros(x.shape, dtype=bool)
    mask[np.unravel_index(x.argmax(), x.shape)] = True
    return mask


def pool_forward(A_prev, hparameters):
    """Channels-last max-pooling: A_prev (m, n_H_prev, n_W_prev, n_C), hparameters 'f' and 'stride'."""
    m, n_H_prev, n_W_prev, n_C = A_prev.shape
    f, stride = hparameters["f"], hparameters["stride"]
    n_H = int(1 + (n_H_prev - f) / stride)
    n_W = int(1 + (n_W_prev - f) / stride)
    A = np.zeros((m, n_H, n_W, n_C), dtype=A_prev.dtype)
    for h in range(n_H):
        for w in range(n_W):
            A[:, h, w, :] = np.max(
                A_prev[:, h * stride : h * stride + f, w * stride : w * stride + f, :], axis=(1, 2)
            )
    return A, (A_prev, hparameters)


def pool_backward(dA, cache):
    """Backward pass of channels-last max-pooling."""
    A_prev, hparameters = cache
    f, stride = hparameters["f"], hparameters["stride"]
    m, n_H, n_W, n_C = dA.shape
    dA_prev = np.zeros_like(A_prev)
    for i in range(m):
        for h in range(n_H):
            for w in range(n_W):
                for c in range(n_C):
                    v, u = h * stride, w * stride
                    mask = winner_of(A_prev[i, v : v + f, u : u + f, c])
                    dA_prev[i, v : v + f, u : u + f, c] += mask * dA[i, h, w, c]
    return dA_prev


def avg_pool_forward(x, pool_param):
    """Average pooling with the same parameters as max-pooling."""
    ph, pw, stride = pool_param["pool_height"], pool_param["pool_width"], pool_param["stride"]
    N, C, H, W = x.shape
    H_out, W_out = 1 + (H - ph) // stride, 1 + (W - pw) // stride
    out = np.zeros((N, C, H_out, W_out), dtype=x.dtype)
    for i in range(H_out):
        for j in range(W_out):
            window = x[:, :, i * stride : i * stride + ph, j * stride : j * stride + pw]
            out[:, :, i, j] = window.mean(axis=(2, 3))
    return out, (x.shape, pool_param)


def avg_pool_backward(dout, cache):
    """Backward pass of average pooling."""
    x_shape, pool_param = cache
    ph, pw, stride = pool_param["pool_height"], pool_param["pool_width"], pool_param["stride"]
    dx = np.zeros(x_shape, dtype=dout.dtype)
    for i in range(dout.shape[2]):
        for j in range(dout.shape[3]):
            share = dout[:, :, i, j][:, :, None, None] / (ph * pw)
            dx[:, :, i * stride : i * stride + ph, j * stride : j * stride + pw] += share
    return dx
