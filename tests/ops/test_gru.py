"""The gated recurrent unit; what it shares with the others is in test_recurrent.py."""

import math

import numpy as np
import pytest

from minicap.ops import gru_step_backward, gru_step_forward

LN2, LN3 = math.log(2), math.log(3)  # tanh(ln 2) = 0.6; sigmoid(ln 3) = 3/4
SHAPES = [(3, 2), (3, 4), (2, 12), (4, 12), 12, 12]


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def scalar(r, z, w_hn, b_hn, h, b_xn, **options):
    """Take a step of one unit whose gates r, z are given by the input's bias alone."""
    w_h, b_h = np.array([[0.0, 0.0, w_hn]]), np.array([0.0, 0.0, b_hn])
    b_x = np.array([math.log(r / (1 - r)), math.log(z / (1 - z)), b_xn])
    return gru_step_forward(np.zeros((1, 1)), np.array([[h]]), np.zeros((1, 3)), w_h, b_x, b_h, **options)


def test_a_step_worked_by_hand(kernels):
    """r = 1/2, z = 1/4, z_hn = 2 * 3 + 1 = 7, so n = tanh(b_xn + 7/2), made to be 0.6."""
    h_next, cache = scalar(0.5, 0.25, 2.0, 1.0, 3.0, LN2 - 3.5)
    np.testing.assert_allclose(cache.gates, [[0.5, 0.25, 0.6]], rtol=1e-13)
    assert h_next.item() == pytest.approx(0.75 * 0.6 + 0.25 * 3, rel=1e-14)
    grads = gru_step_backward(np.array([[100.0]]), cache)
    # da_n = 100 * 3/4 * 0.64 = 48; da_r = 48 * 7 * 1/4 = 84; da_z = 100 * (3 - 0.6) * 3/16 = 45
    np.testing.assert_allclose(grads.db_x, [84, 45, 48], rtol=1e-12)
    np.testing.assert_allclose(grads.db_h, [84, 45, 24], rtol=1e-12)  # the candidate's through r
    np.testing.assert_allclose(grads.dw_h, [[252, 135, 72]], rtol=1e-12)  # times h = 3
    assert grads.dh.item() == pytest.approx(100 * 0.25 + 24 * 2, rel=1e-12)


def test_a_step_with_reset_before_worked_by_hand(kernels):
    """Now n = tanh(b_xn + 2 * (r h) + 1) with r h = 1.5, made to be 0.6."""
    h_next, cache = scalar(0.5, 0.25, 2.0, 1.0, 3.0, LN2 - 4, reset_after=False)
    assert h_next.item() == pytest.approx(1.2, rel=1e-14)
    grads = gru_step_backward(np.array([[100.0]]), cache)
    # da_n = 48; d(r h) = 96; da_r = 96 * 3 / 4 = 72
    np.testing.assert_allclose(grads.db_x, [72, 45, 48], rtol=1e-12)
    np.testing.assert_allclose(grads.db_h, [72, 45, 48], rtol=1e-12)
    np.testing.assert_allclose(grads.dw_h, [[216, 135, 72]], rtol=1e-12)  # da_n * r h = 48 * 1.5
    assert grads.dh.item() == pytest.approx(25 + 96 * 0.5, rel=1e-12)


def test_reset_before_is_the_papers_equations(rng, kernels):
    x, h, w_x, w_h, b_x, b_h = (rng.standard_normal(shape) for shape in SHAPES)
    w_r, w_z, w_n = np.split(w_x, 3, axis=1)
    u_r, u_z, u_n = np.split(w_h, 3, axis=1)
    b_r, b_z, b_n = np.split(b_x + b_h, 3)
    r = sigmoid(x @ w_r + h @ u_r + b_r)  # equation 5 of Cho et al.
    z = sigmoid(x @ w_z + h @ u_z + b_z)  # equation 6
    candidate = np.tanh(x @ w_n + (r * h) @ u_n + b_n)  # equation 8
    y, cache = gru_step_forward(x, h, w_x, w_h, b_x, b_h, reset_after=False)
    np.testing.assert_allclose(y, z * h + (1 - z) * candidate, rtol=1e-12)  # equation 7
    assert cache.z_h is None


def test_the_two_conventions_differ_only_where_the_gate_stands(rng, kernels):
    args = [rng.standard_normal(shape) for shape in SHAPES]
    after, before = (gru_step_forward(*args, reset_after=flag)[0] for flag in (True, False))
    assert np.abs(after - before).max() > 1e-3
    open_gate = [*args[:4], args[4] + np.repeat([1e4, 0, 0], 4), args[5]]  # r = 1 everywhere
    after, before = (gru_step_forward(*open_gate, reset_after=flag)[0] for flag in (True, False))
    np.testing.assert_allclose(after, before, rtol=1e-12)


@pytest.mark.parametrize("reset_after", [True, False])
def test_an_open_update_gate_keeps_the_state(reset_after, rng, kernels):
    x, h, w_x, w_h, b_x, b_h = (rng.standard_normal(shape) for shape in SHAPES)
    b_x = b_x + np.repeat([0, 1e4, 0], 4)  # z = 1
    h_next, cache = gru_step_forward(x, h, w_x, w_h, b_x, b_h, reset_after=reset_after)
    np.testing.assert_array_equal(h_next, h)
    np.testing.assert_array_equal(gru_step_backward(h, cache).dh, h)


def test_shapes_of_a_step_that_do_not_fit_are_named():
    shapes = [(3, 2), (3, 4), (2, 12), (4, 12), 12, 4]
    with pytest.raises(ValueError, match=r"^gru_step: b_h is \(4,\) but \(3 H,\) = \(12,\) is needed"):
        gru_step_forward(*(np.ones(shape) for shape in shapes))
