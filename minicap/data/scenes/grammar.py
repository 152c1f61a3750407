"""The language of the scenes: a small closed grammar that is written by one function and read by another.

    sentence = [ opening ] clause { "and" clause }
    opening  = "there is" | "there are" | "a picture of"
    clause   = group [ place | relation group ]
    group    = ( "a" | "an" ) [ size ] colour shape
             | ( "two" | "three" ) [ size ] colour shapes
    place    = "in the" ( "middle" | row column ) | "at the" row | "on the" column
    relation = "above" | "below" | "left of" | "right of" | "inside"
    row      = "top" | "bottom"
    column   = "left" | "right"
    size     = "large" | "small"
    colour   = "red" | "orange" | "yellow" | "green" | "blue" | "purple" | "pink" | "black"
    shape    = "circle" | "square" | "triangle" | "star" | "cross" | "heart"
    shapes   = "circles" | "squares" | "triangles" | "stars" | "crosses" | "hearts"

English agreement belongs to the grammar: "an" stands before "orange" and nowhere else; "there is" before
one thing, "there are" before several. A relation ties the two groups beside it and no more: "a red star
above a blue cross and a green heart" says nothing about where the heart is. A sentence has at most
`MAX_WORDS` words.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from minicap.data.scenes.geometry import PLACES, RELATIONS
from minicap.data.scenes.scene import COLOURS, SHAPES, SIZES

MAX_WORDS = 40
NUMBERS = {"two": 2, "three": 3}
PLURALS = {("crosses" if shape == "cross" else shape + "s"): shape for shape in SHAPES}
OPENINGS = ("", "there", "a picture of")

_NUMBER_WORDS = {number: word for word, number in NUMBERS.items()}
_PLURAL_WORDS = {shape: word for word, shape in PLURALS.items()}
_VOWELS = tuple("aeiou")


class Group(NamedTuple):
    """Mean one or several alike things: how many, and what is said of them; None where nothing is."""

    number: int
    size: str | None
    colour: str
    shape: str
    place: str | None = None


class Clause(NamedTuple):
    """Mean a group, or a group in a relation to another."""

    subject: Group
    relation: str | None = None
    other: Group | None = None


def write_sentence(clauses: Sequence[Clause], opening: str = "") -> str:
    """Write the sentence that says these clauses.

    Parameters
    ----------
    clauses : sequence of Clause
        What to say, in this order.
    opening : str
        One of `OPENINGS`; "there" becomes "there is" or "there are".

    Returns
    -------
    str
        A sentence that `parse` reads back as the same clauses.
    """
    if opening == "there":
        opening = "there is" if clauses[0].subject.number == 1 else "there are"
    sentence = " and ".join(map(_write_clause, clauses))
    return f"{opening} {sentence}" if opening else sentence


def _write_clause(clause: Clause) -> str:
    """Write a group, with its relation and the other group where there is one."""
    if clause.relation is None or clause.other is None:
        return _write_group(clause.subject)
    return f"{_write_group(clause.subject)} {clause.relation} {_write_group(clause.other)}"


def _write_group(group: Group) -> str:
    """Write number or article, size, colour, shape and place."""
    adjectives = f"{group.size} {group.colour}" if group.size else group.colour
    if group.number == 1:
        words = f"{'an' if adjectives.startswith(_VOWELS) else 'a'} {adjectives} {group.shape}"
    else:
        words = f"{_NUMBER_WORDS[group.number]} {adjectives} {_PLURAL_WORDS[group.shape]}"
    return f"{words} {group.place}" if group.place else words


def parse(caption: str) -> tuple[Clause, ...] | None:
    """Read a caption by recursive descent.

    Upper case is read as lower case, and one full stop at the end is let pass.

    Parameters
    ----------
    caption : str
        Any text at all; a long one is given up on after `MAX_WORDS` words.

    Returns
    -------
    tuple of Clause or None
        What the caption says; None if it is not a sentence of the grammar.
    """
    words = caption.split(None, MAX_WORDS)
    if words and words[-1].endswith("."):
        words[-1] = words[-1][:-1]
        words = words if words[-1] else words[:-1]
    if not 0 < len(words) <= MAX_WORDS or not all(len(word) < 20 and word.isascii() for word in words):
        return None
    try:
        return _Reader([word.lower() for word in words]).sentence()
    except _NotASentenceError:
        return None


class _NotASentenceError(Exception):
    """Unwinds the reader at the first word that does not fit."""


class _Reader:
    """Hold the words and a position; each method reads one rule of the grammar."""

    def __init__(self, words: list[str]) -> None:
        self.words = [*words, ""]  # the empty word, which fits nowhere, marks the end
        self.at = 0

    def take(self, phrase: str) -> bool:
        """Step over the phrase if it comes next."""
        words = phrase.split()
        if self.words[self.at : self.at + len(words)] != words:
            return False
        self.at += len(words)
        return True

    def one_of(self, phrases: Sequence[str]) -> str | None:
        """Step over one of the phrases, the first that fits; None if none does."""
        return next((phrase for phrase in phrases if self.take(phrase)), None)

    def need(self, phrases: Sequence[str]) -> str:
        """Step over one of the phrases, or give up."""
        phrase = self.one_of(phrases)
        if phrase is None:
            raise _NotASentenceError
        return phrase

    def sentence(self) -> tuple[Clause, ...]:
        opening = self.one_of(("there is", "there are", "a picture of"))
        clauses = [self.clause()]
        several = clauses[0].subject.number > 1
        if opening == ("there is" if several else "there are"):
            raise _NotASentenceError
        while self.take("and"):
            clauses.append(self.clause())
        if self.words[self.at] != "":
            raise _NotASentenceError
        return tuple(clauses)

    def clause(self) -> Clause:
        subject = self.group()
        place = self.one_of(tuple(PLACES))
        if place:
            return Clause(subject._replace(place=place))
        relation = self.one_of(RELATIONS)
        return Clause(subject, relation, self.group()) if relation else Clause(subject)

    def group(self) -> Group:
        determiner = self.need(("a", "an", *NUMBERS))
        if determiner in ("a", "an") and self.words[self.at].startswith(_VOWELS) != (determiner == "an"):
            raise _NotASentenceError
        size = self.one_of(SIZES)
        colour = self.need(COLOURS)
        if determiner in NUMBERS:
            return Group(NUMBERS[determiner], size, colour, PLURALS[self.need(tuple(PLURALS))])
        return Group(1, size, colour, self.need(SHAPES))


def _vocabulary() -> tuple[str, ...]:
    """Collect the words of every rule above."""
    phrases = ["and a an there is are a picture of", *NUMBERS, *SIZES, *COLOURS, *SHAPES, *PLURALS]
    return tuple(sorted({word for phrase in (*phrases, *PLACES, *RELATIONS) for word in phrase.split()}))


WORDS = _vocabulary()
