"""The fully connected layer."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicap.gradcheck import check_op
from minicap.ops import linear_backward, linear_forward


def test_a_value_worked_by_hand():
    x, w, b = (
        np.array([[1.0, 2.0]]),
        np.array([[1.0, 0.0, -1.0], [2.0, 1.0, 0.5]]),
        np.array([10.0, 0.0, 1.0]),
    )
    y, cache = linear_forward(x, w, b)
    assert y.tolist() == [[15.0, 2.0, 1.0]]  # 1*1 + 2*2 + 10, 1*0 + 2*1 + 0, 1*-1 + 2*0.5 + 1
    grads = linear_backward(np.array([[1.0, 10.0, 100.0]]), cache)
    assert grads.dx.tolist() == [[-99.0, 62.0]]  # 1*1 + 10*0 - 100, 1*2 + 10*1 + 100*0.5
    assert grads.dw.tolist() == [[1.0, 10.0, 100.0], [2.0, 20.0, 200.0]]
    assert grads.db.tolist() == [1.0, 10.0, 100.0]


def test_it_is_linear_in_x_and_in_w(rng):
    x, other, w, b = (rng.standard_normal(shape) for shape in [(4, 3), (4, 3), (3, 2), 2])
    together = linear_forward(2 * x + other, w, b)[0]
    apart = 2 * linear_forward(x, w, 0 * b)[0] + linear_forward(other, w, b)[0]
    np.testing.assert_allclose(together, apart, rtol=1e-13)
    np.testing.assert_allclose(
        linear_forward(x, 3 * w, 0 * b)[0], 3 * linear_forward(x, w, 0 * b)[0], rtol=1e-13
    )


def test_permuting_the_batch_permutes_the_output(rng):
    x, w, b = (rng.standard_normal(shape) for shape in [(5, 3), (3, 2), 2])
    order = rng.permutation(5)
    np.testing.assert_allclose(
        linear_forward(x[order], w, b)[0], linear_forward(x, w, b)[0][order], rtol=1e-13
    )


def test_batch_axes_may_be_any(rng):
    x, w, b, dy = (rng.standard_normal(shape) for shape in [(2, 5, 3), (3, 4), 4, (2, 5, 4)])
    y, cache = linear_forward(x, w, b)
    flat, flat_cache = linear_forward(x.reshape(10, 3), w, b)
    np.testing.assert_allclose(y.reshape(10, 4), flat, rtol=1e-13)
    grads, flat_grads = linear_backward(dy, cache), linear_backward(dy.reshape(10, 4), flat_cache)
    np.testing.assert_allclose(grads.dx.reshape(10, 3), flat_grads.dx, rtol=1e-13)
    np.testing.assert_allclose(grads.dw, flat_grads.dw, rtol=1e-13)
    np.testing.assert_allclose(grads.db, flat_grads.db, rtol=1e-13)


@given(st.lists(st.integers(1, 4), max_size=3), st.integers(1, 4), st.integers(1, 4), st.integers(0, 99))
def test_the_gradient_is_right(batch, d, m, seed):
    rng = np.random.default_rng(seed)
    check_op(
        linear_forward, rng.standard_normal((*batch, d)), rng.standard_normal((d, m)), rng.standard_normal(m)
    ).assert_ok()


def test_an_empty_batch_gives_empty_outputs_and_zero_gradients():
    y, cache = linear_forward(np.ones((0, 3)), np.ones((3, 2)), np.ones(2))
    grads = linear_backward(y, cache)
    assert (y.shape, grads.dx.shape) == ((0, 2), (0, 3))
    assert not grads.dw.any()
    assert not grads.db.any()


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (
            ((2, 4), (3, 5), 5),
            r"linear: x is \(\.\.\., D\) = \(2, 4\) but w is \(D, M\) = \(3, 5\); their D differ",
        ),
        (((2, 3), (3, 5), 4), r"linear: b is \(4,\) but \(M,\) = \(5,\) is needed"),
        (((2, 3), (3,), 4), r"linear: w has 1 axes, shape \(3,\), but w is \(D, M\)"),
        (((), (3, 5), 5), r"linear: x is \(\.\.\., D\) = \(\)"),
    ],
)
def test_shapes_that_do_not_fit_are_named(shapes, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        linear_forward(*(np.ones(shape) for shape in shapes))


def test_dtypes_that_differ_are_named():
    with pytest.raises(
        TypeError, match=r"^linear: w is float32 but x is float64; pass w\.astype\(np\.float64\)"
    ):
        linear_forward(np.ones((2, 3)), np.ones((3, 5), np.float32), np.ones(5))
    with pytest.raises(TypeError, match=r"^linear: x is int64 but float32 or float64 is needed"):
        linear_forward(np.ones((2, 3), np.int64), np.ones((3, 5)), np.ones(5))


def test_an_upstream_that_does_not_fit_is_named():
    _, cache = linear_forward(np.ones((2, 3)), np.ones((3, 5)), np.ones(5))
    with pytest.raises(ValueError, match=r"^linear: dy is \(2, 3\) but the forward's output was \(2, 5\)"):
        linear_backward(np.ones((2, 3)), cache)
    with pytest.raises(TypeError, match=r"^linear: dy is float32 but the forward was float64"):
        linear_backward(np.ones((2, 5), np.float32), cache)
