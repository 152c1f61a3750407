"""The checker proves itself: every known bug through it, and a thousand right layers.

``minicap gradcheck --self-test`` prints what this finds: which mutants of the zoo were caught, what each was
called, files with two bugs at once, and whether any right layer was called wrong.
"""

from __future__ import annotations

import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

import numpy as np

from minicap.gradcheck.report import Report
from minicap.gradcheck.self_test_run import FEW, check_mutant, check_right
from minicap.gradcheck.zoo.catalogue import LAYERS
from minicap.gradcheck.zoo.mutant import Mutant
from minicap.gradcheck.zoo.mutants import DOUBLES, MUTANTS

CAUGHT, NAMED = 0.95, 0.80  # the shares asked for

T = TypeVar("T")
Progress = Callable[[Sequence[T]], Iterable[T]]


@dataclass(frozen=True)
class Kill:
    """What became of one mutant.

    Attributes
    ----------
    name, layer, words : str
        The mutant, where it lives, and its edit in words.
    verdict : str
        Of the check; anything but PASS and KINK is a catch.
    expected, named : str
        The kind of bug it is, and what the diagnosis called it.
    further : tuple of str
        Other kinds that the check named.
    expected_gradient, gradient : str or None
        The gradient that shows it, and the one the diagnosis is about.
    sentence, hint : str
        What a student reads.
    """

    name: str
    layer: str
    words: str
    verdict: str
    expected: str
    named: str
    further: tuple[str, ...]
    expected_gradient: str | None
    gradient: str | None
    sentence: str
    hint: str

    @property
    def caught(self) -> bool:
        """Whether the check failed, as it should."""
        return self.verdict not in ("PASS", "KINK")

    @property
    def right(self) -> bool:
        """Whether the diagnosis names the bug, or one of two."""
        return self.caught and self.named in self.expected.split("+")

    @property
    def complete(self) -> bool:
        """Whether every bug in it is named."""
        return self.caught and set(self.expected.split("+")) <= {self.named, *self.further}


@dataclass(frozen=True)
class SelfTest:
    """The whole proof.

    Attributes
    ----------
    kills, doubles : tuple of Kill
        One a mutant: those with one bug, those with two.
    alarms : tuple of str
        A sentence for each right layer that did not pass.
    cases : int
        How many right layers were checked.
    kinks : int
        How many of them had a kink at a probed entry.
    seconds : float
        How long all of it took.
    """

    kills: tuple[Kill, ...]
    doubles: tuple[Kill, ...]
    alarms: tuple[str, ...]
    cases: int
    kinks: int
    seconds: float

    @property
    def caught(self) -> float:
        """The share of single bugs that the check catches."""
        return float(np.mean([kill.caught for kill in self.kills]))

    @property
    def named(self) -> float:
        """The share of single bugs that the diagnosis names."""
        return float(np.mean([kill.right for kill in self.kills]))

    @property
    def passed(self) -> bool:
        """Whether enough is caught and named, every pair is caught, and nothing right is called wrong."""
        pairs = all(kill.caught for kill in self.doubles)
        return self.caught >= CAUGHT and self.named >= NAMED and pairs and not self.alarms

    @property
    def confusion(self) -> dict[tuple[str, str], int]:
        """How often a bug of one kind was called another, (expected, named)."""
        return dict(Counter((k.expected, k.named) for k in self.kills if not k.right))

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON."""
        return {
            "passed": self.passed,
            "mutants": len(self.kills),
            "caught": self.caught,
            "named": self.named,
            "kills": [_row(kill) for kill in self.kills],
            "doubles": [_row(kill) for kill in self.doubles],
            "confusion": [
                {"expected": expected, "named": named, "count": count}
                for (expected, named), count in self.confusion.items()
            ],
            "right_layers": self.cases,
            "with_kinks": self.kinks,
            "false_alarms": list(self.alarms),
            "seconds": self.seconds,
        }


def _row(kill: Kill) -> dict[str, Any]:
    """Return one mutant's fate as JSON."""
    return asdict(kill) | {"caught": kill.caught, "right": kill.right, "complete": kill.complete}


def self_test(
    *,
    cases: int = 1000,
    seed: int = 0,
    tries: int = 1,
    doubles: bool = True,
    progress: Progress[Any] | None = None,
) -> SelfTest:
    """Check every mutant once, and random right layers.

    Parameters
    ----------
    cases : int
        How many right layers to check, in turns over the zoo; every other round in float32.
    seed : int
        Of all inputs.
    tries : int
        How many sets of inputs are drawn for a check: the smallest is taken, so more are faster.
    doubles : bool
        Whether files with two bugs are checked too.
    progress : callable, optional
        Wraps the list of tasks, to show how far it is.

    Returns
    -------
    SelfTest
    """
    began = time.perf_counter()
    mutants = [*MUTANTS, *(DOUBLES if doubles else ())]
    tasks: list[Mutant | int] = [*mutants, *range(seed * cases, (seed + 1) * cases)]
    kills: list[Kill] = []
    alarms: list[str] = []
    kinks = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # overflow and the like in the students' code
        for task in progress(tasks) if progress is not None else tasks:
            if isinstance(task, Mutant):
                kills.append(_kill(task, check_mutant(task, seed, FEW, tries)))
                continue
            name, report = _right(task, tries)
            kinks += report.verdict == "KINK"
            if not report.passed:
                alarms.append(f"{name} (case {task}): {report.verdict}. {report}")
    single = len(MUTANTS)
    seconds = time.perf_counter() - began
    return SelfTest(tuple(kills[:single]), tuple(kills[single:]), tuple(alarms), cases, kinks, seconds)


def _right(case: int, tries: int) -> tuple[str, Report]:
    """Check the right layer that a case's number stands for."""
    names = list(LAYERS)
    dtype = np.float64 if (case // len(names)) % 2 == 0 else np.float32
    name = names[case % len(names)]
    return name, check_right(name, case, dtype, FEW, tries)


def _kill(mutant: Mutant, report: Report) -> Kill:
    """Return what became of a mutant."""
    found = report.diagnosis
    return Kill(
        mutant.name, mutant.layer, mutant.words, report.verdict, mutant.kind,
        found.kind if found else "nothing", tuple(other.kind for other in report.further),
        mutant.gradient, found.gradient if found else None,
        found.sentence if found else "", found.hint if found else "",
    )  # fmt: skip
