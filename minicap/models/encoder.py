"""From a picture to a feature vector."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from numpy.typing import DTypeLike

from minicap._types import Array, Arrays, Rng
from minicap.initializers import he_normal
from minicap.layers import BatchNorm, Flatten, Linear, MaxPool2d, Relu, Sequential, named
from minicap.layers.base import Composite
from minicap.models.grid import GridReading
from minicap.models.trunk import Trunk, map_shape

GRID = 8  # a map of twice as many places a side, or more, is pooled before every place of it is read


class ReadingCache(NamedTuple):
    """The caches of both readings, and of norm and ReLU behind their sum."""

    where: dict[str, Any]
    what: dict[str, Any]
    last: dict[str, Any]


class Reading(Composite):
    """Two readings of a map (N, F, s, s), added up: features (N, E).

    ``what`` takes the strongest response of each filter anywhere in the picture: a star is a star wherever
    it stands, and need not be learnt anew for every place. ``where`` reads the whole map, place by place:
    without it "left of" could not be told. The features are ``relu(what + where)``. A map of 16 x 16 places
    or more is max-pooled first, to 8 to 11 places a side: ``where`` reads the strongest response around each.

    Batch norm in front of the ReLU matters where it stands in the convolutions too: the strongest responses
    are then large in every picture alike, and features that only say so never change sign, or die.

    Parameters
    ----------
    filters, side : int
        F and s.
    feature_size : int
        Width E of the feature vector.
    batch_norm : bool
        Whether a norm stands in front of the ReLU.
    rng : numpy.random.Generator
    dtype : dtype
    """

    def __init__(
        self,
        filters: int,
        side: int,
        feature_size: int,
        *,
        batch_norm: bool = False,
        rng: Rng,
        dtype: DTypeLike = "float32",
    ) -> None:
        options: dict[str, Any] = {"rng": rng, "dtype": dtype, "init": he_normal}
        coarse = {"pool": MaxPool2d(_coarse(side))} if _coarse(side) > 1 else {}
        self.where = Sequential(
            **coarse, flatten=Flatten(), linear=Linear(flat_size(filters, side), feature_size, **options)
        )
        self.what = Sequential(
            pool=MaxPool2d(side), flatten=Flatten(), linear=Linear(filters, feature_size, **options)
        )
        norm = {"norm": BatchNorm(feature_size, dtype=dtype)} if batch_norm else {}
        self.last = Sequential(**norm, relu=Relu())

    @property
    def parts(self) -> Mapping[str, Any]:
        """The two readings, and what stands behind their sum."""
        return {"where": self.where, "what": self.what, "last": self.last}

    def forward(self, maps: Array, *, training: bool = False) -> tuple[Array, ReadingCache]:
        """Return the features of maps.

        Parameters
        ----------
        maps : Array, (N, F, s, s)
        training : bool
            Whether the norm uses the batch's statistics.

        Returns
        -------
        features : Array, (N, E)
        cache : ReadingCache
        """
        where, c_where = self.where.forward(maps)  # (N, E)
        what, c_what = self.what.forward(maps)  # (N, E)
        features, c_last = self.last.forward(where + what, training=training)
        return features, ReadingCache(c_where, c_what, c_last)

    def backward(self, dfeatures: Array, cache: ReadingCache) -> tuple[Array, Arrays]:
        """Propagate back to the map, which both read.

        Parameters
        ----------
        dfeatures : Array, (N, E)
        cache : ReadingCache

        Returns
        -------
        dmaps : Array, (N, F, s, s)
        grads : dict of str to Array
            Named like ``params``.
        """
        dsum, g_last = self.last.backward(dfeatures, cache.last)
        dmaps_what, g_what = self.what.backward(dsum, cache.what)
        dmaps_where, g_where = self.where.backward(dsum, cache.where)
        return dmaps_where + dmaps_what, named(where=g_where, what=g_what, last=g_last)


class EncoderCache(NamedTuple):
    """The caches of the encoder's parts, in forward order."""

    convs: dict[str, Any]
    reading: Any


