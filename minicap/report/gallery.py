"""The pictures with what the model says of them, and what people say or what is right."""

from __future__ import annotations

import base64
from collections.abc import Sequence

from minicap.plots.verdict import verdict_of
from minicap.report.contents import Sample
from minicap.report.guesses import class_words, places, tag_words
from minicap.report.html import Child, Html, element, join
from minicap.report.marks import marked
from minicap.report.numbers import counted, decimal

SMALL = 200  # pixels; smaller pictures are enlarged with their pixels visible


def gallery(samples: Sequence[Sample]) -> Html | None:
    """Return a card for each picture, and what the numbers on them mean where there are such.

    Parameters
    ----------
    samples : sequence of Sample

    Returns
    -------
    Html or None
        None where there is no picture.
    """
    if not samples:
        return None
    placed = any(tag.box is not None for sample in samples for tag in sample.tags or ())
    key = (
        element("p", "A number on the picture stands where the tag was seen.", class_="detail key")
        if placed
        else None
    )
    return join([key, element("ul", [_card(sample) for sample in samples], class_="gallery")])


def _card(sample: Sample) -> Html:
    """Return one picture with what the model says of it, and what is right."""
    return element("li", _picture(sample), element("div", _words(sample), class_="words"))


def _words(sample: Sample) -> list[Child]:
    """Return caption, class or tags; a caption with verdict, log-probability and references."""
    if sample.tags is not None:
        return tag_words(sample)
    if sample.right is not None or sample.classes:
        return class_words(sample)
    said = sample.caption.strip() or "(says nothing)"
    return [
        element("p", said, class_="caption", dir="auto"),
        _verdict(sample),
        _log_prob(sample),
        _references(sample),
    ]


def _picture(sample: Sample) -> Html:
    """Return the picture inside the page, or a box that says it is missing."""
    if sample.png is None:
        return element("div", "picture missing", class_="missing")
    width, height = (int.from_bytes(sample.png[at : at + 4], "big") for at in (16, 20))  # its header
    picture = element(
        "img",
        src="data:image/png;base64," + base64.b64encode(sample.png).decode("ascii"),
        alt=sample.references[0] if sample.references else f"picture {sample.name}",
        width=width,
        height=height,
        loading="lazy",
        class_="pixels" if max(width, height) < SMALL else None,
    )
    drawn = places(sample.tags or (), width, height)
    return element("div", picture, drawn, class_="seen") if drawn else picture


def _verdict(sample: Sample) -> Html | None:
    """Return a sign and words for what is known of the caption."""
    verdict = verdict_of(sample.judgement)
    return None if verdict is None else marked(verdict, verdict.value)


def _log_prob(sample: Sample) -> Html | None:
    """Return how likely the model finds its own caption."""
    if sample.log_prob is None:
        return None
    return element("p", f"log-probability {decimal(sample.log_prob, 2)} nats", class_="detail")


def _references(sample: Sample) -> Html | None:
    """Return what people say, behind a click."""
    if not sample.references:
        return None
    texts = [element("li", text, dir="auto") for text in sample.references]
    return element("details", element("summary", counted(len(texts), "reference")), element("ul", texts))
