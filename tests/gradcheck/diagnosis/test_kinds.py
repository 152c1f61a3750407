"""Bugs in layers that the zoo does not have, each in a few lines: the kind, the gradient, and the words."""

import numpy as np
import pytest

from minicap.gradcheck import check_closure, check_loss, check_model, check_pair
from minicap.gradcheck.diagnosis import candidate
from minicap.gradcheck.findings import KINDS

RNG = np.random.default_rng(3)
X, W, B = RNG.standard_normal((3, 4)), RNG.standard_normal((4, 5)), RNG.standard_normal(5)
SEQUENCE = RNG.standard_normal((2, 4, 3))


def linear(wrong):
    """Return a pair for tanh(x w + b); ``wrong`` spoils the gradients (x, y, dz, dx, dw, db) -> (dx, dw, db)."""

    def forward(x, w, b):
        y = np.tanh(x @ w + b)
        return y, (x, w, y)

    def backward(dy, cache):
        x, w, y = cache
        dz = dy * (1 - y**2)
        return wrong({"x": x, "w": w, "y": y, "dy": dy, "dz": dz}, dz @ w.T, x.T @ dz, dz.sum(0))

    return forward, backward


def through(factor):
    """Return all three gradients from another dz."""

    def wrong(c, dx, dw, db):
        dz = factor(c)
        return dz @ c["w"].T, c["x"].T @ dz, dz.sum(0)

    return wrong


LINEAR = {
    "factor": (lambda c, dx, dw, db: (dx, 1.5 * dw, db), "dw", "1.5 times"),
    "sign": (lambda c, dx, dw, db: (-dx, dw, db), "dx", "wrong sign"),
    "missing_scale": (lambda c, dx, dw, db: (dx, dw, db / 3), "db", "3 is the length of x's axis 0"),
    "missing_batch_sum": (lambda c, dx, dw, db: (dx, dw, c["dz"]), "db", "one gradient a sample"),
    "overwrite": (
        lambda c, dx, dw, db: (dx, np.outer(c["x"][-1], c["dz"][-1]), db),
        "dw",
        "last sample only",
    ),
    "never_written": (lambda c, dx, dw, db: (dx, dw * 0, db), "dw", "zero everywhere"),
    "transpose": (lambda c, dx, dw, db: (dx, dw.T.reshape(dw.shape), db), "dw", "wrong places"),
    "regularisation": (lambda c, dx, dw, db: (dx, dw + 0.3 * c["w"], db), "dw", "0.3 times w"),
    "double_nonlinearity": (
        through(lambda c: c["dy"] * (1 - np.tanh(c["y"]) ** 2)),
        "dx",
        "tanh is applied to its own output",
    ),
    "missing_term": (through(lambda c: c["dy"]), "dx", "1 - tanh^2, is left out"),
    "missing_gradient": (lambda c, dx, dw, db: (dx, dw, None), "db", "None"),
    "shape": (lambda c, dx, dw, db: (dx, dw.ravel(), db), "dw", "reshape it"),
    "dtype": (lambda c, dx, dw, db: (dx, dw, db.astype(np.float32)), "db", "float32"),
    "nan": (lambda c, dx, dw, db: (dx * np.nan, dw, db), "dx", "NaN"),
    "unknown": (
        lambda c, dx, dw, db: (dx, dw * (1 + 0.1 * np.arange(20).reshape(4, 5) ** 1.3), db),
        "dw",
        "none",
    ),
}


@pytest.mark.parametrize("kind", LINEAR)
def test_bugs_of_a_linear_layer(kind):
    wrong, gradient, words = LINEAR[kind]
    found = check_pair(*linear(wrong), X, W, B).diagnosis
    assert (found.kind, found.gradient) == (kind, gradient), found
    assert words in found.sentence
    assert gradient in found.sentence


def test_the_factor_is_told():
    found = check_pair(*linear(LINEAR["factor"][0]), X, W, B).diagnosis
    assert found.factor == pytest.approx(1.5)


def test_a_right_layer_has_no_diagnosis():
    report = check_pair(*linear(lambda c, *grads: grads), X, W, B)
    assert report.passed
    assert report.diagnosis is None
    assert report.further == ()


