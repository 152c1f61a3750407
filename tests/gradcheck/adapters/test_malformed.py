"""Whatever is malformed ends as a sentence that knows its kind, and never as a traceback of the checker's own."""

import sys

import numpy as np
import pytest

from minicap.gradcheck import KINDS, Problem, check_closure, check_layer, check_loss, check_model, check_pair


def good_forward(x, w):
    return x @ w, (x, w)


def good_backward(dout, cache):
    x, w = cache
    return dout @ w.T, x.T @ dout


def raising(*args):
    raise KeyError("pad")


def leaving(*args):
    sys.exit(3)


def recursing(*args):
    return recursing(*args)


def with_dx(change):
    return lambda dout, cache: (change(dout @ cache[1].T), cache[0].T @ dout)


BACKWARDS = {
    "None": (lambda dout, cache: None, "missing_gradient", "backward returns 1 gradient for 2 float inputs"),
    "too few": (
        lambda dout, cache: good_backward(dout, cache)[:1],
        "missing_gradient",
        "backward returns 1 gradient",
    ),
    "too many": (
        lambda d, c: (*good_backward(d, c), d),
        "missing_gradient",
        "backward returns 3 gradients for 2",
    ),
    "empty": (lambda dout, cache: (), "missing_gradient", "backward returns 0 gradients"),
    "a generator": (
        lambda d, c: (g for g in good_backward(d, c)),
        "missing_gradient",
        "backward returns 1 gradient",
    ),
    "no dx": (with_dx(lambda dx: None), "missing_gradient", "dx is None"),
    "a list": (with_dx(lambda dx: dx.tolist()), "dtype", "dx is a list, not an array"),
    "text": (with_dx(lambda dx: "dx"), "dtype", "dx is a str, not an array"),
    "objects": (with_dx(lambda dx: dx.astype(object)), "dtype", "dx has dtype object"),
    "complex": (with_dx(lambda dx: dx * 1j), "dtype", "dx has dtype complex128"),
    "integers": (with_dx(lambda dx: dx.astype(int)), "dtype", "dx has dtype int64"),
    "float32": (with_dx(lambda dx: dx.astype(np.float32)), "dtype", "dx has dtype float32 though its input"),
    "NaN": (with_dx(lambda dx: dx * np.nan), "nan", "dx is NaN at [0, 0]"),
    "infinite": (with_dx(lambda dx: dx / np.zeros(1)), "nan", "dx is infinite"),
    "transposed": (with_dx(lambda dx: dx.T), "transpose", "dx has shape (3, 4), the transpose"),
    "flat": (
        with_dx(lambda dx: dx.ravel()),
        "shape",
        "dx has shape (12,) where the input has (4, 3): as many",
    ),
    "a number": (with_dx(lambda dx: dx.sum()), "shape", "dx has shape ()"),
    "no sum": (with_dx(lambda dx: np.stack([dx, dx])), "missing_batch_sum", "dx has shape (2, 4, 3) where"),
    "raises": (raising, "unknown", "backward raised KeyError: 'pad'"),
    "exits": (leaving, "unknown", "backward raised SystemExit: 3"),
    "recurses": (recursing, "unknown", "backward raised RecursionError"),
    "takes nothing": (lambda: None, "unknown", "backward raised TypeError"),
    "takes too much": (lambda a, b, c, d: None, "unknown", "backward raised TypeError"),
}


@pytest.mark.parametrize("name", BACKWARDS)
def test_a_malformed_backward(rng, name):
    backward, kind, sentence = BACKWARDS[name]
    report = check_pair(good_forward, backward, rng.standard_normal((4, 3)), rng.standard_normal((3, 5)))
    assert report.verdict in ("FAIL", "ERROR")
    assert report.problems[0].startswith(sentence), report
    assert report.problems[0].kind == kind
    assert all(isinstance(p, Problem) and p.kind in KINDS for p in report.problems)


