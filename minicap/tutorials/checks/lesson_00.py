"""What is right in the exercises of lesson 0."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minicap.tutorials.checks.ask import array, close, parts, truth
from minicap.tutorials.exercise import Exercise


def sum_of_squares(answer: Callable[..., Any]) -> None:
    """Hold the gradient to its value."""
    x = np.random.default_rng(0).standard_normal((2, 3))
    found = array("dx", answer(x.copy()), x.shape)
    truth(not np.allclose(found, x), "dx is half of what it should be: what is the derivative of x^2?")
    close("dx", found, 2 * x, "each entry of x stands in one square only; differentiate that one")


def scale(answer: Callable[..., Any]) -> None:
    """Hold both gradients to their values."""
    rng = np.random.default_rng(1)
    x, dy = rng.standard_normal((3, 4)), rng.standard_normal((3, 4))
    dx, da = parts(answer(dy, x, 2.5), ("dx", "da"))
    close("dx", dx, 2.5 * dy, "an entry of x moves one entry of y, with the factor a")
    if np.shape(da) == x.shape:
        truth(
            False,
            "da has the shape of x, but a is one number: it was used at every entry, so what becomes of them?",
        )
    found = array("da", da, ())
    truth(
        not np.isclose(found, (dy * x).mean()),
        "da is a mean; the number was used at every entry, and parts add up",
    )
    close("da", found, (dy * x).sum(), "sum over every entry that a had a part in")


def mean(answer: Callable[..., Any]) -> None:
    """Hold the gradient to its value."""
    rng = np.random.default_rng(2)
    x, dy = rng.standard_normal((3, 4)), rng.standard_normal(3)
    found = array("dx", answer(dy, x), x.shape)
    truth(
        not np.allclose(found, dy[:, None]),
        "dx is D times what it should be: a mean divides, and so does its gradient",
    )
    close(
        "dx",
        found,
        np.repeat(dy[:, None] / 4, 4, axis=1),
        "which entries of x have a part in y[n], and how large is it?",
    )


def product(answer: Callable[..., Any]) -> None:
    """Hold both gradients to their values."""
    rng = np.random.default_rng(3)
    x, w, dy = (rng.standard_normal(shape) for shape in ((4, 3), (3, 2), (4, 2)))
    dx, dw = parts(answer(dy, x, w), ("dx", "dw"))
    close("dx", dx, dy @ w.T, "write down the three shapes: how can (N, M) and (D, M) become (N, D)?")
    close("dw", dw, x.T @ dy, "write down the three shapes: how can (N, D) and (N, M) become (D, M)?")


EXERCISES = (
    Exercise("sum_of_squares_gradient", sum_of_squares),
    Exercise("scale_gradients", scale),
    Exercise("mean_gradient", mean),
    Exercise("product_gradients", product),
)
