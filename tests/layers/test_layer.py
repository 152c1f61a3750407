"""The base class: an op pair with named parameters, and nothing remembered."""

from __future__ import annotations

import numpy as np
import pytest

from minicap.gradcheck import check_layer
from minicap.layers import (
    AvgPool2d,
    Conv2d,
    Dropout,
    Embedding,
    Flatten,
    Gelu,
    GlobalAvgPool2d,
    Layer,
    LayerNorm,
    Linear,
    MaxPool2d,
    Relu,
    Relu6,
    Sigmoid,
    Tanh,
    named,
)


def make(kind, *args, **options):
    """Return a layer with fresh random parameters, so that biases are not zero."""
    layer = kind(*args, **options)
    rng = np.random.default_rng(8)
    for array in layer.params.values():
        array[...] = rng.standard_normal(array.shape)
    return layer


def layers(dtype="float64"):
    """Return each layer with an input it takes."""
    rng = np.random.default_rng(9)
    options = {"rng": rng, "dtype": dtype}

    def x(*shape):
        return rng.standard_normal(shape).astype(dtype)

    return {
        "Linear": (make(Linear, 3, 4, **options), x(2, 5, 3)),
        "Conv2d": (make(Conv2d, 4, 6, (3, 2), stride=2, padding=(1, 0), groups=2, **options), x(2, 4, 6, 5)),
        "Embedding": (make(Embedding, 5, 3, **options), np.array([[0, 4, 4], [2, 0, 1]])),
        "Relu": (make(Relu), x(3, 4)),
        "MaxPool2d": (make(MaxPool2d, 2, stride=1), x(2, 2, 4, 3)),
        "Dropout": (make(Dropout, 0.4), x(5, 4)),
        "Flatten": (make(Flatten), x(2, 3, 2, 2)),
        "AvgPool2d": (make(AvgPool2d, 2, stride=1, padding=1, count_include_pad=False), x(2, 2, 4, 3)),
        "GlobalAvgPool2d": (make(GlobalAvgPool2d), x(2, 3, 4, 3)),
        "LayerNorm": (make(LayerNorm, 4, eps=0.1, dtype=dtype), x(2, 3, 4)),
        "Relu6": (make(Relu6), x(3, 4)),
        "Gelu": (make(Gelu, approximate=True), x(3, 4)),
        "Sigmoid": (make(Sigmoid), x(3, 4)),
        "Tanh": (make(Tanh), x(3, 4)),
    }


@pytest.fixture(params=layers())
def name(request):
    """Each layer in turn."""
    return request.param


def options_of(name):
    """Return the keyword options that a forward needs."""
    return {"training": True, "rng": np.random.default_rng(1)} if name == "Dropout" else {}


def test_the_gradient_is_right(name, kernels):
    layer, x = layers()[name]
    check_layer(layer, x, **options_of(name)).assert_ok()


def test_gradients_are_returned_never_stored(name, kernels):
    layer, x = layers()[name]
    before = {key: array.copy() for key, array in layer.params.items()}
    state = {key: id(value) for key, value in vars(layer).items()}
    y, cache = layer.forward(x, **options_of(name))
    _, grads = layer.backward(np.ones_like(y), cache)
    assert {key: array.shape for key, array in grads.items()} == {k: a.shape for k, a in before.items()}
    assert {key: id(value) for key, value in vars(layer).items()} == state
    for key, array in before.items():
        np.testing.assert_array_equal(layer.params[key], array)


def test_one_layer_used_twice_has_two_caches(name, kernels):
    """Backward in any order: weight sharing is a sum of two gradients."""
    layer, x = layers()[name]
    other = x[::-1].copy()
    (y, cache), (_, other_cache) = (layer.forward(v, **options_of(name)) for v in (x, other))
    alone, _ = layer.backward(np.ones_like(y), cache)
    layer.backward(np.ones_like(y), other_cache)
    again, _ = layer.backward(np.ones_like(y), cache)
    if alone is not None:
        np.testing.assert_array_equal(alone, again)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_dtype_is_the_layers(name, dtype, kernels):
    layer, x = layers(dtype)[name]
    y, cache = layer.forward(x, **options_of(name))
    dx, grads = layer.backward(np.ones_like(y), cache)
    assert {a.dtype for a in (y, *layer.params.values(), *grads.values())} == {np.dtype(dtype)}
    assert dx is None if name == "Embedding" else dx.dtype == np.dtype(dtype)


def test_what_a_layer_was_made_with_reaches_its_op():
    x = np.full((1, 1, 2, 2), 4.0)
    assert AvgPool2d(2, stride=3, padding=1).forward(x)[0].tolist() == [[[[1.0]]]]
    assert AvgPool2d(2, stride=3, padding=1, count_include_pad=False).forward(x)[0].tolist() == [[[[4.0]]]]
    exact, near = (Gelu(approximate=form).forward(x)[0] for form in (False, True))
    assert 0 < np.abs(exact - near).max() < 1e-3
    y, _ = LayerNorm(2, eps=3.0, dtype="float64").forward(np.array([1.0, 3.0]))
    assert y.tolist() == [-0.5, 0.5]  # (x - 2) / sqrt(1 + 3), scale 1 and shift 0 as they start


def test_parameters_are_live():
    layer = Linear(1, 1, rng=np.random.default_rng(0), dtype="float64")
    layer.params["weight"][...] = 3
    layer.params["bias"][...] = 1
    assert layer.forward(np.array([[2.0]]))[0].item() == 7


def test_the_same_seed_gives_the_same_parameters():
    one, two = (Conv2d(2, 3, rng=np.random.default_rng(4)) for _ in range(2))
    np.testing.assert_array_equal(one.params["weight"], two.params["weight"])
    assert not one.params["bias"].any()


def test_a_layer_is_a_declaration():
    """What a new layer needs: the pair, and what its parameters are called there."""

    class Scale(Layer):
        arguments = {"gain": "w"}

        @staticmethod
        def op_forward(x, w):
            return x * w, (x, w)

        @staticmethod
        def op_backward(dy, cache):
            x, w = cache
            return type("Grads", (), {"dx": dy * w, "dw": (dy * x).sum(axis=0)})

    layer, rng = Scale(), np.random.default_rng(0)
    layer.add_params(rng, "float64", gain=((3,), lambda rng, shape, dtype: np.full(shape, 2.0)))
    check_layer(layer, rng.standard_normal((4, 3))).assert_ok()


def test_dropout_does_nothing_when_not_training():
    x = np.ones((3, 3))
    np.testing.assert_array_equal(Dropout(0.9).forward(x, training=False)[0], x)


def test_named_joins_flat_dicts():
    one, two = np.ones(1), np.ones(2)
    joined = named(encoder={"conv1.weight": one}, decoder={"bias": two}, empty={})
    assert list(joined) == ["encoder.conv1.weight", "decoder.bias"]
    assert joined["encoder.conv1.weight"] is one
