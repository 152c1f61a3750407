"""What a mutant is: one known bug, as a text edit on a student file."""

from __future__ import annotations

from typing import NamedTuple

GITHUB = "https://github.com/"
DESIGN = "the design's list"
"""The source of a bug that stands in the design's list of bugs and of broken libraries, without a link."""
UNLINKED = "no link"
"""The source of a bug that we made up, or found in no thread that shows it."""


class Mutant(NamedTuple):
    """One bug, or two at once, in one layer.

    Attributes
    ----------
    name : str
        Begins with its layer's family.
    file, layer : str
        The student file, and the key of ``catalogue.LAYERS`` whose check has to show it.
    edits : tuple of (str, str)
        What is replaced by what; each passage occurs exactly once.
    kind : str
        One of ``findings.KINDS``: what a right diagnosis says; two kinds joined by ``+`` where there are two bugs.
    gradient : str or None
        The gradient that shows it, ``d`` before the input's name in ``draw_inputs``; None where it is about manners.
    words : str
        The edit in words.
    source : str
        Where such a bug was seen, or the confusion that leads to it.
    """

    name: str
    file: str
    layer: str
    edits: tuple[tuple[str, str], ...]
    kind: str
    gradient: str | None
    words: str
    source: str


def both(first: Mutant, second: Mutant) -> Mutant:
    """Return the file with two bugs at once."""
    return Mutant(
        f"{first.name}+{second.name}",
        first.file,
        first.layer,
        (*first.edits, *second.edits),
        f"{first.kind}+{second.kind}",
        first.gradient,
        f"{first.words}; and {second.words}",
        f"{first.source} and {second.source}",
    )
