"""Pairs of functions in the forms that coursework has, right and wrong, without a line edited."""

# ruff: noqa: NPY002 (global randomness is what students use)

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicap.gradcheck import check_op, check_pair


def affine_forward(x, w, b):
    return x @ w + b, (x, w)


def affine_backward(dout, cache):
    x, w = cache
    dx, dw, db = dout @ w.T, x.T @ dout, dout.sum(0)
    return dx, dw, db


def step_forward(x, prev_h, prev_c):
    next_c = np.tanh(x) * prev_c
    next_h = np.sin(next_c) + prev_h
    return next_h, next_c, (x, prev_c, next_c)


def step_backward(dnext_h, dnext_c, cache):
    x, prev_c, next_c = cache
    dc = dnext_c + dnext_h * np.cos(next_c)
    return dc * prev_c * (1 - np.tanh(x) ** 2), dnext_h, dc * np.tanh(x)


def step_backward_of_h(dnext_h, cache):
    return step_backward(dnext_h, 0, cache)


def step_backward_cache_first(cache, dnext_h, dnext_c):
    return step_backward(dnext_h, dnext_c, cache)


def unroll_forward(xs, h0, w):
    hs, h = [], h0
    for x in xs:
        h = np.tanh(x + h @ w)
        hs.append(h)
    return hs, (hs, h0, w)


def unroll_backward(dhs, cache):
    hs, h0, w = cache
    dw, dh, dxs = np.zeros_like(w), 0, []
    for t in reversed(range(len(hs))):
        da = (dhs[t] + dh) * (1 - hs[t] ** 2)
        dw += (hs[t - 1] if t else h0).T @ da
        dxs, dh = [da, *dxs], da @ w.T
    return dxs, dh, dw


def cell_forward(xt, parameters):
    return np.tanh(xt @ parameters["W"] + parameters["b"]), (xt, parameters)


def cell_backward(dy, cache):
    xt, parameters = cache
    da = dy * (1 - np.tanh(xt @ parameters["W"] + parameters["b"]) ** 2)
    return {"dxt": da @ parameters["W"].T, "dW": xt.T @ da, "db": da.sum(0)}


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def sigmoid_backward(dout, out):
    return dout * out * (1 - out)


def square(x):
    return x**2


def square_backward(dout, x):
    return 2 * dout * x


def scale_forward(x, scale_param):
    scale_param["mean"] = 0.9 * scale_param["mean"] + 0.1 * x.mean(
        0
    )  # a running average, as batch norm keeps
    return x * scale_param["by"], scale_param["by"]


def scale_backward(dout, by):
    return dout * by


def drop_forward(x, p):
    mask = (np.random.rand(*x.shape) > p) / (1 - p)
    return x * mask, mask


def drop_backward(dout, mask):
    return dout * mask


@pytest.fixture
def x(rng):
    return rng.standard_normal((4, 3))


@pytest.fixture
def square_matrices(rng):
    return [rng.standard_normal((3, 3)) for _ in range(3)]


def steps(rng):
    return [rng.standard_normal((2, 3)) for _ in range(3)]


CORRECT = {
    "pair": (affine_forward, affine_backward, lambda r: [r.random((4, 3)), r.random((3, 5)), r.random(5)]),
    "flat outputs": (step_forward, step_backward, steps),
    "cache first": (step_forward, step_backward_cache_first, steps),
    "first output only": (step_forward, step_backward_of_h, steps),
    "lists": (unroll_forward, unroll_backward, lambda r: [steps(r), r.random((2, 3)), r.random((3, 3))]),
    "one step": (
        unroll_forward,
        unroll_backward,
        lambda r: [steps(r)[:1], r.random((2, 3)), r.random((3, 3))],
    ),
    "dict of parameters": (
        cell_forward,
        cell_backward,
        lambda r: [r.random((4, 3)), {"W": r.random((3, 2)), "b": r.random(2)}],
    ),
    "no cache, output again": (sigmoid, sigmoid_backward, lambda r: [r.random((4, 3))]),
    "no cache, input again": (square, square_backward, lambda r: [r.random((4, 3))]),
    "options in a dict": (
        scale_forward,
        scale_backward,
        lambda r: [r.random((4, 3)), {"by": 3.0, "mean": np.zeros(3)}],
    ),
    "global randomness": (drop_forward, drop_backward, lambda r: [r.random((40, 3)), 0.4]),
}


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", CORRECT)
def test_every_form_passes(rng, name, dtype):
    forward, backward, draw = CORRECT[name]
    report = check_pair(forward, backward, *(cast(value, dtype) for value in draw(rng)))
    assert report.verdict == "PASS", report
    assert report.problems == ()


