"""The rules of the Penn Treebank tokenizer, in order of preference, and what each makes of its match.

The longest match wins, together with what has to follow it; of equally long ones the first rule. A rule's
maker takes the text that matched and returns the token, or "" for none.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from minicap.metrics.ptb_patterns import Rule

NO_BREAK_SPACE = "\u00a0"
QUOTES = {"'": "'", "&apos;": "'", '"': "''", "&quot;": "''"}
OPENING = {"'": "`", "&apos;": "`", '"': "``", "&quot;": "``"}
CURLY = str.maketrans(
    {"\u0091": "`", "\u2018": "`", "\u201b": "`", "\u2039": "`"}
    | {"\u0092": "'", "\u2019": "'", "\u203a": "'"}
    | {"\u0093": "``", "\u201c": "``", "\u00ab": "``", "\u0094": "''", "\u201d": "''", "\u00bb": "''"}
)
FRACTIONS = {"\u00bc": "1/4", "\u00bd": "1/2", "\u00be": "3/4", "\u2153": "1/3", "\u2154": "2/3"}
CURRENCIES = {"\u00a2": "cents", "\u00a3": "#", "\u0080": "$", "\u00a4": "$", "\u20a0": "$", "\u20ac": "$"}
BRACKETS = {"(": "-LRB-", ")": "-RRB-", "[": "-LSB-", "]": "-RSB-", "{": "-LCB-", "}": "-RCB-"}
ROUND = str.maketrans({"(": "-LRB-", ")": "-RRB-"})


class Made(NamedTuple):
    """A rule with its maker.

    Attributes
    ----------
    rule : Rule
    make : callable
        From the match to the token.
    back : int
        Characters at the end of a match that the next one starts with.
    """

    rule: Rule
    make: Callable[[str], str]
    back: int = 0


def same(text: str) -> str:
    """Return the match as it stands.

    Parameters
    ----------
    text : str

    Returns
    -------
    str
    """
    return text


def nothing(text: str) -> str:
    """Return no token.

    Parameters
    ----------
    text : str

    Returns
    -------
    str
    """
    return ""


def always(token: str) -> Callable[[str], str]:
    """Return a maker of one token.

    Parameters
    ----------
    token : str

    Returns
    -------
    callable
    """
    return lambda text: token


def looked_up(table: dict[str, str]) -> Callable[[str], str]:
    """Return a maker that looks a match up, and leaves it where it is not found.

    Parameters
    ----------
    table : dict from str to str

    Returns
    -------
    callable
    """
    return lambda text: table.get(text, text)


def without_soft_hyphens(text: str) -> str:
    """Return the match without soft hyphens; of soft hyphens alone, one hyphen.

    Parameters
    ----------
    text : str

    Returns
    -------
    str
    """
    return text.replace("\u00ad", "") or "-"


def with_ampersands(text: str) -> str:
    """Return the match with its entities of ampersands resolved.

    Parameters
    ----------
    text : str

    Returns
    -------
    str
    """
    parts = text.split("&")
    return "&".join(part[4:] if part[:4].lower() == "amp;" else part for part in parts)


def joined(text: str) -> str:
    """Return the match with no-break spaces for its spaces, so that it stays one token.

    Parameters
    ----------
    text : str

    Returns
    -------
    str
    """
    return text.replace(" ", NO_BREAK_SPACE)


def with_round_brackets(text: str) -> str:
    """Return the match with the names of round brackets and no-break spaces.

    Parameters
    ----------
    text : str

    Returns
    -------
    str
    """
    return joined(text).translate(ROUND)


def quoted(text: str) -> str:
    """Return the match with closing quotes, curly ones by their own direction.

    Parameters
    ----------
    text : str

    Returns
    -------
    str
    """
    text = text.replace("&apos;", "'").replace("&quot;", "''").replace('"', "''")
    return text.translate(CURLY)


def dashes(text: str) -> str:
    """Return two hyphens for three or four, which stand for a dash, else the match.

    Parameters
    ----------
    text : str

    Returns
    -------
    str
    """
    return "--" if 3 <= len(text) <= 4 else text


def rule(
    name: str,
    pattern: str,
    make: Callable[[str], str] = same,
    ahead: str | tuple[str, ...] = "",
    back: int = 0,
) -> list[Made]:
    """Return a rule once for each thing that may follow it.

    Parameters
    ----------
    name, pattern : str
    make : callable
    ahead : str or tuple of str
        What has to follow, by length: one pattern has one length.
    back : int

    Returns
    -------
    list of Made
    """
    several = (ahead,) if isinstance(ahead, str) else ahead
    return [Made(Rule(name, pattern, one), make, back) for one in several]


def cut(count: int) -> Callable[[str], str]:
    """Return a maker that leaves the end of a match to the next one.

    Parameters
    ----------
    count : int
        Characters left.

    Returns
    -------
    callable
    """
    return lambda text: text[:-count]


# What an auxiliary looks like behind its word: 's 'm 'd 're 've 'll, with an apostrophe or the entity for it.
AUXILIARIES = tuple(
    mark + end for mark in ("['\\u0092\\u2019]", "&apos;") for end in ("[msdMSD]", "(re|ve|ll)")
)
NOT = ("n['`\\u0091\\u0092\\u2018\\u2019\\u201b]t", "n&apos;t")
AUXILIARY = "|".join(AUXILIARIES)
NEGATION = "|".join(NOT)

RULES: list[Made] = [
    *rule("c++", "c\\+\\+"),
    *rule("c sharp", "[cCfF]#"),
    *rule("cannot", "cannot", cut(3), back=3),
    *rule("'twas", "'twas", cut(3), back=3),
    *rule("'tis", "'tis", cut(2), back=2),
    *rule("gonna", "gonna|gotta|lemme|gimme|wanna", cut(2), back=2),
    *rule("tag", "{tag}", joined),
    *rule("dash", "{dash}", always("--")),
    *rule("ampersand", "&amp;", always("&")),
    *rule("entity", "&(ht|tl|ur|lr|qc|ql|qr|odq|cdq|#[0-9]+);"),
    *rule("word before auxiliary", "{word}", without_soft_hyphens, AUXILIARIES),
    *rule("word before not", "[A-Za-z\\u00ad]*[A-MO-Za-mo-z]\\u00ad*", without_soft_hyphens, NOT),
    *rule("word", "{word}", without_soft_hyphens),
    *rule("whole", "{whole}"),
    *rule("y'", "y{apos}", ahead="{alpha}"),
    *rule("url", "{url}"),
    *rule("site", "({site})({path})?"),
    *rule("email", "{email}"),
    *rule("name or topic", "@[a-zA-Z_][a-zA-Z_0-9]*|#({letter})+"),
    *rule("auxiliary", AUXILIARY, quoted, "[^A-Za-z]"),
    *rule("not", NEGATION, quoted, "[^A-Za-z]"),
    *rule("date", "{date}"),
    *rule("number", "{number}", without_soft_hyphens),
    *rule("raised", "{raised}"),
    *rule("fraction", "{fraction}", joined),
    *rule("one sign fraction", "[\\u00bc-\\u00be\\u2153-\\u215e]", looked_up(FRACTIONS)),
    *rule(
        "treebank",
        "-(r|l)(r|c|s)b-|c\\.d\\.s|pro-|anti-|s(&|&amp;)(p-500|ls)|cap{apos}n|c{apos}est",
        with_ampersands,
    ),
    *rule("slashed", "{slashed}"),
    *rule("dollar", "[A-Z]*\\$|#"),
    *rule("currency", "{money}", looked_up(CURRENCIES)),
    *rule("lone letter", "[A-Za-z]\\.", cut(1), "{blank}+({opener}|{tag}){blank}", back=1),
    *rule("before number", "({numbered})\\.", ahead=("{blank}{digit}", "{digit}")),
    *rule("limited", "(pt[eyEY]|co)\\.", ahead="{space}(ltd|lim)"),
    *rule("late abbreviation", "({late})\\.", ahead=".."),
    *rule("last abbreviation", "({late})\\.", back=1),
    *rule("early abbreviation", "({early})\\."),
    *rule("early abbreviation without stop", "{early}", ahead="{space}"),
    *rule("acronym", "{acronym}", ahead="{blank}"),
    *rule("year", "({apos})[0-9][0-9]", ahead="{blank}"),
    *rule("filename", "{filename}", ahead="{blank}|[.?!,]"),
    *rule("word with stop", "{word}\\.", without_soft_hyphens, "{comma}"),
    *rule("phone", "{phone}", with_round_brackets),
    *rule("opening quote", '"|&quot;', looked_up(OPENING), "[A-Za-z0-9$]"),
    *rule("quote", '"|&quot;', quoted),
    *rule("delete", "\\u007f", nothing),
    *rule("less", "<|&lt;", always("<")),
    *rule("greater", ">|&gt;", always(">")),
    *rule("smiley", "{smiley}", with_round_brackets, "[^A-Za-z0-9]"),
    *rule("kaomoji", "{kaomoji}", with_round_brackets),
    *rule("bracket", "[(){}\\[\\]]", looked_up(BRACKETS)),
    *rule("hyphens", "-+", dashes),
    *rule("dots", "{dots}", always("...")),
    *rule("marks", "@+|#+|_+"),
    *rule("asterisks", "\\*+|(\\\\\\*){1,3}"),
    *rule("comma", "{comma}"),
    *rule(
        "end of sentence", "[?!]+|[.\\u00a1\\u00bf\\u037e\\u0589\\u061f\\u06d4\\u0700-\\u0702\\u07fa\\u3002]"
    ),
    *rule("equals or slash", "[=/]"),
    *rule("compound with stop", "{compound}\\.", without_soft_hyphens, "{comma}"),
    *rule("compound", "{compound}", without_soft_hyphens),
    *rule("thing with stop", "{thing}\\.", ahead="{comma}"),
    *rule("thing", "{thing}"),
    *rule("sum with stop", "{sum}\\.", with_ampersands, "{comma}"),
    *rule("sum", "{sum}", with_ampersands),
    *rule("opening apostrophe", "'", looked_up(OPENING), "[A-Za-z][^ \\t\\n\\r\\u00a0]"),
    *rule("last auxiliary", AUXILIARY, quoted),
    *rule("last not", NEGATION, quoted),
    *rule("quotes", "{quote}", quoted),
    *rule("duck feet", "<<|>>"),
    *rule("symbol", "{symbol}"),
    *rule("blanks", "\\u0000|({space})+|[\\u200b\\u200e\\u200f\\ufeff]|&nbsp;", nothing),
    *rule("line", "\\n", same),
    *rule("unknown", ".", nothing),
]
