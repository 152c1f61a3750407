"""Two libraries on one row: they take turns, and the ratio is taken turn by turn."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any, Protocol

from minicap.bench.jobs import same
from minicap.bench.libraries import OURS
from minicap.bench.rows import Row
from minicap.bench.talk import KEPT

Facts = dict[str, Any]
MOST_TRIAL = 0.1  # seconds that each way of a row is tried for


class Asked(Protocol):
    """What answers requests, as ``WorkerProcess`` does."""

    library: str
    memory: str

    def ask(self, do: str, **details: Any) -> Facts:
        """Answer a request."""
        ...


def measure(row: Row, workers: Sequence[Asked], *, rounds: int, seconds: float) -> Facts:
    """Let workers do a row in turns.

    In every round, for each state of memory, each library has one turn; who goes first alternates. While one
    works the others wait for a line to read.

    Parameters
    ----------
    row : Row
    workers : sequence of WorkerProcess
        One for each library and state of memory.
    rounds : int
    seconds : float
        Length of a turn.

    Returns
    -------
    dict
        JSON-ready: of each library and state of memory the values of every turn (``ms`` or ``MB``), their
        ``median``, and the ``way``; of two libraries the ratio, theirs by ours, see ``ratio``; ``agree``.
    """
    trial = min(seconds, MOST_TRIAL)
    ways = {id(worker): worker.ask("prepare", row=row.to_dict(), trial=trial) for worker in workers}
    turns: dict[int, list[list[float]]] = {id(worker): [] for worker in workers}
    rounds = 1 if row.unit == "MB" else rounds  # memory does not waver as time does
    for k in range(rounds):
        for worker in in_turn(workers, k):
            turns[id(worker)].append(_turn(worker, seconds, row))
    for worker in workers:
        worker.ask("drop")
    found: Facts = {**row.to_dict(), "libraries": {}, "ratio": {}, "agree": _agree(workers, ways)}
    for worker in workers:
        mine = [median(turn) for turn in turns[id(worker)]]
        found["libraries"].setdefault(worker.library, {})[worker.memory] = {
            "way": ways[id(worker)]["way"],
            "ways": ways[id(worker)]["ways"],
            "median": median(mine),
            "turns": turns[id(worker)],
        }
    return found | {"ratio": _ratios(found["libraries"])}


def in_turn(workers: Sequence[Asked], k: int) -> list[Asked]:
    """Return the workers in the order of round k: memory by memory, the libraries one way and then the other.

    Parameters
    ----------
    workers : sequence of WorkerProcess
    k : int

    Returns
    -------
    list of WorkerProcess
    """
    memories = list(dict.fromkeys(worker.memory for worker in workers))
    order = []
    for place, memory in enumerate(memories):
        these = [worker for worker in workers if worker.memory == memory]
        order += these[::-1] if (k + place) % 2 else these
    return order


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> Facts:
    """Compare turn by turn: above 1 we need less.

    Parameters
    ----------
    ours, theirs : sequence of float
        A value a round.

    Returns
    -------
    dict
        ``median``, the smallest ``low``, the largest ``high``, and all ``rounds``.
    """
    each = [b / a for a, b in zip(ours, theirs, strict=True)]
    return {"median": median(each), "low": min(each), "high": max(each), "rounds": each}


def speed(row: Facts, library: str, memory: str = KEPT) -> float | None:
    """Return the GFLOP/s of a measured row, or None where arithmetic is not what it is about.

    Parameters
    ----------
    row : dict
        From ``measure``.
    library, memory : str

    Returns
    -------
    float or None
    """
    value = row["libraries"][library][memory]["median"]
    return row["flops"] / value / 1e6 if row["flops"] and value > 0 else None


def _turn(worker: Asked, seconds: float, row: Row) -> list[float]:
    """Return what one turn measured, in the row's unit."""
    answer = worker.ask("time", seconds=seconds)
    return answer["values"] if row.unit == "MB" else [1e3 * one for one in answer["times"]]


def _ratios(libraries: Facts) -> Facts:
    """Return the ratio for each state of memory, where there is another library."""
    others = [name for name in libraries if name != OURS]
    if not others or OURS not in libraries:
        return {}
    return {
        memory: ratio(
            *([median(turn) for turn in libraries[name][memory]["turns"]] for name in (OURS, others[0]))
        )
        for memory in libraries[OURS]
    }


def _agree(workers: Sequence[Asked], ways: dict[int, Facts]) -> bool | None:
    """Tell whether all found the same results; None where there is nothing to compare."""
    prints = [ways[id(worker)]["fingerprint"] for worker in workers]
    if len({worker.library for worker in workers}) < 2 or any(found is None for found in prints):
        return None
    return all(same(prints[0], found) for found in prints[1:])
