"""Bars of many things: all of a few, of many the best and the worst, and all behind a click."""

from __future__ import annotations

import math
from collections.abc import Sequence

from minicap.report.bars import Bar, bar_table
from minicap.report.html import Html, element, join
from minicap.report.scores import scrolling

MOST = 30  # rows shown at once
MOST_ALL = 1000  # behind the click


def ranking(bars: Sequence[Bar], of: str, all_of: str, measure: str, *others: str) -> Html | None:
    """Return one table of up to thirty bars, else one of the best, one of the worst, and one of all.

    Parameters
    ----------
    bars : sequence of Bar
    of, all_of : str
        What a bar is of, in the singular and in the plural.
    measure : str
        Heading of the bars.
    *others : str
        Headings of further cells.

    Returns
    -------
    Html or None
        None where there is no bar.
    """

    def table(some: Sequence[Bar], label: str) -> Html:
        return scrolling(bar_table(some, of.capitalize(), measure, *others), label)

    if not bars:
        return None
    if len(bars) <= MOST:
        return table(bars, f"{measure} of each {of}")
    ranked = sorted(bars, key=lambda bar: math.inf if math.isnan(bar.share) else -bar.share)
    half = MOST // 2
    halves = [
        element("div", element("h3", f"The {kind} {half}"), table(some, f"{measure} of the {kind} {all_of}"))
        for kind, some in (("best", ranked[:half]), ("worst", ranked[: -half - 1 : -1]))
    ]
    everything = element(
        "details",
        element("summary", f"All {len(bars):,} {all_of}"),
        table(bars[:MOST_ALL], f"{measure} of all {all_of}"),
    )
    return join([element("div", halves, class_="halves"), everything])
