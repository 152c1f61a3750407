"""``minicap evaluate``: judge a trained model."""

from __future__ import annotations

import argparse

from minicap.cli.output import add_json, metrics_table, show, wants_progress
from minicap.errors import InputError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.epilog = "example: minicap evaluate runs/mine --data my_pictures --split test"
    parser.add_argument("model", metavar="RUN", help="run folder or checkpoint")
    parser.add_argument(
        "--data", metavar="PATH", required=True, help="folder with pictures, and captions, tags or classes"
    )
    parser.add_argument(
        "--split",
        default="val",
        help="train, val, test, compositional, or all there is; dev means val (%(default)s)",
    )
    parser.add_argument("--seed", type=int, default=0, help="of shuffles and intervals (%(default)s)")
    add_json(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Evaluate."""
    from minicap.data.report import ReadingReport
    from minicap.models import load_any
    from minicap.training.preparing import read_corpus, tell
    from minicap.training.session import task_name, task_of

    if arguments.seed < 0:
        raise InputError(f"--seed: {arguments.seed} is negative; use 0 or more")
    model = load_any(arguments.model)
    progress, report = wants_progress(arguments), ReadingReport()
    corpus = read_corpus(arguments.data, task_name(model), progress=progress)
    data = corpus.split(arguments.split).usable(model.preprocessing, report=report, progress=progress)
    if progress:
        tell(report)
    train = corpus.split("train") if "train" in corpus.splits else None
    metrics = task_of(model).judge(model, data, train=train, seed=arguments.seed).metrics
    show(arguments, metrics, lambda: metrics_table(metrics))
