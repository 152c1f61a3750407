"""The embedding kernel: duplicates add up, in order of appearance."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from minicap import use_kernels
from minicap.kernels import embedding


@st.composite
def cases(draw) -> tuple[np.ndarray, np.ndarray, int]:
    """Draw (dy, ids, rows) with many duplicates."""
    m, d, rows = draw(st.integers(0, 12)), draw(st.integers(1, 5)), draw(st.integers(1, 6))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    dtype = draw(st.sampled_from(["float32", "float64"]))
    return rng.standard_normal((m, d)).astype(dtype), rng.integers(0, rows, m), rows


def test_a_value_worked_by_hand(kernels):
    dy = np.array([[1.0, 2.0], [10.0, 20.0], [100.0, 200.0]])
    dw = embedding.embedding_backward(dy, np.array([2, 0, 2]), 4)
    assert dw.tolist() == [[10, 20], [0, 0], [101, 202], [0, 0]]


def test_duplicates_add_up_in_order_of_appearance(kernels):
    dy = np.array([[1.0], [1e8], [-1e8]], np.float32)
    assert embedding.embedding_backward(dy, np.array([0, 0, 0]), 1).item() == 0  # (1 + 1e8) - 1e8 in float32
    assert embedding.embedding_backward(dy[[1, 2, 0]], np.array([0, 0, 0]), 1).item() == 1


@given(case=cases())
def test_equals_the_product_with_one_hot_rows(kernels, case):
    dy, ids, rows = case
    dw, one_hot = embedding.embedding_backward(*case), np.eye(rows)[ids]
    assert (dw.dtype, dw.shape) == (dy.dtype, (rows, dy.shape[1]))
    bound = (len(ids) + 1) * np.finfo(dy.dtype).eps * (one_hot.T @ np.abs(dy))
    assert np.all(np.abs(dw - one_hot.T @ dy.astype(float)) <= bound)


@given(case=cases())
def test_both_sets_agree_to_the_last_bit(build, case):
    with use_kernels("reference"):
        expected = embedding.embedding_backward(*case)
    with use_kernels("compiled"):
        np.testing.assert_array_equal(embedding.embedding_backward(*case), expected)
