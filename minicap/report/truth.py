"""How often captions of the built-in scenes are true, by the number of objects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from minicap.report.html import Html, element
from minicap.report.numbers import counted, percent
from minicap.report.scores import scrolling


class _Bar(NamedTuple):
    """One kind of scene, the model's share of true captions, and the blind baseline's."""

    label: str
    share: float
    blind: float | None


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
    bars = [_Bar(_objects(count), share, blind.get(count)) for count, share in by_count.items()]
    unseen = metrics.get("compositional", {}).get("truth")
    if unseen is not None:
        bars.append(_Bar("new colour-shape pairs", unseen, None))
    if not bars:
        return None
    head = [element("th", "Scenes", scope="col"), element("th", "True and complete", scope="col", colspan=2)]
    head += [element("th", "Blind", scope="col", class_="number")] if blind else []
    rows = [_row(bar, with_blind=bool(blind)) for bar in bars]
    table = element("table", element("thead", element("tr", head)), element("tbody", rows), class_="bars")
    return scrolling(table, "True captions by number of objects")


def _objects(count: str) -> str:
    """Return what a scene with so many objects is called."""
    return counted(int(count), "object") if count.isascii() and count.isdigit() and len(count) < 4 else count


def _row(bar: _Bar, *, with_blind: bool) -> Html:
    """Return one bar with its numbers."""
    filled = 100 * min(max(bar.share, 0.0), 1.0) if bar.share == bar.share else 0.0  # not for NaN
    drawn = element("div", element("div", class_="bar", style=f"width:{filled:.1f}%"), class_="track")
    return element(
        "tr",
        element("th", bar.label, scope="row"),
        element("td", drawn, class_="wide"),
        element("td", percent(bar.share), class_="number"),
        element("td", percent(bar.blind), class_="number") if with_blind else None,
    )
