"""Convolution as correlations at stride 1 over flat planes: which plane and pixel every tap sees.

The compiled kernels know neither strides nor padding, only planes and offsets. Here stands how a forward
and an input gradient reduce to them; it depends on sizes alone, so it is worked out once for each.

    stride s    the padded image falls into s * s planes, one a remainder of row and column; in its own
                plane every tap moves one pixel a step
    input       the pixels h = u * s + a of dx, for each remainder a, are a correlation of dy with those
                taps that reach them: (a + padding - i * dilation) divisible by s
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from minicap._types import Array

Pair = tuple[int, int]
Padding = tuple[Pair, Pair]


class Correlation(NamedTuple):
    """Correlations at stride 1 over the planes that one image becomes.

    Row r and column q of the plane of phase (a, b) is the image's pixel (r * stride + a - top, ...). Each of
    ``results`` (S, 8) holds: taps a channel; where its offsets and its tap numbers start; rows and columns;
    where its first pixel goes in the output, and the steps to the next row and column there.
    """

    stride: Pair
    step: Pair  # in a plane, from one row or pixel of the result to the next
    by_pixel: bool  # filters, not pixels, lie side by side in a vector
    phases: Array  # (P, 2)
    top: int
    left: int
    rows: int  # of a plane
    row: int  # numbers in a row of it
    in_place: bool  # the image itself serves as its plane
    reach: int  # rows beyond its own that a row of the result sees
    results: Array  # (S, 8)
    offsets: Array  # of each result's taps, for one channel after the other
    taps: Array  # numbers i * KW + j of each result's taps


def output_size(
    x_shape: tuple[int, ...], w_shape: tuple[int, ...], stride: Pair, padding: Padding, dilation: Pair
) -> Pair:
    """Return (OH, OW), the number of places where the kernel fits into the padded image."""
    oh, ow = (
        (x_shape[2 + a] + sum(padding[a]) - dilation[a] * (w_shape[2 + a] - 1) - 1) // stride[a] + 1
        for a in range(2)
    )
    return oh, ow


@lru_cache(maxsize=512)
def forward_correlation(
    image: Pair, channels: int, kernel: Pair, output: Pair, stride: Pair, padding: Padding, dilation: Pair,
    by_pixel: bool,
) -> Correlation:  # fmt: skip
    """Return the one correlation that a forward is.

    Parameters
    ----------
    image, kernel, output : (height, width)
    channels : of one group
    stride, padding, dilation : as the kernels take them
    by_pixel : one plane for all pixels, since none need lie side by side

    Returns
    -------
    Correlation
    """
    (h, w), (oh, ow) = image, output
    step = stride if by_pixel else (1, 1)
    stride = (1, 1) if by_pixel else stride
    rows, columns = np.arange(kernel[0]) * dilation[0], np.arange(kernel[1]) * dilation[1]
    phases = [(a, b) for a in sorted({*rows % stride[0]}) for b in sorted({*columns % stride[1]})]
    (top, _), (left, _) = padding
    reach = int(rows[-1]) // stride[0]
    high = (oh - 1) * step[0] + 1 + reach
    wide = (ow - 1) * step[1] + 1 + int(columns[-1]) // stride[1]
    fits = stride == (1, 1) and (top, left) == (0, 0) and high <= h and wide <= w
    in_place = by_pixel and fits  # a vector of pixels could read past the last image
    if in_place:
        high, wide = h, w
    phase = np.array([[phases.index((i % stride[0], j % stride[1])) for j in columns] for i in rows])
    inside = (rows // stride[0])[:, None] * wide + (columns // stride[1])[None, :]
    seen = (phase * high * wide + inside).ravel()
    offsets = np.arange(channels)[:, None] * (len(phases) * high * wide) + seen
    result = [seen.size, 0, 0, oh, ow, 0, ow, 1]
    return Correlation(
        stride, step, by_pixel, np.array(phases), top, left, high, wide, in_place, reach,
        np.array([result], np.intp), offsets.ravel().astype(np.intp), np.arange(seen.size, dtype=np.intp),
    )  # fmt: skip


@lru_cache(maxsize=512)
def input_correlation(
    output: Pair, channels: int, kernel: Pair, image: Pair, stride: Pair, padding: Padding, dilation: Pair,
    by_pixel: bool,
) -> Correlation:  # fmt: skip
    """Return the correlations of dy that an input gradient is, one for each remainder of row and column.

    Parameters
    ----------
    output : (height, width) of dy
    channels : of dy in one group, that is the filters
    kernel, image : (height, width)
    stride, padding, dilation, by_pixel : as in the forward

    Returns
    -------
    Correlation
    """
    (oh, ow), (h, w) = output, image
    vertical = _remainders(h, kernel[0], stride[0], padding[0][0], dilation[0])
    horizontal = _remainders(w, kernel[1], stride[1], padding[1][0], dilation[1])
    top, high, reach = _extent(vertical)
    left, wide, _ = _extent(horizontal)
    fits = stride == (1, 1) and (top, left) == (0, 0) and high <= oh and wide <= ow
    in_place = by_pixel and fits
    if in_place:
        high, wide = oh, ow
    results, offsets, taps = [], [np.empty(0, int)], [np.empty(0, int)]
    for a, rows, moves_h in vertical:
        for b, columns, moves_w in horizontal:
            number = [i * kernel[1] + j for i, _ in moves_h for j, _ in moves_w]
            seen = np.array([(top + u) * wide + left + v for _, u in moves_h for _, v in moves_w], int)
            starts = [sum(map(len, offsets)), sum(map(len, taps))]
            results.append([len(number), *starts, rows, columns, a * w + b, stride[0] * w, stride[1]])
            offsets.append((np.arange(channels)[:, None] * (high * wide) + seen).ravel())
            taps.append(np.array(number, int))
    offsets, taps = [*offsets, np.zeros(1, int)], [*taps, np.zeros(1, int)]  # where a last result has no tap
    return Correlation(
        (1, 1), (1, 1), by_pixel, np.zeros((1, 2), int), top, left, high, wide, in_place, reach,
        np.array(results, np.intp), np.concatenate(offsets).astype(np.intp), np.concatenate(taps).astype(np.intp),
    )  # fmt: skip


# a; how many pixels u * stride + a there are; each tap i and what it adds to u
Remainder = tuple[int, int, list[tuple[int, int]]]


def _remainders(size: int, kernel: int, stride: int, padding: int, dilation: int) -> list[Remainder]:
    """Return along one axis, for each remainder of the image's pixels, the taps that reach them."""
    found = []
    for a in range(min(stride, size)):
        moves = [(i, (a + padding - i * dilation) // stride) for i in range(kernel)]
        moves = [(i, move) for i, move in moves if move * stride == a + padding - i * dilation]
        found.append((a, (size - a + stride - 1) // stride, moves))
    return found


def _extent(remainders: list[Remainder]) -> tuple[int, int, int]:
    """Return the margin in front of dy, the size of its plane, and the most that taps lie apart."""
    moves = [move for _, _, some in remainders for _, move in some] or [0]
    margin = max(0, -min(moves))
    size = max((count + move for _, count, some in remainders for _, move in some), default=1)
    return margin, max(1, margin + size), max(moves) - min(moves)
