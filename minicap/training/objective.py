"""What is minimised. The trainer knows no model: another loss is another objective."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from minicap._types import Arrays, Rng
from minicap.training.finite import find_not_finite

Objective: TypeAlias = Callable[[Any, Any, Rng], tuple[float, Arrays]]


class NotFiniteError(ArithmeticError):
    """A loss or gradient that is no finite number any more; the message names the layer."""


def likelihood(model: Any, batch: Any, rng: Rng) -> tuple[float, Arrays]:
    """Return the model's own loss, for a captioner the negative log-likelihood a word, and its gradients.

    Parameters
    ----------
    model
        With ``loss`` and ``backward``.
    batch
        What the model takes.
    rng : numpy.random.Generator
        For dropout.

    Returns
    -------
    loss : float
    grads : dict of str to Array

    Raises
    ------
    NotFiniteError
        If the loss is not finite.
    """
    loss, cache = model.loss(batch, training=True, rng=rng)
    if not abs(float(loss)) < float("inf"):
        raise NotFiniteError(f"the loss is {float(loss)}: {find_not_finite(model, batch, cache)}")
    _, grads = model.backward(cache, image_gradient=False)
    return float(loss), grads
