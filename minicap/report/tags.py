"""How well a tagger knows each tag."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from minicap.report.bars import Bar
from minicap.report.html import Html, element, join
from minicap.report.numbers import decimal
from minicap.report.ranking import ranking

MEANING = (
    "Average precision: all pictures in the order of the tag's probability, the precision at each that has the tag, "
    "and the mean of these. 1 where every picture with the tag stands before all without it."
)


def tag_bars(metrics: Mapping[str, Any]) -> Html | None:
    """Return the average precision of each tag as a bar.

    Parameters
    ----------
    metrics : mapping
        As ``metrics.json`` holds them.

    Returns
    -------
    Html or None
        None where it is not known.
    """
    scores: Mapping[str, float] = metrics.get("per_tag", {})
    bars = [Bar(element("bdi", name), score, (decimal(score),)) for name, score in scores.items()]
    table = ranking(bars, "tag", "tags", "Average precision")
    return join([table, element("p", MEANING, class_="detail")]) if table else None
