"""``minicap data``: make built-in scenes, look at a data folder."""

from __future__ import annotations

import argparse
from typing import Any

from minicap.cli.output import add_json, show, table, wants_progress


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.epilog = (
        "examples:\n  minicap data scenes --out scenes --n 2000 --size 64\n  minicap data check my_pictures"
    )
    kinds = parser.add_subparsers(title="what", metavar="WHAT", required=True)
    scenes = kinds.add_parser(
        "scenes", help="write built-in scenes with captions and ground truth to a folder"
    )
    scenes.epilog = "example: minicap data scenes --out scenes --n 2000 --size 64 --seed 0"
    scenes.add_argument("--out", required=True, metavar="DIR", help="folder to write")
    scenes.add_argument("--n", type=int, default=1000, help="pictures in all splits together (%(default)s)")
    scenes.add_argument("--size", type=int, default=64, help="side of a picture in pixels (%(default)s)")
    scenes.add_argument("--seed", type=int, default=0, help="another seed draws other scenes (%(default)s)")
    add_json(scenes)
    scenes.set_defaults(run=run_scenes)
    check = kinds.add_parser("check", help="say what a folder holds and what is wrong with it")
    check.epilog = "example: minicap data check flickr8k"
    check.add_argument("path", metavar="PATH", help="data folder or caption file")
    add_json(check)
    check.set_defaults(run=run_check)


def run_scenes(arguments: argparse.Namespace) -> None:
    """Write scenes."""
    from minicap.data.scenes import write_scenes

    written = write_scenes(
        arguments.out,
        n=arguments.n,
        size=arguments.size,
        seed=arguments.seed,
        progress=wants_progress(arguments),
    )
    show(
        arguments,
        written,
        lambda: (
            f"wrote {arguments.n} scenes to {arguments.out}; next: minicap train --data {arguments.out} --out run"
        ),
    )


def run_check(arguments: argparse.Namespace) -> None:
    """Describe a data folder."""
    from minicap.data import read_captions

    corpus = read_captions(arguments.path)
    splits = {name: corpus.split(name) for name in corpus.splits}
    found: dict[str, Any] = {
        "kind": corpus.kind,
        "splits": {
            name: {"images": len(s), "captions": sum(map(len, s.captions))} for name, s in splits.items()
        },
        "problems": list(corpus.report.lines()),
    }

    def text() -> str:
        rows = [[name, f"{s['images']:,}", f"{s['captions']:,}"] for name, s in found["splits"].items()]
        return "\n".join([table([corpus.kind, "images", "captions"], rows), *found["problems"]])

    show(arguments, found, text)