def test_two_bugs_are_both_told():
    report = check_pair(*linear(lambda c, dx, dw, db: (-dx, 2 * dw, db)), X, W, B)
    assert {report.diagnosis.kind, *(d.kind for d in report.further)} == {"sign", "factor"}
    assert "perhaps also" in str(report)


def recurrence(wrong):
    """Return a pair for h_t = tanh(x_t w + u h_{t-1}), one number u a unit; ``wrong`` names the bug."""

    def forward(x, h0, w, u):
        hs = [h0]
        for t in range(x.shape[1]):
            hs.append(np.tanh(x[:, t] @ w + u * hs[-1]))
        return np.stack(hs[1:], 1), (x, np.stack(hs, 1), w, u)

    def backward(dy, cache):
        x, hs, w, u = cache
        dx, dw, du, dh = np.zeros_like(x), np.zeros_like(w), np.zeros_like(u), 0
        for t in reversed(range(x.shape[1])):
            dz = (dy[:, t] + dh) * (1 - hs[:, t + 1] ** 2)
            dx[:, t] = dz @ w.T
            dw = x[:, t].T @ dz + (0 if wrong == "overwrite" else dw)
            du += (dz * hs[:, t + 1 if wrong == "time_shift" else t]).sum(0)
            dh = 0 if wrong == "missing_term" else dz * u
        return dx, dz * u, dw, du

    return forward, backward


@pytest.mark.parametrize(
    ("kind", "gradient", "words"),
    [
        ("overwrite", "dw", "first step's part only"),
        ("time_shift", "du", "the state after each step"),
        ("missing_term", "dx", "not carried back through time"),
    ],
)
def test_bugs_over_time(kind, gradient, words):
    h0, w, u = RNG.standard_normal((2, 5)), RNG.standard_normal((3, 5)), RNG.uniform(0.5, 1, 5)
    found = check_pair(*recurrence(kind), SEQUENCE, h0, w, u).diagnosis
    assert (found.kind, found.gradient) == (kind, gradient), found
    assert words in found.sentence


def gated(wrong):
    """Return a closure for y = tanh(a) sigmoid(b), (a, b) = x w; ``wrong`` swaps the halves of the gradient."""

    def f(x, w):
        a, b = np.split(x @ w, 2, axis=1)
        s, t = 1 / (1 + np.exp(-b)), np.tanh(a)

        def backward(dy):
            parts = [dy * s * (1 - t**2), dy * t * s * (1 - s)]
            dz = np.concatenate(parts[::-1] if wrong else parts, axis=1)
            return dz @ w.T, x.T @ dz

        return s * t, backward

    return f


def test_gates_that_change_places():
    w = RNG.standard_normal((4, 6))
    assert check_closure(gated(False), X, w).passed
    found = check_closure(gated(True), X, w).diagnosis
    assert (found.kind, found.gradient) == ("gates_permuted", "dw")
    assert "1, 0" in found.sentence


def table(ids_twice):
    """Return a pair that looks rows up."""

    def forward(ids, w):
        return w[ids], (ids, w.shape)

    def backward(dy, cache):
        ids, shape = cache
        dw = np.zeros(shape)
        if ids_twice:
            np.add.at(dw, ids, dy)
        else:
            dw[ids] += dy
        return dw

    return forward, backward


def test_ids_that_occur_twice():
    ids, w = np.array([[0, 2, 0], [1, 2, 4]]), RNG.standard_normal((5, 3))
    assert check_pair(*table(True), ids, w).passed
    found = check_pair(*table(False), ids, w).diagnosis
    assert found.kind == "duplicate_ids"
    assert "ids" in found.sentence


def largest(share):
    """Return a pair for the maximum over the last axis; ties share the gradient, or each gets all of it."""

    def forward(x):
        return x.max(-1), x

    def backward(dy, x):
        winners = x == x.max(-1, keepdims=True)
        return winners * dy[:, None] / (winners.sum(-1, keepdims=True) if share else 1)

    return forward, backward


def test_ties():
    x = np.array([[1.0, 3.0, 3.0], [2.0, 0.0, 1.0]])
    assert check_pair(*largest(True), x).passed
    found = check_pair(*largest(False), x).diagnosis
    assert found.kind == "ties"
    assert check_pair(*largest(False), x + np.arange(3) / 10).passed


