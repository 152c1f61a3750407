"""The patterns of the Penn Treebank tokenizer: how they are written, and their trees.

- a small letter stands for itself in either case, every other character for itself, ``.`` for any;
- ``[...]`` is a set with ranges, ``[^...]`` its complement, both exact in case; ``\\`` escapes, ``\\uXXXX`` too;
- ``( )``, ``|``, ``*``, ``+``, ``?``, ``{2,4}`` as everywhere, ``{name}`` puts a named pattern in.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

ESCAPES = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}
# Letters beyond ASCII whose other case is an ASCII letter: dotted and dotless i, long s, the Kelvin sign.
FOLDED = {"i": "\u0130\u0131", "k": "\u212a", "s": "\u017f"}

Bounds = tuple[int, ...]  # where membership changes, ascending: (97, 123) is a to z
Node = tuple[
    Any, ...
]  # ("set", bounds) | ("cat", nodes) | ("or", nodes) | ("repeat", node, least, most or None)


class Rule(NamedTuple):
    """A pattern and what has to follow it.

    Attributes
    ----------
    name : str
    pattern : str
    ahead : str
        What has to follow. It takes part in the longest match and is not consumed. It has one length, or
        ``pattern`` has.
    """

    name: str
    pattern: str
    ahead: str = ""


def charset(characters: str) -> Bounds:
    """Return the bounds of a set of characters.

    Parameters
    ----------
    characters : str

    Returns
    -------
    tuple of int
    """
    return merged([(ord(c), ord(c) + 1) for c in characters])


def merged(ranges: list[tuple[int, int]]) -> Bounds:
    """Return the bounds of a union of ranges, each from its first number to one past its last.

    Parameters
    ----------
    ranges : list of (int, int)

    Returns
    -------
    tuple of int
    """
    bounds: list[int] = []
    for start, stop in sorted(ranges):
        if bounds and start <= bounds[-1]:
            bounds[-1] = max(bounds[-1], stop)
        else:
            bounds += [start, stop]
    return tuple(bounds)


class Parser:
    """Reads patterns into trees.

    Parameters
    ----------
    names : mapping from str to str or bounds
        Patterns and sets to put in for ``{name}``.
    """

    def __init__(self, names: Mapping[str, str | Bounds]) -> None:
        self.names = names
        self.known: dict[str, Node] = {}

    def parse(self, pattern: str) -> Node:
        """Return the tree of a pattern.

        Parameters
        ----------
        pattern : str

        Returns
        -------
        tuple
        """
        self.text, self.at = pattern, 0
        node = self._either()
        if self.at < len(pattern):
            raise ValueError(f"pattern: {pattern!r} has a stray {pattern[self.at]!r} at {self.at}")
        return node

    def _either(self) -> Node:
        nodes = [self._sequence()]
        while self.text[self.at : self.at + 1] == "|":
            self.at += 1
            nodes.append(self._sequence())
        return ("or", nodes) if len(nodes) > 1 else nodes[0]

    def _sequence(self) -> Node:
        nodes = []
        while self.at < len(self.text) and self.text[self.at] not in "|)":
            nodes.append(self._repeated(self._item()))
        return ("cat", nodes)

    def _repeated(self, node: Node) -> Node:
        while (sign := self.text[self.at : self.at + 1]) and sign in "*+?{":
            least, most = {"*": (0, None), "+": (1, None), "?": (0, 1), "{": (0, 0)}[sign]
            if sign == "{":
                if not self.text[self.at + 1].isdigit():
                    break
                numbers = self._until("}")[1:].split(",")
                least, most = int(numbers[0]), int(numbers[-1])
            self.at += 1
            node = ("repeat", node, least, most)
        return node

    def _until(self, end: str) -> str:
        """Move on to a character, and return what stands before it."""
        start, self.at = self.at, self.text.index(end, self.at)
        return self.text[start : self.at]

    def _item(self) -> Node:
        sign = self.text[self.at]
        if sign == "(":
            self.at += 1
            node = self._either()
            self.at += 1  # the closing bracket
            return node
        if sign == "{":
            name = self._until("}")[1:]
            self.at += 1
            return self._named(name)
        if sign == "[":
            return ("set", self._set())
        if sign == ".":
            self.at += 1
            return ("set", (0, 0x10000))
        letter = self._character()
        either = letter + letter.upper() + FOLDED.get(letter, "") if "a" <= letter <= "z" else letter
        return ("set", charset(either))

    def _named(self, name: str) -> Node:
        value = self.names[name]
        if not isinstance(value, str):
            return ("set", value)
        if name not in self.known:
            self.known[name] = Parser(self.names).parse(value)
        return self.known[name]

    def _set(self) -> Bounds:
        self.at += 1
        complement = self.text[self.at] == "^"
        self.at += complement
        ranges = []
        while self.text[self.at] != "]":
            first = last = self._character()
            if self.text[self.at] == "-" and self.text[self.at + 1] != "]":
                self.at += 1
                last = self._character()
            ranges.append((ord(first), ord(last) + 1))
        self.at += 1
        bounds = merged(ranges)
        if complement:
            bounds = (*bounds[1:],) if bounds[0] == 0 else (0, *bounds)
            bounds = bounds[:-1] if bounds[-1] == 0x10000 else (*bounds, 0x10000)
        return bounds

    def _character(self) -> str:
        letter = self.text[self.at]
        self.at += 1
        if letter != "\\":
            return letter
        letter = self.text[self.at]
        self.at += 1
        if letter == "u":
            self.at += 4
            return chr(int(self.text[self.at - 4 : self.at], 16))
        return ESCAPES.get(letter, letter)


def width(node: Node) -> int | None:
    """Return how many characters a tree reads, None where that varies.

    Parameters
    ----------
    node : tuple

    Returns
    -------
    int or None
    """
    if node[0] == "set":
        return 1
    if node[0] == "repeat":
        one = width(node[1])
        return one * node[2] if one is not None and node[2] == node[3] else None
    widths = [width(child) for child in node[1]]
    if node[0] == "or":
        return widths[0] if len(set(widths)) == 1 else None
    return None if None in widths else sum(w for w in widths if w is not None)
