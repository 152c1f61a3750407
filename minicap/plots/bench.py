"""Who is faster, row by row, and the ladder from plain loops to the kernels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from minicap.plots.ladder import LADDER_HEIGHT, draw_ladder
from minicap.plots.log_axis import log_ticks
from minicap.plots.style import BLUE, INK, MUTED, RULE, VERMILION, new_figure, save_figure
from minicap.plots.text import font

Facts = Mapping[str, Any]
NAMES = {"torch": "PyTorch"}
# Inches.
LABELS, BLOCKS, PANEL, GAP, RIGHT = 3.35, 0.95, 4.3, 0.35, 0.3
LINE, GROUP, HEAD, FOOT, TITLE = 0.155, 0.42, 0.5, 0.75, 0.9
ROOM = 1.6  # the axis goes on beyond the longest bar by this factor, for the number behind it


class Bar(NamedTuple):
    """One row: where it stands in inches from the top, what it is called, and the ratio with its spread."""

    y: float
    block: str  # written once for the rows that share it
    label: str
    ratio: float
    low: float
    high: float


def plot_bench(result: Facts, path: str | Path | None = None) -> Figure:
    """Draw a result of ``minicap bench``: the ratios of times row by row, and the ladder where there is one.

    Parameters
    ----------
    result : dict
        As ``minicap bench --json`` prints it.
    path : str or Path, optional
        PNG file to write.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If it holds neither ratios nor a ladder.
    InputError
        If the file cannot be written.
    """
    runs = result["runs"]
    compared = [run for run in runs if any(row["ratio"] for row in run["rows"])]
    climbed = [run for run in runs if run["ladder"]]
    if not (compared or climbed):
        raise ValueError(
            "plot_bench: the result has neither ratios nor a ladder; measure with --against torch or --ladder"
        )
    columns = max(len(compared), 1)
    width = LABELS + columns * PANEL + (columns - 1) * GAP + RIGHT
    bars = _place(compared[0]["rows"]) if compared else ([], [], 0.0)
    height = TITLE + (HEAD + bars[2] + FOOT if compared else 0.0) + len(climbed) * LADDER_HEIGHT
    figure = new_figure(width, height)
    _draw_title(figure, result, bool(compared))
    for k, run in enumerate(compared):
        corner = (LABELS + k * (PANEL + GAP), height - TITLE - HEAD)
        _draw_run(figure, run, corner, labelled=k == 0, theirs=_theirs(result))
    top = height - TITLE - (HEAD + bars[2] + FOOT if compared else 0.0)
    for k, run in enumerate(climbed):
        draw_ladder(figure, run, top - k * LADDER_HEIGHT, left=0.35, right=width - RIGHT)
    if path is not None:
        save_figure(figure, path)
    return figure


def _theirs(result: Facts) -> str:
    """Return the other library's name."""
    against = result["settings"]["against"] or "torch"
    return NAMES.get(against, against)


def _place(rows: Sequence[Facts]) -> tuple[list[Bar], list[tuple[float, str, list[Facts]]], float]:
    """Return the bars, the headings of groups with their rows, and the height of all, in inches."""
    shown = [row for row in rows if row["ratio"]]
    bars, heads, y = [], [], 0.0
    for group in dict.fromkeys(row["group"] for row in shown):
        members = [row for row in shown if row["group"] == group]
        heads.append((y + GROUP - 0.12, group, members))
        y += GROUP
        for k, row in enumerate(members):
            if k and row["kind"] == "conv" and row["options"] != members[k - 1]["options"]:
                y += LINE / 2
            found = next(iter(row["ratio"].values()))
            bars.append(Bar(y + LINE / 2, *_label(row), found["median"], found["low"], found["high"]))
            y += LINE
    return bars, heads, y


def _label(row: Facts) -> tuple[str, str]:
    """Return a row's name as a picture has room for it: of a convolution its shape, and then the direction."""
    name = row["name"].replace("->", " \N{RIGHTWARDS ARROW} ").replace("forward + backward", "fwd + bwd")
    if row["kind"] == "conv":
        return name.removeprefix("conv ").removesuffix(row["part"]).strip(), row["part"]
    return "", name.replace("softmax cross-entropy", "softmax loss")


def _draw_title(figure: Figure, result: Facts, compared: bool) -> None:
    """Say what is compared, and on what machine."""
    width, height = figure.get_size_inches()
    title = f"minicap and {_theirs(result)}, turn by turn" if compared else "From plain loops to the kernels"
    run = result["runs"][0]
    versions = [f"{NAMES.get(name, name)} {facts['version']}" for name, facts in run["about"].items()]
    about = f"{result['cpu']}; {', '.join(versions)}; float32"
    figure.text(0.35 / width, 1 - 0.4 / height, title, color=INK, fontproperties=font(15, bold=True))
    figure.text(0.35 / width, 1 - 0.66 / height, about, color=MUTED, parse_math=False, fontproperties=font(9))


