"""Attention with named parameters."""

from __future__ import annotations

import math

import numpy as np
import pytest

from minicap import ops
from minicap.gradcheck import check_layer
from minicap.layers import AdditiveAttention, MultiHeadAttention


def layers(dtype="float64"):
    """Return each layer with inputs it takes and options of a call."""
    rng = np.random.default_rng(9)

    def x(*shape):
        return rng.standard_normal(shape).astype(dtype)

    def made(layer):
        for array in layer.params.values():  # biases that are not zero
            array[...] = x(*array.shape)
        return layer

    more = {"rng": rng, "dtype": dtype}
    mask = np.array([[True, True, False], [False, True, True]])
    return {
        "additive": (made(AdditiveAttention(4, 2, 5, **more)), [x(2, 3, 4), x(2, 2)], {"mask": mask}),
        "self": (made(MultiHeadAttention(4, 2, **more)), [x(2, 3, 4) for _ in range(3)], {"causal": True}),
        "memory": (
            made(MultiHeadAttention(6, 3, memory_size=4, **more)),
            [x(2, 2, 6), x(2, 3, 4), x(2, 3, 4)],
            {"mask": mask},
        ),
    }


@pytest.fixture(params=layers())
def name(request):
    """Each layer in turn."""
    return request.param


def test_the_gradient_is_right(name, kernels):
    layer, inputs, options = layers()[name]
    check_layer(layer, *inputs, **options).assert_ok()


def test_every_parameter_is_the_ops_argument_of_its_name(name):
    layer, inputs, options = layers()[name]
    (y, weights), _ = layer.forward(*inputs, **options)
    op = ops.additive_attention_forward if name == "additive" else ops.multi_head_attention_forward
    heads = {"additive": {}, "self": {"heads": 2}, "memory": {"heads": 3}}[name]
    (expected, expected_weights), _ = op(*inputs, **layer.params, **heads, **options)
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_array_equal(weights, expected_weights)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_dtype_is_the_layers(name, dtype):
    layer, inputs, options = layers(dtype)[name]
    y, cache = layer.forward(*inputs, **options)
    dxs, grads = layer.backward(*y, cache)
    assert len(dxs) == len(inputs)
    assert grads.keys() == layer.params.keys()
    assert {a.dtype for a in (*y, *dxs, *grads.values(), *layer.params.values())} == {np.dtype(dtype)}


def test_weights_start_random_within_glorots_bounds_and_biases_at_zero():
    rng = np.random.default_rng(0)
    additive = AdditiveAttention(8, 7, 6, rng=rng)
    heads = MultiHeadAttention(6, 2, memory_size=4, rng=rng)
    bounds = {
        "w_f": (8, 6),
        "w_h": (7, 6),
        "v": (6, 1),
        "w_q": (6, 6),
        "w_k": (4, 6),
        "w_v": (4, 6),
        "w_o": (6, 6),
    }
    for key, array in (additive.params | heads.params).items():
        if key.startswith("b"):
            assert not array.any(), key
        else:
            limit = math.sqrt(6 / sum(bounds[key]))
            assert limit / 3 < np.abs(array).max() <= limit, key
    assert additive.params["v"].shape == (6,)


def test_the_same_seed_gives_the_same_parameters():
    one, two, other = (MultiHeadAttention(4, 2, rng=np.random.default_rng(seed)) for seed in (4, 4, 5))
    for key, array in one.params.items():
        np.testing.assert_array_equal(array, two.params[key])
    assert (one.params["w_o"] != other.params["w_o"]).all()


@pytest.mark.parametrize("heads", [0, 3])
def test_heads_that_do_not_divide_the_size_are_named_when_the_layer_is_made(heads):
    with pytest.raises(ValueError, match=rf"^MultiHeadAttention: size 4 does not divide into {heads} heads"):
        MultiHeadAttention(4, heads, rng=np.random.default_rng(0))
