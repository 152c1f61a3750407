"""Average pooling."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import correlate2d

from minicap.gradcheck import check_op
from minicap.ops import (
    avg_pool2d_backward,
    avg_pool2d_forward,
    conv2d_backward,
    conv2d_forward,
    global_avg_pool2d_forward,
)

CASES = {  # x, kernel_size, options
    "tiling": ((2, 2, 4, 6), 2, {}),
    "not square": ((1, 2, 6, 5), (3, 2), {}),
    "overlapping": ((2, 1, 5, 5), 3, {"stride": 1}),
    "cut off": ((1, 1, 5, 7), 2, {}),
    "with gaps": ((1, 2, 7, 6), 2, {"stride": 3}),
    "padded": ((2, 2, 4, 4), 3, {"stride": 2, "padding": 1}),
    "asymmetric": ((1, 1, 4, 5), (2, 3), {"stride": 1, "padding": ((1, 0), (0, 2))}),
    "one pixel": ((1, 1, 1, 1), 1, {}),
    "larger than the image": ((1, 2, 2, 2), (3, 4), {"padding": (1, 2)}),
}
COUNTS = [True, False]


def test_a_value_worked_by_hand(kernels):
    x = np.array([[[[1.0, 5.0, 2.0], [4.0, 2.0, 9.0], [7.0, 7.0, 6.0]]]])
    y, cache = avg_pool2d_forward(x, 2, stride=1)
    assert y.tolist() == [[[[3.0, 4.5], [5.0, 6.0]]]]
    dx = avg_pool2d_backward(np.array([[[[4.0, 8.0], [12.0, 40.0]]]]), cache).dx
    assert dx.tolist() == [[[[1.0, 3.0, 2.0], [4.0, 16.0, 12.0], [3.0, 13.0, 10.0]]]]


def test_a_border_worked_by_hand(kernels):
    x = np.array([[[[8.0, 4.0], [2.0, 6.0]]]])  # one column of padding on the left, two rows below
    options = {"stride": (2, 1), "padding": ((0, 2), (1, 0))}
    y, _ = avg_pool2d_forward(x, (3, 2), **options)
    np.testing.assert_allclose(y, [[[[10 / 6, 20 / 6]]]], rtol=1e-15)
    y, cache = avg_pool2d_forward(x, (3, 2), **options, count_include_pad=False)
    assert y.tolist() == [[[[5.0, 5.0]]]]
    assert cache.area.tolist() == [[2.0, 4.0]]
    dx = avg_pool2d_backward(np.array([[[[2.0, 12.0]]]]), cache).dx
    assert dx.tolist() == [[[[4.0, 3.0], [4.0, 3.0]]]]


@pytest.mark.parametrize("case", ["tiling", "overlapping", "padded", "real pixels", "cut"])
def test_it_agrees_with_pytorch(case, kernels, agrees_with_torch):
    agrees_with_torch(f"avg_pool2d/{case}", avg_pool2d_forward, avg_pool2d_backward, "x")


@pytest.mark.parametrize("count_include_pad", COUNTS)
@pytest.mark.parametrize("name", CASES)
def test_the_gradient_is_right(name, count_include_pad, rng, kernels):
    shape, size, options = CASES[name]
    x = rng.standard_normal(shape)
    check_op(avg_pool2d_forward, x, size, **options, count_include_pad=count_include_pad).assert_ok()


@given(
    numbers=st.tuples(*[st.integers(1, 3)] * 6),
    margins=st.tuples(*[st.integers(0, 2)] * 4),
    count=st.booleans(),
    seed=st.integers(0, 99),
)
def test_the_gradient_is_right_at_any_shape(kernels, numbers, margins, count, seed):
    n, c, kh, kw, sh, sw = numbers
    top, bottom, left, right = (min(m, k - 1) for m, k in zip(margins, (kh, kh, kw, kw), strict=True))
    x = np.random.default_rng(seed).standard_normal((n, c, kh + 2, kw + 1))
    options = {"stride": (sh, sw), "padding": ((top, bottom), (left, right)), "count_include_pad": count}
    check_op(avg_pool2d_forward, x, (kh, kw), **options).assert_ok()


@given(
    kernel=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    more=st.tuples(st.integers(0, 4), st.integers(0, 4)),
    seed=st.integers(0, 99),
)
def test_it_is_what_scipy_correlates_with_equal_weights(kernels, kernel, more, seed):
    size = tuple(k + extra for k, extra in zip(kernel, more, strict=True))
    x, box = np.random.default_rng(seed).standard_normal((1, 1, *size)), np.full(kernel, 1 / np.prod(kernel))
    y, _ = avg_pool2d_forward(x, kernel, stride=1)
    np.testing.assert_allclose(y[0, 0], correlate2d(x[0, 0], box, "valid"), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", CASES)
def test_it_is_a_depthwise_convolution_with_equal_weights(name, rng, kernels):
    shape, size, options = CASES[name]
    x, (kh, kw), channels = (
        rng.standard_normal(shape),
        (size, size) if isinstance(size, int) else size,
        shape[1],
    )
    y, cache = avg_pool2d_forward(x, size, **options)
    weights = np.full((channels, 1, kh, kw), 1 / (kh * kw))
    options = {
        "stride": options.get("stride", size),
        "padding": options.get("padding", 0),
        "groups": channels,
    }
    expected, conv_cache = conv2d_forward(x, weights, np.zeros(channels), **options)
    np.testing.assert_allclose(y, expected, rtol=1e-12, atol=1e-14)
    dy = rng.standard_normal(y.shape)
    dx, expected_dx = avg_pool2d_backward(dy, cache).dx, conv2d_backward(dy, conv_cache).dx
    np.testing.assert_allclose(dx, expected_dx, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", CASES)
def test_an_even_image_stays_even_where_only_real_pixels_count(name, rng, kernels):
    shape, size, options = CASES[name]
    y, cache = avg_pool2d_forward(np.full(shape, 0.7), size, **options, count_include_pad=False)
    np.testing.assert_allclose(y, 0.7, rtol=1e-14)
    dy = rng.standard_normal(y.shape)  # and no part of the upstream is lost in the padding
    np.testing.assert_allclose(avg_pool2d_backward(dy, cache).dx.sum(), dy.sum(), rtol=1e-11)


def test_without_padding_the_count_makes_no_difference(rng, kernels):
    x = rng.standard_normal((2, 2, 5, 6))
    one, other = (avg_pool2d_forward(x, 2, count_include_pad=count)[0] for count in COUNTS)
    np.testing.assert_array_equal(one, other)


def test_one_window_over_everything_is_the_global_average(rng, kernels):
    x = rng.standard_normal((2, 3, 5, 4))
    y, _ = avg_pool2d_forward(x, (5, 4))
    np.testing.assert_allclose(y[:, :, 0, 0], global_avg_pool2d_forward(x)[0], rtol=1e-12)


def test_what_is_not_finite_spoils_only_the_windows_that_see_it(kernels):
    x = np.ones((1, 1, 4, 4))
    x[0, 0, 0, 0] = np.nan
    assert np.isnan(avg_pool2d_forward(x, 2)[0]).tolist() == [[[[True, False], [False, False]]]]


ERRORS = {
    "too large": ((1, 1, 3, 5), 4, {}, r"kernel_size \(4, 4\) does not fit in x \(N, C, H, W\) = \(1, 1, 3, 5\)"),
    "padding": ((1, 1, 4, 4), 2, {"padding": 2}, r"padding \(\(2, 2\), \(2, 2\)\) must be smaller than kernel_size"),
    "axes": ((4, 4), 2, {}, r"x has 2 axes, shape \(4, 4\), but x is \(N, C, H, W\)"),
    "size 0": ((1, 1, 4, 4), 0, {}, r"kernel_size is 0 but an int or \(h, w\) of at least 1 is needed"),
    "stride": ((1, 1, 4, 4), 2, {"stride": (1, -1)}, r"stride is \(1, -1\) but"),
    "no pixels": ((1, 1, 0, 4), 1, {}, r"kernel_size \(1, 1\) does not fit in x \(N, C, H, W\) = \(1, 1, 0, 4\)"),
}  # fmt: skip


@pytest.mark.parametrize("name", ERRORS)
def test_arguments_that_do_not_fit_are_named(name):
    shape, size, options, message = ERRORS[name]
    with pytest.raises(ValueError, match=f"^avg_pool2d: {message}"):
        avg_pool2d_forward(np.ones(shape), size, **options)


def test_an_upstream_that_does_not_fit_is_named(kernels):
    _, cache = avg_pool2d_forward(np.ones((1, 1, 4, 4)), 2)
    with pytest.raises(
        ValueError, match=r"^avg_pool2d: dy is \(1, 1, 4, 4\) but the forward's output was \(1, 1, 2, 2"
    ):
        avg_pool2d_backward(np.ones((1, 1, 4, 4)), cache)
