"""One layer of the zoo, right or with a bug in it, through the checker as a student's file goes."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np

from minicap.gradcheck.adapters import classes, closures, losses, models, pairs
from minicap.gradcheck.compare import Budget
from minicap.gradcheck.engine import check
from minicap.gradcheck.report import Report
from minicap.gradcheck.subject import Subject
from minicap.gradcheck.zoo.catalogue import LAYERS, make
from minicap.gradcheck.zoo.load import load
from minicap.gradcheck.zoo.mutant import Mutant
from minicap.gradcheck.zoo.shapes import draw_inputs

FEW = Budget(dense=60, entries=40, directions=2)
"""A few probes an input: a short check still meets every row and channel."""


def zoo_subject(name: str, module: Any, inputs: dict[str, Any], upcast: bool = True) -> Subject:
    """Wrap a layer of the zoo by the adapter of its style.

    Parameters
    ----------
    name : str
        A key of ``catalogue.LAYERS``.
    module : module
        Its file, loaded.
    inputs : dict of str to object
        What ``draw_inputs`` gave.
    upcast : bool
        Whether float32 inputs are made float64.

    Returns
    -------
    Subject
    """
    entry = LAYERS[name]
    made, given = make(name, module, inputs), {key: inputs[key] for key in entry.args}
    if entry.style in ("pair", "list"):
        return pairs.subject(made, getattr(module, entry.backward), given, name=name, upcast=upcast)
    adapter = {"class": classes, "closure": closures, "loss": losses, "model": models}[entry.style]
    return adapter.subject(made, given, name=name, upcast=upcast)


def check_mutant(mutant: Mutant, seed: int = 0, budget: Budget | None = None, tries: int = 1) -> Report:
    """Check a mutant; the smallest of ``tries`` drawn sets of inputs is taken.

    Parameters
    ----------
    mutant : Mutant
    seed : int
        Of the inputs.
    budget : Budget, optional
        How many probes an input gets.
    tries : int
        How many sets of inputs to draw.

    Returns
    -------
    Report
        With a diagnosis, where it did not pass.
    """
    start = zlib.crc32(mutant.name.encode()) + 1000 * seed
    kinks = True if "ties" in mutant.kind or "nan" in mutant.kind else None
    drawn = [draw_inputs(mutant.layer, np.random.default_rng(start + i), kinks=kinks) for i in range(tries)]
    inputs = smallest(mutant.layer, drawn)
    module = load(mutant.file, mutant.edits)
    return check(lambda: zoo_subject(mutant.layer, module, inputs), mutant.name, budget=budget, seed=seed)


def check_right(name: str, seed: int, dtype: Any, budget: Budget | None = None, tries: int = 1) -> Report:
    """Check a right layer of the zoo at random inputs, as they are in float64 and float32.

    Parameters
    ----------
    name : str
        A key of ``catalogue.LAYERS``.
    seed : int
        Of the inputs; a quarter of those of activations and pooling layers has kinks.
    dtype : dtype
        float64 or float32; float32 inputs are checked in float64 or, every other time, as they are.
    budget, tries
        As for ``check_mutant``.

    Returns
    -------
    Report
    """
    drawn = [draw_inputs(name, np.random.default_rng([seed, i]), dtype) for i in range(tries)]
    inputs = smallest(name, drawn)
    module = load(LAYERS[name].file)
    upcast = seed % 2 == 0
    tolerance = 1e-6 if upcast or np.dtype(dtype) == np.float64 else 1e-2
    return check(
        lambda: zoo_subject(name, module, inputs, upcast), name, budget=budget, seed=seed, tolerance=tolerance
    )


def smallest(name: str, drawn: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the inputs that are the least work: the fewest numbers in, times numbers out of the right layer."""
    if len(drawn) == 1:
        return drawn[0]
    module = load(LAYERS[name].file)

    def work(inputs: dict[str, Any]) -> int:
        subject = zoo_subject(name, module, inputs)
        outputs = sum(np.size(y) for y in subject.forward()[0])
        return sum(x.size for x in subject.inputs.values()) * max(outputs, 1)

    return min(drawn, key=work)
