"""Where a gradient is wrong: its relative error entry by entry."""

from __future__ import annotations

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from minicap._types import Array
from minicap.gradcheck.report import GradientResult
from minicap.plots.style import INK, MUTED, PAPER, new_figure, png_of

LEAST, MOST = 1e-9, 1.0  # relative errors at the ends of the colours
WIDTH, LEAST_HEIGHT, MOST_HEIGHT = 5.6, 1.1, 6.0  # inches
_FOLDS = {
    1: ("", "axis 0"),
    2: ("axis 0", "axis 1"),
    3: ("axes 0, 1", "axis 2"),
    4: ("axes 0, 2", "axes 1, 3"),
}


def error_map(gradient: GradientResult) -> bytes | None:
    """Draw the error of each entry of a gradient by the largest numerical entry, on a logarithmic scale.

    Four axes, as of a convolution's weights (F, C, KH, KW), are drawn as F rows of C small maps.

    Parameters
    ----------
    gradient : GradientResult

    Returns
    -------
    bytes or None
        A PNG file; None where the whole gradients are not there, or have no axes.
    """
    figure = plot_error(gradient)
    return None if figure is None else png_of(figure)


def plot_error(gradient: GradientResult) -> Figure | None:
    """Return the figure of ``error_map``.

    Parameters
    ----------
    gradient : GradientResult
    """
    if gradient.analytic_array is None or gradient.numeric_array is None or not gradient.analytic_array.ndim:
        return None
    size = float(np.abs(gradient.numeric_array).max(initial=0.0)) or 1.0
    error = np.abs(gradient.analytic_array - gradient.numeric_array) / size
    flat, rows, columns = fold(error)
    height = min(MOST_HEIGHT, max(LEAST_HEIGHT, WIDTH * 0.8 * flat.shape[0] / flat.shape[1] + 0.7))
    figure = new_figure(WIDTH, height)
    axes = figure.add_axes((0.12, 0.5 / height, 0.7, 1 - 0.7 / height))
    image = axes.imshow(
        np.clip(flat, LEAST, MOST),
        norm=LogNorm(LEAST, MOST),
        cmap="cividis",
        aspect="auto",
        interpolation="nearest",
    )
    for edge in range(rows, flat.shape[0], rows):
        axes.axhline(edge - 0.5, color=PAPER, linewidth=1.5)
    for edge in range(columns, flat.shape[1], columns):
        axes.axvline(edge - 0.5, color=PAPER, linewidth=1.5)
    down, across = _FOLDS.get(error.ndim, ("the first axes", f"axis {error.ndim - 1}"))
    axes.set_xlabel(across, color=MUTED, fontsize=9)
    axes.set_ylabel(down, color=MUTED, fontsize=9)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)
    bar = figure.colorbar(image, cax=figure.add_axes((0.85, 0.5 / height, 0.03, 1 - 0.7 / height)))
    bar.ax.tick_params(labelsize=8, labelcolor=INK, length=0)
    bar.outline.set_visible(False)
    return figure


def fold(error: Array) -> tuple[Array, int, int]:
    """Lay an array out on paper.

    Parameters
    ----------
    error : ndarray
        Of one axis or more.

    Returns
    -------
    flat : ndarray of two axes
    rows, columns : int
        The size of the blocks that belong together.
    """
    if error.ndim == 1:
        return error[None], 1, error.size
    if error.ndim == 2:
        return error, *error.shape
    if error.ndim == 4:
        f, c, height, width = error.shape
        return error.transpose(0, 2, 1, 3).reshape(f * height, c * width), height, width
    flat = error.reshape(-1, error.shape[-1])
    return flat, error.shape[-2], error.shape[-1]