FORWARDS = {
    "None": (lambda x, w: None, "unknown", "forward must return (y, cache)"),
    "no cache": (lambda x, w: x @ w, "unknown", "forward must return (y, cache)"),
    "a dict": (lambda x, w: {"y": x @ w}, "unknown", "forward must return (y, cache)"),
    "a list for y": (lambda x, w: ((x @ w).tolist(), None), "dtype", "output 0 of forward is a list"),
    "None for y": (lambda x, w: (None, None), "dtype", "the output of forward is a NoneType"),
    "objects": (
        lambda x, w: ((x @ w).astype(object), None),
        "dtype",
        "the output of forward has dtype object",
    ),
    "complex": (lambda x, w: (x @ w * 1j, None), "dtype", "the output of forward has dtype complex128"),
    "classes": (lambda x, w: ((x @ w).argmax(1), None), "dtype", "the output of forward has dtype int64"),
    "text": (lambda x, w: ("y", None), "dtype", "the output of forward is a str"),
    "nothing": (lambda x, w: ((), None), "unknown", "forward returns no output at all"),
    "NaN": (
        lambda x, w: (np.log(-np.abs(x @ w)), (x, w)),
        "nan",
        "the output of forward is not finite at 20 of 20",
    ),
    "raises": (raising, "unknown", "forward raised KeyError: 'pad'"),
    "exits": (leaving, "unknown", "forward raised SystemExit: 3"),
    "recurses": (recursing, "unknown", "forward raised RecursionError"),
    "takes too little": (lambda x: (x, x), "unknown", "forward raised TypeError"),
}


@pytest.mark.parametrize("name", FORWARDS)
def test_a_malformed_forward(rng, name):
    forward, kind, sentence = FORWARDS[name]
    report = check_pair(forward, good_backward, rng.standard_normal((4, 3)), rng.standard_normal((3, 5)))
    assert report.verdict == "ERROR"
    assert report.problems[0].startswith(sentence), report
    assert report.problems[0].kind == kind


def test_outputs_that_change_their_size(rng):
    def forward(x):
        return x[x[:, 0] > x[0, 0] - 1e-9], x

    x = rng.standard_normal((4, 3))
    x[1:] = x[:1]
    report = check_pair(forward, lambda dout, x: dout, x)
    assert report.verdict == "ERROR"
    assert report.problems[-1].startswith("forward returns 12 numbers at one call and")


class Layer:
    """Whose methods are given from outside."""

    def __init__(self, forward, backward):
        self._calls = forward, backward
        self.W = np.ones((3, 2))

    def forward(self, x):
        return self._calls[0](self, x)

    def backward(self, dout):
        return self._calls[1](self, dout)


def product(self, x):
    self.x = x
    return x @ self.W


def gradients(self, dout):
    self.dW = self.x.T @ dout
    return dout @ self.W.T


def forgets_to_return(self, dout):
    gradients(self, dout)


def stores(value):
    def backward(self, dout):
        self.dW = value
        return dout @ self.W.T

    return backward


LAYERS = {
    "forward raises": (raising, gradients, "unknown", "forward raised KeyError"),
    "forward exits": (leaving, gradients, "unknown", "forward raised SystemExit"),
    "forward gives None": (lambda self, x: None, gradients, "dtype", "the output of forward is a NoneType"),
    "backward raises": (product, raising, "unknown", "backward raised KeyError"),
    "backward exits": (product, leaving, "unknown", "backward raised SystemExit"),
    "dx forgotten": (product, forgets_to_return, "missing_gradient", "dx is None"),
    "dW is None": (product, stores(None), "missing_gradient", "backward returns no dW"),
    "dW is a number": (product, stores(1.5), "shape", "dW has shape () where the input has (3, 2)"),
    "dW transposed": (product, stores(np.ones((2, 3))), "transpose", "dW has shape (2, 3), the transpose"),
    "dW is a list": (product, stores([1.0]), "dtype", "dW is a list, not an array"),
}


