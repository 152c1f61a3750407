"""How a training went: loss, validation score, learning rate and gradient norm over the epochs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from minicap._types import Array
from minicap.plots.style import BLUE, INK, MUTED, RULE, VERMILION, new_figure, save_figure
from minicap.plots.text import drawable, font, ruler, wrap

Rows = Sequence[Mapping[str, float]]


class Panel(NamedTuple):
    """One small plot: its title, the unit of its values, and column -> label of the lines it shows."""

    title: str
    unit: str
    lines: dict[str, str]


PANELS = (
    Panel("Loss", "nats", {"train_loss": "training", "val_loss": "validation"}),
    Panel(
        "Validation score",
        "0 to 1, higher is better",
        {"truth": "true and\ncomplete", "bleu_4": "BLEU-4", "accuracy": "accuracy", "map": "mean AP"},
    ),
    Panel("Learning rate", "at the end of the epoch", {"lr": ""}),
    Panel("Gradient norm", "mean, before clipping", {"grad_norm": ""}),
)
# Validation score -> what the loss is the mean of, which tells the task; without any, nobody knows.
_LOSS_PER = {"truth": "word", "bleu_4": "word", "cider": "word", "accuracy": "picture", "map": "tag"}
# Colour, dash and marker all differ within a panel, so that one is enough to tell its lines apart.
_FIRST, _SECOND = (BLUE, "-", "o"), (VERMILION, (0, (5, 2)), "s")
_LOOKS = {"val_loss": _SECOND, "bleu_4": _SECOND}
# Inches.
_WIDTH, _HEIGHT = 3.1, 1.75
_WIDTH_ALONE = 2.4  # smaller, so that text stays readable where the drawing is scaled to a phone
_LEFT, _RIGHT, _BOTTOM, _TOP = 0.88, 0.95, 0.55, 0.42
_MOST = 1e15  # what is larger, infinity among it, leaves a gap
_LEAST_GAP = 0.11  # between labels, as a share of the panel's height: one line of text


def plot_history(rows: Rows, path: str | Path | None = None, *, title: str | None = None) -> Figure:
    """Draw a training history as small plots over the epochs.

    Parameters
    ----------
    rows : sequence of dict
        One an epoch, as ``RunFolder.read_history`` gives them: ``epoch``, and any of ``train_loss``,
        ``val_loss`` (nats per word, picture or tag), ``truth``, ``bleu_4``, ``accuracy``, ``map``, ``lr``,
        ``grad_norm``. A plot whose columns are missing is left out; values that are not finite leave a gap.
    path : str or Path, optional
        PNG file to write.
    title : str, optional
        A heading over all.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If no row has any of these columns.
    InputError
        If the file cannot be written.
    """
    panels = panels_of(rows)
    if not panels:
        names = ", ".join(name for panel in PANELS for name in panel.lines)
        raise ValueError(f"plot_history: {len(rows)} rows without any of {names}; train an epoch first")
    columns = min(2, len(panels))
    cell_width, cell_height = _LEFT + _WIDTH + _RIGHT, _TOP + _HEIGHT + _BOTTOM
    figure = new_figure(columns * cell_width, 1.0)
    heading = wrap(
        drawable(title or ""), ruler(figure, font(13, bold=True)), columns * cell_width - 2 * _LEFT, 3
    )
    head = 0.27 * len(heading) + (0.15 if heading else 0.0)
    height = head + cell_height * -(-len(panels) // columns)
    figure.set_size_inches(columns * cell_width, height)
    for k, line in enumerate(heading):
        figure.text(
            _LEFT / figure.get_figwidth(), 1 - (0.32 + 0.27 * k) / height, line,
            color=INK, parse_math=False, fontproperties=font(13, bold=True),
        )  # fmt: skip
    for k, panel in enumerate(panels):
        row, column = divmod(k, columns)
        _draw_panel(figure, panel, rows, column * cell_width, height - head - row * cell_height)
    if path is not None:
        save_figure(figure, path)
    return figure


def plot_panel(panel: Panel, rows: Rows) -> Figure:
    """Draw one of the small plots alone, without its title.

    Parameters
    ----------
    panel : Panel
        One of ``panels_of(rows)``.
    rows : sequence of dict
        As for ``plot_history``.

    Returns
    -------
    Figure
    """
    top = _TOP / 3
    figure = new_figure(_LEFT + _WIDTH_ALONE + _RIGHT, top + _HEIGHT + _BOTTOM)
    _draw_panel(
        figure, panel._replace(title=""), rows, 0.0, figure.get_figheight() + _TOP - top, _WIDTH_ALONE
    )
    return figure


def panels_of(rows: Rows) -> list[Panel]:
    """Return the small plots that a history has values for, with the lines that have.

    What the loss is the mean of (words, pictures, tags) is told by the scores beside it.

    Parameters
    ----------
    rows : sequence of dict
        As for ``plot_history``.

    Returns
    -------
    list of Panel
    """
    found = []
    for panel in PANELS:
        lines = {
            name: label for name, label in panel.lines.items() if not np.isnan(_column(rows, name)).all()
        }
        if lines:
            found.append(panel._replace(lines=lines, unit=_unit(panel, rows)))
    return found


def describe_panel(panel: Panel, rows: Rows) -> str:
    """Say in words what a small plot shows, for those who cannot see it.

    Parameters
    ----------
    panel : Panel
        One of ``panels_of(rows)``.
    rows : sequence of dict
        As for ``plot_history``.

    Returns
    -------
    str
    """
    parts = []
    for name, label in panel.lines.items():
        values = _column(rows, name)
        values = values[~np.isnan(values)]
        words = f"{' '.join(label.split())} " if label else ""
        parts.append(f"{words}from {values[0]:.3g} to {values[-1]:.3g}")
    epochs = f"{len(rows)} epoch{'s' * (len(rows) != 1)}"
    return f"{panel.title} ({panel.unit}) over {epochs}: {', '.join(parts)}."


def _unit(panel: Panel, rows: Rows) -> str:
    """Return the unit of a panel's values, which for the loss depends on the task."""
    names = {name for row in rows for name in row}
    per = next((per for name, per in _LOSS_PER.items() if name in names), None)
    return f"{panel.unit} per {per}" if "train_loss" in panel.lines and per else panel.unit