def cast(value, dtype):
    if isinstance(value, list):
        return [cast(item, dtype) for item in value]
    if isinstance(value, dict):
        return {key: cast(item, dtype) for key, item in value.items()}
    return value.astype(dtype) if isinstance(value, np.ndarray) else value


@pytest.mark.parametrize("name", CORRECT)
def test_every_form_fails_with_a_factor(rng, name):
    forward, backward, draw = CORRECT[name]

    def twice(returned):
        if isinstance(returned, dict):
            return {key: 2 * value for key, value in returned.items()}
        return type(returned)(map(twice, returned)) if isinstance(returned, (tuple, list)) else 2 * returned

    takes = backward.__code__.co_varnames[: backward.__code__.co_argcount]
    wrong = eval(f"lambda {', '.join(takes)}: twice(backward({', '.join(takes)}))", locals())
    report = check_pair(forward, wrong, *draw(rng))
    assert report.verdict == "FAIL"
    assert all(g.verdict == "FAIL" for g in report.gradients if g.numeric != 0)


@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 4), st.integers(0, 99))
def test_any_shape_passes(n, d, h, seed):
    rng = np.random.default_rng(seed)
    arrays = rng.standard_normal((n, d)), rng.standard_normal((d, h)), rng.standard_normal(h)
    check_pair(affine_forward, affine_backward, *arrays, seed=seed).assert_ok()


def test_gradients_have_the_names_of_what_they_belong_to(rng):
    def names(name):
        forward, backward, draw = CORRECT[name]
        return [g.name for g in check_pair(forward, backward, *draw(rng)).gradients]

    assert names("lists") == ["dxs[0]", "dxs[1]", "dxs[2]", "dh0", "dw"]
    assert names("dict of parameters") == ["dxt", "dW", "db"]
    assert names("options in a dict") == ["dx"]


# Wiring


def reversed_backward(dout, cache):
    dx, dw, db = affine_backward(dout, cache)
    return db, dw, dx


def test_names_in_the_return_statement_decide_where_shapes_cannot(square_matrices):
    def add_forward(a, b):
        return a + 2 * b, None

    def add_backward(dout, cache):
        da, db = dout, 2 * dout
        return db, da

    a, b, _ = square_matrices
    report = check_pair(add_forward, add_backward, a, b)
    assert report.verdict == "PASS"
    assert "wired by the names they are returned under (db, da); pass wiring=(...)" in report.notes[0]
    assert check_pair(add_forward, add_backward, a, b, wiring=("b", "a")).notes == ()
    assert check_pair(add_forward, add_backward, a, b, wiring=("a", "b")).verdict == "FAIL"
    assert (
        check_op(add_forward, a, b, backward=add_backward).verdict == "FAIL"
    )  # there, order is the contract


def test_shapes_decide_where_there_are_no_names(rng, x):
    inputs = x, rng.standard_normal((3, 5)), rng.standard_normal(5)
    report = check_pair(affine_forward, lambda dout, c: affine_backward(dout, c)[::-1], *inputs)
    assert report.verdict == "PASS"
    assert "wired by their shapes (db, dw, dx)" in report.notes[0]


