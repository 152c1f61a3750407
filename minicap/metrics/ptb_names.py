"""Words and signs that the Penn Treebank tokenizer treats as one thing, as named patterns for its rules.

A small letter stands for either case, a capital for itself (``ptb_patterns`` says how patterns are written):
"Miss." may be short for Mississippi, "miss." ends a sentence.
"""

from __future__ import annotations

from minicap.metrics.ptb_characters import LETTERS, MARKS, ZEROS
from minicap.metrics.ptb_patterns import Bounds, merged


def ranges(text: str, length: int = 1) -> list[tuple[int, int]]:
    """Read ranges of numbers in base 16.

    Parameters
    ----------
    text : str
        ``"41-5a aa"``.
    length : int
        Of a range that is given by its first number alone.

    Returns
    -------
    list of (int, int)
        From the first number to one past the last.
    """
    ends = [[int(end, 16) for end in part.split("-")] for part in text.split()]
    return [(end[0], end[1] + 1 if end[1:] else end[0] + length) for end in ends]


def any_of(*lists: str) -> str:
    """Return the pattern of a choice among words.

    Parameters
    ----------
    *lists : str
        Words with spaces between.

    Returns
    -------
    str
    """
    return "|".join(" ".join(lists).split())


MONTHS_AND_DAYS = "jan feb mar apr jun jul aug sept? oct nov dec mon tues? wed thu(rs)? fri"
STATES = """
    ala ariz Az Ark calif colo conn ct dak Del fla ga Ill ind kans? ky La Mass md mich minn Miss mo mont neb
    nev okla Ore Pa penn tenn Tex va vt Wash wisc? wyo
"""
COMPANIES = "inc cos? corp pp?t[ye]s? ltd plc rt bancorp bhd assn univ intl sys"
LATE_IN_A_NAME = "jr sr bros (ed|ph)\\.d blvd rd esq"
SMALL_WORDS = "tel est ext sq etc al seq bldg"

TITLES = """
    mr mrs ms Miss drs? profs? sens? reps? attys? lt col gen messrs govs? adm rev maj sgt cpl pvt capt ste? ave pres
    lieut hon brig co?mdr pfc spc supts? det mt ft adj adv asst assoc ens insp mlle mme msgr sfc
"""
BEFORE_NAMES = "vs alex wm jos cie a\\.k\\.a cf treas ph invt elec natl M[ft]g m[ft]g dept"
BEFORE_NUMBERS = "ca figs? prop nos? art bldg pp op"

# A lone letter with a stop in front of one of these ends a sentence; capitals count.
OPENERS = """
    A About According Additionally After An As At But Earlier He Her Here However If In It Last Many More Mr\\. Ms\\.
    Now Once One Other Our She Since So Some Such That The Their Then There These They This We When While What Yet You
"""

ENDINGS_OF_FILES = """
    bat bmp c class cgi cpp dll docx? exe gif gz html? h jar java jpe?g mov mp3 pdf php pl png ppt ps py sql tar txt
    wav x xml zip
"""

# Words with an apostrophe in them that stay whole.
WHOLE = """
    {apos}n{apos}? [lLdDjJ]{apos} dunkin{apos} somethin{apos} ol{apos} {apos}em {apos}[2-9]0s {apos}till? {apos}cause
    [A-HJ-XZn]{tick}{alpha}{alpha}+ {alpha}*{alpha}[aeiouyAEIOUY]{tick}[aeiouA-Z]{alpha}* o{tick}o
    cont'd\\.? 'twas nor'easter c'mon e'er s'mores ev'ry li'l nat'l
"""

