"""``minicap evaluate``: judge a trained model, compare two, or score anyone's captions."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Any

from minicap.cli.output import add_json, metrics_table, show, table, wants_progress
from minicap.cli.pictures import needed_features
from minicap.errors import InputError

EPILOG = """files:
  captions     COCO results JSON, a CSV with columns image and caption, Flickr8k lines, or plain lines
  references   COCO captions JSON, a CSV with columns image and caption, a Flickr8k token file, or plain
               lines; several references of an image with tabs between them, or in several files

examples:
  minicap evaluate runs/mine --data my_pictures --split test
  minicap evaluate runs/mine --data my_pictures --baselines
  minicap evaluate runs/lstm runs/gru --data my_pictures
  minicap evaluate --captions results.json --references captions_val2014.json"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.epilog = EPILOG
    parser.add_argument("models", metavar="RUN", nargs="*", help="run folder or checkpoint; two are compared")
    parser.add_argument("--data", metavar="PATH", help="folder with pictures, and captions, tags or classes")
    parser.add_argument(
        "--split",
        default="val",
        help="train, val, test, compositional, or all there is; dev means val (%(default)s)",
    )
    _add_files(parser)
    parser.add_argument("--idf", metavar="FILE", help="document frequencies for CIDEr, from Idf.save")
    parser.add_argument(
        "--baselines",
        action="store_true",
        help="also judge captions of pictures that look alike, and people by each other",
    )
    parser.add_argument(
        "--k",
        type=int,
        metavar="N",
        help="neighbours that agree on a caption (10), or best tags of a picture (5)",
    )
    parser.add_argument(
        "--threshold", type=float, metavar="P", help="a tag is said from this probability on (0.5)"
    )
    parser.add_argument(
        "--retrieval",
        type=int,
        metavar="N",
        help="also let a captioner find which caption is of which of N pictures; takes N x N sentences",
    )
    parser.add_argument(
        "--features",
        metavar="FILE",
        help="stored features, for a run that learnt from such in place of pictures",
    )
    parser.add_argument("--seed", type=int, default=0, help="of shuffles and intervals (%(default)s)")
    add_json(parser)
    parser.set_defaults(run=run, complain=parser.error)


