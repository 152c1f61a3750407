"""What every command takes that looks at pictures: a model, and pictures or folders of them."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from minicap.errors import InputError


def add_pictures(parser: argparse.ArgumentParser) -> None:
    """Declare a run and pictures.

    Parameters
    ----------
    parser : argparse.ArgumentParser
    """
    parser.add_argument("model", metavar="RUN", help="run folder or checkpoint")
    parser.add_argument("images", metavar="IMAGE", nargs="+", help="picture, or a folder of pictures")


def add_features(parser: argparse.ArgumentParser) -> None:
    """Let pictures be named of which a file holds the features.

    Parameters
    ----------
    parser : argparse.ArgumentParser
    """
    parser.add_argument(
        "--features",
        metavar="FILE",
        help="for a run that learnt from stored features: IMAGEs are names in this file of such features",
    )


def inputs_of(arguments: argparse.Namespace, model: Any) -> tuple[list[Any], Any]:
    """Return what was named, and what a captioner reads of each: the pictures, or their stored features.

    Parameters
    ----------
    arguments : argparse.Namespace
        With ``model``, ``images`` and ``features``.
    model : Captioner

    Returns
    -------
    names : list of str or Path
    inputs : list of Path, or Array (N, ...)

    Raises
    ------
    InputError
        If the captioner reads the other of the two, or something is not there.
    """
    if arguments.features:
        from minicap.training.feature_files import open_features
        from minicap.training.stored import features_for

        return arguments.images, features_for(model, open_features(arguments.features), arguments.images)
    if needed := needed_features(model):
        raise InputError(
            f"{arguments.model}: the run reads stored features ({needed}), not pictures; add --features FILE with such "
            "features, and name pictures as that file does"
        )
    paths = pictures_of(arguments)
    return paths, paths


def needed_features(model: Any) -> str:
    """Return which stored features a model reads, nothing where it reads pictures.

    Parameters
    ----------
    model : Captioner, Classifier or Tagger

    Returns
    -------
    str
    """
    from minicap.models.features import stored_shape

    shape = stored_shape(model.config["encoder"])
    if shape is None:
        return ""
    numbers = " x ".join(map(str, shape)) + " numbers a picture"
    return f"{numbers}, of {model.config['features_of']}" if model.config["features_of"] else numbers


def pictures_of(arguments: argparse.Namespace) -> list[Path]:
    """Return the pictures that were named, those of a folder in order of their names.

    Parameters
    ----------
    arguments : argparse.Namespace
        With ``images``.

    Returns
    -------
    list of Path

    Raises
    ------
    InputError
        If a folder holds no picture.
    """
    return [path for given in arguments.images for path in _pictures(Path(given))]


def _pictures(path: Path) -> list[Path]:
    """Return a picture, or the pictures of a folder."""
    from minicap.data.images import EXTENSIONS

    if not path.is_dir():
        return [path]
    found = sorted(p for p in path.iterdir() if p.suffix.lower() in EXTENSIONS)
    if not found:
        raise InputError(
            f"{path}: the folder holds no pictures; name a picture, or a folder of JPEG or PNG files"
        )
    return found
