"""A convolution whose network learns, but worse the deeper it is.

    minicap gradcheck broken/02_conv.py

Shapes: N pictures, C channels, H x W pixels, F filters of KH x KW taps, OH x OW places.
"""

import numpy as np


def correlate(x, w):
    """Slide the filters w (F, C, KH, KW) over x (N, C, H, W)."""
    KH, KW = w.shape[2:]
    patches = np.lib.stride_tricks.sliding_window_view(x, (KH, KW), axis=(2, 3))  # (N, C, OH, OW, KH, KW)
    return np.einsum("ncpqij,fcij->nfpq", patches, w)


def conv_forward(x, w, b):
    """Convolve x (N, C, H, W) with w (F, C, KH, KW), at stride 1 without padding, and add b (F,)."""
    return correlate(x, w) + b[:, None, None], (x, w)


def conv_backward(dy, cache):
    """Return the gradients by x, w and b for dy (N, F, OH, OW)."""
    x, w = cache
    KH, KW = w.shape[2:]
    around = np.pad(dy, ((0, 0), (0, 0), (KH - 1, KH - 1), (KW - 1, KW - 1)))
    dx = correlate(around, w.transpose(1, 0, 2, 3))
    patches = np.lib.stride_tricks.sliding_window_view(x, (KH, KW), axis=(2, 3))
    dw = np.einsum("nfpq,ncpqij->fcij", dy, patches)
    db = dy.sum(axis=(0, 2, 3))
    return dx, dw, db
