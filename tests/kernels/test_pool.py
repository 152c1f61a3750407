"""Pooling kernels: worked values, ties, NaN, borders, and slow oracles."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicap.kernels import pool

NO_PADDING = ((0, 0), (0, 0))


class Case(NamedTuple):
    """The arguments of one pooling."""

    x: np.ndarray
    kernel_size: tuple
    stride: tuple
    padding: tuple


@st.composite
def cases(draw) -> Case:
    """Draw windows of any form over few distinct values, so that ties, NaN and -inf are common."""
    kernel = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    padding = tuple((draw(st.integers(0, k - 1)), draw(st.integers(0, k - 1))) for k in kernel)
    image = [max(1, k - sum(p)) + draw(st.integers(0, 5)) for k, p in zip(kernel, padding, strict=True)]
    shape = (draw(st.integers(0, 3)), draw(st.integers(1, 3)), *image)
    values = [0.0, 1.0, 2.0, 3.0, -1.0, *draw(st.sampled_from([[], [np.nan], [-np.inf], [np.nan, -np.inf]]))]
    x = np.random.default_rng(draw(st.integers(0, 99))).choice(values, shape)
    stride = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    return Case(x.astype(draw(st.sampled_from(["float32", "float64"]))), kernel, stride, padding)


def first_largest(values: list[float]) -> int:
    """Return the position of the first NaN, or else of the first maximum."""
    nans = [k for k, value in enumerate(values) if value != value]
    return nans[0] if nans else values.index(max(values))


def oracle(case: Case) -> tuple[np.ndarray, np.ndarray]:
    """Pool window by window in plain Python."""
    x, (kh, kw), (sh, sw), ((top, bottom), (left, right)) = case
    n, c, h, w = x.shape
    oh, ow = (h + top + bottom - kh) // sh + 1, (w + left + right - kw) // sw + 1
    y, winner = np.empty((n, c, oh, ow)), np.empty((n, c, oh, ow), int)
    for image, channel, p, q in np.ndindex(y.shape):
        rows = range(max(p * sh - top, 0), min(p * sh - top + kh, h))
        columns = range(max(q * sw - left, 0), min(q * sw - left + kw, w))
        pixels = [(i, j) for i in rows for j in columns]
        i, j = pixels[first_largest([x[image, channel, i, j] for i, j in pixels])]
        y[image, channel, p, q], winner[image, channel, p, q] = x[image, channel, i, j], i * w + j
    return y, winner


def test_a_value_worked_by_hand(kernels):
    x = np.array([[[[1.0, 5.0, 2.0, 0.0], [3.0, 4.0, 8.0, 7.0]]]])
    y, winner = pool.max_pool2d_forward(x, (2, 2), (2, 2), NO_PADDING)
    assert (y.tolist(), winner.tolist()) == ([[[[5, 8]]]], [[[[1, 6]]]])
    dx = pool.max_pool2d_backward(np.array([[[[10.0, 20.0]]]]), winner, x.shape)
    assert dx.tolist() == [[[[0, 10, 0, 0], [0, 0, 20, 0]]]]


def test_gradients_of_overlapping_windows_add_up(kernels):
    x = np.array([[[[1.0, 9.0, 2.0]]]])
    _, winner = pool.max_pool2d_forward(x, (1, 2), (1, 1), NO_PADDING)
    dx = pool.max_pool2d_backward(np.array([[[[3.0, 4.0]]]]), winner, x.shape)
    assert dx.tolist() == [[[[0, 7, 0]]]]


@pytest.mark.parametrize(
    ("values", "place"),
    [
        ([2, 2, 1, 2], 0),
        ([1, 2, 2, 0], 1),
        ([0.0, -0.0, 0.0, 0.0], 0),
        ([1, np.nan, np.inf, np.nan], 1),
        ([-np.inf] * 4, 0),
    ],
    ids=["tie", "later tie", "signed zeros", "the first NaN", "nothing but -inf"],
)
def test_which_pixel_wins(kernels, values, place):
    x = np.array(values, float).reshape(1, 1, 2, 2)
    y, winner = pool.max_pool2d_forward(x, (2, 2), (1, 1), NO_PADDING)
    assert winner.item() == place
    np.testing.assert_array_equal(y.item(), values[place])


def test_padding_never_wins(kernels):
    x = np.full((1, 1, 2, 2), -np.inf)
    _, winner = pool.max_pool2d_forward(x, (3, 3), (2, 2), ((2, 2), (2, 2)))
    assert winner.tolist() == [[[[0, 0], [0, 0]]]]


@given(case=cases())
def test_forward_equals_a_slow_oracle(every_set, case):
    y, winner = pool.max_pool2d_forward(*case)
    expected_y, expected_winner = oracle(case)
    assert (y.dtype, winner.dtype) == (case.x.dtype, np.int32)
    np.testing.assert_array_equal(winner, expected_winner)
    np.testing.assert_array_equal(y, expected_y)


@given(case=cases())
def test_backward_sends_every_gradient_to_its_winner(every_set, case):
    _, winner = pool.max_pool2d_forward(*case)
    dy = np.random.default_rng(7).integers(1, 100, winner.shape).astype(case.x.dtype)  # exact sums
    dx = pool.max_pool2d_backward(dy, winner, case.x.shape)
    expected = np.zeros_like(case.x)
    for (n, c, p, q), place in np.ndenumerate(winner):
        expected[n, c].flat[place] += dy[n, c, p, q]
    assert dx.dtype == case.x.dtype
    np.testing.assert_array_equal(dx, expected)


# Windows of 2x2 pixels side by side have loops of their own.

TILING = (2, 2), (2, 2), NO_PADDING


@st.composite
def tilings(draw, values: list[float]) -> np.ndarray:
    """Draw images whose rows are shorter and longer than a vector, in more planes than a thread takes at a time."""
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    width = draw(st.sampled_from([2, 3, 7, 14, 28, 31, 32, 33, 64, 70]))
    shape = draw(st.integers(0, 3)), draw(st.sampled_from([1, 3, 17])), draw(st.integers(2, 7)), width
    return rng.choice(values, shape).astype(draw(st.sampled_from(["float32", "float64"])))


@given(x=tilings([0.0, 1.0, 2.0, -np.inf, np.nan]))
def test_maxima_of_tiles_equal_those_window_by_window(every_set, x):
    y, winner = pool.max_pool2d_forward(x, *TILING)
    n, c, h, w = x.shape
    taps = x[:, :, : h // 2 * 2, : w // 2 * 2].reshape(n, c, h // 2, 2, w // 2, 2).swapaxes(3, 4)
    taps = taps.reshape(n, c, h // 2, w // 2, 4)
    best = np.where(np.isnan(taps), np.inf, taps).argmax(axis=4)  # the first
    rows, columns = 2 * np.arange(h // 2)[:, None] + best // 2, 2 * np.arange(w // 2) + best % 2
    assert (y.dtype, winner.dtype) == (x.dtype, np.int32)
    np.testing.assert_array_equal(winner, rows * w + columns)
    np.testing.assert_array_equal(y, np.take_along_axis(taps, best[..., None], axis=4)[..., 0])


@given(x=tilings([-2.0, 0.0, 1.0, 4.0]))
def test_means_of_tiles_and_their_gradients(every_set, x):
    n, c, h, w = x.shape
    area = np.random.default_rng(w).choice([1.0, 2.0, 4.0], (h // 2, w // 2)).astype(x.dtype)
    y = pool.avg_pool2d_forward(x, *TILING, area)
    tiles = x[:, :, : h // 2 * 2, : w // 2 * 2].reshape(n, c, h // 2, 2, w // 2, 2)
    np.testing.assert_array_equal(y, tiles.sum(axis=(3, 5)) / area)
    expected = np.zeros_like(x)
    expected[:, :, : h // 2 * 2, : w // 2 * 2] = (y / area).repeat(2, axis=2).repeat(2, axis=3)
    dx = pool.avg_pool2d_backward(y, x.shape, *TILING, area)
    assert dx.dtype == x.dtype
    np.testing.assert_array_equal(dx, expected)


# Averages


@st.composite
def averages(draw) -> tuple[Case, np.ndarray, np.ndarray]:
    """Draw windows over integers, areas that divide exactly, and an upstream gradient that fits."""
    case = draw(cases())
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    x = rng.integers(-9, 9, case.x.shape).astype(case.x.dtype)
    sides = zip(x.shape[2:], case.kernel_size, case.stride, case.padding, strict=True)
    output = [(size + sum(pads) - k) // s + 1 for size, k, s, pads in sides]
    area = rng.choice([1.0, 2.0, 4.0], output).astype(x.dtype)
    return case._replace(x=x), area, rng.integers(-9, 9, (*x.shape[:2], *output)).astype(x.dtype)


def windows(case: Case, output: tuple[int, ...]) -> list[tuple[int, int, slice, slice]]:
    """Return (p, q, rows, columns) of every window, cut off at the image's border."""
    (_, _, h, w), (kh, kw), (sh, sw), ((top, _), (left, _)) = case.x.shape, *case[1:]
    spans = [(p, q, p * sh - top, q * sw - left) for p, q in np.ndindex(output)]
    return [
        (p, q, slice(max(i, 0), min(i + kh, h)), slice(max(j, 0), min(j + kw, w))) for p, q, i, j in spans
    ]


