"""``minicap exercise``: check answers to a lesson's exercises."""

from __future__ import annotations

import argparse
import shutil
import textwrap
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from minicap.cli.output import add_json, show

if TYPE_CHECKING:
    from minicap.tutorials.exercise import Result


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.description = (
        "Run your answers to a lesson's exercises, each in a child process with a time limit, and say what is wrong\n"
        "with those that are not right yet. The unsolved file is exercises/NN_title.py beside the lesson."
    )
    parser.epilog = (
        "examples:\n"
        "  minicap exercise 1 exercises/01_one_layer_and_its_gradient.py\n"
        "  minicap exercise 1 my_answers.py --only relative_error"
    )
    parser.add_argument("number", metavar="NN", help="number of the lesson")
    parser.add_argument("file", metavar="FILE.py", help="your answers")
    parser.add_argument("--only", default="", metavar="NAME[,NAME]", help="only these exercises")
    add_json(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Check and tell."""
    from minicap.tutorials.exercise import check_answers

    only = [name.strip() for name in arguments.only.split(",") if name.strip()]
    result = check_answers(arguments.number, arguments.file, only=only, progress=_progress)
    show(arguments, result.to_json(), lambda: describe(result))
    return 0 if result.passed else 1


def describe(result: Result) -> str:
    """Return what people read.

    Parameters
    ----------
    result : Result
    """
    width = min(100, max(60, shutil.get_terminal_size((100, 24)).columns))
    lines = [f"Lesson {result.lesson.number}, {result.lesson.title}: {result.file}"]
    widest = max(len(answer.name) for answer in result.answers)
    for number, answer in enumerate(result.answers, 1):
        lines.append(f"  {number}. {answer.name.ljust(widest)}  {answer.state}")
        if answer.sentence:
            lines.append(
                textwrap.fill(
                    answer.sentence, width, initial_indent=" " * 5, subsequent_indent=" " * 5,
                    break_on_hyphens=False,
                )
            )  # fmt: skip
    right = sum(answer.state == "right" for answer in result.answers)
    return "\n".join([*lines, f"{right} of {len(result.answers)} right"])


def _progress(names: Sequence[str]) -> Iterator[str]:
    """Yield the names with a progress bar where somebody watches a terminal."""
    from tqdm import tqdm

    yield from tqdm(names, unit="exercise", leave=False, disable=None)
