"""check_op passes what is right and fails what is wrong, with a sentence that says so."""

from functools import partial
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicap.gradcheck import check_op


class LinearGrads(NamedTuple):
    dx: np.ndarray
    dw: np.ndarray
    db: np.ndarray


def linear_forward(x, w, b):
    return x @ w + b, (x, w)


def linear_backward(dy, cache):
    x, w = cache
    return LinearGrads(dy @ w.T, x.T @ dy, dy.sum(0))


def wrong(**changes):
    """Return linear's backward with some gradients computed by other functions of (dy, x, w)."""

    def backward(dy, cache):
        return linear_backward(dy, cache)._replace(**{k: f(dy, *cache) for k, f in changes.items()})

    return backward


@pytest.fixture
def inputs(rng):
    return rng.standard_normal((4, 3)), rng.standard_normal((3, 5)), rng.standard_normal(5)


# What is right


def test_the_backward_is_found_beside_the_forward(inputs):
    report = check_op(linear_forward, *inputs)
    assert report.verdict == "PASS"
    assert [gradient.name for gradient in report.gradients] == ["dx", "dw", "db"]
    assert max(gradient.max_error for gradient in report.gradients) < 1e-9


@given(st.integers(0, 1000), st.integers(1, 4), st.integers(1, 4), st.integers(1, 4))
def test_no_false_alarm_over_shapes_and_seeds(seed, n, d, h):
    rng = np.random.default_rng(seed)
    arrays = rng.standard_normal((n, d)), rng.standard_normal((d, h)), rng.standard_normal(h)
    check_op(linear_forward, *arrays, seed=seed).assert_ok()


def test_the_same_seed_gives_the_same_report(inputs):
    assert check_op(linear_forward, *inputs, seed=3) == check_op(linear_forward, *inputs, seed=3)
    assert check_op(linear_forward, *inputs, seed=3) != check_op(linear_forward, *inputs, seed=4)


def test_the_callers_arrays_are_never_touched(inputs):
    for x in inputs:
        x.flags.writeable = False
    assert check_op(linear_forward, *inputs).passed


@pytest.mark.parametrize(
    "shape_of", [tuple, list, lambda g: {"x": g.dx, "w": g.dw, "b": g.db}, LinearGrads._asdict]
)
def test_gradients_may_come_as_tuple_list_or_dict(inputs, shape_of):
    assert check_op(linear_forward, *inputs, backward=lambda dy, c: shape_of(linear_backward(dy, c))).passed


def test_a_partial_is_looked_through(inputs):
    assert check_op(partial(linear_forward), *inputs).passed


def test_float32_is_checked_in_float64(inputs):
    report = check_op(linear_forward, *(x.astype(np.float32) for x in inputs))
    assert report.verdict == "PASS"
    assert report["dw"].max_error < 1e-9


def test_float32_can_be_checked_as_such(inputs):
    small = [x.astype(np.float32) for x in inputs]
    assert check_op(linear_forward, *small, upcast=False, tolerance=1e-2).verdict == "PASS"
    twice = wrong(dw=lambda dy, x, w: 2 * (x.T @ dy))
    assert check_op(linear_forward, *small, backward=twice, upcast=False, tolerance=1e-2).verdict == "FAIL"


def test_integers_booleans_and_options_are_not_moved(rng):
    def take_forward(ids, w, keep, *, scale):
        return w[ids] * keep[:, None] * scale, (ids, w.shape, keep, scale)

    def take_backward(dy, cache):
        ids, shape, keep, scale = cache
        dw = np.zeros(shape)
        np.add.at(dw, ids, dy * keep[:, None] * scale)
        return (dw,)

    ids, keep = np.array([2, 0, 2]), np.array([True, False, True])
    report = check_op(take_forward, ids, rng.standard_normal((4, 3)), keep, backward=take_backward, scale=2.0)
    assert report.verdict == "PASS"
    assert [gradient.name for gradient in report.gradients] == ["dw"]
    assert report["dw"].never_exercised == pytest.approx(9 / 12)


