"""Rows small enough to run once, and results made up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from minicap.bench import Row, catalogue
from minicap.bench.ladder_jobs import ORDER, ladder_rows
from minicap.bench.shapes import ConvShape
from minicap.bench.summary import summarise
from minicap.bench.turns import ratio
from minicap.kernels import _threads, _workspace

WORDS = {"words": 12, "width": 8, "image_size": 16, "batch": 4, "length": 5}
SMALL: dict[str, dict[str, Any]] = {  # by kind
    "max_pool": {"x": [2, 3, 6, 4]},
    "average_pool": {"x": [2, 3, 6, 4]},
    "batch_norm": {"x": [4, 3, 5, 2]},
    "layer_norm": {"x": [6, 8]},
    "loss": {"x": [6, 10]},
    "embedding": {"ids": 9, "w": [12, 4]},
    "lstm": {"sizes": [3, 4, 5, 6]},
    "gru": {"sizes": [3, 4, 5, 6]},
    "adam": {"shapes": [[3, 4], [5]]},
    "classifier": {"batch": 6, "image_size": 8, "hidden": [16, 8]},
    "captioner": WORDS,
    "greedy": WORDS,
}


def small(row: Row) -> Row:
    """Return a row of the same kind with the least of arithmetic; a convolution keeps its manner."""
    if row.kind != "conv":
        return replace(row, options=row.options | SMALL.get(row.kind, {}))
    shape = ConvShape(*row.options["shape"])
    channels = 4 if shape.groups > 1 else min(3, shape.c)
    tiny = shape._replace(n=2, c=channels, f=4, h=9, w=7, groups=channels if shape.groups > 1 else 1)
    return replace(row, options={"shape": list(tiny)})


SMALL_ROWS = [small(row) for row in catalogue(random=1, seed=3) if row.group != "process"]


@pytest.fixture(params=SMALL_ROWS, ids=lambda row: row.name)
def small_row(request: pytest.FixtureRequest) -> Row:
    """Return each row in turn, made small."""
    return request.param


@pytest.fixture(
    params=[row for row in SMALL_ROWS if row.kind in ("classifier", "captioner", "adam")],
    ids=lambda row: row.name,
)
def stepping_row(request: pytest.FixtureRequest) -> Row:
    """Return each small row in turn that changes what it works on."""
    return request.param


@pytest.fixture
def small_conv() -> Row:
    """Return the forward of a small convolution."""
    return SMALL_ROWS[0]


@pytest.fixture(scope="session")
def made_up() -> Callable[..., dict[str, Any]]:
    """Return a maker of results as ``run_bench`` gives them, with made-up values."""

    def make(
        threads: tuple[int, ...] = (1,),
        *,
        against: str | None = "torch",
        ladder: bool = False,
        quotient: float = 2.0,
    ) -> dict[str, Any]:
        runs = [made_up_run(count, against, ladder, quotient) for count in threads]
        settings = {"against": against, "memories": ["kept", "shipped"], "threads": list(threads)}
        return {"cpu": "a CPU", "seed": 3, "version": "9.9", "settings": settings, "runs": runs}

    return make


def made_up_run(threads: int, against: str | None, ladder: bool, quotient: float) -> dict[str, Any]:
    """Return one run: minicap takes 4 ms for each row, the other ``quotient`` times, every third row the inverse."""
    rows = []
    for k, row in enumerate(catalogue(random=1, seed=3)):
        factor = 1 / quotient if k % 3 == 2 else quotient
        values = {"minicap": 4.0} | ({against: 4.0 * factor} if against else {})
        states = {
            name: {
                memory: {"way": "eager", "ways": 1, "median": value, "turns": [[value], [1.1 * value]]}
                for memory in ("kept", "shipped")
            }
            for name, value in values.items()
        }
        found = ratio([4.0, 4.0, 4.0], [3.8 * factor, 4.0 * factor, 4.4 * factor])
        ratios = {"kept": found, "shipped": found} if against else {}
        rows.append(
            {**row.to_dict(), "libraries": states, "ratio": ratios, "agree": True if against else None}
        )
    rungs = []
    for row in ladder_rows(against=bool(against)):
        place = ORDER.index(row.options["rung"])
        scaled = row.options["scale"] != 1
        rungs.append(
            {
                "work": row.part, "rung": row.options["rung"], "ms": 4.0**-place, "gflops": 4.0**place,
                "scaled": scaled,
            }
        )  # fmt: skip
    about = {"minicap": {"version": "9.9", "numpy": "2", "python": "3", "kernels": {"conv": "compiled"}}}
    about |= {against: {"version": "2.13"}} if against else {}
    return {
        "threads": threads, "about": about, "peak_gflops": 200.0, "peak_is": "made up", "rows": rows,
        "summary": summarise(rows), "ladder": rungs if ladder else [],
    }  # fmt: skip


@pytest.fixture(autouse=True)
def _settings_restored(monkeypatch):
    """Undo what a library settles for its process: threads, and one workspace for all calls."""
    monkeypatch.setattr(_threads, "_process", [])
    token = _workspace._current.set(None)
    yield
    _workspace._current.reset(token)
