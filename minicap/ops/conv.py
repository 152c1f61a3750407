"""Two-dimensional convolution, as the field means it: cross-correlation over N images."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from minicap import kernels
from minicap._types import Array
from minicap.ops import _check

Pair = int | tuple[int, int]
Padding = int | tuple[int, int] | tuple[tuple[int, int], tuple[int, int]]


class Conv2dCache(NamedTuple):
    """Both factors of the correlation and how it was taken."""

    x: Array
    w: Array
    stride: tuple[int, int]
    padding: tuple[tuple[int, int], tuple[int, int]]
    dilation: tuple[int, int]
    groups: int


class Conv2dGrads(NamedTuple):
    """Gradients of ``conv2d``, shaped like its arguments."""

    dx: Array | None
    dw: Array
    db: Array


def conv2d_forward(
    x: Array,
    w: Array,
    b: Array,
    *,
    stride: Pair = 1,
    padding: Padding = 0,
    dilation: Pair = 1,
    groups: int = 1,
) -> tuple[Array, Conv2dCache]:
    """Slide F filters over each image and take the inner product at each place.

    With ``x`` padded by zeros::

        y[n, f, p, q] = b[f] + sum_{c, i, j} w[f, c, i, j] * x[n, c, p*sh + i*dh, q*sw + j*dw]

    where c runs over the C/groups channels of the group that f belongs to, and the output height is
    ``OH = (H + top + bottom - dh * (KH - 1) - 1) // sh + 1``; OW likewise.

    Parameters
    ----------
    x : Array, (N, C, H, W)
    w : Array, (F, C/groups, KH, KW)
    b : Array, (F,)
    stride : int or (h, w)
        Step between places, in pixels.
    padding : int, (h, w) or ((top, bottom), (left, right))
        Zeros added around each image, in pixels.
    dilation : int or (h, w)
        Distance between neighbouring kernel taps, in pixels.
    groups : int
        Channels and filters are split into so many groups that do not see each other;
        ``groups = C`` is the depthwise convolution.

    Returns
    -------
    y : Array, (N, F, OH, OW)
    cache : Conv2dCache
        The inputs and the options in full form.

    Raises
    ------
    ValueError
        If channels, groups or sizes do not fit.
    TypeError
        If the dtypes are not all float32 or all float64.

    References
    ----------
    Dumoulin and Visin, "A guide to convolution arithmetic for deep learning" (2016), relationship 6
    (their i, k, s, p, o are our H, KH, stride, padding, OH).
    """
    cache, b = conv2d_cache(
        "conv2d", x, w, b, stride=stride, padding=padding, dilation=dilation, groups=groups
    )
    conv2d_output_size("conv2d", cache)
    return kernels.conv.conv2d_forward(cache.x, cache.w, b, *cache[2:]), cache


def conv2d_backward(dy: Array, cache: Conv2dCache, *, input_gradient: bool = True) -> Conv2dGrads:
    """Propagate through ``conv2d``.

    Each product ``w[f, c, i, j] * x[n, c, p*sh + i*dh, q*sw + j*dw]`` of the forward sends its upstream
    ``dy[n, f, p, q]`` to both of its factors; sums run over all products a factor took part in::

        dx[n, c, p*sh + i*dh, q*sw + j*dw] += w[f, c, i, j] * dy[n, f, p, q]
        dw[f, c, i, j]  = sum_{n, p, q} dy[n, f, p, q] * x[n, c, p*sh + i*dh, q*sw + j*dw]
        db[f]           = sum_{n, p, q} dy[n, f, p, q]

    What would land on the padding is dropped: the padding is not an input.

    Parameters
    ----------
    dy : Array, (N, F, OH, OW)
        Upstream gradient.
    cache : Conv2dCache
    input_gradient : bool
        Whether to compute dx, which nobody needs of the first layer while training; None where not.

    Returns
    -------
    Conv2dGrads
        dx (N, C, H, W), dw (F, C/groups, KH, KW), db (F,).

    Raises
    ------
    ValueError, TypeError
        If ``dy`` does not fit the forward's output.
    """
    x, w, *options = cache
    y_shape = (x.shape[0], w.shape[0], *conv2d_output_size("conv2d", cache))
    dy = np.ascontiguousarray(_check.upstream("conv2d", "dy", dy, y_shape, x.dtype))
    return Conv2dGrads(
        dx=kernels.conv.conv2d_backward_input(dy, w, x.shape, *options) if input_gradient else None,
        dw=kernels.conv.conv2d_backward_weight(dy, x, w.shape, *options),
        db=kernels.sums.channel_sums(dy.reshape(*dy.shape[:2], dy.shape[2] * dy.shape[3])),
    )


def conv2d_cache(
    op: str,
    x: Array,
    w: Array,
    b: Array,
    *,
    stride: Pair = 1,
    padding: Padding = 0,
    dilation: Pair = 1,
    groups: int = 1,
) -> tuple[Conv2dCache, Array]:
    """Return a convolution's cache with the options in full form, and its bias, all checked and contiguous.

    Parameters
    ----------
    op : str
        Name of the op, for messages.
    x, w, b : Array
    stride, padding, dilation, groups
        As ``conv2d_forward`` takes them.

    Returns
    -------
    cache : Conv2dCache
    b : Array, (F,)
    """
    x, w, b = _check.floats(op, x=x, w=w, b=b)
    _check.ndim(op, "x", x, "(N, C, H, W)")
    _check.ndim(op, "w", w, "(F, C/groups, KH, KW)")
    shapes = f"x is (N, C, H, W) = {x.shape}, w is (F, C/groups, KH, KW) = {w.shape}, groups = {groups}"
    if groups < 1 or x.shape[1] % groups or w.shape[0] % groups:
        raise ValueError(f"{op}: groups must divide the channels and the filters; {shapes}")
    if w.shape[1] * groups != x.shape[1]:
        raise ValueError(f"{op}: x has {x.shape[1]} channels but w expects {w.shape[1] * groups}; {shapes}")
    _check.shape(op, "b", b, (w.shape[0],), "(F,)")
    options = (
        _check.pair(op, "stride", stride),
        _check.margins(op, padding),
        _check.pair(op, "dilation", dilation),
    )
    cache = Conv2dCache(np.ascontiguousarray(x), np.ascontiguousarray(w), *options, groups)
    return cache, np.ascontiguousarray(b)


def conv2d_output_size(op: str, cache: Conv2dCache) -> tuple[int, int]:
    """Return (OH, OW), or raise where the kernel does not fit in the padded image.

    Parameters
    ----------
    op : str
        Name of the op, for messages.
    cache : Conv2dCache

    Returns
    -------
    OH, OW : int
    """
    image, kernel = cache.x.shape[2:], cache.w.shape[2:]
    padded = tuple(size + sum(pad) for size, pad in zip(image, cache.padding, strict=True))
    reach = tuple(d * (k - 1) + 1 for d, k in zip(cache.dilation, kernel, strict=True))
    if min(kernel) < 1 or any(r > p for r, p in zip(reach, padded, strict=True)):
        raise ValueError(
            f"{op}: w covers (h, w) = {reach} pixels but x with its padding has only {padded}; "
            "use a larger image, more padding or a smaller kernel"
        )
    oh, ow = ((p - r) // s + 1 for p, r, s in zip(padded, reach, cache.stride, strict=True))
    return oh, ow
