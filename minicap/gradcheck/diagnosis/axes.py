"""Which axis of the outputs is the batch, which one is time: found by moving one index and looking."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from minicap.gradcheck.diagnosis.evidence import Evidence
from minicap.gradcheck.subject import flat


class Axis(NamedTuple):
    """An axis that inputs and outputs share: of the input called ``gradient``, of the outputs, and its length."""

    gradient: str
    source: int
    target: int
    length: int


class Axes(NamedTuple):
    """The axes that are known; None where there is none."""

    batch: Axis | None
    time: Axis | None

    def role(self, gradient: str, axis: int) -> str:
        """Return what an axis of an input is called: sample, step, or nothing."""
        for word, known in (("sample", self.batch), ("step", self.time)):
            if known is not None and known.gradient == gradient and known.source == axis:
                return word
        return ""

    def output_role(self, axis: int) -> str:
        """Return what an axis of the outputs is called."""
        for word, known in (("sample", self.batch), ("step", self.time)):
            if known is not None and known.target == axis:
                return word
        return ""


def find_axes(evidence: Evidence) -> Axes:
    """Return batch and time.

    Where index i of an input's axis moves index i of an output's axis only, the indices are independent: a
    batch. Where it moves the later ones as well and never an earlier one, it is time.
    """
    shape = evidence.stacked
    if shape is None or not shape or evidence.slow:
        return _of_inputs(evidence)
    independent, causal = _shared(evidence, shape)
    if len(evidence.outputs) > 2:  # a list of outputs is a sequence
        across = [axis for axis in independent if axis.target > 0]
        return Axes(across[0] if across else None, Axis("", -1, 0, shape[0]))
    if not independent and not causal:
        return Axes(Axis("", -1, 0, shape[0]), Axis("", -1, 1, shape[1]) if len(shape) > 2 else None)
    batch = independent[0] if independent else None
    time = causal[0] if causal else None
    if time is None and len(shape) == 3 and len(independent) > 1:
        time = independent[1]
    return Axes(batch if batch is None or time is None or batch.target != time.target else None, time)


def _of_inputs(evidence: Evidence) -> Axes:
    """Return the axes of a loss: the first input's first is the batch, its second of three is time."""
    for name, x in evidence.base.items():
        if name in evidence.subject.parameters or not x.ndim:
            continue
        return Axes(Axis(name, 0, -1, x.shape[0]), Axis(name, 1, -1, x.shape[1]) if x.ndim == 3 else None)
    return Axes(None, None)


def _shared(evidence: Evidence, shape: tuple[int, ...]) -> tuple[list[Axis], list[Axis]]:
    """Return the independent and the causal axes of the first input that has any."""
    independent: list[Axis] = []
    causal: list[Axis] = []
    with evidence.at({}):
        here = flat(evidence.subject.forward()[0]).reshape(shape)
    for name, x in evidence.base.items():
        if name in evidence.subject.parameters:
            continue
        for source, length in enumerate(x.shape):
            for target in (j for j, n in enumerate(shape) if n == length and length > 1):
                first, last = (_moved(evidence, name, source, i, here, target) for i in (0, length - 1))
                if source == target == 0 and len(first) == len(last) == length:  # a batch that knows itself
                    return [Axis(name, 0, 0, length)], []
                if first == {0} and last == {length - 1}:
                    independent.append(Axis(name, source, target, length))
                elif last == {length - 1} and len(first) > 1 and 0 in first:
                    causal.append(Axis(name, source, target, length))
        if independent or causal:
            break
    return sorted(independent, key=lambda axis: axis.target), causal


def _moved(evidence: Evidence, name: str, source: int, index: int, here: np.ndarray, target: int) -> set[int]:
    """Return the indices of the outputs' axis that move with one index of the input's axis."""
    x = evidence.base[name].copy()
    part = (slice(None),) * source + (index,)
    x[part] += 0.5 * np.asarray(evidence.rng.standard_normal(x[part].shape)).astype(x.dtype)
    with evidence.at({name: x}):
        there = flat(evidence.subject.forward()[0]).reshape(here.shape)
    moved = np.moveaxis(there != here, target, 0).reshape(here.shape[target], -1).any(axis=1)
    return {int(i) for i in np.flatnonzero(moved)}
