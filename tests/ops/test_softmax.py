"""Softmax."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax

from minicap.gradcheck import check_op
from minicap.ops import softmax_backward, softmax_forward


def test_a_value_worked_by_hand():
    y, cache = softmax_forward(np.array([0.0, math.log(2), math.log(5)]))
    np.testing.assert_allclose(y, [1 / 8, 2 / 8, 5 / 8], rtol=1e-15)
    dx = softmax_backward(np.array([8.0, 0.0, 0.0]), cache).dx  # y * (dy - 1), the 1 being 8 * 1/8
    np.testing.assert_allclose(dx, [7 / 8, -2 / 8, -5 / 8], rtol=1e-15)


@given(st.lists(st.integers(1, 5), min_size=1, max_size=3), st.integers(-3, 2), st.integers(0, 99))
def test_value_and_gradient_along_any_axis(shape, axis, seed):
    axis = max(-len(shape), min(axis, len(shape) - 1))
    x = np.random.default_rng(seed).standard_normal(shape)
    y, _ = softmax_forward(x, axis=axis)
    np.testing.assert_allclose(y, softmax(x, axis=axis), rtol=1e-14)
    np.testing.assert_allclose(y.sum(axis=axis), 1, rtol=1e-14)
    check_op(softmax_forward, x, axis=axis).assert_ok()


def test_a_constant_added_to_all_logits_changes_nothing(rng):
    x = rng.standard_normal((3, 4))
    np.testing.assert_allclose(softmax_forward(x + 100)[0], softmax_forward(x)[0], rtol=1e-12)
    _, cache = softmax_forward(x)
    dx = softmax_backward(rng.standard_normal((3, 4)), cache).dx
    np.testing.assert_allclose(dx.sum(axis=1), 0, atol=1e-15)  # so no gradient points along the constant


def test_permuting_the_logits_permutes_the_probabilities(rng):
    x, order = rng.standard_normal((3, 5)), np.array([4, 2, 0, 1, 3])
    np.testing.assert_allclose(softmax_forward(x[:, order])[0], softmax_forward(x)[0][:, order], rtol=1e-14)


def test_an_upstream_of_equal_entries_gives_zero(rng):
    _, cache = softmax_forward(rng.standard_normal((3, 4)))
    np.testing.assert_allclose(softmax_backward(np.full((3, 4), 7.0), cache).dx, 0, atol=1e-15)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_extreme_logits_neither_overflow_nor_vanish(dtype):
    x = np.array([[1e4, 0, -1e4], [1e4, 1e4, -1e4], [-1e4, -1e4, -1e4], [0, -np.inf, 0]], dtype)
    y, cache = softmax_forward(x)
    np.testing.assert_allclose(y, [[1, 0, 0], [0.5, 0.5, 0], [1 / 3] * 3, [0.5, 0, 0.5]], rtol=1e-6)
    assert np.isfinite(softmax_backward(np.ones_like(x), cache).dx).all()


def test_what_does_not_fit_is_named():
    with pytest.raises(ValueError, match=r"^softmax: x \(2, 3\) has no axis 2"):
        softmax_forward(np.ones((2, 3)), axis=2)
    with pytest.raises(ValueError, match=r"^softmax: x \(\) has no axis -1"):
        softmax_forward(np.ones(()))
    _, cache = softmax_forward(np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"^softmax: dy is \(3, 2\) but the forward's output was \(2, 3\)"):
        softmax_backward(np.ones((3, 2)), cache)
