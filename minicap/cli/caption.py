"""``minicap caption``: describe pictures."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from typing import Any

from minicap.cli.output import add_json, show
from minicap.cli.pictures import add_features, add_pictures, inputs_of
from minicap.errors import InputError

NEEDS = {  # flag: one of these has to stand beside it
    "temperature": ("sample",),
    "top_k": ("sample",),
    "top_p": ("sample",),
    "length_penalty": ("beam", "exhaustive"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.epilog = (
        "With --beam and --exhaustive together every sentence is looked at, and it is said\n"
        "whether the beam missed the best one.\n\nexamples:\n  minicap caption runs/mine photo.jpg\n"
        "  minicap caption runs/mine holiday/ --beam 5 --no-repeat 3\n"
        "  minicap caption runs/mine holiday/ --sample --temperature 0.7 --top-p 0.9 --seed 3\n"
        "  minicap caption runs/mine photo.jpg --beam 3 --exhaustive --max-length 3\n"
        "  minicap caption runs/photos --features flickr8k.npz 1000268201_693b08cb0e.jpg"
    )
    add_pictures(parser)
    add_features(parser)
    add_decoding(parser)
    parser.add_argument(
        "--reference", metavar="TEXT", action="append",
        help="with --beam and --exhaustive: what is rightly said of the pictures; may be repeated",
    )  # fmt: skip
    add_json(parser)
    parser.set_defaults(run=run)


def add_decoding(parser: argparse.ArgumentParser) -> None:
    """Offer every way to make a sentence; greedy search where none is chosen.

    Parameters
    ----------
    parser : argparse.ArgumentParser
    """
    group = parser.add_argument_group("how sentences are made (the most probable word each time)")
    add = group.add_argument
    add("--beam", type=int, metavar="K", help="follow the K best beginnings (1)")
    add("--sample", action="store_true", help="draw words at random instead of taking the best")
    add(
        "--exhaustive",
        action="store_true",
        help="look at every sentence there is; needs a small --max-length",
    )
    add("--temperature", type=float, metavar="T", help="with --sample: below 1 is more cautious (1.0)")
    add("--top-k", type=int, metavar="K", help="with --sample: draw from the K best words (0: from all)")
    add(
        "--top-p",
        type=float,
        metavar="P",
        help="with --sample: draw from the best words that have this share (1.0)",
    )
    add("--seed", type=int, help="with --sample: another seed says something else (0)")
    add("--length-penalty", type=float, metavar="A",
        help="with --beam: rank sentences by log-probability / length^A; 0 prefers short ones (0.7)")  # fmt: skip
    add("--min-length", type=int, metavar="N", help="shortest caption in words (0)")
    add("--max-length", type=int, metavar="N", help="longest caption in words, its end counted as one (40)")
    add("--no-repeat", type=int, metavar="N", help="say no run of N words twice (0: it may be)")


def decoding_of(arguments: argparse.Namespace) -> Any:
    """Return the settings that were asked for.

    Parameters
    ----------
    arguments : argparse.Namespace
        With what `add_decoding` declares.

    Returns
    -------
    minicap.decoding.Decoding
        Of ``--beam K --exhaustive`` the beam: brute force is for whoever compares.

    Raises
    ------
    InputError
        If flags make no sense together, or one by itself.
    """
    from minicap.decoding import Decoding

    asked = {name: getattr(arguments, name, None) for name in Decoding.__dataclass_fields__}
    given: dict[str, Any] = {k: v for k, v in asked.items() if v is not None and v is not False}
    for name, others in NEEDS.items():
        if name in given and not set(others) & set(given):
            raise InputError(
                f"{_flag(name)}: it goes with {' or '.join(map(_flag, others))}; add that or leave it out"
            )
    ways = [name for name in ("sample", "beam", "exhaustive") if name in given]
    if len(ways) > 1 and "sample" in ways:
        raise InputError(f"--sample and {_flag(ways[1])}: words are drawn or compared; choose one")
    if "beam" in given:
        given.pop("exhaustive", None)
    try:
        return Decoding(**given)
    except ValueError as error:
        names = "|".join(Decoding.__dataclass_fields__)
        raise InputError(re.sub(rf"^({names})\b|\b\w+_\w+\b", lambda m: _flag(m[0]), str(error))) from None


def run(arguments: argparse.Namespace) -> None:
    """Caption."""
    from minicap.models import Captioner

    settings = decoding_of(arguments)
    proof = arguments.exhaustive and arguments.beam is not None
    if arguments.reference and not proof:
        raise InputError("--reference: it goes with --beam and --exhaustive; add them or leave it out")
    model = Captioner.load(arguments.model)
    paths, inputs = inputs_of(arguments, model)
    try:
        if proof:
            show(arguments, *_proof(model, paths, inputs, settings, arguments.reference or []))
            return
        captions = model.caption(inputs, settings)
    except ValueError as error:
        if not arguments.exhaustive:
            raise
        raise InputError(f"--exhaustive: {_own_words(error)}") from None
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


def _proof(
    model: Any, paths: list[Any], inputs: Any, settings: Any, references: list[str]
) -> tuple[list[dict[str, Any]], Callable[[], str]]:
    """Return what the beam said beside the best of all sentences, and the same for people."""
    features = model.features(inputs)
    errors = model.search_errors(features, [references] * len(paths), settings)
    rows = []
    for n, path in enumerate(paths):
        beam, best = errors.found[n], errors.best[n]
        row = {
            "image": str(path), "caption": model.vocabulary.decode(beam.tokens), "log_prob": beam.log_prob,
            "best": model.vocabulary.decode(best.tokens), "best_log_prob": best.log_prob,
            "search_error": bool(errors.missed[n]),
        }  # fmt: skip
        rows.append(row | ({"model_error": bool(errors.preferred[n])} if references else {}))

    def text() -> str:
        lines = [f"{row['image']}: {row['caption']}" + _verdict(row) for row in rows]
        lines.append(
            f"search error: {errors.search_error:.1%} of {len(rows)}, the beam missed the best sentence"
        )
        if references:
            lines.append(f"model error: {errors.model_error:.1%}, the best sentence is no reference")
        return "\n".join(lines)

    return rows, text


def _verdict(row: dict[str, Any]) -> str:
    """Say whether a caption is the best there is."""
    if not row["search_error"]:
        return f"  (the best there is: {row['log_prob']:.2f} nats)"
    return f"  ({row['log_prob']:.2f} nats; better: {row['best']}, {row['best_log_prob']:.2f})"


def _flag(name: str) -> str:
    """Return a setting as it is said on the command line."""
    return "--" + name.replace("_", "-")


def _own_words(error: ValueError) -> str:
    """Return what brute force complains of, with flags for names."""
    return str(error).removeprefix("exhaustive_search: ").replace("max_length", "--max-length")
