"""Batch normalisation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicap.gradcheck import check_op
from minicap.ops import batch_norm_backward, batch_norm_forward

CASES = {  # x, options
    "vectors": ((5, 3), {}),
    "two vectors": ((2, 3), {}),
    "images": ((3, 2, 4, 3), {}),
    "one image": ((1, 3, 2, 5), {}),
    "one channel": ((4, 1, 2, 2), {}),
    "sequences": ((2, 3, 7), {}),
    "volumes": ((2, 2, 2, 3, 2), {}),
    "a large eps": ((4, 3), {"eps": 0.5}),
}


def draw(rng, shape):
    """Return images, scales and shifts that are neither 0 nor 1."""
    return rng.standard_normal(shape), rng.uniform(0.5, 2, shape[1]), rng.standard_normal(shape[1])


def running(rng, channels, dtype="float64"):
    """Return running statistics as options."""
    mean, var = rng.standard_normal(channels).astype(dtype), rng.uniform(0.5, 2, channels).astype(dtype)
    return {"running_mean": mean, "running_var": var, "training": False}


def test_a_value_worked_by_hand(kernels):
    x = np.array([[1.0], [3.0], [5.0], [7.0]])  # mean 4, variance 5; 5 + eps = 9
    y, cache = batch_norm_forward(x, np.array([6.0]), np.array([10.0]), eps=4.0)
    np.testing.assert_allclose(y, [[4], [8], [12], [16]], rtol=1e-15)  # 10 + 6 * (-3, -1, 1, 3) / 3
    assert (cache.mean.tolist(), cache.var.tolist(), cache.size) == ([4.0], [5.0], 4)
    grads = batch_norm_backward(np.array([[3.0], [0.0], [0.0], [1.0]]), cache)
    assert grads.dbeta.tolist() == [4.0]
    np.testing.assert_allclose(grads.dgamma, [-2], rtol=1e-15)  # 3 * -1 + 1 * 1
    # 6/3 * (dy - 4/4 - x_hat * -2/4), x_hat = -1, -1/3, 1/3, 1
    np.testing.assert_allclose(grads.dx, [[3], [-7 / 3], [-5 / 3], [1]], rtol=1e-14)


def test_inference_worked_by_hand(kernels):
    statistics = {"running_mean": np.array([1.0]), "running_var": np.array([5.0]), "training": False}
    x = np.array([[1.0], [4.0]])
    y, cache = batch_norm_forward(x, np.array([6.0]), np.array([10.0]), eps=4.0, **statistics)
    np.testing.assert_allclose(y, [[10], [16]], rtol=1e-15)
    grads = batch_norm_backward(np.array([[3.0], [1.0]]), cache)
    np.testing.assert_allclose(grads.dx, [[6], [2]], rtol=1e-15)  # dy * 6/3: the statistics do not move
    np.testing.assert_allclose((grads.dgamma, grads.dbeta), ([1], [4]), rtol=1e-15)


@pytest.mark.parametrize("case", ["vectors", "images", "sequences", "inference"])
def test_it_agrees_with_pytorch(case, kernels, agrees_with_torch, golden):
    if case == "inference":
        statistics = {key: golden[f"batch_norm/inference/{key}"] for key in ("running_mean", "running_var")}

        def forward(x, gamma, beta, training, eps):
            return batch_norm_forward(x, gamma, beta, training=training, eps=eps, **statistics)
    else:
        forward = batch_norm_forward
    agrees_with_torch(f"batch_norm/{case}", forward, batch_norm_backward, "x", "gamma", "beta")


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("training", [True, False])
def test_the_gradient_is_right(name, training, rng, kernels):
    shape, options = CASES[name]
    if not training:
        options = options | running(rng, shape[1])
    check_op(batch_norm_forward, *draw(rng, shape), **options).assert_ok()


@given(
    n=st.integers(1, 4),
    c=st.integers(1, 3),
    rest=st.lists(st.integers(1, 4), max_size=2),
    training=st.booleans(),
    seed=st.integers(0, 99),
)
def test_the_gradient_is_right_at_any_shape(kernels, n, c, rest, training, seed):
    rng = np.random.default_rng(seed)
    n += training and n * int(np.prod(rest)) < 2
    options = {} if training else running(rng, c)
    check_op(batch_norm_forward, *draw(rng, (n, c, *rest)), **options).assert_ok()


@pytest.mark.parametrize("name", CASES)
def test_every_channel_comes_out_with_the_mean_and_deviation_asked_for(name, rng, kernels):
    shape, _ = CASES[name]
    x, gamma, beta = draw(rng, shape)
    y, cache = batch_norm_forward(x, gamma, beta, eps=1e-12)
    axes = (0, *range(2, len(shape)))
    np.testing.assert_allclose(y.mean(axis=axes), beta, atol=1e-9)
    np.testing.assert_allclose(y.std(axis=axes), gamma, rtol=1e-6)
    np.testing.assert_allclose(cache.mean, x.mean(axis=axes), rtol=1e-12)
    np.testing.assert_allclose(cache.var, x.var(axis=axes), rtol=1e-12)
    unbiased = cache.var * cache.size / (cache.size - 1)
    np.testing.assert_allclose(unbiased, x.var(axis=axes, ddof=1), rtol=1e-12)


def test_shift_and_scale_of_the_input_change_nothing(rng, kernels):
    x, gamma, beta = draw(rng, (6, 3, 2, 2))
    y, _ = batch_norm_forward(x, gamma, beta, eps=1e-12)
    shift = np.array([5.0, -70.0, 0.0]).reshape(3, 1, 1)
    moved, cache = batch_norm_forward(3 * x + shift, gamma, beta, eps=1e-12)
    np.testing.assert_allclose(moved, y, atol=1e-11)
    dy = rng.standard_normal(y.shape)
    dx = batch_norm_backward(dy, cache).dx  # so the gradient has no part along either
    np.testing.assert_allclose(dx.sum(axis=(0, 2, 3)), 0, atol=1e-12)
    np.testing.assert_allclose((dx * x).sum(axis=(0, 2, 3)), 0, atol=1e-10)


def test_inference_is_an_affine_map_of_every_image_alone(rng, kernels):
    x, gamma, beta = draw(rng, (4, 3, 2, 5))
    statistics = running(rng, 3)
    y, _ = batch_norm_forward(x, gamma, beta, **statistics)
    scale = gamma / np.sqrt(statistics["running_var"] + 1e-5)
    shift = beta - statistics["running_mean"] * scale
    np.testing.assert_allclose(y, x * scale[:, None, None] + shift[:, None, None], rtol=1e-12, atol=1e-13)
    for n in range(4):
        alone, _ = batch_norm_forward(x[n : n + 1], gamma, beta, **statistics)
        np.testing.assert_array_equal(alone[0], y[n])
    assert batch_norm_forward(x[:0], gamma, beta, **statistics)[0].shape == (0, 3, 2, 5)


def test_the_batchs_own_statistics_as_running_ones_give_the_same_output(rng, kernels):
    x, gamma, beta = draw(rng, (4, 3, 2, 5))
    y, cache = batch_norm_forward(x, gamma, beta)
    fixed = {"running_mean": cache.mean, "running_var": cache.var, "training": False}
    again, fixed_cache = batch_norm_forward(x, gamma, beta, **fixed)
    np.testing.assert_allclose(again, y, rtol=1e-12, atol=1e-14)
    dy = rng.standard_normal(y.shape)
    grads, fixed_grads = batch_norm_backward(dy, cache), batch_norm_backward(dy, fixed_cache)
    np.testing.assert_allclose(fixed_grads.dgamma, grads.dgamma, rtol=1e-11)
    assert np.abs(fixed_grads.dx - grads.dx).max() > 0.01  # but the statistics no longer follow x


def test_running_statistics_are_not_read_while_training(rng, kernels):
    x, gamma, beta = draw(rng, (4, 3))
    ignored = {"running_mean": np.full(3, np.nan), "running_var": np.full(3, np.nan)}
    y, _ = batch_norm_forward(x, gamma, beta, **ignored)
    np.testing.assert_array_equal(y, batch_norm_forward(x, gamma, beta)[0])


def test_a_layer_may_update_its_statistics_before_the_backward(rng, kernels):
    x, gamma, beta = draw(rng, (4, 3))
    statistics = running(rng, 3)
    y, cache = batch_norm_forward(x, gamma, beta, **statistics)
    before = batch_norm_backward(np.ones_like(y), cache)
    statistics["running_mean"] += 1
    statistics["running_var"] += 1
    for one, other in zip(batch_norm_backward(np.ones_like(y), cache), before, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("shape", [(64, 3), (8, 3, 6, 5)])
def test_float32_keeps_its_digits_where_the_mean_is_large(shape, rng, kernels):
    x, gamma, beta = (array.astype(np.float32) for array in draw(rng, shape))
    x += np.float32(1e3)  # with deviation 1: the shortcut mean(x**2) - mean**2 would keep hardly a digit
    exact = [array.astype(np.float64) for array in (x, gamma, beta)]
    (y, cache), (exact_y, exact_cache) = batch_norm_forward(x, gamma, beta), batch_norm_forward(*exact)
    assert y.dtype == np.float32
    np.testing.assert_allclose(y, exact_y, rtol=2e-6, atol=2e-6)
    np.testing.assert_allclose(cache.mean, exact_cache.mean, rtol=1e-7)
    np.testing.assert_allclose(cache.var, exact_cache.var, rtol=1e-6)
    dy = rng.standard_normal(shape)
    found = batch_norm_backward(dy.astype(np.float32), cache)
    for one, other in zip(found, batch_norm_backward(dy, exact_cache), strict=True):
        # The backward knows the mean to float32, 3e-5 of a deviation here.
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-4 * np.abs(other).max())


def test_a_channel_of_equal_values_gives_its_shift(kernels):
    x = np.full((4, 1, 3, 3), 0.1, np.float32)
    y, cache = batch_norm_forward(x, np.ones(1, np.float32), np.full(1, 2, np.float32))
    np.testing.assert_allclose(y, 2, rtol=1e-5)
    assert np.isfinite(batch_norm_backward(np.ones_like(x), cache).dx).all()


def test_what_is_not_finite_spoils_its_channel_only(rng, kernels):
    x, gamma, beta = draw(rng, (4, 3))
    x[1, 2] = np.nan
    y, _ = batch_norm_forward(x, gamma, beta)
    assert np.isnan(y).all(axis=0).tolist() == [False, False, True]
    assert np.isfinite(y[:, :2]).all()


ERRORS = {
    "one value": ((1, 3), {}, r"x \(1, 3\) has 1 value a channel, .* needs at least 2; use a larger batch"),
    "one pixel": ((1, 3, 1, 1), {}, r"x \(1, 3, 1, 1\) has 1 value a channel"),
    "no value": ((0, 3, 2, 2), {}, r"x \(0, 3, 2, 2\) has 0 values a channel"),
    "axes": ((3,), {}, r"x has 1 axes, shape \(3,\), but x is \(N, C, \.\.\.\)"),
    "gamma": ((4, 2), {}, r"gamma is \(3,\) but \(C,\) = \(2,\) is needed"),
    "beta": ((4, 3), {"beta": np.ones((3, 1))}, r"beta is \(3, 1\) but \(C,\) = \(3,\) is needed"),
    "no statistics": ((4, 3), {"training": False}, r"running_mean is missing; with training=False pass"),
    "no variance": ((4, 3), {"training": False, "running_mean": np.ones(3)}, "running_var is missing"),
    "running mean": (
        (4, 3), {"training": False, "running_mean": np.ones(4), "running_var": np.ones(3)},
        r"running_mean is \(4,\) but \(C,\) = \(3,\) is needed",
    ),
    "running variance": (
        (4, 3), {"training": False, "running_mean": np.ones(3), "running_var": np.ones(())},
        r"running_var is \(\) but",
    ),
    "eps": ((4, 3), {"eps": 0.0}, r"eps is 0\.0 but a number above 0 is needed"),
}  # fmt: skip


@pytest.mark.parametrize("name", ERRORS)
def test_arguments_that_do_not_fit_are_named(name):
    shape, options, message = ERRORS[name]
    parameters = {"gamma": np.ones(3), "beta": np.ones(3)} | options
    with pytest.raises(ValueError, match=f"^batch_norm: {message}"):
        batch_norm_forward(np.ones(shape), **parameters)


def test_dtypes_that_differ_are_named(rng):
    x, gamma, beta = draw(rng, (4, 3))
    with pytest.raises(
        TypeError, match=r"^batch_norm: gamma is float32 but x is float64; pass gamma\.astype"
    ):
        batch_norm_forward(x, gamma.astype(np.float32), beta)
    with pytest.raises(TypeError, match=r"^batch_norm: running_mean is float32 but x is float64"):
        batch_norm_forward(x, gamma, beta, **running(rng, 3, "float32"))


def test_an_upstream_that_does_not_fit_is_named(rng):
    _, cache = batch_norm_forward(*draw(rng, (4, 3)))
    with pytest.raises(
        ValueError, match=r"^batch_norm: dy is \(3, 4\) but the forward's output was \(4, 3\)"
    ):
        batch_norm_backward(np.ones((3, 4)), cache)
    with pytest.raises(TypeError, match=r"^batch_norm: dy is float32 but the forward was float64"):
        batch_norm_backward(np.ones((4, 3), np.float32), cache)
