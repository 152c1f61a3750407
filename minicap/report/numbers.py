"""Numbers as people read them."""

from __future__ import annotations

import math

MINUS, INFINITY, ABSENT = "\N{MINUS SIGN}", "\N{INFINITY}", "\N{EN DASH}"
NARROW_SPACE = "\N{NARROW NO-BREAK SPACE}"


def decimal(value: float | None, digits: int = 3) -> str:
    """Return a number with a true minus sign; a dash where there is none.

    Parameters
    ----------
    value : float or None
    digits : int
        After the point.

    Returns
    -------
    str
    """
    if value is None or math.isnan(value):
        return ABSENT
    if math.isinf(value) or abs(value) >= 1e9:
        text = INFINITY if math.isinf(value) else f"{abs(value):.3g}"
    else:
        text = f"{abs(value):,.{digits}f}"
    return (MINUS if value < 0 and text.strip("0.,") else "") + text


def percent(value: float | None) -> str:
    """Return a share as a percentage with one digit after the point.

    Parameters
    ----------
    value : float or None
        In 0..1.

    Returns
    -------
    str
    """
    return ABSENT if value is None or math.isnan(value) else f"{decimal(100 * value, 1)}{NARROW_SPACE}%"


def chance(value: float | None) -> str:
    """Return a probability in whole percents: only what is certain is 100, and only what is impossible 0.

    Parameters
    ----------
    value : float or None
        In 0..1.

    Returns
    -------
    str
    """
    if value is None or not math.isfinite(value):
        return ABSENT
    rounded = round(100 * value)
    if 0 < value < 1 and rounded in (0, 100):
        return f"{'>99' if rounded else '<1'}{NARROW_SPACE}%"
    return f"{decimal(rounded, 0)}{NARROW_SPACE}%"


def counted(n: int, noun: str) -> str:
    """Return a count with its noun, in the plural where it is not one.

    Parameters
    ----------
    n : int
    noun : str
        In the singular.

    Returns
    -------
    str
    """
    return f"{n:,} {noun}{'' if n == 1 else 's'}"
