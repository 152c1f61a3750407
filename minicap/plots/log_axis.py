"""A logarithmic axis with few, plain numbers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from minicap.plots.style import MUTED
from minicap.plots.text import font

_STEPS = ((1, 2, 5), (1, 3), (1,))  # numbers of a decade, finest first
MOST = 8


def ticks_between(low: float, high: float, most: int = MOST) -> list[float]:
    """Return numbers to write on a logarithmic axis, as many as are read easily.

    Parameters
    ----------
    low, high : float
        Ends of the axis, positive.
    most : int
        Numbers that there is room for.

    Returns
    -------
    list of float
    """
    decades = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    for steps in _STEPS:
        found = [float(f"{step}e{decade}") for decade in decades for step in steps]
        found = [value for value in found if low <= value <= high]
        if len(found) <= most:
            return found
    return found[:: -(-len(found) // most)]


def log_ticks(axes: Axes, which: str, say: Callable[[float], str], most: int = MOST) -> None:
    """Write plain numbers on a logarithmic axis whose limits are set.

    Parameters
    ----------
    axes : Axes
    which : str
        ``x`` or ``y``.
    say : callable
        How a number is written.
    most : int
        Numbers that there is room for.
    """
    axis = axes.xaxis if which == "x" else axes.yaxis
    low, high = axes.get_xlim() if which == "x" else axes.get_ylim()
    axis.set_major_locator(FixedLocator(ticks_between(low, high, most)))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: say(value)))
    axes.tick_params(axis=which, length=0, labelcolor=MUTED)  # type: ignore[arg-type]
    for label in axis.get_ticklabels():
        label.set_fontproperties(font(8))
