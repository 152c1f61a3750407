"""Convolution, ReLU and pooling in one: the same numbers as from the three ops, and gradients that are right."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicap.gradcheck import check_op
from minicap.ops import (
    conv2d_backward,
    conv2d_forward,
    conv2d_relu_pool_backward,
    conv2d_relu_pool_forward,
    max_pool2d_backward,
    max_pool2d_forward,
    relu_backward,
    relu_forward,
)

CASES = {
    "plain": ((2, 3, 6, 8), (4, 3, 3, 3), 1),
    "odd sides, of which the last row and column are dropped": ((1, 2, 7, 5), (3, 2, 2, 2), 0),
    "not square, more padding on one side": ((2, 1, 4, 9), (2, 1, 3, 2), ((0, 2), (1, 0))),
    "one filter, one channel": ((3, 1, 4, 4), (1, 1, 1, 1), 0),
    "channels and filters enough for Winograd": ((1, 17, 10, 6), (19, 17, 3, 3), 1),
}


def arrays(x_shape, w_shape, dtype="float64", seed=0):
    """Return images, filters, bias."""
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape).astype(dtype) for shape in (x_shape, w_shape, w_shape[:1])]


def one_by_one(x, w, b, padding, rng):
    """Return result and gradients of the three ops, and the upstream that they were given."""
    y, c_conv = conv2d_forward(x, w, b, padding=padding)
    y, c_relu = relu_forward(y)
    y, c_pool = max_pool2d_forward(y, 2)
    dy = rng.standard_normal(y.shape).astype(y.dtype)
    upstream = relu_backward(max_pool2d_backward(dy, c_pool).dx, c_relu).dx
    return y, conv2d_backward(upstream, c_conv), dy


def test_a_value_worked_by_hand(kernels):
    x = np.array([[[[1.0, -2.0, 0.0, -1.0], [3.0, 0.5, -4.0, -2.0]]]])
    y, cache = conv2d_relu_pool_forward(x, np.array([[[[2.0]]]]), np.array([-1.0]))
    assert y.tolist() == [[[[5.0, 0.0]]]]  # 2 * 3 - 1; 2 * 0 - 1 is negative
    dx, dw, db = conv2d_relu_pool_backward(np.array([[[[10.0, 100.0]]]]), cache)
    assert dx.tolist() == [[[[0, 0, 0, 0], [20.0, 0, 0, 0]]]]
    assert (dw.item(), db.item()) == (30.0, 10.0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_it_is_the_three_ops_in_one(kernels, rng, case, dtype):
    *shapes, padding = case
    x, w, b = arrays(*shapes, dtype)
    expected, grads, dy = one_by_one(x, w, b, padding, rng)
    y, cache = conv2d_relu_pool_forward(x, w, b, padding=padding)
    np.testing.assert_array_equal(y, expected)
    for found, wanted in zip(conv2d_relu_pool_backward(dy, cache), grads, strict=True):
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_gradients(kernels, case):
    *shapes, padding = case
    report = check_op(conv2d_relu_pool_forward, *arrays(*shapes), padding=padding)
    assert report.passed, report


@given(
    sides=st.tuples(st.integers(4, 9), st.integers(4, 9)),
    sizes=st.tuples(*[st.integers(1, 3)] * 5),
    padding=st.integers(0, 2),
    seed=st.integers(0, 9),
)
def test_gradients_of_drawn_shapes(kernels, sides, sizes, padding, seed):
    n, c, f, kh, kw = sizes
    report = check_op(
        conv2d_relu_pool_forward, *arrays((n, c, *sides), (f, c, kh, kw), seed=seed), padding=padding
    )
    assert report.passed, report


def test_equal_pixels_and_nan(kernels):
    x = np.array([[[[1.0, 1.0, np.nan, 2.0], [1.0, 1.0, 3.0, np.nan]]]])
    y, cache = conv2d_relu_pool_forward(x, np.ones((1, 1, 1, 1)), np.zeros(1))
    np.testing.assert_array_equal(y, [[[[1.0, np.nan]]]])
    assert cache.winner.tolist() == [[[[0, 2]]]]  # the first of equals, and the first NaN


def test_the_images_gradient_can_be_spared(kernels, rng):
    x, w, b = arrays((2, 3, 6, 6), (4, 3, 3, 3))
    y, cache = conv2d_relu_pool_forward(x, w, b)
    whole = conv2d_relu_pool_backward(np.ones_like(y), cache)
    spared = conv2d_relu_pool_backward(np.ones_like(y), cache, input_gradient=False)
    assert spared.dx is None
    np.testing.assert_array_equal(spared.dw, whole.dw)


def test_too_small_a_map_is_refused(kernels):
    with pytest.raises(ValueError, match=r"conv2d_relu_pool: .* leaves \(OH, OW\) = \(1, 4\) .* needs 2x2"):
        conv2d_relu_pool_forward(np.ones((1, 1, 3, 4)), np.ones((1, 1, 3, 1)), np.zeros(1))
    with pytest.raises(ValueError, match="conv2d_relu_pool: x has 2 channels but w expects 1"):
        conv2d_relu_pool_forward(np.ones((1, 2, 3, 4)), np.ones((1, 1, 3, 1)), np.zeros(1))
