"""``minicap classify``: name the class of pictures."""

from __future__ import annotations

import argparse
from typing import Any

from minicap.cli.output import add_json, show
from minicap.cli.pictures import add_pictures, pictures_of
from minicap.errors import InputError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.epilog = "example: minicap classify runs/clothes shoe.png --top 3"
    add_pictures(parser)
    parser.add_argument("--top", type=int, default=1, help="how many classes to name (%(default)s)")
    add_json(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Classify."""
    from minicap.models import Classifier

    if arguments.top < 1:
        raise InputError(f"--top: {arguments.top} makes no sense; use 1 or more")
    model = Classifier.load(arguments.model)
    paths = pictures_of(arguments)
    guesses = model.classify(paths, top=arguments.top)
    found: list[dict[str, Any]] = [
        {
            "image": str(path),
            "label": several[0].label,
            "probability": several[0].probability,
            "top": [guess._asdict() for guess in several],
        }
        for path, several in zip(paths, guesses, strict=True)
    ]

    def text() -> str:
        lines = []
        for path, several in zip(paths, guesses, strict=True):
            words = ", ".join(f"{guess.label} {guess.probability:.1%}" for guess in several)
            lines.append(words if len(paths) == 1 else f"{path}: {words}")
        return "\n".join(lines)

    show(arguments, found, text)
