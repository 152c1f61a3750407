"""What a course can ask for: a layer in one term's convention, with its answer, its words and its solution."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from string import Template
from typing import Any, NamedTuple

import numpy as np

from minicap._types import Array, Rng

Pull = Callable[..., dict[str, Array]]
Variant = Mapping[str, Any]


class Choice(NamedTuple):
    """A setting that a term may choose.

    Attributes
    ----------
    default : object
        What holds where a spec says nothing.
    values : tuple
        What may be chosen; empty where any value of the default's type may.
    least, most : float
        The bounds of a number.
    """

    default: Any
    values: tuple[Any, ...] = ()
    least: float = 0.0
    most: float = 1000.0


class Bodies(NamedTuple):
    """A solution's code.

    Attributes
    ----------
    forward : str
        Lines that assign the outputs, and what the cache needs.
    backward : str
        Lines that assign ``d<name>`` for each gradient; empty for a loss.
    cache : tuple of str
        The names that go from one to the other.
    """

    forward: str
    backward: str
    cache: tuple[str, ...]


SCALE = Choice(1.0, least=0.001)
UPSTREAM = Choice("first", ("first", "last"))
WEIGHTS = Choice("in_out", ("in_out", "out_in"))
TIME = Choice("batch_first", ("batch_first", "time_first"))


@dataclass(frozen=True)
class Term:
    """A layer that a spec can ask for.

    Attributes
    ----------
    op : str
        Its name in specs.
    title : str
        What it is, for people.
    arguments : tuple of str
        The forward's, in order.
    gradients : tuple of str
        The arguments that have a gradient, in the order in which the backward returns them.
    outputs : tuple of str
        The forward's.
    choices : mapping of str to Choice
        What a term may vary.
    draw : callable
        ``draw(rng, variant)`` returns random arguments by name, every axis of another length.
    answer : callable
        ``answer(arguments, variant)`` returns the right outputs, and a function from their upstream gradients
        to the right gradients by argument name.
    shapes : callable
        ``shapes(variant)`` returns what each argument and output is, in words.
    convention : callable
        ``convention(variant)`` returns the lines that say what is computed.
    bodies : callable
        ``bodies(variant)`` returns the solution's code.
    cached : tuple of str
        The arguments and outputs of which a spec may prescribe the cache.
    loss : bool
        Whether one function returns the loss and its gradient.
    """

    op: str
    title: str
    arguments: tuple[str, ...]
    gradients: tuple[str, ...]
    outputs: tuple[str, ...]
    choices: Mapping[str, Choice]
    draw: Callable[[Rng, Variant], dict[str, Any]]
    answer: Callable[[Mapping[str, Any], Variant], tuple[tuple[Array, ...], Pull]]
    shapes: Callable[[Variant], dict[str, str]]
    convention: Callable[[Variant], list[str]]
    bodies: Callable[[Variant], Bodies]
    cached: tuple[str, ...] = ()
    loss: bool = False

    def all_choices(self) -> dict[str, Choice]:
        """Return what can be varied, what every layer has among it."""
        # A step returns the state that the next one starts from: scaling it would be another recurrence.
        everywhere = {} if self.op.endswith("_step") else {"scale": SCALE}
        if not self.loss:
            everywhere["upstream"] = UPSTREAM
        return {**self.choices, **everywhere}

    def right(self, arguments: Mapping[str, Any], variant: Variant) -> tuple[tuple[Array, ...], Pull]:
        """Return the right outputs, and the function from upstreams to the right gradients, with the extra scale.

        Parameters
        ----------
        arguments : mapping
            By name.
        variant : mapping
            A value for each choice.
        """
        outputs, pull = self.answer(arguments, variant)
        scale = variant.get("scale", 1.0)
        if scale == 1.0:
            return outputs, pull
        return tuple(scale * y for y in outputs), lambda *dys: pull(*(scale * dy for dy in dys))


def fill(code: str, **names: str) -> str:
    """Return code with its ``$name`` replaced.

    Parameters
    ----------
    code : str
        Without a first empty line or an indent.
    **names : str
    """
    return Template(code.strip("\n")).substitute(names)


def normal(rng: Rng, *shape: int) -> Array:
    """Return random normal numbers.

    Parameters
    ----------
    rng : Rng
    *shape : int
    """
    return np.asarray(rng.standard_normal(shape))


def sizes(rng: Rng, count: int, low: int = 2, high: int = 7) -> list[int]:
    """Draw lengths of axes, no two alike, so that swapped ones show.

    Parameters
    ----------
    rng : Rng
    count : int
    low, high : int
        The bounds, ``high`` not included.
    """
    return [int(n) for n in rng.permutation(np.arange(low, high))[:count]]
