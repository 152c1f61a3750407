"""``minicap search``: find the pictures that a sentence fits."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from minicap.cli.output import add_json, show, table
from minicap.cli.pictures import add_features, add_pictures, inputs_of
from minicap.errors import InputError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.epilog = (
        "Pictures are ranked by how probable the sentence is for each, per word: 0 is certain.\n\n"
        'example: minicap search runs/mine --text "a dog on a beach" holiday/'
    )
    add_pictures(parser)
    add_features(parser)
    parser.add_argument("--text", metavar="SENTENCE", required=True, help="what to look for")
    parser.add_argument("--top", type=int, metavar="N", default=0, help="show the N best ones only (0: all)")
    add_json(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Rank."""
    import numpy as np

    from minicap.models import Captioner

    if arguments.top < 0:
        raise InputError(f"--top: {arguments.top} makes no sense; use 0 or more")
    model = Captioner.load(arguments.model)
    words = _words(model, arguments.text)
    paths, inputs = inputs_of(arguments, model)
    fits = model.match(model.features(inputs), [arguments.text])[:, 0]
    order = np.argsort(-fits, kind="stable")[: arguments.top or None]
    found = [
        {
            "image": str(paths[i]), "log_prob": float(fits[i]) * (len(words) + 1),
            "log_prob_per_word": float(fits[i]),
        }
        for i in order
    ]  # fmt: skip
    rows = [[str(row["image"]), f"{row['log_prob_per_word']:.3f}"] for row in found]
    show(arguments, found, lambda: table(["image", "log-probability a word"], rows))


def _words(model: Any, text: str) -> list[str]:
    """Return the sentence's words; say which of them the model never learnt."""
    words: list[str] = model.vocabulary.tokenizer.split(text)
    unknown = [word for word in dict.fromkeys(words) if word not in model.vocabulary]
    if not words or len(unknown) == len(set(words)):
        what = "the model knows none of its words" if words else "there is no word in it"
        raise InputError(f"--text: {what}; describe a picture as the captions it learnt from do")
    if unknown:
        print(f"minicap: note: the model does not know {', '.join(unknown)}", file=sys.stderr)
    return words
