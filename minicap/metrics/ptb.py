"""The Penn Treebank tokenizer as the standard COCO caption evaluation runs it, without Java.

The evaluation code writes all captions into one file, a line each, has it split by CoreNLP 3.4.1 in small
letters, and drops tokens that are punctuation. So does ``ptb_tokenize``, with three consequences that are kept:

- a token may depend on what follows its caption. A lone letter with a stop at a caption's end ("vitamin c.") keeps
  the stop, unless the next caption starts with "A", "The" or another word that often opens a sentence; "no." and
  "fig." keep it where the next caption starts with a digit; ":)" is a smiley at the end of any line but the last;
- brackets become ``-lrb-``, ``-rsb-`` and so on and are not dropped, as the list of punctuation has them in capitals;
- a token may contain a no-break space: "(555) 555-1212" and "1 1/2" are one token each.

Where the two differ, it is on purpose:

- characters that end a line (carriage return, vertical tab, form feed, U+2028, U+2029) are read as spaces, like
  ``\\n``. There they begin a new line, and all captions after belong to the wrong picture;
- markup and a rare face (``<.[^x=...<>]``) end with their caption. There a quote left open inside a tag joins
  captions up to the next quote;
- half of a surrogate pair is read and gives "?" where it is part of an address. There it stops the evaluation;
- of the two small sigmas, a capital one becomes the one that Unicode's rule and ``str.lower`` take. In a token that
  mixes Greek with digits or another script Java may take the other, by its own idea of where a word ends. Capitals
  that are newer than a Java or a Python stay as they are in it.

References
----------
M. Marcus, B. Santorini, M. Marcinkiewicz: Building a large annotated corpus of English: the Penn Treebank.
Computational Linguistics 19, 1993.

X. Chen et al.: Microsoft COCO captions: data collection and evaluation server. arXiv:1504.00325, 2015.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache

from minicap.metrics.ptb_automaton import Automaton
from minicap.metrics.ptb_names import NAMES
from minicap.metrics.ptb_rules import RULES

PUNCTUATION = frozenset(
    ["''", "'", "``", "`", "-LRB-", "-RRB-", "-LCB-", "-RCB-", ".", "?", "!", ",", ":", "-", "--", "...", ";"]
)
LINE_ENDS = str.maketrans(dict.fromkeys("\n\r\v\f\u2028\u2029", " "))
BEYOND_16_BITS = re.compile("[\U00010000-\U0010ffff]")
# A run of plain words, each with the space behind it. The automaton would take them one by one as they are, but for
# those that it cuts in two.
PLAIN = re.compile("(?:[A-Za-z]{1,40} ){1,16}")
CUT_IN_TWO = frozenset(["cannot", "gonna", "gotta", "lemme", "gimme", "wanna"])
SURROGATES = re.compile("[\ud800-\udfff]")


class PtbTokenizer:
    """The tokenizer of the standard COCO caption evaluation, for one caption at a time.

    Attributes
    ----------
    name : str
        "ptb", for a score's signature.
    """

    name = "ptb"

    def split(self, text: str) -> list[str]:
        """Split one caption, as if it were the only one; ``ptb_tokenize`` splits many and is faster.

        Parameters
        ----------
        text : str

        Returns
        -------
        list of str
            In small letters, without punctuation.

        Raises
        ------
        ValueError
            If the caption is not text.
        """
        return ptb_tokenize([text])[0]


def ptb_tokenize(captions: Iterable[str]) -> list[list[str]]:
    """Split captions into tokens in small letters, without punctuation.

    Parameters
    ----------
    captions : iterable of str
        In the order in which the evaluation code would see them: all of the first picture's, then the next's.

    Returns
    -------
    list of lists of str
        One list a caption.

    Raises
    ------
    ValueError
        If a caption is not text.
    """
    if isinstance(captions, str):
        raise ValueError(f"ptb_tokenize: captions is the string {captions[:40]!r}, not a list of captions")
    lines = [_one_line(i, caption) for i, caption in enumerate(captions)]
    tokens: list[list[str]] = [[] for _ in lines]
    line = 0
    for token in _tokens("\n".join(lines)):
        if token == "\n":
            line += 1
        else:
            tokens[line].append(token)
    return [_without_punctuation(line) for line in tokens]


def _one_line(index: int, caption: str) -> str:
    """Return a caption as one line of 16-bit characters, which is what the original reads."""
    if not isinstance(caption, str):
        raise ValueError(f"ptb_tokenize: captions[{index}] is {caption!r:.60}, not text")
    caption = caption.translate(LINE_ENDS)
    if not caption.isascii():
        caption = BEYOND_16_BITS.sub(_surrogates, caption)
    return caption


def _surrogates(match: re.Match[str]) -> str:
    """Return the two 16-bit characters that stand for one beyond."""
    high, low = divmod(ord(match[0]) - 0x10000, 0x400)
    return chr(0xD800 + high) + chr(0xDC00 + low)


@cache
def _automaton() -> Automaton:
    """Return the rules' automaton; the states that it has met stay with it."""
    return Automaton([made.rule for made in RULES], NAMES)


def _tokens(text: str) -> Iterator[str]:
    """Split lines into tokens in small letters, with a line break as a token."""
    automaton = _automaton()
    letters = text.translate(automaton.alphabet)
    hopeless: set[tuple[int, int]] = set()
    at = 0
    while at < len(text):
        if run := PLAIN.match(text, at):
            words = run[0].lower().split()
            if CUT_IN_TWO.isdisjoint(words):
                yield from words
                at = run.end()
                continue
        rule, end = automaton.longest(letters, at, hopeless)
        _, make, back = RULES[rule - 1]
        token = make(text[at:end])
        if token:
            yield token.lower()
        at = end - back


def _without_punctuation(tokens: list[str]) -> list[str]:
    """Drop punctuation, and white space that an address at the end of a line ends in."""
    if tokens and tokens[-1][-1].isspace():
        tokens = [*tokens[:-1], tokens[-1].rstrip()]
    return [_whole(token) for token in tokens if token not in PUNCTUATION]


def _whole(token: str) -> str:
    """Return a token with surrogate pairs joined again."""
    if token.isascii() or not SURROGATES.search(token):
        return token
    joined = token.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
    return joined.encode("utf-8", "replace").decode("utf-8")