def test_an_average_worked_by_hand(kernels):
    x = np.array([[[[1.0, 5.0, 2.0, 0.0], [3.0, 3.0, 8.0, 6.0]]]])
    tiling = (2, 2), (2, 2), NO_PADDING
    y = pool.avg_pool2d_forward(x, *tiling, np.array([[4.0, 2.0]]))
    assert y.tolist() == [[[[3, 8]]]]
    dx = pool.avg_pool2d_backward(np.array([[[[8.0, 2.0]]]]), x.shape, *tiling, np.array([[4.0, 2.0]]))
    assert dx.tolist() == [[[[2, 2, 1, 1], [2, 2, 1, 1]]]]


@given(drawn=averages())
def test_averages_equal_a_slow_oracle(every_set, drawn):
    case, area, _ = drawn
    y = pool.avg_pool2d_forward(*case, area)
    assert (y.dtype, y.shape) == (case.x.dtype, (*case.x.shape[:2], *area.shape))
    for p, q, rows, columns in windows(case, area.shape):
        np.testing.assert_array_equal(
            y[:, :, p, q], case.x[:, :, rows, columns].sum(axis=(2, 3)) / area[p, q]
        )


@given(drawn=averages())
def test_backward_shares_every_gradient_among_its_window(every_set, drawn):
    case, area, dy = drawn
    dx, expected = pool.avg_pool2d_backward(dy, case.x.shape, *case[1:], area), np.zeros_like(case.x)
    for p, q, rows, columns in windows(case, area.shape):
        expected[:, :, rows, columns] += (dy[:, :, p, q] / area[p, q])[:, :, None, None]
    assert dx.dtype == case.x.dtype
    np.testing.assert_array_equal(dx, expected)
