"""Shares as bars in a table, each with its number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from minicap.report.html import Html, element


class Bar(NamedTuple):
    """One row: what it is of, the share in 0..1, and the texts of the columns behind the bar."""

    label: str
    share: float
    cells: tuple[str, ...]


def bar_table(bars: Sequence[Bar], of: str, measure: str, *others: str) -> Html:
    """Return a table with a bar in each row.

    Parameters
    ----------
    bars : sequence of Bar
        The first cell of each is the bar's own number.
    of : str
        Heading of the labels.
    measure : str
        Heading of the bars and their numbers.
    *others : str
        Headings of further cells.

    Returns
    -------
    Html
    """
    head = [element("th", of, scope="col"), element("th", measure, scope="col", colspan=2)]
    head += [element("th", other, scope="col", class_="number") for other in others]
    body = element("tbody", [_row(bar) for bar in bars])
    return element("table", element("thead", element("tr", head)), body, class_="bars")


def _row(bar: Bar) -> Html:
    """Return one bar with its numbers."""
    filled = 100 * min(max(bar.share, 0.0), 1.0) if bar.share == bar.share else 0.0  # not for NaN
    drawn = element("div", element("div", class_="bar", style=f"width:{filled:.1f}%"), class_="track")
    return element(
        "tr",
        element("th", bar.label, scope="row"),
        element("td", drawn, class_="wide"),
        [element("td", cell, class_="number") for cell in bar.cells],
    )
