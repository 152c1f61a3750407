"""The rectifier."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from minicap import ops
from minicap._types import Array, Rng
from minicap.grading.terms.base import Bodies, Choice, Pull, Term, Variant, fill, normal, sizes


def _draw(rng: Rng, variant: Variant) -> dict[str, Any]:
    x = normal(rng, *sizes(rng, 2, 3, 8))
    return {"x": x + np.copysign(0.05, x)}


def _answer(arguments: Mapping[str, Any], variant: Variant) -> tuple[tuple[Array, ...], Pull]:
    x, slope = arguments["x"], variant["slope"]
    y, cache = ops.relu_forward(x)

    def pull(dy: Array) -> dict[str, Array]:
        return {"x": (1 - slope) * ops.relu_backward(dy, cache).dx + slope * dy}

    return ((1 - slope) * y + slope * x,), pull


def _shapes(variant: Variant) -> dict[str, str]:
    return {"x": "any shape", "y": "like x"}


def _convention(variant: Variant) -> list[str]:
    slope = variant["slope"]
    return [
        f"y = x where x > 0, {slope:g} x elsewhere" if slope else "y = x where x > 0, 0 elsewhere",
        f"the slope at 0 is {slope:g}",
    ]


def _bodies(variant: Variant) -> Bodies:
    slope = repr(variant["slope"])
    return Bodies(
        fill("y = np.where(x > 0, x, $slope * x)", slope=slope),
        fill("dx = np.where(x > 0, dy, $slope * dy)", slope=slope),
        ("x",),
    )


TERMS = [
    Term(
        "relu", "a rectifier", ("x",), ("x",), ("y",), {"slope": Choice(0.0, most=0.9)},
        _draw, _answer, _shapes, _convention, _bodies, cached=("x",),
    )
]  # fmt: skip
