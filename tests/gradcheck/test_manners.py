"""A right number is not enough: nothing is mutated, drawn or remembered behind the caller's back."""

from typing import Any, NamedTuple

import numpy as np
import pytest

from minicap.gradcheck import check_op


class Cache(NamedTuple):
    x: Any
    scratch: dict


def good_forward(x):
    return np.tanh(x), Cache(x, {"y": np.tanh(x)})


def good_backward(dy, cache):
    return dy * (1 - cache.scratch["y"] ** 2)


def forward_in_place(x):
    np.tanh(x, out=x)
    return x, Cache(None, {"y": x.copy()})


def backward_scales_upstream(dy, cache):
    dy *= 1 - cache.scratch["y"] ** 2
    return dy.copy()


def backward_writes_cache(dy, cache):
    cache.scratch["y"] **= 2
    return dy * (1 - cache.scratch["y"])


def backward_writes_input(dy, cache):
    gradient = good_backward(dy, cache)
    np.subtract(cache.x, 0.1 * gradient, out=cache.x)
    return gradient


def backward_not_linear(dy, cache):
    return good_backward(dy, cache) * np.abs(dy).max()


def backward_adds_decay(dy, cache):
    return good_backward(dy, cache) + 1e-3 * cache.x


class Accumulating:
    """A backward that adds to what it returned before."""

    def __init__(self):
        self.total = 0.0

    def __call__(self, dy, cache):
        self.total = self.total + good_backward(dy, cache)
        return self.total


class OneBuffer:
    """A backward, or a forward, that returns the same memory every time."""

    def __init__(self):
        self.buffer = None

    def backward(self, dy, cache):
        self.buffer = np.empty_like(dy) if self.buffer is None else self.buffer
        self.buffer[...] = good_backward(dy, cache)
        return self.buffer

    def forward(self, x):
        self.buffer = np.empty_like(x) if self.buffer is None else self.buffer
        self.buffer[...] = np.tanh(x)
        return self.buffer, Cache(x, {"y": self.buffer.copy()})

    def forward_keeping_cache(self, x):
        y, cache = self.forward(x)
        return y.copy(), cache._replace(scratch={"y": y})


class Wobbly:
    """A forward that is not the same function twice."""

    def __init__(self):
        self.rng = np.random.default_rng(0)

    def __call__(self, x):
        y, cache = good_forward(x)
        return y * (1 + 0.1 * self.rng.random()), cache


BAD_MANNERS = {
    "forward writes x": (forward_in_place, good_backward, "forward changes the input that dx belongs to"),
    "backward writes dy": (good_forward, backward_scales_upstream, "backward changes its upstream gradient"),
    "backward writes cache": (good_forward, backward_writes_cache, "backward changes cache.scratch['y']"),
    "backward writes x": (
        good_forward,
        backward_writes_input,
        "backward changes the input that dx belongs to",
    ),
    "not linear": (good_forward, backward_not_linear, "dx is not linear in the upstream gradient"),
    "weight decay": (good_forward, backward_adds_decay, "dx is not zero when the upstream gradient is zero"),
    "accumulates": (good_forward, Accumulating, "backward called twice with the same arguments"),
    "one dx buffer": (good_forward, OneBuffer().backward, "a later backward overwrites the gradients"),
    "one y buffer": (OneBuffer().forward, good_backward, "a later forward overwrites the output"),
    "one cache buffer": (
        OneBuffer().forward_keeping_cache,
        good_backward,
        "a later forward overwrites the cache",
    ),
    "nondeterministic": (Wobbly(), good_backward, "forward is not deterministic"),
}


@pytest.mark.parametrize("name", BAD_MANNERS)
def test_bad_manners_are_a_sentence(rng, name):
    forward, backward, sentence = BAD_MANNERS[name]
    backward = backward() if isinstance(backward, type) else backward
    report = check_op(forward, rng.standard_normal((3, 4)), backward=backward)
    assert report.verdict == "FAIL"
    assert any(problem.startswith(sentence) for problem in report.problems), report


def test_good_manners_pass(rng):
    report = check_op(good_forward, rng.standard_normal((3, 4)))
    assert report.verdict == "PASS"
    assert report.problems == ()


def test_the_numbers_are_still_judged_where_the_input_was_overwritten(rng):
    x = rng.standard_normal((3, 4))
    assert check_op(forward_in_place, x, backward=good_backward)["dx"].verdict == "PASS"
    assert (
        check_op(forward_in_place, x, backward=lambda dy, c: 2 * good_backward(dy, c))["dx"].verdict == "FAIL"
    )


class Norm(Cache):
    """What a shift in front of a norm needs: the shift cannot move the result, so its gradient is rounding noise."""


def shifted_norm_forward(x, b):
    z = x + b
    y = (z - z.mean(axis=0)) / z.std(axis=0)
    return y, Norm(z, {"y": y})


def shifted_norm_backward(dy, cache):
    y = cache.scratch["y"]
    dz = (dy - dy.mean(axis=0) - y * (dy * y).mean(axis=0)) / cache.x.std(axis=0)
    return dz, dz.sum(axis=0)


def test_a_gradient_that_is_nothing_but_rounding_is_no_sign_of_bad_manners(rng):
    x, b = rng.standard_normal((7, 3)), rng.standard_normal(3)
    for seed in range(20):
        report = check_op(shifted_norm_forward, x, b, backward=shifted_norm_backward, seed=seed)
        assert "not linear" not in str(report), report
        assert report.passed, report
