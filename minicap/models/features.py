"""An encoder that begins with stored features: what a network has found in pictures, computed once and kept.

``features:1280`` reads a vector of 1,280 numbers a picture, ``features:512x7x7`` a map of 7 x 7 places.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from numpy.typing import DTypeLike

from minicap._types import Array, Arrays, Rng
from minicap.initializers import he_normal
from minicap.layers import BatchNorm, Dropout, Linear, Relu, Sequential
from minicap.models.grid import GridReading

STORED = "features:"
_SHAPE = re.compile(r"features:([1-9][0-9]{0,4})(?:x([1-9][0-9]{0,2})x([1-9][0-9]{0,2}))?")


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
