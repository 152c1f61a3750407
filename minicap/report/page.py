"""The page from top to bottom."""

from __future__ import annotations

from pathlib import Path

from minicap.data.files import write_atomically
from minicap.metrics import signature_text
from minicap.plots import plot_confusion, plot_history
from minicap.plots.history import panels_of
from minicap.report.classes import class_bars, class_names, confusions
from minicap.report.contents import Contents, Run, read_contents
from minicap.report.curves import history_figures, history_table
from minicap.report.gallery import gallery
from minicap.report.html import Child, Html, element, join
from minicap.report.scores import comparison_table, headline_cards
from minicap.report.settings import settings
from minicap.report.style import STYLE
from minicap.report.tags import tag_bars
from minicap.report.truth import truth_table
from minicap.report.words import summary

# Whatever stood in the data, the page can load nothing and run nothing.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def write_report(run: Run) -> Path:
    """Write ``report.html`` into a run folder, with its figures beside it.

    These are ``history.png`` where there is a history, and ``confusion.png`` of a classifier that was judged.
    Parts that the run does not have yet are left out.

    Parameters
    ----------
    run : RunFolder

    Returns
    -------
    Path
        Of the page.

    Raises
    ------
    InputError
        If a file of the run is broken, or the page cannot be written.
    """
    contents = read_contents(run)
    if panels_of(contents.history):
        plot_history(contents.history, run.plot, title=contents.name)
    if "confusion" in contents.metrics:
        counts, names = contents.metrics["confusion"], class_names(contents)
        plot_confusion(counts, names, run.confusion, title=contents.name)
    write_atomically(run.report, render(contents).encode())
    return run.report


def render(contents: Contents) -> Html:
    """Return the whole page.

    Parameters
    ----------
    contents : Contents

    Returns
    -------
    Html
    """
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", f"{contents.name} - minicap"),
        element("style", Html(STYLE)),
    )
    header = element(
        "header",
        element("p", "minicap run", class_="kicker"),
        element("h1", element("bdi", contents.name)),
        element("p", summary(contents), class_="lead"),
    )
    body = element("body", header, element("main", _sections(contents)), _footer(contents))
    return join([Html("<!doctype html>\n"), element("html", head, body, lang="en"), Html("\n")])


def _sections(contents: Contents) -> list[Html | None]:
    """Return the parts that this run has something for."""
    metrics = contents.metrics
    return [
        _section("Key figures", headline_cards(metrics), truth_table(metrics)),
        _section("What it says", gallery(contents.samples)),
        _section("Class by class", class_bars(contents)),
        _section("What it takes for what", confusions(contents)),
        _section("Tag by tag", tag_bars(metrics)),
        _section("Beside those who never look", comparison_table(metrics)),
        _section("Training", history_figures(contents.history), history_table(contents.history)),
        _section("Configuration", settings(contents)),
    ]


def _section(title: str, *parts: Child) -> Html | None:
    """Return a part with its heading, None where it would be empty."""
    return element("section", element("h2", title), parts) if any(parts) else None


def _footer(contents: Contents) -> Html | None:
    """Return how the scores were computed, so that they can be compared with others."""
    parts = contents.metrics.get("signature")
    if not parts:
        return None
    return element("footer", element("p", "Scores: ", element("code", signature_text(parts))))