def relu_pair(mask):
    def forward(x):
        return np.maximum(x, 0), x

    return forward, lambda dy, x: dy * (x > 0) if mask else dy


def test_a_mask_left_out():
    found = check_pair(*relu_pair(False), X).diagnosis
    assert found.kind == "missing_mask"
    assert "lets nothing through" in found.sentence


def test_the_target_left_out_of_a_loss():
    def loss(x, y):
        p = np.exp(x) / np.exp(x).sum(1, keepdims=True)
        return -np.log(p[np.arange(len(y)), y]).mean(), p / len(y)

    found = check_loss(loss, X, np.array([1, 0, 3])).diagnosis
    assert found.kind == "missing_term"
    assert "y points to" in found.sentence


class Ridge:
    """Least squares with a penalty."""

    def __init__(self, strength):
        self.params, self.strength = {"w": np.array([1.0, -2.0, 0.5, 3.0])}, strength

    def loss(self, X, y):
        w = self.params["w"]
        r = X @ w - y
        return 0.5 * (r @ r) + 0.05 * (w @ w), {"w": X.T @ r + self.strength * w}


def test_a_penalty_of_another_strength():
    y = np.ones(3)
    assert check_model(Ridge(0.1), X, y).passed
    found = check_model(Ridge(0.05), X, y).diagnosis
    assert found.kind == "regularisation"
    assert "0.05 times w itself, less" in found.sentence


def correlation(bug):
    """Return a pair for a valid correlation of (N, C, H, W) with (F, C, KH, KW), by taps."""

    def forward(x, w):
        kh, kw = w.shape[2:]
        oh, ow = x.shape[2] - kh + 1, x.shape[3] - kw + 1
        y = sum(
            np.einsum("nchw,fc->nfhw", x[:, :, i : i + oh, j : j + ow], w[:, :, i, j])
            for i in range(kh)
            for j in range(kw)
        )
        return y, (x, w)

    def backward(dy, cache):
        x, w = cache
        if bug == "not_flipped":
            w = w[:, :, ::-1, ::-1]
        (kh, kw), (oh, ow) = w.shape[2:], dy.shape[2:]
        dx, dw = np.zeros_like(x), np.zeros_like(w)
        for i in range(kh):
            for j in range(kw):
                part = np.einsum("nfhw,fc->nchw", dy, w[:, :, i, j])
                dx[:, :, i : i + oh, j : j + ow] += part
                dw[:, :, i, j] = np.einsum("nfhw,nchw->fc", dy, x[:, :, i : i + oh, j : j + ow])
        if bug == "axes_swapped":
            dw = dw.transpose(0, 1, 3, 2).reshape(dw.shape)
        if bug == "padding":
            dx = np.pad(dx, ((0, 0), (0, 0), (1, 1), (1, 1)))
        return dx, dw

    return forward, backward


@pytest.mark.parametrize("kind", ["not_flipped", "axes_swapped", "padding"])
def test_bugs_of_a_convolution(kind):
    x, w = RNG.standard_normal((2, 2, 4, 5)), RNG.standard_normal((3, 2, 2, 3))
    assert check_pair(*correlation(""), x, w).passed
    found = check_pair(*correlation(kind), x, w).diagnosis
    assert (found.kind, found.gradient) == (kind, "dw" if kind == "axes_swapped" else "dx")


def test_an_optimiser_inside_is_told_before_anything_else():
    def backward(dy, cache):
        x, w = cache
        w -= 0.1 * x.T @ dy
        return dy @ w.T, x.T @ dy

    found = check_pair(lambda x, w: (x @ w, (x, w)), backward, X, W).diagnosis
    assert found.kind == "mutates_input"


def test_every_kind_has_a_hint():
    assert set(candidate.HINTS) == set(KINDS)


def test_a_layer_too_large_to_be_seen_whole_is_sampled():
    x, w = RNG.standard_normal((3, 300)), RNG.standard_normal((300, 900))

    def backward(dy, cache):
        x, w = cache
        return dy @ w.T, 2 * x.T @ dy

    report = check_pair(lambda x, w: (x @ w, (x, w)), backward, x, w)
    assert (report.diagnosis.kind, report.diagnosis.gradient) == ("factor", "dw")
    assert report.diagnosis.factor == pytest.approx(2)