def test_order_decides_where_nothing_else_does(square_matrices):
    x, w, _ = square_matrices
    pair = (lambda x, w: (x @ w, (x, w)), lambda dy, c: (dy @ c[1].T, c[0].T @ dy))
    assert check_pair(*pair, x, w).notes == ()
    assert check_pair(pair[0], lambda dy, c: pair[1](dy, c)[::-1], x, w).verdict == "FAIL"


def test_a_wiring_may_leave_a_gradient_out(rng, x):
    def backward(dout, cache):
        return (dout.sum(), *affine_backward(dout, cache))

    inputs = x, rng.standard_normal((3, 5)), rng.standard_normal(5)
    assert not check_pair(affine_forward, backward, *inputs).passed
    assert check_pair(affine_forward, backward, *inputs, wiring=(None, "x", "w", "b")).passed
    wrong = check_pair(affine_forward, backward, *inputs, wiring=(None, "x", "w", "v"))
    assert wrong.verdict == "ERROR"
    assert "wiring: no float input is called 'v'; there are x, w, b" in str(wrong)


def test_a_target_of_floats_needs_no_gradient_but_is_checked_where_it_has_one(x):
    def mse_forward(pred, target):
        return ((pred - target) ** 2).sum(), pred - target

    report = check_pair(mse_forward, lambda dloss, d: 2 * dloss * d, x, np.ones_like(x))
    assert report.verdict == "PASS"
    assert [g.name for g in report.gradients] == ["dpred"]
    assert report.notes == ("target has no gradient and looks like data; it is not moved",)
    both = check_pair(mse_forward, lambda dloss, d: (2 * dloss * d, 2 * dloss * d), x, np.ones_like(x))
    assert [(g.name, g.verdict) for g in both.gradients] == [("dpred", "PASS"), ("dtarget", "FAIL")]


def test_unusual_forms_are_told(rng):
    inputs = steps(rng)
    assert check_pair(step_forward, step_backward_of_h, *inputs).notes == (
        "backward takes 1 upstream gradient for 2 outputs: the rest is left out",
    )
    assert "takes its cache first" in check_pair(step_forward, step_backward_cache_first, *inputs).notes[0]


def test_integers_and_booleans_among_the_inputs_are_never_moved(rng):
    def take_forward(ids, table, keep):
        assert ids.dtype.kind == "i"
        assert set(np.unique(ids)) <= {0, 2}
        return table[ids] * keep[:, None], (ids, keep, table.shape)

    def take_backward(dout, cache):
        ids, keep, shape = cache
        dtable = np.zeros(shape)
        np.add.at(dtable, ids, dout * keep[:, None])
        return None, dtable, None

    inputs = np.array([2, 0, 2]), rng.standard_normal((4, 3)), np.array([True, False, True])
    report = check_pair(take_forward, take_backward, *inputs)
    assert report.verdict == "PASS"
    assert [g.name for g in report.gradients] == ["dtable"]


# Randomness


def test_global_random_states_are_left_as_they_were(rng):
    np.random.seed(7)
    expected = np.random.rand(3)
    np.random.seed(7)
    assert check_pair(drop_forward, drop_backward, rng.random((9, 3)), 0.4).passed
    np.testing.assert_array_equal(np.random.rand(3), expected)


def test_a_mask_drawn_again_in_the_backward_is_another_mask(rng):
    def draws_again(dout, cache):
        return dout * (np.random.rand(*dout.shape) > 0.4) / 0.6

    assert check_pair(drop_forward, draws_again, rng.random((9, 3)), 0.4).verdict == "FAIL"


GENERATOR = np.random.default_rng(11)


def test_a_generator_of_the_module_is_frozen_too(rng):
    def forward(x):
        mask = GENERATOR.random(x.shape) > 0.5
        return x * mask, mask

    state = GENERATOR.bit_generator.state
    assert check_pair(forward, drop_backward, rng.random((9, 3))).verdict == "PASS"
    assert GENERATOR.bit_generator.state == state
