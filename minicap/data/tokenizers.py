"""Captions to tokens and back: by words or by characters, in any script."""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Iterable
from functools import cache
from typing import Protocol

# One spelling each for the typographic forms of the apostrophe and the hyphen.
_SPELLINGS = str.maketrans({"\u2019": "'", "\u2018": "'", "\u2010": "-", "\u2011": "-"})


class Tokenizer(Protocol):
    """What a tokenizer offers: a name for files, a usual caption length, and both directions."""

    name: str
    max_length: int

    def split(self, text: str) -> list[str]:
        """Return the tokens of a caption."""

    def join(self, tokens: Iterable[str]) -> str:
        """Return the caption that the tokens spell."""


class WordTokenizer:
    """Split a caption into lower-case words; punctuation is dropped.

    A word is a run of letters, digits and combining marks of any script, with single apostrophes and
    hyphens inside (``don't``, ``tri-colored``). Text is normalised to NFC first, so that one word has
    one spelling. Scripts that put no spaces between words (Chinese, Thai) are better read by character.
    """

    name = "word"
    max_length = 40

    def split(self, text: str) -> list[str]:
        """Return the words of a caption.

        Parameters
        ----------
        text : str
            Any text.

        Returns
        -------
        list of str
            Lower-case words in order; empty where the text has none.
        """
        folded = _compose(_compose(text).lower()).translate(_SPELLINGS)
        return _word_pattern(folded.isascii()).findall(folded)

    def join(self, tokens: Iterable[str]) -> str:
        """Return words as a caption, one space between two.

        Parameters
        ----------
        tokens : iterable of str
            Words.

        Returns
        -------
        str
        """
        return " ".join(tokens)


class CharTokenizer:
    """Split a caption into characters, spaces and punctuation included.

    A character is one code point of the NFC form; case is kept, and any run of white space is one space.
    """

    name = "char"
    max_length = 200

    def split(self, text: str) -> list[str]:
        """Return the characters of a caption.

        Parameters
        ----------
        text : str
            Any text.

        Returns
        -------
        list of str
            Code points in order.
        """
        return list(" ".join(_compose(text).split()))

    def join(self, tokens: Iterable[str]) -> str:
        """Return characters as a caption.

        Parameters
        ----------
        tokens : iterable of str
            Characters.

        Returns
        -------
        str
        """
        return "".join(tokens)


_TOKENIZERS: dict[str, Tokenizer] = {"word": WordTokenizer(), "char": CharTokenizer()}


def get_tokenizer(name: str) -> Tokenizer:
    """Return the tokenizer of this name.

    Parameters
    ----------
    name : str
        ``"word"`` or ``"char"``.

    Returns
    -------
    Tokenizer

    Raises
    ------
    ValueError
        If there is none of this name.
    """
    if not isinstance(name, str) or name not in _TOKENIZERS:
        raise ValueError(
            f"get_tokenizer: there is no tokenizer {name!r}; choose one of {', '.join(_TOKENIZERS)}"
        )
    return _TOKENIZERS[name]


def _compose(text: str) -> str:
    """Return the NFC form, without lone surrogates, which no file could hold."""
    return unicodedata.normalize("NFC", text.encode("utf-8", "ignore").decode("utf-8"))


@cache
def _word_pattern(ascii_only: bool) -> re.Pattern[str]:
    """Return the pattern of a word; marks are listed only once text needs them."""
    letter, more = r"[^\W_]", ""
    if not ascii_only:  # ``re`` knows letters and digits, but not the combining marks of most scripts
        every = map(chr, range(0x300, sys.maxunicode + 1))
        more = "".join(c for c in every if unicodedata.category(c).startswith("M"))
    rest = f"(?:{letter}|[{more}])" if more else letter
    return re.compile(f"{letter}{rest}*(?:['\\-\u200c\u200d]{rest}+)*")
