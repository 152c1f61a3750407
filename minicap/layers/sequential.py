"""Layers one after another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from minicap._types import Array, Arrays, Rng
from minicap.layers.base import Composite, named


class Sequential(Composite):
    """Named layers, each fed with the one before it.

    Parameters
    ----------
    **layers : Layer or Composite
        In order; parameters are called ``<layer>.<parameter>``.
    """

    def __init__(self, **layers: Any) -> None:
        self.layers = layers

    @property
    def parts(self) -> Mapping[str, Any]:
        """The layers by name."""
        return self.layers

    def forward(
        self, x: Array, *, training: bool = False, rng: Rng | None = None
    ) -> tuple[Array, dict[str, Any]]:
        """Apply every layer in order.

        Parameters
        ----------
        x : Array
            What the first layer takes.
        training : bool
        rng : numpy.random.Generator, optional
            For layers that draw random numbers.

        Returns
        -------
        y : Array
            What the last layer gives.
        cache : dict
            One cache a layer, by its name.
        """
        caches = {}
        for name, layer in self.layers.items():
            x, caches[name] = layer.forward(x, training=training, rng=rng)
        return x, caches

    def backward(self, dy: Array, cache: dict[str, Any]) -> tuple[Array, Arrays]:
        """Propagate through every layer in reverse order.

        Parameters
        ----------
        dy : Array
            Upstream gradient of the last layer's output.
        cache : dict
            From ``forward``.

        Returns
        -------
        dx : Array
        grads : dict of str to Array
            Named like ``params``.
        """
        grads: Arrays = {}
        for name, layer in reversed(self.layers.items()):
            dy, layer_grads = layer.backward(dy, cache[name])
            grads |= named(**{name: layer_grads})
        return dy, grads
