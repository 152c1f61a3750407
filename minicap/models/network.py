"""An encoder that begins with a network for photographs, which has learnt elsewhere.

``efficientnet-lite0`` computes its features itself, and takes stored ones for them just as well: where its
convolutions are frozen, a training computes them once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from minicap._types import Array, Arrays, Rng
from minicap.models.efficientnet import FILTERS, LITE0, NAME, EfficientNet, Stage, map_side
from minicap.models.features import FeatureCache, FeatureEncoder
from minicap.ops import global_avg_pool2d_backward, global_avg_pool2d_forward

AT_ONCE = 16  # pictures that a frozen network looks at together


class Network(NamedTuple):
    """How an ``EfficientNet`` is built."""

    stages: Sequence[Stage]
    stem: int
    filters: int


NETWORKS = {NAME: Network(LITE0, 32, FILTERS)}


class NetworkEncoder(FeatureEncoder):
    """A network for photographs, then a reading of what it finds: pictures (N, 3, S, S) in, or its stored features.

    Without a grid the means of the last map over all places are read.

    Parameters
    ----------
    name : str
        One of ``NETWORKS``.
    image_size : int
        S, in pixels.
    feature_size : int
        Width E.
    grid : bool
        Whether the places are read apart, for a decoder that looks at them.
    batch_norm, dropout, rng, dtype
        As for ``FeatureEncoder``.
    """

    def __init__(
        self,
        name: str,
        image_size: int,
        feature_size: int,
        *,
        grid: bool = False,
        batch_norm: bool = False,
        dropout: float = 0.0,
        rng: Rng,
        dtype: DTypeLike = "float32",
    ) -> None:
        stages, stem, filters = NETWORKS[name]
        self._convs = EfficientNet(stages, stem=stem, filters=filters, rng=rng, dtype=dtype)
        self._convs.frozen = True
        super().__init__(
            network_shape(name, image_size, grid=grid), feature_size, batch_norm=batch_norm, dropout=dropout,
            rng=rng, dtype=dtype,
        )  # fmt: skip
        self.input_shapes = ((3, image_size, image_size), self.shape)

    @property
    def convs(self) -> EfficientNet:
        """The network; frozen until somebody wants to fine-tune it."""
        return self._convs

    @property
    def params(self) -> Arrays:
        """The network's parameters and those of the reading."""
        return self._convs.params | self.reading.params

    @property
    def buffers(self) -> Arrays:
        """The running statistics of all norms."""
        return self._convs.buffers | self.reading.buffers

    def forward(
        self, inputs: Array, *, training: bool = False, rng: Rng | None = None
    ) -> tuple[Array, FeatureCache]:
        """Return what the decoder reads.

        Parameters
        ----------
        inputs : Array, (N, 3, S, S), or what the network finds in such pictures: (N, F) or (N, F, s, s)
        training : bool
        rng : numpy.random.Generator, optional
            For dropout.

        Returns
        -------
        features : Array, (N, E) or (N, L, E)
        cache : FeatureCache
        """
        how: dict[str, Any] = {"training": training, "rng": rng}
        if inputs.shape[1:] == self.shape:
            return self._read(inputs, None, None, **how)
        if self._convs.frozen:
            return self._read(self._look(inputs), {}, None, **how)
        maps, c_convs = self._convs.forward(inputs, training=training)
        if len(self.shape) == 3:
            return self._read(maps, c_convs, None, **how)
        values, c_mean = global_avg_pool2d_forward(maps)  # (N, F)
        return self._read(values, c_convs, c_mean, **how)

    def backward(
        self, dfeatures: Array, cache: FeatureCache, image_gradient: bool = True
    ) -> tuple[Array | None, Arrays]:
        """Propagate back to the pixels, or to the stored features where those were read.

        Parameters
        ----------
        dfeatures : Array, (N, E) or (N, L, E)
        cache : FeatureCache
        image_gradient : bool
            Whether to go on to the pixels.

        Returns
        -------
        dinputs : Array, shaped like the inputs, or None where not asked for or the network is frozen
        grads : dict of str to Array
            Named like ``params``; nothing of the network where it is frozen, or was not asked.
        """
        dvalues, grads = super().backward(dfeatures, cache)
        if cache.convs is None:
            return (dvalues if image_gradient else None), grads
        if not cache.convs:  # frozen
            return None, grads
        assert dvalues is not None
        dmaps = dvalues if cache.mean is None else global_avg_pool2d_backward(dvalues, cache.mean).dx
        dimages, g_convs = self._convs.backward(dmaps, cache.convs, input_gradient=image_gradient)
        return dimages, g_convs | grads

    def infer(self, inputs: Array) -> Array:
        """Return what the decoder reads, and nothing for a gradient: as if the network were frozen.

        Parameters
        ----------
        inputs : Array
            As for ``forward``.

        Returns
        -------
        features : Array, (N, E) or (N, L, E)
        """
        values = inputs if inputs.shape[1:] == self.shape else self._look(inputs)
        return self.reading.forward(values)[0]

    def _look(self, images: Array) -> Array:
        """Return what the network finds in pictures, a part of them at a time: without a cache that saves memory."""
        parts = [self._convs.infer(images[i : i + AT_ONCE]) for i in range(0, len(images), AT_ONCE)]
        maps = np.concatenate(parts)
        return maps if len(self.shape) == 3 else maps.mean(axis=(2, 3))


def network_shape(name: str, image_size: int, *, grid: bool) -> tuple[int, ...]:
    """Return the shape of what a network finds in a picture.

    Parameters
    ----------
    name : str
        One of ``NETWORKS``.
    image_size : int
        S, in pixels.
    grid : bool
        Whether the places are kept, or their mean.

    Returns
    -------
    (F,) or (F, s, s)
    """
    filters = NETWORKS[name].filters
    return (filters, map_side(image_size), map_side(image_size)) if grid else (filters,)
