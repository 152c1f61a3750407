"""``minicap tutorial``: list the lessons, open one, take them away, export them."""

from __future__ import annotations

import argparse
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from minicap.cli.output import add_json, show


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.epilog = (
        "examples:\n"
        "  minicap tutorial list\n"
        "  minicap tutorial copy lessons\n"
        "  minicap tutorial export 1 --out pages"
    )
    kinds = parser.add_subparsers(title="what", metavar="WHAT", required=True)
    lists = kinds.add_parser(
        "list", help="say which lessons there are, how long they take and what they need"
    )
    add_json(lists)
    lists.set_defaults(run=run_list)
    opens = kinds.add_parser(
        "open", help="say where a lesson is, and open it in Jupyter where that is installed"
    )
    opens.add_argument(
        "number", metavar="NN", nargs="?", default="0", help="number of the lesson (%(default)s)"
    )
    opens.set_defaults(run=run_open)
    copies = kinds.add_parser("copy", help="copy lessons, exercises and solutions into a folder of your own")
    copies.add_argument(
        "folder", metavar="DIR", nargs="?", default="tutorials", help="where to (%(default)s)"
    )
    add_json(copies)
    copies.set_defaults(run=run_copy)
    exports = kinds.add_parser("export", help="write lessons as pages to read, or as notebooks")
    exports.epilog = "example: minicap tutorial export 0 1 2 --out pages"
    exports.add_argument(
        "numbers", metavar="NN", nargs="*", help="numbers of lessons; all where none is given"
    )
    exports.add_argument(
        "--to", choices=("html", "ipynb"), default="html",
        help="a page with results, or a notebook that has not been run (%(default)s)",
    )  # fmt: skip
    exports.add_argument("--out", metavar="DIR", default=".", help="folder to write to (the current one)")
    exports.add_argument("--fast", action="store_true", help="run the lessons in their fast form")
    add_json(exports)
    exports.set_defaults(run=run_export)


def run_list(arguments: argparse.Namespace) -> None:
    """Print the lessons."""
    from minicap.tutorials import lessons

    found = lessons()
    result = [{**lesson._asdict(), "path": str(lesson.path)} for lesson in found]
    show(
        arguments,
        result,
        lambda: "\n".join(
            f"{lesson.number:2}. {lesson.title}\n    time: {lesson.time}\n    needs: {lesson.needs}"
            for lesson in found
        ),
    )


def run_open(arguments: argparse.Namespace) -> int:
    """Print where a lesson is, and open it in Jupyter where that is installed."""
    from minicap.tutorials import find_lesson

    lesson = find_lesson(arguments.number)
    print(lesson.path)
    server = next((name for name in ("jupyterlab", "notebook") if find_spec(name)), None)
    if server is None or find_spec("jupytext") is None:
        print(
            "no Jupyter with jupytext here: run the lesson with python, open it in VS Code, or first "
            "python -m pip install 'minicap[tutorials]' jupyterlab"
        )
        return 0
    from minicap.tutorials.export import export

    path = Path(f"{lesson.path.stem}.ipynb")
    if not path.exists():  # else it may hold the reader's own work
        export(lesson, ".", to="ipynb")
    print(f"opening {path}; Ctrl-C here ends Jupyter")
    return subprocess.run([sys.executable, "-m", server, str(path)], check=False).returncode


def run_copy(arguments: argparse.Namespace) -> None:
    """Copy the lessons."""
    from minicap.tutorials import copy_lessons, lessons

    made = copy_lessons(arguments.folder)
    first = lessons()[0].path.name

    def text() -> str:
        if not made:
            return f"{arguments.folder} has all of them already; what is there was left alone"
        return (
            f"copied {len(made)} files to {arguments.folder}; next: cd {arguments.folder} && python {first}"
        )

    show(arguments, [str(path) for path in made], text)


def run_export(arguments: argparse.Namespace) -> None:
    """Export lessons."""
    from tqdm import tqdm

    from minicap.tutorials import find_lesson, lessons
    from minicap.tutorials.export import NEEDED, export, require_extra

    require_extra(NEEDED if arguments.to == "html" else ("jupytext",))
    chosen = [find_lesson(number) for number in arguments.numbers] or lessons()
    written = [
        str(export(lesson, arguments.out, to=arguments.to, fast=arguments.fast))
        for lesson in tqdm(chosen, unit="lesson", leave=False, disable=None)
    ]
    show(arguments, written, lambda: "\n".join(f"wrote {path}" for path in written))
