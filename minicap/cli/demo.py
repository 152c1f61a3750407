"""``minicap demo``: the whole job on built-in scenes."""

from __future__ import annotations

import argparse

from minicap.cli.output import add_json, show, table, wants_progress
from minicap.errors import InputError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.epilog = "example: minicap demo --out runs/demo --seed 1"
    parser.add_argument("--out", metavar="DIR", default="runs/demo", help="run folder to write (%(default)s)")
    parser.add_argument(
        "--seed", type=int, default=0, help="another seed: other scenes, other weights (%(default)s)"
    )
    parser.add_argument(
        "--fast", action="store_true", help="a few seconds of training, to see that everything works"
    )
    add_json(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Train, judge, show."""
    from minicap.demo import run_demo

    if arguments.seed < 0:
        raise InputError(f"--seed: {arguments.seed} is negative; use 0 or more")
    result = run_demo(
        arguments.out, seed=arguments.seed, fast=arguments.fast, progress=wants_progress(arguments)
    )

    def text() -> str:
        rows = [
            [name, *(f"{row[key]:.1%}" for key in ("truth", "truth_loose", "blind"))]
            for name, row in result["table"].items()
        ]
        heading = ["scenes never seen", "true and complete", "true", "blind baseline"]
        lines = ["", *(f"  {text}" for text in result["examples"]), "", table(heading, rows), ""]
        lines += [f"{name}: {path}" for name, path in result["files"].items()]
        lines.append(f"{result['seconds']:.0f} s in all, {result['kernels']} kernels")
        lines.append(f"next: minicap caption {arguments.out} PICTURE")
        return "\n".join(lines)

    show(arguments, result, text)
