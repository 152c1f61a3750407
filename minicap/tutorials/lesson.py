"""What lessons call: the fast mode, seeds, the library's own code, figures with words for those who cannot see them."""

from __future__ import annotations

import ast
import inspect
import os
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import minicap
from minicap._types import Rng
from minicap.plots.style import BLUE as BLUE
from minicap.plots.style import GREEN as GREEN
from minicap.plots.style import INK as INK
from minicap.plots.style import MUTED as MUTED
from minicap.plots.style import RULE as RULE
from minicap.plots.style import VERMILION as VERMILION
from minicap.plots.style import new_figure, png_of, save_figure

FAST = os.environ.get("MINICAP_FAST") == "1"
"""Whether a taste is asked for: smaller data and fewer steps, for the test suite and the impatient."""

T = TypeVar("T")


def choose(full: T, fast: T) -> T:
    """Return the first value, or in the fast mode (``MINICAP_FAST=1``) the second.

    Parameters
    ----------
    full, fast
        A number of steps or pictures, say.
    """
    return fast if FAST else full


def generator(seed: int = 0) -> Rng:
    """Return a random generator with a seed, so that a lesson prints the same numbers to everybody.

    Parameters
    ----------
    seed : int

    Returns
    -------
    Generator
    """
    return np.random.default_rng(seed)


def source(*functions: Callable[..., Any], docstring: bool = False) -> None:
    """Show the library's own code of some functions.

    Parameters
    ----------
    *functions : callable
    docstring : bool
        Whether to show the docstrings, which hold the equations and every shape, too.
    """
    code = "\n\n\n".join(code_of(function, docstring=docstring) for function in functions)
    if _notebook() is None:
        print(code)
    else:
        _notebook().display({"text/markdown": f"```python\n{code}\n```", "text/plain": code}, raw=True)


def code_of(function: Callable[..., Any], *, docstring: bool = False) -> str:
    """Return a function's code below a line that says where it stands.

    Parameters
    ----------
    function : callable
    docstring : bool

    Returns
    -------
    str
    """
    function = inspect.unwrap(function)
    lines = textwrap.dedent(inspect.getsource(function)).rstrip().splitlines()
    first = ast.parse("\n".join(lines)).body[0]
    if not docstring and isinstance(first, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(first):
        del lines[first.body[0].lineno - 1 : first.body[0].end_lineno]
    file = Path(inspect.getfile(function)).resolve()
    root = Path(minicap.__file__).resolve().parent.parent
    name = file.relative_to(root).as_posix() if file.is_relative_to(root) else file.name
    return "\n".join([f"# {name}", *lines])


def figure(width: float = 5.2, height: float = 3.6) -> Figure:
    """Return an empty figure that arranges its parts itself; pyplot is not needed.

    Parameters
    ----------
    width, height : float
        In inches. On a phone a figure is about 3.7 inches wide: beyond 5.2 its text is too small there.

    Returns
    -------
    Figure
    """
    made = new_figure(width, height)
    made.set_layout_engine("constrained")
    return made


def label(axes: Axes, x: str, y: str, title: str = "") -> Axes:
    """Label a plot and take away what does not inform.

    Parameters
    ----------
    axes : Axes
    x, y : str
        What the axes show, with the unit.
    title : str

    Returns
    -------
    Axes
        The same.
    """
    axes.set_xlabel(x, color=INK, fontsize=11)
    axes.set_ylabel(y, color=INK, fontsize=11)
    axes.set_title(title, color=INK, fontsize=11, loc="left")
    axes.tick_params(colors=MUTED, labelsize=10)
    axes.grid(color=RULE, linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(MUTED)
    return axes


def show(figure: Figure, name: str, alt: str) -> None:
    """Show a figure: in a notebook below the cell; otherwise as a PNG file in ``figures`` beside the lesson.

    ``MINICAP_FIGURES`` names another folder.

    Parameters
    ----------
    figure : Figure
    name : str
        The file's name without its ending, which begins with the lesson's number: ``01_error_against_step``.
    alt : str
        What the figure shows and teaches, for those who cannot see it: a sentence or two.
    """
    if len(alt.split()) < 8:
        raise ValueError(f"show: the alternative text of {name} is {alt!r}; say what the figure shows")
    if _notebook() is not None:
        data = {"image/png": png_of(figure), "text/plain": alt}
        _notebook().display(data, metadata={"image/png": {"alt": alt, "width": _width_of(figure)}}, raw=True)
        return
    folder = Path(os.environ.get("MINICAP_FIGURES") or Path(sys.argv[0]).resolve().parent / "figures")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        save_figure(figure, folder / f"{name}.png")
        said = str(folder / f"{name}.png")
    except (OSError, ValueError) as error:
        said = f"{name} (not saved: {error})"
    print(textwrap.fill(f"[figure {said}: {alt}]", 100, break_long_words=False, break_on_hyphens=False))


def _width_of(figure: Figure) -> int:
    """Return a figure's width on a page, in CSS pixels."""
    return round(96 * figure.get_figwidth())


def _notebook() -> Any:
    """Return IPython's module for display where this runs in a notebook's kernel, else None."""
    loaded = sys.modules.get("IPython")
    shell = loaded.get_ipython() if loaded is not None else None
    if shell is None or not hasattr(shell, "kernel"):
        return None
    return sys.modules["IPython.display"]
