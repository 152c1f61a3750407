"""Maps of each number by itself."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicap.kernels import elementwise

VALUES = np.array([-np.inf, -2.0, -0.0, 0.0, 1e-300, 3.0, np.inf, np.nan])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("copies", [1, 9])
def test_relu_on_every_kind_of_number(every_set, dtype, copies):
    x = np.tile(VALUES, copies).astype(dtype)
    y = elementwise.relu_forward(x)
    np.testing.assert_array_equal(y, np.where(np.isnan(x), x, np.maximum(x, 0)))
    dx = elementwise.relu_backward(np.full_like(x, 5), x)
    np.testing.assert_array_equal(dx, np.where(x > 0, dx.dtype.type(5), 0))
    np.testing.assert_array_equal(elementwise.relu_backward(np.full_like(x, np.nan), -np.abs(x)), 0)


@given(
    size=st.sampled_from([0, 1, 15, 16, 17, 63, 100, 16_384, 16_385, 40_000]),
    dtype=st.sampled_from(["float32", "float64"]),
    start=st.integers(0, 5),
)
def test_relu_at_any_size_and_place_in_memory(every_set, size, dtype, start):
    rng = np.random.default_rng(size)
    x, dy = (rng.standard_normal(size + start).astype(dtype)[start:] for _ in range(2))
    np.testing.assert_array_equal(elementwise.relu_forward(x), np.where(x > 0, x, 0))
    np.testing.assert_array_equal(elementwise.relu_backward(dy, x), np.where(x > 0, dy, 0))


def test_a_result_larger_than_the_caches_is_the_same(build):
    rng = np.random.default_rng(0)
    x, dy = (rng.standard_normal(2_100_003).astype(np.float32) for _ in range(2))  # 8.4 MB
    np.testing.assert_array_equal(elementwise.relu_forward(x), np.where(x > 0, x, 0))
    np.testing.assert_array_equal(elementwise.relu_backward(dy, x), np.where(x > 0, dy, 0))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("count", [1, 5, 16, 100])
def test_rows_of_equal_numbers(every_set, dtype, count):
    values = np.array([1.5, -2.0, 0.0], dtype)
    y = elementwise.spread_rows(values, count)
    assert y.dtype == dtype
    assert y.tolist() == [[1.5] * count, [-2.0] * count, [0.0] * count]
    assert elementwise.spread_rows(values[:0], count).shape == (0, count)
