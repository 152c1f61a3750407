"""Colours, sizes and files that all figures share."""

from __future__ import annotations

import io
from pathlib import Path

from matplotlib.figure import Figure

from minicap.data.files import write_atomically

# Okabe and Ito's colours: told apart with any kind of colour vision, and on paper by their lightness.
BLUE, VERMILION, GREEN = "#0072b2", "#d55e00", "#009e73"
INK, MUTED, RULE, PAPER = "#1f2328", "#59636e", "#d8dee4", "#ffffff"

DPI = 160  # 48 and 64 pixel pictures then fill their frame at whole multiples
MOST_PIXELS = 60_000  # a side; the renderer's own limit is 65,536


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure.

    Parameters
    ----------
    width, height : float
        In inches.

    Returns
    -------
    Figure
    """
    return Figure(figsize=(width, height), dpi=DPI, facecolor=PAPER)


def save_figure(figure: Figure, path: str | Path) -> None:
    """Write a figure as PNG, whole or not at all; the same figure gives the same bytes.

    Parameters
    ----------
    figure : Figure
    path : str or Path
        The file to write; its folder must exist.

    Raises
    ------
    InputError
        If the file cannot be written.

    References
    ----------
    M. Okabe, K. Ito: Color Universal Design, 2008 (the palette).
    """
    write_atomically(path, png_of(figure))


def png_of(figure: Figure) -> bytes:
    """Return a figure as the content of a PNG file; the same figure gives the same bytes.

    Parameters
    ----------
    figure : Figure

    Returns
    -------
    bytes
    """
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=figure.dpi, metadata={"Software": None})
    return content.getvalue()
