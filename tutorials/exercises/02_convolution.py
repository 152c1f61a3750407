"""Exercises of lesson 2. Replace each ``raise NotImplementedError``, then ask:

    minicap exercise 2 exercises/02_convolution.py

NumPy is all you need; the library's own ops would answer nothing.
"""

import numpy as np


def output_size(size, kernel, stride=1, padding=0, dilation=1):
    """Return how many places a filter has along one side, as an int.

    size is the picture's side in pixels and kernel the number of taps; padding pixels are added on both sides. With
    a dilation of d, neighbouring taps are d pixels apart, so that the filter covers more pixels than it has taps.
    """
    raise NotImplementedError


def correlate(x, w):
    """Return the convolution (cross-correlation) of one picture x (H, W) with one filter w (KH, KW).

    Stride 1, no padding: the answer is (H - KH + 1, W - KW + 1).
    """
    raise NotImplementedError


def im2col(x, KH, KW, stride=1):
    """Return every patch of x (N, C, H, W) as a row, (N * OH * OW, C * KH * KW).

    The rows go through the pictures, then the places from top to bottom, then from left to right; within a row the
    channel changes slowest and the tap's column fastest.
    """
    raise NotImplementedError


def input_gradient(dy, w):
    """Return the gradient by x of ``correlate(x, w)`` for the upstream dy (OH, OW): an array (H, W).

    H and W follow from the shapes of dy and w.
    """
    raise NotImplementedError


def receptive_field(layers):
    """Return how many pixels along one side an output sees, as an int.

    layers is a list of pairs (kernel, stride), the layer next to the picture first; pooling counts like a filter.
    """
    raise NotImplementedError
