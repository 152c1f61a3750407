"""Many rows in a few numbers: who won how many, and geometric means of the ratios."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from minicap.bench.rows import CONV, LAYERS, MODELS

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
        By state of memory: ``won``, ``lost`` (names), ``geometric_means`` of convolutions, other layers, models, and
        all of these. Rows about the process, such as its import and its memory, count as won or lost and stay out of
        the means: importing is so much faster that it would drown the rest.
    """
    memories = list(dict.fromkeys(memory for row in rows for memory in row["ratio"]))
    return {memory: _summary([row for row in rows if memory in row["ratio"]], memory) for memory in memories}


def _summary(rows: Sequence[Facts], memory: str) -> Facts:
    """Summarise one state of memory."""
    ratios = {row["name"]: row["ratio"][memory]["median"] for row in rows}
    kinds = {kind: [row for row in rows if row["group"] == kind] for kind in (CONV, LAYERS, MODELS)}
    kinds["all"] = [row for chosen in kinds.values() for row in chosen]
    return {
        "won": [name for name, value in ratios.items() if value >= 1],
        "lost": [name for name, value in ratios.items() if value < 1],
        "geometric_means": {
            kind: geometric_mean(ratios[row["name"]] for row in chosen) for kind, chosen in kinds.items()
        },
    }
