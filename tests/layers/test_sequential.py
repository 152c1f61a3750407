"""Layers one after another."""

import numpy as np
import pytest

from minicap.gradcheck import check_layer
from minicap.layers import BatchNorm, Conv2d, Dropout, Flatten, Linear, MaxPool2d, Relu, Sequential
from minicap.layers.base import Composite


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
    together = {"conv", "pool"} if kernels == "compiled" else set()  # computed with the ReLU between them
    assert list(cache) == [name for name in net.layers if name not in together]


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


def test_what_a_composite_is_made_of_is_for_the_subclass_to_say():
    with pytest.raises(NotImplementedError):
        _ = Composite().params


def nested(dtype="float64"):
    """Return a network within a network, with layers that train differently."""
    rng = np.random.default_rng(3)
    inner = Sequential(out=Linear(3, 3, rng=rng, dtype=dtype), norm=BatchNorm(3, dtype=dtype))
    return Sequential(inner=inner, drop=Dropout(0.5), last=Linear(3, 2, rng=rng, dtype=dtype))


def test_names_lead_through_every_level(rng):
    net = nested()
    y, cache = net.forward(rng.standard_normal((4, 3)))
    _, grads = net.backward(y, cache)
    inner = [f"inner.{name}" for name in ("out.weight", "out.bias", "norm.gamma", "norm.beta")]
    assert list(net.params) == [*inner, "last.weight", "last.bias"]
    assert {name: g.shape for name, g in grads.items()} == {name: p.shape for name, p in net.params.items()}
    assert list(net.buffers) == ["inner.norm.running_mean", "inner.norm.running_var"]
    assert net.buffers["inner.norm.running_var"] is net.layers["inner"].layers["norm"].buffers["running_var"]


def test_training_and_generator_reach_every_level(rng):
    net, x = nested(), rng.standard_normal((4, 3))
    quiet = net.forward(x)[0]
    np.testing.assert_array_equal(net.forward(x, rng=np.random.default_rng(1))[0], quiet)
    assert not net.buffers["inner.norm.running_mean"].any()
    loud = [net.forward(x, training=True, rng=np.random.default_rng(k))[0] for k in (1, 1, 2)]
    np.testing.assert_array_equal(loud[0], loud[1])
    assert (loud[0] != loud[2]).any()
    assert net.buffers["inner.norm.running_mean"].all()
    assert (net.forward(x)[0] != quiet).any()


def test_one_generator_is_drawn_from_in_order(rng):
    """Two layers of dropout do not drop the same entries."""
    net, x = Sequential(one=Dropout(0.5), two=Dropout(0.5)), np.ones((50, 4))
    y, _ = net.forward(x, training=True, rng=np.random.default_rng(1))
    draws = np.random.default_rng(1)
    expected, _ = Dropout(0.5).forward(x, training=True, rng=draws)
    expected, _ = Dropout(0.5).forward(expected, training=True, rng=draws)
    np.testing.assert_array_equal(y, expected)
    assert set(np.unique(y)) == {0, 4}


@pytest.mark.parametrize("training", [False, True])
def test_the_gradient_of_nested_layers_is_right(training, rng, kernels):
    check_layer(nested(), rng.standard_normal((5, 3)), training=training, rng=rng).assert_ok()


def test_a_generator_that_is_missing_is_named(rng):
    with pytest.raises(ValueError, match=r"^dropout: training draws at random; pass rng="):
        nested().forward(rng.standard_normal((4, 3)), training=True)
