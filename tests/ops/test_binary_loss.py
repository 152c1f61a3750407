"""Sigmoid cross-entropy over independent targets."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, xlogy

from minicap.gradcheck import check_op
from minicap.ops import (
    sigmoid_binary_cross_entropy_backward,
    sigmoid_binary_cross_entropy_forward,
    softmax_cross_entropy_forward,
)

QUARTERS = np.array([0.0, math.log(3), -math.log(3)])  # p = 1/2, 3/4, 1/4


def check(logits, targets, **options):
    """Check the gradient; a closure keeps the targets, which may be floats, from being moved."""

    def forward(logits):
        return sigmoid_binary_cross_entropy_forward(logits, targets, **options)

    check_op(forward, logits, backward=sigmoid_binary_cross_entropy_backward).assert_ok()


def test_a_value_worked_by_hand():
    loss, cache = sigmoid_binary_cross_entropy_forward(QUARTERS, np.array([1, 0, 1]))
    assert loss == pytest.approx((math.log(2) + math.log(4) + math.log(4)) / 3, rel=1e-15)
    dlogits = sigmoid_binary_cross_entropy_backward(3.0, cache).dlogits  # 3/3 * (p - t)
    np.testing.assert_allclose(dlogits, [-1 / 2, 3 / 4, -3 / 4], rtol=1e-14)


def test_a_soft_and_masked_value_worked_by_hand():
    targets, mask = np.array([0.5, 0.25, 7.0]), np.array([True, True, False])
    loss, cache = sigmoid_binary_cross_entropy_forward(QUARTERS, targets, mask=mask)
    quarter = 0.25 * math.log(4 / 3) + 0.75 * math.log(4)
    assert loss == pytest.approx((math.log(2) + quarter) / 2, rel=1e-15)
    dlogits = sigmoid_binary_cross_entropy_backward(2.0, cache).dlogits
    np.testing.assert_allclose(dlogits, [0, 1 / 2, 0], rtol=1e-14, atol=1e-16)


@pytest.mark.parametrize("case", ["hard", "soft", "masked"])
def test_it_agrees_with_pytorch(case, agrees_with_torch):
    pair = (sigmoid_binary_cross_entropy_forward, sigmoid_binary_cross_entropy_backward)
    agrees_with_torch(f"sigmoid_binary_cross_entropy/{case}", *pair, "logits", "targets")


CASES = {  # shape, dtype of the targets, mask
    "one": ((1,), int, None),
    "tags": ((3, 4), int, None),
    "bool": ((2, 3), bool, None),
    "soft": ((3, 4), float, None),
    "a number": ((), float, None),
    "masked": ((2, 2), int, [[True, False], [True, True]]),
    "soft and masked": ((2, 2), float, [[True, False], [False, True]]),
    "nothing kept": ((3,), float, [False, False, False]),
}


@pytest.mark.parametrize("name", CASES)
def test_the_gradient_is_right(name, rng):
    shape, dtype, mask = CASES[name]
    targets = rng.random(shape) if dtype is float else rng.integers(0, 2, shape).astype(dtype)
    options = {} if mask is None else {"mask": np.array(mask)}
    check(np.asarray(rng.standard_normal(shape)), targets, **options)


def test_the_checker_finds_the_backward_by_itself_where_targets_are_integers(rng):
    logits, targets = rng.standard_normal((3, 4)), rng.integers(0, 2, (3, 4))
    check_op(sigmoid_binary_cross_entropy_forward, logits, targets, mask=targets >= 0).assert_ok()


@given(shape=st.lists(st.integers(1, 4), min_size=1, max_size=3), seed=st.integers(0, 99), soft=st.booleans())
def test_the_gradient_is_right_at_any_shape(shape, seed, soft):
    rng = np.random.default_rng(seed)
    targets = rng.random(shape) if soft else rng.integers(0, 2, shape)
    check(rng.standard_normal(shape) * 3, targets, mask=rng.random(shape) < 0.7)


def test_it_is_what_the_definition_says(rng):
    logits, targets = rng.standard_normal((5, 4)) * 3, rng.random((5, 4))
    p = expit(logits)
    expected = -(xlogy(targets, p) + xlogy(1 - targets, 1 - p)).mean()
    assert sigmoid_binary_cross_entropy_forward(logits, targets)[0] == pytest.approx(expected, rel=1e-13)


def test_it_is_a_softmax_between_the_logit_and_zero(rng):
    logits, targets = rng.standard_normal(6), rng.integers(0, 2, 6)
    two = np.stack([np.zeros(6), logits], axis=1)
    loss, _ = sigmoid_binary_cross_entropy_forward(logits, targets)
    assert loss == pytest.approx(softmax_cross_entropy_forward(two, targets)[0], rel=1e-14)


def test_yes_and_no_are_alike(rng):
    logits, targets = rng.standard_normal((3, 4)), rng.random((3, 4))
    loss, cache = sigmoid_binary_cross_entropy_forward(logits, targets)
    other, other_cache = sigmoid_binary_cross_entropy_forward(-logits, 1 - targets)
    assert other == pytest.approx(loss, rel=1e-14)
    one, two = (sigmoid_binary_cross_entropy_backward(1.0, c).dlogits for c in (cache, other_cache))
    np.testing.assert_allclose(two, -one, atol=1e-16)


def test_the_form_of_the_targets_does_not_matter(rng):
    logits, targets = rng.standard_normal((3, 4)).astype(np.float32), rng.integers(0, 2, (3, 4))
    loss, _ = sigmoid_binary_cross_entropy_forward(logits, targets)
    for dtype in (bool, np.uint8, np.float32, np.float64):
        again, cache = sigmoid_binary_cross_entropy_forward(logits, targets.astype(dtype))
        assert (again, again.dtype) == (loss, np.float32)
        assert sigmoid_binary_cross_entropy_backward(1.0, cache).dlogits.dtype == np.float32


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_extreme_logits_are_exact(dtype):
    logits = np.array([1e4, 1e4, -1e4, -1e4], dtype)
    targets = np.array([0, 1, 0, 1])
    rows = [sigmoid_binary_cross_entropy_forward(logits[[i]], targets[[i]]) for i in range(4)]
    assert [float(loss) for loss, _ in rows] == [1e4, 0, 0, 1e4]
    dlogits = [sigmoid_binary_cross_entropy_backward(1.0, cache).dlogits.item() for _, cache in rows]
    assert dlogits == [1, 0, 0, -1]


def test_a_small_loss_keeps_its_digits():
    loss, _ = sigmoid_binary_cross_entropy_forward(np.array([60.0]), np.array([1]))
    assert loss == pytest.approx(math.exp(-60), rel=1e-14)


def test_what_the_mask_drops_does_not_matter(rng):
    logits, targets = rng.standard_normal((2, 3)), rng.integers(0, 2, (2, 3)).astype(float)
    mask = np.array([[True, True, False], [True, False, False]])
    spoilt, unknown = (
        np.where(mask, logits, np.nan),
        np.where(mask, targets, [[0, 0, np.nan], [0, -1, np.inf]]),
    )
    loss, cache = sigmoid_binary_cross_entropy_forward(spoilt, unknown, mask=mask)
    kept, kept_cache = sigmoid_binary_cross_entropy_forward(logits[mask], targets[mask])
    assert loss == pytest.approx(kept, rel=1e-15)
    dlogits = sigmoid_binary_cross_entropy_backward(1.0, cache).dlogits
    np.testing.assert_allclose(
        dlogits[mask], sigmoid_binary_cross_entropy_backward(1.0, kept_cache).dlogits, rtol=1e-14
    )
    assert not dlogits[~mask].any()


@pytest.mark.parametrize("shape", [(0, 3), (2, 2)])
def test_nothing_kept_costs_nothing(shape):
    mask = np.zeros(shape, bool)
    loss, cache = sigmoid_binary_cross_entropy_forward(np.ones(shape), np.ones(shape), mask=mask)
    assert loss == 0
    assert not sigmoid_binary_cross_entropy_backward(1.0, cache).dlogits.any()


ERRORS = {
    "shape": (np.ones((2, 3)), {}, r"targets is \(2, 3\) but logits\.shape = \(2, 2\) is needed"),
    "above 1": (np.array([[0, 1], [2, 0]]), {}, r"targets\[1, 0\] is 2 but 0 to 1 is needed"),
    "below 0": (np.array([[0, -0.5], [1, 0]]), {}, r"targets\[0, 1\] is -0\.5 but"),
    "not a number": (np.array([[0, 1], [1, np.nan]]), {}, r"targets\[1, 1\] is nan but"),
    "mask": (np.ones((2, 2)), {"mask": np.ones(2, bool)}, r"mask is \(2,\) but logits\.shape = \(2, 2\) is needed"),
}  # fmt: skip


@pytest.mark.parametrize("name", ERRORS)
def test_arguments_that_do_not_fit_are_named(name):
    targets, options, message = ERRORS[name]
    with pytest.raises(ValueError, match=f"^sigmoid_binary_cross_entropy: {message}"):
        sigmoid_binary_cross_entropy_forward(np.ones((2, 2)), targets, **options)


def test_types_that_do_not_fit_are_named():
    logits, targets = np.ones((2, 2)), np.ones((2, 2), int)
    with pytest.raises(TypeError, match=r"^sigmoid_binary_cross_entropy: logits is int64 but float32 or"):
        sigmoid_binary_cross_entropy_forward(targets, targets)
    with pytest.raises(
        TypeError, match=r"^sigmoid_binary_cross_entropy: targets is <U3 but bool, int or float"
    ):
        sigmoid_binary_cross_entropy_forward(logits, np.full((2, 2), "yes"))
    with pytest.raises(TypeError, match=r"^sigmoid_binary_cross_entropy: mask is int64 but bool is needed"):
        sigmoid_binary_cross_entropy_forward(logits, targets, mask=targets)


def test_an_upstream_that_is_no_number_is_named():
    _, cache = sigmoid_binary_cross_entropy_forward(np.ones((2, 3)), np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"^sigmoid_binary_cross_entropy: dloss is \(2,\) but"):
        sigmoid_binary_cross_entropy_backward(np.ones(2), cache)
