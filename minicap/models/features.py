"""Encoders that begin with features: stored ones, or those of a network that has learnt on photographs already.

``features:1280`` reads a vector of 1,280 numbers a picture, ``features:512x7x7`` a map of 7 x 7 places.
``efficientnet-lite0`` computes its features itself, and takes stored ones for them just as well: where its
convolutions are frozen, a training computes them once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from minicap._types import Array, Arrays, Rng
from minicap.initializers import he_normal
from minicap.layers import BatchNorm, Dropout, Linear, Relu, Sequential
from minicap.models.efficientnet import FILTERS, LITE0, NAME, EfficientNet, Stage, map_side
from minicap.models.grid import GridReading
from minicap.ops import global_avg_pool2d_backward, global_avg_pool2d_forward

STORED = "features:"
AT_ONCE = 16  # pictures that a frozen network looks at together
_SHAPE = re.compile(r"features:([1-9][0-9]{0,4})(?:x([1-9][0-9]{0,2})x([1-9][0-9]{0,2}))?")


class Network(NamedTuple):
    """How an ``EfficientNet`` is built."""

    stages: Sequence[Stage]
    stem: int
    filters: int


NETWORKS = {NAME: Network(LITE0, 32, FILTERS)}


def stored_shape(encoder: str) -> tuple[int, ...] | None:
    """Return the shape of the stored features that an encoder reads, None where it reads pictures.

    Parameters
    ----------
    encoder : str
        Such as ``features:1280`` or ``features:512x7x7``.

    Returns
    -------
    (F,) or (F, s, s), or None

    Raises
    ------
    ValueError
        If it is none of the two, but begins like them.
    """
    if not encoder.startswith(STORED):
        return None
    found = _SHAPE.fullmatch(encoder)
    if found is None or found[2] != found[3]:
        raise ValueError(
            f"there is no encoder {encoder[:80]!r}; stored features are features:1280, a vector, or "
            "features:512x7x7, a square map"
        )
    return tuple(int(number) for number in found.groups() if number is not None)


def written_shape(shape: Sequence[int]) -> str:
    """Return the encoder that reads stored features of a shape.

    Parameters
    ----------
    shape : (F,) or (F, s, s)

    Returns
    -------
    str
    """
    return STORED + "x".join(map(str, shape))


class FeatureCache(NamedTuple):
    """The caches of the parts, in forward order; None for what was not computed."""

    convs: Any
    mean: Any
    reading: Any
    dropout: Any


class FeatureEncoder:
    """Read stored features: vectors (N, F) become (N, E), maps (N, F, s, s) a grid (N, L, E).

        y = dropout(relu(norm(x @ weight + bias)))

    The network that computed them knows a thousand things; what is learnt here is which of them a caption is about.
    A map is read place by place, see ``minicap.models.grid``.

    Parameters
    ----------
    shape : (F,) or (F, s, s)
        Of one picture's features.
    feature_size : int
        Width E.
    batch_norm : bool
        Whether a norm stands in front of the ReLU.
    dropout : float
        Probability dropped behind it while training.
    rng : numpy.random.Generator
    dtype : dtype

    Attributes
    ----------
    input_shapes : tuple of tuple
        What ``forward`` takes, without N; the last one is that of stored features.
    feature_shape : tuple of int
        What it returns, without N.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        feature_size: int,
        *,
        batch_norm: bool = False,
        dropout: float = 0.0,
        rng: Rng,
        dtype: DTypeLike = "float32",
    ) -> None:
        self.shape, self.feature_size = shape, feature_size
        self.input_shapes: tuple[tuple[int, ...], ...] = (shape,)
        self.reading: Any
        if len(shape) == 3:
            self.reading = GridReading(*shape[:2], feature_size, batch_norm=batch_norm, rng=rng, dtype=dtype)
            self.feature_shape: tuple[int, ...] = (self.reading.places, feature_size)
        else:
            norm = {"norm": BatchNorm(feature_size, dtype=dtype)} if batch_norm else {}
            linear = Linear(shape[0], feature_size, init=he_normal, rng=rng, dtype=dtype)
            self.reading = Sequential(linear=linear, **norm, relu=Relu())
            self.feature_shape = (feature_size,)
        self.dropout = Dropout(dropout)

    @property
    def convs(self) -> Any:
        """None: the features are computed by somebody else."""
        return None

    @property
    def params(self) -> Arrays:
        """All parameters in one flat dict of live arrays, ``linear.weight`` and so on."""
        return self.reading.params

    @property
    def buffers(self) -> Arrays:
        """The running statistics of norms."""
        return self.reading.buffers

    def forward(
        self, inputs: Array, *, training: bool = False, rng: Rng | None = None
    ) -> tuple[Array, FeatureCache]:
        """Return what the decoder reads.

        Parameters
        ----------
        inputs : Array, (N, F) or (N, F, s, s)
        training : bool
            Whether dropout drops, and norms use the batch's statistics.
        rng : numpy.random.Generator, optional
            For dropout.

        Returns
        -------
        features : Array, (N, E) or (N, L, E)
        cache : FeatureCache
        """
        return self._read(inputs, None, None, training=training, rng=rng)

    def infer(self, inputs: Array) -> Array:
        """Return what the decoder reads, and nothing for a gradient.

        Parameters
        ----------
        inputs : Array
            As for ``forward``.

        Returns
        -------
        features : Array, (N, E) or (N, L, E)
        """
        return self.forward(inputs)[0]

    def backward(
        self, dfeatures: Array, cache: FeatureCache, image_gradient: bool = True
    ) -> tuple[Array | None, Arrays]:
        """Propagate back to the stored features.

        Parameters
        ----------
        dfeatures : Array, (N, E) or (N, L, E)
        cache : FeatureCache
        image_gradient : bool
            Whether anybody wants their gradient.

        Returns
        -------
        dinputs : Array, shaped like the inputs, or None where not asked for
        grads : dict of str to Array
            Named like ``params``.
        """
        dfeatures, _ = self.dropout.backward(dfeatures, cache.dropout)
        dinputs, grads = self.reading.backward(dfeatures, cache.reading)
        return (dinputs if image_gradient else None), grads

    def _read(self, values: Array, convs: Any, mean: Any, **how: Any) -> tuple[Array, FeatureCache]:
        """Read features, wherever they come from."""
        features, c_reading = self.reading.forward(values, training=how["training"])
        features, c_dropout = self.dropout.forward(features, **how)
        return features, FeatureCache(convs, mean, c_reading, c_dropout)


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


def telling_feature_shapes(shape: Sequence[int], feature_size: int) -> Mapping[str, tuple[int, ...]]:
    """Return the shapes of the weights that read stored features, which a file has to bear out.

    Parameters
    ----------
    shape : (F,) or (F, s, s)
    feature_size : int
        Width E.

    Returns
    -------
    dict of str to tuple
    """
    shapes: dict[str, tuple[int, ...]] = {"linear.weight": (shape[0], feature_size)}
    if len(shape) == 3:
        shapes["position.weight"] = (shape[1] * shape[2], feature_size)
    return shapes
