"""The marks of a verdict, told apart by their shape and not by colour alone."""

from __future__ import annotations

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.path import Path

from minicap.plots.style import BLUE, GREEN, PAPER, VERMILION
from minicap.plots.verdict import Verdict

MARK = 0.22  # inches a mark takes before a line of text

_TICK = Path([(-0.5, 0.0), (-0.14, -0.38), (0.5, 0.4)])
_CROSS = Path(
    [(-0.5, -0.5), (0.5, 0.5), (-0.5, 0.5), (0.5, -0.5)], [Path.MOVETO, Path.LINETO, Path.MOVETO, Path.LINETO]
)
# Verdict -> (sign, its colour, the disc's colour, the disc's rim)
_LOOKS = {
    Verdict.COMPLETE: (_TICK, PAPER, GREEN, GREEN),
    Verdict.PARTIAL: (_TICK, BLUE, PAPER, BLUE),
    Verdict.WRONG: (_CROSS, PAPER, VERMILION, VERMILION),
}


def draw_mark(figure: Figure, verdict: Verdict, x: float, y: float) -> None:
    """Draw a tick in a full disc, a tick in a ring, or a cross in a full disc.

    Parameters
    ----------
    figure : Figure
    verdict : Verdict
    x, y : float
        Centre, in inches from the lower left corner.
    """
    width, height = figure.get_size_inches()
    sign, ink, disc, rim = _LOOKS[verdict]
    for marker, size, face, edge, line in (("o", 10.0, disc, rim, 1.0), (sign, 5.2, "none", ink, 1.5)):
        figure.add_artist(
            Line2D(
                [x / width], [y / height], marker=marker, markersize=size, markerfacecolor=face,
                markeredgecolor=edge, markeredgewidth=line, linestyle="none",
            )
        )  # fmt: skip
