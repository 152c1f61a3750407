"""Normalisation kernels: worked values, exact statistics as an oracle, derivatives, and agreement of the sets."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicap import use_kernels
from minicap.kernels import kernel_threads, norm

EPS = 1e-5
# (N, C, S): one pixel an image, fewer than a vector of them, exactly one, one and a rest, one image, one channel
SHAPES = [(5, 3, 1), (2, 3, 5), (3, 2, 8), (2, 3, 21), (1, 4, 17), (4, 1, 9)]
SMALL = st.tuples(st.integers(1, 4), st.integers(1, 4), st.sampled_from([1, 2, 7, 8, 9, 33]))
DTYPES = st.sampled_from(["float32", "float64"])


def draw(rng: np.random.Generator, *shapes: tuple[int, ...], dtype: str = "float64") -> list[np.ndarray]:
    """Return random arrays."""
    return [rng.standard_normal(shape).astype(dtype) for shape in shapes]


def numerical(loss: Callable[[np.ndarray], float], x: np.ndarray) -> np.ndarray:
    """Return the gradient by central differences."""
    gradient, step = np.empty_like(x), 1e-5
    for i in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[i] += step
        down[i] -= step
        gradient[i] = (loss(up) - loss(down)) / (2 * step)
    return gradient


def oracle(x: np.ndarray, axes: tuple[int, ...]) -> list[np.ndarray]:
    """Return x_hat, mean, variance and inv_std in the longest float there is, axes kept."""
    x = x.astype(np.longdouble)
    mean, var = x.mean(axis=axes, keepdims=True), x.var(axis=axes, keepdims=True)
    return [(x - mean) / np.sqrt(var + EPS), mean, var, 1 / np.sqrt(var + EPS)]


def rounding(dtype: str, mean: float) -> float:
    """Return the error allowed in x_hat; no wider float keeps what a float64 mean loses."""
    return np.finfo(dtype).eps * (20 + (10 * mean if dtype == "float64" else 0))


def test_a_batch_worked_by_hand(kernels):
    x = np.array([[[1.0, 3.0], [0.0, 0.0]], [[5.0, 7.0], [0.0, 4.0]]])  # means 4 and 1, variances 5 and 3
    y, mean, var, inv_std = norm.batch_norm_forward(x, np.array([2.0, 1.0]), np.array([0.5, 10.0]), 4.0)
    np.testing.assert_allclose((mean, var, inv_std), ([4, 1], [5, 3], [1 / 3, 7**-0.5]), rtol=1e-15)
    np.testing.assert_allclose(y[:, 0], [[-1.5, -1 / 6], [7 / 6, 2.5]], rtol=1e-14)
    np.testing.assert_allclose(y[:, 1], 10 + np.array([[-1, -1], [-1, 3]]) / 7**0.5, rtol=1e-14)


def test_a_row_worked_by_hand(kernels):
    y, mean, inv_std = norm.layer_norm_forward(
        np.array([[1.0, 3.0, 5.0, 7.0]]), np.array([2.0, 1.0, 1.0, 0.0]), np.array([0.0, 0.0, 9.0, 1.0]), 4.0
    )
    np.testing.assert_allclose((mean[0], inv_std[0]), (4, 1 / 3), rtol=1e-15)
    np.testing.assert_allclose(y, [[-2, -1 / 3, 9 + 1 / 3, 1]], rtol=1e-14)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("mean", [0, 1e3])
def test_a_batch_is_normalised_to_rounding(kernels, rng, shape, dtype, mean):
    """Also where the mean is large: two passes, and a float32 mean is taken away before it is rounded."""
    x = draw(rng, shape, dtype=dtype)[0] + np.dtype(dtype).type(mean)
    x_hat, *statistics = oracle(x, (0, 2))
    ones, eps = np.ones(shape[1], dtype), np.finfo(dtype).eps
    y, *found = norm.batch_norm_forward(x, ones, 0 * ones, EPS)
    np.testing.assert_allclose(y, x_hat, rtol=0, atol=rounding(dtype, mean))
    for one, other in zip(found, statistics, strict=True):
        np.testing.assert_allclose(one, other.reshape(-1), rtol=10 * eps, atol=eps)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("mean", [0, 1e3])
@pytest.mark.parametrize("shape", [(4, 2), (3, 8), (5, 21)])
def test_rows_are_normalised_to_rounding(kernels, rng, shape, dtype, mean):
    x = draw(rng, shape, dtype=dtype)[0] + np.dtype(dtype).type(mean)
    ones, eps = np.ones(shape[1], dtype), np.finfo(dtype).eps
    y, _, inv_std = norm.layer_norm_forward(x, ones, 0 * ones, EPS)
    x_hat, _, _, expected = oracle(x, (1,))
    np.testing.assert_allclose(y, x_hat, rtol=0, atol=rounding(dtype, mean))
    np.testing.assert_allclose(inv_std, expected[:, 0], rtol=10 * eps)


def test_many_values_lose_no_digits(kernels, rng):
    """A sum of 200,000 values in float32 alone would be off in the fourth digit."""
    x = (draw(rng, (20, 1, 10_000))[0] * 0.01 + 1000).astype(np.float32)
    _, mean, var, _ = norm.batch_norm_forward(x, np.ones(1, np.float32), np.zeros(1, np.float32), EPS)
    np.testing.assert_allclose(mean, x.mean(dtype=np.float64), rtol=1e-7)
    np.testing.assert_allclose(var, x.var(dtype=np.float64), rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("outlier", [1e3, -1e6])
def test_the_variance_does_not_suffer_from_an_outlier_in_front(every_set, rng, dtype, outlier):
    """One pass shifts values by the first of them, wherever it lies."""
    eps = np.finfo(dtype).eps
    bound = 4 * eps if dtype == "float32" else 260 * eps  # 525 values of 2100 a lane, each rounded by eps / 2
    x = draw(rng, (3, 2, 700), dtype=dtype)[0] + np.dtype(dtype).type(5)
    x[0, :, 0] = outlier
    ones, (_, mean, var, _) = np.ones(2, dtype), oracle(x, (0, 2))
    _, found_mean, found_var, _ = norm.batch_norm_forward(x, ones, 0 * ones, EPS)
    np.testing.assert_allclose(found_mean, mean.reshape(-1), rtol=bound)
    np.testing.assert_allclose(found_var, var.reshape(-1), rtol=bound)
    y, row_mean, inv_std = norm.layer_norm_forward(x[0], np.ones(700, dtype), np.zeros(700, dtype), EPS)
    expected, row, _, std = oracle(x[0], (1,))
    np.testing.assert_allclose(row_mean, row[:, 0], rtol=bound)
    np.testing.assert_allclose(inv_std, std[:, 0], rtol=bound)
    np.testing.assert_allclose(y, expected, rtol=0, atol=2 * bound * float(np.abs(expected).max()))


def test_a_result_larger_than_the_caches_is_the_same(build, rng):
    """Written past the caches, from wherever a channel starts in memory."""
    x, dy = draw(rng, (4, 3, 180_001), (4, 3, 180_001), dtype="float32")  # 8.6 MB
    gamma, beta = draw(rng, 3, 3, dtype="float32")
    y, mean, _, inv_std = norm.batch_norm_forward(x, gamma, beta, EPS)
    x_hat = oracle(x, (0, 2))[0]
    np.testing.assert_allclose(y, gamma[:, None] * x_hat + beta[:, None], atol=5e-6)
    np.testing.assert_allclose(norm.batch_norm_apply(x, mean, inv_std, gamma, beta), y, atol=5e-6)
    dx, dgamma, dbeta = norm.batch_norm_backward(dy, x, mean, inv_std, gamma, True)
    one = [norm.batch_norm_backward(*(np.ascontiguousarray(a[:, c : c + 1]) for a in (dy, x)), *(
        a[c : c + 1] for a in (mean, inv_std, gamma)), True) for c in range(3)]  # fmt: skip
    for k, found in enumerate((dx, dgamma, dbeta)):
        expected = np.concatenate([grads[k] for grads in one], axis=1 if k == 0 else 0)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_an_empty_batch_has_gradients_of_zero(every_set):
    gamma = np.ones(3)
    dx, dgamma, dbeta = norm.batch_norm_backward(*[np.empty((0, 3, 5))] * 2, gamma, gamma, gamma, False)
    assert (dx.shape, dgamma.tolist(), dbeta.tolist()) == ((0, 3, 5), [0] * 3, [0] * 3)
    dx, dgamma, dbeta = norm.layer_norm_backward(*[np.empty((0, 3))] * 2, *[np.empty(0)] * 2, gamma)
    assert (dx.shape, dgamma.tolist(), dbeta.tolist()) == ((0, 3), [0] * 3, [0] * 3)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(1, 300), (40, 33), (1088, 20)])
def test_layer_norm_does_not_depend_on_threads(build, rng, shape, dtype):
    x, dy, gamma = draw(rng, shape, shape, shape[1:], dtype=dtype)
    _, mean, inv_std = norm.layer_norm_forward(x, gamma, gamma, EPS)
    results = []
    for threads in (1, 2, 3):
        with kernel_threads(threads):
            results.append(norm.layer_norm_backward(dy, x, mean, inv_std, gamma))
    for other in results[1:]:
        assert all(np.array_equal(one, two) for one, two in zip(results[0], other, strict=True))


def test_given_statistics_are_an_affine_map(kernels, rng):
    x, mean, inv_std, gamma, beta = draw(rng, (3, 4, 9), 4, 4, 4, 4)
    y = norm.batch_norm_apply(x, mean, inv_std, gamma, beta)
    scale = gamma * inv_std
    np.testing.assert_allclose(y, x * scale[:, None] + (beta - mean * scale)[:, None], rtol=1e-11, atol=1e-12)
    assert norm.batch_norm_apply(x[:0], mean, inv_std, gamma, beta).shape == (0, 4, 9)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_batchs_backward_is_the_derivative(kernels, rng, shape, training):
    x, dy, gamma, beta, fixed_mean, fixed_std = draw(rng, shape, shape, *[shape[1:2]] * 4)

    def loss(x, gamma, beta):
        x_hat = oracle(x, (0, 2))[0] if training else (x - fixed_mean[:, None]) * fixed_std[:, None]
        return float(np.sum(dy * (gamma[:, None] * x_hat + beta[:, None])))

    _, mean, _, inv_std = norm.batch_norm_forward(x, gamma, beta, EPS)
    statistics = (mean, inv_std) if training else (fixed_mean, fixed_std)
    dx, dgamma, dbeta = norm.batch_norm_backward(dy, x, *statistics, gamma, training)
    np.testing.assert_allclose(dx, numerical(lambda x: loss(x, gamma, beta), x), atol=1e-7)
    np.testing.assert_allclose(dgamma, numerical(lambda gamma: loss(x, gamma, beta), gamma), atol=1e-7)
    np.testing.assert_allclose(dbeta, dy.sum(axis=(0, 2)), rtol=1e-12)


@pytest.mark.parametrize("shape", [(4, 2), (3, 8), (5, 21), (1, 9)])
def test_the_rows_backward_is_the_derivative(kernels, rng, shape):
    x, dy, gamma, beta = draw(rng, shape, shape, shape[1:], shape[1:])

    def loss(x, gamma):
        return float(np.sum(dy * (gamma * oracle(x, (1,))[0] + beta)))

    _, mean, inv_std = norm.layer_norm_forward(x, gamma, beta, EPS)
    dx, dgamma, dbeta = norm.layer_norm_backward(dy, x, mean, inv_std, gamma)
    np.testing.assert_allclose(dx, numerical(lambda x: loss(x, gamma), x), atol=1e-6)
    np.testing.assert_allclose(dgamma, numerical(lambda gamma: loss(x, gamma), gamma), atol=1e-7)
    np.testing.assert_allclose(dbeta, dy.sum(axis=0), rtol=1e-12)


@given(shape=SMALL, training=st.booleans(), dtype=DTYPES, seed=st.integers(0, 99))
def test_both_sets_agree(build, shape, training, dtype, seed):
    rng, results = np.random.default_rng(seed), []
    x, dy, gamma, beta = draw(rng, shape, shape, shape[1:2], shape[1:2], dtype=dtype)
    row_x, row_dy = (np.ascontiguousarray(a[0].T) for a in (x, dy))  # (S, C), rows of C
    for name in ("reference", "compiled"):
        with use_kernels(name):
            y, mean, var, inv_std = norm.batch_norm_forward(x, gamma, beta, EPS)
            applied = norm.batch_norm_apply(x, beta, gamma, gamma, beta)
            grads = norm.batch_norm_backward(dy, x, beta, gamma, gamma, training)
            row_y, *statistics = norm.layer_norm_forward(row_x, gamma, beta, 0.1)
            row_grads = norm.layer_norm_backward(row_dy, row_x, *statistics, gamma)
        results.append((y, mean, var, inv_std, applied, *grads, row_y, *statistics, *row_grads))
    for one, other in zip(*results, strict=True):
        assert one.dtype == other.dtype == dtype
        bound = 100 * np.finfo(dtype).eps * max(1, np.abs(one).max())
        np.testing.assert_allclose(one, other, rtol=0, atol=bound)
