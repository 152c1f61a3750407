"""How a convolution becomes correlations over planes, worked by hand and simulated, and which way it goes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicap import use_kernels
from minicap.kernels import conv, conv_choice
from minicap.kernels._conv_geometry import Correlation, forward_correlation, input_correlation, output_size

NONE = ((0, 0), (0, 0))


def planes_of(plan: Correlation, x: np.ndarray) -> np.ndarray:
    """Return the planes of x (C, H, W), (C, P, rows, row): pixel (r * stride + a - top, ...) of each phase, or 0."""
    planes = np.zeros((len(x), len(plan.phases), plan.rows, plan.row))
    for k, (a, b) in enumerate(plan.phases):
        for r in range(plan.rows):
            for q in range(plan.row):
                h, w = r * plan.stride[0] + a - plan.top, q * plan.stride[1] + b - plan.left
                if 0 <= h < x.shape[1] and 0 <= w < x.shape[2]:
                    planes[:, k, r, q] = x[:, h, w]
    return planes


def correlate(plan: Correlation, x: np.ndarray, taps: np.ndarray, output: tuple[int, int]) -> np.ndarray:
    """Return what the plan makes of x (C, H, W) and taps (C, KH * KW); every pixel must be filled once."""
    flat = x.ravel() if plan.in_place else planes_of(plan, x).ravel()
    y, filled = np.zeros(output), np.zeros(output, int)
    for count, offset, number, rows, columns, start, step_h, step_w in plan.results:
        weights = taps[:, plan.taps[number : number + count]].ravel()
        offsets = plan.offsets[offset : offset + weights.size]
        for p in range(rows):
            for q in range(columns):
                at = start + p * step_h + q * step_w
                y.ravel()[at] += weights @ flat[offsets + p * plan.step[0] * plan.row + q * plan.step[1]]
                filled.ravel()[at] += 1
    assert np.all(filled == 1)
    return y


def test_the_planes_of_a_forward_in_steps_of_two_worked_by_hand():
    """A row of 5 pixels and a margin of one: 0 | 1 2 3 4 5. Taps 0, 1, 2, two pixels apart from place to place."""
    plan = forward_correlation((1, 5), 1, (1, 3), (1, 2), (1, 2), ((0, 0), (1, 0)), (1, 1), False)
    assert plan.phases.tolist() == [[0, 0], [0, 1]]  # even and odd pixels
    x = np.arange(1.0, 6.0).reshape(1, 1, 5)
    assert planes_of(plan, x).tolist() == [[[[0, 2, 4]], [[1, 3, 5]]]]
    assert plan.offsets.tolist() == [0, 3, 1]  # tap 0: even, tap 1: odd, tap 2: even again, a pixel on
    assert plan.results.tolist() == [[3, 0, 0, 1, 2, 0, 2, 1]]
    assert (plan.rows, plan.row, plan.step, plan.in_place) == (1, 3, (1, 1), False)
    assert correlate(plan, x, np.array([[1.0, 10, 100]]), (1, 2)).tolist() == [[210, 432]]


def test_pixel_by_pixel_one_plane_serves_a_forward():
    plan = forward_correlation((1, 5), 1, (1, 3), (1, 2), (1, 2), NONE, (1, 1), True)
    assert (plan.stride, plan.step, len(plan.phases)) == ((1, 1), (1, 2), 1)
    assert plan.in_place  # no margin, so that the image is its own plane
    assert plan.offsets.tolist() == [0, 1, 2]
    assert plan.row == 5


def test_an_input_gradient_in_steps_of_two_worked_by_hand():
    """y[u] sees pixels 2u, 2u + 1, 2u + 2: even pixels meet taps 0 and 2, odd ones tap 1 alone."""
    plan = input_correlation((1, 2), 1, (1, 3), (1, 5), (1, 2), NONE, (1, 1), False)
    assert plan.results.tolist() == [[2, 0, 0, 1, 3, 0, 5, 2], [1, 2, 2, 1, 2, 1, 5, 2]]
    assert plan.taps.tolist() == [
        0,
        2,
        1,
        0,
    ]  # the last one is nobody's: a result without taps may start there
    assert (plan.left, plan.row) == (1, 4)  # dy with a zero on both sides
    assert plan.offsets.tolist() == [1, 0, 1, 0]
    dy = np.array([[[1.0, 2.0]]])
    assert correlate(plan, dy, np.array([[1.0, 10, 100]]), (1, 5)).tolist() == [[1, 10, 102, 20, 200]]


def test_pixels_that_no_tap_reaches_have_a_result_without_taps():
    plan = input_correlation((1, 2), 3, (1, 1), (1, 5), (1, 3), NONE, (1, 1), True)
    assert plan.results[:, 0].tolist() == [1, 0, 0]
    assert plan.results[:, 4].tolist() == [2, 2, 1]


def pairs(low: int, high: int) -> st.SearchStrategy[tuple[int, int]]:
    """Return a strategy for two integers in low .. high."""
    return st.tuples(st.integers(low, high), st.integers(low, high))


@given(data=st.data(), by_pixel=st.booleans())
def test_both_plans_compute_what_the_reference_does(data, by_pixel):
    kernel, stride, dilation = data.draw(pairs(1, 4)), data.draw(pairs(1, 3)), data.draw(pairs(1, 3))
    padding = data.draw(pairs(0, 4)), data.draw(pairs(0, 4))
    sides = zip(dilation, kernel, padding, strict=True)
    image = tuple(max(1, d * (k - 1) + 1 - sum(p)) + data.draw(st.integers(0, 4)) for d, k, p in sides)
    rng = np.random.default_rng(0)
    x, w, b = rng.standard_normal((1, 2, *image)), rng.standard_normal((1, 2, *kernel)), np.zeros(1)
    output = output_size(x.shape, w.shape, stride, padding, dilation)
    dy = rng.standard_normal((1, 1, *output))
    with use_kernels("reference"):
        y = conv.conv2d_forward(x, w, b, stride, padding, dilation, 1)
        dx = conv.conv2d_backward_input(dy, w, x.shape, stride, padding, dilation, 1)
    plan = forward_correlation(image, 2, kernel, output, stride, padding, dilation, by_pixel)
    np.testing.assert_allclose(correlate(plan, x[0], w.reshape(2, -1), output), y[0, 0], rtol=0, atol=1e-12)
    plan = input_correlation(output, 1, kernel, image, stride, padding, dilation, by_pixel)
    for c in range(2):
        found = correlate(plan, dy[0], w[:, c].reshape(1, -1), image)
        np.testing.assert_allclose(found, dx[0, c], rtol=0, atol=1e-12)


def test_the_output_size_worked_by_hand():
    assert output_size((1, 3, 7, 8), (4, 3, 3, 2), (2, 3), ((1, 0), (2, 2)), (1, 4)) == (3, 3)


def choose(f, c, kernel, stride=1, dilation=1, groups=1, itemsize=4, vector_bytes=64) -> str:
    """Return the ways of a square convolution as one word: the first letters of forward, input and weight."""
    shape = (f, c, kernel, kernel)
    ways = conv_choice(shape, (stride, stride), (dilation, dilation), groups, itemsize, vector_bytes)
    assert list(ways) == ["forward", "input", "weight"]
    return "".join(way[0] for way in ways.values())


@pytest.mark.parametrize(
    ("arguments", "ways"),
    [
        ({"f": 64, "c": 64, "kernel": 3}, "www"),
        ({"f": 64, "c": 64, "kernel": 5}, "www"),
        ({"f": 64, "c": 64, "kernel": 7}, "rrp"),
        ({"f": 64, "c": 64, "kernel": 3, "itemsize": 8}, "rrp"),
        ({"f": 64, "c": 64, "kernel": 3, "stride": 2}, "ppp"),
        ({"f": 64, "c": 64, "kernel": 3, "dilation": 2}, "rrp"),
        ({"f": 64, "c": 32, "kernel": 3, "groups": 2}, "rrp"),
        ({"f": 15, "c": 64, "kernel": 3}, "rrp"),
        ({"f": 64, "c": 15, "kernel": 3}, "rrp"),
        ({"f": 16, "c": 16, "kernel": 3, "vector_bytes": 32}, "www"),
        ({"f": 512, "c": 512, "kernel": 3}, "www"),
        ({"f": 513, "c": 512, "kernel": 3}, "wwp"),
        ({"f": 64, "c": 3, "kernel": 7, "stride": 2}, "prp"),
        ({"f": 3, "c": 64, "kernel": 3, "stride": 2}, "rpr"),
        ({"f": 64, "c": 1, "kernel": 3, "groups": 64}, "rrr"),
        ({"f": 64, "c": 64, "kernel": 3, "stride": 9}, "ppp"),
        ({"f": 64, "c": 64, "kernel": 3, "vector_bytes": 16}, "uuu"),
        ({"f": 64, "c": 1, "kernel": 3, "groups": 64, "vector_bytes": 16}, "rrr"),
    ],
    ids=str,
)
def test_the_table_of_ways(arguments, ways):
    assert choose(**arguments) == ways
