"""What METEOR knows of a word: whether it equals another, has the same stem, or only holds sentences together."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from snowballstemmer.english_stemmer import EnglishStemmer  # not the C library, whose version may be another

from minicap.metrics.meteor.lists import FUNCTION_WORDS

STEMMER = EnglishStemmer()


class Word(NamedTuple):
    """A word as the aligner sees it.

    Attributes
    ----------
    key : int
        Equal for equal words.
    stem : int
        Equal for words of one stem.
    is_function : bool
        Whether it is a function word, which counts for a third of a content word.
    """

    key: int
    stem: int
    is_function: bool


@lru_cache(maxsize=100_000)
def look_up(word: str) -> Word:
    """Return what is known of a word in lower case.

    Parameters
    ----------
    word : str

    Returns
    -------
    Word
    """
    return Word(string_hash(word), string_hash(STEMMER.stemWord(word)), word in FUNCTION_WORDS)


def string_hash(text: str) -> int:
    """Return Java's hash of a string, by which the program tells words apart.

    It is ``s_0 31^(n-1) + ... + s_(n-1)`` modulo 2^32 over the n UTF-16 units. Two words of a language hardly
    ever share one; where they do ("ap" and "c2"), the program takes them for the same word, and so do we.

    Parameters
    ----------
    text : str

    Returns
    -------
    int
    """
    value = 0
    for unit in memoryview(text.encode("utf-16-le")).cast("H"):
        value = (31 * value + unit) & 0xFFFFFFFF
    return value
