"""Lessons as notebooks and as pages: jupytext reads them, nbclient runs them, nbconvert's filters colour them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from minicap.data.files import write_atomically
from minicap.errors import InputError
from minicap.tutorials.catalogue import Lesson
from minicap.tutorials.page import page

NEEDED = ("jupytext", "nbconvert", "nbclient", "ipykernel", "latex2mathml")
SECONDS = 600  # the most for one cell
_COLOUR = re.compile(r"\x1b\[[\d;]*m")


def require_extra(names: tuple[str, ...] = NEEDED) -> None:
    """Raise where the packages for exporting are not installed.

    Parameters
    ----------
    names : tuple of str

    Raises
    ------
    InputError
        The message says how to get them.
    """
    missing = [name for name in names if find_spec(name) is None]
    if missing:
        raise InputError(
            f"this needs {', '.join(missing)}, not installed here; python -m pip install 'minicap[tutorials]'"
        )


def notebook(lesson: Lesson) -> Any:
    """Return a lesson as a notebook that has not been run.

    Parameters
    ----------
    lesson : Lesson

    Returns
    -------
    NotebookNode
    """
    import jupytext

    made = jupytext.read(lesson.path)
    made.metadata["title"] = f"{lesson.number}. {lesson.title}"
    made.metadata["kernelspec"] = {"display_name": "Python 3", "language": "python", "name": "python3"}
    for index, cell in enumerate(made.cells):
        cell["id"] = f"lesson-{lesson.number:02d}-{index:02d}"  # else random: the same lesson, the same bytes
    return made


def run(made: Any, folder: Path, *, fast: bool = False) -> None:
    """Run a notebook in place.

    Parameters
    ----------
    made : NotebookNode
    folder : Path
        Where it runs.
    fast : bool
        With ``MINICAP_FAST=1``.

    Raises
    ------
    InputError
        If a cell fails; the message has the error's last line.
    """
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError

    client = NotebookClient(
        made, timeout=SECONDS, kernel_name="python3", resources={"metadata": {"path": str(folder)}},
        extra_arguments=["--log-level=ERROR"],
    )  # fmt: skip
    try:
        with _environment(MINICAP_FAST="1" if fast else "0", PYTHONPATH=_import_path()):
            client.execute()
    except (CellExecutionError, CellTimeoutError) as error:
        last = _COLOUR.sub("", str(error).strip().splitlines()[-1])
        raise InputError(f"{made.metadata['title']}: a cell failed: {last}") from error


def export(lesson: Lesson, folder: str | Path, *, to: str = "html", fast: bool = False) -> Path:
    """Write a lesson as a page that needs nothing else, or as a notebook.

    Parameters
    ----------
    lesson : Lesson
    folder : str or Path
        Made where it does not exist.
    to : str
        "html": run, with its results and figures; "ipynb": not run.
    fast : bool
        Run it in the fast mode.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    InputError
        If packages are missing, a cell fails, or the file cannot be written.
    """
    require_extra(NEEDED if to == "html" else ("jupytext",))
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    made = notebook(lesson)
    path = target / f"{lesson.path.stem}.{to}"
    if to == "html":
        run(made, lesson.path.parent, fast=fast)
        content = page(made)
    else:
        import nbformat

        content = nbformat.writes(made) + "\n"
    write_atomically(path, content.encode("utf-8"))
    return path


def _import_path() -> str:
    """Return what the kernel needs on its path to import the minicap that runs here."""
    paths = [str(Path(__file__).resolve().parent.parent.parent), os.environ.get("PYTHONPATH", "")]
    return os.pathsep.join(filter(None, paths))


@contextmanager
def _environment(**values: str) -> Iterator[None]:
    """Set environment variables for the processes that start meanwhile."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
