"""From a picture to a feature vector."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

from numpy.typing import DTypeLike

from minicap._types import Array, Arrays, Rng
from minicap.initializers import he_normal
from minicap.layers import Conv2d, Flatten, Layer, Linear, MaxPool2d, Relu, Sequential, named


class SmallEncoderCache(NamedTuple):
    """The caches of the encoder's parts, in forward order."""

    convs: dict[str, Any]
    where: dict[str, Any]
    what: dict[str, Any]
    relu: Any


class SmallEncoder:
    """A few convolutions, each with ReLU and 2x2 max-pooling, then two readings of the last map.

    ``what`` takes the strongest response of each filter anywhere in the picture: a star is a star wherever
    it stands, and need not be learnt anew for every place. ``where`` reads the whole map, place by place:
    without it "left of" could not be told. The features are ``relu(what + where)``.

    Parameters
    ----------
    image_size : int
        Side S of the square pictures, in pixels.
    feature_size : int
        Width E of the feature vector.
    rng : numpy.random.Generator
    dtype : dtype

    Raises
    ------
    ValueError
        If the picture is smaller than the network's stride.

    Attributes
    ----------
    channels : tuple of int
        Filters of each convolution; every one halves the side. Another encoder of this kind is a subclass
        with other channels.
    """

    channels: ClassVar[tuple[int, ...]] = (24, 48, 96)

    def __init__(
        self,
        image_size: int,
        feature_size: int,
        *,
        rng: Rng,
        dtype: DTypeLike = "float32",
    ) -> None:
        channels, self.feature_size = self.channels, feature_size
        self.stride = 2 ** len(channels)
        if image_size < self.stride:
            raise ValueError(
                f"SmallEncoder: image_size is {image_size} but {len(channels)} halvings need at least "
                f"{self.stride} pixels; use larger images"
            )
        layers: dict[str, Layer] = {}
        for i, (before, after) in enumerate(zip((3, *channels), channels, strict=False), 1):
            layers[f"conv{i}"] = Conv2d(before, after, rng=rng, padding=1, dtype=dtype)
            layers[f"relu{i}"] = Relu()
            layers[f"pool{i}"] = MaxPool2d(2)
        self.convs = Sequential(**layers)
        side, width = image_size // self.stride, channels[-1]
        options: dict[str, Any] = {"rng": rng, "dtype": dtype, "init": he_normal}
        self.where = Sequential(
            flatten=Flatten(), linear=Linear(self.flat_size(image_size), feature_size, **options)
        )
        self.what = Sequential(
            pool=MaxPool2d(side), flatten=Flatten(), linear=Linear(width, feature_size, **options)
        )
        self.relu = Relu()

    @classmethod
    def flat_size(cls, image_size: int) -> int:
        """Return how many numbers the last map holds.

        Parameters
        ----------
        image_size : int
            In pixels.

        Returns
        -------
        int
        """
        side = image_size // 2 ** len(cls.channels)
        return cls.channels[-1] * side * side

    @property
    def params(self) -> Arrays:
        """All parameters in one flat dict of live arrays."""
        return self.convs.params | named(where=self.where.params, what=self.what.params)

    def forward(self, images: Array) -> tuple[Array, SmallEncoderCache]:
        """Return the features of pictures.

        Parameters
        ----------
        images : Array, (N, 3, S, S)

        Returns
        -------
        features : Array, (N, E)
        cache : SmallEncoderCache
        """
        maps, c_convs = self.convs.forward(images)  # (N, F, s, s)
        where, c_where = self.where.forward(maps)  # (N, E)
        what, c_what = self.what.forward(maps)  # (N, E)
        features, c_relu = self.relu.forward(where + what)
        return features, SmallEncoderCache(c_convs, c_where, c_what, c_relu)

    def backward(self, dfeatures: Array, cache: SmallEncoderCache) -> tuple[Array, Arrays]:
        """Propagate back to the pixels.

        Parameters
        ----------
        dfeatures : Array, (N, E)
        cache : SmallEncoderCache

        Returns
        -------
        dimages : Array, (N, 3, S, S)
        grads : dict of str to Array
            Named like ``params``.
        """
        dsum, _ = self.relu.backward(dfeatures, cache.relu)
        dmaps_what, g_what = self.what.backward(dsum, cache.what)
        dmaps_where, g_where = self.where.backward(dsum, cache.where)
        dimages, g_convs = self.convs.backward(dmaps_where + dmaps_what, cache.convs)  # both read the maps
        return dimages, g_convs | named(where=g_where, what=g_what)


ENCODERS: dict[str, type[SmallEncoder]] = {"small": SmallEncoder}
