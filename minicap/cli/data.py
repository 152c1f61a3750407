"""``minicap data``: make built-in scenes, look at a data folder."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from minicap.cli.output import add_json, show, table, wants_progress

if TYPE_CHECKING:
    from minicap.data.corpus import Corpus


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
    check.add_argument("path", metavar="PATH", help="data folder, or a file of captions or tags")
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
    """Describe a data folder: what it holds for each task, and what is wrong with it."""
    from minicap.data.readers import SAYS, read_data, tasks_of
    from minicap.errors import InputError

    found: dict[str, dict[str, Any]] = {}
    errors: list[InputError] = []
    for task in tasks_of(arguments.path):
        try:
            found[SAYS[task]] = _described(read_data(arguments.path, task), SAYS[task])
        except InputError as error:
            errors.append(error)
            found[SAYS[task]] = {"kind": None, "splits": {}, "problems": [str(error)]}
    if len(errors) == len(found):
        raise errors[0]
    captions = found.get("captions", {})  # as JSON, what is said of captions stands at the top
    others = {said: what for said, what in found.items() if said != "captions"}
    show(arguments, captions | others, lambda: "\n\n".join(_as_text(*item) for item in found.items()))


def _described(corpus: Corpus[Any], said: str) -> dict[str, Any]:
    """Return what a corpus holds, JSON-ready; captions are counted all, tags and classes once each."""
    splits = {}
    for name in corpus.splits:
        data = corpus.split(name)
        if said == "captions":
            count = sum(map(len, data.captions))
        elif said == "tags":
            count = len({tag for tags in data.tags for tag in tags})
        else:
            count = len(set(data.labels))
        splits[name] = {"images": len(data), said: count}
    return {"kind": corpus.kind, "splits": splits, "problems": list(corpus.report.lines())}


def _as_text(said: str, what: dict[str, Any]) -> str:
    """Return a table of splits with the problems below, or why there is none."""
    if what["kind"] is None:
        return "\n".join(f"{said}: {line}" for line in what["problems"])
    rows = [[name, f"{s['images']:,}", f"{s[said]:,}"] for name, s in what["splits"].items()]
    return "\n".join([table([what["kind"], "images", said], rows), *what["problems"]])
