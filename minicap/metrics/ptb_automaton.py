"""A lexer of many patterns at once: the longest match wins, of equally long ones the first pattern.

Every place of a pattern that reads one character is a position; the set of positions that may come next is a
state of a deterministic automaton (Glushkov's construction). States are made when a text first reaches them, so
nothing is built in advance, and a character costs one look-up afterwards.

References
----------
V. M. Glushkov: The abstract theory of automata. Russian Mathematical Surveys 16, 1961.

T. Reps: "Maximal munch" tokenization in linear time. TOPLAS 20, 1998.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import count

from minicap.metrics.ptb_patterns import Bounds, Node, Parser, Rule, width

CHUNK = 32


class Alphabet(dict[int, str]):
    """From a character's number to the first character seen that no pattern tells from it, for ``str.translate``."""

    def __init__(self, sets: Sequence[Bounds]) -> None:
        super().__init__()
        self.sets = sets
        self.likes: dict[frozenset[int], str] = {}
        self.inside: dict[str, frozenset[int]] = {}

    def __missing__(self, code: int) -> str:
        inside = frozenset(i for i, bounds in enumerate(self.sets) if bisect_right(bounds, code) & 1)
        letter = self.likes.setdefault(inside, chr(code))
        self.inside[letter] = inside
        self[code] = letter
        return letter


class State(dict[str, "State"]):
    """The positions that may come next; as a dict, from a character to the state after it.

    ``rule`` counts from 1: the rule whose match ends here; 0 for none, -1 where nothing can match any more.
    """

    __slots__ = ("number", "owner", "positions", "rule")

    def __init__(self, owner: Automaton, positions: frozenset[int], number: int) -> None:
        self.owner, self.positions, self.number = owner, positions, number
        ends = [owner.ends[p] for p in positions if p in owner.ends]
        self.rule = min(ends) if ends else 0 if positions else -1

    def __missing__(self, letter: str) -> State:
        owner = self.owner
        inside = owner.alphabet.inside[letter]
        following = [owner.follow[p] for p in self.positions if owner.reads[p] in inside]
        state = self[letter] = owner.state(frozenset().union(*following))
        return state


class Automaton:
    """All rules at once.

    Parameters
    ----------
    rules : sequence of Rule
        In order of preference.
    names : mapping from str to str or bounds
        The named patterns and sets.
    """

    def __init__(self, rules: Sequence[Rule], names: Mapping[str, str | Bounds]) -> None:
        self.follow: list[set[int]] = []
        self.reads: list[int] = []  # the number of the set that a position reads, -1 at a rule's end
        self.ends: dict[int, int] = {}
        self.backs: list[tuple[int | None, int | None]] = [(0, None)]  # (ahead's width, else pattern's)
        self._sets: dict[Bounds, int] = {}
        parser, first = Parser(names), set()
        for number, rule in enumerate(rules, 1):
            body, ahead = parser.parse(rule.pattern), parser.parse(rule.ahead)
            self.backs.append((width(ahead), width(body)))
            if self.backs[-1] == (None, None):
                raise ValueError(f"rule {rule.name}: neither the pattern nor what follows it has one length")
            end = self._position(-1)
            self.ends[end] = number
            _, starts, lasts = self._build(("cat", [body, ahead]))
            first |= starts
            for p in lasts:
                self.follow[p].add(end)
        self.alphabet = Alphabet(list(self._sets))
        self._states: dict[frozenset[int], State] = {}
        self._numbers = count()  # threads may make states at once
        self.start = self.state(frozenset(first))

    def state(self, positions: frozenset[int]) -> State:
        """Return the one state of a set of positions.

        Parameters
        ----------
        positions : frozenset of int

        Returns
        -------
        State
        """
        state = self._states.get(positions)
        if state is None:
            state = self._states.setdefault(positions, State(self, positions, next(self._numbers)))
        return state

    def _position(self, reads: int) -> int:
        self.follow.append(set())
        self.reads.append(reads)
        return len(self.reads) - 1

    def _build(self, node: Node) -> tuple[bool, set[int], set[int]]:
        """Lay out a tree; return if it matches nothing too, its first and its last positions."""
        if node[0] == "set":
            p = self._position(self._sets.setdefault(node[1], len(self._sets)))
            return False, {p}, {p}
        if node[0] == "or":
            parts = [self._build(child) for child in node[1]]
            return (
                any(p[0] for p in parts),
                set().union(*(p[1] for p in parts)),
                set().union(*(p[2] for p in parts)),
            )
        if node[0] == "repeat":
            return self._build_repeat(*node[1:])
        return self._chain([self._build(child) for child in node[1]])

    def _build_repeat(self, node: Node, least: int, most: int | None) -> tuple[bool, set[int], set[int]]:
        parts = [self._build(node) for _ in range(max(least, most or 1))]
        if most is None:
            for p in parts[-1][2]:
                self.follow[p] |= parts[-1][1]
        parts = [(empty or i >= least, first, last) for i, (empty, first, last) in enumerate(parts)]
        return self._chain(parts)

    def _chain(self, parts: list[tuple[bool, set[int], set[int]]]) -> tuple[bool, set[int], set[int]]:
        empty, first, last = True, set[int](), set[int]()
        for part_empty, part_first, part_last in parts:
            for p in last:
                self.follow[p] |= part_first
            first = first | part_first if empty else first
            last = last | part_last if part_empty else part_last
            empty = empty and part_empty
        return empty, first, last

    def longest(self, letters: str, start: int, hopeless: set[tuple[int, int]]) -> tuple[int, int]:
        """Find the longest match at a place.

        Parameters
        ----------
        letters : str
            The text, translated by ``alphabet``.
        start : int
        hopeless : set of (int, int)
            Empty at the first call on a text, and handed back at the next ones: states and places from which
            nothing further matches. It keeps the time linear where one search after the other would run to
            the end of the text in vain.

        Returns
        -------
        (int, int)
            The rule, counted from 1, and the end of the match, what has to follow not included; (0, start) for none.
        """
        state, best, end, at, trail = self.start, 0, start, start, []
        while True:
            for at, letter in enumerate(letters[at : at + CHUNK - at % CHUNK], at + 1):  # noqa: B020
                state = state[letter]
                rule = state.rule
                if rule:
                    if rule < 0:
                        break
                    best, end = rule, at
            if state.rule < 0 or at == len(letters) or (key := (state.number, at)) in hopeless:
                break
            trail.append(key)
        if trail:
            hopeless.update(key for key in trail if key[1] >= end)
        ahead, body = self.backs[best]
        return best, end - ahead if ahead is not None else start + (body or 0)
