"""Layers one after another."""

from __future__ import annotations

from typing import Any

from minicap._types import Array, Arrays
from minicap.layers.base import Layer, named


class Sequential:
    """Named layers, each fed with the one before it.

    Parameters
    ----------
    **layers : Layer
        In order; parameters are called ``<layer>.<parameter>``.
    """

    def __init__(self, **layers: Layer) -> None:
        self.layers = layers

    @property
    def params(self) -> Arrays:
        """All parameters in one flat dict of live arrays."""
        return named(**{name: layer.params for name, layer in self.layers.items()})

    def forward(self, x: Array) -> tuple[Array, dict[str, Any]]:
        """Apply every layer in order.

        Parameters
        ----------
        x : Array
            What the first layer takes.

        Returns
        -------
        y : Array
            What the last layer gives.
        cache : dict
            One cache a layer, by its name.
        """
        caches = {}
        for name, layer in self.layers.items():
            x, caches[name] = layer.forward(x)
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
