"""Text from anywhere, fitted into a figure: fonts for it, signs that no font has, lines, ellipses."""

from __future__ import annotations

import unicodedata
from bisect import bisect_left
from collections.abc import Callable
from functools import cache
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, fontManager, get_font

# Beyond matplotlib's own font: families with the scripts it lacks, where the system has one.
FAMILIES = (
    "DejaVu Sans", "Noto Sans", "Noto Sans CJK JP", "Noto Sans CJK SC", "Noto Sans JP", "Noto Sans SC",
    "Noto Sans Devanagari", "Noto Sans Bengali", "Noto Sans Tamil", "Noto Sans Thai", "Hiragino Sans",
    "PingFang SC", "Arial Unicode MS", "Microsoft YaHei", "Yu Gothic", "Malgun Gothic", "Nirmala UI",
    "WenQuanYi Micro Hei", "Droid Sans Fallback", "Noto Emoji",
)  # fmt: skip
UNKNOWN = "\N{WHITE SQUARE}"
ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"
LONGEST = 600  # characters of one text that are looked at; no figure has room for more


@cache
def families() -> tuple[str, ...]:
    """Return the font families to draw with, best first: those of the list that are installed."""
    installed = {font.name for font in fontManager.ttflist}
    return tuple(name for name in FAMILIES if name in installed)


def font(size: float, *, bold: bool = False) -> FontProperties:
    """Return a font of some size in points that knows as many scripts as the system does.

    Parameters
    ----------
    size : float
        In points.
    bold : bool

    Returns
    -------
    FontProperties
    """
    return FontProperties(family=list(families()), size=size, weight="bold" if bold else "normal")


def drawable(text: str) -> str:
    """Return text on one line in which every sign has a glyph.

    A sign that no installed font knows becomes a white square, as most programs show it; invisible ones
    (controls, joiners, lone surrogates) are dropped. So no figure warns about missing glyphs.

    Parameters
    ----------
    text : str
        Anything.

    Returns
    -------
    str
    """
    known = _known_signs()
    return "".join(_sign(c, known) for c in " ".join(text[:LONGEST].split()))


def _sign(c: str, known: frozenset[int]) -> str:
    """Return a character, or what stands for it."""
    category = unicodedata.category(c)
    if category in ("Cc", "Cf", "Cs"):
        return ""
    if ord(c) in known:
        return c
    return "" if category.startswith("M") else UNKNOWN


@cache
def _known_signs() -> frozenset[int]:
    """Return the code points that the families together can draw."""
    fonts = [get_font(findfont(FontProperties(family=name))) for name in families()]
    return frozenset(code for one in fonts for code in one.get_charmap())


def ruler(figure: Figure, properties: FontProperties) -> Callable[[str], float]:
    """Return a function that measures one line of text in inches.

    Parameters
    ----------
    figure : Figure
    properties : FontProperties

    Returns
    -------
    callable
        ``measure(text) -> float``.
    """
    renderer: Any = FigureCanvasAgg(figure).get_renderer()

    def measure(text: str) -> float:
        return renderer.get_text_width_height_descent(text, properties, ismath=False)[0] / figure.dpi

    return measure


def wrap(text: str, measure: Callable[[str], float], width: float, most: int) -> list[str]:
    """Break text into lines by its measured width; what is over the last line becomes an ellipsis.

    Parameters
    ----------
    text : str
        As ``drawable`` returns it. Breaks come at spaces, and within words that are too long for a line, or
        that are written without spaces.
    measure : callable
        Width of a line.
    width : float
        Room for a line, in the unit of ``measure``.
    most : int
        Number of lines that there is room for.

    Returns
    -------
    list of str
    """
    lines: list[str] = []
    line = ""
    for word in text.split():
        joined = f"{line} {word}" if line else word
        if measure(joined) <= width:
            line = joined
            continue
        if line:
            lines.append(line)
        while len(lines) <= most and measure(word) > width:
            cut = _longest_prefix(word, measure, width)
            lines.append(word[:cut])
            word = word[cut:]
        line = word
        if len(lines) > most:
            break
    lines += [line] if line else []
    return lines if len(lines) <= most else [*lines[: most - 1], _cut(lines[most - 1], measure, width)]


def wrap_evenly(text: str, measure: Callable[[str], float], width: float, most: int) -> list[str]:
    """Break text into as few lines as ``wrap`` does, of about the same length, so that no word is left alone.

    Parameters
    ----------
    text, measure, width, most
        As for ``wrap``.

    Returns
    -------
    list of str
    """
    lines = wrap(text, measure, width, most)
    if len(lines) < 2 or lines[-1].endswith(ELLIPSIS):
        return lines
    for share in (0.5, 0.6, 0.7, 0.8, 0.9):
        narrower = wrap(text, measure, share * width, len(lines))
        if " ".join(narrower) == text:  # nothing was cut, neither the end nor a word
            return narrower
    return lines


def _longest_prefix(word: str, measure: Callable[[str], float], width: float) -> int:
    """Return how many characters of a word fit, at least one."""
    return max(1, bisect_left(range(len(word)), True, key=lambda k: measure(word[: k + 1]) > width))


def _cut(line: str, measure: Callable[[str], float], width: float) -> str:
    """Return a line that ends in an ellipsis and fits."""
    while line and measure(line + ELLIPSIS) > width:
        line = line[:-1]
    return line.rstrip(" ,.;") + ELLIPSIS
