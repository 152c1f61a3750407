"""What a measurement says to people: a table for each number of threads, and what it comes to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from minicap.bench.libraries import OURS
from minicap.bench.turns import speed

Facts = dict[str, Any]
Table = Callable[[Sequence[str], Sequence[Sequence[str]]], str]


def describe(result: Facts, table: Table) -> str:
    """Write a result as text.

    Parameters
    ----------
    result : dict
        From ``run_bench``, with ``cpu``, ``seed`` and ``random`` added.
    table : callable
        Aligns a header and rows.

    Returns
    -------
    str
    """
    return "\n\n".join(_describe_run(result, run, table) for run in result["runs"])


def _describe_run(result: Facts, run: Facts, table: Table) -> str:
    """Write one number of threads."""
    against = result["settings"]["against"]
    memories = result["settings"]["memories"]
    parts = [_heading(result, run)]
    if run["rows"]:
        parts.append(table(_header(against, memories), [_line(run, row, against) for row in run["rows"]]))
    if against and run["rows"]:
        parts.append("\n".join(_sums(run["summary"], against)))
    if run["ladder"]:
        parts.append(_ladder(run, table))
    notes = _notes(run, against)
    return "\n\n".join([*parts, *(["\n".join(notes)] if notes else [])])


def _heading(result: Facts, run: Facts) -> str:
    """Say on what was measured, and with what."""
    threads, about = run["threads"], run["about"]
    ours = about[OURS]
    sets: dict[str, list[str]] = {}
    for family, name in ours["kernels"].items():
        sets.setdefault(name, []).append(family)
    kernels = "; ".join(f"{name}: {', '.join(families)}" for name, families in sets.items())
    others = [f"{name} {facts['version']}" for name, facts in about.items() if name != OURS]
    names = ", ".join(
        [f"minicap {ours['version']}", *others, f"NumPy {ours['numpy']}", f"Python {ours['python']}"]
    )
    lines = [
        f"{result['cpu']}, {threads} thread{'s' * (threads != 1)}; {names}",
        f"kernels {kernels}; peak {run['peak_gflops']:.0f} GFLOP/s ({run['peak_is']})",
    ]
    if any("random" in row["name"] for row in run["rows"]):
        lines.append(f"random shapes of --seed {result['seed']}")
    return "\n".join(lines)


def _header(against: str | None, memories: Sequence[str]) -> list[str]:
    """Return the names of the columns."""
    header = ["row", "minicap", "GFLOP/s", "of peak"]
    return [*header, against, *(f"ratio {memory}" for memory in memories)] if against else header


def _line(run: Facts, row: Facts, against: str | None) -> list[str]:
    """Return the cells of one row; times are those with memory kept, where that was measured."""
    memory = next(iter(row["libraries"][OURS]))
    rate = speed(row, OURS, memory)
    share = "" if rate is None else f"{rate / run['peak_gflops']:.0%}"
    cells = [row["name"], _value(row, OURS, memory), "" if rate is None else f"{rate:.0f}", share]
    if not against:
        return cells
    ratios = [_ratio(found) for found in row["ratio"].values()]
    return [*cells, _value(row, against, memory), *ratios]


def _value(row: Facts, library: str, memory: str) -> str:
    """Return a median with its unit."""
    return f"{_digits(row['libraries'][library][memory]['median'])} {row['unit']}"


def _digits(value: float) -> str:
    """Return a positive number with three digits or more."""
    return f"{value:,.{0 if value >= 100 else 1 if value >= 10 else 2 if value >= 1 else 3}f}"


def _ratio(found: Facts) -> str:
    """Return a ratio with its spread."""
    return f"{found['median']:.2f} [{found['low']:.2f} {found['high']:.2f}]"


def _sums(summary: Facts, against: str) -> list[str]:
    """Say who won how often, and by how much in the mean."""
    lines = []
    for memory, found in summary.items():
        won, lost = len(found["won"]), len(found["lost"])
        means = [f"{kind} {mean:.2f}" for kind, mean in found["geometric_means"].items() if mean is not None]
        text = f"memory {memory}: minicap ahead in {won} row{'s' * (won != 1)}, {against} in {lost}"
        lines.append(f"{text}; geometric mean of {against} / minicap: {', '.join(means) or 'none'}")
    return lines


def _ladder(run: Facts, table: Table) -> str:
    """Return the rungs of each piece of work, with the limit on top."""
    parts = []
    for work in dict.fromkeys(one["work"] for one in run["ladder"]):
        rungs = [one for one in run["ladder"] if one["work"] == work]
        rows = [
            [
                one["rung"] + " (scaled)" * one["scaled"],
                f"{_digits(one['ms'])} ms",
                f"{one['gflops']:.3g}",
                f"{rungs[0]['ms'] / one['ms']:,.0f}",
            ]
            for one in rungs
        ]
        rows.append(["the limit", "", f"{run['peak_gflops']:.3g}", ""])
        parts.append(table([work, "time", "GFLOP/s", "times the first"], rows))
    note = "scaled: measured on a much smaller case, times its share of multiply-adds"
    return "\n\n".join([*parts, note])


def _notes(run: Facts, against: str | None) -> list[str]:
    """Say what a reader must know of single rows: in which way they were done, and where results differ."""
    notes = []
    for row in run["rows"]:
        ours = next(iter(row["libraries"][OURS].values()))
        if ours["ways"] > 1:  # nobody else's ways are ours to choose
            notes.append(f"{row['name']}: minicap's faster way was {ours['way']}")
        if row["agree"] is False:
            notes.append(f"{row['name']}: minicap and {against} did not find the same result")
    return notes
