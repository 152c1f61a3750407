"""The inverted residual block of networks for small machines: depthwise convolutions between 1x1 ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from minicap import ops
from minicap._types import Array, Arrays, Rng
from minicap.initializers import he_normal
from minicap.layers import BatchNorm, Relu6, Sequential, named
from minicap.layers.base import Composite, Layer

EPSILON, MOMENTUM = 1e-3, 0.01  # of every batch norm


def same_padding(size: int, kernel_size: int, stride: int) -> tuple[int, int]:
    """Return the zeros before and after a side, by which a convolution gives ``ceil(size / stride)`` places.

    As in TensorFlow's SAME, the odd one stands after: a side of 224 under 3 taps at stride 2 is padded (0, 1).

    Parameters
    ----------
    size, kernel_size, stride : int
        In pixels.

    Returns
    -------
    before, after : int
    """
    places = -(-size // stride)
    total = max((places - 1) * stride + kernel_size - size, 0)
    return total // 2, total - total // 2


class SameConv2d(Layer):
    """Convolution with SAME padding and no bias, which the norm behind it would take away again.

    x (N, C, H, W), weight (F, C/groups, K, K), y (N, F, ceil(H / stride), ceil(W / stride)).
    """

    op_forward, op_backward = ops.conv2d_forward, ops.conv2d_backward
    arguments = {"weight": "w"}

    def __init__(
        self,
        channels: int,
        filters: int,
        kernel_size: int,
        *,
        stride: int = 1,
        groups: int = 1,
        rng: Rng,
        dtype: DTypeLike = "float32",
    ) -> None:
        super().__init__(stride=stride, groups=groups)
        shape = (filters, channels // groups, kernel_size, kernel_size)
        self.add_params(rng, dtype, weight=(shape, he_normal))

    def forward(
        self, *inputs: Array, training: bool = False, rng: Rng | None = None, **options: Any
    ) -> tuple[Array, Any]:
        """Apply the op, with the padding that the picture's size asks for.

        Parameters
        ----------
        *inputs : Array
            x (N, C, H, W).
        training : bool
        rng : numpy.random.Generator, optional
            Neither is used.
        **options
            None.

        Returns
        -------
        y : Array, (N, F, OH, OW)
        cache : Conv2dCache
        """
        weight = self.params["weight"]
        (x,) = inputs
        return self.convolve(x, weight, np.zeros(len(weight), weight.dtype), **options)

    def convolve(self, x: Array, w: Array, b: Array) -> tuple[Array, Any]:
        """Apply the op with other numbers than the layer's own.

        Parameters
        ----------
        x : Array, (N, C, H, W)
        w : Array, (F, C/groups, K, K)
        b : Array, (F,)

        Returns
        -------
        y : Array, (N, F, OH, OW)
        cache : Conv2dCache
        """
        stride: int = self.options["stride"]
        height, width = np.shape(x)[2:] if np.ndim(x) == 4 else (1, 1)  # the op complains of other shapes
        padding = (same_padding(height, w.shape[2], stride), same_padding(width, w.shape[3], stride))
        return ops.conv2d_forward(x, w, b, padding=padding, **self.options)

    def backward(self, *upstreams_and_cache: Any, input_gradient: bool = True) -> tuple[Any, Arrays]:
        """Propagate through the op, on request without the input's gradient.

        Parameters
        ----------
        *upstreams_and_cache
            ``dy`` and the forward's cache.
        input_gradient : bool

        Returns
        -------
        dx : Array, (N, C, H, W), or None
        grads : dict of str to Array
        """
        found = ops.conv2d_backward(*upstreams_and_cache, input_gradient=input_gradient)
        return found.dx, {"weight": found.dw}


class ConvNormCache(NamedTuple):
    """The caches of convolution, norm and ReLU6."""

    conv: Any
    norm: Any
    relu: Any


class ConvNorm(Composite):
    """Convolution, batch norm and, unless ``linear``, ReLU6.

    Parameters
    ----------
    channels, filters, kernel_size : int
        C, F and K.
    stride, groups : int
    linear : bool
        Leave the ReLU6 out: the narrow end of a block keeps its sign, which ReLU would lose for good.
    rng : numpy.random.Generator
    dtype : dtype
    """

    def __init__(
        self, channels: int, filters: int, kernel_size: int, *, linear: bool = False, **options: Any
    ) -> None:
        self.conv = SameConv2d(channels, filters, kernel_size, **options)
        dtype = options.get("dtype", "float32")
        self.norm = BatchNorm(filters, momentum=MOMENTUM, eps=EPSILON, dtype=dtype)
        self.relu = None if linear else Relu6()

    @property
    def parts(self) -> Mapping[str, Any]:
        """Convolution and norm."""
        return {"conv": self.conv, "norm": self.norm}

    def forward(
        self, x: Array, *, training: bool = False, rng: Rng | None = None
    ) -> tuple[Array, ConvNormCache]:
        """Apply all of it.

        Parameters
        ----------
        x : Array, (N, C, H, W)
        training : bool
            Whether the norm uses the batch's statistics.
        rng : numpy.random.Generator, optional
            Not used.

        Returns
        -------
        y : Array, (N, F, OH, OW)
        cache : ConvNormCache
        """
        y, c_conv = self.conv.forward(x)
        y, c_norm = self.norm.forward(y, training=training)
        y, c_relu = self.relu.forward(y) if self.relu else (y, None)
        return y, ConvNormCache(c_conv, c_norm, c_relu)

    def backward(self, dy: Array, cache: ConvNormCache, *, input_gradient: bool = True) -> tuple[Any, Arrays]:
        """Propagate through all of it.

        Parameters
        ----------
        dy : Array, (N, F, OH, OW)
        cache : ConvNormCache
        input_gradient : bool

        Returns
        -------
        dx : Array, (N, C, H, W), or None
        grads : dict of str to Array
            Named like ``params``.
        """
        if self.relu:
            dy, _ = self.relu.backward(dy, cache.relu)
        dy, g_norm = self.norm.backward(dy, cache.norm)
        dx, g_conv = self.conv.backward(dy, cache.conv, input_gradient=input_gradient)
        return dx, named(conv=g_conv, norm=g_norm)

    def infer(self, x: Array) -> Array:
        """Return the forward's result for good: norms that no longer learn are a part of the convolution.

            gamma (w * x - mean) / std + beta = (gamma / std w) * x + (beta - gamma mean / std)

        Parameters
        ----------
        x : Array, (N, C, H, W)

        Returns
        -------
        y : Array, (N, F, OH, OW)
        """
        mean, var = self.norm.buffers["running_mean"], self.norm.buffers["running_var"]
        scale = self.norm.params["gamma"] / np.sqrt(var + EPSILON)  # (F,)
        w, b = (
            self.conv.params["weight"] * scale[:, None, None, None],
            self.norm.params["beta"] - scale * mean,
        )
        y, _ = self.conv.convolve(x, w, b)
        return np.clip(y, 0, 6, out=y) if self.relu else y  # in place: nobody else has y


class InvertedResidual(Composite):
    """``y = body(x) + x``, or ``y = body(x)`` where x has another shape: x (N, C, H, W), y (N, F, OH, OW).

    The body widens x by 1x1 filters, looks around in each channel by itself (``depthwise``), and narrows the
    result again without a nonlinearity. In a depthwise convolution every filter sees one channel, so K*K*C
    numbers do what K*K*C*C do in a full one, and the 1x1 convolutions on both sides mix the channels.

    Parameters
    ----------
    channels, filters : int
        C and F.
    kernel_size, stride : int
        Of the depthwise convolution.
    expansion : int
        How many times wider than x the body is; 1 leaves the widening out.
    rng : numpy.random.Generator
    dtype : dtype

    References
    ----------
    Sandler, Howard, Zhu, Zhmoginov and Chen, "MobileNetV2: inverted residuals and linear bottlenecks" (2018),
    figure 3b and table 1 (their k, t, s, k' are our C, expansion, stride, F).
    """

    def __init__(
        self, channels: int, filters: int, kernel_size: int, *, stride: int, expansion: int, **options: Any
    ) -> None:
        wide = channels * expansion
        body = {"expand": ConvNorm(channels, wide, 1, **options)} if expansion > 1 else {}
        body["depthwise"] = ConvNorm(wide, wide, kernel_size, stride=stride, groups=wide, **options)
        body["project"] = ConvNorm(wide, filters, 1, linear=True, **options)
        self.body = Sequential(**body)
        self.adds = stride == 1 and channels == filters

    @property
    def parts(self) -> Mapping[str, Any]:
        """The parts of the body."""
        return self.body.parts

    def forward(
        self, x: Array, *, training: bool = False, rng: Rng | None = None
    ) -> tuple[Array, dict[str, Any]]:
        """Apply the body, and add x.

        Parameters
        ----------
        x : Array, (N, C, H, W)
        training : bool
        rng : numpy.random.Generator, optional
            Not used.

        Returns
        -------
        y : Array, (N, F, OH, OW)
        cache : dict
        """
        y, cache = self.body.forward(x, training=training)
        return (y + x if self.adds else y), cache

    def backward(self, dy: Array, cache: dict[str, Any]) -> tuple[Array, Arrays]:
        """Propagate through the body, and past it.

        Parameters
        ----------
        dy : Array, (N, F, OH, OW)
        cache : dict

        Returns
        -------
        dx : Array, (N, C, H, W)
        grads : dict of str to Array
            Named like ``params``.
        """
        dx, grads = self.body.backward(dy, cache)
        return (dx + dy if self.adds else dx), grads

    def infer(self, x: Array) -> Array:
        """Return the forward's result without a cache.

        Parameters
        ----------
        x : Array, (N, C, H, W)

        Returns
        -------
        y : Array, (N, F, OH, OW)
        """
        y = x
        for part in self.parts.values():
            y = part.infer(y)
        return y + x if self.adds else y
