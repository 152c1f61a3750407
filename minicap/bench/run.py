"""The whole measurement: workers for every number of threads, every row in turns, and what it comes to."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median
from typing import Any

import minicap
from minicap.bench.ladder import LOOPS, THEIRS
from minicap.bench.ladder_jobs import ladder_rows
from minicap.bench.libraries import OURS
from minicap.bench.rows import Row
from minicap.bench.summary import summarise
from minicap.bench.talk import KEPT, SHIPPED, WorkerProcess, missing
from minicap.bench.turns import measure
from minicap.errors import InputError

Facts = dict[str, Any]
Tick = Callable[[str], None]
_PEAK_EVERY = 8  # rows
GLIBC = sys.platform.startswith("linux")  # elsewhere there is no such allocator to tell anything


@dataclass(frozen=True)
class Settings:
    """How to measure.

    Attributes
    ----------
    threads : tuple of int
        One run each.
    against : str or None
        ``torch``, or nothing.
    rounds : int
        Turns of each worker a row.
    seconds : float
        Length of a turn.
    ladder : bool
        Whether to climb from plain loops to the kernels.
    """

    threads: tuple[int, ...] = (1,)
    against: str | None = None
    rounds: int = 7
    seconds: float = 0.15
    ladder: bool = False

    @property
    def libraries(self) -> list[str]:
        """Who works."""
        return [OURS, *([self.against] if self.against else [])]

    @property
    def memories(self) -> list[str]:
        """The states of memory: kept from call to call, and as shipped."""
        return [KEPT, SHIPPED] if GLIBC else [SHIPPED]

    def steps(self, rows: Sequence[Row]) -> int:
        """Return how many rows and rungs there are in all."""
        rungs = len(ladder_rows(against=bool(self.against))) if self.ladder else 0
        return len(self.threads) * (len(rows) + rungs)


def run_bench(rows: Sequence[Row], settings: Settings, tick: Tick = lambda name: None) -> Facts:
    """Measure rows.

    Parameters
    ----------
    rows : sequence of Row
    settings : Settings
    tick : callable
        Told the name of each row as it begins.

    Returns
    -------
    dict
        JSON-ready: ``version``, ``settings``, ``runs`` (one a number of threads: ``threads``, ``about`` by
        library, ``peak_gflops``, ``peak_is``, ``rows``, ``summary``, ``ladder``).

    Raises
    ------
    InputError
        If the other library is not installed.
    WorkerError
        If a worker dies or cannot do a row.
    """
    if settings.against and importlib.util.find_spec(settings.against) is None:
        raise InputError(missing(settings.against))
    return {
        "version": minicap.__version__,
        "settings": {
            "threads": list(settings.threads),
            "against": settings.against,
            "rounds": settings.rounds,
            "seconds": settings.seconds,
            "memories": settings.memories,
        },
        "runs": [_run(rows, settings, threads, tick) for threads in settings.threads],
    }


def _run(rows: Sequence[Row], settings: Settings, threads: int, tick: Tick) -> Facts:
    """Measure at one number of threads."""
    with ExitStack() as stack:
        workers = [
            stack.enter_context(WorkerProcess(library, threads, memory))
            for memory in settings.memories
            for library in settings.libraries
        ]
        about: dict[str, Facts] = {}
        for worker in workers:
            found = worker.ask("about")
            about.setdefault(worker.library, found)
        measured, peaks = [], [workers[0].ask("peak")]
        for row in rows:
            tick(row.name)
            measured.append(measure(row, workers, rounds=settings.rounds, seconds=settings.seconds))
            if len(measured) % _PEAK_EVERY == 0:
                peaks.append(workers[0].ask("peak"))
        ladder = _climb(workers, settings, tick) if settings.ladder else []
        peaks.append(workers[0].ask("peak"))
    return {
        "threads": threads,
        "about": about,
        **max(peaks, key=lambda peak: peak["peak_gflops"]),  # the processor was not always free
        "rows": measured,
        "summary": summarise(measured),
        "ladder": ladder,
    }


def _climb(workers: Sequence[WorkerProcess], settings: Settings, tick: Tick) -> list[Facts]:
    """Measure every rung of the ladder, with memory kept where that is possible."""
    chosen = {worker.library: worker for worker in reversed(workers)}
    found = []
    for row in ladder_rows(against=bool(settings.against)):
        tick(row.name)
        rung = row.options["rung"]
        worker = chosen[str(settings.against) if rung == THEIRS else OURS]
        rounds = 1 if rung == LOOPS else min(3, settings.rounds)
        result = measure(row, [worker], rounds=rounds, seconds=settings.seconds)
        turns = result["libraries"][worker.library][worker.memory]["turns"]
        value = median(median(turn) for turn in turns) * row.options["scale"]
        found.append(
            {
                "work": row.part,
                "rung": rung,
                "ms": value,
                "gflops": row.flops / value / 1e6,
                "scaled": row.options["scale"] != 1,
            }
        )
    return found
