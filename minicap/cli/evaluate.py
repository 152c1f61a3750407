"""``minicap evaluate``: judge a trained model."""

from __future__ import annotations

import argparse
import sys

from minicap.cli.output import add_json, metrics_table, show, wants_progress
from minicap.errors import InputError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.epilog = "example: minicap evaluate runs/mine --data my_pictures --split test"
    parser.add_argument("model", metavar="RUN", help="run folder or checkpoint")
    parser.add_argument("--data", metavar="PATH", required=True, help="folder with pictures and captions")
    parser.add_argument(
        "--split", default="val", help="train, val, test or compositional; dev means val (%(default)s)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of shuffles and intervals (%(default)s)")
    add_json(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Evaluate."""
    from minicap.data.report import ReadingReport
    from minicap.models import Captioner
    from minicap.training import evaluate, read_corpus

    if arguments.seed < 0:
        raise InputError(f"--seed: {arguments.seed} is negative; use 0 or more")
    model = Captioner.load(arguments.model)
    progress, report = wants_progress(arguments), ReadingReport()
    corpus = read_corpus(arguments.data, progress=progress)
    data = corpus.split(arguments.split).usable(model.preprocessing, report=report, progress=progress)
    if progress and report:
        print(report, file=sys.stderr)
    train = corpus.split("train") if "train" in corpus.splits else None
    metrics = evaluate(model, data, train=train, seed=arguments.seed).metrics
    show(arguments, metrics, lambda: metrics_table(metrics))
