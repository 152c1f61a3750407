"""Make words of a line as METEOR's own normaliser does for English: marks apart, quotes and dashes alike.

A caption that comes from a tokenizer passes nearly unchanged. What still happens to it: ``t-shirt`` becomes
two words, ``dog's`` becomes ``dog 's``, ``u.s.`` becomes ``us``, and everything is lower case.
"""

from __future__ import annotations

import re

from minicap.metrics.meteor.lists import ABBREVIATIONS, ABBREVIATIONS_BEFORE_NUMBERS

# Latin with the accents of Western Europe, Cyrillic, phonetic signs: what the program takes for letters.
LETTERS = (
    r"A-Za-z\u0160\u0161\u017d\u017e\u0178\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u017e"
    r"\u0400-\u0527\ua640-\ua66e\ua67e-\ua697\u1d00-\u1d7f"
)
SPACES = r" \u00a0\u2000-\u200a\u202f\u205f\u3000"

# (what, by what) in this order; each reads left to right and never meets a character twice
STEPS = [
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (rf"([^{LETTERS}0-9 \t\n\v\f\r.'`,\-‘’])", r" \1 "),  # every other mark stands alone
        (r"(\.{2,})", r" \1 "),
        (r"([^0-9]),([^0-9])", r"\1 , \2"),  # 10,000 stays
        (r"([0-9]),([^0-9])", r"\1 , \2"),
        (r"([^0-9]),([0-9])", r"\1 , \2"),
        (r"[`‘’]", "'"),
        (r"[“”]|''", ' " '),
        (r"–", "-"),
        (r"--", "-"),
        (rf"([{LETTERS}0-9.])-([{LETTERS}0-9])", r"\1 \2"),
        (rf"([^{LETTERS}])'([^{LETTERS}])", r"\1 ' \2"),
        (rf"([^{LETTERS}0-9])'([{LETTERS}])", r"\1 ' \2"),
        (rf"([{LETTERS}])'([^{LETTERS}])", r"\1 ' \2"),
        (rf"([{LETTERS}])'([{LETTERS}])", r"\1 '\2"),
        (r"([0-9])'(s)", r"\1 '\2"),  # the 1990's
    )
]

PLAIN = re.compile("[A-Za-z0-9 ]*")
LETTER = re.compile(f"[{LETTERS}]")
BETWEEN_WORDS = re.compile(r"[ \t\n\f\r]+")
SPACE = re.compile(f"[{SPACES}]+")
CONTROL = "".join(map(chr, range(33)))


def normalize(line: str) -> list[str]:
    """Return the words of a line, in lower case; marks are words too.

    Parameters
    ----------
    line : str

    Returns
    -------
    list of str
    """
    if PLAIN.fullmatch(line):  # nothing below would change it
        return line.lower().split()
    line = f" {line} "
    for pattern, replacement in STEPS:
        line = pattern.sub(replacement, line)
    words = [word for word in BETWEEN_WORDS.split(line) if word]
    following = [*words[1:], ""]
    line = " ".join(final_dot(word, after) for word, after in zip(words, following, strict=True))
    return [word for word in SPACE.sub(" ", line).strip(CONTROL).lower().split(" ") if word]


def final_dot(word: str, following: str) -> str:
    """Take the dot off a word where it ends a sentence.

    Parameters
    ----------
    word : str
    following : str
        The next word, or nothing. A small letter there says that the sentence goes on.

    Returns
    -------
    str
        ``"dog ."`` for ``"dog."``, ``"US"`` for ``"U.S."``; other words as they are.
    """
    body = word[:-1]
    if not word.endswith(".") or not body.strip("."):  # a dot, or a row of them, is a word
        return word
    if "." in body and LETTER.search(body):
        return word.replace(".", "")
    keeps = body in ABBREVIATIONS or "a" <= following[:1] <= "z"
    if keeps or (body in ABBREVIATIONS_BEFORE_NUMBERS and "0" <= following[:1] <= "9"):
        return word
    return f"{body} ."
