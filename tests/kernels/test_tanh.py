"""How exact the compiled tanh and sigmoid are, in units in the last place, over the whole range of both float types."""

from __future__ import annotations

import numpy as np
import pytest

from minicap import use_kernels
from minicap.kernels import recurrent

LIMIT = 3.0  # units in the last place, as the docstrings say


def floats(dtype: str) -> np.ndarray:
    """Return numbers spread evenly over the bit patterns of a type, so over every exponent, of both signs."""
    bits = np.dtype(f"u{np.dtype(dtype).itemsize}")
    end = int(np.array(np.inf, dtype).view(bits))
    spread = np.linspace(0, end - 1, 60_001).astype(bits).view(dtype)
    dense = np.linspace(0, 25, 60_001).astype(dtype)  # where the results are neither 0 nor 1
    x = np.concatenate([spread, dense, np.nextafter(np.array([0], dtype), 1)])
    return np.concatenate([x, -x])


def errors(found: np.ndarray, exact: np.ndarray) -> np.ndarray:
    """Return the distances in units in the last place of the results' type."""
    with np.errstate(under="ignore"):
        ulp = np.spacing(np.abs(exact).astype(found.dtype))
    return np.abs(found - exact) / ulp


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_tanh(build, dtype):
    x = floats(dtype)
    found = recurrent.tanh(x)
    assert errors(found, np.tanh(x.astype(np.longdouble))).max() < LIMIT
    assert (np.signbit(found) == np.signbit(x)).all()
    assert np.abs(found).max() == 1


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_sigmoid(build, dtype):
    x = floats(dtype)
    found = recurrent.sigmoid(x)
    with np.errstate(over="ignore", under="ignore"):
        exact = 1 / (1 + np.exp(-x.astype(np.longdouble)))
    normal = exact >= np.finfo(dtype).tiny
    assert errors(found[normal], exact[normal]).max() < LIMIT
    assert found[~normal].max() <= np.finfo(dtype).tiny  # too small to be exact, but small
    assert found.max() == 1


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_has_no_neighbours(every_set, dtype):
    x = np.array([0.0, -0.0, np.inf, -np.inf, np.nan], dtype)
    tanh, sigmoid = recurrent.tanh(x), recurrent.sigmoid(x)
    assert tanh[:4].tolist() == [0, 0, 1, -1]
    assert np.signbit(tanh[:2]).tolist() == [False, True]
    assert sigmoid[:4].tolist() == [0.5, 0.5, 1, 0]
    assert np.isnan([tanh[4], sigmoid[4]]).all()


@pytest.mark.parametrize("count", [0, 1, 7, 16, 35])
def test_any_number_of_them(build, rng, count):
    x = rng.standard_normal((1, count, 1)).astype(np.float32)
    with use_kernels("reference"):
        expected = recurrent.tanh(x), recurrent.sigmoid(x)
    for found, other in zip((recurrent.tanh(x), recurrent.sigmoid(x)), expected, strict=True):
        assert found.shape == x.shape
        np.testing.assert_allclose(found, other, rtol=1e-6)
