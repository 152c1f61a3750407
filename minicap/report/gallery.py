"""The pictures with what the model says of them, and what people say."""

from __future__ import annotations

import base64
from collections.abc import Sequence

from minicap.plots.verdict import Verdict, verdict_of
from minicap.report.contents import Sample
from minicap.report.html import Html, element
from minicap.report.numbers import counted, decimal

SMALL = 200  # pixels; smaller pictures are enlarged with their pixels visible
SIGNS = {
    Verdict.COMPLETE: ("complete", "\N{CHECK MARK}"),
    Verdict.PARTIAL: ("partial", "\N{CHECK MARK}"),
    Verdict.WRONG: ("wrong", "\N{BALLOT X}"),
}


def gallery(samples: Sequence[Sample]) -> Html | None:
    """Return a card for each picture.

    Parameters
    ----------
    samples : sequence of Sample

    Returns
    -------
    Html or None
        None where there is no picture.
    """
    return element("ul", [_card(sample) for sample in samples], class_="gallery") if samples else None


def _card(sample: Sample) -> Html:
    """Return one picture with its caption, verdict, log-probability and references."""
    said = sample.caption.strip() or "(says nothing)"
    return element(
        "li",
        _picture(sample),
        element(
            "div",
            element("p", said, class_="caption", dir="auto"),
            _verdict(sample),
            _log_prob(sample),
            _references(sample),
            class_="words",
        ),
    )


def _picture(sample: Sample) -> Html:
    """Return the picture inside the page, or a box that says it is missing."""
    if sample.png is None:
        return element("div", "picture missing", class_="missing")
    width, height = (int.from_bytes(sample.png[at : at + 4], "big") for at in (16, 20))  # its header
    return element(
        "img",
        src="data:image/png;base64," + base64.b64encode(sample.png).decode("ascii"),
        alt=sample.references[0] if sample.references else f"picture {sample.name}",
        width=width,
        height=height,
        loading="lazy",
        class_="pixels" if max(width, height) < SMALL else None,
    )


def _verdict(sample: Sample) -> Html | None:
    """Return a sign and words for what is known of the caption."""
    verdict = verdict_of(sample.judgement)
    if verdict is None:
        return None
    name, sign = SIGNS[verdict]
    return element(
        "p", element("span", sign, aria_hidden="true"), f" {verdict.value}", class_=f"verdict {name}"
    )


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
