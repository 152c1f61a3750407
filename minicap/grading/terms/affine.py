"""The affine layer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from minicap import ops
from minicap._types import Array, Rng
from minicap.grading.terms.base import WEIGHTS, Bodies, Pull, Term, Variant, fill, normal, sizes


def _draw(rng: Rng, variant: Variant) -> dict[str, Any]:
    n, d, m = sizes(rng, 3)
    w = normal(rng, d, m)
    return {
        "x": normal(rng, n, d),
        "w": w if variant["weights"] == "in_out" else w.T.copy(),
        "b": normal(rng, m),
    }


def _answer(arguments: Mapping[str, Any], variant: Variant) -> tuple[tuple[Array, ...], Pull]:
    x, w, b = arguments.values()
    turned = variant["weights"] == "out_in"
    y, cache = ops.linear_forward(x, w.T if turned else w, b)

    def pull(dy: Array) -> dict[str, Array]:
        dx, dw, db = ops.linear_backward(dy, cache)
        return {"x": dx, "w": dw.T if turned else dw, "b": db}

    return (y,), pull


def _shapes(variant: Variant) -> dict[str, str]:
    w = "(D, M)" if variant["weights"] == "in_out" else "(M, D)"
    return {"x": "(N, D)", "w": w, "b": "(M,)", "y": "(N, M)"}


def _convention(variant: Variant) -> list[str]:
    return ["y = x w + b" if variant["weights"] == "in_out" else "y = x w^T + b: w has a row for each output"]


def _bodies(variant: Variant) -> Bodies:
    straight = variant["weights"] == "in_out"
    forward = fill("y = x @ $w + b", w="w" if straight else "w.T")
    backward = fill(
        """
dx = dy @ $w
dw = $dw
db = dy.sum(axis=0)
""",
        w="w.T" if straight else "w",
        dw="x.T @ dy" if straight else "dy.T @ x",
    )
    return Bodies(forward, backward, ("x", "w", "b"))


TERMS = [
    Term(
        "affine", "an affine layer", ("x", "w", "b"), ("x", "w", "b"), ("y",), {"weights": WEIGHTS},
        _draw, _answer, _shapes, _convention, _bodies, cached=("x", "w", "b"),
    )
]  # fmt: skip
