"""Convolution and max-pooling."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from minicap import ops
from minicap._types import Array, Rng
from minicap.grading.terms.base import Bodies, Choice, Pull, Term, Variant, fill, normal, sizes

LAYOUT = Choice("channels_first", ("channels_first", "channels_last"))
PADDING = Choice("int", ("int", "pair", "sides"))
_SAID = {
    "int": "padding rows and columns on every side",
    "pair": "padding = (rows above and below, columns left and right)",
    "sides": "padding = ((rows above, below), (columns left, right))",
}
_FIRST, _LAST = (0, 3, 1, 2), (0, 2, 3, 1)  # axes that bring channels first, and last


def _padding(rng: Rng, form: str) -> Any:
    """Draw a padding that is not zero."""
    one = [int(n) for n in rng.integers(0, 2, 4)]
    if form == "int":
        return 1
    if form == "pair":
        return (1, 2) if one[0] else (2, 1)
    return ((one[0], 1), (2, one[1]))


def _draw_conv(rng: Rng, variant: Variant) -> dict[str, Any]:
    n, c, f = sizes(rng, 3, 2, 5)
    h, w = (5, 6) if rng.random() < 0.5 else (6, 4)
    kh, kw = (3, 2) if rng.random() < 0.5 else (2, 3)
    x, kernels = normal(rng, n, c, h, w), normal(rng, f, c, kh, kw)
    if variant["layout"] == "channels_last":
        x = x.transpose(_LAST).copy()
    if variant["kernel"] == "last":
        kernels = kernels.transpose(2, 3, 1, 0).copy()
    return {
        "x": x, "w": kernels, "b": normal(rng, f), "stride": int(rng.integers(1, 3)),
        "padding": _padding(rng, variant["padding"]),
    }  # fmt: skip


def _answer_conv(arguments: Mapping[str, Any], variant: Variant) -> tuple[tuple[Array, ...], Pull]:
    x, w, b, stride, padding = arguments.values()
    last, turned = variant["layout"] == "channels_last", variant["kernel"] == "last"
    x = x.transpose(_FIRST) if last else x
    w = w.transpose(3, 2, 0, 1) if turned else w
    y, cache = ops.conv2d_forward(x, w, b, stride=stride, padding=padding)

    def pull(dy: Array) -> dict[str, Array]:
        dx, dw, db = ops.conv2d_backward(dy.transpose(_FIRST) if last else dy, cache)
        assert dx is not None  # only an op that is told so leaves it out
        return {
            "x": dx.transpose(_LAST) if last else dx,
            "w": dw.transpose(2, 3, 1, 0) if turned else dw,
            "b": db,
        }

    return (y.transpose(_LAST) if last else y,), pull


def _images(variant: Variant, channels: str, rows: str = "", columns: str = "") -> str:
    """Return the shape of images in words."""
    rows, columns = rows or "H", columns or "W"
    parts = [rows, columns, channels] if variant["layout"] == "channels_last" else [channels, rows, columns]
    return f"(N, {', '.join(parts)})"


def _shapes_conv(variant: Variant) -> dict[str, str]:
    return {
        "x": _images(variant, "C"),
        "w": "(F, C, KH, KW)" if variant["kernel"] == "first" else "(KH, KW, C, F)",
        "b": "(F,)",
        "stride": "int, down and across",
        "padding": _SAID[variant["padding"]],
        "y": _images(variant, "F", "OH", "OW"),
    }


def _convention_conv(variant: Variant) -> list[str]:
    return [
        "cross-correlation, as in every framework: the kernel is not flipped",
        "zeros are put around x: " + _SAID[variant["padding"]],
        "OH = (H + all rows of padding - KH) // stride + 1, OW likewise",
    ]


def _sides(form: str) -> str:
    """Return the line that reads a padding."""
    return {
        "int": "(top, bottom), (left, right) = (padding, padding), (padding, padding)",
        "pair": "(top, bottom), (left, right) = (padding[0], padding[0]), (padding[1], padding[1])",
        "sides": "(top, bottom), (left, right) = padding",
    }[form]


def _moves(variant: Variant) -> dict[str, str]:
    """Return how arrays are brought into the order (N, C, H, W) and (F, C, KH, KW), and back."""
    last, turned = variant["layout"] == "channels_last", variant["kernel"] == "last"
    return {
        "into": ".transpose(0, 3, 1, 2)" if last else "",
        "out": ".transpose(0, 2, 3, 1)" if last else "",
        "w_into": ".transpose(3, 2, 0, 1)" if turned else "",
        "w_out": ".transpose(2, 3, 1, 0)" if turned else "",
        "sides": _sides(variant["padding"]),
    }


_CONV = """
$sides
x_, w_ = x$into, w$w_into
xp = np.pad(x_, ((0, 0), (0, 0), (top, bottom), (left, right)))
(F, C, KH, KW), s = w_.shape, stride
OH, OW = (xp.shape[2] - KH) // s + 1, (xp.shape[3] - KW) // s + 1
y = np.zeros((len(x), F, OH, OW)) + b[:, None, None]
for i in range(KH):
    for j in range(KW):
        seen = xp[:, :, i : i + s * OH : s, j : j + s * OW : s]
        y += np.einsum("nchw,fc->nfhw", seen, w_[:, :, i, j])
