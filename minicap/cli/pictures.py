"""What every command takes that looks at pictures: a model, and pictures or folders of them."""

from __future__ import annotations

import argparse
from pathlib import Path

from minicap.errors import InputError


def add_pictures(parser: argparse.ArgumentParser) -> None:
    """Declare a run and pictures.

    Parameters
    ----------
    parser : argparse.ArgumentParser
    """
    parser.add_argument("model", metavar="RUN", help="run folder or checkpoint")
    parser.add_argument("images", metavar="IMAGE", nargs="+", help="picture, or a folder of pictures")


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
