"""EfficientNet-Lite0: a network for photographs, built from minicap's own layers.

Sixteen inverted residual blocks between a first and a last convolution; every convolution is followed by batch
norm and, where a block does not end, by ReLU6. Pictures (N, 3, S, S) become maps (N, 1280, S/32, S/32), whose means
over all places are the features that transfer learning takes. The weights that ImageNet taught it are read by
``minicap.interop.pretrained``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from numpy.typing import DTypeLike

from minicap._types import Array, Arrays, Rng
from minicap.data.preprocessing import Preprocessing
from minicap.layers import Sequential, named
from minicap.models.inverted_residual import ConvNorm, InvertedResidual

NAME = "efficientnet-lite0"
SIZE, FILTERS, STRIDE = 224, 1280, 32


class Stage(NamedTuple):
    """Blocks of one kind; only the first of them halves the map, where stride is 2."""

    blocks: int
    kernel_size: int
    stride: int
    expansion: int
    filters: int


LITE0 = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)


def lite0_preprocessing(size: int = SIZE) -> Preprocessing:
    """Return what the weights learnt to see: the central square, resampled bicubically, as ``(RGB - 127) / 128``.

    Parameters
    ----------
    size : int
        Side S in pixels; the weights know 224.

    Returns
    -------
    Preprocessing
    """
    return Preprocessing(size, mean=(127 / 255,) * 3, std=(128 / 255,) * 3, filter="bicubic")


def map_side(image_size: int) -> int:
    """Return the side s of the last map of pictures of side S: ``ceil(S / 32)``.

    Parameters
    ----------
    image_size : int
        S, in pixels.

    Returns
    -------
    int
    """
    return -(-image_size // STRIDE)


class EfficientNet(Sequential):
    """The convolutions of EfficientNet-Lite0: pictures (N, 3, S, S) in, a map (N, F, s, s) out, s = ceil(S / 32).

    It stands where a ``Trunk`` does. Parameters are called ``stem.conv.weight``, ``block1.depthwise.norm.gamma``,
    ``block16.project.conv.weight``, ``head.norm.beta`` and so on.

    Parameters
    ----------
    stages : sequence of Stage
        Of the blocks; others than Lite0's are for tests.
    stem, filters : int
        Channels behind the first convolution, and F behind the last.
    rng : numpy.random.Generator
    dtype : dtype

    Attributes
    ----------
    frozen : bool
        Keep everything as it is: norms use their running statistics and are computed within the convolutions, no
        cache is kept, and ``backward`` gives None for the pictures' gradient.

    References
    ----------
    Tan and Le, "EfficientNet: rethinking model scaling for convolutional neural networks" (2019), table 1, without
    squeeze-and-excitation and with ReLU6 for swish, as its Lite variants have it.
    """

    def __init__(
        self,
        stages: Sequence[Stage] = LITE0,
        *,
        stem: int = 32,
        filters: int = FILTERS,
        rng: Rng,
        dtype: DTypeLike = "float32",
    ) -> None:
        options: dict[str, Any] = {"rng": rng, "dtype": dtype}
        layers: dict[str, Any] = {"stem": ConvNorm(3, stem, 3, stride=2, **options)}
        channels = stem
        for stage in stages:
            for i in range(stage.blocks):
                layers[f"block{len(layers)}"] = InvertedResidual(
                    channels, stage.filters, stage.kernel_size, stride=1 if i else stage.stride,
                    expansion=stage.expansion, **options,
                )  # fmt: skip
                channels = stage.filters
        layers["head"] = ConvNorm(channels, filters, 1, **options)
        super().__init__(**layers)
        self.frozen = False

    def forward(
        self, x: Array, *, training: bool = False, rng: Rng | None = None
    ) -> tuple[Array, dict[str, Any]]:
        """Return the last map.

        Parameters
        ----------
        x : Array, (N, 3, S, S)
        training : bool
            Whether norms use the batch's statistics; not where frozen.
        rng : numpy.random.Generator, optional
            Not used.

        Returns
        -------
        maps : Array, (N, F, s, s)
        cache : dict
            Empty where frozen.
        """
        if self.frozen:
            return self.infer(x), {}
        return super().forward(x, training=training, rng=rng)

    def backward(
        self, dy: Array, cache: dict[str, Any], *, input_gradient: bool = True
    ) -> tuple[Any, Arrays]:
        """Propagate back to the pixels, or nowhere where the network is frozen.

        Parameters
        ----------
        dy : Array, (N, F, s, s)
        cache : dict
        input_gradient : bool
            Whether the pixels' gradient is wanted.

        Returns
        -------
        dimages : Array, (N, 3, S, S), or None
        grads : dict of str to Array
            Named like ``params``; empty where frozen.
        """
        if not cache:
            return None, {}
        grads: Arrays = {}
        for name in reversed(self.layers):
            options = {"input_gradient": input_gradient} if name == "stem" else {}
            dy, found = self.layers[name].backward(dy, cache[name], **options)
            grads |= named(**{name: found})
        return dy, grads

    def infer(self, x: Array) -> Array:
        """Return the last map, without a cache: a tenth of the memory, and faster.

        Parameters
        ----------
        x : Array, (N, 3, S, S)

        Returns
        -------
        maps : Array, (N, F, s, s)
        """
        for layer in self.layers.values():
            x = layer.infer(x)
        return x
