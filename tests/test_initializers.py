"""How weights start: fan counts, variances, orthogonality."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicap.initializers import fans, glorot_uniform, he_normal, lstm_bias, normal, orthogonal, zeros

ALL = {
    "he": he_normal,
    "glorot": glorot_uniform,
    "normal": normal(0.1),
    "orthogonal": orthogonal,
    "zeros": zeros,
}


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((3, 5), (3, 5)), ((8, 3, 5, 2), (30, 80)), ((7, 1, 3, 3), (9, 63)), ((256, 1024), (256, 1024))],
)
def test_fans_count_what_feeds_what(shape, expected):
    assert fans(shape) == expected  # a filter reads C * KH * KW pixels; a pixel feeds F * KH * KW outputs


@pytest.mark.parametrize("shape", [(200, 300), (64, 32, 3, 3)])
def test_he_keeps_the_variance_through_a_relu(shape, rng):
    w = he_normal(rng, shape, np.float64)
    assert w.mean() == pytest.approx(0, abs=4 * w.std() / math.sqrt(w.size))
    assert w.var() == pytest.approx(2 / fans(shape)[0], rel=0.05)
    if len(shape) == 2:
        x = np.maximum(rng.standard_normal((2000, 200)), 0) @ w  # E[relu(z)^2] = 1/2
        assert x.var() == pytest.approx(1, rel=0.05)


@pytest.mark.parametrize("shape", [(200, 300), (64, 32, 3, 3)])
def test_glorot_is_uniform_within_its_limit(shape, rng):
    w, limit = glorot_uniform(rng, shape, np.float64), math.sqrt(6 / sum(fans(shape)))
    assert np.abs(w).max() <= limit
    assert np.abs(w).max() > 0.99 * limit
    assert w.var() == pytest.approx(2 / sum(fans(shape)), rel=0.05)
    assert np.histogram(w, 10, (-limit, limit))[0] / w.size == pytest.approx(0.1, abs=0.01)


def test_normal_has_the_spread_asked_for(rng):
    assert normal(0.3)(rng, (300, 300), np.float64).std() == pytest.approx(0.3, rel=0.02)


@given(st.integers(1, 12), st.integers(1, 4), st.integers(0, 99))
def test_orthogonal_blocks_keep_lengths(h, gates, seed):
    w = orthogonal(np.random.default_rng(seed), (h, gates * h), np.float64)
    for block in np.split(w, gates, axis=1):
        np.testing.assert_allclose(block @ block.T, np.eye(h), atol=1e-12)


def test_orthogonal_is_uniform_over_rotations_and_reflections():
    """QR alone would always leave the same signs: half of the 1 x 1 matrices must be -1."""
    rng = np.random.default_rng(0)
    signs = [orthogonal(rng, (1, 1), np.float64).item() for _ in range(400)]
    assert set(signs) == {-1.0, 1.0}
    assert np.mean(signs) == pytest.approx(0, abs=0.15)


@pytest.mark.parametrize("shape", [(3, 4), (3,), (2, 2, 2)])
def test_orthogonal_needs_square_blocks(shape, rng):
    with pytest.raises(ValueError, match=r"^orthogonal: shape is \(.*\) but \(H, G \* H\) is needed"):
        orthogonal(rng, shape, np.float64)


def test_the_forget_gate_alone_starts_open(rng):
    assert lstm_bias(rng, (8,), np.float32).tolist() == [0, 0, 1, 1, 0, 0, 0, 0]
    assert lstm_bias(rng, (8,), np.float32).dtype == np.float32


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dtype_and_shape_are_as_asked(name, dtype, rng):
    w = ALL[name](rng, (4, 8), np.dtype(dtype))
    assert (w.shape, w.dtype) == ((4, 8), np.dtype(dtype))


@pytest.mark.parametrize("name", ALL)
def test_the_same_generator_state_gives_the_same_weights(name):
    one, two, other = (ALL[name](np.random.default_rng(k), (4, 8), np.dtype("float64")) for k in (1, 1, 2))
    np.testing.assert_array_equal(one, two)
    assert name == "zeros" or (one != other).any()


@pytest.mark.parametrize("name", ["he", "glorot", "normal", "orthogonal"])
def test_float32_weights_are_the_float64_ones_rounded(name):
    small, large = (
        ALL[name](np.random.default_rng(1), (4, 8), np.dtype(f"float{bits}")) for bits in (32, 64)
    )
    np.testing.assert_array_equal(small, large.astype(np.float32))
