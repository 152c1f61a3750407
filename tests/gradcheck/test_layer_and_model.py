"""check_layer and check_model: every parameter by name, nothing left moved."""

from typing import Any, NamedTuple

import numpy as np
import pytest

from minicap.gradcheck import check_layer, check_model


class Affine:
    """A layer in the usual convention; ``spoil`` breaks its gradients."""

    def __init__(self, rng, dtype="float64", spoil=lambda dx, grads: (dx, grads)):
        weight, bias = rng.standard_normal((3, 4)), rng.standard_normal(4)
        self.params = {"weight": weight.astype(dtype), "bias": bias.astype(dtype)}
        self.buffers = {"calls": np.zeros(1)}
        self.spoil = spoil

    def forward(self, x):
        self.buffers["calls"] += 1
        return x @ self.params["weight"] + self.params["bias"], x

    def backward(self, dy, x):
        grads = {"weight": x.T @ dy, "bias": dy.sum(0)}
        return self.spoil(dy @ self.params["weight"].T, grads)


class Batch(NamedTuple):
    images: Any
    labels: Any
    weights: Any


class Model:
    """Two layers, dropout and a squared loss."""

    def __init__(self, rng, dtype="float64", spoil=lambda dx, grads: (dx, grads)):
        self.layer = Affine(rng, dtype, spoil)

    @property
    def params(self):
        return {f"layer.{name}": array for name, array in self.layer.params.items()}

    @property
    def buffers(self):
        return self.layer.buffers

    def loss(self, batch, *, training=False, rng=None):
        y, cache = self.layer.forward(batch.images)
        keep = (rng.random(y.shape) < 0.5) if training else np.ones(y.shape, bool)
        error = (y * keep - batch.labels[:, None]) * batch.weights[:, None]
        return (error**2).sum(), (cache, keep, error, batch.weights)

    def backward(self, cache, dloss=1.0):
        cache, keep, error, weights = cache
        dx, grads = self.layer.backward(2 * dloss * error * weights[:, None] * keep, cache)
        return dx, {f"layer.{name}": gradient for name, gradient in grads.items()}


class BareModel(Model):
    """The same, with a backward that takes no upstream gradient."""

    def backward(self, cache):
        return super().backward(cache)


@pytest.fixture
def x(rng):
    return rng.standard_normal((5, 3))


@pytest.fixture
def batch(rng):
    return Batch(rng.standard_normal((5, 3)).astype(np.float32), rng.integers(0, 3, 5), rng.random(5))


def scaled(name):
    return lambda dx, grads: (dx, grads | {name: 2 * grads[name]})


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_layer_passes_by_inputs_and_parameters(rng, x, dtype):
    report = check_layer(Affine(rng, dtype), x)
    assert report.verdict == "PASS"
    assert [g.name for g in report.gradients] == ["dx", "weight", "bias"]


def test_a_layer_is_left_alone(rng, x):
    layer = Affine(rng, "float32")
    before = {name: array.copy() for name, array in layer.params.items()}
    check_layer(layer, x)
    for name, array in layer.params.items():
        np.testing.assert_array_equal(array, before[name])
        assert array.dtype == np.float32
    assert layer.buffers["calls"] == 0


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda dx, grads: (dx, {"weight": grads["weight"]}), "backward returns no bias"),
        (
            lambda dx, grads: (dx, grads | {"scale": dx}),
            "backward returns a gradient 'scale', but there is no",
        ),
        (lambda dx, grads: (None, grads), "dx is None"),
        (lambda dx, grads: dx, "backward must return (dx, grads)"),
        (
            lambda dx, grads: (dx, grads | {"weight": grads["weight"].T}),
            "weight has shape (4, 3), the transpose",
        ),
    ],
)
def test_a_layer_with_gradients_of_wrong_form_fails(rng, x, spoil, sentence):
    report = check_layer(Affine(rng, spoil=spoil), x)
    assert not report.passed
    assert any(problem.startswith(sentence) for problem in report.problems), report


def test_a_layer_with_a_wrong_parameter_gradient_fails_there(rng, x):
    report = check_layer(Affine(rng, spoil=scaled("bias")), x)
    assert {g.name: g.verdict for g in report.gradients} == {"dx": "PASS", "weight": "PASS", "bias": "FAIL"}


def test_a_layer_without_anything_to_check_is_a_usage_error(rng):
    layer = Affine(rng)
    layer.params = {}
    with pytest.raises(ValueError, match="Affine has no parameters and got no array of floats"):
        check_layer(layer, np.arange(3))


@pytest.mark.parametrize("kind", [Model, BareModel])
def test_a_model_passes_from_the_images_to_every_parameter(rng, batch, kind):
    report = check_model(kind(rng), batch)
    assert report.verdict == "PASS"
    assert [g.name for g in report.gradients] == ["dimages", "layer.weight", "layer.bias"]


def test_a_model_in_training_draws_the_same_numbers_each_time(rng, batch):
    generator = np.random.default_rng(1)
    assert check_model(Model(rng), batch, training=True, rng=generator).verdict == "PASS"
    assert generator.random() == np.random.default_rng(1).random()


def test_a_model_is_put_back(rng, batch):
    model = Model(rng)
    before = {name: array.copy() for name, array in model.params.items()}
    check_model(model, batch)
    for name, array in model.params.items():
        np.testing.assert_array_equal(array, before[name])
    assert model.buffers["calls"] == 0


@pytest.mark.parametrize("name", ["weight", "bias"])
def test_a_model_with_one_wrong_gradient_fails_there(rng, batch, name):
    report = check_model(Model(rng, spoil=scaled(name)), batch)
    assert [g.name for g in report.gradients if g.verdict == "FAIL"] == [f"layer.{name}"]


def test_a_float32_model_is_asked_to_be_float64(rng, batch):
    with pytest.raises(ValueError, match=r"layer\.weight is float32.*build it with dtype='float64'"):
        check_model(Model(rng, "float32"), batch)


def test_a_batch_must_have_names(rng, batch):
    with pytest.raises(TypeError, match="batch must be a NamedTuple with a field images, got tuple"):
        check_model(Model(rng), tuple(batch))
