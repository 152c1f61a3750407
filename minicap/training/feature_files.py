"""Files of features that a training reads: opened once, and what they say of themselves."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from minicap.data.files import shown
from minicap.errors import InputError
from minicap.interop.features_file import Features, read_features
from minicap.models.features import stored_shape, written_shape
from minicap.models.joining import GRIDS


def open_features(path: str | Path) -> Features:
    """Return the features of a file, which is read once as long as it stays the same.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    Features

    Raises
    ------
    InputError
        As for ``read_features``.
    """
    try:
        status = Path(path).stat()
    except OSError:
        return read_features(path)  # which says what is wrong
    return _read(str(path), status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=1)
def _read(path: str, size: int, changed: int) -> Features:
    """Read a file of a certain size and time."""
    return read_features(path)


def encoder_for(path: str | Path, conditioning: str) -> str:
    """Return the encoder that reads a file's features: a map's means where the decoder does not look at places.

    Parameters
    ----------
    path : str or Path
    conditioning : str

    Returns
    -------
    str
        Such as ``features:1280``.

    Raises
    ------
    InputError
        If the file cannot be read, or holds maps that are not square.
    """
    shape = open_features(path).values.shape[1:]
    encoder = written_shape(shape if conditioning in GRIDS else shape[:1])
    try:
        if len(shape) not in (1, 3):
            raise ValueError(f"features are a vector or a map a picture, but these are {shape}")
        stored_shape(encoder)
    except ValueError as error:
        raise InputError(f"{shown(path)}: {error}") from error
    return encoder


def noted_source(features: Features) -> str:
    """Return which network computed features from pictures of which look, nothing where that was not noted.

    Parameters
    ----------
    features : Features

    Returns
    -------
    str
    """
    about, look = features.about, features.about.get("preprocessing")
    if not about or not isinstance(look, Mapping):
        return ""
    ways = [str(look.get(name, "bilinear")) for name in ("mode", "resize", "filter")]
    return f"{about.get('encoder')} {about.get('weights')}, {look.get('size')} px {' '.join(ways)}"[:200]
