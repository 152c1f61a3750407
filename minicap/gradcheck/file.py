"""Check every layer of a Python file, each in a child process of its own, and put the results into one report."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from minicap.errors import InputError
from minicap.gradcheck.child import Outcome, run_in_child
from minicap.gradcheck.discover_source import read_source
from minicap.gradcheck.findings import Problem
from minicap.gradcheck.json_form import report_json, report_of
from minicap.gradcheck.report import Report

SECONDS, MEMORY_MB = 30.0, 4096
LOOKED_FOR = (
    "looked for x_forward with x_backward, classes with forward and backward, x_loss(x, y) returning (loss, dx), "
    "models with loss(X, y) returning (loss, grads), functions returning (y, backward)"
)
_TASKS = "minicap.gradcheck.file_tasks"


class Layer(NamedTuple):
    """One layer's check.

    Attributes
    ----------
    report : Report
    style : str
        "pair", "class", "closure", "loss", "model" or "torch".
    op : str or None
        The known op that it seems to be.
    inputs : str
        What it was given, in words.
    seconds : float
    """

    report: Report
    style: str
    op: str | None
    inputs: str
    seconds: float


@dataclass(frozen=True)
class FileReport:
    """What the check of a file found.

    Attributes
    ----------
    file : str
        Its name.
    layers : tuple of Layer
        In the order of the file.
    notes : tuple of str
        What was passed over.
    seconds : float
    """

    file: str
    layers: tuple[Layer, ...]
    notes: tuple[str, ...]
    seconds: float

    @property
    def passed(self) -> bool:
        """Whether every layer passed."""
        return all(layer.report.passed for layer in self.layers)

    @property
    def reports(self) -> tuple[Report, ...]:
        """The layers' reports."""
        return tuple(layer.report for layer in self.layers)

    def to_json(self) -> dict[str, Any]:
        """Return the form that ``--json`` prints."""
        layers = [
            {
                **report_json(layer.report), "style": layer.style, "op": layer.op,
                "inputs": layer.inputs, "seconds": round(layer.seconds, 3),
            }
            for layer in self.layers
        ]  # fmt: skip
        return {
            "passed": self.passed, "file": self.file, "layers": layers, "notes": list(self.notes),
            "seconds": round(self.seconds, 3),
        }  # fmt: skip


def check_file(
    path: str | Path,
    *,
    inputs: str | None = None,
    op: str | None = None,
    library: str | None = None,
    only: Sequence[str] = (),
    seed: int = 0,
    tolerance: float = 1e-6,
    seconds: float = SECONDS,
    memory_mb: int | None = MEMORY_MB,
    arrays: bool = False,
    progress: Callable[[Sequence[str]], Iterator[str]] = iter,
) -> FileReport:
    """Find the layers of a file and check their gradients.

    Parameters
    ----------
    path : str or Path
        A Python file, in any of the usual styles. It is run, in child processes only.
    inputs : str, optional
        ``"x: (2,3,5,4), y: int(2) < 5"``; what is not given is made by the file's ``make_inputs()`` or invented.
    op, library : str, optional
        Compare forwards with ``<op>_forward`` of this module, ``minicap.ops`` say, too.
    only : sequence of str
        Names of layers to check; all where empty.
    seed : int
        Of inputs, upstream gradients and the choice of entries.
    tolerance : float
        The relative error allowed.
    seconds : float
        The most time a layer may take; one that takes longer has the verdict ``ERROR``.
    memory_mb : int, optional
        The most memory, where the system can limit it.
    arrays : bool
        Whether to keep whole gradients, for pictures.
    progress : callable
        Given the layers' names, yields them one by one.

    Returns
    -------
    FileReport

    Raises
    ------
    InputError
        If there is no such file, it cannot be run, there is no layer in it, or an argument makes no sense.
    """
    began = time.monotonic()
    path = Path(path)
    read_source(path)
    run = partial(run_in_child, seconds=seconds, memory_mb=memory_mb)
    outcome = run(f"{_TASKS}:list_layers", {"path": str(path), "inputs": inputs})
    if outcome.kind != "ok":
        raise InputError(outcome.sentence if outcome.kind == "input" else f"{path.name}: {outcome.sentence}")
    found = {layer["name"]: layer for layer in outcome.value["layers"]}
    names = _chosen(path, found, outcome.value["notes"], only)
    compared = _compared(op, names, found)
    options = {"inputs": inputs, "seed": seed, "tolerance": tolerance, "library": library, "arrays": arrays}
    layers = []
    for name in progress(names):
        args = {"path": str(path), "name": name, "op": op if name in compared else None, **options}
        outcome_of_one = run(f"{_TASKS}:check_one", args)
        layers.append(_layer(found[name], outcome_of_one, tolerance))
    return FileReport(path.name, tuple(layers), tuple(outcome.value["notes"]), time.monotonic() - began)


def _chosen(path: Path, found: dict[str, Any], notes: list[str], only: Sequence[str]) -> list[str]:
    """Return the names of the layers to check."""
    if not found:
        also = f"; {notes[0]}" if notes else ""
        raise InputError(f"{path.name}: no layer found; {LOOKED_FOR}{also}")
    for name in only:
        if name not in found:
            raise InputError(f"{path.name}: there is no layer {name}; there are {', '.join(found)}")
    return [name for name in found if name in only or not only]


def _compared(op: str | None, names: list[str], found: dict[str, Any]) -> list[str]:
    """Return the names of the layers that an op is the answer to."""
    if op is None or len(names) == 1:
        return names if op else []
    known = {"linear": "affine", "conv2d": "conv", "max_pool2d": "max_pool", "avg_pool2d": "avg_pool",
             "softmax_cross_entropy": "softmax_loss", "scaled_dot_product_attention": "attention",
             "global_avg_pool2d": "global_avg_pool", "sigmoid_binary_cross_entropy": "binary_loss"}  # fmt: skip
    fitting = [name for name in names if found[name]["op"] in (op, known.get(op, op))]
    if not fitting:
        raise InputError(
            f"--op {op}: none of {', '.join(names)} looks like it; say which one is meant with --layer"
        )
    return fitting


def _layer(found: dict[str, Any], outcome: Outcome, tolerance: float) -> Layer:
    """Return one layer's check from what its child process left behind."""
    if outcome.kind == "ok":
        value = outcome.value
        report = report_of(value["report"])
        return Layer(report, value["style"], value["op"], value["inputs"], outcome.seconds)
    if outcome.kind == "input":
        raise InputError(outcome.sentence)
    problem = Problem(outcome.sentence)
    report = Report(found["name"], (), (problem,), tolerance, RuntimeError(outcome.sentence))
    return Layer(report, found["style"], found["op"], "", outcome.seconds)
