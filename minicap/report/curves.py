"""The training history as drawings inside the page, in the page's own colours by day and by night."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence

import matplotlib

from minicap.plots.history import Panel, describe_panel, panels_of, plot_panel
from minicap.plots.style import BLUE, INK, MUTED, PAPER, RULE, VERMILION
from minicap.report.html import Html, element, escaped
from minicap.report.numbers import decimal
from minicap.report.scores import scrolling

Rows = Sequence[Mapping[str, float]]

COLOURS = {
    BLUE: "var(--blue)", VERMILION: "var(--vermilion)", INK: "var(--ink)",
    MUTED: "var(--muted)", RULE: "var(--rule)", PAPER: "none",
}  # fmt: skip
_MATTER = (
    re.compile(r"^.*?(?=<svg)", re.DOTALL),  # XML declaration and document type
    re.compile(r"<metadata>.*?</metadata>", re.DOTALL),
    re.compile(r"<style.*?</style>", re.DOTALL),  # would act on the whole page
    re.compile(r"<!--.*?-->", re.DOTALL),
    re.compile(r' xmlns(:xlink)?="[^"]*"'),  # inside HTML an <svg> needs none
    re.compile(r'(?<=<g) id="[^"]*"'),  # would repeat in the next drawing
)
_FAMILY = re.compile(r"(font: [^;\"]*?px) [^;\"]*")
MOST_ROWS = 400


def history_figures(rows: Rows) -> Html | None:
    """Return the small plots of a history, each with its title and described in words.

    Parameters
    ----------
    rows : sequence of dict
        As for ``minicap.plots.plot_history``.

    Returns
    -------
    Html or None
        None where there is nothing to draw.
    """
    figures = [
        element("figure", element("figcaption", panel.title), drawing(panel, rows))
        for panel in panels_of(rows)
    ]
    return element("div", figures, class_="curves") if figures else None


def drawing(panel: Panel, rows: Rows) -> Html:
    """Return one small plot as an ``<svg>`` element.

    Parameters
    ----------
    panel : Panel
    rows : sequence of dict

    Returns
    -------
    Html
    """
    text = io.StringIO()
    figure = plot_panel(panel, rows)
    # The salt makes the ids of shared shapes the same at every run, and different from panel to panel.
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": panel.title}):
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None}, transparent=True)
    svg = text.getvalue()
    for matter in _MATTER:
        svg = matter.sub("", svg)
    svg = _FAMILY.sub(r"\1 system-ui, sans-serif", svg)
    for colour, variable in COLOURS.items():
        svg = svg.replace(colour, variable)
    svg = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg))
    return Html(
        svg.replace("<svg", f'<svg role="img" aria-label="{escaped(describe_panel(panel, rows))}"', 1).strip()
    )


def history_table(rows: Rows) -> Html | None:
    """Return the history as a table behind a click, the last epochs of a very long one.

    Parameters
    ----------
    rows : sequence of dict

    Returns
    -------
    Html or None
        None where there is no row.
    """
    if not rows:
        return None
    names = list(dict.fromkeys(name for row in rows for name in row))
    head = element("tr", [element("th", name.replace("_", " "), scope="col") for name in names])
    body = [
        element("tr", [element("td", _written(row.get(name)), class_="number") for name in names])
        for row in rows[-MOST_ROWS:]
    ]
    table = element("table", element("thead", head), element("tbody", body), class_="scores")
    return element("details", element("summary", "The numbers"), scrolling(table, "History"))


def _written(value: float | None) -> str:
    """Return a number of the history, whole numbers without a point."""
    if value is None or value != value or abs(value) >= 1e15:
        return decimal(value)
    return f"{value:,.0f}" if value == int(value) else f"{value:.4g}".replace("-", "\N{MINUS SIGN}")
