"""Two-dimensional convolution."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import correlate2d

from minicap.gradcheck import check_op
from minicap.ops import conv2d_backward, conv2d_forward

CASES = {  # x, w, options
    "one pixel": ((1, 1, 1, 1), (1, 1, 1, 1), {}),
    "not square": ((2, 3, 5, 4), (2, 3, 3, 2), {}),
    "stride 2": ((2, 2, 6, 7), (3, 2, 2, 3), {"stride": 2}),
    "stride that does not tile": ((1, 1, 6, 8), (2, 1, 3, 3), {"stride": (2, 3)}),
    "dilation": ((1, 2, 7, 6), (2, 2, 3, 2), {"dilation": (2, 3)}),
    "groups": ((2, 4, 4, 4), (6, 2, 3, 3), {"groups": 2}),
    "depthwise": ((2, 3, 4, 5), (3, 1, 3, 3), {"groups": 3, "padding": 1}),
    "depthwise, two filters a channel": (
        (2, 3, 5, 6),
        (6, 1, 3, 2),
        {"groups": 3, "stride": (1, 2), "dilation": (2, 1), "padding": (1, 0)},
    ),
    "asymmetric padding": ((2, 2, 4, 3), (2, 2, 3, 3), {"padding": ((0, 2), (1, 0))}),
    "everything": (
        (1, 4, 7, 6),
        (2, 2, 2, 3),
        {"stride": (2, 1), "padding": ((1, 0), (2, 1)), "dilation": (3, 2), "groups": 2},
    ),
}
GOLDEN = ["plain", "strided", "padded", "asymmetric", "dilated", "grouped", "depthwise", "together"]


def draw(rng, x, w):
    """Return random images, filters and biases."""
    return rng.standard_normal(x), rng.standard_normal(w), rng.standard_normal(w[0])


def test_a_value_worked_by_hand(kernels):
    x = np.arange(1.0, 10.0).reshape(1, 1, 3, 3)
    w, b = np.array([[[[1.0, 2.0], [3.0, 4.0]]]]), np.array([10.0])
    y, cache = conv2d_forward(x, w, b)
    assert y.tolist() == [[[[47.0, 57.0], [77.0, 87.0]]]]  # 1*1 + 2*2 + 4*3 + 5*4 + 10 = 47, ...
    grads = conv2d_backward(np.array([[[[1.0, 0.0], [0.0, -1.0]]]]), cache)
    assert grads.dx.tolist() == [[[[1.0, 2.0, 0.0], [3.0, 3.0, -2.0], [0.0, -3.0, -4.0]]]]
    assert grads.dw.tolist() == [[[[-4.0, -4.0], [-4.0, -4.0]]]]  # x[0, 0] - x[1, 1] = 1 - 5, ...
    assert grads.db.tolist() == [0.0]


@given(
    st.tuples(st.integers(1, 3), st.integers(1, 3)),
    st.tuples(st.integers(0, 4), st.integers(0, 4)),
    st.integers(0, 99),
)
def test_each_channel_is_what_scipy_correlates(kernel, more, seed):
    rng = np.random.default_rng(seed)
    size = tuple(k + extra for k, extra in zip(kernel, more, strict=True))
    x, w, b = draw(rng, (2, 3, *size), (2, 3, *kernel))
    y, _ = conv2d_forward(x, w, b)
    for n in range(2):
        for f in range(2):
            expected = sum(correlate2d(x[n, c], w[f, c], "valid") for c in range(3)) + b[f]
            np.testing.assert_allclose(y[n, f], expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("case", GOLDEN)
def test_it_agrees_with_pytorch(case, kernels, agrees_with_torch):
    agrees_with_torch(f"conv2d/{case}", conv2d_forward, conv2d_backward, "x", "w", "b")


def test_a_shifted_image_shifts_the_output(rng, kernels):
    x, w, b = draw(rng, (1, 2, 9, 9), (3, 2, 3, 3))
    shifted = np.roll(x, (2, 1), axis=(2, 3))
    y, y_shifted = conv2d_forward(x, w, b)[0], conv2d_forward(shifted, w, b)[0]
    np.testing.assert_allclose(y_shifted[:, :, 2:, 1:], y[:, :, :-2, :-1], rtol=1e-12)


def test_it_is_linear_in_the_image_and_in_the_filters(rng, kernels):
    x, w, b = draw(rng, (2, 2, 5, 5), (3, 2, 3, 3))
    none = np.zeros_like(b)
    y = conv2d_forward(x, w, none)[0]
    np.testing.assert_allclose(conv2d_forward(-2 * x, w, none)[0], -2 * y, rtol=1e-12)
    np.testing.assert_allclose(
        conv2d_forward(x, w, b)[0] - y, np.broadcast_to(b[:, None, None], y.shape), atol=1e-12
    )
    other = rng.standard_normal(w.shape)
    both = conv2d_forward(x, w + other, none)[0]
    np.testing.assert_allclose(both, y + conv2d_forward(x, other, none)[0], rtol=1e-11, atol=1e-12)


def test_permuting_the_batch_permutes_output_and_gradient(rng, kernels):
    x, w, b = draw(rng, (4, 2, 5, 5), (3, 2, 3, 3))
    order = np.array([2, 0, 3, 1])
    (y, cache), (y_mixed, cache_mixed) = conv2d_forward(x, w, b), conv2d_forward(x[order], w, b)
    np.testing.assert_allclose(y_mixed, y[order], rtol=1e-12)
    dy = rng.standard_normal(y.shape)
    grads, mixed = conv2d_backward(dy, cache), conv2d_backward(dy[order], cache_mixed)
    np.testing.assert_allclose(mixed.dx, grads.dx[order], rtol=1e-12)
    np.testing.assert_allclose(mixed.dw, grads.dw, rtol=1e-10)


def test_groups_do_not_see_each_other(rng, kernels):
    x, w, b = draw(rng, (2, 4, 5, 5), (6, 2, 3, 3))
    y, _ = conv2d_forward(x, w, b, groups=2)
    for part in range(2):
        alone, _ = conv2d_forward(x[:, 2 * part :][:, :2], w[3 * part :][:3], b[3 * part :][:3])
        np.testing.assert_allclose(y[:, 3 * part :][:, :3], alone, rtol=1e-12)


def test_one_by_one_filters_are_a_linear_layer_at_every_pixel(rng, kernels):
    x, w, b = draw(rng, (2, 3, 4, 5), (4, 3, 1, 1))
    y, _ = conv2d_forward(x, w, b)
    np.testing.assert_allclose(y, np.einsum("nchw,fc->nfhw", x, w[:, :, 0, 0]) + b[:, None, None], rtol=1e-12)


def test_padding_equals_zeros_written_around_the_image(rng, kernels):
    x, w, b = draw(rng, (2, 2, 4, 3), (3, 2, 3, 3))
    by_hand = np.pad(x, ((0, 0), (0, 0), (1, 2), (0, 3)))
    y, _ = conv2d_forward(x, w, b, padding=((1, 2), (0, 3)))
    np.testing.assert_allclose(y, conv2d_forward(by_hand, w, b)[0], rtol=1e-12)


def test_the_short_forms_of_the_options_mean_the_long_ones(rng):
    x, w, b = draw(rng, (1, 1, 6, 7), (1, 1, 2, 3))
    long = conv2d_forward(x, w, b, stride=(2, 2), padding=((1, 1), (2, 2)), dilation=(2, 2))[1]
    short = conv2d_forward(x, w, b, stride=2, padding=(1, 2), dilation=2)[1]
    assert short[2:] == long[2:]


@pytest.mark.parametrize("name", CASES)
def test_the_gradient_is_right(name, rng, kernels):
    x, w, options = CASES[name]
    report = check_op(conv2d_forward, *draw(rng, x, w), **options)
    report.assert_ok()
    assert max(gradient.max_error for gradient in report.gradients) <= 1e-6


@given(st.data(), st.integers(0, 99))
def test_the_gradient_is_right_at_any_shape(data, seed):
    small = st.integers(1, 2)
    pair = st.tuples(small, small)
    kernel, stride, dilation, groups = data.draw(pair), data.draw(pair), data.draw(pair), data.draw(small)
    padding = data.draw(st.tuples(*[st.tuples(st.integers(0, 2), st.integers(0, 2))] * 2))
    reach = [d * (k - 1) + 1 - sum(p) for d, k, p in zip(dilation, kernel, padding, strict=True)]
    size = [max(1, r) + data.draw(st.integers(0, 2)) for r in reach]
    c, f = data.draw(small), data.draw(small)
    arrays = draw(
        np.random.default_rng(seed), (data.draw(small), c * groups, *size), (f * groups, c, *kernel)
    )
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    check_op(conv2d_forward, *arrays, **options).assert_ok()


@given(
    groups=st.integers(2, 4),
    channels=st.integers(1, 2),  # of one group; 1 is depthwise
    multiplier=st.integers(1, 3),  # filters of one group
    kernel=st.sampled_from([(1, 2), (2, 1), (3, 2), (2, 3)]),
    stride=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    dilation=st.tuples(st.integers(1, 2), st.integers(1, 2)),
    padding=st.tuples(*[st.tuples(st.integers(0, 2), st.integers(0, 1))] * 2),
    more=st.tuples(st.integers(0, 2), st.integers(0, 2)),
    seed=st.integers(0, 99),
)
def test_the_gradient_of_a_grouped_convolution_is_right(
    kernels, groups, channels, multiplier, kernel, stride, dilation, padding, more, seed
):
    reach = [d * (k - 1) + 1 - sum(p) for d, k, p in zip(dilation, kernel, padding, strict=True)]
    size = [max(1, r) + extra for r, extra in zip(reach, more, strict=True)]
    arrays = draw(
        np.random.default_rng(seed), (2, groups * channels, *size), (groups * multiplier, channels, *kernel)
    )
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    report = check_op(conv2d_forward, *arrays, **options)
    report.assert_ok()
    assert max(gradient.max_error for gradient in report.gradients) <= 1e-6


@pytest.mark.parametrize("multiplier", [1, 3])
@pytest.mark.parametrize("kernel", [(3, 3), (2, 3), (1, 4)])
def test_a_depthwise_convolution_correlates_every_channel_alone(multiplier, kernel, rng, kernels):
    """Filter c * multiplier + m sees channel c, forward and backward."""
    x, w, b = draw(rng, (2, 3, 6, 5), (3 * multiplier, 1, *kernel))
    y, cache = conv2d_forward(x, w, b, groups=3)
    for n, f in np.ndindex(2, 3 * multiplier):
        expected = correlate2d(x[n, f // multiplier], w[f, 0], "valid") + b[f]
        np.testing.assert_allclose(y[n, f], expected, rtol=1e-10, atol=1e-12)
    dy = rng.standard_normal(y.shape)
    grads = conv2d_backward(dy, cache)
    for f in range(3 * multiplier):
        expected = sum(correlate2d(x[n, f // multiplier], dy[n, f], "valid") for n in range(2))
        np.testing.assert_allclose(grads.dw[f, 0], expected, rtol=1e-10, atol=1e-12)
    only_first = conv2d_backward(
        np.where(np.arange(3 * multiplier)[:, None, None] < multiplier, dy, 0), cache
    )
    assert not only_first.dx[:, 1:].any()


ERRORS = {
    "channels": (
        ((8, 4, 28, 28), (32, 3, 3, 3), 32), {},
        r"x has 4 channels but w expects 3; x is \(N, C, H, W\) = \(8, 4, 28, 28\), "
        r"w is \(F, C/groups, KH, KW\) = \(32, 3, 3, 3\)",
    ),
    "groups": (((1, 4, 5, 5), (3, 2, 3, 3), 3), {"groups": 2}, r"groups must divide .* = \(1, 4, 5, 5\), .*groups = 2"),
    "no groups": (((1, 4, 5, 5), (3, 4, 3, 3), 3), {"groups": 0}, "groups must divide"),
    "bias": (((1, 2, 5, 5), (3, 2, 3, 3), 2), {}, r"b is \(2,\) but \(F,\) = \(3,\) is needed"),
    "axes of x": (((2, 5, 5), (3, 2, 3, 3), 3), {}, r"x has 3 axes, shape \(2, 5, 5\), but x is \(N, C, H, W\)"),
    "axes of w": (((1, 2, 5, 5), (3, 2, 3), 3), {}, r"w has 3 axes, shape \(3, 2, 3\)"),
    "too small": (((1, 2, 2, 5), (3, 2, 3, 3), 3), {}, r"w covers \(h, w\) = \(3, 3\) pixels but x .* only \(2, 5\)"),
    "dilated": (((1, 2, 4, 5), (3, 2, 3, 3), 3), {"dilation": 2}, r"w covers \(h, w\) = \(5, 5\) pixels"),
    "stride 0": (((1, 2, 5, 5), (3, 2, 3, 3), 3), {"stride": 0}, r"stride is 0 but an int or \(h, w\) of at least 1"),
    "three": (((1, 2, 5, 5), (3, 2, 3, 3), 3), {"dilation": (1, 1, 1)}, r"dilation is \(1, 1, 1\) but"),
    "negative": (((1, 2, 5, 5), (3, 2, 3, 3), 3), {"padding": -1}, "padding is -1 but"),
}  # fmt: skip


@pytest.mark.parametrize("name", ERRORS)
def test_arguments_that_do_not_fit_are_named(name):
    shapes, options, message = ERRORS[name]
    with pytest.raises(ValueError, match=f"^conv2d: {message}"):
        conv2d_forward(*(np.ones(shape) for shape in shapes), **options)


def test_a_stride_that_is_no_integer_is_named():
    with pytest.raises(ValueError, match=r"^conv2d: stride is 1\.5 but"):
        conv2d_forward(np.ones((1, 1, 3, 3)), np.ones((1, 1, 2, 2)), np.ones(1), stride=1.5)


def test_an_upstream_that_does_not_fit_is_named(kernels):
    _, cache = conv2d_forward(np.ones((1, 2, 5, 5)), np.ones((3, 2, 3, 3)), np.ones(3))
    with pytest.raises(
        ValueError, match=r"^conv2d: dy is \(1, 3, 5, 5\) but the forward's output was \(1, 3, 3, 3\)"
    ):
        conv2d_backward(np.ones((1, 3, 5, 5)), cache)
