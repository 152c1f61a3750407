"""EfficientNet-Lite0: PyTorch's numbers, right gradients, and what frozen means."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minicap.data import Preprocessing
from minicap.gradcheck import check_layer
from minicap.interop.pretrained import _their_name
from minicap.models.efficientnet import (
    EfficientNet,
    Stage,
    lite0_preprocessing,
    map_side,
)
from minicap.models.inverted_residual import ConvNorm, InvertedResidual, SameConv2d, same_padding

GOLDEN = np.load(Path(__file__).parent.parent / "golden" / "efficientnet_lite0.npz")
SMALL = (Stage(1, 3, 1, 1, 3), Stage(2, 5, 2, 2, 4), Stage(2, 3, 2, 3, 4))
MODES = ["eval", "train"]


def small(dtype: str = "float64") -> EfficientNet:
    """Return a network of five narrow blocks with the golden file's numbers."""
    network = EfficientNet(SMALL, stem=4, filters=5, rng=np.random.default_rng(0), dtype=dtype)
    own = {_their_name(name): array for name, array in (network.params | network.buffers).items()}
    fill(own, "small/state/names", GOLDEN["small/state"])
    return network


def fill(arrays: dict[str, np.ndarray], names: str, row: np.ndarray) -> None:
    """Give arrays the numbers that stand in one row."""
    assert sorted(arrays) == sorted(GOLDEN[names])
    for name in GOLDEN[names]:
        array = arrays[name]
        array[...], row = row[: array.size].reshape(array.shape), row[array.size :]
    assert not row.size


def stirred(layer, seed: int = 3):
    """Return a layer whose norms do something."""
    rng = np.random.default_rng(seed)
    for name, array in (layer.params | layer.buffers).items():
        if "norm" in name:
            array[...] = rng.uniform(0.4, 1.4, array.shape)
    return layer


# SAME padding


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "padding"),
    [
        (224, 3, 2, (0, 1)),
        (5, 3, 2, (1, 1)),
        (7, 5, 1, (2, 2)),
        (4, 5, 2, (1, 2)),
        (6, 1, 2, (0, 0)),
        (1, 5, 2, (2, 2)),
    ],
)
def test_padding_by_hand(size, kernel, stride, padding):
    assert same_padding(size, kernel, stride) == padding


@given(st.integers(1, 300), st.integers(1, 7), st.integers(1, 4))
def test_padding_gives_as_many_places_as_the_stride_says(size, kernel, stride):
    before, after = same_padding(size, kernel, stride)
    assert 0 <= before <= after <= before + 1
    padded = size + before + after
    assert (padded - kernel) // stride + 1 == math.ceil(size / stride)
    assert after == 0 or (padded - kernel) % stride == 0  # not one zero too many


def test_a_convolution_by_hand():
    """Four pixels under three taps at stride 2: zeros stand behind only."""
    conv = SameConv2d(1, 1, 3, stride=2, rng=np.random.default_rng(0), dtype="float64")
    conv.params["weight"][...] = 0
    conv.params["weight"][0, 0, 0] = [1, 10, 100]
    x = np.array([[1.0, 2, 3, 4], [0, 0, 0, 0]])[None, None]
    y, cache = conv.forward(x)
    np.testing.assert_array_equal(y[0, 0], [[321, 43]])  # 1 + 20 + 300, and 3 + 40 + 0
    dx, grads = conv.backward(np.array([[[[1.0, 2]]]]), cache)
    np.testing.assert_array_equal(dx[0, 0, 0], [1, 10, 102, 20])
    np.testing.assert_array_equal(grads["weight"][0, 0, 0], [1 + 2 * 3, 2 + 2 * 4, 3])
    assert conv.backward(np.ones_like(y), cache, input_gradient=False)[0] is None


@pytest.mark.parametrize("shape", [(1, 2, 5, 4), (2, 2, 1, 3)])
@pytest.mark.parametrize("options", [{"stride": 2}, {"groups": 2}, {"stride": 2, "groups": 2}])
def test_the_gradient_of_a_convolution_is_right(shape, options, rng, kernels):
    conv = SameConv2d(2, 4, 3, rng=np.random.default_rng(1), dtype="float64", **options)
    check_layer(conv, rng.standard_normal(shape)).assert_ok()


