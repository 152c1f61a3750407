"""What a child process does for the check of a file: look for its layers, or check one of them."""

from __future__ import annotations

import time
from types import ModuleType
from typing import Any

from minicap.gradcheck.answers import compare_forward
from minicap.gradcheck.child import explain
from minicap.gradcheck.compare import Budget
from minicap.gradcheck.discover import Candidate, find_layers, passed_over
from minicap.gradcheck.discover_source import load_file
from minicap.gradcheck.engine import check
from minicap.gradcheck.findings import Problem
from minicap.gradcheck.invent import Invention, invent_inputs
from minicap.gradcheck.invent_given import given_for, made_inputs, parse_inputs, require_known
from minicap.gradcheck.json_form import report_json
from minicap.gradcheck.report import Report

PACE = 1.5  # seconds that the probes of one layer may take, by a guess from one forward
_FORWARDS, _FEWEST = 5, 16  # forwards a probe; entries of an input


def list_layers(path: str, inputs: str | None = None) -> dict[str, Any]:
    """Return the layers of a file, and notes on what was passed over.

    Parameters
    ----------
    path : str
    inputs : str, optional
        As on the command line; that they can be read and belong to some layer is seen here, once.
    """
    module = load_file(path)
    candidates = find_layers(module)
    if inputs and candidates:
        require_known(candidates, parse_inputs(inputs))
    return {
        "layers": [{"name": c.name, "style": c.style, "op": c.op} for c in candidates],
        "notes": passed_over(module),
    }


def check_one(
    path: str,
    name: str,
    *,
    inputs: str | None = None,
    seed: int = 0,
    tolerance: float = 1e-6,
    op: str | None = None,
    library: str | None = None,
    arrays: bool = False,
) -> dict[str, Any]:
    """Check one layer of a file.

    Parameters
    ----------
    path : str
    name : str
        One of those that ``list_layers`` gives.
    inputs : str, optional
        As on the command line.
    seed : int
        Of invented inputs, upstream gradients and the choice of entries.
    tolerance : float
        The relative error allowed.
    op, library : str, optional
        The op that the forward is compared with, and the module that has it.
    arrays : bool
        Whether to return whole gradients.

    Returns
    -------
    dict
        ``report`` in JSON form, ``style``, ``op`` and ``inputs`` in words.
    """
    module = load_file(path)
    candidate = next(c for c in find_layers(module) if c.name == name)
    invention = _inputs(module, candidate, inputs, seed)
    if invention.sentence:
        problem = Problem(invention.sentence)
        report = Report(name, (), (problem,), tolerance, RuntimeError(invention.sentence))
    else:
        budget = _budget(candidate, invention)
        report = check(
            lambda: candidate.build(invention.values), name, tolerance=tolerance, budget=budget, seed=seed
        )
    form = report_json(report, arrays=arrays) | {"name": name}
    if op is not None and library is not None and not invention.sentence:
        problems, notes = compare_forward(candidate, invention.values, op, library)
        form["notes"] += notes
        form["problems"] += [{"sentence": p, "kind": "unknown", "gradient": None} for p in problems]
        if problems and form["verdict"] in ("PASS", "KINK", "INCONCLUSIVE"):
            form["verdict"] = "FAIL"
    return {"report": form, "style": candidate.style, "op": candidate.op, "inputs": invention.shapes}


def _inputs(module: ModuleType, candidate: Candidate, inputs: str | None, seed: int) -> Invention:
    """Return a layer's inputs: given on the command line, else made by the file, else invented."""
    try:
        given = made_inputs(module, candidate)
    except Exception as raised:
        kind, sentence = explain(raised)
        return Invention({}, sentence if kind == "input" else f"make_inputs cannot be used: {sentence}")
    if inputs:
        given |= given_for(candidate, parse_inputs(inputs, seed))
    return invent_inputs(candidate, seed, given)


def _budget(candidate: Candidate, invention: Invention) -> Budget:
    """Return how many probes fit: a slow forward is probed at a sample of entries and along directions."""
    usual = Budget()
    try:
        subject = candidate.build(invention.values)
        began = time.perf_counter()
        subject.forward()
        took = time.perf_counter() - began
    except (Exception, SystemExit):
        return usual  # the check itself will say so
    sizes = [x.size for x in subject.inputs.values()]
    if sum(min(size, usual.dense) for size in sizes) * _FORWARDS * took <= PACE:
        return usual
    share = max(_FEWEST, int(PACE / (_FORWARDS * took * max(1, len(sizes)))))
    return Budget(
        dense=min(share, usual.dense), entries=min(share, usual.entries), directions=usual.directions
    )