NAMES: dict[str, str | Bounds] = {
    # Characters
    "alpha": merged(ranges(LETTERS)),
    "mark": merged(ranges(MARKS)),
    "digit": merged(ranges(ZEROS, 10)),
    "letter": "{alpha}|{mark}|&[aeiouAEIOU](acute|grave|uml);",
    "figure": "{alpha}|{digit}",
    "space": "[ \\t\\u00a0\\u2000-\\u200a\\u3000]",
    "blank": "[ \\t\\n\\u0085\\u00a0\\u2000-\\u200a\\u3000]",
    "apos": "['\\u0092\\u2019]|&apos;",
    "tick": "['`\\u0091\\u0092\\u2018\\u2019\\u201b]|&apos;",
    "hyphen": "[-_\\u058a\\u2010\\u2011]",
    "comma": "[,;:\\u3001]",
    # Words
    "word": "{letter}({letter}|{digit})*([.!?]{letter}({letter}|{digit})*)*",
    "filename": "({letter}|{digit})+(\\.({letter}|{digit})+)*\\.(" + any_of(ENDINGS_OF_FILES) + ")",
    "whole": any_of(WHOLE),
    "part": "([dDoOlL]{tick}{figure})?{figure}+",
    "thing": "{part}({hyphen}{part})*",
    "sum": "[A-Z]+((&amp;|[+&])[A-Z]+)+",
    "compound": "[A-Za-z0-9][A-Za-z0-9.,\\u00ad]*(-([A-Za-z0-9\\u00ad]+|{acronym2}\\.))+",
    "slashed": "{slashable}(\\\\?/{slashable}){1,2}",
    "slashable": "[A-Za-z0-9]+(-[A-Za-z]+){0,2}",
    # Abbreviations
    "dealings": "(canada|sino|korean|eu|japan|non)-u\\.s|u\\.s\\.-(u\\.k|u\\.s\\.s\\.r)",
    "acronym": "[A-Za-z](\\.[A-Za-z])*|{dealings}",
    "acronym2": "[A-Za-z](\\.[A-Za-z])+|{dealings}",
    "late": any_of(MONTHS_AND_DAYS, STATES, COMPANIES, LATE_IN_A_NAME, SMALL_WORDS),
    "early": any_of(TITLES, BEFORE_NAMES) + "|{acronym}",
    "numbered": any_of(BEFORE_NUMBERS),
    "opener": any_of(OPENERS),
    # Numbers
    "number": "[-+]?({digit}+|{digit}*([.:,\\u00ad\\u066b\\u066c]{digit}+)+)",
    "date": "{digit}{1,2}[-/]{digit}{1,2}[-/]{digit}{2,4}",
    "fraction": "({digit}{1,4}[- \\u00a0])?{digit}{1,4}(\\\\?/|\\u2044){digit}{1,4}",
    "raised": "[\\u207a\\u207b\\u208a\\u208b]?([\\u2070\\u00b9\\u00b2\\u00b3\\u2074-\\u2079]+|[\\u2080-\\u2089]+)",
    "gap": "[- \\u00a0]",
    "area": "\\([0-9]{2,3}\\)[ \\u00a0]?|(\\+\\+?)?([0-9]{2,4}{gap})?[0-9]{2,4}{gap}",
    "phone": "({area})[0-9]{3,4}{gap}?[0-9]{3,5}|((\\+\\+?)?[0-9]{2,4}\\.)?[0-9]{2,4}\\.[0-9]{3,4}\\.[0-9]{3,5}",
    # Addresses and markup
    "url": 'https?://[^ \\t\\n\\f\\r"<>|(){}]+{url end}',
    "url end": '[^ \\t\\n\\f\\r"<>|.!?(){},-]',
    "site": 'www\\.([^ \\t\\n\\f\\r"<>|.!?(){},]+\\.)+[a-zA-Z]{2,4}|{short site}',
    "short site": "([^ \\t\\n\\f\\r\"`'<>|.!?(){},-_$]+\\.)+(com|net|org|edu)",
    "path": '/[^ \\t\\n\\f\\r"<>|()]+{url end}',
    "email": '(&lt;|<)?[a-zA-Z0-9][^ \\t\\n\\f\\r"<>|()\\u00a0{}]*@({host}\\.)*{host}(&gt;|>)?',
    "host": '[^ \\t\\n\\f\\r"<>|(){}.\\u00a0]+',
    "tag name": "[A-Za-z][A-Za-z0-9_:.-]*",
    "attribute": " +{tag name}( *= *('[^'\\n]*'|\"[^\"\\n]*\"))?",
    "tag": "<([!?][A-Za-z-][^>\\n]*|{tag name}({attribute})* */?|/{tag name}) *>",
    # Signs
    "dash": "&(md|mdash|ndash);|[\\u0096\\u0097\\u2013-\\u2015]",
    "dots": "\\.{3,5}|(\\.[ \\u00a0]){2,4}\\.|[\\u0085\\u2026]",
    "smiley": "[<>]?[:;=][-o*']?[()DPdpO\\\\{@|\\[\\]]",
    # In the first kind, "~" was meant as a sign of the face and works as "anything up to".
    "kaomoji": "[\\^x=~<>]\\.\\[\\^x=[^<\\n]*<>\\]|[-\\^x=~<>']_[-\\^x=~<>']"
    "|\\([-\\^x=~<>'][_.]?[-\\^x=~<>']\\)|\\([\\^x=~<>']-[\\^x=~<>'`]\\)",
    "money": "[\\u0080\\u00a2-\\u00a5\\u060b\\u0e3f\\u20a0\\u20a4\\u20ac\\uffe0\\uffe1\\uffe5\\uffe6]",
    "quote": "{apos}|''|{curly}{1,2}",
    "curly": "[`\\u0091-\\u0094\\u00ab\\u00bb\\u2018-\\u201f\\u2039\\u203a]",
    "symbol": "[+%&~\\^|\\\\\\u00a6-\\u00a9\\u00ac\\u00ae-\\u00ba\\u00d7\\u00f7\\u0387\\u05be\\u05c0\\u05c3\\u05c6"
    "\\u05f3\\u05f4\\u0600-\\u0603\\u0606-\\u060a\\u060c\\u0614\\u061b\\u061e\\u066a\\u066d\\u0703-\\u070d"
    "\\u07f6-\\u07f8\\u0964\\u0965\\u0e4f\\u1fbd\\u2016\\u2017\\u2020-\\u2023\\u2030-\\u2038\\u203b\\u203e-\\u2042"
    "\\u2044\\u207a-\\u207f\\u208a-\\u208e\\u2100-\\u214f\\u2190-\\u2bff\\u3012\\u30fb\\uff01-\\uff0f"
    "\\uff1a-\\uff20\\uff3b-\\uff40\\uff5b-\\uff65]",
}
