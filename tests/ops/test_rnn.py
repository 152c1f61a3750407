"""The plain recurrent network; what it shares with the others is in test_recurrent.py."""

import math

import numpy as np
import pytest

from minicap.ops import rnn_backward, rnn_forward, rnn_step_backward, rnn_step_forward

LN2 = math.log(2)  # tanh(ln 2) = 0.6, whose slope is 0.64


def arrays(*values):
    return [np.array(value, float) for value in values]


def test_a_step_worked_by_hand():
    x, h, w_x, w_h, b = arrays([[2.0]], [[-1.0]], [[LN2]], [[LN2]], [0.0])
    h_next, cache = rnn_step_forward(x, h, w_x, w_h, b)
    assert h_next[0, 0] == pytest.approx(0.6, rel=1e-15)  # tanh(2 ln 2 - ln 2)
    grads = rnn_step_backward(np.array([[100.0]]), cache)
    expected = {"dx": 64 * LN2, "dh": 64 * LN2, "dw_x": 128, "dw_h": -64, "db": 64}
    assert {name: array.item() for name, array in grads._asdict().items()} == pytest.approx(
        expected, rel=1e-14
    )


def test_two_steps_worked_by_hand():
    """Choose the second input so that the second state is that of the first step again."""
    x, h0, w_x, w_h, b = arrays([[[LN2], [LN2 - 0.6]]], [[0.0]], [[1.0]], [[1.0]], [0.0])
    hs, cache = rnn_forward(x, h0, w_x, w_h, b)
    np.testing.assert_allclose(hs[0, :, 0], [0.6, 0.6], rtol=1e-14)  # tanh(ln 2), tanh(ln 2 - 0.6 + 0.6)
    grads = rnn_backward(np.array([[[0.0], [1.0]]]), cache)
    np.testing.assert_allclose(grads.dx[0, :, 0], [0.64 * 0.64, 0.64], rtol=1e-14)
    assert grads.dh0.item() == pytest.approx(0.64**2, rel=1e-14)
    assert grads.dw_h.item() == pytest.approx(0.64 * 0.6, rel=1e-14)  # the first step saw h0 = 0
    assert grads.db.item() == pytest.approx(0.64 + 0.64**2, rel=1e-14)


def test_without_recurrent_weights_every_step_stands_alone(rng):
    x, h0, w_x, b = (rng.standard_normal(shape) for shape in [(2, 3, 2), (2, 4), (2, 4), 4])
    hs, _ = rnn_forward(x, h0, w_x, np.zeros((4, 4)), b)
    np.testing.assert_allclose(hs, np.tanh(x @ w_x + b), rtol=1e-12)


def test_shapes_of_a_step_that_do_not_fit_are_named():
    with pytest.raises(ValueError, match=r"^rnn_step: w_x is \(3, 4\) but \(D, H\) = \(5, 4\) is needed"):
        rnn_step_forward(*(np.ones(shape) for shape in [(2, 5), (2, 4), (3, 4), (4, 4), 4]))
