"""Softmax cross-entropy."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import log_softmax as scipy_log_softmax

from minicap.gradcheck import check_op
from minicap.ops import log_softmax, softmax_cross_entropy_backward, softmax_cross_entropy_forward

THIRDS = np.array([[0.0, math.log(2)], [0.0, 0.0], [math.log(3), 0.0]])  # p = 1/3 2/3; 1/2 1/2; 3/4 1/4
CASES = {  # rows, mask, smoothing
    "one row": ((1,), None, 0.0),
    "flat": ((4,), None, 0.0),
    "over time": ((2, 3), None, 0.0),
    "smoothed": ((4,), None, 0.2),
    "fully smoothed": ((3,), None, 1.0),
    "masked": ((4,), [True, False, False, True], 0.0),
    "ragged": ((3, 3), [[True, True, True], [True, False, False], [False, False, False]], 0.1),
    "nothing kept": ((2, 2), [[False, False], [False, False]], 0.1),
}


def test_a_value_worked_by_hand():
    loss, cache = softmax_cross_entropy_forward(THIRDS, np.array([1, 0, 0]))
    assert loss == pytest.approx((math.log(3 / 2) + math.log(2) + math.log(4 / 3)) / 3, rel=1e-15)
    dlogits = softmax_cross_entropy_backward(6.0, cache).dlogits  # 6/3 * (p - one-hot)
    np.testing.assert_allclose(dlogits, [[2 / 3, -2 / 3], [-1, 1], [-1 / 2, 1 / 2]], rtol=1e-14)


def test_a_masked_value_worked_by_hand():
    mask = np.array([True, False, True])
    loss, cache = softmax_cross_entropy_forward(THIRDS, np.array([1, 0, 0]), mask=mask)
    assert loss == pytest.approx((math.log(3 / 2) + math.log(4 / 3)) / 2, rel=1e-15)
    dlogits = softmax_cross_entropy_backward(2.0, cache).dlogits
    np.testing.assert_allclose(dlogits, [[1 / 3, -1 / 3], [0, 0], [-1 / 4, 1 / 4]], rtol=1e-14)


def test_a_smoothed_value_worked_by_hand():
    loss, cache = softmax_cross_entropy_forward(THIRDS[:1], np.array([1]), label_smoothing=0.2)
    assert loss == pytest.approx(0.9 * math.log(3 / 2) + 0.1 * math.log(3), rel=1e-15)  # q = 0.1, 0.9
    dlogits = softmax_cross_entropy_backward(1.0, cache).dlogits
    np.testing.assert_allclose(dlogits, [[1 / 3 - 0.1, 2 / 3 - 0.9]], rtol=1e-14)


@pytest.mark.parametrize("case", ["flat", "smoothed", "masked", "both"])
def test_it_agrees_with_pytorch(case, agrees_with_torch):
    name, pair = (
        f"softmax_cross_entropy/{case}",
        (softmax_cross_entropy_forward, softmax_cross_entropy_backward),
    )
    agrees_with_torch(name, *pair, "logits", "targets")


@pytest.mark.parametrize("name", CASES)
def test_the_gradient_is_right(name, rng):
    rows, mask, smoothing = CASES[name]
    options = {"label_smoothing": smoothing} | ({} if mask is None else {"mask": np.array(mask)})
    targets = rng.integers(0, 5, rows)
    check_op(softmax_cross_entropy_forward, rng.standard_normal((*rows, 5)), targets, **options).assert_ok()


@given(
    st.lists(st.integers(1, 3), min_size=1, max_size=3),
    st.integers(1, 5),
    st.floats(0, 1),
    st.integers(0, 99),
)
def test_the_gradient_is_right_at_any_shape(rows, v, smoothing, seed):
    rng = np.random.default_rng(seed)
    logits, targets = rng.standard_normal((*rows, v)), rng.integers(0, v, rows)
    mask = rng.random(rows) < 0.7
    check_op(softmax_cross_entropy_forward, logits, targets, mask=mask, label_smoothing=smoothing).assert_ok()


def test_equal_logits_cost_ln_v():
    loss, _ = softmax_cross_entropy_forward(np.full((3, 7), 2.5), np.array([0, 3, 6]))
    assert loss == pytest.approx(math.log(7), rel=1e-15)


def test_a_constant_added_to_a_row_changes_nothing(rng):
    logits, targets = rng.standard_normal((4, 5)), rng.integers(0, 5, 4)
    (loss, cache), (moved, moved_cache) = (
        softmax_cross_entropy_forward(x, targets)
        for x in (logits, logits + np.array([[1], [-50], [300], [0]]))
    )
    assert moved == pytest.approx(loss, rel=1e-12)
    grads = [softmax_cross_entropy_backward(1.0, c).dlogits for c in (cache, moved_cache)]
    np.testing.assert_allclose(grads[1], grads[0], atol=1e-13)
    np.testing.assert_allclose(grads[0].sum(axis=1), 0, atol=1e-15)


def test_what_the_mask_drops_does_not_matter(rng):
    logits, targets = rng.standard_normal((2, 3, 4)), rng.integers(0, 4, (2, 3))
    mask = np.array([[True, True, False], [True, False, False]])
    loss, cache = softmax_cross_entropy_forward(logits, targets, mask=mask)
    other = np.where(mask[..., None], logits, rng.standard_normal((2, 3, 4)) * 100)
    loss_other, cache_other = softmax_cross_entropy_forward(other, np.where(mask, targets, 0), mask=mask)
    assert loss_other == loss
    grads = [softmax_cross_entropy_backward(1.0, c).dlogits for c in (cache, cache_other)]
    np.testing.assert_array_equal(grads[0], grads[1])
    kept, _ = softmax_cross_entropy_forward(logits[mask], targets[mask])
    assert kept == pytest.approx(loss, rel=1e-14)


def test_a_masked_row_may_hold_what_is_not_finite():
    logits = np.array([[0.0, 0.0], [np.nan, np.inf]])
    mask = np.array([True, False])
    with np.errstate(invalid="ignore"):
        loss, cache = softmax_cross_entropy_forward(logits, np.array([0, 0]), mask=mask)
    assert loss == pytest.approx(math.log(2))
    assert softmax_cross_entropy_backward(1.0, cache).dlogits.tolist() == [[-0.5, 0.5], [0.0, 0.0]]


def test_nothing_kept_costs_nothing():
    loss, cache = softmax_cross_entropy_forward(np.ones((2, 3)), np.array([0, 1]), mask=np.zeros(2, bool))
    assert loss == 0
    assert not softmax_cross_entropy_backward(1.0, cache).dlogits.any()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_extreme_logits_are_exact(dtype):
    logits = np.array([[1e4, 0, -1e4], [1e4, 0, -1e4], [-1e4, -1e4, -1e4]], dtype)
    targets = np.array([0, 2, 1])
    rows = [softmax_cross_entropy_forward(logits[[i]], targets[[i]]) for i in range(3)]
    assert [float(loss) for loss, _ in rows] == pytest.approx([0, 2e4, math.log(3)], rel=1e-6)
    dlogits = np.concatenate([softmax_cross_entropy_backward(1.0, cache).dlogits for _, cache in rows])
    np.testing.assert_allclose(dlogits, [[0, 0, 0], [1, 0, -1], [1 / 3, -2 / 3, 1 / 3]], rtol=1e-6)


def test_a_probability_of_zero_costs_infinitely_much():
    loss, _ = softmax_cross_entropy_forward(np.array([[0.0, -np.inf]]), np.array([1]))
    assert loss == np.inf


def test_the_gradient_does_not_depend_on_how_logits_lie_in_memory(rng):
    time_first = rng.standard_normal((4, 2, 5))
    targets = rng.integers(0, 5, (2, 4))
    strided = time_first.swapaxes(0, 1)  # (N, T, V), a view
    grads = [
        softmax_cross_entropy_backward(1.0, softmax_cross_entropy_forward(logits, targets)[1]).dlogits
        for logits in (strided, np.ascontiguousarray(strided))
    ]
    np.testing.assert_allclose(grads[0], grads[1], rtol=1e-13)


def test_log_softmax_is_what_scipy_computes(rng):
    x = rng.standard_normal((3, 4)) * 30
    # The logarithm of a sum near 1 is as far off as the sum is.
    expected, eps = scipy_log_softmax(x, axis=-1), np.finfo(float).eps
    np.testing.assert_allclose(log_softmax(x), expected, rtol=1e-13, atol=eps)


ERRORS = {
    "targets' shape": (
        (2, 3, 5), np.zeros((2, 4), int), {},
        r"targets is \(2, 4\) but logits\.shape\[:-1\] = \(2, 3\) is needed",
    ),
    "target too large": ((2, 5), np.array([0, 5]), {}, r"targets\[1\] is 5 but V = 5, so 0 to 4 are allowed"),
    "target negative": ((2, 5), np.array([-100, 0]), {}, r"targets\[0\] is -100 but V = 5"),
    "mask's shape": (
        (2, 5), np.array([0, 1]), {"mask": np.ones((2, 5), bool)},
        r"mask is \(2, 5\) but targets\.shape = \(2,\) is needed",
    ),
    "smoothing": ((2, 5), np.array([0, 1]), {"label_smoothing": 1.1}, r"label_smoothing is 1\.1 but 0 to 1 is needed"),
    "no classes": ((2, 0), np.array([0, 1]), {}, r"logits \(\.\.\., V\) = \(2, 0\) has no classes"),
}  # fmt: skip


@pytest.mark.parametrize("name", ERRORS)
def test_arguments_that_do_not_fit_are_named(name):
    shape, targets, options, message = ERRORS[name]
    with pytest.raises(ValueError, match=f"^softmax_cross_entropy: {message}"):
        softmax_cross_entropy_forward(np.ones(shape), targets, **options)


def test_types_that_do_not_fit_are_named():
    with pytest.raises(
        TypeError, match=r"^softmax_cross_entropy: targets is float64 but integers are needed"
    ):
        softmax_cross_entropy_forward(np.ones((2, 5)), np.ones(2))
    with pytest.raises(TypeError, match=r"^softmax_cross_entropy: mask is int64 but bool is needed"):
        softmax_cross_entropy_forward(np.ones((2, 5)), np.ones(2, int), mask=np.ones(2, int))


def test_an_upstream_that_is_no_number_is_named():
    _, cache = softmax_cross_entropy_forward(np.ones((2, 3)), np.array([0, 1]))
    with pytest.raises(ValueError, match=r"^softmax_cross_entropy: dloss is"):
        softmax_cross_entropy_backward(np.ones(3), cache)