def _draw_run(
    figure: Figure, run: Facts, corner: tuple[float, float], *, labelled: bool, theirs: str
) -> None:
    """Draw the bars of one number of threads; ``corner`` is the upper left one in inches."""
    bars, heads, tall = _place(run["rows"])
    width, height = figure.get_size_inches()
    left, top = corner
    axes = figure.add_axes((left / width, (top - tall) / height, PANEL / width, tall / height))
    axes.set_ylim(tall, 0)
    _set_axis(axes, bars)
    for y, group, members in heads:
        if labelled:
            axes.text(
                -0.02, y, group.capitalize(), transform=axes.get_yaxis_transform(),
                ha="right", va="bottom", color=INK, fontproperties=font(9.5, bold=True),
            )  # fmt: skip
        won = sum(next(iter(row["ratio"].values()))["median"] >= 1 for row in members)
        axes.text(
            0.99, y, f"{won} of {len(members)} won", transform=axes.get_yaxis_transform(),
            ha="right", va="bottom", color=MUTED, fontproperties=font(8),
        )  # fmt: skip
    for k, bar in enumerate(bars):
        _draw_bar(axes, bar)
        if labelled:
            first = not k or bars[k - 1].block != bar.block
            _write_label(axes, bar, bar.block if first else "")
    _draw_head(axes, run, theirs)


def _set_axis(axes: Axes, bars: Sequence[Bar]) -> None:
    """Give the ratios a logarithmic axis with plain numbers and a line at 1."""
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(MUTED)
    axes.set_facecolor("none")
    axes.set_xscale("log")
    least, most = min(bar.low for bar in bars), max(bar.high for bar in bars)
    axes.set_xlim(min(0.8, least / ROOM), max(1.5, most * ROOM))
    log_ticks(axes, "x", lambda value: f"{value:g}\N{MULTIPLICATION SIGN}")
    axes.set_yticks([])
    axes.grid(axis="x", color=RULE, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.axvline(1.0, color=INK, linewidth=1.0)


def _draw_bar(axes: Axes, bar: Bar) -> None:
    """Draw one ratio from 1 on, its spread as a thin line, and the number behind it."""
    won = bar.ratio >= 1
    colour = BLUE if won else VERMILION
    left, right = sorted((1.0, bar.ratio))
    axes.barh(bar.y, right - left, left=left, height=0.68 * LINE, color=colour, linewidth=0)
    axes.plot(
        [bar.low, bar.high], [bar.y, bar.y], color=INK, linewidth=0.7, alpha=0.65, solid_capstyle="butt"
    )
    end = max(bar.ratio, bar.high) if won else min(bar.ratio, bar.low)
    axes.annotate(
        f"{bar.ratio:.2f}" if bar.ratio < 9.95 else f"{bar.ratio:.0f}", (end, bar.y), xytext=(3 if won else -3, 0),
        textcoords="offset points", ha="left" if won else "right", va="center_baseline",
        color=colour, fontproperties=font(7),
    )  # fmt: skip


def _write_label(axes: Axes, bar: Bar, block: str) -> None:
    """Write what a bar is, and left of it what the block is that begins with it."""
    for text, x, colour in ((bar.label, 8, MUTED if bar.block else INK), (block, 8 + BLOCKS * 72, INK)):
        axes.annotate(
            text, (0.0, bar.y), xycoords=axes.get_yaxis_transform(), xytext=(-x, 0), textcoords="offset points",
            ha="right", va="center_baseline", color=colour, parse_math=False, fontproperties=font(7.5),
        )  # fmt: skip


def _draw_head(axes: Axes, run: Facts, theirs: str) -> None:
    """Say above the bars how many threads, and which side of the line is whose."""
    threads, tall = run["threads"], axes.get_ylim()[0]
    memory = next(iter(next(row["ratio"] for row in run["rows"] if row["ratio"])))
    mean = run["summary"][memory]["geometric_means"]["all"]
    means = "" if mean is None else f", geometric mean {mean:.2f}"
    axes.text(
        0.0, 1 + 0.24 / tall, f"{threads} thread{'s' * (threads != 1)}{means}", transform=axes.transAxes,
        color=INK, fontproperties=font(10, bold=True),
    )  # fmt: skip
    ours = "minicap faster \N{RIGHTWARDS ARROW}"
    sides = ((5, "left", ours, BLUE), (-5, "right", f"\N{LEFTWARDS ARROW} {theirs} faster", VERMILION))
    for shift, side, text, colour in sides:
        axes.annotate(
            text, (1.0, 1 + 0.05 / tall), xycoords=axes.get_xaxis_transform(), xytext=(shift, 0),
            textcoords="offset points", ha=side, va="bottom", color=colour, fontproperties=font(8.5, bold=True),
        )  # fmt: skip
    axes.set_xlabel(
        f"time (or memory) of {theirs} / of minicap, memory {memory};\nthin line: from the lowest turn to the highest",
        color=MUTED, fontproperties=font(8),
    )  # fmt: skip
