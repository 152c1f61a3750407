"""How commands print results: for people, or with ``--json`` for programs."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from typing import Any


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
    """Return metrics and their baselines side by side.

    Parameters
    ----------
    metrics : dict
        As ``metrics.json`` holds them.

    Returns
    -------
    str
    """
    columns = {"model": metrics, **metrics.get("baselines", {})}
    names = [name for name, value in metrics.items() if type(value) is float]
    rows = [[name, *(f"{c[name]:.3f}" if name in c else "-" for c in columns.values())] for name in names]
    for count in metrics.get("truth_by_count", {}):
        cells = (c.get("truth_by_count", {}).get(count) for c in columns.values())
        rows.append(
            [
                f"truth, {count} object{'s' * (count != '1')}",
                *("-" if v is None else f"{v:.3f}" for v in cells),
            ]
        )
    heading = [
        f"{metrics['split']}, {metrics['n_images']} images",
        *(name.replace("_", " ") for name in columns),
    ]
    return table(heading, rows)
