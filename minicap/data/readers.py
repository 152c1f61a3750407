"""Find out what a folder holds by looking, and read it.

A format is a module with ``KIND``, ``LOOKS_LIKE``, ``find(path)`` and ``read(path, report)``; to add one,
write it and name it in ``FORMATS``.
"""

from __future__ import annotations

import os
from itertools import islice
from pathlib import Path

from minicap.data import flickr8k, table
from minicap.data.corpus import CaptionCorpus, assemble
from minicap.data.files import shown
from minicap.data.images import EXTENSIONS
from minicap.data.report import ReadingReport
from minicap.errors import InputError

FORMATS = (table, flickr8k)  # the first whose file is there is read


def read_captions(path: str | Path, *, split: str | None = None) -> CaptionCorpus:
    """Read captioned pictures from a folder or a caption file, whatever its format.

    Recognised are caption tables (``captions.csv|tsv|txt``) and Flickr8k/30k token files. Data without
    split lists are split 80/10/10 by the hash of the names. What cannot be used is left out, counted in
    the report, and never fatal while something remains.

    Parameters
    ----------
    path : str or Path
        The folder, or the caption file in it.
    split : str, optional
        Keep this split only.

    Returns
    -------
    CaptionCorpus
        Splits, and ``report.lines()`` on what was left out.

    Raises
    ------
    InputError
        If there is nothing at the path, nothing that is recognised, or nothing usable.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"{shown(path)}: no such file or folder; name {_recognised()}")
    report = ReadingReport()
    try:
        for reader in FORMATS:
            if (file := reader.find(path)) is not None:
                return assemble(reader.read(file, report), report, split=split)
    except OSError as error:
        raise InputError(
            f"{shown(path)}: cannot be read ({error.strerror}); check its permissions"
        ) from error
    raise InputError(f"{shown(path)}: {_what_is_there(path)}; recognised are {_recognised()}")


def _recognised() -> str:
    """Name every format in one phrase."""
    return "; or ".join(reader.LOOKS_LIKE for reader in FORMATS)


def _what_is_there(path: Path) -> str:
    """Say in a few words what was found instead of captions."""
    if path.is_file():
        return "is no caption file"
    files = [name for _, _, names in islice(os.walk(path), 100) for name in names]
    pictures = sum(os.path.splitext(name)[1].lower() in EXTENSIONS for name in files)
    if not files:
        return "is an empty folder"
    if pictures:
        return f"has {pictures:,} image{'s' * (pictures != 1)} but no captions"
    return "holds no caption file"
