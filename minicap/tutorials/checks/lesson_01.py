"""What is right in the exercises of lesson 1."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minicap._types import Array
from minicap.ops import softmax_cross_entropy_backward, softmax_cross_entropy_forward
from minicap.tutorials.checks.ask import array, close, parts, truth, untouched
from minicap.tutorials.exercise import Exercise, Wrong


def squared_error(answer: Callable[..., Any]) -> None:
    """Hold the gradient of the squared error to its value."""
    rng = np.random.default_rng(0)
    y, t = rng.standard_normal((4, 3)), rng.standard_normal((4, 3))
    dy, right = array("dy", answer(1.0, y.copy(), t.copy()), y.shape), (y - t) / 4
    for factor, hint in (
        (2, "twice what it should be: what does the 1/2 in the loss do to the 2 of the square?"),
        (4, "N times what it should be: the loss is a mean over the N examples"),
        (1 / 3, "1/M of what it should be: the loss divides by N, not by N times M"),
        (-1, "right but for the sign: which way does the loss move when y grows?"),
    ):
        truth(not np.allclose(dy, factor * right), f"dy is {hint}")
    close("dy", dy, right, "differentiate one term of the sum by one y_nm on paper")
    close("dy for dloss = 3", answer(3.0, y, t), 3 * right, "what is behind this loss arrives as dloss")


def central_difference(answer: Callable[..., Any]) -> None:
    """Hold finite differences to derivatives that are known, and look at the argument afterwards."""
    rng = np.random.default_rng(1)
    x = rng.standard_normal((2, 3))
    kept = x.copy()
    found = array("the derivative of sum(sin(x))", answer(lambda z: float(np.sin(z).sum()), x), x.shape)
    untouched(kept, x, "x")
    error = np.abs(found - np.cos(x)).max()
    truth(
        error < 1e-2,
        "the derivative of sum(sin(x)) is not cos(x): is every entry moved alone, and the others not?",
    )
    truth(error < 1e-7, "nearly right, but no better than a forward difference: step to both sides of x")
    found = answer(lambda z: float((z**3).sum()), x, 0.1)
    wide = array("the derivative of sum(x**3) with h = 0.1", found, x.shape)
    close("the derivative of sum(x**3) with h = 0.1", wide, 3 * x**2 + 0.01,
          "the step h is an argument; is it used, and is the difference divided by 2h?")  # fmt: skip
    line = array(
        "the derivative for x of shape (4,)", answer(lambda z: float(z @ z), rng.standard_normal(4)), (4,)
    )
    truth(bool(np.isfinite(line).all()), "it does not work for x of shape (4,)")


def relative_error(answer: Callable[..., Any]) -> None:
    """Ask for errors that are known, the cases with zeros among them."""
    a, n = np.array([1.0, 2.0, -4.0]), np.array([1.0, 2.5, -5.0])
    close("the error of [1, 2, -4] against [1, 2.5, -5]", answer(a, n), 0.2,
          "the largest difference, divided by the largest |n|; not entry by entry, and not by |a| + |n|")  # fmt: skip
    with np.errstate(divide="ignore", invalid="ignore"):
        found = answer(np.eye(2), 2 * np.eye(2))
    truth(
        bool(np.isfinite(found)) if np.ndim(found) == 0 else True,
        "zeros in numeric beside other numbers are nothing special: only the largest |n| divides",
    )
    close("the error of a matrix", found, 0.5, "one number for all entries")
    zero = np.zeros(3)
    with np.errstate(divide="ignore", invalid="ignore"):
        close("the error of zeros against zeros", answer(zero, zero), 0.0, "0/0 is not a number")
        truth(answer(a, zero) == np.inf, "where numeric is zero and analytic is not, the error is infinite")


def cross_entropy(answer: Callable[..., Any]) -> None:
    """Hold the gradient to the library's, with small and with large logits."""
    rng = np.random.default_rng(2)
    logits, targets = rng.standard_normal((5, 4)), np.array([0, 3, 1, 1, 2])
    kept, right = logits.copy(), _gradient(logits, targets)
    found = array("dlogits", answer(logits, targets), logits.shape)
    untouched(kept, logits, "logits")
    truth(not np.allclose(found, 5 * right), "dlogits is N times what it should be: the loss is a mean")
    truth(
        np.abs(found.sum(axis=1)).max() < 1e-9, "the rows of dlogits do not sum to zero, as those of P - Q do"
    )
    close("dlogits", found, right, "P - Q over N: is the one subtracted at the target of each row?")
    large = 1000 * logits / np.abs(logits).max()
    with np.errstate(all="ignore"):
        found = np.asarray(answer(large.copy(), targets), float)
    if not np.isfinite(found).all():
        raise Wrong("for logits of 1000 it is not finite: exp overflows; what may be subtracted from a row?")
    close("dlogits for logits of 1000", found, _gradient(large, targets))


def tanh_layer(answer: Callable[..., Any]) -> None:
    """Hold the three gradients of a layer with tanh to their values."""
    rng = np.random.default_rng(3)
    x, w, b, dy = (rng.standard_normal(shape) for shape in ((4, 3), (3, 2), (2,), (4, 2)))
    dx, dw, db = parts(answer(dy, x, w, b), ("dx", "dw", "db"))
    da = dy * (1 - np.tanh(x @ w + b) ** 2)
    found = array("db", db, b.shape)
    truth(
        not np.allclose(found, dy.sum(axis=0)),
        "db is that of the linear layer alone: tanh is not gone through",
    )
    truth(
        not np.allclose(found, da.mean(axis=0)),
        "db is a mean over the batch, but b was used by every example",
    )
    close("db", found, da.sum(axis=0), "the derivative of tanh(a) by a is 1 - tanh(a)^2, at a = x @ w + b")
    close("dw", dw, x.T @ da, "db is right, so the way through tanh is; what did the lesson find for dW?")
    close("dx", dx, da @ w.T, "db is right, so the way through tanh is; what did the lesson find for dX?")


def _gradient(logits: Array, targets: Array) -> Array:
    """Return the library's gradient."""
    return softmax_cross_entropy_backward(1.0, softmax_cross_entropy_forward(logits, targets)[1]).dlogits


EXERCISES = (
    Exercise("squared_error_backward", squared_error),
    Exercise("central_difference", central_difference),
    Exercise("relative_error", relative_error),
    Exercise("softmax_cross_entropy_gradient", cross_entropy),
    Exercise("tanh_layer_backward", tanh_layer),
)
