"""Many rows in a few numbers: who won how many, and geometric means of the ratios."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from minicap.bench.rows import CONV

Facts = dict[str, Any]


def geometric_mean(values: Iterable[float]) -> float | None:
    """Return the geometric mean: of ratios the only one that does not depend on which stands above the line.

    Parameters
    ----------
    values : iterable of float
        Positive.

    Returns
    -------
    float or None
        None of none.
    """
    logs = [math.log(value) for value in values]
    return math.exp(math.fsum(logs) / len(logs)) if logs else None


def summarise(rows: Sequence[Facts]) -> Facts:
    """Count rows won and lost, and average the ratios of times, for each state of memory.

    Parameters
    ----------
    rows : sequence of dict
        From ``turns.measure``.

    Returns
    -------
    dict
        By state of memory: ``won``, ``lost`` (names), ``geometric_means`` of convolutions, other rows and all.
        A row about memory counts as won or lost, and stays out of the means.
    """
    memories = list(dict.fromkeys(memory for row in rows for memory in row["ratio"]))
    return {memory: _summary([row for row in rows if memory in row["ratio"]], memory) for memory in memories}


def _summary(rows: Sequence[Facts], memory: str) -> Facts:
    """Summarise one state of memory."""
    ratios = {row["name"]: row["ratio"][memory]["median"] for row in rows}
    timed = [row for row in rows if row["unit"] == "ms"]
    kinds = {
        CONV: [row for row in timed if row["group"] == CONV],
        "other": [row for row in timed if row["group"] != CONV],
        "all": timed,
    }
    return {
        "won": [name for name, value in ratios.items() if value >= 1],
        "lost": [name for name, value in ratios.items() if value < 1],
        "geometric_means": {
            kind: geometric_mean(ratios[row["name"]] for row in chosen) for kind, chosen in kinds.items()
        },
    }