class Encoder:
    """Convolutions, then a reading of their last map: pictures (N, 3, S, S) in, features (N, E) out.

    Or a grid of features (N, L, E), one vector a place, for a decoder that looks at places.

    Parameters
    ----------
    encoder : str
        Which convolutions, see ``minicap.models.trunk``.
    image_size : int
        Side S of the square pictures, in pixels.
    feature_size : int
        Width E of the feature vector.
    batch_norm : bool
    grid : bool
        Whether there is a vector a place rather than one a picture.
    rng : numpy.random.Generator
    dtype : dtype

    Raises
    ------
    ValueError
        If there is no such encoder, or the picture is too small for it.
    """

    def __init__(
        self,
        encoder: str,
        image_size: int,
        feature_size: int,
        *,
        batch_norm: bool = False,
        grid: bool = False,
        rng: Rng,
        dtype: DTypeLike = "float32",
    ) -> None:
        self.feature_size = feature_size
        self.input_shapes = ((3, image_size, image_size),)
        filters, side = map_shape(encoder, image_size)
        self.convs = Trunk(encoder, batch_norm=batch_norm, rng=rng, dtype=dtype)
        options: dict[str, Any] = {"batch_norm": batch_norm, "rng": rng, "dtype": dtype}
        self.reading: Reading | GridReading
        self.feature_shape: tuple[int, ...] = (feature_size,)
        if grid:
            self.reading = GridReading(filters, side, feature_size, pool=_coarse(side), **options)
            self.feature_shape = (self.reading.places, feature_size)
        else:
            self.reading = Reading(filters, side, feature_size, **options)

    @property
    def params(self) -> Arrays:
        """All parameters in one flat dict of live arrays, ``conv1.weight`` and so on."""
        return self.convs.params | self.reading.params

    @property
    def buffers(self) -> Arrays:
        """The running statistics of norms."""
        return self.convs.buffers | self.reading.buffers

    def forward(
        self, images: Array, *, training: bool = False, rng: Rng | None = None
    ) -> tuple[Array, EncoderCache]:
        """Return the features of pictures.

        Parameters
        ----------
        images : Array, (N, 3, S, S)
        training : bool
            Whether norms use the batch's statistics.
        rng : numpy.random.Generator, optional
            Not used.

        Returns
        -------
        features : Array, (N, E) or (N, L, E)
        cache : EncoderCache
        """
        maps, c_convs = self.convs.forward(images, training=training)  # (N, F, s, s)
        features, c_reading = self.reading.forward(maps, training=training)  # (N, E)
        return features, EncoderCache(c_convs, c_reading)

    def infer(self, images: Array) -> Array:
        """Return the features alone.

        Parameters
        ----------
        images : Array, (N, 3, S, S)

        Returns
        -------
        features : Array, (N, E) or (N, L, E)
        """
        return self.forward(images)[0]

    def backward(
        self, dfeatures: Array, cache: EncoderCache, image_gradient: bool = True
    ) -> tuple[Array | None, Arrays]:
        """Propagate back to the pixels.

        Parameters
        ----------
        dfeatures : Array, (N, E) or (N, L, E)
        cache : EncoderCache
        image_gradient : bool
            Whether to go on to the pixels.

        Returns
        -------
        dimages : Array, (N, 3, S, S), or None where not asked for or the convolutions are frozen
        grads : dict of str to Array
            Named like ``params``.
        """
        dmaps, g_reading = self.reading.backward(dfeatures, cache.reading)
        dimages, g_convs = self.convs.backward(dmaps, cache.convs, input_gradient=image_gradient)
        return dimages, g_convs | g_reading


def telling_reading_shapes(
    filters: int, side: int, feature_size: int, *, grid: bool = False
) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the weights of a reading that are as large as any, which a file has to bear out.

    Parameters
    ----------
    filters, side, feature_size : int
        F, s and E.
    grid : bool

    Returns
    -------
    dict of str to tuple
    """
    if grid:
        places = (side // _coarse(side)) ** 2
        return {"linear.weight": (filters, feature_size), "position.weight": (places, feature_size)}
    return {"where.linear.weight": (flat_size(filters, side), feature_size)}


def flat_size(filters: int, side: int) -> int:
    """Return how many numbers ``where`` reads of a map (F, s, s).

    Parameters
    ----------
    filters, side : int
        F and s.

    Returns
    -------
    int
    """
    return filters * (side // _coarse(side)) ** 2


def _coarse(side: int) -> int:
    """Return the side of the windows that a large map is pooled by before every place of it is read."""
    return max(1, side // GRID)
