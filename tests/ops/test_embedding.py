"""Embedding."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicap.gradcheck import check_op
from minicap.ops import embedding_backward, embedding_forward


def test_a_value_worked_by_hand(kernels):
    w = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    y, cache = embedding_forward(np.array([2, 0, 2]), w)
    assert y.tolist() == [[5.0, 6.0], [1.0, 2.0], [5.0, 6.0]]
    dw = embedding_backward(np.array([[1.0, 0.0], [10.0, 20.0], [100.0, 7.0]]), cache).dw
    assert dw.tolist() == [[10.0, 20.0], [0.0, 0.0], [101.0, 7.0]]  # word 2 came twice, word 1 never


def test_it_agrees_with_pytorch(kernels, agrees_with_torch):
    agrees_with_torch("embedding/duplicates", embedding_forward, embedding_backward, "ids", "w")


def test_it_is_the_product_with_one_hot_rows(rng, kernels):
    w, ids, dy = rng.standard_normal((5, 3)), rng.integers(0, 5, 8), rng.standard_normal((8, 3))
    one_hot = np.eye(5)[ids]
    y, cache = embedding_forward(ids, w)
    np.testing.assert_array_equal(y, one_hot @ w)
    np.testing.assert_allclose(embedding_backward(dy, cache).dw, one_hot.T @ dy, rtol=1e-12)


@pytest.mark.parametrize("shape", [(), (1,), (4, 1), (2, 3, 2), (0, 3)])
@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.uint8])
def test_ids_may_have_any_shape_and_width(shape, dtype, rng, kernels):
    ids, w = rng.integers(0, 4, shape).astype(dtype), rng.standard_normal((4, 2))
    y, cache = embedding_forward(ids, w)
    assert y.shape == (*shape, 2)
    assert embedding_backward(y, cache).dw.shape == (4, 2)


@given(st.lists(st.integers(1, 3), max_size=3), st.integers(1, 5), st.integers(1, 3), st.integers(0, 99))
def test_the_gradient_is_right(shape, v, d, seed):
    rng = np.random.default_rng(seed)
    check_op(embedding_forward, rng.integers(0, v, shape), rng.standard_normal((v, d))).assert_ok()


def test_permuting_the_words_leaves_the_gradient(rng, kernels):
    ids, w, order = rng.integers(0, 4, 6), rng.standard_normal((4, 2)), rng.permutation(6)
    dy = rng.standard_normal((6, 2))
    dw = embedding_backward(dy, embedding_forward(ids, w)[1]).dw
    mixed = embedding_backward(dy[order], embedding_forward(ids[order], w)[1]).dw
    np.testing.assert_allclose(mixed, dw, rtol=1e-12)


def test_ids_that_are_no_words_are_named():
    w = np.ones((4, 2))
    with pytest.raises(ValueError, match=r"^embedding: ids\[1, 0\] is 4 but V = 4, so 0 to 3 are allowed"):
        embedding_forward(np.array([[0, 1], [4, 2]]), w)
    with pytest.raises(ValueError, match=r"^embedding: ids\[0\] is -1 but V = 4"):
        embedding_forward(np.array([-1]), w)
    with pytest.raises(TypeError, match=r"^embedding: ids is float64 but integers are needed"):
        embedding_forward(np.array([1.0]), w)
    with pytest.raises(TypeError, match=r"^embedding: ids is bool but integers are needed"):
        embedding_forward(np.array([True]), w)
    with pytest.raises(ValueError, match=r"^embedding: w has 1 axes, shape \(4,\), but w is \(V, D\)"):
        embedding_forward(np.array([1]), np.ones(4))


def test_an_upstream_that_does_not_fit_is_named(kernels):
    _, cache = embedding_forward(np.array([1, 2, 1]), np.ones((4, 2)))
    with pytest.raises(ValueError, match=r"^embedding: dy is \(4, 2\) but the forward's output was \(3, 2\)"):
        embedding_backward(np.ones((4, 2)), cache)
