"""What a term asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from minicap.grading.terms import Term

NO_SECRET = "change me"
FORBIDDEN = (
    "minicap",
    "torch",
    "jax",
    "autograd",
    "tensorflow",
    "tinygrad",
    "theano",
    "mxnet",
    "chainer",
    "paddle",
)


@dataclass(frozen=True)
class Part:
    """One layer that students write.

    Attributes
    ----------
    name : str
        What it is called in results.
    term : Term
    variant : mapping
        A value for each of the term's choices.
    forward, backward : str
        The names of the functions; no backward for a loss.
    points : mapping of str to float
        For ``forward`` and for each gradient, ``dx`` say.
    cache : tuple of str
        What the cache has to hold, in order; empty where that is free.
    """

    name: str
    term: Term
    variant: Mapping[str, Any]
    forward: str
    backward: str
    points: Mapping[str, float]
    cache: tuple[str, ...] = ()

    @property
    def is_slope(self) -> bool:
        """Whether its gradients are slopes: the gradient of a padding's row is zero by convention alone."""
        return self.variant.get("padding_id", -1) < 0


@dataclass(frozen=True)
class Spec:
    """What a term asks for, and how it is graded.

    Attributes
    ----------
    title : str
    file : str
        The name of the file that students hand in.
    secret : str
        From which, with the student's name, the hidden inputs are drawn.
    parts : tuple of Part
    cases : int
        Hidden inputs for each part.
    seconds : float
        The most time that a forward, or a backward, may take with all its cases.
    memory_mb : int
        The most memory.
    tolerance : float
        The relative error allowed.
    forbidden : tuple of str
        Packages that a submission may not import.
    on_forbidden : str
        ``zero`` or ``report``: what becomes of a submission that does.
    path : Path
        Where it was read.
    """

    title: str
    file: str
    secret: str
    parts: tuple[Part, ...]
    cases: int = 3
    seconds: float = 20.0
    memory_mb: int = 4096
    tolerance: float = 1e-6
    forbidden: tuple[str, ...] = FORBIDDEN
    on_forbidden: str = "zero"
    path: Path = field(default=Path(), compare=False)

    @property
    def points(self) -> float:
        """The most points."""
        return sum(sum(part.points.values()) for part in self.parts)

    @property
    def is_secret(self) -> bool:
        """Whether the secret is somebody's own."""
        return self.secret != NO_SECRET
