"""Dropout."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicap.gradcheck import check_op
from minicap.ops import dropout_backward, dropout_forward


class Fixed(np.random.Generator):
    """A generator whose draws are written down."""

    def random(self, size=None, dtype=np.float64, out=None):
        return np.array([0.1, 0.25, 0.5, 0.9], dtype)


def test_a_value_worked_by_hand():
    y, cache = dropout_forward(np.array([1.0, 2.0, 3.0, 4.0]), p=0.25, rng=Fixed(np.random.PCG64()))
    np.testing.assert_allclose(y, [0, 8 / 3, 4, 16 / 3], rtol=1e-15)  # only 0.1 is below p; the rest / 0.75
    np.testing.assert_allclose(dropout_backward(np.full(4, 3.0), cache).dx, [0, 4, 4, 4], rtol=1e-15)


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_so_many_are_dropped_and_the_mean_stays(p):
    y, _ = dropout_forward(np.ones(100_000), p=p, rng=np.random.default_rng(1))
    assert (y == 0).mean() == pytest.approx(p, abs=0.01)
    assert y.mean() == pytest.approx(1, abs=0.05)
    assert np.unique(y).tolist() == pytest.approx([0, 1 / (1 - p)])


def test_the_same_generator_state_drops_the_same(rng):
    x = rng.standard_normal((20, 3))
    one, two = (dropout_forward(x, rng=np.random.default_rng(7))[0] for _ in range(2))
    np.testing.assert_array_equal(one, two)
    single = dropout_forward(x.astype(np.float32), rng=np.random.default_rng(7))[0]
    np.testing.assert_array_equal(single == 0, one == 0)


def test_two_draws_from_one_generator_differ(rng):
    x = np.ones(50)
    assert (dropout_forward(x, rng=rng)[0] != dropout_forward(x, rng=rng)[0]).any()


@pytest.mark.parametrize("options", [{"training": False}, {"p": 0.0}])
def test_nothing_is_dropped(options, rng):
    x = rng.standard_normal((3, 4))
    y, cache = dropout_forward(x, **options)
    np.testing.assert_array_equal(y, x)
    assert not np.shares_memory(y, x)
    np.testing.assert_array_equal(dropout_backward(x, cache).dx, x)


def test_everything_is_dropped_at_p_one(rng):
    y, cache = dropout_forward(np.ones(10), p=1.0, rng=rng)
    assert not y.any()
    assert not dropout_backward(np.ones(10), cache).dx.any()


@given(
    st.lists(st.integers(1, 4), max_size=3),
    st.sampled_from([0.0, 0.3, 0.8, 1.0]),
    st.booleans(),
    st.integers(0, 99),
)
def test_the_gradient_is_right(shape, p, training, seed):
    rng = np.random.default_rng(seed)
    x = np.asarray(rng.standard_normal(shape))
    check_op(dropout_forward, x, p=p, training=training, rng=rng).assert_ok()


@pytest.mark.parametrize("p", [-0.1, 1.5, float("nan")])
def test_a_p_that_is_no_probability_is_named(p):
    with pytest.raises(ValueError, match=f"^dropout: p is {p} but a probability from 0 to 1 is needed"):
        dropout_forward(np.ones(3), p=p)


def test_a_missing_generator_is_named():
    with pytest.raises(ValueError, match=r"^dropout: training draws at random; pass rng="):
        dropout_forward(np.ones(3))


def test_an_upstream_that_does_not_fit_is_named():
    _, cache = dropout_forward(np.ones((2, 3)), training=False)
    with pytest.raises(ValueError, match=r"^dropout: dy is \(3, 2\) but the forward's output was \(2, 3\)"):
        dropout_backward(np.ones((3, 2)), cache)
