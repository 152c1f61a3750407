"""Find the command, run it, and turn what goes wrong into one line and an exit code."""

from __future__ import annotations

import argparse
import io
import os
import sys
import warnings
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

import minicap
from minicap.cli.blas import settle_blas
from minicap.cli.memory import keep_memory
from minicap.errors import InputError

COMMANDS = {
    "demo": "train a captioner on built-in scenes and show what it says, in a minute or two",
    "data": "make built-in scenes, or look at what a data folder holds",
    "train": "train a captioner, tagger or classifier on your pictures",
    "caption": "describe pictures with a trained captioner",
    "tag": "name what pictures show with a trained tagger, and draw where",
    "classify": "name the class of pictures with a trained classifier",
    "search": "find the pictures that a sentence fits, with a trained captioner",
    "compare": "train captioners of several kinds alike, and judge them side by side",
    "evaluate": "judge a trained model on a split of the data",
    "features": "compute what a trained network sees in pictures, and store it",
    "report": "write a run's report.html again",
    "gradcheck": "check the gradients of anyone's layers, and name the bug",
    "grade": "grade layers that were handed in, with points for every gradient",
    "course": "make an exercise of a layer: starter file, public tests, rubric, solution",
    "tutorial": "list, open, copy and export the lessons",
    "exercise": "check your answers to a lesson's exercises",
    "bench": "measure how fast minicap is here, alone or beside PyTorch",
    "doctor": "say what this installation has and what it lacks",
}
OK, FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments without the program's name; the process's own where None.

    Returns
    -------
    int
        0 success, 1 a check or training that failed, 2 bad usage or bad input, 130 interrupted.
    """
    warnings.showwarning = _one_line_warning
    # A name that the terminal cannot show must not stop anything.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        keep_memory()
        settle_blas()
        arguments = _parser().parse_args(argv)
        code = arguments.run(arguments) or OK
        _flush()
        return code
    except InputError as error:
        return _fail(str(error), BAD_INPUT)
    except ArithmeticError as error:
        return _fail(str(error), FAILED)
    except KeyboardInterrupt as interrupt:
        return _fail(str(interrupt) or "interrupted", INTERRUPTED)
    except BrokenPipeError:
        # Whoever read our output has gone, as `| head` does; Python's own flush at exit must not complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except MemoryError:
        return _fail("not enough memory; a smaller --batch-size, --image-size or such helps", BAD_INPUT)
    except OSError as error:
        return _fail(f"{error.filename or 'input or output'}: {error.strerror or error}", BAD_INPUT)


class _Parser(argparse.ArgumentParser):
    """A parser that complains in one line; how a command is used is what ``--help`` is for."""

    def error(self, message: str) -> NoReturn:
        """Print the complaint and leave."""
        self.exit(BAD_INPUT, f"{self.prog}: {' '.join(message.split())}; see {self.prog} --help\n")

    def exit(self, status: int = OK, message: str | None = None) -> NoReturn:
        """Leave, after what --help printed has arrived."""
        _flush()
        super().exit(status, message)


class _Formatter(argparse.HelpFormatter):
    """Help with room for the longest command: argparse counts its name without the indent."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog)
        self._action_max_length = 4 + max(map(len, COMMANDS))


def _parser() -> argparse.ArgumentParser:
    """Return the parser of all commands, each with its own arguments."""
    parser = _Parser(
        prog="minicap",
        description="Image captioning, tagging and classification written by hand: train, use, evaluate.",
        epilog="example: minicap demo",
        formatter_class=_Formatter,
    )
    parser.add_argument("--version", action="version", version=f"minicap {minicap.__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, summary in COMMANDS.items():
        command = commands.add_parser(
            name, help=summary, description=summary[0].upper() + summary[1:] + ".",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )  # fmt: skip
        import_module(f"minicap.cli.{name}").add_arguments(command)
    return parser


def _flush() -> None:
    """Let a reader who has gone be noticed here, not by Python's own flush at exit."""
    if sys.stdout is not None:
        sys.stdout.flush()


def _fail(message: str, code: int) -> int:
    """Print one line on standard error and return the exit code."""
    print(f"minicap: {' '.join(message.split())}", file=sys.stderr)
    return code


def _one_line_warning(message: Warning | str, *_: object, **__: object) -> None:
    """Print a warning for people, without the line of code it came from."""
    print(f"minicap: note: {message}", file=sys.stderr)
