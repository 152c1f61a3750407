"""Numbers as figures show them."""

from __future__ import annotations


def percent(share: float, digits: int = 0) -> str:
    """Return a share in percent: only all of it is 100%, and only nothing 0%.

    Parameters
    ----------
    share : float
        In 0..1.
    digits : int
        After the point.

    Returns
    -------
    str
        Such as ``"87%"``, ``">99%"`` or ``"<0.1%"``.
    """
    if share in (0, 1):
        return f"{share:.0%}"
    least = 10.0**-digits
    shown = f"{100 * share:.{digits}f}"
    if float(shown) in (0.0, 100.0):
        return f"<{least:.{digits}f}%" if share < 0.5 else f">{100 - least:.{digits}f}%"
    return f"{shown}%"
