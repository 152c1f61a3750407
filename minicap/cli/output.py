"""How commands print results: for people, or with ``--json`` for programs."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

MOST_CLASSES = 20  # lines of them; of more classes only the extremes are shown
EXTREMES = 5


def add_json(parser: argparse.ArgumentParser) -> None:
    """Offer ``--json``.

    Parameters
    ----------
    parser : argparse.ArgumentParser
    """
    parser.add_argument("--json", action="store_true", help="print the result as JSON, for programs")


def show(arguments: argparse.Namespace, result: Any, text: Callable[[], str]) -> None:
    """Print a result in the form that was asked for.

    Parameters
    ----------
    arguments : argparse.Namespace
        With ``json``.
    result
        JSON-ready.
    text : callable
        Returns what people read.
    """
    print(json.dumps(result, ensure_ascii=False, indent=2) if arguments.json else text())


def wants_progress(arguments: argparse.Namespace) -> bool:
    """Tell whether to show progress: where somebody watches the terminal, or the output is a plain log.

    Parameters
    ----------
    arguments : argparse.Namespace
        With ``json``.

    Returns
    -------
    bool
    """
    return not arguments.json or sys.stderr.isatty()


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Align columns: the first to the left, the others to the right.

    Parameters
    ----------
    header : sequence of str
    rows : sequence of sequence of str

    Returns
    -------
    str
    """
    lines = [list(header), *map(list, rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    aligned = [
        "  ".join(
            cell.ljust(w) if i == 0 else cell.rjust(w)
            for i, (cell, w) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    ]
    return "\n".join(line.rstrip() for line in [aligned[0], "-" * len(aligned[0]), *aligned[1:]])


def metrics_table(metrics: dict[str, Any]) -> str:
    """Return metrics, their intervals and their baselines side by side, and below what is to be known about them.

    The accuracy of each class is among them where there are up to twenty, else that of the five best and the
    five worst; of tags it is the average precision of the five best and the five worst.

    Parameters
    ----------
    metrics : dict
        As ``metrics.json`` holds them.

    Returns
    -------
    str
    """
    from minicap.cli.judged import column_name, interval_cell, remarks

    columns = {"model": metrics, **metrics.get("baselines", {})}
    names = [name for name, value in metrics.items() if type(value) is float and name != "threshold"]
    rows = [[name, *(f"{c[name]:.3f}" if name in c else "-" for c in columns.values())] for name in names]
    for count in metrics.get("truth_by_count", {}):
        cells = (c.get("truth_by_count", {}).get(count) for c in columns.values())
        rows.append(
            [
                f"truth, {count} object{'s' * (count != '1')}",
                *("-" if v is None else f"{v:.3f}" for v in cells),
            ]
        )
    each = _each("class", metrics.get("per_class", {}), MOST_CLASSES)
    each += _each("tag", metrics.get("per_tag", {}), 2 * EXTREMES)
    rows += [[*row, *(["-" if row[1] else ""] * (len(columns) - 1))] for row in each]
    heading = [
        ", ".join(filter(None, [metrics.get("split"), f"{metrics['n_images']:,} images"])),
        *map(column_name, columns),
    ]
    if metrics.get("intervals"):
        heading.insert(2, "95 % interval")
        for row in rows:
            row.insert(2, "" if row[1] == "" else interval_cell(metrics, row[0]))
    return "\n".join([table(heading, rows), *_about_tags(metrics), *remarks(metrics)])


def _each(kind: str, scores: Mapping[str, float], most: int) -> list[list[str]]:
    """Return the score of every class or tag in their order, or of many the best and the worst ones."""
    from minicap.data.files import shown

    few = len(scores) <= most
    names = list(scores) if few else sorted(scores, key=scores.__getitem__, reverse=True)
    rows = [[f"{kind} {shown(name, 40)}", f"{scores[name]:.3f}"] for name in names]
    return rows if few else [*rows[:EXTREMES], ["...", ""], *rows[-EXTREMES:]]


def _about_tags(metrics: Mapping[str, Any]) -> list[str]:
    """Return a line that says how many tags there are, when one is said, and what the figure of one is."""
    if "n_tags" not in metrics:
        return []
    limit = f", said from a probability of {metrics['threshold']:g} on" if "threshold" in metrics else ""
    single = "; the figure of a single tag is its average precision" if metrics.get("per_tag") else ""
    return [f"{metrics['n_tags']} tag{'s' * (metrics['n_tags'] != 1)}{limit}{single}"]