def _add_files(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of captions that somebody else wrote."""
    parser.add_argument(
        "--captions", metavar="FILE", nargs="+", help="score these, without a model; two files are compared"
    )
    parser.add_argument("--references", metavar="FILE", nargs="+", help="what to score them by")
    parser.add_argument(
        "--tokenizer",
        default="ptb",
        choices=("ptb", "word", "char", "space"),
        help="of --captions: ptb as the standard code, or space for captions that are split already (%(default)s)",
    )
    parser.add_argument(
        "--end-marker", metavar="WORD", help="cut --captions and --references off where this word stands"
    )
    parser.add_argument(
        "--partial", action="store_true", help="leave out images with references that --captions lack"
    )


def run(arguments: argparse.Namespace) -> None:
    """Evaluate."""
    _check(arguments)
    if arguments.captions:
        _score_files(arguments)
    else:
        _judge_models(arguments)


def _check(arguments: argparse.Namespace) -> None:
    """Raise where the arguments do not go together."""
    files = bool(arguments.captions or arguments.references)
    if files and (arguments.models or arguments.data):
        arguments.complain("give RUN and --data, or --captions and --references, not both")
    needed = ("captions", "references") if files else ("models", "data")
    missing = {"models": "RUN"}
    names = [missing.get(name, f"--{name}") for name in needed if not getattr(arguments, name)]
    if names:
        arguments.complain(f"the following arguments are required: {', '.join(names)}")
    for what in ("models", "captions"):
        if len(getattr(arguments, what) or ()) > 2:
            arguments.complain(f"{len(getattr(arguments, what))} {what}; one is judged, two are compared")
    only = (
        ("tokenizer", "end_marker", "partial")
        if not files
        else ("baselines", "k", "threshold", "retrieval", "features")
    )
    used = [name for name in only if getattr(arguments, name) not in (None, False, "ptb")]
    if used:
        needs = "RUN" if files else "--captions"
        arguments.complain(f"--{used[0].replace('_', '-')} is for {needs}")
    for name in ("seed", "k", "retrieval"):
        least = 0 if name == "seed" else 1
        value = getattr(arguments, name)
        if value is not None and value < least:
            said = "negative" if name == "seed" else "too few"
            raise InputError(f"--{name}: {value} is {said}; use {least} or more")
    if arguments.threshold is not None and not 0 <= arguments.threshold <= 1:
        raise InputError(f"--threshold: {arguments.threshold:g} is no probability; use 0 to 1")


def _score_files(arguments: argparse.Namespace) -> None:
    """Score one file of captions, or compare two."""
    from minicap.training.judging_files import compare_files, load_idf, score_files

    options: dict[str, Any] = {
        "tokenizer": arguments.tokenizer,
        "idf": load_idf(arguments.idf) if arguments.idf else None,
        "end_marker": arguments.end_marker,
        "partial": arguments.partial,
        "seed": arguments.seed,
    }
    if len(arguments.captions) == 1:
        metrics = score_files(arguments.captions[0], arguments.references, **options).metrics
        show(arguments, metrics, lambda: metrics_table(metrics))
    else:
        _show_comparison(
            arguments, arguments.captions, compare_files(arguments.captions, arguments.references, **options)
        )


def _judge_models(arguments: argparse.Namespace) -> None:
    """Judge one model, or compare two."""
    from minicap.data.report import ReadingReport
    from minicap.models import load_any
    from minicap.training.judging_files import load_idf
    from minicap.training.judging_runs import Wanted, check_alike, compare_models, judge
    from minicap.training.preparing import read_corpus, tell
    from minicap.training.session import task_name

    idf = load_idf(arguments.idf) if arguments.idf else None
    models = [load_any(path) for path in arguments.models]
    check_alike(models)
    progress, report = wants_progress(arguments), ReadingReport()
    task, read = task_name(models[0]), _reader(arguments, models)
    corpus = read_corpus(arguments.data, task, progress=progress, pictures=not arguments.features)
    data = read(corpus.split(arguments.split), report)
    for model in models:
        data = data.usable(model.preprocessing, report=report, progress=progress)
    if progress:
        tell(report)
    options: dict[str, Any] = {
        "train": read(corpus.split("train"), ReadingReport()) if "train" in corpus.splits else None,
        "wanted": Wanted(
            idf=idf,
            baselines=arguments.baselines,
            k=arguments.k,
            threshold=arguments.threshold,
            ranked=arguments.retrieval or 0,
        ),
        "seed": arguments.seed,
    }
    if len(models) == 1:
        metrics = judge(models[0], data, **options).metrics
        show(arguments, metrics, lambda: metrics_table(metrics))
    else:
        _show_comparison(arguments, arguments.models, compare_models(models, data, **options))


def _reader(arguments: argparse.Namespace, models: Sequence[Any]) -> Callable[[Any, Any], Any]:
    """Return what puts stored features in place of pictures, where the models read such."""
    from minicap.data.files import shown

    if not arguments.features:
        for path, model in zip(arguments.models, models, strict=True):
            if needed := needed_features(model):
                raise InputError(
                    f"{shown(path)}: the run reads stored features ({needed}); add --features FILE with such features"
                )
        return lambda data, report: data
    from minicap.training.feature_files import open_features
    from minicap.training.stored import attach_features, check_features

    features = open_features(arguments.features)
    check_features(models, features)
    return lambda data, report: attach_features(models[0], features, data, report=report)


def _show_comparison(arguments: argparse.Namespace, names: Sequence[str], result: dict[str, Any]) -> None:
    """Print how two compare."""
    result = {"names": {"a": str(names[0]), "b": str(names[1])}, **result}
    show(arguments, result, lambda: comparison_text(result))


def comparison_text(result: dict[str, Any]) -> str:
    """Return a comparison as people read it.

    Parameters
    ----------
    result : dict
        As ``evaluate --json`` prints it.

    Returns
    -------
    str
    """
    from minicap.cli.judged import COMPARISON_HEADING, comparison_rows, verdict, wrapped
    from minicap.data.files import shown
    from minicap.metrics import signature_text

    heading = ", ".join(filter(None, [result.get("split"), f"{result['n_images']:,} images"]))
    said = [verdict(result["differ"])]
    if "signature" in result["a"]:
        said.append(f"signature: {signature_text(result['a']['signature'])}")
    return "\n".join(
        [
            *(f"{letter.upper()}: {shown(name, 90)}" for letter, name in result["names"].items()),
            table([heading, *COMPARISON_HEADING], comparison_rows(result["comparison"])),
            *wrapped([*said, *(f"note: {text}" for text in result["warnings"])]),
        ]
    )
