"""Closures, losses and models that bring their own gradients."""

import numpy as np
import pytest

from minicap.gradcheck import check_closure, check_loss, check_model


def linear(x, W, b):
    def backward(dy):
        dx, dW, db = dy @ W.T, x.T @ dy, dy.sum(0)
        return dx, dW, db

    return x @ W + b, backward


def polar(r, angle):
    """Two outputs, one closure."""

    def backward(dx, dy):
        dr = dx * np.cos(angle) + dy * np.sin(angle)
        return {"r": dr, "angle": r * (dy * np.cos(angle) - dx * np.sin(angle))}

    return (r * np.cos(angle), r * np.sin(angle)), backward


def polar_of_pair(r, angle):
    outputs, backward = polar(r, angle)
    return (*outputs, lambda douts: backward(*douts))


@pytest.fixture
def arrays(rng):
    return rng.standard_normal((4, 3)), rng.standard_normal((3, 5)), rng.standard_normal(5)


def test_closures_pass(rng, arrays):
    assert check_closure(linear, *arrays).verdict == "PASS"
    for function in (polar, polar_of_pair):
        report = check_closure(function, rng.random(4), rng.random(4))
        assert report.verdict == "PASS"
        assert [g.name for g in report.gradients] == ["dr", "dangle"]


def test_a_wrong_closure_fails_where_it_is_wrong(arrays):
    def wrong(x, W, b):
        y, backward = linear(x, W, b)
        return y, lambda dy: (*backward(dy)[:2], dy.mean(0))

    report = check_closure(wrong, *arrays)
    assert [(g.name, g.verdict) for g in report.gradients] == [("dx", "PASS"), ("dW", "PASS"), ("db", "FAIL")]


@pytest.mark.parametrize("returned", [lambda x: x, lambda x: (x, x), lambda x: (x,), lambda x: None])
def test_a_closure_without_a_backward_is_a_sentence(arrays, returned):
    report = check_closure(returned, arrays[0])
    assert report.verdict == "ERROR"
    assert "the function must return (y, backward) with a function to call, not" in report.problems[0]


# Losses


