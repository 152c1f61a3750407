"""Numerical derivatives: right, honest about their error, and without side effects."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from minicap.gradcheck import numerical_gradient
from minicap.gradcheck.numeric import slope_along, step_size

EPS = float(np.finfo(np.float64).eps)


def measure(f, x):
    """Return the slope of a scalar function at x, as the checker measures it."""
    middle = np.atleast_1d(np.float64(f(x)))
    line = lambda t: np.atleast_1d(np.float64(f(x + t)))  # noqa: E731
    return slope_along(line, np.ones(1), middle, step_size(x, EPS), EPS)


def test_a_cubic_worked_by_hand():
    x = np.array([1.0, -2.0, 0.5])
    np.testing.assert_allclose(numerical_gradient(lambda v: (v**3).sum(), x), [3.0, 12.0, 0.75], rtol=1e-9)


def test_an_upstream_gradient_weights_the_outputs(rng):
    w, x, dy = rng.standard_normal((3, 4)), rng.standard_normal(3), rng.standard_normal(4)
    np.testing.assert_allclose(numerical_gradient(lambda v: v @ w, x, dy), w @ dy, rtol=1e-9)


@given(arrays(np.float64, st.integers(1, 6), elements=st.floats(-3, 3)))
def test_smooth_functions_agree_to_nine_digits(x):
    np.testing.assert_allclose(numerical_gradient(lambda v: np.sin(v).sum(), x), np.cos(x), atol=1e-9)


@given(st.floats(-2, 2), st.floats(0, 8))
def test_the_error_bar_covers_the_error_of_an_ill_conditioned_function(x, digits_lost):
    offset = 10.0**digits_lost
    slope = measure(lambda v: (np.sin(v) + offset) - offset, x)
    assert abs(slope.value - np.cos(x)) <= slope.bar


def test_the_error_bar_is_as_large_as_the_function_is_inexact():
    exact, inexact = measure(np.sin, 1.0), measure(lambda v: (np.sin(v) + 1e8) - 1e8, 1.0)
    assert exact.bar < 1e-9
    assert 1e-5 < inexact.bar < 1e-1


def test_x_is_left_as_it_was_even_when_f_raises():
    x = np.array([1.0, 2.0])
    before = x.copy()

    def fail_when_moved(v):
        if v[1] != 2.0:
            raise RuntimeError("moved")
        return v.sum()

    with pytest.raises(RuntimeError, match="moved"):
        numerical_gradient(fail_when_moved, x)
    np.testing.assert_array_equal(x, before)


def test_f_may_look_at_x_through_another_name():
    params = {"w": np.array([3.0])}
    gradient = numerical_gradient(lambda _: (params["w"] ** 2).sum(), params["w"])
    np.testing.assert_allclose(gradient, [6.0], rtol=1e-9)


@pytest.mark.parametrize("make", [np.asfortranarray, lambda x: np.repeat(x, 2, axis=1)[:, ::2]])
def test_any_memory_layout(make, rng):
    x = make(rng.standard_normal((3, 4)))
    np.testing.assert_allclose(numerical_gradient(lambda v: (v**2).sum(), x), 2 * x, atol=1e-9)


def test_read_only_arrays_are_copied():
    x = np.array([2.0])
    x.flags.writeable = False
    np.testing.assert_allclose(numerical_gradient(lambda v: (v**2).sum(), x), [4.0], rtol=1e-9)


def test_float32_gives_float32_to_its_own_accuracy():
    x = np.array([0.5, 1.0], np.float32)
    gradient = numerical_gradient(lambda v: np.sin(v).sum(), x)
    assert gradient.dtype == np.float32
    np.testing.assert_allclose(gradient, np.cos(x), atol=1e-3)


@pytest.mark.parametrize("x", [np.arange(3), np.array([True, False]), [1.0, 2.0], 3])
def test_only_arrays_of_floats_can_be_moved(x):
    with pytest.raises(TypeError, match="x must be an array of floats"):
        numerical_gradient(np.sum, x)


def test_an_array_output_needs_an_upstream_gradient():
    with pytest.raises(ValueError, match=r"shape \(3,\), so dy"):
        numerical_gradient(np.sin, np.ones(3))
    with pytest.raises(ValueError, match=r"dy has shape \(2,\) but f returns shape \(3,\)"):
        numerical_gradient(np.sin, np.ones(3), np.ones(2))
