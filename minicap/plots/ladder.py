"""The ladder: the same work by plain loops, by NumPy, by kernels, and the limit of the processor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from minicap.plots.log_axis import log_ticks
from minicap.plots.style import BLUE, INK, MUTED, RULE, VERMILION
from minicap.plots.text import drawable, font, ruler, wrap

Facts = Mapping[str, Any]
# Inches.
LADDER_HEIGHT = 3.2
_NAMES, _GAP, _HEAD, _TALL = 1.75, 0.3, 1.0, 1.65
_OURS, _THEIRS = "minicap", "PyTorch"


def draw_ladder(figure: Figure, run: Facts, top: float, *, left: float, right: float) -> None:
    """Draw the rungs of every piece of work side by side, in GFLOP/s.

    Parameters
    ----------
    figure : Figure
    run : dict
        One number of threads, with ``ladder`` and ``peak_gflops``.
    top, left, right : float
        Where, in inches from the lower left corner.
    """
    width, height = figure.get_size_inches()
    works = list(dict.fromkeys(one["work"] for one in run["ladder"]))
    threads = run["threads"]
    figure.text(
        left / width, (top - 0.3) / height,
        f"The ladder, {threads} thread{'s' * (threads != 1)}: GFLOP/s forward and backward, and times the first rung",
        color=INK, fontproperties=font(10, bold=True),
    )  # fmt: skip
    wide = (right - left - _NAMES - (len(works) - 1) * _GAP) / len(works)
    speeds = [one["gflops"] for one in run["ladder"]]
    for k, work in enumerate(works):
        rungs = [one for one in run["ladder"] if one["work"] == work]
        x = left + _NAMES + k * (wide + _GAP)
        axes = figure.add_axes((x / width, (top - _HEAD - _TALL) / height, wide / width, _TALL / height))
        _set_axis(axes, len(rungs), speeds, run["peak_gflops"])
        measure = ruler(figure, font(8.5, bold=True))
        axes.set_title(
            "\n".join(wrap(_title(work), measure, wide, 2)), loc="left", pad=15, color=INK,
            parse_math=False, fontproperties=font(8.5, bold=True),
        )  # fmt: skip
        _draw_rungs(axes, rungs, named=k == 0)


def _title(work: str) -> str:
    """Return the name of a piece of work; the heading says that it is all three directions."""
    return drawable(work.removesuffix(" all three").replace("->", "\N{RIGHTWARDS ARROW}"))


def _set_axis(axes: Axes, count: int, speeds: Sequence[float], peak: float) -> None:
    """Give the speeds a logarithmic axis that ends at the limit, which a lower bound of it may not be."""
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(MUTED)
    axes.set_facecolor("none")
    axes.set_xscale("log")
    axes.set_xlim(min(speeds) / 3, max(peak, *speeds) * 1.6)
    axes.set_ylim(count - 0.5, -0.5)
    axes.set_yticks([])
    log_ticks(axes, "x", lambda value: f"{value:g}", most=4)
    axes.grid(axis="x", color=RULE, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.axvline(peak, color=INK, linewidth=1.0, linestyle=(0, (4, 2)))
    axes.annotate(
        f"limit {peak:.0f}", (peak, 1.0), xycoords=axes.get_xaxis_transform(), xytext=(-2, 1),
        textcoords="offset points", ha="right", va="bottom", color=MUTED, fontproperties=font(7),
    )  # fmt: skip


def _draw_rungs(axes: Axes, rungs: Sequence[Facts], *, named: bool) -> None:
    """Draw a bar a rung, with its speed and how many times the first rung's that is."""
    start = axes.get_xlim()[0]
    for k, one in enumerate(rungs):
        rung = one["rung"]
        colour = VERMILION if rung == _THEIRS else BLUE if rung.startswith(_OURS) else MUTED
        axes.barh(k, one["gflops"] - start, left=start, height=0.62, color=colour, linewidth=0)
        times = rungs[0]["ms"] / one["ms"]
        text = f"{one['gflops']:.3g}" + (f" ({times:,.0f}\N{MULTIPLICATION SIGN})" if k else "")
        inside = one["gflops"] > 30 * start
        axes.annotate(
            text, (one["gflops"], k), xytext=(-3 if inside else 3, 0), textcoords="offset points",
            ha="right" if inside else "left", va="center_baseline", color="#ffffff" if inside else INK,
            fontproperties=font(7.5),
        )  # fmt: skip
        if named:
            axes.text(
                -0.03, k, rung + "*" * bool(one["scaled"]), transform=axes.get_yaxis_transform(), ha="right",
                va="center_baseline", color=INK, fontproperties=font(8.5),
            )  # fmt: skip
    if named and any(one["scaled"] for one in rungs):
        axes.annotate(
            "* measured on a much smaller case and scaled by its multiply-adds", (0, 0), xycoords="axes fraction",
            xytext=(-_NAMES * 72, -28), textcoords="offset points", color=MUTED, fontproperties=font(7.5),
        )  # fmt: skip
