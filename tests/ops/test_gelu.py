"""The Gaussian error linear unit, exact and in its tanh form."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import erfc

from minicap.gradcheck import check_op
from minicap.ops import gelu_backward, gelu_forward

FORMS = [False, True]
POINTS = np.array([-6.0, -2.5, -1.0, -0.1, 0.0, 0.3, 1.0, 4.0])


def test_a_value_worked_by_hand():
    y, cache = gelu_forward(np.array([0.0, 1.0, -1.0]))
    np.testing.assert_allclose(
        y, [0, 0.8413447460685429, -0.15865525393145707], rtol=1e-15
    )  # Phi(1), -Phi(-1)
    dx = gelu_backward(np.array([4.0, 1.0, 10.0]), cache).dx
    phi = 0.24197072451914337  # the density at 1
    np.testing.assert_allclose(
        dx, [2, 0.8413447460685429 + phi, 10 * (0.15865525393145707 - phi)], rtol=1e-14
    )


def test_an_approximate_value_worked_by_hand():
    y, cache = gelu_forward(np.array([0.0, 1.0]), approximate=True)
    t = math.tanh(math.sqrt(2 / math.pi) * 1.044715)
    np.testing.assert_allclose(y, [0, (1 + t) / 2], rtol=1e-15)
    slope = (1 + t) / 2 + (1 - t * t) / 2 * math.sqrt(2 / math.pi) * 1.134145
    np.testing.assert_allclose(gelu_backward(np.array([4.0, 1.0]), cache).dx, [2, slope], rtol=1e-14)


@pytest.mark.parametrize("case", ["exact", "approximate"])
def test_it_agrees_with_pytorch(case, agrees_with_torch):
    agrees_with_torch(f"gelu/{case}", gelu_forward, gelu_backward, "x")


@pytest.mark.parametrize("approximate", FORMS)
@pytest.mark.parametrize("shape", [(), (1,), (3, 4), (2, 1, 3)])
def test_the_gradient_is_right(shape, approximate, rng):
    x = np.asarray(rng.standard_normal(shape) * 2)
    check_op(gelu_forward, x, approximate=approximate).assert_ok()


@given(
    shape=st.lists(st.integers(1, 4), max_size=3),
    size=st.sampled_from([1e-3, 1.0, 6.0]),
    approximate=st.booleans(),
    seed=st.integers(0, 99),
)
def test_the_gradient_is_right_at_any_shape(shape, size, approximate, seed):
    x = np.asarray(np.random.default_rng(seed).standard_normal(shape) * size)
    check_op(gelu_forward, x, approximate=approximate).assert_ok()


@pytest.mark.parametrize("x", POINTS)
def test_the_weight_is_the_share_of_a_normal_distribution_below(x):
    share = 0.5 + quad(lambda z: math.exp(-z * z / 2) / math.sqrt(2 * math.pi), 0, x, epsabs=1e-15)[0]
    np.testing.assert_allclose(gelu_forward(np.array([x]))[0], x * share, atol=1e-13)


def test_far_below_zero_it_keeps_its_digits():
    y, _ = gelu_forward(np.array([-10.0, -30.0]))
    np.testing.assert_allclose(y, [-5 * erfc(10 / math.sqrt(2)), -15 * erfc(30 / math.sqrt(2))], rtol=1e-12)


@pytest.mark.parametrize("approximate", FORMS)
def test_value_and_mirrored_value_differ_by_x(approximate):
    """Phi(x) + Phi(-x) = 1, so gelu(x) - gelu(-x) = x, and the slopes add up to 1."""
    (y, cache), (mirrored, mirrored_cache) = (
        gelu_forward(x, approximate=approximate) for x in (POINTS, -POINTS)
    )
    np.testing.assert_allclose(y - mirrored, POINTS, rtol=1e-14, atol=1e-15)
    slopes = [gelu_backward(np.ones(len(POINTS)), c).dx for c in (cache, mirrored_cache)]
    np.testing.assert_allclose(sum(slopes), 1, rtol=1e-14)


def test_the_two_forms_are_close_and_not_the_same():
    x = np.linspace(-8, 8, 2001)
    (exact, cache), (near, near_cache) = gelu_forward(x), gelu_forward(x, approximate=True)
    assert 1e-4 < np.abs(exact - near).max() < 5e-4
    one, other = (gelu_backward(np.ones_like(x), c).dx for c in (cache, near_cache))
    assert 1e-4 < np.abs(one - other).max() < 2e-3


@pytest.mark.parametrize("approximate", FORMS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_ends_are_reached_without_overflow(dtype, approximate):
    x = np.array([-1e30, -1e3, 1e3, 1e30, np.inf], dtype)
    y, cache = gelu_forward(x, approximate=approximate)
    assert y.tolist() == [0, 0, *x[2:]]
    assert y.dtype == dtype
    assert gelu_backward(np.ones_like(x), cache).dx.tolist() == [0, 0, 1, 1, 1]


@pytest.mark.parametrize("approximate", FORMS)
def test_not_a_number_stays_visible(approximate):
    assert np.isnan(gelu_forward(np.array([np.nan, 1.0]), approximate=approximate)[0]).tolist() == [
        True,
        False,
    ]


def test_what_does_not_fit_is_named():
    with pytest.raises(TypeError, match=r"^gelu: x is int64 but float32 or float64 is needed"):
        gelu_forward(np.arange(3))
    _, cache = gelu_forward(np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"^gelu: dy is \(3,\) but the forward's output was \(2, 3\)"):
        gelu_backward(np.ones(3), cache)
    with pytest.raises(TypeError, match=r"^gelu: dy is float32 but the forward was float64"):
        gelu_backward(np.ones((2, 3), np.float32), cache)