def test_a_generator_is_copied_for_each_call(rng):
    def drop_forward(x, *, rng):
        keep = rng.random(x.shape) < 0.5
        return x * keep, keep

    generator = np.random.default_rng(5)
    state = generator.bit_generator.state
    report = check_op(
        drop_forward, rng.standard_normal(20), backward=lambda dy, keep: dy * keep, rng=generator
    )
    assert report.verdict == "PASS"
    assert generator.bit_generator.state == state


def test_several_outputs_take_one_upstream_each(rng):
    def split_forward(x):
        return (np.sin(x), x.sum()), x

    right = check_op(split_forward, rng.standard_normal(4), backward=lambda d1, d2, x: d1 * np.cos(x) + d2)
    assert right.verdict == "PASS"
    forgets = check_op(split_forward, rng.standard_normal(4), backward=lambda d1, d2, x: d1 * np.cos(x))
    assert forgets.verdict == "FAIL"


def test_a_loss_has_a_scalar_upstream(rng):
    def square_loss_forward(x):
        return float((x**2).mean()), x

    def ignores_upstream(dloss, x):
        return 2 * x / x.size

    x = rng.standard_normal((2, 3))
    right = check_op(square_loss_forward, x, backward=lambda dloss, v: dloss * ignores_upstream(dloss, v))
    assert right.verdict == "PASS"
    assert check_op(square_loss_forward, x, backward=ignores_upstream).verdict == "FAIL"


# What is wrong, in numbers

