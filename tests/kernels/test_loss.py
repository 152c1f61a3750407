"""Loss kernels: worked values, extremes, the error of exp, and agreement of the sets at any shape."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicap import use_kernels
from minicap.kernels import loss

DTYPES = st.sampled_from(["float32", "float64"])
WIDTHS = st.sampled_from([1, 2, 3, 7, 8, 15, 16, 17, 33, 64, 70, 130, 1100])


def test_log_softmax_worked_by_hand(every_set):
    found = loss.log_softmax(np.log(np.array([[1.0, 2.0, 5.0], [3.0, 3.0, 3.0]])))
    np.testing.assert_allclose(found, np.log([[1 / 8, 1 / 4, 5 / 8], [1 / 3, 1 / 3, 1 / 3]]), rtol=1e-14)


def test_the_gradient_worked_by_hand(every_set):
    log_probs = np.log(np.array([[0.25, 0.75], [0.5, 0.5], [0.1, 0.9]]))
    targets, kept = np.array([1, 0, 0]), np.array([True, True, False])
    plain = loss.cross_entropy_backward(log_probs, targets, kept, 2.0, 0.0)
    np.testing.assert_allclose(plain, [[0.5, -0.5], [-1, 1], [0, 0]], rtol=1e-14)
    smoothed = loss.cross_entropy_backward(log_probs, targets, kept, 1.0, 0.5)  # q = 1/4, 3/4
    np.testing.assert_allclose(smoothed, [[0, 0], [-0.25, 0.25], [0, 0]], atol=1e-15)


@given(
    m=st.integers(0, 4),
    v=WIDTHS,
    dtype=DTYPES,
    smoothing=st.sampled_from([0.0, 0.3, 1.0]),
    seed=st.integers(0, 99),
)
def test_both_sets_agree(build, m, v, dtype, smoothing, seed):
    rng, results = np.random.default_rng(seed), []
    x = (rng.standard_normal((m, v)) * rng.choice([0.1, 10, 300])).astype(dtype)
    targets, kept = rng.integers(0, v, m), rng.random(m) < 0.7
    for name in ("reference", "compiled"):
        with use_kernels(name):
            log_probs = loss.log_softmax(x)
            results.append((log_probs, loss.cross_entropy_backward(log_probs, targets, kept, 0.5, smoothing)))
    (log_probs, dx), (found, found_dx) = results
    eps = np.finfo(dtype).eps
    assert (found.dtype, found_dx.dtype, found.shape) == (dtype, dtype, x.shape)
    # Both round x - max and the logarithm; dx is a difference of numbers up to 1, halved.
    np.testing.assert_allclose(found, log_probs, rtol=2 * eps, atol=8 * eps)
    np.testing.assert_allclose(
        found_dx, dx, rtol=20 * eps + 2 * eps * float(np.abs(x).max(initial=0)), atol=4 * eps
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("v", [2, 16, 19, 67])
def test_extremes(every_set, dtype, v):
    """Impossible words, rows without a possible one, infinite and missing numbers."""
    x = np.zeros((5, v), dtype)
    x[0, 1:], x[1], x[2, -1], x[3, 0], x[4, 0] = -np.inf, -np.inf, np.inf, np.nan, 1e4
    with np.errstate(invalid="ignore", divide="ignore"):
        found = loss.log_softmax(x)
    assert found[0].tolist() == [0, *[-np.inf] * (v - 1)]
    assert np.isnan(found[1:4]).all()
    assert found[4].tolist() == [0, *[-1e4] * (v - 1)]
    dx = loss.cross_entropy_backward(found, np.zeros(5, int), np.array([1, 0, 0, 0, 1], bool), 1.0, 0.0)
    assert not dx.any()


@pytest.mark.parametrize(("dtype", "least"), [("float32", -104), ("float64", -746)])
def test_exp_is_right_to_two_units_in_the_last_place(build, dtype, least):
    """Down to where it is zero: the gradient at words that are no targets is exp(log_prob), times 1."""
    x = np.concatenate([np.linspace(least, 0, 40_000), -np.geomspace(1e-9, 50, 20_000)]).astype(dtype)
    rows = np.concatenate([np.zeros((60, 1), dtype), x.reshape(60, 1000)], axis=1)
    dx = loss.cross_entropy_backward(rows, np.zeros(60, int), np.ones(60, bool), 1.0, 0.0)[:, 1:]
    exact = np.exp(rows[:, 1:].astype(np.longdouble))
    unit = np.spacing(exact.astype(dtype)).astype(np.longdouble)
    assert np.max(np.abs(dx - exact) / unit) < 2


def test_a_result_larger_than_the_caches_is_the_same(build):
    """Written past the caches, row by row from wherever it starts in memory."""
    x = np.random.default_rng(3).standard_normal((130, 65_537)).astype(np.float32)  # 34 MB
    with use_kernels("compiled"):
        found, few = loss.log_softmax(x), loss.log_softmax(x[:3])
        dx, few_dx = (
            loss.cross_entropy_backward(p, np.arange(len(p)), np.ones(len(p), bool), 1.0, 0.1)
            for p in (found, few)
        )
    np.testing.assert_array_equal(found[:3], few)
    np.testing.assert_array_equal(dx[:3], few_dx)
    np.testing.assert_allclose(dx.sum(axis=1, dtype=float), 0, atol=1e-5)
