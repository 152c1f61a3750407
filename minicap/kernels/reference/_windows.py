"""Sliding windows: how large the output is, and what each kernel tap sees of the padded image."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from minicap._types import Array

Pair = tuple[int, int]
Padding = tuple[Pair, Pair]
Shape = tuple[int, ...]


def output_size(image: Pair, kernel: Pair, stride: Pair, padding: Padding, dilation: Pair) -> Pair:
    """Return (OH, OW), the number of places where the kernel fits into the padded image.

        OH = floor((H + top + bottom - dilation * (KH - 1) - 1) / stride) + 1

    Parameters
    ----------
    image : (H, W) in pixels
    kernel : (KH, KW) in taps
    stride, dilation : (vertical, horizontal) in pixels
    padding : ((top, bottom), (left, right)) in pixels
    """
    oh, ow = (
        (size + before + after - d * (k - 1) - 1) // s + 1
        for size, k, s, (before, after), d in zip(image, kernel, stride, padding, dilation, strict=True)
    )
    return oh, ow


def pad(x: Array, padding: Padding, value: float = 0.0) -> Array:
    """Return a copy of x (..., H, W) with `value` around the last two axes.

    Parameters
    ----------
    x : (..., H, W)
    padding : ((top, bottom), (left, right)) in pixels
    value : what the border holds
    """
    widths = ((0, 0),) * (x.ndim - 2) + padding
    return np.pad(x, widths, constant_values=value)


def taps(kernel: Pair, stride: Pair, dilation: Pair, output: Pair) -> Iterator[tuple[int, int, slice, slice]]:
    """Yield (i, j, rows, columns): tap (i, j) multiplies the pixels `padded[..., rows, columns]`.

    There are KH * KW taps, in row order; each sees one pixel for every output pixel, so the
    slices always select (OH, OW) of them.

    Parameters
    ----------
    kernel : (KH, KW) in taps
    stride, dilation : (vertical, horizontal) in pixels
    output : (OH, OW), from `output_size`
    """
    for i in range(kernel[0]):
        for j in range(kernel[1]):
            top, left = i * dilation[0], j * dilation[1]
            rows = slice(top, top + (output[0] - 1) * stride[0] + 1, stride[0])
            columns = slice(left, left + (output[1] - 1) * stride[1] + 1, stride[1])
            yield i, j, rows, columns