MUTANTS = {
    "factor 2": wrong(dx=lambda dy, x, w: 2 * dy @ w.T),
    "factor 1.0001": wrong(dw=lambda dy, x, w: 1.0001 * x.T @ dy),
    "sign": wrong(dw=lambda dy, x, w: -x.T @ dy),
    "zeros": wrong(dw=lambda dy, x, w: np.zeros_like(w)),
    "mean for sum": wrong(db=lambda dy, x, w: dy.mean(0)),
    "last sample only": wrong(dw=lambda dy, x, w: np.outer(x[-1], dy[-1])),
    "regularised": wrong(dw=lambda dy, x, w: x.T @ dy + 1e-3 * w),
    "transposed weight": wrong(dx=lambda dy, x, w: (dy @ w.T)[:, ::-1]),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_wrong_numbers_fail_where_they_are_and_only_there(inputs, name):
    report = check_op(linear_forward, *inputs, backward=MUTANTS[name])
    bad = {"factor 2": "dx", "mean for sum": "db", "transposed weight": "dx"}.get(name, "dw")
    assert {g.name: g.verdict for g in report.gradients} == {"dx": "PASS", "dw": "PASS", "db": "PASS"} | {
        bad: "FAIL"
    }
    assert report[bad].max_error > 50 * report.tolerance


def test_one_wrong_entry_is_named(inputs):
    def off(dy, x, w):
        dw = x.T @ dy
        dw[2, 3] += 1e-4 * dy.sum()
        return dw

    report = check_op(linear_forward, *inputs, backward=wrong(dw=off))
    assert report.verdict == "FAIL"
    assert report["dw"].index == (2, 3)
    assert "dw[2, 3]: analytic" in str(report)


def test_a_softmax_backward_of_zeros_is_caught(rng):
    def softmax_forward(x):
        y = np.exp(x - x.max(-1, keepdims=True))
        y /= y.sum(-1, keepdims=True)
        return y, y

    x = rng.standard_normal((3, 4))
    right = check_op(softmax_forward, x, backward=lambda dy, y: y * (dy - (dy * y).sum(-1, keepdims=True)))
    assert right.verdict == "PASS"
    assert check_op(softmax_forward, x, backward=lambda dy, y: np.zeros_like(y)).verdict == "FAIL"


def test_a_gradient_that_is_truly_zero_passes(rng):
    def centred_forward(x, b):  # b cancels, up to rounding
        y = x + b
        return np.tanh(y - y.mean()), None

    x = rng.standard_normal(6)

    def backward(dy, _):
        g = dy * (1 - np.tanh(x - x.mean()) ** 2)
        return g - g.mean(), np.zeros(1)

    report = check_op(centred_forward, x, np.array([0.3]), backward=backward)
    assert report["db"].verdict == "PASS"
    assert report["db"].never_exercised == 1.0


def test_a_function_too_inexact_to_tell_is_inconclusive():
    def noisy_forward(x):
        return (np.sin(x) + 1e9) - 1e9, x

    x = np.linspace(0.1, 1.0, 5)
    report = check_op(noisy_forward, x, backward=lambda dy, v: dy * np.cos(v))
    assert report.verdict == "INCONCLUSIVE"
    assert not report.passed


# What is wrong, in form

FORMS = {
    "None": (wrong(dw=lambda dy, x, w: None), "dw is None"),
    "transposed": (
        wrong(dw=lambda dy, x, w: dy.T @ x),
        "dw has shape (5, 3), the transpose of the input's (3, 5)",
    ),
    "no batch sum": (wrong(db=lambda dy, x, w: dy), "db has shape (4, 5) where the input has (5,): sum over"),
    "kept axis": (wrong(db=lambda dy, x, w: dy.sum(0, keepdims=True)), "db has shape (1, 5)"),
    "float32": (wrong(dw=lambda dy, x, w: (x.T @ dy).astype(np.float32)), "dw has dtype float32 though"),
    "integers": (wrong(dw=lambda dy, x, w: (x.T @ dy).astype(int)), "dw has dtype int64"),
    "NaN": (wrong(dx=lambda dy, x, w: np.full_like(x, np.nan)), "dx is NaN at [0, 0]"),
    "a list": (wrong(dx=lambda dy, x, w: (dy @ w.T).tolist()), "dx is a list, not an array"),
    "too few": (lambda dy, c: linear_backward(dy, c)[:2], "backward returns 2 gradients for 3 float inputs"),
    "missing field": (lambda dy, c: {"dx": dy @ c[1].T, "dw": c[0].T @ dy}, "backward returns no db"),
    "unknown field": (
        lambda dy, c: linear_backward(dy, c)._asdict() | {"dv": dy},
        "backward returns dv, which belongs to no float input (there are dx, dw, db)",
    ),
}


@pytest.mark.parametrize("name", FORMS)
def test_wrong_form_is_a_sentence(inputs, name):
    backward, sentence = FORMS[name]
    report = check_op(linear_forward, *inputs, backward=backward)
    assert report.verdict == "FAIL"
    assert any(problem.startswith(sentence) for problem in report.problems), report


def test_a_float32_buffer_inside_a_backward_is_found_by_its_dtype(inputs):
    report = check_op(linear_forward, *inputs, backward=FORMS["float32"][0])
    assert report.problems == ("dw has dtype float32 though its input is float64; keep the input's dtype",)


# What cannot be checked

UNUSABLE = {
    "raises": (lambda x, w, b: x @ w.T, None, "forward raised ValueError: matmul"),
    "no cache": (lambda x, w, b: x @ w, None, "forward must return (y, cache) or ((y1, y2), cache)"),
    "integer output": (
        lambda x, w, b: ((x @ w).argmax(1), None),
        None,
        "the output of forward has dtype int64",
    ),
    "NaN output": (
        lambda x, w, b: (x @ w * np.nan, None),
        None,
        "the output of forward is not finite at 20 of 20",
    ),
    "backward raises": (linear_forward, lambda dy: dy, "backward raised TypeError"),
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_code_that_cannot_be_checked_is_an_error_with_a_sentence(inputs, name):
    forward, backward, sentence = UNUSABLE[name]
    report = check_op(forward, *inputs, backward=backward or linear_backward)
    assert report.verdict == "ERROR"
    assert not report.passed
    assert report.problems[0].startswith(sentence)
    with pytest.raises(AssertionError) as caught:
        report.assert_ok()
    assert isinstance(caught.value.__cause__, Exception)


def test_a_missing_backward_is_a_usage_error(inputs):
    def lonely_forward(x):
        return x, None

    with pytest.raises(ValueError, match="lonely_forward: no function lonely_backward beside it"):
        check_op(lonely_forward, inputs[0])


def test_nothing_to_differentiate_by_is_a_usage_error():
    with pytest.raises(ValueError, match="linear_forward: no positional input is an array of floats"):
        check_op(linear_forward, np.arange(3))
