"""``minicap caption``: describe pictures."""

from __future__ import annotations

import argparse

from minicap.cli.output import add_json, show
from minicap.cli.pictures import add_pictures, pictures_of
from minicap.errors import InputError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.epilog = (
        "examples:\n  minicap caption runs/mine photo.jpg\n"
        "  minicap caption runs/mine holiday/ --sample --temperature 0.7 --seed 3"
    )
    add_pictures(parser)
    parser.add_argument(
        "--sample", action="store_true", help="draw words at random instead of taking the best"
    )
    parser.add_argument(
        "--temperature", type=float, default=1.0, help="with --sample: below 1 is more cautious (%(default)s)"
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="with --sample: another seed says something else (%(default)s)"
    )
    parser.add_argument("--max-length", type=int, default=40, help="longest caption in words (%(default)s)")
    add_json(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Caption."""
    from minicap.models import Captioner

    if not 0 < arguments.temperature < float("inf"):
        raise InputError(f"--temperature: {arguments.temperature} is not a positive number")
    if arguments.max_length < 1 or arguments.seed < 0:
        raise InputError("--max-length must be 1 or more, and --seed 0 or more")
    model = Captioner.load(arguments.model)
    paths = pictures_of(arguments)
    captions = model.caption(
        paths,
        sample=arguments.sample,
        temperature=arguments.temperature,
        seed=arguments.seed,
        max_length=arguments.max_length,
    )
    found = [
        {"image": str(path), "caption": str(caption), "log_prob": caption.log_prob}
        for path, caption in zip(paths, captions, strict=True)
    ]
    show(
        arguments,
        found,
        lambda: "\n".join(
            str(c) if len(found) == 1 else f"{p}: {c}" for p, c in zip(paths, captions, strict=True)
        ),
    )
