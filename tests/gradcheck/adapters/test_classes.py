"""Classes that keep their cache to themselves, in the conventions of many courses."""

import numpy as np
import pytest

from minicap.gradcheck import check_layer
from minicap.gradcheck.adapters import classes


class Affine:
    """Attributes with gradients beside them."""

    def __init__(self, rng):
        self.W, self.b = rng.standard_normal((3, 4)), rng.standard_normal(4)

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, dout):
        self.dW, self.db = self.x.T @ dout, dout.sum(0)
        return dout @ self.W.T


class Grads(Affine):
    """Dicts of parameters and gradients with the same keys."""

    def __init__(self, rng):
        super().__init__(rng)
        self.params, self.grads = {"W": self.__dict__.pop("W"), "b": self.__dict__.pop("b")}, {}

    def forward(self, x):
        self.x = x
        return x @ self.params["W"] + self.params["b"]

    def backward(self, dout):
        self.grads.update(W=self.x.T @ dout, b=dout.sum(0))
        return dout @ self.params["W"].T


class Lists(Affine):
    """Lists of parameters and gradients, the gradients written in place."""

    def __init__(self, rng):
        super().__init__(rng)
        self.params = [self.__dict__.pop("W"), self.__dict__.pop("b")]
        self.grads = [np.zeros_like(p) for p in self.params]

    def forward(self, x):
        self.x = x
        return x @ self.params[0] + self.params[1]

    def backward(self, dout):
        self.grads[0][...] = self.x.T @ dout
        self.grads[1][...] = dout.sum(0)
        return dout @ self.params[0].T


class Returned(Affine):
    """Gradients of parameters beside that of the input."""

    def backward(self, dout):
        return dout @ self.W.T, self.x.T @ dout, dout.sum(0)


class ReturnedDict(Affine):
    def backward(self, dout):
        return dout @ self.W.T, {"dW": self.x.T @ dout, "db": dout.sum(0)}


class Cached(Affine):
    """The cache outside, the gradients inside."""

    def forward(self, x):
        return x @ self.W + self.b, x

    def backward(self, dout, cache):
        self.dW, self.db = cache.T @ dout, dout.sum(0)
        return dout @ self.W.T


class Parameter:
    def __init__(self, data):
        self.data, self.grad = data, np.zeros_like(data)


class Wrapped:
    """Parameter objects whose gradients add up until they are set to zero."""

    def __init__(self, rng):
        self.weight, self.bias = Parameter(rng.standard_normal((3, 4))), Parameter(rng.standard_normal(4))

    def zero_grad(self):
        self.weight.grad[...] = 0
        self.bias.grad[...] = 0

    def __call__(self, x):
        self._x = x
        return x @ self.weight.data + self.bias.data

    def backward(self, grad_output):
        self.weight.grad += self._x.T @ grad_output
        self.bias.grad += grad_output.sum(0)
        return grad_output @ self.weight.data.T


class Stack:
    """Layers inside a layer, and a cache that each backward uses up."""

    def __init__(self, rng):
        self.layers, self.seen = [Affine(rng), Affine(rng)], []
        self.layers[1].W = rng.standard_normal((4, 2))
        self.layers[1].b = rng.standard_normal(2)

    def forward(self, x):
        h = np.tanh(self.layers[0].forward(x))
        self.seen.append(h)
        return self.layers[1].forward(h)

    def backward(self, dout):
        h = self.seen.pop()
        return self.layers[0].backward(self.layers[1].backward(dout) * (1 - h**2))


class Standardise:
    """Running averages beside parameters."""

    def __init__(self, rng):
        self.gamma, self.running_mean = rng.standard_normal(3), np.zeros(3)

    def forward_pass(self, X, training=True):
        self.running_mean = 0.9 * self.running_mean + 0.1 * X.mean(0)
        self.centred = X - X.mean(0)
        return self.centred * self.gamma

    def backward_pass(self, accum_grad):
        self.grad_gamma = (accum_grad * self.centred).sum(0)
        d = accum_grad * self.gamma
        return d - d.mean(0)


class Cell:
    """Two inputs and two outputs."""

    def __init__(self, rng):
        self.U = rng.standard_normal((3, 3))

    def forward(self, x, h):
        self.x, self.h = x, h
        self.new = np.tanh(x + h @ self.U)
        return self.new, self.new * x

    def backward(self, dh, dy):
        da = (dh + dy * self.x) * (1 - self.new**2)
        self.dU = self.h.T @ da
        return da + dy * self.new, da @ self.U.T


