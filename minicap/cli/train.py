"""``minicap train``: from a data folder to a run folder."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Collection, Mapping
from dataclasses import fields, replace
from typing import Any

from minicap.cli.output import add_json, metrics_table, show, wants_progress
from minicap.errors import InputError

# Group -> flag -> (type, help); defaults are those of TrainConfig, which also checks the values.
OPTIONS: dict[str, dict[str, tuple[type, str]]] = {
    "the network": {
        "encoder": (
            str,
            "convolutions that read the picture: small, classic, fine, or written down, such as 32,M,R64,M: "
            "filters, M for pooling, R for a residual block; or efficientnet-lite0, which knows photographs already "
            "(needs minicap[pretrained])",
        ),
        "batch-norm": (bool, "batch norm behind every convolution, and in front of the features"),
        "encoder-from": (str, "take over the convolutions of this run (a classifier's, a tagger's, ...)"),
        "freeze": (
            bool,
            "with --encoder-from: keep them as they are; efficientnet-lite0 is kept unless --no-freeze fine-tunes it",
        ),
        "features": (
            str,
            "read stored features in place of pictures: a file of 'minicap features', .npz, .npy, or vgg_feats.mat "
            "with Karpathy's dataset.json",
        ),
        "decoder": (str, "network that writes: rnn, lstm, gru or transformer"),
        "conditioning": (
            str,
            "how the picture reaches the decoder: beside every word (par), as first state (init), as first word (pre), "
            "behind the recurrent layers (merge), by looking at places before each word (attention) or after it (dot), "
            "or none for a language model without pictures",
        ),
        "attention-gate": (
            bool,
            "with --conditioning attention: a gate says how much the picture matters now",
        ),
        "attention-penalty": (
            float,
            "with --conditioning attention: what it costs not to look at every place about once, in nats a caption",
        ),
        "reset-after": (
            bool,
            "with --decoder gru: the reset gate acts after the product, as in cuDNN, not before",
        ),
        "heads": (int, "with --decoder transformer: how many attentions look side by side"),
        "positions": (str, "with --decoder transformer: learned or sinusoidal"),
        "norm-first": (
            bool,
            "with --decoder transformer: layer norm before each sublayer, not behind the sum",
        ),
        "activation": (str, "with --decoder transformer: gelu or relu"),
        "tied": (bool, "with --decoder transformer: words are read and said by the same matrix"),
        "decoder-from": (str, "take over decoder and vocabulary of this run"),
        "head": (str, "how tags are found: spatial, dense or sequence"),
        "hidden": (str, "widths of fully connected layers in classifiers and dense heads, such as 512,128"),
        "embed-size": (int, "width of word and picture vectors"),
        "hidden-size": (
            int,
            "width of the recurrent state; a transformer's feed-forwards are four times as wide",
        ),
        "layers": (int, "recurrent layers or transformer blocks, 1 to 4"),
        "dropout": (float, "probability dropped while training"),
    },
    "pictures and words": {
        "image-size": (int, "side of the pictures in pixels"),
        "resize": (str, "crop the central square, or squash the whole picture into one"),
        "normalize": (str, "scale colours as measured on the training pictures, or half: to -1..1"),
        "crop": (int, "while training, shift pictures by up to so many pixels"),
        "flip": (bool, "while training, mirror pictures, but none whose text says left or right"),
        "jitter": (float, "while training, change brightness, contrast and saturation by up to this share"),
        "tokenizer": (str, "word or char"),
        "min-count": (int, "rarer words become <unk>, rarer tags are left out"),
        "captions-per-image": (
            int,
            "captions drawn for each picture and epoch; 0: as many as pictures have, at most 5",
        ),
        "blind": (bool, "see nothing: the baseline to beat"),
    },
    "learning": {
        "epochs": (int, "times through the training pictures"),
        "batch-size": (int, "pictures a batch"),
        "accumulate": (int, "batches a step"),
        "optimizer": (str, "adam, adamw, rmsprop or sgd"),
        "lr": (float, "highest learning rate"),
        "weight-decay": (float, "pull of weights towards zero; biases and norms are left alone"),
        "schedule": (str, "learning rate over time: cosine, constant or step"),
        "warmup": (float, "share of the steps over which the learning rate rises"),
        "step-every": (float, "with --schedule step: epochs between two drops; 0: a third of all"),
        "step-factor": (float, "with --schedule step: what a drop leaves of the rate"),
        "clip-norm": (float, "longest gradient allowed"),
        "label-smoothing": (float, "share of each word's probability that is spread over all words"),
        "scheduled-sampling": (
            float,
            "share of words that the model reads from itself rather than from the caption, at the end of training; it "
            "rises from 0",
        ),
        "patience": (int, "stop after so many epochs without a better validation score; 0: never"),
        "val-images": (int, "validation pictures judged after each epoch, at most"),
        "threads": (int, "parts of a batch computed at once; 0: as many as fit"),
        "seed": (int, "decides weights, batches and dropout"),
    },
}

# Flags, where alone they have an effect, and whether that is here; elsewhere they would be ignored in silence.
USES: tuple[tuple[str, str, Callable[[Any], bool]], ...] = (
    ("head", "--task tag", lambda c: c.task == "tag"),
    (
        "conditioning layers tokenizer captions-per-image label-smoothing scheduled-sampling",
        "--task caption",
        lambda c: c.task == "caption",
    ),
    (
        "decoder embed-size hidden-size",
        "--task caption, or --task tag with --head sequence",
        lambda c: c.task == "caption" or (c.task, c.head) == ("tag", "sequence"),
    ),
    (
        "hidden",
        "--task classify, or --task tag with --head dense",
        lambda c: c.task == "classify" or (c.task, c.head) == ("tag", "dense"),
    ),
    (
        "dropout",
        "--task caption or classify, or --task tag with --head dense or sequence",
        lambda c: (c.task, c.head) != ("tag", "spatial"),
    ),
    (
        "min-count",
        "--task caption or tag, without --decoder-from",
        lambda c: c.task != "classify" and not c.decoder_from,
    ),
    (
        "image-size resize normalize crop flip jitter encoder-from freeze",
        "training on pictures, not on --features",
        lambda c: not c.features,
    ),
    ("normalize", "training without --encoder-from", lambda c: not c.encoder_from),
    ("normalize", "encoders other than efficientnet-lite0", lambda c: c.encoder != "efficientnet-lite0"),
    (
        "encoder-from features",
        "models that see, so not for --conditioning none",
        lambda c: (c.task, c.conditioning) != ("caption", "none"),
    ),
    (
        "attention-gate attention-penalty",
        "--conditioning attention",
        lambda c: (c.task, c.conditioning) == ("caption", "attention"),
    ),
    ("reset-after", "--task caption --decoder gru", lambda c: (c.task, c.decoder) == ("caption", "gru")),
    (
        "heads positions norm-first activation tied",
        "--task caption --decoder transformer",
        lambda c: (c.task, c.decoder) == ("caption", "transformer"),
    ),
    ("step-every step-factor", "--schedule step", lambda c: c.schedule == "step"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.epilog = (
        "A run with --encoder efficientnet-lite0 keeps the network's weights (14 MB): whoever uses it later needs no\n"
        "package. Fine-tuning takes about 100 MB for each picture of a batch. A run with --features captions and is\n"
        "judged with --features too.\n\n"
        "examples:\n  minicap train --data my_pictures --out runs/mine\n"
        "  minicap train --data flickr8k --out runs/f8k --min-count 3 --dropout 0.5 --epochs 15\n"
        "  minicap train --data fashion-mnist --out runs/clothes --task classify\n"
        "  minicap train --data coco --out runs/tags --task tag\n"
        "  minicap train --data coco --out runs/two-stage --encoder-from runs/tags --freeze\n"
        "  minicap train --data flickr8k --out runs/photos --encoder efficientnet-lite0\n"
        "  minicap train --data flickr8k --out runs/photos --features flickr8k.npz\n"
        "  minicap train --config mine.toml --set lr=0.002 --set flip=true --out runs/mine\n"
        "  minicap train --out runs/mine --resume"
    )
    parser.add_argument("--data", metavar="PATH", help="folder with pictures, and captions, tags or classes")
    parser.add_argument("--out", metavar="RUN", required=True, help="run folder to write")
    parser.add_argument(
        "--task", choices=["caption", "tag", "classify"], default=None, help="what to learn (caption)"
    )
    parser.add_argument("--resume", action="store_true", help="go on where the run in --out stopped")
    parser.add_argument(
        "--config",
        metavar="FILE",
        help="choices as TOML, such as another run's config.toml; flags go before it",
    )
    parser.add_argument(
        "--set",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="one choice by its name in config.toml",
    )
    for title, options in OPTIONS.items():
        group = parser.add_argument_group(title)
        for flag, (kind, text) in options.items():
            if kind is bool:
                group.add_argument(
                    f"--{flag}", action=argparse.BooleanOptionalAction, default=None, help=text
                )
            else:
                group.add_argument(f"--{flag}", type=kind, help=text, metavar=kind.__name__.upper())
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
    from minicap.training.config import read_settings
    from minicap.training.transfer import adopt

    typed = _typed(arguments)
    given = (read_settings(arguments.config) if arguments.config else {}) | typed
    if not arguments.resume:
        if not given.get("data"):
            raise InputError("train: --data is missing; name the folder with your pictures and captions")
        config = TrainConfig.for_task(adopt(given))
        _check_uses(config, given, typed)
        return config, None
    folder = RunFolder.existing(arguments.out)
    config = TrainConfig.load(folder.config)
    changed = [
        name
        for name, value in given.items()
        if value != getattr(config, name) and name not in ("epochs", "data", "features")
    ]
    if changed:
        raise InputError(
            f"train: --{changed[0].replace('_', '-')} cannot change while resuming; leave it out or start a new run"
        )
    return replace(config, **given), folder


def _typed(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return what was chosen on the command line: by --set, and by flags, which go before it."""
    from minicap.training.config import TrainConfig, read_setting

    chosen = dict(map(read_setting, arguments.set))
    flags = {f.name: getattr(arguments, f.name, None) for f in fields(TrainConfig)}
    return chosen | {name: value for name, value in flags.items() if value is not None}


def _check_uses(config: Any, given: Mapping[str, Any], typed: Collection[str]) -> None:
    """Raise where a choice would have no effect; a file may list what stands at its default."""
    usual = type(config).for_task({"task": config.task})
    for flags, where, has_effect in USES:
        for flag in flags.split():
            name = flag.replace("-", "_")
            chosen = name in typed or (name in given and given[name] != getattr(usual, name))
            if chosen and not has_effect(config):
                raise InputError(f"train: --{flag} is for {where}; leave it out")
