"""Solutions of lesson 2."""

import numpy as np


def output_size(size, kernel, stride=1, padding=0, dilation=1):
    """The filter covers dilation * (kernel - 1) + 1 pixels; the rest is room to move in, in steps of the stride."""
    covered = dilation * (kernel - 1) + 1
    return (size + 2 * padding - covered) // stride + 1


def correlate(x, w):
    """The taps outermost: each adds its shifted picture."""
    (H, W), (KH, KW) = x.shape, w.shape
    y = np.zeros((H - KH + 1, W - KW + 1))
    for i in range(KH):
        for j in range(KW):
            y += w[i, j] * x[i : i + y.shape[0], j : j + y.shape[1]]
    return y


def im2col(x, KH, KW, stride=1):
    """A view of all windows, thinned out by the stride, and its axes in the order that is asked for."""
    windows = np.lib.stride_tricks.sliding_window_view(x, (KH, KW), axis=(2, 3))
    windows = windows[:, :, ::stride, ::stride]  # (N, C, OH, OW, KH, KW)
    return windows.transpose(0, 2, 3, 1, 4, 5).reshape(-1, x.shape[1] * KH * KW)


def input_gradient(dy, w):
    """The forward backwards: where tap (i, j) read, it now adds. The turned filter over a padded dy gives the same."""
    (OH, OW), (KH, KW) = dy.shape, w.shape
    dx = np.zeros((OH + KH - 1, OW + KW - 1))
    for i in range(KH):
        for j in range(KW):
            dx[i : i + OH, j : j + OW] += w[i, j] * dy
    return dx


def receptive_field(layers):
    """Each layer adds kernel - 1 steps, and a step is as long as all strides before it together."""
    field, step = 1, 1
    for kernel, stride in layers:
        field += (kernel - 1) * step
        step *= stride
    return field
