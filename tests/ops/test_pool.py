"""Max pooling and global average pooling."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicap.gradcheck import check_op
from minicap.ops import (
    global_avg_pool2d_backward,
    global_avg_pool2d_forward,
    max_pool2d_backward,
    max_pool2d_forward,
)

CASES = {
    "tiling": ((2, 2, 4, 6), 2, {}),
    "not square": ((1, 2, 6, 5), (3, 2), {}),
    "overlapping": ((2, 1, 5, 5), 3, {"stride": 1}),
    "cut off": ((1, 1, 5, 7), 2, {}),
    "with gaps": ((1, 2, 7, 6), 2, {"stride": 3}),
    "padded": ((2, 2, 4, 4), 3, {"stride": 2, "padding": 1}),
    "asymmetric": ((1, 1, 4, 5), (2, 3), {"stride": 1, "padding": ((1, 0), (0, 2))}),
    "one pixel": ((1, 1, 1, 1), 1, {}),
}


def distinct(rng, shape):
    """Return numbers in random order with gaps of 1, so that no small move changes a winner."""
    return rng.permutation(float(np.prod(shape)) - np.arange(np.prod(shape))).reshape(shape)


def test_a_value_worked_by_hand(kernels):
    x = np.array([[[[1.0, 5.0, 2.0], [4.0, 3.0, 9.0], [7.0, 8.0, 6.0]]]])
    y, cache = max_pool2d_forward(x, 2, stride=1)
    assert y.tolist() == [[[[5.0, 9.0], [8.0, 9.0]]]]
    assert cache.winner.tolist() == [[[[1, 5], [7, 5]]]]
    dx = max_pool2d_backward(np.array([[[[1.0, 10.0], [100.0, 1000.0]]]]), cache).dx
    assert dx.tolist() == [[[[0.0, 1.0, 0.0], [0.0, 0.0, 1010.0], [0.0, 100.0, 0.0]]]]  # 9 won twice


def test_of_equal_values_the_first_in_row_order_wins(kernels):
    _, cache = max_pool2d_forward(np.ones((1, 1, 4, 4)), 2)
    assert cache.winner.tolist() == [[[[0, 2], [8, 10]]]]


def test_padding_never_wins(kernels):
    y, cache = max_pool2d_forward(np.full((1, 1, 2, 2), -1e30), 3, stride=1, padding=1)
    assert (y == -1e30).all()
    assert cache.winner.min() >= 0


@pytest.mark.parametrize("case", ["tiling", "overlapping", "padded", "cut"])
def test_it_agrees_with_pytorch(case, kernels, agrees_with_torch):
    agrees_with_torch(f"max_pool2d/{case}", max_pool2d_forward, max_pool2d_backward, "x")


@pytest.mark.parametrize("name", CASES)
def test_the_gradient_is_right(name, rng, kernels):
    shape, size, options = CASES[name]
    check_op(max_pool2d_forward, distinct(rng, shape), size, **options).assert_ok()


@given(st.tuples(*[st.integers(1, 3)] * 6), st.tuples(*[st.integers(0, 2)] * 4), st.integers(0, 99))
def test_the_gradient_is_right_at_any_shape(numbers, margins, seed):
    n, c, kh, kw, sh, sw = numbers
    top, bottom, left, right = (min(m, k - 1) for m, k in zip(margins, (kh, kh, kw, kw), strict=True))
    x = distinct(np.random.default_rng(seed), (n, c, kh + 2, kw + 1))
    padding = ((top, bottom), (left, right))
    check_op(max_pool2d_forward, x, (kh, kw), stride=(sh, sw), padding=padding).assert_ok()


def test_a_growing_function_may_be_applied_before_or_after(rng, kernels):
    x = rng.standard_normal((2, 2, 5, 5))
    before, after = max_pool2d_forward(np.exp(x), 2)[0], np.exp(max_pool2d_forward(x, 2)[0])
    np.testing.assert_allclose(before, after, rtol=1e-15)


def test_each_channel_and_each_image_is_pooled_alone(rng, kernels):
    x = rng.standard_normal((3, 2, 4, 4))
    y = max_pool2d_forward(x, 2)[0]
    np.testing.assert_array_equal(max_pool2d_forward(x[[2, 0, 1]], 2)[0], y[[2, 0, 1]])
    np.testing.assert_array_equal(max_pool2d_forward(x[:, ::-1], 2)[0], y[:, ::-1])


def test_the_upstream_is_neither_lost_nor_multiplied(rng, kernels):
    y, cache = max_pool2d_forward(rng.standard_normal((2, 3, 7, 5)), 3, stride=2, padding=1)
    dy = rng.standard_normal(y.shape)
    dx = max_pool2d_backward(dy, cache).dx
    np.testing.assert_allclose(dx.sum(axis=(2, 3)), dy.sum(axis=(2, 3)), rtol=1e-12)


ERRORS = {
    "too large": (
        (1, 1, 3, 5),
        4,
        {},
        r"kernel_size \(4, 4\) does not fit in x \(N, C, H, W\) = \(1, 1, 3, 5\)",
    ),
    "padding": (
        (1, 1, 4, 4),
        2,
        {"padding": 2},
        r"padding \(\(2, 2\), \(2, 2\)\) must be smaller than kernel_size",
    ),
    "axes": ((4, 4), 2, {}, r"x has 2 axes, shape \(4, 4\), but x is \(N, C, H, W\)"),
    "size 0": ((1, 1, 4, 4), 0, {}, r"kernel_size is 0 but an int or \(h, w\) of at least 1 is needed"),
    "stride": ((1, 1, 4, 4), 2, {"stride": (1, -1)}, r"stride is \(1, -1\) but"),
    "no pixels": (
        (1, 1, 0, 4),
        1,
        {},
        r"kernel_size \(1, 1\) does not fit in x \(N, C, H, W\) = \(1, 1, 0, 4\)",
    ),
}


@pytest.mark.parametrize("name", ERRORS)
def test_arguments_that_do_not_fit_are_named(name):
    shape, size, options, message = ERRORS[name]
    with pytest.raises(ValueError, match=f"^max_pool2d: {message}"):
        max_pool2d_forward(np.ones(shape), size, **options)


def test_an_upstream_that_does_not_fit_is_named(kernels):
    _, cache = max_pool2d_forward(np.ones((1, 1, 4, 4)), 2)
    with pytest.raises(
        ValueError, match=r"^max_pool2d: dy is \(1, 1, 4, 4\) but the forward's output was \(1, 1, 2, 2\)"
    ):
        max_pool2d_backward(np.ones((1, 1, 4, 4)), cache)


# Global average pooling


def test_an_average_worked_by_hand():
    y, cache = global_avg_pool2d_forward(np.array([[[[1.0, 2.0], [3.0, 6.0]], [[0.0, 0.0], [0.0, 8.0]]]]))
    assert y.tolist() == [[3.0, 2.0]]
    dx = global_avg_pool2d_backward(np.array([[4.0, -8.0]]), cache).dx
    assert dx.tolist() == [[[[1.0, 1.0], [1.0, 1.0]], [[-2.0, -2.0], [-2.0, -2.0]]]]


@given(st.tuples(*[st.integers(1, 4)] * 4), st.integers(0, 99))
def test_the_gradient_of_the_average_is_right(shape, seed):
    check_op(global_avg_pool2d_forward, np.random.default_rng(seed).standard_normal(shape)).assert_ok()


def test_the_average_does_not_know_where_something_is(rng):
    x = rng.standard_normal((2, 3, 5, 4))
    moved = np.roll(x, (1, 2), axis=(2, 3))
    np.testing.assert_allclose(
        global_avg_pool2d_forward(moved)[0], global_avg_pool2d_forward(x)[0], rtol=1e-12
    )


def test_what_cannot_be_averaged_is_named():
    with pytest.raises(
        ValueError, match=r"^global_avg_pool2d: x \(N, C, H, W\) = \(2, 3, 0, 4\) has no pixels"
    ):
        global_avg_pool2d_forward(np.ones((2, 3, 0, 4)))
    with pytest.raises(ValueError, match=r"^global_avg_pool2d: x has 3 axes, shape \(2, 3, 4\)"):
        global_avg_pool2d_forward(np.ones((2, 3, 4)))
    _, cache = global_avg_pool2d_forward(np.ones((2, 3, 4, 4)))
    with pytest.raises(
        ValueError, match=r"^global_avg_pool2d: dy is \(2, 4\) but the forward's output was \(2, 3\)"
    ):
        global_avg_pool2d_backward(np.ones((2, 4)), cache)