def _column(rows: Rows, name: str) -> Array:
    """Return one column, NaN where a row lacks it or holds what cannot be drawn."""
    values = np.array([row.get(name, np.nan) for row in rows], np.float64)
    values[~(np.abs(values) < _MOST)] = np.nan
    return values


def _draw_panel(figure: Figure, panel: Panel, rows: Rows, x: float, y: float, wide: float = _WIDTH) -> None:
    """Draw one small plot; (x, y) is the upper left corner of its cell in inches."""
    width, height = figure.get_size_inches()
    axes = figure.add_axes(
        ((x + _LEFT) / width, (y - _TOP - _HEIGHT) / height, wide / width, _HEIGHT / height)
    )
    _dress(axes, panel)
    epochs = _column(rows, "epoch")
    epochs = np.where(np.isnan(epochs), np.arange(1, len(rows) + 1), epochs)
    every = max(1, len(rows) // 12)
    columns = {name: _column(rows, name) for name in panel.lines}
    ends: list[tuple[float, str, str]] = []
    for (name, values), label in zip(columns.items(), panel.lines.values(), strict=True):
        colour, dash, marker = _LOOKS.get(name, _FIRST)
        axes.plot(
            epochs, values, color=colour, linestyle=dash, linewidth=1.8, marker=marker, markersize=4,
            markevery=((len(rows) - 1) % every, every), clip_on=False,  # the last epoch has a marker
        )  # fmt: skip
        ends.append((float(values[~np.isnan(values)][-1]), label, colour))
    shown = list(columns.values())
    _set_limits(axes, epochs, float(np.nanmin(shown)), float(np.nanmax(shown)))
    _label_ends(axes, ends)


def _dress(axes: Axes, panel: Panel) -> None:
    """Set title, units, rules and fonts."""
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(MUTED)
    axes.set_facecolor("none")
    axes.grid(axis="y", color=RULE, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", length=0, labelcolor=MUTED)
    axes.tick_params(axis="x", length=3, color=MUTED, labelcolor=MUTED)
    axes.xaxis.set_major_locator(MaxNLocator(7, integer=True, min_n_ticks=1))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.6g}")
    axes.set_title(panel.title, loc="left", pad=10, color=INK, fontproperties=font(11, bold=True))
    axes.set_xlabel("epoch", color=MUTED, fontproperties=font(9))
    axes.set_ylabel(panel.unit, color=MUTED, fontproperties=font(9))
    for label in (*axes.get_xticklabels(), *axes.get_yticklabels()):
        label.set_fontproperties(font(9))


def _set_limits(axes: Axes, epochs: Array, lowest: float, highest: float) -> None:
    """Let the values begin at zero and end at a rule, and give a single epoch some room."""
    rules = MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]).tick_values(
        min(0.0, lowest), highest if highest > 0 else 1.0
    )
    axes.set_yticks(rules)
    axes.set_ylim(rules[0], rules[-1])
    first, last = float(epochs.min()), float(epochs.max())
    margin = 0.04 * (last - first) or 0.5
    axes.set_xlim(first - margin, last + margin)


def _label_ends(axes: Axes, ends: list[tuple[float, str, str]]) -> None:
    """Write each line's name beside its end, moved apart where they would overlap."""
    low, high = axes.get_ylim()
    places = [(value - low) / (high - low) for value, _, _ in ends]
    if len(ends) == 2:
        gap = _LEAST_GAP * (1 + max(label.count("\n") for _, label, _ in ends))
        middle, upper = sum(places) / 2, int(places[1] > places[0])
        if abs(places[1] - places[0]) < gap:
            middle = max(middle, gap / 2)
            places[upper], places[1 - upper] = middle + gap / 2, middle - gap / 2
    for (_, label, colour), place in zip(ends, places, strict=True):
        axes.text(
            1.03, place, label, transform=axes.transAxes, color=colour, va="center", fontproperties=font(9)
        )
