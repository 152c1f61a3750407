"""The elementwise nonlinearities."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from minicap import ops
from minicap.gradcheck import check_op

NAMES = ["relu", "relu6", "tanh", "sigmoid"]
PAIRS = {name: (getattr(ops, f"{name}_forward"), getattr(ops, f"{name}_backward")) for name in NAMES}

WORKED = {  # x, y, slope
    "relu": [(-2.0, 0.0, 0.0), (0.0, 0.0, 0.0), (3.0, 3.0, 1.0)],
    "relu6": [(-2.0, 0.0, 0.0), (5.0, 5.0, 1.0), (7.0, 6.0, 0.0)],
    "tanh": [
        (0.0, 0.0, 1.0),
        (math.log(2), 0.6, 0.64),
        (-math.log(3), -0.8, 0.36),
    ],  # (e^2x - 1) / (e^2x + 1)
    "sigmoid": [(0.0, 0.5, 0.25), (math.log(3), 0.75, 0.1875), (-math.log(4), 0.2, 0.16)],
}


@pytest.mark.parametrize("name", NAMES)
def test_values_worked_by_hand(name):
    forward, backward = PAIRS[name]
    x, expected, slope = np.array(WORKED[name]).T
    y, cache = forward(x)
    np.testing.assert_allclose(y, expected, rtol=1e-15, atol=1e-16)
    np.testing.assert_allclose(
        backward(np.array([1.0, 10.0, -2.0]), cache).dx, slope * [1, 10, -2], rtol=1e-14
    )


@pytest.mark.parametrize("name", NAMES)
@given(st.lists(st.integers(1, 4), max_size=4), st.integers(0, 99))
def test_the_gradient_is_right(name, shape, seed):
    x = np.random.default_rng(seed).standard_normal(shape)
    check_op(PAIRS[name][0], np.asarray(x)).assert_ok()


@given(st.lists(st.integers(1, 4), max_size=4), st.integers(0, 99))
def test_the_gradient_of_relu6_is_right_at_both_ends(shape, seed):
    x = np.random.default_rng(seed).uniform(-6, 12, shape)
    check_op(ops.relu6_forward, np.asarray(x)).assert_ok()


def test_relu6_agrees_with_pytorch(agrees_with_torch):
    agrees_with_torch("relu6/both ends", ops.relu6_forward, ops.relu6_backward, "x")


@given(hnp.arrays(np.float64, 5, elements=st.floats(-20, 20)))
def test_relu6_is_what_two_relus_leave(x):
    y = ops.relu6_forward(x)[0]
    np.testing.assert_allclose(y, ops.relu_forward(x)[0] - ops.relu_forward(x - 6)[0], atol=1e-14)
    np.testing.assert_allclose(ops.relu6_forward(6 - x)[0], 6 - y, atol=1e-14)


@pytest.mark.parametrize(("name", "x"), [("relu", 0.0), ("relu6", 0.0), ("relu6", 6.0)])
def test_a_kink_is_taken_between_its_two_slopes(name, x):
    forward, backward = PAIRS[name]
    assert check_op(forward, np.array([-1.0, x, 2.0])).verdict == "KINK"
    assert backward(np.ones(1), forward(np.array([x]))[1]).dx == 0


@given(hnp.arrays(np.float64, 5, elements=st.floats(-700, 700)))
def test_symmetries(x):
    np.testing.assert_array_equal(ops.tanh_forward(-x)[0], -ops.tanh_forward(x)[0])
    np.testing.assert_allclose(ops.sigmoid_forward(-x)[0], 1 - ops.sigmoid_forward(x)[0], atol=1e-15)
    np.testing.assert_allclose(ops.sigmoid_forward(x)[0], 0.5 + 0.5 * np.tanh(x / 2), atol=1e-15)
    np.testing.assert_array_equal(ops.relu_forward(x)[0] - ops.relu_forward(-x)[0], x)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["tanh", "sigmoid"])
def test_the_ends_are_reached_without_overflow(name, dtype):
    forward, backward = PAIRS[name]
    y, cache = forward(np.array([-1e4, 1e4, -np.inf, np.inf], dtype))
    assert y.tolist() == ([-1, 1, -1, 1] if name == "tanh" else [0, 1, 0, 1])
    assert not backward(np.ones_like(y), cache).dx.any()


def test_a_sigmoid_far_below_zero_is_small_and_not_zero():
    assert ops.sigmoid_forward(np.array([-700.0]))[0][0] == pytest.approx(math.exp(-700), rel=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_not_a_number_stays_visible(name):
    assert np.isnan(PAIRS[name][0](np.array([np.nan, 1.0]))[0]).tolist() == [True, False]


@pytest.mark.parametrize("name", NAMES)
def test_what_does_not_fit_is_named(name):
    forward, backward = PAIRS[name]
    with pytest.raises(TypeError, match=f"^{name}: x is int64 but float32 or float64 is needed"):
        forward(np.arange(3))
    _, cache = forward(np.ones((2, 3)))
    with pytest.raises(ValueError, match=rf"^{name}: dy is \(3,\) but the forward's output was \(2, 3\)"):
        backward(np.ones(3), cache)
    with pytest.raises(TypeError, match=f"^{name}: dy is float32 but the forward was float64"):
        backward(np.ones((2, 3), np.float32), cache)
