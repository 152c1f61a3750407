"""Layers one after another."""

import numpy as np

from minicap.gradcheck import check_layer
from minicap.layers import Conv2d, Flatten, Linear, MaxPool2d, Relu, Sequential


def network(dtype="float64"):
    rng = np.random.default_rng(2)
    return Sequential(
        conv=Conv2d(1, 2, rng=rng, padding=1, dtype=dtype),
        relu=Relu(),
        pool=MaxPool2d(2),
        flatten=Flatten(),
        out=Linear(8, 3, rng=rng, dtype=dtype),
    )


def test_it_is_its_layers_in_order(rng, kernels):
    net, x = network(), rng.standard_normal((2, 1, 4, 4))
    y, cache = net.forward(x)
    for layer in net.layers.values():
        x, _ = layer.forward(x)
    np.testing.assert_array_equal(y, x)
    assert list(cache) == list(net.layers)


def test_names_of_parameters_and_gradients(rng):
    net = network()
    y, cache = net.forward(rng.standard_normal((2, 1, 4, 4)))
    _, grads = net.backward(np.ones_like(y), cache)
    assert list(net.params) == ["conv.weight", "conv.bias", "out.weight", "out.bias"]
    assert {name: g.shape for name, g in grads.items()} == {name: p.shape for name, p in net.params.items()}


def test_parameters_are_the_layers_own():
    net = network()
    assert net.params["conv.weight"] is net.layers["conv"].params["weight"]


def test_the_gradient_is_right(rng, kernels):
    check_layer(network(), rng.standard_normal((2, 1, 4, 4))).assert_ok()


def test_without_layers_nothing_happens(rng):
    x = rng.standard_normal((2, 3))
    y, cache = Sequential().forward(x)
    assert y is x
    assert Sequential().backward(x, cache) == (x, {})
