"""Convolutions as matrix products: im2col, and a closure over kernel taps."""

import numpy as np


def unfold(x, kh, kw, stride, pad):
    """All windows of the padded images: (N, OH, OW, C, kh, kw)."""
    x = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    windows = np.lib.stride_tricks.sliding_window_view(x, (kh, kw), axis=(2, 3))
    windows = windows[:, :, ::stride, ::stride]
    return windows.transpose(0, 2, 3, 1, 4, 5)


def fold(windows, x_shape, stride, pad):
    """Adds windows (N, OH, OW, C, kh, kw) back into images of the shape x_shape."""
    N, OH, OW, C, kh, kw = windows.shape
    H, W = x_shape[2:]
    taps = windows.transpose(0, 3, 4, 5, 1, 2)
    padded = np.zeros((N, C, H + 2 * pad, W + 2 * pad), dtype=windows.dtype)
    for i in range(kh):
        for j in range(kw):
            bottom, right = i + stride * (OH - 1) + 1, j + stride * (OW - 1) + 1
            padded[:, :, i:bottom:stride, j:right:stride] += taps[:, :, i, j]
    return padded[:, :, pad : pad + H, pad : pad + W]


class Convolution:
    """Convolution as one matrix product (im2col); W has shape (F, C, kh, kw)."""

    def __init__(self, W, b, stride=1, pad=0):
        self.W, self.b = W, b
        self.stride, self.pad = stride, pad

    def forward(self, x):
        F, C, kh, kw = self.W.shape
        windows = unfold(x, kh, kw, self.stride, self.pad)
        N, OH, OW = windows.shape[:3]
        self.x_shape = x.shape
        self.rows = windows.reshape(N * OH * OW, C * kh * kw)
        out = self.rows @ self.W.reshape(F, -1).T + self.b
        return out.reshape(N, OH, OW, F).transpose(0, 3, 1, 2)

    def backward(self, dout):
        F, C, kh, kw = self.W.shape
        N, F, OH, OW = dout.shape
        dflat = dout.transpose(0, 2, 3, 1).reshape(-1, F)
        self.db = dflat.sum(axis=0)
        dW = self.rows.T @ dflat
        self.dW = dW.T.reshape(F, C, kh, kw)
        drows = dflat @ self.W.reshape(F, -1)
        dwindows = drows.reshape(N, OH, OW, C, kh, kw)
        return fold(dwindows, self.x_shape, self.stride, self.pad)


def correlate(x, w):
    """Valid cross-correlation of a batch x (N, C, H, W) with filters w (F, C, kh, kw)."""
    kh, kw = w.shape[2:]
    oh, ow = x.shape[2] - kh + 1, x.shape[3] - kw + 1
    y = 0
    for i in range(kh):
        for j in range(kw):
            y = y + np.einsum("nchw,fc->nfhw", x[:, :, i : i + oh, j : j + ow], w[:, :, i, j])
    return y


def conv2d(x, w, b):
    """Valid convolution with stride 1 as a closure: dx is a full correlation with the turned kernel."""
    y = correlate(x, w) + b[None, :, None, None]

    def backward(dy):
        kh, kw = w.shape[2:]
        padded = np.pad(dy, ((0, 0), (0, 0), (kh - 1, kh - 1), (kw - 1, kw - 1)))
        turned = w[:, :, ::-1, ::-1].transpose(1, 0, 2, 3)
        dx = correlate(padded, turned)
        dw = correlate(x.transpose(1, 0, 2, 3), dy.transpose(1, 0, 2, 3)).transpose(1, 0, 2, 3)
        db = dy.sum(axis=(0, 2, 3))
        return dx, dw, db

    return y, backward
