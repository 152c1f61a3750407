"""``minicap grade``: points for every forward and every gradient of layers that were handed in."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from minicap.errors import InputError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.description = (
        "Grade a file of layers by a spec: each forward and each gradient is compared with what is right, on\n"
        "hidden inputs drawn for each student. The submission runs in child processes with limits on time,\n"
        "memory and output; the right answers stay outside, and the exit code is 0 however few the points. That\n"
        "limits accidents, a loop without end or an os._exit; it is no sandbox against malice."
    )
    parser.epilog = (
        "examples:\n"
        "  minicap grade affine.toml ann/affine.py --student ann\n"
        "  minicap grade affine.toml ann/ --student ann --json plain --out ann.json\n"
        "  minicap grade spec.toml submission --json gradescope --out results.json\n"
        "  minicap grade lstm lstm.py"
    )
    parser.add_argument(
        "spec",
        metavar="SPEC.toml",
        help="what is asked for, and the points; or the name of one that comes along",
    )
    parser.add_argument("submission", metavar="SUBMISSION", help="the file, or the folder with it")
    parser.add_argument(
        "--student", default="", metavar="ID", help="who it is of; each gets other hidden inputs"
    )
    parser.add_argument(
        "--json", nargs="?", const="plain", choices=("plain", "gradescope"),
        help="print the result as JSON, plain or in Gradescope's form",
    )  # fmt: skip
    parser.add_argument("--out", metavar="FILE", help="write the JSON there, and print the words")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Grade and tell."""
    from minicap.data.files import write_atomically
    from minicap.grading.read import read_spec
    from minicap.grading.results import FORMS, describe
    from minicap.grading.run import grade

    if arguments.out and (Path(arguments.out).is_dir() or not Path(arguments.out).absolute().parent.is_dir()):
        raise InputError(f"--out: {arguments.out} is no file in a folder that exists")
    spec = read_spec(arguments.spec)
    done = grade(spec, arguments.submission, student=arguments.student, progress=_progress)
    text = json.dumps(FORMS[arguments.json or "plain"](done), ensure_ascii=False, indent=2)
    if arguments.out:
        write_atomically(arguments.out, f"{text}\n".encode())
    print(text if arguments.json and not arguments.out else describe(done))
    return 0


def _progress(names: Sequence[str]) -> Iterator[str]:
    """Yield the parts' names with a progress bar where somebody watches a terminal."""
    from tqdm import tqdm

    with tqdm(total=len(names), unit="part", leave=False, disable=None) as bar:
        for name in names:
            bar.set_description_str(name[:32])
            yield name
            bar.update()
