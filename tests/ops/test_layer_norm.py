"""Layer normalisation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicap.gradcheck import check_op
from minicap.ops import batch_norm_backward, batch_norm_forward, layer_norm_backward, layer_norm_forward

SHAPES = {
    "one vector": (4,),
    "a batch": (3, 5),
    "over time": (2, 3, 4),
    "pairs": (4, 2),
    "four axes": (2, 1, 2, 6),
}


def draw(rng, shape):
    """Return vectors, scales and shifts that are neither 0 nor 1."""
    return rng.standard_normal(shape), rng.uniform(0.5, 2, shape[-1]), rng.standard_normal(shape[-1])


def test_a_value_worked_by_hand(kernels):
    x = np.array([[1.0, 3.0, 5.0, 7.0]])  # mean 4, variance 5; 5 + eps = 9, x_hat = -1, -1/3, 1/3, 1
    gamma, beta = np.array([1.0, 3.0, 6.0, 0.0]), np.array([0.0, 2.0, 0.0, 4.0])
    y, cache = layer_norm_forward(x, gamma, beta, eps=4.0)
    np.testing.assert_allclose(y, [[-1, 1, 2, 4]], rtol=1e-15)
    grads = layer_norm_backward(np.array([[3.0, 0.0, 0.5, 9.0]]), cache)
    # g = dy * gamma = 3, 0, 3, 0: mean 3/2, mean(g * x_hat) = (-3 + 1) / 4 = -1/2
    np.testing.assert_allclose(grads.dx, np.array([[1, -5 / 3, 5 / 3, -1]]) / 3, rtol=1e-14)
    np.testing.assert_allclose(grads.dgamma, [-3, 0, 1 / 6, 9], rtol=1e-15)
    assert grads.dbeta.tolist() == [3.0, 0.0, 0.5, 9.0]


@pytest.mark.parametrize("case", ["batch", "over time"])
def test_it_agrees_with_pytorch(case, kernels, agrees_with_torch):
    agrees_with_torch(f"layer_norm/{case}", layer_norm_forward, layer_norm_backward, "x", "gamma", "beta")


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("eps", [1e-5, 0.5])
def test_the_gradient_is_right(name, eps, rng, kernels):
    check_op(layer_norm_forward, *draw(rng, SHAPES[name]), eps=eps).assert_ok()


@given(batch=st.lists(st.integers(1, 3), max_size=2), d=st.integers(1, 18), seed=st.integers(0, 99))
def test_the_gradient_is_right_at_any_shape(kernels, batch, d, seed):
    check_op(layer_norm_forward, *draw(np.random.default_rng(seed), (*batch, d)), eps=0.1).assert_ok()


@pytest.mark.parametrize("name", SHAPES)
def test_every_vector_comes_out_with_mean_0_and_deviation_1(name, rng, kernels):
    x, gamma, _ = draw(rng, SHAPES[name])
    y, _ = layer_norm_forward(x, np.ones_like(gamma), np.zeros_like(gamma), eps=1e-12)
    np.testing.assert_allclose(y.mean(axis=-1), 0, atol=1e-10)
    np.testing.assert_allclose(y.std(axis=-1), 1, rtol=1e-6)


def test_shift_and_scale_of_a_vector_change_nothing(rng, kernels):
    x, gamma, beta = draw(rng, (3, 6))
    y, _ = layer_norm_forward(x, gamma, beta, eps=1e-15)
    moved, cache = layer_norm_forward(x * [[3], [1], [0.5]] + [[5], [-70], [0]], gamma, beta, eps=1e-15)
    np.testing.assert_allclose(moved, y, atol=1e-10)
    dx = layer_norm_backward(
        rng.standard_normal(y.shape), cache
    ).dx  # so the gradient has no part along either
    np.testing.assert_allclose(dx.sum(axis=-1), 0, atol=1e-11)
    np.testing.assert_allclose((dx * x).sum(axis=-1), 0, atol=1e-10)


def test_every_vector_stands_alone(rng, kernels):
    x, gamma, beta = draw(rng, (5, 4, 7))
    y, _ = layer_norm_forward(x, gamma, beta)
    for n, t in np.ndindex(5, 4):
        np.testing.assert_array_equal(layer_norm_forward(x[n, t], gamma, beta)[0], y[n, t])
    assert layer_norm_forward(x[:0], gamma, beta)[0].shape == (0, 4, 7)


def test_it_is_batch_normalisation_of_the_transposed_array(rng, kernels):
    x, dy = rng.standard_normal((2, 5, 4))
    y, cache = layer_norm_forward(x, np.ones(4), np.zeros(4))
    turned, turned_cache = batch_norm_forward(x.T, np.ones(5), np.zeros(5))
    np.testing.assert_allclose(y, turned.T, rtol=1e-12, atol=1e-14)
    dx, turned_dx = layer_norm_backward(dy, cache).dx, batch_norm_backward(dy.T, turned_cache).dx
    np.testing.assert_allclose(dx, turned_dx.T, rtol=1e-10, atol=1e-13)


def test_float32_keeps_its_digits_where_the_mean_is_large(rng, kernels):
    x, gamma, beta = (array.astype(np.float32) for array in draw(rng, (6, 40)))
    x += np.float32(1e3)
    exact = [array.astype(np.float64) for array in (x, gamma, beta)]
    (y, cache), (exact_y, exact_cache) = layer_norm_forward(x, gamma, beta), layer_norm_forward(*exact)
    assert y.dtype == np.float32
    np.testing.assert_allclose(y, exact_y, rtol=2e-6, atol=2e-6)
    dy = rng.standard_normal(x.shape)
    found = layer_norm_backward(dy.astype(np.float32), cache)
    for one, other in zip(found, layer_norm_backward(dy, exact_cache), strict=True):
        # The backward knows the mean to float32, 3e-5 of a deviation here.
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-4 * np.abs(other).max())


def test_a_vector_of_equal_entries_gives_the_shift(kernels):
    y, cache = layer_norm_forward(np.full((2, 3), 0.1), np.ones(3), np.array([1.0, 2.0, 3.0]))
    np.testing.assert_allclose(y, [[1, 2, 3]] * 2, atol=1e-10)
    assert np.isfinite(layer_norm_backward(np.ones((2, 3)), cache).dx).all()


ERRORS = {
    "nothing": ((3, 0), {}, r"x \(\.\.\., D\) = \(3, 0\) has no entries to normalise"),
    "a number": ((), {}, r"x \(\.\.\., D\) = \(\) has no entries"),
    "gamma": ((3, 4), {"gamma": np.ones(3)}, r"gamma is \(3,\) but \(D,\) = \(4,\) is needed"),
    "beta": ((3, 4), {"beta": np.ones((3, 4))}, r"beta is \(3, 4\) but \(D,\) = \(4,\) is needed"),
    "eps": ((3, 4), {"eps": -1e-5}, "eps is -1e-05 but a number above 0 is needed"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_arguments_that_do_not_fit_are_named(name):
    shape, options, message = ERRORS[name]
    parameters = {"gamma": np.ones(4), "beta": np.ones(4)} | options
    with pytest.raises(ValueError, match=f"^layer_norm: {message}"):
        layer_norm_forward(np.ones(shape), **parameters)


def test_dtypes_and_upstreams_that_do_not_fit_are_named(rng):
    x, gamma, beta = draw(rng, (3, 4))
    with pytest.raises(TypeError, match=r"^layer_norm: beta is float32 but x is float64; pass beta\.astype"):
        layer_norm_forward(x, gamma, beta.astype(np.float32))
    _, cache = layer_norm_forward(x, gamma, beta)
    with pytest.raises(
        ValueError, match=r"^layer_norm: dy is \(4, 3\) but the forward's output was \(3, 4\)"
    ):
        layer_norm_backward(np.ones((4, 3)), cache)
