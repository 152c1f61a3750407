"""``minicap compare``: captioners of several kinds, trained alike and judged alike."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from minicap.cli.output import add_json, show, table, wants_progress
from minicap.errors import InputError

COLUMNS = {
    "truth_1": ("1 object", ".1%"),
    "truth_2": ("2 objects", ".1%"),
    "truth_3": ("3 objects", ".1%"),
    "truth_compositional": ("unseen pairs", ".1%"),
    "bleu_4": ("BLEU-4", ".3f"),
    "cider": ("CIDEr-D", ".3f"),
    "perplexity": ("perplexity", ".2f"),
    "image_gap": ("image gap", ".3f"),
    "parameters": ("parameters", ",d"),
    "seconds": ("seconds", ",.0f"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.epilog = (
        "examples:\n  minicap compare --out runs/compare\n"
        "  minicap compare --variants par,attention,gru-attention --seeds 3 --out runs/compare\n"
        "  minicap compare --data my_pictures --variants init,attention --set epochs=10 --out runs/compare"
    )
    parser.add_argument("--out", metavar="DIR", required=True, help="folder for one run folder a training")
    parser.add_argument(
        "--variants",
        metavar="LIST",
        help="what to compare: par,init,..., with a decoder in front where it is another: gru-attention (all "
        "conditionings)",
    )
    parser.add_argument("--decoder", default="lstm", help="of variants that name none (%(default)s)")
    parser.add_argument(
        "--seeds", type=int, default=1, help="trainings of each, with other weights (%(default)s)"
    )
    parser.add_argument("--seed", type=int, default=0, help="the first seed (%(default)s)")
    parser.add_argument(
        "--data", metavar="PATH", help="pictures and captions; without it built-in scenes are drawn"
    )
    parser.add_argument("--split", default="val", help="with --data: what to judge on (%(default)s)")
    parser.add_argument("--train", type=int, default=6000, help="built-in scenes to learn from (%(default)s)")
    parser.add_argument(
        "--test",
        type=int,
        default=300,
        help="built-in scenes of each number of objects to judge on (%(default)s)",
    )
    parser.add_argument(
        "--set",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="a choice of training, such as epochs=8",
    )
    add_json(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Train, judge, show one table."""
    from minicap.comparing import SIGHTED, compare, read_variants

    for name, least in (("seeds", 1), ("seed", 0), ("train", 1), ("test", 1)):
        if getattr(arguments, name) < least:
            raise InputError(f"--{name}: {getattr(arguments, name)} is too few; use {least} or more")
    variants = read_variants(arguments.variants or ",".join(SIGHTED), arguments.decoder)
    config, exam = _exam(arguments)
    result = compare(
        variants, exam, config, arguments.out, seeds=arguments.seeds, progress=wants_progress(arguments)
    )
    show(arguments, result, lambda: comparison_table(result))


def _exam(arguments: argparse.Namespace) -> tuple[Any, Any]:
    """Return what the variants share, and what they are judged on."""
    from dataclasses import replace

    from minicap.comparing import SCENES, Exam, scene_exam
    from minicap.training import TrainConfig
    from minicap.training.config import read_setting
    from minicap.training.preparing import read_splits

    chosen = dict(read_setting(text) for text in arguments.set) | {"seed": arguments.seed}
    for name in {"task", "decoder", "conditioning", "data"} & chosen.keys():
        raise InputError(f"--set: {name} is what is compared, or has an option of its own; see --help")
    if arguments.data is None:
        config = replace(SCENES, **chosen)
        return config, scene_exam(config, train=arguments.train, test=arguments.test)
    config = TrainConfig(data=arguments.data, **chosen)
    splits = read_splits(config.data, "caption", progress=wants_progress(arguments))
    if splits.val is None or arguments.split != "val":
        from minicap.training.preparing import read_corpus

        return config, Exam(splits, read_corpus(config.data, "caption").split(arguments.split), None)
    return config, Exam(splits, splits.val, None)


def comparison_table(result: Mapping[str, Any]) -> str:
    """Return the table of a comparison, and a line on what stands in it.

    Parameters
    ----------
    result : mapping
        As ``minicap.comparing.compare`` returns it.

    Returns
    -------
    str
    """
    shown = {name: column for name, column in COLUMNS.items() if any(name in row for row in result["rows"])}
    rows = [
        [
            f"{row['decoder']} {row['conditioning']}",
            *(_cell(row, name, form) for name, (_, form) in shown.items()),
        ]
        for row in result["rows"]
    ]
    heading = ["captioner", *(title for title, _ in shown.values())]
    spread = f"; ± the standard deviation over {result['seeds']} seeds" if result["seeds"] > 1 else ""
    return (
        f"{table(heading, rows)}\n{result['epochs']} epochs over {result['n_train']:,} pictures each, judged on "
        f"{result['n_test']:,} never seen{spread}"
    )


def _cell(row: Mapping[str, Any], name: str, form: str) -> str:
    """Return one score, with its spread where there is one."""
    if name not in row:
        return ""
    spread = row["spread"].get(name)
    text = format(row[name], form)
    return text if spread is None else f"{text} ± {format(spread, form)}"
