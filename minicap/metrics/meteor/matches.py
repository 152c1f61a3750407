"""Where a caption and a reference could agree: every pair of places with equal words or equal stems."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeAlias

from minicap.metrics.meteor.words import Word

EXACT, STEM = 0, 1

# (place in the hypothesis, EXACT or STEM); the place in the reference is that of the list it stands in
Match: TypeAlias = tuple[int, int]


class Places(NamedTuple):
    """A caption with the places of its words.

    Attributes
    ----------
    words : list of Word
    by_key, by_stem : dict
        From key, and from stem, to the places of such words in ascending order.
    """

    words: list[Word]
    by_key: dict[int, list[int]]
    by_stem: dict[int, list[int]]


def places_of(words: Iterable[Word]) -> Places:
    """Note where each word and each stem of a caption stands.

    Parameters
    ----------
    words : iterable of Word

    Returns
    -------
    Places
    """
    places = Places(list(words), defaultdict(list), defaultdict(list))
    for i, word in enumerate(places.words):
        places.by_key[word.key].append(i)
        places.by_stem[word.stem].append(i)
    return places


def possible_matches(hypothesis: Places, reference: Sequence[Word]) -> list[list[Match]]:
    """Return for each word of the reference the words of the hypothesis that match it.

    Parameters
    ----------
    hypothesis : Places
    reference : sequence of Word

    Returns
    -------
    list of lists of Match
        Exact matches first, then different words with the same stem; both from left to right. Two captions
        with the same words have exact matches only.
    """
    words, by_key, by_stem = hypothesis
    same = [word.key for word in words] == [word.key for word in reference]
    options: list[list[Match]] = []
    for key, stem, _ in reference:
        found = [(i, EXACT) for i in by_key.get(key, ())]
        if not same:
            found += [(i, STEM) for i in by_stem.get(stem, ()) if words[i].key != key]
        options.append(found)
    return options


def certain_matches(options: Sequence[Sequence[Match]]) -> list[bool]:
    """Tell for each word of the reference whether it and its partner have only each other.

    Parameters
    ----------
    options : sequence of lists of Match
        As ``possible_matches`` returns them.

    Returns
    -------
    list of bool
    """
    suitors = Counter([i for found in options for i, _ in found])
    return [len(found) == 1 and suitors[found[0][0]] == 1 for found in options]
