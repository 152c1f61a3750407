"""How a classifier does class by class, and what it takes for what."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from minicap._types import Array
from minicap.plots.confusion import plot_map
from minicap.plots.mistakes import most_frequent_mistakes
from minicap.plots.style import png_of
from minicap.report.bars import Bar
from minicap.report.contents import Contents
from minicap.report.html import Html, element
from minicap.report.numbers import counted, percent
from minicap.report.ranking import ranking

MOST_MISTAKES = 8
KEY = (
    "A row for each true class, a column for each class it is taken for: blue where the two are the same, "
    "orange where they are not. The deeper the colour, the larger the share of the row. "
    "The file confusion.png in the run folder shows it in full size."
)


def class_bars(contents: Contents) -> Html | None:
    """Return the accuracy of each class as a bar.

    Parameters
    ----------
    contents : Contents

    Returns
    -------
    Html or None
        None where it is not known.
    """
    shares: Mapping[str, float] = contents.metrics.get("per_class", {})
    counts, pictures = _counts(contents.metrics), {}
    if counts is not None:
        pictures = dict(zip(class_names(contents), counts.sum(axis=1).tolist(), strict=True))
    bars = [
        Bar(
            element("bdi", name),
            share,
            (percent(share), f"{pictures.get(name, 0):,}") if pictures else (percent(share),),
        )
        for name, share in shares.items()
    ]
    return ranking(bars, "class", "classes", "Accuracy", *(["Pictures"] if pictures else []))


def confusions(contents: Contents) -> Html | None:
    """Return the confusion matrix as a picture, and its most frequent mistakes in words.

    Parameters
    ----------
    contents : Contents

    Returns
    -------
    Html or None
        None where it is not known.
    """
    counts = _counts(contents.metrics)
    if counts is None:
        return None
    names = class_names(contents)
    drawn = png_of(plot_map(counts, names))
    width, height = (int.from_bytes(drawn[at : at + 4], "big") for at in (16, 20))  # its header
    picture = element(
        "img", src="data:image/png;base64," + base64.b64encode(drawn).decode("ascii"),
        alt=_described(counts, names), width=width, height=height,
    )  # fmt: skip
    box = element(
        "div", picture, class_="scroll map", tabindex=0, role="region", aria_label="Confusion matrix"
    )
    figure = element("figure", box, element("p", KEY, class_="detail"))
    return element("div", figure, _mistakes(counts, names), class_="confusions")


def class_names(contents: Contents) -> tuple[str, ...]:
    """Return the name of each row of the confusion matrix.

    Where the run folder has no list of them, classes that have no picture go by their number.

    Parameters
    ----------
    contents : Contents
        With a confusion matrix.

    Returns
    -------
    tuple of str
    """
    pictures = np.asarray(contents.metrics["confusion"]).sum(axis=1)
    if len(contents.labels) == len(pictures):
        return contents.labels
    known = list(contents.metrics.get("per_class", {}))
    if len(known) != np.count_nonzero(pictures):
        known = [f"class {k}" for k in np.flatnonzero(pictures)]
    rest = iter(known)
    return tuple(next(rest) if n else f"class {k}" for k, n in enumerate(pictures))


def _counts(metrics: Mapping[str, Any]) -> Array | None:
    """Return the confusion matrix (K, K), None where there is none."""
    return np.asarray(metrics["confusion"], np.int64) if "confusion" in metrics else None


def _mistakes(counts: Array, names: Sequence[str]) -> Html:
    """Say which class is most often taken for which other one."""
    pictures = counts.sum(axis=1)
    rows = []
    for i, j in most_frequent_mistakes(counts, MOST_MISTAKES):
        true, taken = (element("bdi", names[k]) for k in (i, j))
        often = f"{counts[i, j]:,} of {pictures[i]:,}, {percent(counts[i, j] / pictures[i])}"
        words = [true, element("span", " taken for ", class_="faint"), taken]
        rows.append(element("li", words, element("p", often, class_="detail")))
    listed = element("ol", rows, class_="mistakes") if rows else element("p", "None: every picture is right.")
    return element("div", element("h3", "Most frequent mistakes"), listed)


def _described(counts: Array, names: Sequence[str]) -> str:
    """Say in words what the picture of a confusion matrix shows."""
    right, total = int(np.trace(counts)), int(counts.sum())
    said = f"Confusion matrix of {len(counts)} classes: {right:,} of {counted(total, 'picture')} right."
    for i, j in most_frequent_mistakes(counts, 1):
        said += f" Most often {names[i]} is taken for {names[j]}."
    return said
