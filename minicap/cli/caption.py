"""``minicap caption``: describe pictures."""

from __future__ import annotations

import argparse
from pathlib import Path

from minicap.cli.output import add_json, show
from minicap.errors import InputError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.epilog = (
        "examples:\n  minicap caption runs/mine photo.jpg\n"
        "  minicap caption runs/mine holiday/ --sample --temperature 0.7 --seed 3"
    )
    parser.add_argument("model", metavar="RUN", help="run folder or checkpoint")
    parser.add_argument("images", metavar="IMAGE", nargs="+", help="picture, or a folder of pictures")
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
    paths = [path for given in arguments.images for path in _pictures(Path(given))]
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


def _pictures(path: Path) -> list[Path]:
    """Return a picture, or the pictures of a folder in order of their names."""
    from minicap.data.images import EXTENSIONS

    if not path.is_dir():
        return [path]
    found = sorted(p for p in path.iterdir() if p.suffix.lower() in EXTENSIONS)
    if not found:
        raise InputError(
            f"{path}: the folder holds no pictures; name a picture, or a folder of JPEG or PNG files"
        )
    return found
