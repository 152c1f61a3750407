"""Long short-term memory; what it shares with the others is in test_recurrent.py."""

import math

import numpy as np
import pytest

from minicap.ops import lstm_forward, lstm_step_backward, lstm_step_forward

LN2, LN3 = math.log(2), math.log(3)  # tanh(ln 2) = 0.6; sigmoid(ln 3) = 3/4


def step_of(b, c):
    """Take a step in which only the bias speaks: x and h are zero."""
    zero = np.zeros((1, 1))
    return lstm_step_forward(
        zero, zero, np.array([[c]]), np.zeros((1, 4)), np.zeros((1, 4)), np.array(b, float)
    )


def test_a_step_worked_by_hand(kernels):
    """i = 1/2, f = 3/4, g = 0.6, o = 1/4, so c' = 3/4 c + 0.3; choose c so that tanh(c') = 0.6."""
    c = (LN2 - 0.3) / 0.75
    (h_next, c_next), cache = step_of([0.0, LN3, LN2, -LN3], c)
    np.testing.assert_allclose(cache.gates, [[0.5, 0.75, 0.6, 0.25]], rtol=1e-14)
    assert c_next.item() == pytest.approx(LN2, rel=1e-14)
    assert h_next.item() == pytest.approx(0.15, rel=1e-14)  # 1/4 * 0.6
    grads = lstm_step_backward(np.array([[100.0]]), np.array([[0.0]]), cache)
    # dc' = 100 * 1/4 * 0.64 = 16; di = 16 * 0.6, df = 16 c, dg = 16 / 2, do = 100 * 0.6, each times its slope
    expected = [16 * 0.6 / 4, 16 * c * 3 / 16, 8 * 0.64, 60 * 3 / 16]
    np.testing.assert_allclose(grads.db, expected, rtol=1e-13)
    assert grads.dc.item() == pytest.approx(12, rel=1e-14)  # 16 f


def test_the_cell_states_own_upstream_worked_by_hand(kernels):
    _, cache = step_of([0.0, LN3, LN2, -LN3], 2.0)
    grads = lstm_step_backward(np.array([[0.0]]), np.array([[16.0]]), cache)
    np.testing.assert_allclose(grads.db, [16 * 0.6 / 4, 16 * 2 * 3 / 16, 8 * 0.64, 0], rtol=1e-13)
    assert grads.dc.item() == pytest.approx(12, rel=1e-14)


def test_a_plain_reading_of_the_equations(rng, kernels):
    x, h, c, w_x, w_h, b = (rng.standard_normal(s) for s in [(3, 2), (3, 4), (3, 4), (2, 16), (4, 16), 16])

    def sigmoid(a):
        return 1 / (1 + np.exp(-a))

    i, f, g, o = (x @ w_x[:, k : k + 4] + h @ w_h[:, k : k + 4] + b[k : k + 4] for k in (0, 4, 8, 12))
    c_next = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    y, _ = lstm_step_forward(x, h, c, w_x, w_h, b)
    np.testing.assert_allclose(y[1], c_next, rtol=1e-12)
    np.testing.assert_allclose(y[0], sigmoid(o) * np.tanh(c_next), rtol=1e-12)


def test_an_open_forget_gate_keeps_the_cell_for_ever(kernels):
    """With i shut and f open the cell state neither fades nor grows, and nor does its gradient."""
    b = np.array([-1e4, 1e4, 0.0, 0.0])
    x, zero, c0 = np.zeros((1, 50, 1)), np.zeros((1, 1)), np.array([[0.7]])
    (_, c_last), cache = lstm_forward(x, zero, c0, np.zeros((1, 4)), np.zeros((1, 4)), b)
    assert c_last.item() == 0.7
    assert lstm_step_backward(zero, np.ones((1, 1)), cache.at(49)).dc.item() == 1.0


def test_the_last_cell_state_is_the_callers_own(rng, kernels):
    args = [rng.standard_normal(s) for s in [(2, 3, 2), (2, 4), (2, 4), (2, 16), (4, 16), 16]]
    (_, c_last), cache = lstm_forward(*args)
    np.testing.assert_array_equal(c_last, cache.cs[:, -1])
    assert not np.shares_memory(c_last, cache.cs)


def test_shapes_of_a_step_that_do_not_fit_are_named():
    shapes = [(2, 5), (2, 4), (2, 3), (5, 16), (4, 16), 16]
    with pytest.raises(ValueError, match=r"^lstm_step: c is \(2, 3\) but \(N, H\) = \(2, 4\) is needed"):
        lstm_step_forward(*(np.ones(shape) for shape in shapes))
