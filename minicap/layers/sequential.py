"""Layers one after another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from minicap import kernels, ops
from minicap._types import Array, Arrays, Rng
from minicap.layers.base import Composite, named
from minicap.layers.basic import Conv2d, MaxPool2d, Relu
from minicap.ops.conv_relu_pool import Conv2dReluPoolCache


class Sequential(Composite):
    """Named layers, each fed with the one before it.

    Under the compiled kernels a convolution with the ReLU and the 2x2 max-pooling behind it is computed in one
    go, see ``minicap.ops.conv_relu_pool``: the numbers are the same, and one cache, the ReLU's, stands for all three.

    Parameters
    ----------
    **layers : Layer or Composite
        In order; parameters are called ``<layer>.<parameter>``.
    """

    def __init__(self, **layers: Any) -> None:
        self.layers = layers
        self._triples = _triples(layers)

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
        caches: dict[str, Any] = {}
        triples = self._triples if kernels.build_in_use("conv") else {}
        done = {name for behind in triples.values() for name in behind}
        for name, layer in self.layers.items():
            if name in triples:
                w, b, padding = layer.params["weight"], layer.params["bias"], layer.options["padding"]
                x, caches[triples[name][0]] = ops.conv2d_relu_pool_forward(x, w, b, padding=padding)
            elif name not in done:
                x, caches[name] = layer.forward(x, training=training, rng=rng)
        return x, caches

    def backward(self, dy: Any, cache: dict[str, Any], *, input_gradient: bool = True) -> tuple[Any, Arrays]:
        """Propagate through every layer in reverse order.

        Parameters
        ----------
        dy : Array
            Upstream gradient of the last layer's output.
        cache : dict
            From ``forward``.
        input_gradient : bool
            Whether dx is wanted; a convolution in front then does without, and dx is None.

        Returns
        -------
        dx : Array or None
        grads : dict of str to Array
            Named like ``params``.
        """
        grads: Arrays = {}
        first = next(iter(self.layers), None)
        fused = {relu: conv for conv, (relu, _) in self._triples.items()}
        for name in reversed(cache):
            together = isinstance(cache[name], Conv2dReluPoolCache)
            name_of_params = fused[name] if together else name
            layer, options = self.layers[name_of_params], dict[str, Any]()
            if name_of_params == first and isinstance(layer, Conv2d):
                options["input_gradient"] = input_gradient
            if together:
                found = ops.conv2d_relu_pool_backward(dy, cache[name], **options)
                dx, layer_grads = found.dx, {"weight": found.dw, "bias": found.db}
            else:
                dx, layer_grads = layer.backward(dy, cache[name], **options)
            grads |= named(**{name_of_params: layer_grads})
            dy = dx
        return dy, grads


def _triples(layers: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Return the convolutions that can be computed with the ReLU and the pooling behind them, and those two."""
    names, found = list(layers), {}
    for conv, relu, pool in zip(names, names[1:], names[2:], strict=False):
        one, two, three = layers[conv], layers[relu], layers[pool]
        if isinstance(one, Conv2d) and isinstance(two, Relu) and isinstance(three, MaxPool2d):
            plain = all(one.options[name] in (1, (1, 1)) for name in ("stride", "dilation", "groups"))
            size, step = three.options["kernel_size"], three.options["stride"]
            tiles = size in (2, (2, 2)) and step in (None, 2, (2, 2))
            if plain and tiles and three.options["padding"] == 0:
                found[conv] = relu, pool
    return found
