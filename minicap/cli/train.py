"""``minicap train``: from a data folder to a run folder."""

from __future__ import annotations

import argparse
from dataclasses import fields, replace
from typing import Any

from minicap.cli.output import add_json, metrics_table, show, wants_progress
from minicap.errors import InputError

# Flag -> (type, help); defaults are those of TrainConfig, which also checks the values.
OPTIONS: dict[str, tuple[type, str]] = {
    "encoder": (str, "network that reads the picture: small"),
    "decoder": (str, "network that writes the sentence: rnn, lstm or gru"),
    "conditioning": (str, "how the picture reaches the decoder: par, init or pre"),
    "image-size": (int, "side of the pictures in pixels"),
    "embed-size": (int, "width of word and picture vectors"),
    "hidden-size": (int, "width of the recurrent state"),
    "layers": (int, "recurrent layers, 1 to 4"),
    "dropout": (float, "probability dropped in the decoder while training"),
    "tokenizer": (str, "word or char"),
    "min-count": (int, "rarer words become <unk>"),
    "epochs": (int, "times through the training pictures"),
    "batch-size": (int, "pictures a step"),
    "captions-per-image": (
        int,
        "captions drawn for each picture and epoch; 0: as many as pictures have, at most 5",
    ),
    "optimizer": (str, "adam or sgd"),
    "lr": (float, "highest learning rate"),
    "schedule": (str, "learning rate over time: cosine or constant"),
    "warmup": (float, "share of the steps over which the learning rate rises"),
    "clip-norm": (float, "longest gradient allowed"),
    "patience": (int, "stop after so many epochs without a better validation score; 0: never"),
    "val-images": (int, "validation pictures captioned after each epoch, at most"),
    "threads": (int, "parts of a batch computed at once; 0: as many as fit"),
    "seed": (int, "decides weights, batches and dropout"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.epilog = (
        "examples:\n  minicap train --data my_pictures --out runs/mine\n"
        "  minicap train --data flickr8k --out runs/f8k --min-count 3 --dropout 0.5 --epochs 15\n"
        "  minicap train --out runs/mine --resume"
    )
    parser.add_argument("--data", metavar="PATH", help="folder with pictures and captions")
    parser.add_argument("--out", metavar="RUN", required=True, help="run folder to write")
    parser.add_argument("--task", choices=["caption"], default=None, help="what to learn (caption)")
    parser.add_argument("--resume", action="store_true", help="go on where the run in --out stopped")
    parser.add_argument(
        "--blind", action="store_true", default=None, help="see nothing: the baseline to beat"
    )
    for flag, (kind, text) in OPTIONS.items():
        parser.add_argument(f"--{flag}", type=kind, help=text, metavar=kind.__name__.upper())
    add_json(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Train."""
    from minicap.report import write_report
    from minicap.training import InterruptedTraining, RunFolder, train_run

    config, folder = _config(arguments)
    folder = folder or RunFolder.create(arguments.out)
    try:
        train_run(config, folder, resume=arguments.resume, progress=wants_progress(arguments))
    except InterruptedTraining:
        raise KeyboardInterrupt(
            f"interrupted; saved. Go on with: minicap train --out {arguments.out} --resume"
        ) from None
    report = write_report(folder)
    metrics = folder.read_json(folder.metrics) or {}
    show(
        arguments,
        metrics,
        lambda: "\n".join(
            [metrics_table(metrics) if metrics else "no validation pictures", f"report: {report}"]
        ),
    )


def _config(arguments: argparse.Namespace) -> tuple[Any, Any]:
    """Return the configuration, and the run folder where one is resumed."""
    from minicap.training import RunFolder, TrainConfig

    given = {
        f.name: getattr(arguments, f.name)
        for f in fields(TrainConfig)
        if getattr(arguments, f.name, None) is not None
    }
    if not arguments.resume:
        if not arguments.data:
            raise InputError("train: --data is missing; name the folder with your pictures and captions")
        return TrainConfig(**given), None
    folder = RunFolder.existing(arguments.out)
    config = TrainConfig.load(folder.config)
    changed = [
        name
        for name, value in given.items()
        if value != getattr(config, name) and name not in ("epochs", "data")
    ]
    if changed:
        raise InputError(
            f"train: --{changed[0].replace('_', '-')} cannot change while resuming; leave it out or start a new run"
        )
    return replace(config, **given), folder