def softmax_loss(x, y):
    p = np.exp(x - x.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    rows = np.arange(len(y))
    dx = p.copy()
    dx[rows, y] -= 1
    return -np.log(p[rows, y]).mean(), dx / len(y)


def svm_loss_of_weights(W, X, y, reg):
    scores = X @ W
    rows = np.arange(len(y))
    margins = np.maximum(0, scores - scores[rows, y][:, None] + 1)
    margins[rows, y] = 0
    hot = (margins > 0).astype(float)
    hot[rows, y] = -hot.sum(1)
    dW = X.T @ hot / len(y) + 2 * reg * W
    return margins.sum() / len(y) + reg * (W**2).sum(), dW


def logistic_loss(w, b, X, y):
    z = y * (X @ w + b)
    s = -y / (1 + np.exp(z)) / len(y)
    return np.log1p(np.exp(-z)).mean(), X.T @ s, s.sum()


LABELS = np.array([0, 2, 1, 2])


def test_losses_pass_and_what_has_no_gradient_is_data(rng, arrays):
    x = arrays[0]
    plain = check_loss(softmax_loss, x, LABELS)
    assert (plain.verdict, plain.notes) == ("PASS", ())
    svm = check_loss(svm_loss_of_weights, rng.standard_normal((3, 3)), x, LABELS, 0.1)
    assert svm.passed
    assert [g.name for g in svm.gradients] == ["dW"]
    assert svm.notes == ("X has no gradient and is taken for data; it is not moved",)
    binary = check_loss(logistic_loss, rng.standard_normal(3), np.array(0.3), x, np.array([1.0, -1, 1, 1]))
    assert binary.verdict == "PASS"
    assert [g.name for g in binary.gradients] == ["dw", "db"]


def test_a_wrong_loss_fails(arrays):
    report = check_loss(lambda x, y: (softmax_loss(x, y)[0], 4 * softmax_loss(x, y)[1]), arrays[0], LABELS)
    assert report.verdict == "FAIL"
    assert report.worst.analytic == pytest.approx(4 * report.worst.numeric)


def test_a_loss_without_a_gradient_is_a_sentence(arrays):
    report = check_loss(lambda x, y: softmax_loss(x, y)[0], arrays[0], LABELS)
    assert report.verdict == "ERROR"
    assert report.problems[0].endswith("must return (loss, gradients), not a float64")
    assert report.problems[0].kind == "missing_gradient"
    none = check_loss(lambda x, y: (softmax_loss(x, y)[0], None), arrays[0], LABELS)
    assert none.problems[0].startswith("dx is None")


# Models


class Net:
    """``loss(X, y) -> loss, grads``, in float32 as its constructor says."""

    factor = 1.0

    def __init__(self, rng, dtype=np.float32):
        self.dtype, self.reg = dtype, 0.1
        self.params = {
            "W1": rng.standard_normal((3, 6)),
            "b1": np.zeros(6),
            "W2": rng.standard_normal((6, 3)),
        }
        self.params = {name: value.astype(dtype) for name, value in self.params.items()}

    def loss(self, X, y):
        X = X.astype(self.dtype)
        W1, b1, W2 = self.params["W1"], self.params["b1"], self.params["W2"]
        h = np.maximum(X @ W1 + b1, 0)
        loss, dscores = softmax_loss(h @ W2, y)
        dh = dscores @ W2.T * (h > 0)
        grads = {"W2": h.T @ dscores + self.reg * W2, "W1": X.T @ dh + self.reg * W1, "b1": dh.sum(0)}
        grads["W2"] *= self.factor
        return loss + 0.5 * self.reg * ((W1**2).sum() + (W2**2).sum()), grads


class Stored(Net):
    """The loss alone; ``backward()`` leaves the gradients in the object."""

    def loss(self, X, y):
        loss, self.kept = super().loss(X, y)
        return loss

    def backward(self):
        self.grads = self.kept


class Asked(Net):
    """The loss alone; ``gradient(X, y)`` returns the gradients."""

    def loss(self, X, y):
        return super().loss(X, y)[0]

    def gradient(self, X, y):
        return super().loss(X, y)[1]


@pytest.mark.parametrize("kind", [Net, Stored, Asked])
def test_models_pass_in_float64_whatever_they_were_built_in(rng, arrays, kind):
    model = kind(rng)
    report = check_model(model, arrays[0].astype(np.float32), LABELS, entries=100)
    assert report.passed, report
    assert report.problems == ()
    assert [g.name for g in report.gradients] == ["dW1", "db1", "dW2"]
    assert model.params["W1"].dtype == np.float32
    assert not hasattr(model, "kept")


@pytest.mark.parametrize("kind", [Net, Stored, Asked])
def test_a_wrong_model_fails_where_it_is_wrong(rng, arrays, kind):
    model = kind(rng)
    model.factor = 0.5
    report = check_model(model, *[arrays[0], LABELS])
    assert [g.name for g in report.gradients if not g.passed] == ["dW2"]


def test_a_model_that_trains_while_it_is_asked_for_its_loss_is_told(rng, arrays):
    class Trains(Net):
        def loss(self, X, y):
            loss, grads = super().loss(X, y)
            self.params["W1"] = self.params["W1"] - 0.1 * grads["W1"]
            return loss, grads

    report = check_model(Trains(rng), arrays[0], LABELS)
    assert [(p.kind, p.gradient) for p in report.problems] == [("mutates_input", "dW1")]


def test_a_model_without_a_gradient_for_a_parameter_is_told(rng, arrays):
    class Forgets(Net):
        def loss(self, X, y):
            loss, grads = super().loss(X, y)
            return loss, {name: grads[name] for name in ("W1", "W2")}

    report = check_model(Forgets(rng), arrays[0], LABELS)
    assert [(p.kind, p.gradient) for p in report.problems] == [("missing_gradient", "db1")]
