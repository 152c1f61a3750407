"""How often captions of the built-in scenes are true, by the number of objects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from minicap.report.bars import Bar, bar_table
from minicap.report.html import Html
from minicap.report.numbers import counted, percent
from minicap.report.scores import scrolling


def truth_table(metrics: Mapping[str, Any]) -> Html | None:
    """Return the shares of true and complete captions as bars.

    Parameters
    ----------
    metrics : mapping
        As ``metrics.json`` holds them.

    Returns
    -------
    Html or None
        None where the truth is not known.
    """
    by_count: Mapping[str, float] = metrics.get("truth_by_count", {})
    blind = metrics.get("baselines", {}).get("blind", {}).get("truth_by_count", {})
    shares = {_objects(count): (share, blind.get(count)) for count, share in by_count.items()}
    unseen = metrics.get("compositional", {}).get("truth")
    if unseen is not None:
        shares["new colour-shape pairs"] = (unseen, None)
    if not shares:
        return None
    bars = [
        Bar(label, share, (percent(share), percent(blinded)) if blind else (percent(share),))
        for label, (share, blinded) in shares.items()
    ]
    table = bar_table(bars, "Scenes", "True and complete", *(["Blind"] if blind else []))
    return scrolling(table, "True captions by number of objects")


def _objects(count: str) -> str:
    """Return what a scene with so many objects is called."""
    return counted(int(count), "object") if count.isascii() and count.isdigit() and len(count) < 4 else count