@pytest.mark.parametrize("name", LAYERS)
def test_a_malformed_class(rng, name):
    forward, backward, kind, sentence = LAYERS[name]
    report = check_layer(Layer(forward, backward), rng.standard_normal((4, 3)))
    assert not report.passed
    found = [problem for problem in report.problems if problem.startswith(sentence)]
    assert found, report
    assert found[0].kind == kind


class Uncopied(Layer):
    def __deepcopy__(self, memo):
        raise TypeError("no copies")


@pytest.mark.parametrize(
    ("check", "sentence"),
    [
        (lambda x: check_layer(object(), x), "object has no method forward"),
        (
            lambda x: check_layer(Uncopied(product, gradients), x),
            "Uncopied cannot be copied (TypeError: no copies)",
        ),
        (lambda x: check_model(object(), x), "object has no method loss"),
        (lambda x: check_closure(raising, x), "forward raised KeyError"),
        (lambda x: check_loss(raising, x), "forward raised KeyError"),
        (lambda x: check_loss(leaving, x), "forward raised SystemExit"),
        (
            lambda x: check_pair(good_forward, good_backward, 3),
            "good_forward: no positional input is an array of floats",
        ),
    ],
)
def test_what_cannot_be_used_at_all(rng, check, sentence):
    report = check(rng.standard_normal((4, 3)))
    assert report.verdict == "ERROR"
    assert report.problems[0].startswith(sentence), report


def test_printing_and_warnings_are_swallowed_and_noted(rng, capsys):
    def forward(x):
        print("x" * 10_000)
        print("to the other stream", file=sys.stderr)
        np.log(np.zeros(1))
        return x * 2, None

    report = check_pair(forward, lambda dout, cache: dout * 2, rng.standard_normal((4, 3)))
    assert report.verdict == "PASS"
    assert report.notes == ("forward prints; what it prints is not shown",)
    assert capsys.readouterr() == ("", "")


# float32 hard-coded inside


def narrow_forward(x, w):
    out = np.zeros((x.shape[0], w.shape[1]), np.float32)
    out[...] = x @ w
    return out, (x, w)


@pytest.mark.parametrize(
    "forward", [narrow_forward, lambda x, w: ((x @ w).astype("f4").astype("f8"), (x, w))]
)
def test_a_float32_buffer_is_named_and_the_numbers_are_judged_at_its_precision(rng, forward):
    inputs = rng.standard_normal((4, 3)), rng.standard_normal((3, 5))
    report = check_pair(forward, good_backward, *inputs)
    assert [p.kind for p in report.problems] == ["dtype"]
    assert "hard-coded to float32" in report.problems[0]
    assert [g.verdict for g in report.gradients] == ["PASS", "PASS"]
    twice = check_pair(forward, lambda d, c: [2 * g for g in good_backward(d, c)], *inputs)
    assert [g.verdict for g in twice.gradients] == ["FAIL", "FAIL"]


def test_values_that_only_look_like_float32_are_not_taken_for_it():
    x = np.arange(12.0).reshape(4, 3) / 8
    assert check_pair(good_forward, good_backward, x, np.ones((3, 2))).problems == ()
    thirds = np.arange(1.0, 4) / 3
    halves = check_pair(lambda x: (np.round(x * 0 + 0.5, 1) * 3 + x * 0, x), lambda d, x: d * 0, thirds)
    assert halves.problems == ()


def test_an_integer_argument_written_to_is_told(rng):
    def forward(ids, w):
        ids[0] = 1
        return w[ids], (ids, w)

    def backward(dout, cache):
        dw = np.zeros_like(cache[1])
        np.add.at(dw, cache[0], dout)
        return dw

    report = check_pair(forward, backward, np.array([0, 1, 2]), rng.standard_normal((3, 2)))
    assert report.problems[0] == "forward changes its argument ids; work on a copy"
    assert report.problems[0].kind == "mutates_input"
