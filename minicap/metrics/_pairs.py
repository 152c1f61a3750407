"""What every caption metric asks of its arguments: one clear line, which names the image, where it does not get it."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

Tokens = Sequence[str]

LONGEST = 100_000  # characters; a longer caption is a file read as one line
MARKERS = frozenset(("<pad>", "<start>", "<end>"))  # how minicap frames a caption; never words of it


def check_pairs(
    who: str,
    hypotheses: Sequence[Tokens],
    references: Sequence[Sequence[Tokens]],
    ids: Sequence[Hashable] | None = None,
) -> None:
    """Raise ValueError unless each hypothesis is a list of tokens with at least one reference beside it.

    Where ``ids`` names the images, each is named once, and a message says which image it is about.
    """
    if len(hypotheses) != len(references):
        raise ValueError(
            f"{who}: {len(hypotheses)} hypotheses but {len(references)} lists of references; "
            f"each picture needs one of both{_first_alone(len(hypotheses), len(references), ids)}"
        )
    if not len(hypotheses):
        raise ValueError(f"{who}: no captions to score; at least one picture is needed")
    check_ids(who, len(hypotheses), ids)
    for i, (hypothesis, several) in enumerate(zip(hypotheses, references, strict=True)):
        check_tokens(who, f"hypotheses[{i}]{name_of(i, ids)}", hypothesis)
        check_references(who, i, several, ids)


def check_ids(who: str, n: int, ids: Sequence[Hashable] | None) -> None:
    """Raise ValueError unless ``ids``, where given, names each of ``n`` images once."""
    if ids is None:
        return
    if len(ids) != n:
        raise ValueError(f"{who}: {len(ids)} ids but {n} images; each image has one")
    if len(set(ids)) < n:
        places: dict[Hashable, int] = {}
        for i, name in enumerate(ids):
            if name in places:
                raise ValueError(
                    f"{who}: image {name!r} stands twice, at {places[name]} and {i}; each is scored once"
                )
            places[name] = i


def check_references(
    who: str, i: int, several: Sequence[Tokens], ids: Sequence[Hashable] | None = None
) -> None:
    """Raise ValueError unless picture ``i`` has a list of at least one tokenised reference."""
    if isinstance(several, str) or not hasattr(several, "__len__") or not len(several):
        came = (
            "a string" if isinstance(several, str) else "empty" if hasattr(several, "__len__") else "no list"
        )
        raise ValueError(
            f"{who}: references[{i}]{name_of(i, ids)} is {came}; "
            "a list of at least one tokenised caption is needed"
        )
    for j, reference in enumerate(several):
        check_tokens(who, f"references[{i}][{j}]{name_of(i, ids)}", reference)


def check_tokens(who: str, what: str, tokens: Tokens) -> None:
    """Raise ValueError for a caption that has not been split, or whose tokens are no words."""
    if isinstance(tokens, str):
        raise ValueError(f"{who}: {what} is the string {tokens[:40]!r}; split it into tokens first")
    try:
        text = " ".join(tokens) if len(tokens) else ""
    except TypeError:
        odd = (
            next((t for t in tokens if not isinstance(t, str)), tokens)
            if hasattr(tokens, "__len__")
            else tokens
        )
        raise ValueError(
            f"{who}: {what} holds {shown(odd)}, which is no text; a list of words is needed"
        ) from None
    check_text(who, what, text)
    if not MARKERS.isdisjoint(tokens):
        marker = next(token for token in tokens if token in MARKERS)
        raise ValueError(
            f"{who}: {what} holds the marker {marker!r}, which is never a word; cut it off first"
        )


def check_text(who: str, what: str, text: str) -> None:
    """Raise ValueError for a caption that is no text, is broken Unicode, or is longer than any caption."""
    if not isinstance(text, str):
        raise ValueError(f"{who}: {what} is {shown(text)}, which is no text")
    if len(text) > LONGEST:
        raise ValueError(f"{who}: {what} has {len(text)} characters; a caption has at most {LONGEST}")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise ValueError(
                f"{who}: {what} is broken Unicode: half a character, {text[error.start]!r}, "
                f"at {error.start}; read the file as UTF-8"
            ) from None


def name_of(i: int, ids: Sequence[Hashable] | None) -> str:
    """Return how a message names picture ``i``: nothing where the images have no names."""
    return "" if ids is None else f" (image {ids[i]!r})"


def shown(value: Any) -> str:
    """Return a value's type and the beginning of it, for a message."""
    if value is None:
        return "None"
    text = repr(value)
    return f"{type(value).__name__} {text if len(text) <= 40 else text[:37] + '...'}"


def _first_alone(n: int, m: int, ids: Sequence[Hashable] | None) -> str:
    """Return which image is the first without a partner, where it has a name."""
    first = min(n, m)
    return "" if ids is None or first >= len(ids) else f"; the first without is image {ids[first]!r}"