class Dropout:
    """Draws from a generator of its own."""

    def __init__(self, rng):
        self.rng = np.random.default_rng(3)

    def forward(self, x):
        self.mask = self.rng.random(x.shape) > 0.5
        return x * self.mask

    def backward(self, dout):
        return dout * self.mask


class Embedding:
    def __init__(self, rng):
        self.W = rng.standard_normal((5, 2))

    def forward(self, ids):
        self.ids = ids
        return self.W[ids]

    def backward(self, dout):
        self.dW = np.zeros_like(self.W)
        np.add.at(self.dW, self.ids, dout)


CORRECT = {
    Affine: ["dx", "dW", "db"],
    Grads: ["dx", "dW", "db"],
    Lists: ["dx", "dparams[0]", "dparams[1]"],
    Returned: ["dx", "dW", "db"],
    ReturnedDict: ["dx", "dW", "db"],
    Cached: ["dx", "dW", "db"],
    Wrapped: ["dx", "dweight", "dbias"],
    Stack: ["dx", "layers[0].dW", "layers[0].db", "layers[1].dW", "layers[1].db"],
    Standardise: ["dX", "dgamma"],
    Cell: ["dx", "dh", "dU"],
    Dropout: ["dx"],
    Embedding: ["dW"],
}


def inputs(kind, rng):
    if kind is Embedding:
        return [np.array([1, 4, 1])]
    return [rng.standard_normal((5, 3)) for _ in range(1 + (kind is Cell))]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("kind", CORRECT, ids=lambda kind: kind.__name__)
def test_every_convention_passes_by_name(rng, kind, dtype):
    layer, arrays = kind(rng), inputs(kind, rng)
    for name, value in vars(layer).items():
        if isinstance(value, np.ndarray):
            setattr(layer, name, value.astype(dtype))
    report = check_layer(layer, *(x if x.dtype.kind == "i" else x.astype(dtype) for x in arrays))
    assert report.verdict == "PASS", report
    assert report.problems == ()
    assert [g.name for g in report.gradients] == CORRECT[kind]


@pytest.mark.parametrize("kind", [k for k in CORRECT if k is not Standardise], ids=lambda kind: kind.__name__)
def test_every_convention_fails_where_the_upstream_is_doubled(rng, kind):
    class Wrong(kind):
        def backward(self, *upstreams):
            count = len(upstreams) - (kind is Cached)
            return super().backward(*(2 * dy for dy in upstreams[:count]), *upstreams[count:])

    report = check_layer(Wrong(rng), *inputs(kind, rng))
    assert [g.name for g in report.gradients if g.verdict == "FAIL"] == CORRECT[kind], report


def test_the_object_is_left_alone(rng):
    layer = Affine(rng)
    W = layer.W.copy()
    check_layer(layer, rng.standard_normal((5, 3)))
    np.testing.assert_array_equal(layer.W, W)
    assert set(vars(layer)) == {"W", "b"}


def test_a_layer_that_was_used_before_is_checked_as_if_new(rng):
    layer = Wrapped(rng)
    layer(np.ones((7, 3)))
    layer.backward(np.ones((7, 4)))
    assert check_layer(layer, rng.standard_normal((5, 3))).verdict == "PASS"


def test_one_wrong_parameter_gradient_fails_alone(rng):
    class Wrong(Affine):
        def backward(self, dout):
            dx = super().backward(dout)
            self.db = dout.mean(0)
            return dx

    report = check_layer(Wrong(rng), rng.standard_normal((5, 3)))
    assert {g.name: g.verdict for g in report.gradients} == {"dx": "PASS", "dW": "PASS", "db": "FAIL"}


def test_a_subject_may_be_called_in_any_order(rng):
    subject = classes.subject(Affine(rng), {"x": rng.standard_normal((5, 3))})
    _, cache = subject.forward()
    dy = np.ones((5, 4))
    first, _ = subject.backward((dy,), cache)
    subject.inputs["dx"] += 1.0
    subject.inputs["dW"] += 1.0
    _, moved = subject.forward()
    np.testing.assert_array_equal(subject.backward((dy,), cache)[0]["db"], first["db"])
    assert not np.array_equal(subject.backward((dy,), moved)[0]["dW"], first["dW"])
    assert subject.parameters == {"dW", "db"}
    assert subject.arguments["W"] is subject.inputs["dW"]
