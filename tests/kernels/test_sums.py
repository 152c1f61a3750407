"""Sums: worked values, digits that float32 alone would lose, and any shape."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicap.kernels import sums

DTYPES = st.sampled_from(["float32", "float64"])
LENGTHS = st.sampled_from([1, 2, 7, 8, 15, 16, 17, 31, 32, 33, 48, 100, 511, 600])
TERMS = 24  # that a float32 sum adds before float64 takes over, and what is left of rounding after that


def test_channel_sums_worked_by_hand(every_set):
    x = np.arange(12.0).reshape(2, 3, 2)
    assert sums.channel_sums(x).tolist() == [0 + 1 + 6 + 7, 2 + 3 + 8 + 9, 4 + 5 + 10 + 11]
    assert sums.channel_sums(x[:0]).tolist() == [0, 0, 0]


def test_row_means_worked_by_hand(every_set):
    assert sums.row_means(np.array([[1.0, 2.0, 6.0], [0.0, 0.0, -3.0]])).tolist() == [3, -1]


@given(n=st.integers(0, 4), c=st.integers(1, 4), s=LENGTHS, dtype=DTYPES, seed=st.integers(0, 99))
def test_sums_are_right_to_rounding(every_set, n, c, s, dtype, seed):
    x = np.random.default_rng(seed).standard_normal((n, c, s)).astype(dtype)
    exact, size = x.astype(np.longdouble), np.abs(x).astype(np.longdouble)
    eps = TERMS * np.finfo(dtype).eps
    assert np.all(np.abs(sums.channel_sums(x) - exact.sum(axis=(0, 2))) <= eps * size.sum(axis=(0, 2)))
    rows = x.reshape(n * c, s)
    means = sums.row_means(rows)
    assert (means.dtype, means.shape) == (dtype, (n * c,))
    assert np.all(
        np.abs(means - exact.reshape(rows.shape).mean(axis=1)) <= eps * size.reshape(rows.shape).mean(axis=1)
    )


@pytest.mark.parametrize("shape", [(1, 1, 500_000), (1000, 1, 500), (500_000, 1, 1)])
def test_many_values_lose_no_digits(every_set, shape):
    """One after the other in float32 alone, half a million tenths are off in the third digit."""
    x = np.full(shape, 0.1, np.float32)
    exact, bound = 500_000 * float(np.float32(0.1)), TERMS * float(np.finfo(np.float32).eps)
    assert sums.channel_sums(x).item() == pytest.approx(exact, rel=bound)
    mean = sums.row_means(x.reshape(1, -1)).item()
    assert mean == pytest.approx(exact / 500_000, rel=bound)
