"""``minicap tag``: name what pictures show, and draw where."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from minicap.cli.output import add_json, show
from minicap.cli.pictures import add_pictures, pictures_of
from minicap.errors import InputError

THRESHOLD = 0.5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.epilog = (
        "examples:\n  minicap tag runs/tags photo.jpg\n"
        "  minicap tag runs/tags holiday/ --draw where.png --least 3"
    )
    add_pictures(parser)
    parser.add_argument(
        "--threshold",
        type=float,
        help=f"name tags from this probability on ({THRESHOLD}); not for --head sequence",
    )
    parser.add_argument(
        "--least", type=int, default=0, help="name so many tags a picture in any case (%(default)s)"
    )
    parser.add_argument(
        "--draw", metavar="FILE", help="draw the pictures with their tags, and where each was seen, as a PNG"
    )
    add_json(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Tag."""
    from minicap.models import Tagger

    threshold = THRESHOLD if arguments.threshold is None else arguments.threshold
    if not 0 <= threshold <= 1:
        raise InputError(f"--threshold: {threshold} is no probability; use 0 to 1")
    if arguments.least < 0:
        raise InputError(f"--least: {arguments.least} makes no sense; use 0 or more")
    model = Tagger.load(arguments.model)
    if arguments.threshold is not None and model.config["head"] == "sequence":
        raise InputError(
            "--threshold: this tagger says one tag after another until it has done; leave it out"
        )
    paths = pictures_of(arguments)
    tags = model.tag(paths, threshold=threshold, least=arguments.least)
    if arguments.draw:
        _draw(model, paths, tags, arguments.draw)
    found = [
        {"image": str(path), "tags": [tag.to_dict() for tag in several]}
        for path, several in zip(paths, tags, strict=True)
    ]

    def text() -> str:
        lines = []
        for path, several in zip(paths, tags, strict=True):
            words = ", ".join(f"{tag.name} {tag.probability:.0%}" for tag in several)
            words = words or "nothing from this threshold on; try --least 3"
            lines.append(words if len(paths) == 1 else f"{path}: {words}")
        return "\n".join(lines + ([f"drawn: {arguments.draw}"] if arguments.draw else []))

    show(arguments, found, text)


def _draw(model: Any, paths: list[Path], tags: list[Any], file: str) -> None:
    """Draw the pictures as the model sees them, each with its tags and their places."""
    from minicap.data.images import load_image
    from minicap.plots import TagMark, plot_tags

    pictures = [model.preprocessing.pixels(load_image(path)) for path in paths]
    marks = [[TagMark(tag.name, tag.probability, tag.box) for tag in several] for several in tags]
    plot_tags(pictures, marks, file)