def test_a_convolution_complains_in_the_ops_words(rng):
    conv = SameConv2d(2, 4, 3, rng=np.random.default_rng(1))
    with pytest.raises(ValueError, match="conv2d: x has 3 channels but w expects 2"):
        conv.forward(np.zeros((1, 3, 4, 4), np.float32))
    with pytest.raises(ValueError, match=r"conv2d: x has 3 axes"):
        conv.forward(np.zeros((3, 4, 4), np.float32))


# Blocks

KINDS = [(2, 2, 1, 3), (2, 3, 1, 2), (2, 2, 2, 2), (3, 3, 1, 1)]  # C, F, stride, expansion


def block(channels: int, filters: int, stride: int, expansion: int, dtype: str = "float64"):
    """Return a block whose norms do something."""
    options = {"rng": np.random.default_rng(4), "dtype": dtype}
    return stirred(InvertedResidual(channels, filters, 3, stride=stride, expansion=expansion, **options))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("training", [False, True])
def test_the_gradient_of_a_block_is_right(kind, training, rng, kernels):
    check_layer(block(*kind), rng.standard_normal((2, kind[0], 4, 3)), training=training).assert_ok()


@pytest.mark.parametrize("kind", KINDS)
def test_a_block_adds_its_input_where_the_shape_allows(kind, rng):
    made, x = block(*kind), rng.standard_normal((1, kind[0], 4, 3))
    made.params["project.norm.gamma"][...] = made.params["project.norm.beta"][...] = 0  # the body gives 0
    y, cache = made.forward(x)
    adds = kind[2] == 1 and kind[0] == kind[1]
    np.testing.assert_array_equal(y, x if adds else np.zeros_like(y))
    dy = rng.standard_normal(y.shape)
    np.testing.assert_array_equal(made.backward(dy, cache)[0], dy if adds else np.zeros_like(x))


def test_names_of_a_blocks_parameters():
    parts = ["expand", "depthwise", "project"]
    ends = ["conv.weight", "norm.gamma", "norm.beta"]
    assert list(block(2, 3, 1, 2).params) == [f"{part}.{end}" for part in parts for end in ends]
    assert "expand.conv.weight" not in block(3, 3, 1, 1).params
    assert block(2, 3, 1, 2).params["depthwise.conv.weight"].shape == (4, 1, 3, 3)


@pytest.mark.parametrize("linear", [False, True])
def test_inference_is_the_forward_without_training(linear, rng, kernels):
    made = stirred(ConvNorm(3, 4, 3, linear=linear, rng=np.random.default_rng(2), dtype="float64"))
    x = 4 * rng.standard_normal((2, 3, 5, 4))
    kept = x.copy()
    y, _ = made.forward(x)
    np.testing.assert_allclose(made.infer(x), y, rtol=1e-12, atol=1e-13)
    np.testing.assert_array_equal(x, kept)
    assert linear or (y.min(), y.max()) == (0, 6)  # both ends are met
    for kind in KINDS:
        x = rng.standard_normal((2, kind[0], 4, 3))
        np.testing.assert_allclose(block(*kind).infer(x), block(*kind).forward(x)[0], rtol=1e-12, atol=1e-13)


# The network


@pytest.mark.parametrize("mode", MODES)
def test_maps_and_gradients_are_those_of_pytorch(mode, kernels):
    network = small()
    y, cache = network.forward(GOLDEN["small/x"], training=mode == "train")
    np.testing.assert_allclose(y, GOLDEN[f"small/{mode}/y"], rtol=1e-9, atol=1e-10)
    dx, grads = network.backward(GOLDEN[f"small/{mode}/dy"], cache)
    np.testing.assert_allclose(dx, GOLDEN[f"small/{mode}/dx"], rtol=1e-8, atol=1e-9)
    assert grads.keys() == network.params.keys()
    expected = {_their_name(name): np.empty_like(array) for name, array in network.params.items()}
    fill(expected, "small/names", GOLDEN[f"small/{mode}/grads"])
    for name, gradient in grads.items():
        np.testing.assert_allclose(gradient, expected[_their_name(name)], rtol=1e-8, atol=1e-9, err_msg=name)