y = y$out
"""
_CONV_BACK = """
$sides
x_, w_, dy_ = x$into, w$w_into, dy$into
xp = np.pad(x_, ((0, 0), (0, 0), (top, bottom), (left, right)))
(F, C, KH, KW), s = w_.shape, stride
OH, OW = dy_.shape[2:]
dxp, dw = np.zeros_like(xp), np.zeros_like(w_)
for i in range(KH):
    for j in range(KW):
        seen = xp[:, :, i : i + s * OH : s, j : j + s * OW : s]
        dw[:, :, i, j] = np.einsum("nfhw,nchw->fc", dy_, seen)
        dxp[:, :, i : i + s * OH : s, j : j + s * OW : s] += np.einsum("nfhw,fc->nchw", dy_, w_[:, :, i, j])
dx = dxp[:, :, top : top + x_.shape[2], left : left + x_.shape[3]]$out
dw = dw$w_out
db = dy_.sum(axis=(0, 2, 3))
"""


def _bodies_conv(variant: Variant) -> Bodies:
    moves = _moves(variant)
    return Bodies(fill(_CONV, **moves), fill(_CONV_BACK, **moves), ("x", "w", "b", "stride", "padding"))


def _draw_pool(rng: Rng, variant: Variant) -> dict[str, Any]:
    n, c = sizes(rng, 2, 2, 5)
    h, w = (6, 5) if rng.random() < 0.5 else (5, 7)
    # No two numbers are alike or near each other: no ties, and no kinks.
    x = rng.permutation(n * c * h * w).reshape(n, c, h, w) / 10 - 3.0
    if variant["layout"] == "channels_last":
        x = x.transpose(_LAST).copy()
    return {"x": x, "size": [(2, 3), (3, 2)][int(rng.integers(2))], "stride": int(rng.integers(1, 4))}


def _answer_pool(arguments: Mapping[str, Any], variant: Variant) -> tuple[tuple[Array, ...], Pull]:
    x, size, stride = arguments.values()
    last = variant["layout"] == "channels_last"
    y, cache = ops.max_pool2d_forward(
        np.ascontiguousarray(x.transpose(_FIRST) if last else x), size, stride=stride
    )

    def pull(dy: Array) -> dict[str, Array]:
        dx = ops.max_pool2d_backward(np.ascontiguousarray(dy.transpose(_FIRST) if last else dy), cache).dx
        return {"x": dx.transpose(_LAST) if last else dx}

    return (y.transpose(_LAST) if last else y,), pull


def _shapes_pool(variant: Variant) -> dict[str, str]:
    return {
        "x": _images(variant, "C"), "size": "(KH, KW), the window", "stride": "int, down and across",
        "y": _images(variant, "C", "OH", "OW"),
    }  # fmt: skip


def _convention_pool(variant: Variant) -> list[str]:
    return [
        "y is the largest number of each window; windows that stick out are left out",
        "OH = (H - KH) // stride + 1, OW likewise; windows may overlap",
        "of equal numbers the first one, in row order, gets the gradient",
    ]


_POOL = """
x_, (KH, KW), s = x$into, size, stride
OH, OW = (x_.shape[2] - KH) // s + 1, (x_.shape[3] - KW) // s + 1
y = np.empty((*x_.shape[:2], OH, OW))
for i in range(OH):
    for j in range(OW):
        y[:, :, i, j] = x_[:, :, i * s : i * s + KH, j * s : j * s + KW].max(axis=(2, 3))
y = y$out
"""
_POOL_BACK = """
x_, dy_, (KH, KW), s = x$into, dy$into, size, stride
N, C, OH, OW = dy_.shape
dx = np.zeros(x_.shape)
for i in range(OH):
    for j in range(OW):
        window = x_[:, :, i * s : i * s + KH, j * s : j * s + KW].reshape(N, C, KH * KW)
        part = np.zeros((N, C, KH * KW))
        np.put_along_axis(part, window.argmax(axis=2)[..., None], dy_[:, :, i, j, None], axis=2)
        dx[:, :, i * s : i * s + KH, j * s : j * s + KW] += part.reshape(N, C, KH, KW)
dx = dx$out
"""


def _bodies_pool(variant: Variant) -> Bodies:
    last = variant["layout"] == "channels_last"
    moves = {"into": ".transpose(0, 3, 1, 2)", "out": ".transpose(0, 2, 3, 1)"} if last else {}
    moves = moves or {"into": "", "out": ""}
    return Bodies(fill(_POOL, **moves), fill(_POOL_BACK, **moves), ("x", "size", "stride"))


TERMS = [
    Term(
        "conv", "a convolution", ("x", "w", "b", "stride", "padding"), ("x", "w", "b"), ("y",),
        {"layout": LAYOUT, "kernel": Choice("first", ("first", "last")), "padding": PADDING},
        _draw_conv, _answer_conv, _shapes_conv, _convention_conv, _bodies_conv,
        cached=("x", "w", "b", "stride", "padding"),
    ),
    Term(
        "max_pool", "a max-pooling layer", ("x", "size", "stride"), ("x",), ("y",), {"layout": LAYOUT},
        _draw_pool, _answer_pool, _shapes_pool, _convention_pool, _bodies_pool, cached=("x", "size", "stride"),
    ),
]  # fmt: skip
