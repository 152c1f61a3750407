"""Positions: by hand, from any first one, and without a longest sentence."""

from __future__ import annotations

import numpy as np
import pytest

from minicap.gradcheck import check_layer
from minicap.layers import LearnedPositions, SinusoidalPositions
from minicap.layers.positions import sinusoids


def learned(most: int = 4, size: int = 3) -> LearnedPositions:
    """Return learned positions, few of them."""
    return LearnedPositions(size, rng=np.random.default_rng(2), dtype="float64", most=most)


# By hand


def test_sinusoids_by_hand():
    """Of width 4 the wavelengths are 2 pi and 2 pi times 10000 ** (2 / 4) = 100."""
    expected = [
        [0, 1, 0, 1],
        [0.8414709848, 0.5403023059, 0.0099998333, 0.9999500004],
        [0.9092974268, -0.4161468365, 0.0199986667, 0.9998000067],
    ]
    np.testing.assert_allclose(sinusoids(3, 4), expected, atol=1e-10)
    np.testing.assert_array_equal(sinusoids(2, 4, first=1), sinusoids(3, 4)[1:])


def test_an_odd_width_ends_with_a_sine():
    table = sinusoids(5, 3)
    np.testing.assert_allclose(table[:, 2], np.sin(np.arange(5) / 10_000 ** (2 / 3)), rtol=1e-12)


def test_sinusoids_make_a_shift_a_rotation():
    """Three words on, each pair has turned by the same angle wherever it began."""
    table, rate = sinusoids(20, 6), 1 / 10_000 ** (np.arange(0, 6, 2) / 6)
    sines, cosines = table[:-3, ::2], table[:-3, 1::2]
    shifted = sines * np.cos(3 * rate) + cosines * np.sin(3 * rate)
    np.testing.assert_allclose(table[3:, ::2], shifted, atol=1e-12)


def test_learned_positions_by_hand():
    layer = learned(most=2, size=2)
    layer.params["weight"][...] = [[1, 2], [30, 40]]
    x = np.arange(12.0).reshape(2, 3, 2)
    y, cache = layer.forward(x)
    np.testing.assert_array_equal(y - x, np.broadcast_to([[1, 2], [30, 40], [30, 40]], x.shape))
    dx, grads = layer.backward(x, cache)
    np.testing.assert_array_equal(dx, x)
    # The first position was read by both sentences, the last one by two positions of both.
    np.testing.assert_array_equal(grads["weight"], [[0 + 6, 1 + 7], [2 + 4 + 8 + 10, 3 + 5 + 9 + 11]])


# Any layer of positions


@pytest.fixture(params=["learned", "sinusoidal"])
def layer(request):
    """Each kind in turn, of width 3."""
    return learned() if request.param == "learned" else SinusoidalPositions(3)


@pytest.mark.parametrize("steps", [1, 3, 7])
def test_the_gradient_is_right(layer, steps, kernels):
    x = np.random.default_rng(1).standard_normal((2, steps, 3))
    for first in (0, 2):
        check_layer(layer, x, first=first).assert_ok()


def test_a_sentence_read_in_parts_is_the_sentence(layer):
    x = np.random.default_rng(1).standard_normal((2, 9, 3))
    whole, _ = layer.forward(x)
    parts = [layer.forward(x[:, t : t + 1], first=t)[0] for t in range(9)]
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), whole)
    assert np.isfinite(layer.forward(x, first=10**6)[0]).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_no_dtype_changes(dtype):
    x = np.ones((2, 3, 4), dtype)
    for made in (LearnedPositions, SinusoidalPositions):
        layer = made(4, rng=np.random.default_rng(0), dtype=dtype)
        y, cache = layer.forward(x)
        dx, grads = layer.backward(y, cache)
        assert {a.dtype for a in (y, dx, *grads.values())} == {np.dtype(dtype)}
