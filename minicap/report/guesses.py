"""What a classifier or a tagger says of one picture, beside what is right."""

from __future__ import annotations

import math
from collections.abc import Sequence

from minicap.plots.verdict import Verdict
from minicap.report.contents import Guess, Sample
from minicap.report.html import Child, Html, element, join, quoted
from minicap.report.marks import marked
from minicap.report.numbers import chance

MOST_SHOWN = 12  # tags of a picture; more of them are behind a click
SIGNS = {True: ("right", "\N{CHECK MARK}"), False: ("wrong", "\N{BALLOT X}")}


def class_words(sample: Sample) -> list[Child]:
    """Return the class that a picture is put into, whether that is right, and what else it might be.

    Parameters
    ----------
    sample : Sample
        Of a classifier.

    Returns
    -------
    list of Html
    """
    words: list[Child] = [element("p", sample.caption, class_="caption", dir="auto")]
    if sample.right:
        words.append(marked(Verdict.COMPLETE, "right"))
    elif sample.right is not None:
        truth = [": it is ", quoted(sample.references[0])] if sample.references else None
        words.append(marked(Verdict.WRONG, element("b", "wrong", truth)))
    if sample.classes:
        words.append(element("ol", map(_class, sample.classes), class_="guesses"))
    elif sample.log_prob is not None and sample.log_prob <= 0:
        words.append(element("p", f"probability {chance(math.exp(sample.log_prob))}", class_="detail"))
    return words


def tag_words(sample: Sample) -> list[Child]:
    """Return the tags that a picture is given, each with its probability, and the true ones left out.

    Parameters
    ----------
    sample : Sample
        Of a tagger.

    Returns
    -------
    list of Html
    """
    tags = sample.tags or ()
    rows = [_tag(tag, number) for number, tag in enumerate(tags, 1)]
    words: list[Child] = [_how_many(sample)]
    if not rows:
        words.append(element("p", "(says nothing)", class_="caption"))
    else:
        words.append(element("ol", rows[:MOST_SHOWN], class_="guesses"))
    if rows[MOST_SHOWN:]:
        rest = element("ol", rows[MOST_SHOWN:], class_="guesses")
        words.append(element("details", element("summary", f"{len(rows) - MOST_SHOWN} more"), rest))
    if sample.missed:
        names = [[element("bdi", tag.name), _in_brackets(tag.probability)] for tag in sample.missed]
        words.append(element("p", "left out: ", join(names, ", "), class_="detail"))
    return words


def places(tags: Sequence[Guess], width: int, height: int) -> Html | None:
    """Return a drawing to lay over a picture: where the tags were seen, numbered as in their list.

    Parameters
    ----------
    tags : sequence of Guess
    width, height : int
        Of the picture, in pixels.

    Returns
    -------
    Html or None
        None where no place is known.
    """
    numbers: dict[tuple[float, ...], list[int]] = {}
    for number, tag in enumerate(tags[:MOST_SHOWN], 1):
        if tag.box is not None and all(map(math.isfinite, tag.box)) and min(tag.box[2:]) > 0:
            numbers.setdefault(tag.box, []).append(number)
    if not numbers:
        return None
    size = 0.055 * max(width, height)
    drawn = [
        [
            element("rect", x=f"{x:g}", y=f"{y:g}", width=f"{w:g}", height=f"{h:g}"),
            element("text", " ".join(map(str, several)), x=f"{x + w / 2:g}", y=f"{y + h / 2:g}"),
        ]
        for (x, y, w, h), several in numbers.items()
    ]
    return element(
        "svg",
        drawn,
        viewBox=f"0 0 {width} {height}",
        font_size=f"{size:g}",
        class_="places",
        aria_hidden="true",
    )


def _class(guess: Guess) -> Html:
    """Return one class with its probability as a bar."""
    return element("li", _name(guess.name), _track(guess.probability), _number(guess.probability))


def _tag(tag: Guess, number: int) -> Html:
    """Return one tag with its number on the picture, whether it is right, and its probability."""
    sign = None
    if tag.right is not None:
        name, mark = SIGNS[tag.right]
        sign = element("span", mark, role="img", aria_label=name, class_=f"sign {name}")
    place = element("span", str(number), class_="place") if tag.box is not None else None
    return element("li", place, _name(tag.name), sign, _number(tag.probability))


def _how_many(sample: Sample) -> Html | None:
    """Say how many of the true tags were found and how many are wrong, None where nobody knows."""
    tags = sample.tags or ()
    if any(tag.right is None for tag in tags) or not (tags or sample.missed):
        return None
    found = sum(bool(tag.right) for tag in tags)
    wrong, true = len(tags) - found, found + len(sample.missed)
    words = f"all {true} found" if true and found == true else f"{found} of {true} found"
    if wrong or not found:
        return marked(Verdict.WRONG, f"{words}, {wrong} wrong" if wrong else words)
    return marked(Verdict.PARTIAL if sample.missed else Verdict.COMPLETE, words)


def _name(name: str) -> Html:
    """Return a name that takes the room there is."""
    return element("bdi", name, class_="name")


def _number(probability: float | None) -> Html:
    """Return a probability at the end of its line."""
    return element("span", chance(probability), class_="number")


def _track(probability: float | None) -> Html:
    """Return a probability as a bar."""
    known = probability is not None and math.isfinite(probability)
    filled = 100 * min(max(probability or 0.0, 0.0), 1.0) if known else 0.0
    return element("span", element("span", class_="bar", style=f"width:{filled:.1f}%"), class_="track")


def _in_brackets(probability: float | None) -> str | None:
    """Return a probability behind a name, None where it is not known."""
    return None if probability is None else f" ({chance(probability)})"
