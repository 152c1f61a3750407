"""``minicap course``: make an exercise of a spec."""

from __future__ import annotations

import argparse
from typing import Any

from minicap.cli.output import add_json, show


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.epilog = (
        "examples:\n"
        "  minicap course list\n"
        "  minicap course spec lstm\n"
        "  minicap course make lstm.toml --out homework"
    )
    kinds = parser.add_subparsers(title="what", metavar="WHAT", required=True)
    make = kinds.add_parser("make", help="write starter file, public tests, rubric and solution of a spec")
    make.epilog = "example: minicap course make lstm.toml --out homework"
    make.add_argument("spec", metavar="SPEC", help="a spec, or the name of one that comes along")
    make.add_argument("--out", required=True, metavar="DIR", help="folder to write, new or empty")
    add_json(make)
    make.set_defaults(run=run_make)
    listing = kinds.add_parser(
        "list", help="name the specs that come along, and what a term can vary in each"
    )
    listing.epilog = "example: minicap course list"
    add_json(listing)
    listing.set_defaults(run=run_list)
    spec = kinds.add_parser("spec", help="print a spec that comes along, to change it")
    spec.epilog = "example: minicap course spec lstm"
    spec.add_argument("name", metavar="NAME", help="as `minicap course list` names it")
    spec.set_defaults(run=run_spec)


def run_make(arguments: argparse.Namespace) -> None:
    """Write an exercise."""
    from minicap.grading.course import TEACHER, make_course
    from minicap.grading.read import read_spec

    spec = read_spec(arguments.spec)
    files = [str(path) for path in make_course(spec, arguments.out)]

    def text() -> str:
        return "\n".join(
            [
                *[f"wrote {file}" for file in files],
                f"keep {TEACHER}/ to yourself: the solution is there, and the secret of the hidden inputs",
                f"next: minicap grade {files[-1]} SUBMISSION --student ID",
            ]
        )

    show(arguments, {"files": files, "points": spec.points}, text)


def run_list(arguments: argparse.Namespace) -> None:
    """Name the specs."""
    from minicap.grading.read import read_spec, shipped

    specs: list[dict[str, Any]] = []
    for name in shipped():
        spec = read_spec(name)
        varied = {part.term.op: sorted(part.term.all_choices()) for part in spec.parts}
        specs.append({"name": name, "title": spec.title, "points": spec.points, "varied": varied})

    def line(spec: dict[str, Any]) -> str:
        choices = dict.fromkeys(choice for names in spec["varied"].values() for choice in names)
        return f"{spec['name']:<14}{spec['title']}; a term may vary {', '.join(choices)}"

    show(arguments, specs, lambda: "\n".join(map(line, specs)))


def run_spec(arguments: argparse.Namespace) -> None:
    """Print a spec."""
    from minicap.data.files import read_text
    from minicap.grading.read import find

    print(read_text(find(arguments.name)), end="")
