"""What is minimised. The trainer knows no model: another loss is another objective."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
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
    return _minimise(model, batch, rng)


@dataclass(frozen=True)
class CaptionObjective:
    """The likelihood of captions, made harder: certainty is not rewarded, and words may be the model's own.

    Attributes
    ----------
    label_smoothing : float
        Share of the target's probability that is spread over the vocabulary (Szegedy et al. 2016, section 7): a
        model that is sure of every word is one that has learnt the captions by heart.
    sampling : callable
        Returns the probability, at the present step of the training, with which the model reads its own word instead
        of the caption's: scheduled sampling, see ``minicap.models.sampling``.
    """

    label_smoothing: float = 0.0
    sampling: Callable[[], float] = float

    def __call__(self, model: Any, batch: Any, rng: Rng) -> tuple[float, Arrays]:
        """Return loss and gradients, as ``likelihood`` does."""
        return _minimise(model, batch, rng, label_smoothing=self.label_smoothing, sampling=self.sampling())


def _minimise(model: Any, batch: Any, rng: Rng, **options: Any) -> tuple[float, Arrays]:
    """Return the loss that a model has with some options, and its gradients."""
    loss, cache = model.loss(batch, training=True, rng=rng, **options)
    if not abs(float(loss)) < float("inf"):
        raise NotFiniteError(f"the loss is {float(loss)}: {find_not_finite(model, batch, cache)}")
    _, grads = model.backward(cache, image_gradient=False)
    return float(loss), grads
