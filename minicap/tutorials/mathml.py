"""LaTeX in Markdown to MathML, which browsers show and screen readers read without a script or a network."""

from __future__ import annotations

import html
import re
from collections.abc import Callable

from minicap.errors import InputError

# What is code is left alone, so it stands first; then display mathematics, then inline.
_PARTS = re.compile(
    r"(?P<code>```.*?```|`[^`\n]+`)|\$\$(?P<display>.+?)\$\$|(?<![\\\w$])\$(?P<inline>[^\s$](?:[^$]*?[^\s$])?)\$(?![\w$])",
    re.DOTALL,
)
_UNREAD = re.compile(r"\\[a-zA-Z]+|&(?!#?\w+;)")
_BOLD = re.compile(r'<m[in] mathvariant="bold">(\w+)</m[in]>')
# What the converter reads otherwise: a single upright letter, and equations below each other.
_BEFORE = (
    (r"\\mathrm\{(\w)\}", r"\\text{\1}"),
    (r"\{aligned\}", "{align*}"),
)
# And what it writes otherwise than browsers show it well: the gap behind ln, floors, primes made tiny, a wide slash.
_AFTER = (
    (
        r"(<mi>(?:ln|log|exp|tanh|max|min|sin|cos)</mi>)(?!<mo|<msu|</)",
        r'\1<mspace width="0.17em"/>',
    ),
    (r"<mi>(&#x0230[89AB];)</mi>", r'<mo stretchy="false">\1</mo>'),
    (
        r"<msup>(<mi>[^<]*</mi>)<mi>(&#x0203[2-4];)</mi></msup>",
        r'<mrow>\1<mo lspace="0" rspace="0.06em">\2</mo></mrow>',
    ),
    (r"<mo>&#x0002F;</mo>", '<mo lspace="0" rspace="0">/</mo>'),
)


def with_mathml(markdown: str, to_html: Callable[[str], str]) -> str:
    """Convert Markdown with LaTeX between dollars to HTML with MathML.

    Parameters
    ----------
    markdown : str
        ``$x$`` in a line, ``$$x$$`` alone; in code a dollar is a dollar.
    to_html : callable
        What converts Markdown.

    Returns
    -------
    str

    Raises
    ------
    InputError
        If a formula has a command that is not understood.
    """
    formulas: list[str] = []

    def put_aside(match: re.Match[str]) -> str:
        if match["code"]:
            return match[0]
        display = match["display"] is not None
        formulas.append(mathml(match["display"] if display else match["inline"], display=display))
        return f"\n\nFORMULA{len(formulas) - 1}ALONE\n\n" if display else f"FORMULA{len(formulas) - 1}INLINE"

    text = to_html(_PARTS.sub(put_aside, markdown))
    text = re.sub(
        r"<p>\s*FORMULA(\d+)ALONE\s*</p>|FORMULA(\d+)ALONE",
        lambda m: f'<div class="equation">{formulas[int(m[1] or m[2])]}</div>',
        text,
    )
    return re.sub(r"FORMULA(\d+)INLINE", lambda m: formulas[int(m[1])], text)


def mathml(latex: str, *, display: bool) -> str:
    """Return a formula as ``<math>`` elements, with its LaTeX as the alternative text.

    Where a formula that stands alone has a wide gap (``\\qquad``), it becomes two, which a narrow page puts below
    each other.

    Parameters
    ----------
    latex : str
    display : bool
        Whether it stands alone.

    Returns
    -------
    str

    Raises
    ------
    InputError
        If it has a command that is not understood.
    """
    latex = " ".join(latex.split())
    pieces = [latex] if not display or "\\begin" in latex else latex.split("\\qquad")
    made = [_element(piece.strip(), display=display) for piece in pieces]
    return (
        "".join(f'<span class="piece" tabindex="0">{element}</span>' for element in made)
        if display
        else made[0]
    )


def _element(latex: str, *, display: bool) -> str:
    """Return one ``<math>`` element."""
    from latex2mathml.converter import convert

    known = latex
    for pattern, put in _BEFORE:
        known = re.sub(pattern, put, known)
    made = convert(known, display="block" if display else "inline")
    for pattern, put in _AFTER:
        made = re.sub(pattern, put, made)
    made = _BOLD.sub(lambda m: f"<mi>{''.join(map(_bold, m[1]))}</mi>", made)
    unread = _UNREAD.search(re.sub(r"<[^>]*>", " ", made))
    if unread:
        raise InputError(f"no MathML for {unread[0]!r} in the formula {latex[:80]!r}; write it another way")
    return made.replace("<math ", f'<math alttext="{html.escape(latex)}" ', 1)


def _bold(character: str) -> str:
    """Return a letter or digit as the bold one of mathematics: browsers leave ``mathvariant="bold"`` alone."""
    for first, bold in (("A", 0x1D400), ("a", 0x1D41A), ("0", 0x1D7CE)):
        if character.isascii() and character.isalnum() and 0 <= ord(character) - ord(first) < 26:
            return chr(bold + ord(character) - ord(first))
    return character
