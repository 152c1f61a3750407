"""Gate kernels of the LSTM and the GRU: worked values, the equations, and numerical derivatives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit

from minicap import use_kernels
from minicap.kernels import recurrent

SHAPES = [(1, 1), (3, 4), (2, 17), (0, 3)]  # N, H


def draw(rng: np.random.Generator, n: int, *widths: int, dtype: str = "float64") -> list[np.ndarray]:
    """Return standard normal arrays (N, width)."""
    return [rng.standard_normal((n, width)).astype(dtype) for width in widths]


def lstm_oracle(z, c_prev):
    """Return gates, c and h by the textbook, in float64."""
    i, f, g, o = np.split(z.astype(float), 4, axis=1)
    i, f, g, o = expit(i), expit(f), np.tanh(g), expit(o)
    c = f * c_prev + i * g
    return np.hstack([i, f, g, o]), c, o * np.tanh(c)


def gru_oracle(z_x, z_h, h_prev):
    """Return gates and h by the textbook, in float64."""
    (x_r, x_z, x_n), (h_r, h_z, h_n) = (np.split(part.astype(float), 3, axis=1) for part in (z_x, z_h))
    r, z = expit(x_r + h_r), expit(x_z + h_z)
    n = np.tanh(x_n + r * h_n)
    return np.hstack([r, z, n]), (1 - z) * n + z * h_prev


def numerical(f, x: np.ndarray) -> np.ndarray:
    """Return the gradient of the number f(x) by central differences."""
    gradient, step = np.empty_like(x), 1e-5
    for index in np.ndindex(x.shape):
        shift = np.zeros_like(x)
        shift[index] = step
        gradient[index] = (f(x + shift) - f(x - shift)) / (2 * step)
    return gradient


def assert_close(values, expected, dtype="float64"):
    """Compare arrays one by one to a few roundings of their type."""
    for value, other in zip(values, expected, strict=True):
        assert value.dtype == dtype
        np.testing.assert_allclose(value, other, rtol=0, atol=32 * np.finfo(dtype).eps)


def test_lstm_worked_by_hand(kernels):
    gates, c, h = recurrent.lstm_gates_forward(np.zeros((1, 4)), np.array([[2.0]]))
    assert gates.tolist() == [[0.5, 0.5, 0, 0.5]]
    assert c.item() == 1.0  # half of the cell is kept, nothing enters
    assert h.item() == 0.5 * np.tanh(1.0)


def test_gru_worked_by_hand(kernels):
    gates, h = recurrent.gru_gates_forward(np.zeros((1, 3)), np.array([[0.0, 0.0, 2.0]]), np.array([[3.0]]))
    assert gates.tolist() == [[0.5, 0.5, np.tanh(1.0)]]  # the reset gate halves the state's part
    assert h.item() == 0.5 * np.tanh(1.0) + 1.5


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("n", "hidden"), SHAPES)
def test_forward_equals_the_equations(kernels, rng, n, hidden, dtype):
    z, c_prev = draw(rng, n, 4 * hidden, hidden, dtype=dtype)
    assert_close(recurrent.lstm_gates_forward(z, c_prev), lstm_oracle(z, c_prev), dtype)
    z_x, z_h, h_prev = draw(rng, n, 3 * hidden, 3 * hidden, hidden, dtype=dtype)
    assert_close(recurrent.gru_gates_forward(z_x, z_h, h_prev), gru_oracle(z_x, z_h, h_prev), dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_extreme_pre_activations_saturate(kernels, dtype):
    z = np.array([[1e4, -1e4, 1e4, -1e4, -1e4, 1e4, -1e4, 1e4]], dtype)
    gates, _, _ = recurrent.lstm_gates_forward(z, np.ones((1, 2), dtype))
    assert gates.tolist() == [[1, 0, 1, 0, -1, 1, 0, 1]]
    z = z[:, :6].copy()
    gates, _ = recurrent.gru_gates_forward(z, np.zeros_like(z), np.ones((1, 2), dtype))
    assert gates.tolist() == [[1, 0, 1, 0, -1, 1]]


@pytest.mark.parametrize(("n", "hidden"), SHAPES)
def test_lstm_backward_is_the_derivative(kernels, rng, n, hidden):
    z, c_prev, dh, dc = draw(rng, n, 4 * hidden, hidden, hidden, hidden)

    def loss(z, c_prev):
        _, c, h = lstm_oracle(z, c_prev)
        return np.sum(c * dc) + np.sum(h * dh)

    gates, c, _ = recurrent.lstm_gates_forward(z, c_prev)
    dz, dc_prev = recurrent.lstm_gates_backward(dh, dc, gates, c_prev, c)
    np.testing.assert_allclose(dz, numerical(lambda z: loss(z, c_prev), z), atol=1e-8)
    np.testing.assert_allclose(dc_prev, numerical(lambda c_prev: loss(z, c_prev), c_prev), atol=1e-8)


@pytest.mark.parametrize(("n", "hidden"), SHAPES)
def test_gru_backward_is_the_derivative(kernels, rng, n, hidden):
    z_x, z_h, h_prev, dh = draw(rng, n, 3 * hidden, 3 * hidden, hidden, hidden)

    def loss(z_x, z_h, h_prev):
        return np.sum(gru_oracle(z_x, z_h, h_prev)[1] * dh)

    gates, _ = recurrent.gru_gates_forward(z_x, z_h, h_prev)
    dz_x, dz_h, dh_prev = recurrent.gru_gates_backward(dh, gates, z_h, h_prev)
    np.testing.assert_allclose(dz_x, numerical(lambda z_x: loss(z_x, z_h, h_prev), z_x), atol=1e-8)
    np.testing.assert_allclose(dz_h, numerical(lambda z_h: loss(z_x, z_h, h_prev), z_h), atol=1e-8)
    np.testing.assert_allclose(dh_prev, numerical(lambda h_prev: loss(z_x, z_h, h_prev), h_prev), atol=1e-8)


@given(
    n=st.integers(0, 4),
    hidden=st.integers(1, 9),
    dtype=st.sampled_from(["float32", "float64"]),
    seed=st.integers(0, 99),
)
def test_both_sets_agree(build, n, hidden, dtype, seed):
    rng = np.random.default_rng(seed)
    z, c_prev, dh, dc = draw(rng, n, 4 * hidden, hidden, hidden, hidden, dtype=dtype)
    z_x, z_h, h_prev = draw(rng, n, 3 * hidden, 3 * hidden, hidden, dtype=dtype)
    results = []
    for name in ("reference", "compiled"):
        with use_kernels(name):
            gates, c, h = recurrent.lstm_gates_forward(z, c_prev)
            gru_gates, gru_h = recurrent.gru_gates_forward(z_x, z_h, h_prev)
            lstm = (gates, c, h, *recurrent.lstm_gates_backward(dh, dc, gates, c_prev, c))
            gru = (gru_gates, gru_h, *recurrent.gru_gates_backward(dh, gru_gates, z_h, h_prev))
        results.append((*lstm, *gru))
    for one, other in zip(*results, strict=True):
        assert one.dtype == other.dtype == dtype
        np.testing.assert_allclose(one, other, rtol=0, atol=64 * np.finfo(dtype).eps)
