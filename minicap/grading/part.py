"""Grade one part of a submission: its forward and each of its gradients."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from minicap.gradcheck.child import Outcome, run_in_child
from minicap.grading.cases import hidden_cases
from minicap.grading.judge import Item, judge_cache, judge_outputs, without_numbers, wrong
from minicap.grading.spec import Part, Spec

_TASK = "minicap.grading.task"
_FORWARD = "forward: "  # how the sentence begins where a forward raised before its backward was called


@dataclass(frozen=True)
class PartGrade:
    """What one part got.

    Attributes
    ----------
    name : str
    items : tuple of Item
        The forward, then the gradients.
    remarks : tuple of str
        What is worth saying and costs nothing.
    seconds : float
    """

    name: str
    items: tuple[Item, ...]
    remarks: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def points(self) -> float:
        """The points it got."""
        return sum(item.points for item in self.items)

    @property
    def most(self) -> float:
        """The points it is worth."""
        return sum(item.most for item in self.items)


def nothing(part: Part, sentence: str) -> PartGrade:
    """Return a part without points.

    Parameters
    ----------
    part : Part
    sentence : str
        Why.
    """
    items = [Item(name, most, False).said(sentence) for name, most in part.points.items()]
    return PartGrade(part.name, tuple(items))


def grade_part(spec: Spec, part: Part, file: Path, student: str) -> tuple[PartGrade, list[str]]:
    """Grade one part of a submission.

    Parameters
    ----------
    spec : Spec
    part : Part
    file : Path
    student : str

    Returns
    -------
    PartGrade
    list of str
        The modules that it tried to import and may not.
    """
    began = time.monotonic()
    try:
        done, tried = _PartRun(spec, part, file, student).run()
    except Exception as raised:  # a result that nobody thought of must not stop the grading of others
        sentence = f"what came back cannot be graded ({type(raised).__name__})"
        done, tried = nothing(part, sentence), []
    return replace(done, seconds=time.monotonic() - began), tried


class _PartRun:
    """The grading of one part."""

    def __init__(self, spec: Spec, part: Part, file: Path, student: str) -> None:
        self.spec, self.part, self.file = spec, part, file
        self.cases = hidden_cases(spec, part, student)
        self.unusable = self.fails_at_once = ""
        self.remarks: list[str] = []
        self.tried: list[str] = []

    def run(self) -> tuple[PartGrade, list[str]]:
        """Grade the forward, then the gradients, then look for the bug."""
        found, sentence = self.call(backward=True)
        forward = self.forward(found, sentence)
        if self.fails_at_once:
            forward = forward.said(self.fails_at_once)
        elif not forward.right:  # whatever its backward does, a forward is judged by itself
            forward = self.forward(*self.call(backward=False))
        items = [forward, *self.gradients(found, sentence)]
        if self.part.is_slope and any(item.sentence.startswith(("is ", "has ")) for item in items[1:]):
            items = self.explained(items)
        items = [item if item.right or item.name == "forward" else _named(item) for item in items]
        return PartGrade(self.part.name, tuple(items), tuple(dict.fromkeys(self.remarks))), self.tried

    def call(self, backward: bool) -> tuple[list[Mapping[str, Any]], str]:
        """Return what a submission gives for each case, and a sentence where that is not all."""
        if self.unusable:
            return [], self.unusable
        args = {"cases": [case.form() for case in self.cases], "backward": backward}
        outcome = self.child("call_cases", args)
        if outcome.kind != "ok":
            return [], outcome.sentence
        value = outcome.value
        if not isinstance(value, dict) or not isinstance(value.get("cases"), list):
            return [], "what came back cannot be read"
        self.tried += [str(name)[:100] for name in value.get("imports", [])][:20]
        self.unusable = str(value.get("sentence") or "")  # it would be the same again
        if self.unusable:
            return [], self.unusable
        for i, found in enumerate(value["cases"]):
            if found.get("sentence"):
                sentence = str(found["sentence"])
                if i == 0 and sentence.startswith(_FORWARD):  # no backward has run yet that could be to blame
                    self.fails_at_once = sentence.removeprefix(_FORWARD)
                return [], sentence
            self.remarks += [
                f"it changes its argument {name}: work on a copy"
                for name in found.get("changed", []) if name in self.part.term.arguments
            ]  # fmt: skip
        if len(value["cases"]) != len(self.cases):
            return [], "what came back cannot be read"
        return value["cases"], ""

    def child(self, task: str, args: Mapping[str, Any]) -> Outcome:
        """Run something in a process of its own."""
        given = {
            "path": str(self.file.resolve()),
            "part": _form(self.part),
            "forbidden": list(self.spec.forbidden),
            **args,
        }
        return run_in_child(
            f"{_TASK}:{task}", given, seconds=self.spec.seconds, memory_mb=self.spec.memory_mb, threads=1
        )

    def forward(self, found: Sequence[Mapping[str, Any]], sentence: str) -> Item:
        """Grade the forward."""
        item = Item("forward", self.part.points["forward"], False)
        if sentence:
            return item.said(sentence)
        names, tolerance = self.part.term.outputs, self.spec.tolerance
        said = []
        for case, one in zip(self.cases, found, strict=True):
            right = dict(zip(names, case.outputs, strict=True))
            bad = judge_outputs(names, one, case.outputs, tolerance)
            said.append(bad or judge_cache(self.part.cache, one, case.arguments, right))
        return _item(item, said)

    def gradients(self, found: Sequence[Mapping[str, Any]], sentence: str) -> list[Item]:
        """Grade the gradients."""
        names = self.part.term.gradients
        items = [Item(f"d{name}", self.part.points[f"d{name}"], False) for name in names]
        if sentence:
            return [item.said(sentence) for item in items]
        graded = []
        for name, item in zip(names, items, strict=True):
            forms = [one.get("gradients") or {} for one in found]
            pairs = zip(forms, self.cases, strict=True)
            said = [wrong(form.get(name), case.gradients[name], self.spec.tolerance) for form, case in pairs]
            graded.append(_item(item, said))
        return graded

    def explained(self, items: Sequence[Item]) -> list[Item]:
        """Return the items with the name of the bug, where the checker finds it by the submission's own forward."""
        args = {"case": self.cases[0].form(), "tolerance": max(self.spec.tolerance, 1e-6)}
        outcome = self.child("diagnose", args)
        value = outcome.value if outcome.kind == "ok" and isinstance(outcome.value, dict) else {}
        sentence, hint = str(value.get("sentence", "")), str(value.get("hint", ""))
        if not sentence:
            return list(items)
        for i, item in enumerate(items):
            if item.name == value.get("gradient") and not item.right and i:
                return [
                    *items[:i],
                    replace(item, hint=without_numbers(f"{sentence} {hint}")),
                    *items[i + 1 :],
                ]
        self.remarks.append(without_numbers(f"{sentence} {hint}"))
        return list(items)


def _named(item: Item) -> Item:
    """Return an item whose sentence, where it goes on from a name, begins with it."""
    goes_on = item.sentence.startswith(("is ", "has ", "cannot "))
    return replace(item, sentence=f"{item.name} {item.sentence}") if goes_on else item


def _item(item: Item, said: Sequence[str]) -> Item:
    """Return an item with its points, or with what is wrong in the first case where something is."""
    bad = [sentence for sentence in said if sentence]
    if not bad:
        return replace(item, right=True)
    some = f" ({len(said) - len(bad)} of {len(said)} hidden cases are right)" if len(bad) < len(said) else ""
    return item.said(bad[0] + some)


def _form(part: Part) -> dict[str, Any]:
    """Return what a child process is told of a part."""
    term = part.term
    return {
        "forward": part.forward, "backward": part.backward, "arguments": list(term.arguments),
        "gradients": list(term.gradients), "outputs": list(term.outputs), "loss": term.loss,
        "cache_first": part.variant.get("upstream") == "last", "cache": list(part.cache),
    }  # fmt: skip
