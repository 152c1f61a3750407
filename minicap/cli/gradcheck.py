"""``minicap gradcheck``: prove the gradients of anyone's layers, or say what is wrong with them."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from minicap.cli.output import add_json, show
from minicap.errors import InputError

LIBRARY = "minicap.ops"
MOST_SECONDS = 3600.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.description = (
        "Check the gradients of the layers in a Python file, written in any of the usual ways: x_forward with\n"
        "x_backward, classes with forward and backward, x_loss(x, y) returning (loss, dx), models, closures. They are\n"
        "found by looking, get random inputs that fit, and run in child processes with a time limit. That limits\n"
        "accidents; it is no protection from malice."
    )
    parser.epilog = (
        "examples:\n"
        "  minicap gradcheck layers.py\n"
        "  minicap gradcheck layers.py --layer conv --op conv2d\n"
        "  minicap gradcheck layers.py --inputs 'x: (2,3,5,4), y: int(2) < 5'\n"
        "  minicap gradcheck layers.py --html report.html"
    )
    parser.add_argument("file", metavar="FILE.py", nargs="?", help="Python file with layers")
    parser.add_argument(
        "--self-test",
        action="store_true",
        help="instead of a file: check known bugs and right layers, and print what was found",
    )
    parser.add_argument(
        "--layer", default="", metavar="NAME[,NAME]", help="only these, as the table names them"
    )
    parser.add_argument(
        "--inputs", metavar="'x: (2,3), ...'", help="inputs by argument name, where invented ones do not fit"
    )
    parser.add_argument("--op", metavar="NAME", help="also compare forwards with minicap's op of this name")
    parser.add_argument("--seed", type=int, default=0, help="of inputs and upstream gradients (%(default)s)")
    parser.add_argument(
        "--tolerance", type=float, default=1e-6, help="largest relative error that passes (%(default)s)"
    )
    parser.add_argument("--seconds", type=float, default=30.0, help="most time for one layer (%(default)s)")
    parser.add_argument("--html", metavar="OUT.html", help="write a page with pictures of the errors")
    add_json(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Check and tell."""
    if arguments.self_test:
        return _self_test(arguments)
    from minicap.gradcheck.file import check_file
    from minicap.gradcheck.file_text import WIDTH, describe

    _check(arguments)
    report = check_file(
        arguments.file,
        inputs=arguments.inputs,
        op=arguments.op,
        library=LIBRARY if arguments.op else None,
        only=[name.strip() for name in arguments.layer.split(",") if name.strip()],
        seed=arguments.seed,
        tolerance=arguments.tolerance,
        seconds=arguments.seconds,
        arrays=bool(arguments.html),
        progress=_progress,
    )
    width = min(WIDTH, max(60, shutil.get_terminal_size((WIDTH, 24)).columns))
    show(arguments, report.to_json(), lambda: describe(report, width))
    if arguments.html:
        from minicap.data.files import write_atomically
        from minicap.gradcheck.html import page
        from minicap.plots.gradcheck import error_map

        write_atomically(arguments.html, page(report, error_map).encode())
        if not arguments.json:
            print(f"\nwrote {arguments.html}")
    return 0 if report.passed else 1


def _self_test(arguments: argparse.Namespace) -> int:
    """Let the checker prove itself."""
    from tqdm import tqdm

    from minicap.gradcheck.self_test import self_test
    from minicap.gradcheck.self_test_text import describe

    if arguments.file:
        raise InputError("--self-test: checks bugs of its own; leave the file away")
    _check_seed(arguments.seed)
    test = self_test(
        seed=arguments.seed,
        progress=lambda tasks: tqdm(tasks, desc="self-test", unit="check", leave=False, disable=None),
    )
    show(arguments, test.to_json(), lambda: describe(test))
    return 0 if test.passed else 1


def _progress(names: Sequence[str]) -> Iterator[str]:
    """Yield the layers' names with a progress bar where somebody watches a terminal."""
    from tqdm import tqdm

    with tqdm(total=len(names), unit="layer", leave=False, disable=None) as bar:
        for name in names:
            bar.set_description_str(name[:32].ljust(min(32, max(map(len, names)))))
            yield name
            bar.update()


def _check(arguments: argparse.Namespace) -> None:
    """Raise where an argument makes no sense, or a page cannot be written, before anything is run."""
    if not arguments.file:
        raise InputError("no file; give a Python file with layers, or --self-test")
    _check_seed(arguments.seed)
    if not 0 < arguments.tolerance < 1:
        raise InputError(f"--tolerance: {arguments.tolerance:g} is not between 0 and 1")
    if not 0 < arguments.seconds <= MOST_SECONDS:
        raise InputError(f"--seconds: {arguments.seconds:g} is not above 0 and up to {MOST_SECONDS:g}")
    if arguments.html and not Path(arguments.html).absolute().parent.is_dir():
        raise InputError(f"--html: the folder of {arguments.html} does not exist; make it first")
    if arguments.html and Path(arguments.html).is_dir():
        raise InputError(f"--html: {arguments.html} is a folder; give the page a name in it")


def _check_seed(seed: int) -> None:
    """Raise where a seed is none."""
    if seed < 0:
        raise InputError(f"--seed: {seed} is negative; use 0 or more")
