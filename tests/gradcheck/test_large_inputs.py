"""Large inputs are checked along random directions and at a sample of entries."""

import numpy as np
import pytest

from minicap.gradcheck import check_op
from minicap.gradcheck.sampling import stratified


class Counted:
    """A forward that counts its calls."""

    def __init__(self):
        self.calls = 0

    def __call__(self, x):
        self.calls += 1
        return np.sin(x), x


def backward(dy, x):
    return dy * np.cos(x)


def test_the_number_of_forwards_does_not_grow_with_the_input(rng):
    forward = Counted()
    assert check_op(forward, rng.standard_normal((90, 70)), backward=backward).verdict == "PASS"
    assert forward.calls < 600


@pytest.mark.parametrize("place", [(0, 0), (53, 45), (89, 69)])
def test_one_wrong_entry_among_six_thousand_is_found_and_named(rng, place):
    def off(dy, x):
        dx = backward(dy, x)
        dx[place] *= 1.5
        return dx

    report = check_op(Counted(), rng.standard_normal((90, 70)), backward=off)
    assert report["dx"].verdict == "FAIL"
    assert report["dx"].index == place


def test_a_large_relu_has_no_false_alarm(rng):
    x = rng.standard_normal((70, 90))
    x[:10] = 0.0
    report = check_op(lambda x: (np.maximum(x, 0), x), x, backward=lambda dy, v: dy * (v > 0))
    assert report.passed


def test_a_large_sparse_gradient_is_exercised_and_zeros_are_caught(rng):
    ids, w = np.array([3, 900, 3]), rng.standard_normal((1000, 20))

    def take_forward(w):
        return w[ids], w.shape

    def right(dy, shape):
        dw = np.zeros(shape)
        np.add.at(dw, ids, dy)
        return dw

    def duplicates_once(dy, shape):
        dw = np.zeros(shape)
        dw[ids] = dy
        return dw

    assert check_op(take_forward, w, backward=right).verdict == "PASS"
    assert check_op(take_forward, w, backward=right)["dw"].never_exercised < 1
    assert check_op(take_forward, w, backward=duplicates_once).verdict == "FAIL"
    assert check_op(take_forward, w, backward=lambda dy, shape: np.zeros(shape)).verdict == "FAIL"


def test_the_sample_leaves_no_index_of_a_short_axis_out(rng):
    gradient = rng.standard_normal((7, 50, 30))
    chosen = np.unravel_index(stratified(gradient, 200, rng), gradient.shape)
    assert [len(np.unique(axis)) for axis in chosen] == [7, 50, 30]
    assert np.abs(gradient).max() in np.abs(gradient[chosen])
