"""At a kink any value between the left and the right derivative is right; everywhere else only one is."""

import numpy as np
import pytest

from minicap.gradcheck import check_op


def relu_forward(x):
    return np.maximum(x, 0), x


def relu_backward(dy, x):
    return dy * (x > 0)


def pool_forward(x):
    """Maximum over the last axis."""
    return x.max(-1), x


def pool_backward(dy, x):
    dx = np.zeros_like(x)
    np.put_along_axis(dx, x.argmax(-1)[..., None], dy[..., None], -1)
    return dx


@pytest.fixture
def touching_zero(rng):
    x = rng.standard_normal((5, 6))
    x[0] = 0.0
    return x


@pytest.mark.parametrize("at_zero", [0.0, 0.3, 1.0])
def test_relu_at_exactly_zero_may_have_any_subgradient(touching_zero, at_zero):
    def backward(dy, x):
        return dy * np.where(x == 0, at_zero, x > 0)

    report = check_op(relu_forward, touching_zero, backward=backward)
    assert report.verdict == "KINK"
    assert report.passed
    assert report["dx"].kinks == 6


WRONG_RELUS = {
    "above the right slope": lambda dy, x: dy * np.where(x == 0, 1.01, x > 0),
    "below the left slope": lambda dy, x: dy * np.where(x == 0, -0.01, x > 0),
    "leaks on the left": lambda dy, x: dy * np.where(x < 0, 1e-3, x > 0),
    "a little too large": lambda dy, x: dy * (x > 0) * 1.0001,
    "no mask": lambda dy, x: dy,
    "mask of another threshold": lambda dy, x: dy * (x > 0.1),
}


@pytest.mark.parametrize("name", WRONG_RELUS)
def test_a_wrong_relu_fails_though_kinks_are_present(touching_zero, name):
    touching_zero[1, :3] = [0.05, -0.05, 0.02]
    assert check_op(relu_forward, touching_zero, backward=WRONG_RELUS[name]).verdict == "FAIL"


def test_a_relu_at_zero_everywhere_is_still_bounded():
    assert check_op(relu_forward, np.zeros(6)).verdict == "KINK"
    assert check_op(relu_forward, np.zeros(6), backward=lambda dy, x: 1.1 * dy).verdict == "FAIL"


@pytest.mark.parametrize("distance", [1e-3, 1e-5, 3e-6, 1e-6, 1e-7])
def test_a_kink_nearby_is_stepped_around(distance):
    x = np.array([distance, -distance, 1.0])
    assert check_op(relu_forward, x).verdict == "PASS"


def test_a_kink_closer_than_can_be_resolved_is_a_kink():
    assert check_op(relu_forward, np.array([1e-12, -1e-12, 1.0])).verdict == "KINK"


def test_ties_in_a_max_may_go_to_any_of_them(rng):
    x = rng.standard_normal((4, 3))
    x[1] = 0.5
    assert check_op(pool_forward, x).verdict == "KINK"

    def to_all(dy, v):
        return dy[..., None] * (v == v.max(-1, keepdims=True))

    def twice(dy, v):
        return 2 * to_all(dy, v)

    def shared(dy, v):
        return to_all(dy, v) / (v == v.max(-1, keepdims=True)).sum(-1, keepdims=True)

    assert check_op(pool_forward, x, backward=shared).verdict == "KINK"
    report = check_op(
        pool_forward, x, backward=to_all
    )  # each entry alone may have it, not all of them together
    assert (report.verdict, report.diagnosis.kind) == ("FAIL", "ties")
    assert check_op(pool_forward, x, backward=twice).verdict == "FAIL"


def test_kinks_downstream_of_a_matrix_product(rng):
    x, w = rng.standard_normal((4, 3)), rng.standard_normal((3, 5))
    x[0] = 0.0  # every unit of this sample sits on its kink

    def layer_forward(x, w):
        return np.maximum(x @ w, 0), (x, w)

    def layer_backward(dy, cache):
        x, w = cache
        dz = dy * (x @ w > 0)
        return dz @ w.T, x.T @ dz

    report = check_op(layer_forward, x, w, backward=layer_backward)
    assert {g.name: g.verdict for g in report.gradients} == {"dx": "KINK", "dw": "PASS"}


def test_a_smooth_function_with_strong_curvature_has_no_kinks():
    x = np.linspace(-1, 1, 7)
    report = check_op(lambda x: (np.exp(20 * x), x), x, backward=lambda dy, v: dy * 20 * np.exp(20 * v))
    assert report.verdict == "PASS"
