"""Hidden inputs, a student's own, and what is right for them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from minicap._types import Array
from minicap.grading.spec import Part, Spec
from minicap.grading.values import packed


@dataclass(frozen=True)
class Case:
    """One hidden input and what is right for it.

    Attributes
    ----------
    arguments : mapping
        By name.
    upstreams, outputs : tuple of Array
    gradients : mapping of str to Array
        By argument name.
    """

    arguments: Mapping[str, Any]
    upstreams: tuple[Array, ...]
    outputs: tuple[Array, ...]
    gradients: Mapping[str, Array]

    def form(self) -> dict[str, Any]:
        """Return what a child process is told of it: the inputs alone."""
        return {
            "arguments": {name: packed(value) for name, value in self.arguments.items()},
            "upstreams": [packed(dy) for dy in self.upstreams],
        }


def hidden_cases(spec: Spec, part: Part, student: str) -> list[Case]:
    """Draw a part's hidden inputs; they depend on the secret, the student and the part's name only.

    Parameters
    ----------
    spec : Spec
    part : Part
    student : str
    """
    text = "\0".join([spec.secret, student, part.name])
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "big")
    rng = np.random.default_rng(seed)
    return [draw_case(part, rng) for _ in range(spec.cases)]


def draw_case(part: Part, rng: np.random.Generator) -> Case:
    """Draw one input of a part, and compute what is right for it.

    Parameters
    ----------
    part : Part
    rng : Rng
    """
    arguments = part.term.draw(rng, part.variant)
    outputs, pull = part.term.right(arguments, part.variant)
    if part.term.loss:
        return Case(arguments, (), outputs, pull(np.float64(1.0)))
    upstreams = tuple(np.asarray(rng.standard_normal(y.shape)) for y in outputs)
    return Case(arguments, upstreams, outputs, pull(*upstreams))