@pytest.mark.parametrize("training", [False, True])
def test_the_gradient_is_right_from_end_to_end(training, rng):
    stages = (Stage(2, 3, 2, 2, 2),)
    network = stirred(EfficientNet(stages, stem=2, filters=2, rng=np.random.default_rng(1), dtype="float64"))
    check_layer(network, rng.standard_normal((2, 3, 5, 3)), training=training).assert_ok()


def test_frozen_it_gives_the_same_maps_keeps_nothing_and_learns_nothing(kernels):
    network, x = small(), GOLDEN["small/x"]
    before = {name: array.copy() for name, array in network.buffers.items()}
    network.frozen = True
    y, cache = network.forward(x, training=True)
    np.testing.assert_allclose(y, GOLDEN["small/eval/y"], rtol=1e-9, atol=1e-10)
    assert cache == {}
    assert network.backward(y, cache) == (None, {})
    assert all((network.buffers[name] == array).all() for name, array in before.items())


def test_training_moves_the_statistics_by_a_hundredth():
    network, before = small(), small().buffers
    network.forward(GOLDEN["small/x"], training=True)
    assert all((network.buffers[name] != array).any() for name, array in before.items())
    stem = network.layers["stem"]
    y, _ = stem.conv.forward(GOLDEN["small/x"])
    name = "stem.norm.running_mean"
    moved = before[name] + 0.01 * (y.mean(axis=(0, 2, 3)) - before[name])
    np.testing.assert_allclose(network.buffers[name], moved, rtol=1e-12)


def test_the_pictures_gradient_is_left_out_on_request():
    network = small()
    y, cache = network.forward(GOLDEN["small/x"])
    dx, grads = network.backward(y, cache, input_gradient=False)
    assert dx is None
    assert grads.keys() == network.params.keys()


def test_float32_stays_float32_and_is_close(kernels):
    network, x = small("float32"), GOLDEN["small/x"].astype(np.float32)
    y, cache = network.forward(x)
    np.testing.assert_allclose(y, GOLDEN["small/eval/y"], rtol=1e-4, atol=1e-4)
    dx, grads = network.backward(y, cache)
    arrays = (y, dx, network.infer(x), *grads.values(), *network.params.values(), *network.buffers.values())
    assert {array.dtype for array in arrays} == {np.dtype("float32")}


def test_lite0_has_as_many_numbers_as_published():
    network = EfficientNet(rng=np.random.default_rng(0))
    assert sum(array.size for array in network.params.values()) == 4_652_008 - 1000 * (
        1280 + 1
    )  # but for the classes
    assert list(network.layers) == ["stem", *(f"block{i}" for i in range(1, 17)), "head"]
    assert network.params["block12.depthwise.conv.weight"].shape == (672, 1, 5, 5)
    assert network.params["head.conv.weight"].shape == (1280, 320, 1, 1)


@pytest.mark.parametrize(("size", "side"), [(224, 7), (225, 8), (32, 1), (1, 1), (33, 2)])
def test_the_side_of_the_last_map(size, side):
    assert map_side(size) == side


def test_the_last_map_has_that_side():
    network = EfficientNet((Stage(4, 3, 2, 1, 1), Stage(4, 3, 2, 1, 2)), stem=1, filters=2,
                           rng=np.random.default_rng(0))  # fmt: skip
    assert network.infer(np.zeros((1, 3, 33, 65), np.float32)).shape == (1, 2, 5, 9)


def test_pixels_are_shifted_by_127_and_divided_by_128():
    made = lite0_preprocessing(2)
    assert lite0_preprocessing().size == 224
    pixels = np.array([0, 127, 255, 191], np.uint8).reshape(2, 2, 1).repeat(3, axis=2)
    np.testing.assert_allclose(made.tensor(pixels, "float64")[1].ravel(), [-127 / 128, 0, 1, 0.5], atol=1e-15)
    assert Preprocessing.from_dict(made.to_dict()) == made
