"""Batch norm, layer norm and dropout."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from minicap import ops
from minicap._types import Array, Rng
from minicap.grading.terms.base import Bodies, Choice, Pull, Term, Variant, fill, normal, sizes
from minicap.grading.values import Seed

_NAMES = ("x", "gamma", "beta")
EPS = Choice(1e-5, least=1e-12, most=1.0)
_FORWARD = """
mean = x.mean(axis=$axis, keepdims=True)
std = np.sqrt(x.var(axis=$axis, keepdims=True) + $eps)
xhat = (x - mean) / std
y = gamma * xhat + beta
"""
_BACKWARD = """
dgamma = (dy * xhat).sum(axis=0)
dbeta = dy.sum(axis=0)
dxhat = dy * gamma
dx = dxhat - dxhat.mean(axis=$axis, keepdims=True)
dx = (dx - xhat * (dxhat * xhat).mean(axis=$axis, keepdims=True)) / std
"""


def _draw(rng: Rng, variant: Variant) -> dict[str, Any]:
    n, d = sizes(rng, 2, 3, 8)
    x = 2.0 * normal(rng, n, d) + 1.0
    return {"x": x, "gamma": 1.0 + 0.5 * normal(rng, d), "beta": normal(rng, d)}


def _named(grads: Any) -> dict[str, Array]:
    return {"x": grads.dx, "gamma": grads.dgamma, "beta": grads.dbeta}


def _batch(arguments: Mapping[str, Any], variant: Variant) -> tuple[tuple[Array, ...], Pull]:
    y, cache = ops.batch_norm_forward(*arguments.values(), eps=variant["eps"])
    return (y,), lambda dy: _named(ops.batch_norm_backward(dy, cache))


def _layer(arguments: Mapping[str, Any], variant: Variant) -> tuple[tuple[Array, ...], Pull]:
    y, cache = ops.layer_norm_forward(*arguments.values(), eps=variant["eps"])
    return (y,), lambda dy: _named(ops.layer_norm_backward(dy, cache))


def _shapes(variant: Variant) -> dict[str, str]:
    return {"x": "(N, D)", "gamma": "(D,)", "beta": "(D,)", "y": "(N, D)"}


def _convention(over: str) -> Any:
    def convention(variant: Variant) -> list[str]:
        return [
            f"y = gamma * (x - mean) / sqrt(var + {variant['eps']:g}) + beta",
            f"mean and var are taken over {over}; var divides by the count, not by the count less one",
        ]

    return convention


def _bodies(axis: int) -> Any:
    def bodies(variant: Variant) -> Bodies:
        names = {"axis": str(axis), "eps": repr(variant["eps"])}
        return Bodies(fill(_FORWARD, **names), fill(_BACKWARD, **names), ("xhat", "std", "gamma"))

    return bodies


def _draw_dropout(rng: Rng, variant: Variant) -> dict[str, Any]:
    x = normal(rng, *sizes(rng, 2, 5, 10))
    p = round(float(rng.uniform(0.25, 0.75)), 2)
    return {"x": x, "p": p, "rng": Seed(int(rng.integers(2**31)))}


def _dropout(arguments: Mapping[str, Any], variant: Variant) -> tuple[tuple[Array, ...], Pull]:
    x, p, seed = arguments.values()
    keep = 1 - p if variant["p"] == "drop" else p
    drawn = np.random.default_rng(seed.number).random(x.shape)
    kept = drawn >= p if variant["p"] == "drop" else drawn < p
    mask = kept / keep if variant["inverted"] else kept.astype(x.dtype)
    return (x * mask,), lambda dy: {"x": dy * mask}


def _shapes_dropout(variant: Variant) -> dict[str, str]:
    meaning = "dropped" if variant["p"] == "drop" else "kept"
    return {
        "x": "any shape", "p": f"float, the probability that an element is {meaning}",
        "rng": "numpy.random.Generator; call rng.random(x.shape) once", "y": "like x",
    }  # fmt: skip


def _convention_dropout(variant: Variant) -> list[str]:
    drop = variant["p"] == "drop"
    scale = f"what is kept is divided by {'1 - p' if drop else 'p'}" if variant["inverted"] else (
        "what is kept is not scaled: that is done when testing"
    )  # fmt: skip
    return [f"an element is kept where rng.random(x.shape) {'>= p' if drop else '< p'}", scale]


def _bodies_dropout(variant: Variant) -> Bodies:
    drop = variant["p"] == "drop"
    scale = ("/ (1 - p)" if drop else "/ p") if variant["inverted"] else "* 1.0"
    forward = fill(
        "mask = (rng.random(x.shape) $kept) $scale\ny = x * mask", kept=">= p" if drop else "< p", scale=scale
    )
    return Bodies(forward, "dx = dy * mask", ("mask",))


TERMS = [
    Term(
        "batch_norm", "batch normalisation while training", _NAMES, _NAMES, ("y",), {"eps": EPS},
        _draw, _batch, _shapes, _convention("the batch, for each feature"), _bodies(0),
    ),
    Term(
        "layer_norm", "layer normalisation", _NAMES, _NAMES, ("y",), {"eps": EPS},
        _draw, _layer, _shapes, _convention("the features, for each sample"), _bodies(1),
    ),
    Term(
        "dropout", "dropout while training", ("x", "p", "rng"), ("x",), ("y",),
        {"p": Choice("drop", ("drop", "keep")), "inverted": Choice(True, (True, False))},
        _draw_dropout, _dropout, _shapes_dropout, _convention_dropout, _bodies_dropout,
    ),
]  # fmt: skip
