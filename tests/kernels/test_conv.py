"""Convolution kernels: worked values, SciPy as an oracle, transposes, and agreement of the two sets."""

from __future__ import annotations

import tracemalloc
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import correlate2d

from minicap import kernels, use_kernels
from minicap.kernels import use_build

PLAIN = ((1, 1), ((0, 0), (0, 0)), (1, 1), 1)  # stride, padding, dilation, groups


class Case(NamedTuple):
    """The arguments of one convolution, and an upstream gradient that fits its output."""

    x: np.ndarray
    w: np.ndarray
    b: np.ndarray
    dy: np.ndarray
    options: tuple

    def forward(self) -> np.ndarray:
        return kernels.conv.conv2d_forward(self.x, self.w, self.b, *self.options)

    def dx(self) -> np.ndarray:
        return kernels.conv.conv2d_backward_input(self.dy, self.w, self.x.shape, *self.options)

    def dw(self) -> np.ndarray:
        return kernels.conv.conv2d_backward_weight(self.dy, self.x, self.w.shape, *self.options)

    def absolute(self) -> Case:
        """Return the case with all numbers positive: its results bound the sum of the terms' sizes."""
        return Case(*map(np.abs, self[:4]), self.options)


def make_case(n, c, f, image, kernel, stride, padding, dilation, groups, dtype, seed=0) -> Case:
    """Return a case with random numbers; c and f count the channels and filters of one group."""
    rng = np.random.default_rng(seed)
    sides = zip(image, padding, dilation, kernel, strict=True)
    extent = [size + sum(pads) - d * (k - 1) for size, pads, d, k in sides]
    output = [(size - 1) // s + 1 for size, s in zip(extent, stride, strict=True)]
    shapes = [(n, groups * c, *image), (groups * f, c, *kernel), (groups * f,), (n, groups * f, *output)]
    arrays = [rng.standard_normal(shape).astype(dtype) for shape in shapes]
    return Case(*arrays, (stride, padding, dilation, groups))


def pairs(low: int, high: int) -> st.SearchStrategy[tuple[int, int]]:
    """Return a strategy for two integers in low .. high."""
    return st.tuples(st.integers(low, high), st.integers(low, high))


@st.composite
def cases(draw) -> Case:
    """Draw odd convolutions: nothing square, strides that do not tile, padding beyond the kernel."""
    kernel, stride, dilation = draw(pairs(1, 4)), draw(pairs(1, 3)), draw(pairs(1, 3))
    padding = draw(pairs(0, 5)), draw(pairs(0, 5))
    smallest = [max(1, d * (k - 1) + 1 - sum(p)) for d, k, p in zip(dilation, kernel, padding, strict=True)]
    image = tuple(size + draw(st.integers(0, 6)) for size in smallest)
    n, c, f, groups = (draw(st.integers(low, 3)) for low in (0, 1, 1, 1))
    dtype = draw(st.sampled_from(["float32", "float64"]))
    seed = draw(st.integers(0, 9))
    return make_case(n, c, f, image, kernel, stride, padding, dilation, groups, dtype, seed)


def rounding(additions: int, sizes: np.ndarray) -> np.ndarray:
    """Return how far two sums of so many terms may differ, `sizes` being the sums of the terms' sizes."""
    return 2 * (additions + 1) * np.finfo(sizes.dtype).eps * sizes


def oracle(case: Case) -> np.ndarray:
    """Convolve by SciPy, one channel at a time."""
    (sh, sw), padding, (dh, dw), groups = case.options
    x = np.pad(case.x, ((0, 0), (0, 0), *padding))
    f, c, kh, kw = case.w.shape
    dilated = np.zeros((f, c, dh * (kh - 1) + 1, dw * (kw - 1) + 1), case.w.dtype)
    dilated[:, :, ::dh, ::dw] = case.w
    y = np.empty_like(case.dy)
    for n in range(len(x)):
        for k in range(f):
            channels = x[n, (k // (f // groups)) * c :][:c]
            planes = [correlate2d(x_c, w_c, "valid") for x_c, w_c in zip(channels, dilated[k], strict=True)]
            y[n, k] = np.sum(planes, axis=0)[::sh, ::sw] + case.b[k]
    return y


def test_a_value_worked_by_hand(kernels):
    x = np.arange(1.0, 10.0).reshape(1, 1, 3, 3)
    w, b, dy = np.array([[[[1.0, 2.0], [3.0, 4.0]]]]), np.array([10.0]), np.ones((1, 1, 2, 2))
    case = Case(x, w, b, dy, PLAIN)
    assert case.forward().tolist() == [[[[47, 57], [77, 87]]]]  # 1*1 + 2*2 + 4*3 + 5*4 + 10 = 47
    assert case.dx().tolist() == [[[[1, 3, 2], [4, 10, 6], [3, 7, 4]]]]  # the middle pixel meets all taps
    assert case.dw().tolist() == [[[[12, 16], [24, 28]]]]  # 1 + 2 + 4 + 5 = 12


def test_stride_padding_and_dilation_worked_by_hand(kernels):
    x = np.array([[[[1.0, 2.0, 3.0, 4.0, 5.0]]]])
    w, b = np.array([[[[1.0, 10.0]]]]), np.zeros(1)
    y = Case(x, w, b, b, ((1, 2), ((0, 0), (2, 1)), (1, 3), 1)).forward()  # 0 0 1 2 3 4 5 0, two apart
    assert y.tolist() == [[[[20, 41, 3]]]]


def test_groups_do_not_mix(kernels):
    x = np.array([2.0, 3.0]).reshape(1, 2, 1, 1)
    w, b = np.array([5.0, 7.0]).reshape(2, 1, 1, 1), np.zeros(2)
    assert Case(x, w, b, b, (*PLAIN[:3], 2)).forward().ravel().tolist() == [10, 21]


@given(case=cases())
def test_forward_equals_scipy(kernels, case):
    bound = rounding(case.w[0].size, oracle(case.absolute()))
    assert np.all(np.abs(case.forward() - oracle(case)) <= bound)


@given(case=cases())
def test_backward_is_the_transpose_of_the_forward(kernels, case):
    """The inner products <conv(x, w), dy>, <x, dx(dy)> and <w, dw(dy)> are the same number."""
    case = case._replace(b=np.zeros_like(case.b))
    y, sizes = case.forward(), case.absolute()
    bound = rounding(y.size + case.x.size + case.w.size, np.sum(sizes.forward() * sizes.dy))
    product = np.sum(y * case.dy)
    assert abs(np.sum(case.x * case.dx()) - product) <= bound
    assert abs(np.sum(case.w * case.dw()) - product) <= bound


@given(case=cases())
def test_both_sets_agree(build, case):
    pixels = case.dy[:, 0].size
    taps, filters = case.w[0].size, case.w[:, 0].size
    for result, additions in (("forward", taps), ("dx", filters), ("dw", pixels)):
        values = []
        for name in ("reference", "compiled"):
            with use_kernels(name):
                values.append(getattr(case, result)())
        with use_kernels("reference"):
            bound = rounding(additions, getattr(case.absolute(), result)())
        assert values[0].dtype == values[1].dtype == case.x.dtype
        assert values[0].shape == values[1].shape
        assert np.all(np.abs(values[0] - values[1]) <= bound), result


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "shape",
    [(0, 2, 3, (5, 4)), (1, 1, 1, (1, 1)), (2, 1, 4, (7, 1)), (1, 3, 2, (1, 6))],
    ids=["no image", "one pixel", "width one", "height one"],
)
def test_small_shapes(kernels, shape, dtype):
    case = make_case(*shape, (3, 3), (2, 1), ((2, 1), (1, 1)), (1, 1), 2, dtype)
    assert case.forward().shape == case.dy.shape
    assert case.forward().dtype == case.dx().dtype == case.dw().dtype == dtype
    assert np.allclose(case.forward(), oracle(case), rtol=1e-4, atol=1e-5)
    assert (case.dx().shape, case.dw().shape) == (case.x.shape, case.w.shape)


def test_an_empty_batch_has_zero_weight_gradient(kernels):
    assert not make_case(0, 2, 3, (4, 4), (3, 3), *PLAIN[:3], 1, "float32").dw().any()


def test_depthwise(kernels):
    case = make_case(2, 1, 1, (6, 5), (3, 2), (1, 1), ((1, 1), (0, 1)), (1, 1), 8, "float64")
    assert np.allclose(case.forward(), oracle(case), rtol=1e-12, atol=1e-12)


@pytest.fixture
def unfold(compiled):
    """Return the module for narrow vectors, and run the test under its build."""
    if "generic" not in kernels.builds_here():
        pytest.skip("the generic build is not built here")
    from minicap.kernels.compiled.generic import _unfold

    with use_kernels("compiled"), use_build("generic"):
        yield _unfold


@pytest.mark.parametrize("block_bytes", [1, 500, 3000], ids=["a row", "some rows", "some images"])
def test_the_size_of_a_block_changes_nothing(unfold, monkeypatch, block_bytes):
    case = make_case(5, 2, 3, (6, 5), (3, 2), (1, 1), ((1, 1), (0, 1)), (1, 1), 2, "float64")
    whole = case.forward(), case.dx(), case.dw()
    monkeypatch.setattr(unfold, "BLOCK_BYTES", block_bytes)
    parts = case.forward(), case.dx(), case.dw()
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)


def test_unfolded_pixels_stay_small(unfold):
    case = make_case(2, 32, 2, (96, 96), (3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), 1, "float32")
    for result in (case.forward, case.dx, case.dw):
        tracemalloc.start()
        returned = result().nbytes
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert unfold.BLOCK_BYTES / 2 < peak - returned < 4 * unfold.BLOCK_BYTES  # unfolded whole: 21 MB
