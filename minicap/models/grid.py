"""From a picture's last map to a grid of features: one vector a place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from minicap._types import Array, Arrays, Rng
from minicap.initializers import he_normal
from minicap.layers import BatchNorm, Layer, Linear, MaxPool2d, Relu, Sequential, named
from minicap.layers.base import Composite


class Position(Layer):
    """A learned vector for every place: ``y_l = x_l + weight_l``, x (N, L, E), weight (L, E).

    A convolution sees the same thing the same way everywhere; this is what tells left from right.
    """

    def __init__(self, places: int, size: int, *, rng: Rng, dtype: DTypeLike = "float32") -> None:
        super().__init__()
        self.add_params(rng, dtype, weight=((places, size), _small))

    def forward(self, x: Array, **_: Any) -> tuple[Array, None]:  # type: ignore[override]
        """Add each place's vector."""
        return x + self.params["weight"], None

    def backward(self, dy: Array, cache: None) -> tuple[Array, Arrays]:
        """Add up over the pictures what each place's vector receives."""
        return dy, {"weight": dy.sum(axis=0)}


class GridCache(NamedTuple):
    """The shape of the pooled map, and the caches of the parts."""

    pooled: tuple[int, ...]
    pool: Any
    linear: Any
    position: Any
    last: Any


class GridReading(Composite):
    """Read a map (N, F, s, s) place by place: features (N, L, E) = relu(norm(map_l @ weight + bias + position_l)).

    Maps are max-pooled first where they are large, as in ``Reading``. The places stand in row order.

    Parameters
    ----------
    filters, side : int
        F and s.
    feature_size : int
        Width E of each feature vector.
    pool : int
        Side of the windows that the map is pooled by first.
    batch_norm : bool
        Whether a norm over all places of the batch stands in front of the ReLU.
    rng : numpy.random.Generator
    dtype : dtype
    """

    def __init__(
        self,
        filters: int,
        side: int,
        feature_size: int,
        *,
        pool: int = 1,
        batch_norm: bool = False,
        rng: Rng,
        dtype: DTypeLike = "float32",
    ) -> None:
        self.places = (side // pool) ** 2
        self.pool = MaxPool2d(pool) if pool > 1 else None
        self.linear = Linear(filters, feature_size, rng=rng, dtype=dtype, init=he_normal)
        self.position = Position(self.places, feature_size, rng=rng, dtype=dtype)
        norm = {"norm": BatchNorm(feature_size, dtype=dtype)} if batch_norm else {}
        self.last = Sequential(**norm, relu=Relu())

    @property
    def parts(self) -> Mapping[str, Any]:
        """The parts with parameters."""
        return {"linear": self.linear, "position": self.position, "last": self.last}

    def forward(self, maps: Array, *, training: bool = False) -> tuple[Array, GridCache]:
        """Return the features of maps.

        Parameters
        ----------
        maps : Array, (N, F, s, s)
        training : bool
            Whether the norm uses the batch's statistics.

        Returns
        -------
        features : Array, (N, L, E)
        cache : GridCache
        """
        maps, c_pool = (maps, None) if self.pool is None else self.pool.forward(maps)
        n, filters = maps.shape[:2]
        rows = np.ascontiguousarray(maps.reshape(n, filters, -1).swapaxes(1, 2))  # (N, L, F)
        z, c_linear = self.linear.forward(rows)
        z, c_position = self.position.forward(z)  # (N, L, E)
        features, c_last = self.last.forward(z.reshape(n * self.places, -1), training=training)
        cache = GridCache(maps.shape, c_pool, c_linear, c_position, c_last)
        return features.reshape(z.shape), cache

    def backward(self, dfeatures: Array, cache: GridCache) -> tuple[Array, Arrays]:
        """Propagate back to the map.

        Parameters
        ----------
        dfeatures : Array, (N, L, E)
        cache : GridCache

        Returns
        -------
        dmaps : Array, (N, F, s, s)
        grads : dict of str to Array
            Named like ``params``.
        """
        flat = np.ascontiguousarray(dfeatures).reshape(-1, dfeatures.shape[2])
        dz, g_last = self.last.backward(flat, cache.last)
        dz, g_position = self.position.backward(dz.reshape(dfeatures.shape), cache.position)
        drows, g_linear = self.linear.backward(dz, cache.linear)
        dmaps = np.ascontiguousarray(drows.swapaxes(1, 2)).reshape(cache.pooled)
        if self.pool is not None:
            dmaps, _ = self.pool.backward(dmaps, cache.pool)
        return dmaps, named(linear=g_linear, position=g_position, last=g_last)


def _small(rng: Rng, shape: tuple[int, ...], dtype: DTypeLike) -> Array:
    """Draw the vectors of places: a tenth of the size of what they are added to."""
    return (0.1 * rng.standard_normal(shape)).astype(dtype)
