"""What is right in the exercises of lesson 2."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minicap._types import Array
from minicap.ops import conv2d_backward, conv2d_forward
from minicap.ops.conv import Conv2dCache
from minicap.tutorials.checks.ask import array, close, truth, whole
from minicap.tutorials.exercise import Exercise

# size, kernel, stride, padding, dilation: places, and what the case is there for
SIZES = (
    ((5, 3), 3, "the lesson's five pixels and three taps"),
    ((8, 3, 1, 1), 8, "the padding is added on both sides"),
    ((8, 3, 2, 0), 3, "a place that does not fit any more does not count: round down"),
    ((7, 7), 1, "a filter as large as the picture fits once"),
    ((9, 3, 1, 0, 2), 5, "with a dilation of 2, three taps cover five pixels"),
    ((11, 3, 2, 1, 3), 4, "stride, padding and dilation together"),
)
FIELDS: tuple[tuple[list[tuple[int, int]], int, str], ...] = (
    ([(3, 1)], 3, "one layer sees as many pixels as it has taps"),
    ([(3, 1), (3, 1)], 5, "two layers of three"),
    ([(2, 2), (3, 1)], 6, "behind a stride of 2, neighbouring outputs are two pixels apart"),
    (
        [(3, 1), (2, 2), (3, 1), (2, 2)],
        10,
        "a layer's own stride counts for the layers behind it, not for itself",
    ),
    ([], 1, "without any layer a pixel sees itself"),
)


def output_size(answer: Callable[..., Any]) -> None:
    """Ask for sizes that are known."""
    for arguments, right, why in SIZES:
        names = ("size", "kernel", "stride", "padding", "dilation")
        said = ", ".join(f"{name} {value}" for name, value in zip(names, arguments, strict=False))
        found = whole(f"the number of places for {said}", answer(*arguments))
        truth(found == right, f"for {said} it says {found}, which is not right: {why}")


def correlate(answer: Callable[..., Any]) -> None:
    """Hold the result to the library's, on a lopsided filter."""
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((6, 5)), rng.standard_normal((3, 2))
    right, turned = _forward(x, w), _forward(x, w[::-1, ::-1])
    found = array("y", answer(x, w), right.shape)
    truth(
        not np.allclose(found, turned),
        "the filter is turned round: tap (i, j) meets the pixel at (p + i, q + j)",
    )
    close("y", found, right, "does every tap see its own pixel, and is the sum begun anew at each place?")


def im2col(answer: Callable[..., Any]) -> None:
    """Hold the patches to the product that they are for."""
    rng = np.random.default_rng(1)
    for shape, size, stride in (
        ((1, 1, 4, 4), (3, 3), 1),
        ((2, 3, 6, 5), (3, 2), 1),
        ((2, 3, 7, 6), (2, 3), 2),
    ):
        x, w = rng.standard_normal(shape), rng.standard_normal((4, shape[1], *size))
        y, _ = conv2d_forward(x, w, np.zeros(4), stride=stride)
        said = f"for x {shape}, filters of {size} and stride {stride}"
        columns = array(f"the matrix {said}", answer(x, *size, stride), (y[:, 0].size, w[0].size))
        first = x[0, :, : size[0], : size[1]].reshape(-1)
        close(f"the first row {said}", columns[0], first, "it is the patch at the top left, all its channels")
        rows = y.transpose(0, 2, 3, 1).reshape(-1, 4)
        close(f"the product with the filters {said}", columns @ w.reshape(4, -1).T, rows,
              "the first row is right; in which order do the others go through pictures and places?")  # fmt: skip


def input_gradient(answer: Callable[..., Any]) -> None:
    """Hold the gradient to the library's, on a lopsided filter."""
    rng = np.random.default_rng(2)
    x, w = rng.standard_normal((6, 5)), rng.standard_normal((3, 2))
    y, cache = conv2d_forward(x[None, None], w[None, None], np.zeros(1))
    dy = rng.standard_normal(y.shape[2:])
    right = _input_gradient(dy, cache)
    _, other = conv2d_forward(x[None, None], np.ascontiguousarray(w[::-1, ::-1])[None, None], np.zeros(1))
    unturned = _input_gradient(dy, other)
    found = array("dx", answer(dy, w), x.shape)
    truth(
        not np.allclose(found, unturned),
        "dx would be right for the filter turned by 180 degrees: which tap read pixel (r, t) at the place (p, q)?",
    )
    close("dx", found, right, "a pixel takes part in several places, and gets the sum of what they send")


def receptive_field(answer: Callable[..., Any]) -> None:
    """Ask for fields that are known."""
    for layers, right, why in FIELDS:
        found = whole(f"the field of {layers}", answer(list(layers)))
        truth(found == right, f"for the layers {layers} it says {found}, which is not right: {why}")


def _forward(x: Array, w: Array) -> Array:
    """Return the library's convolution of one channel with one filter."""
    return conv2d_forward(x[None, None], np.ascontiguousarray(w)[None, None], np.zeros(1))[0][0, 0]


def _input_gradient(dy: Array, cache: Conv2dCache) -> Array:
    """Return the library's gradient by the input."""
    dx = conv2d_backward(dy[None, None], cache).dx
    assert dx is not None
    return dx[0, 0]


EXERCISES = (
    Exercise("output_size", output_size),
    Exercise("correlate", correlate),
    Exercise("im2col", im2col),
    Exercise("input_gradient", input_gradient),
    Exercise("receptive_field", receptive_field),
)
