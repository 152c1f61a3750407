"""Find out what a folder holds by looking, and read it.

A format is a module with a `Format`: what it looks like, ``find(path)`` and ``read(path, report)``. To add one, write
it and name it in ``FORMATS`` under its task.
"""

from __future__ import annotations

import os
from itertools import islice
from pathlib import Path
from typing import Any

from minicap.data import caption_table, class_folders, coco, flickr8k, idx, karpathy, tag_table
from minicap.data.corpus import Corpus, assemble
from minicap.data.dataset import CaptionData
from minicap.data.files import shown
from minicap.data.formats import Format
from minicap.data.images import names_a_picture
from minicap.data.labelled import ClassData, TagData
from minicap.data.report import ReadingReport
from minicap.errors import InputError

# By task; the first format that is there is read. Hand-made tables come first, as somebody put them there on
# purpose; class folders come last, as any folders of pictures look like them.
FORMATS: dict[str, tuple[Format, ...]] = {
    "caption": (caption_table.FORMAT, flickr8k.FORMAT, coco.CAPTIONS, karpathy.FORMAT),
    "tag": (tag_table.FORMAT, coco.TAGS),
    "classify": (idx.FORMAT, class_folders.FORMAT),
}
SAYS = {"caption": "captions", "tag": "tags", "classify": "classes"}


def read_captions(path: str | Path, *, split: str | None = None) -> Corpus[CaptionData]:
    """Read captioned pictures from a folder or a caption file, whatever its format.

    Recognised are caption tables (``captions.csv|tsv|txt``), Flickr8k/30k token files, COCO captions and Karpathy's
    ``dataset*.json``. Data without split lists are split 80/10/10 by the hash of the names. What cannot be used is
    left out, counted in the report, and never fatal while something remains.

    Parameters
    ----------
    path : str or Path
        The folder, or the caption file in it.
    split : str, optional
        Keep this split only.

    Returns
    -------
    Corpus of CaptionData
        Splits, and ``report.lines()`` on what was left out.

    Raises
    ------
    InputError
        If there is nothing at the path, nothing that is recognised, or nothing usable.
    """
    return read_data(path, "caption", split=split)


def read_tags(path: str | Path, *, split: str | None = None) -> Corpus[TagData]:
    """Read pictures with tags from a folder or a file, whatever its format.

    Recognised are tag tables (``tags.csv|tsv|txt``) and COCO instances, whose categories are the tags.

    Parameters
    ----------
    path : str or Path
        The folder, or the file with the tags.
    split : str, optional
        Keep this split only.

    Returns
    -------
    Corpus of TagData

    Raises
    ------
    InputError
        As for `read_captions`.
    """
    return read_data(path, "tag", split=split)


def read_classes(path: str | Path, *, split: str | None = None) -> Corpus[ClassData]:
    """Read pictures with a class each from a folder, whatever its format.

    Recognised are IDX files (the MNIST family) and a folder per class.

    Parameters
    ----------
    path : str or Path
        The folder.
    split : str, optional
        Keep this split only.

    Returns
    -------
    Corpus of ClassData

    Raises
    ------
    InputError
        As for `read_captions`.
    """
    return read_data(path, "classify", split=split)


def read_data(path: str | Path, task: str, *, split: str | None = None, pictures: bool = True) -> Corpus[Any]:
    """Read the data of a task from a folder or a file, whatever its format.

    Parameters
    ----------
    path : str or Path
        The folder, or the file that says what is in the pictures.
    task : str
        ``caption``, ``tag`` or ``classify``.
    split : str, optional
        Keep this split only; ``all`` keeps every one.
    pictures : bool
        Whether the pictures themselves have to be there; not where their features are stored.

    Returns
    -------
    Corpus

    Raises
    ------
    InputError
        If there is nothing at the path, nothing that is recognised for the task, or nothing usable.
    """
    if task not in FORMATS:
        raise InputError(f"task: {shown(repr(task), 40)} is unknown; use {' or '.join(FORMATS)}")
    path = Path(path)
    try:
        found = _find(path, task)
        if found is None:
            raise InputError(f"{shown(path)}: {_what_is_there(path, task)}")
        report = ReadingReport()
        wanted = None if split is None or split.strip().lower() == "all" else split
        data = found[0].read(found[1], report)
        if not isinstance(data, Corpus):
            return assemble(data, report, split=wanted, pictures=pictures)
        return data if wanted is None else data.only(wanted)
    except OSError as error:
        raise _unreadable(path, error) from error


def tasks_of(path: str | Path) -> list[str]:
    """Find out which tasks a folder or a file has data for, without reading them.

    Parameters
    ----------
    path : str or Path
        The folder or the file.

    Returns
    -------
    list of str
        One at least of ``caption``, ``tag``, ``classify``.

    Raises
    ------
    InputError
        If there is nothing at the path, or nothing that is recognised.
    """
    path = Path(path)
    try:
        if tasks := [task for task in FORMATS if _find(path, task) is not None]:
            return tasks
        raise InputError(f"{shown(path)}: {_nothing(path, list(FORMATS))}")
    except OSError as error:
        raise _unreadable(path, error) from error


def _find(path: Path, task: str) -> tuple[Format, Path] | None:
    """Return the first format of a task that is there, and the file or folder to read."""
    if not path.exists():
        raise InputError(f"{shown(path)}: no such file or folder; name {_recognised([task])}")
    for format_ in FORMATS[task]:
        if (file := format_.find(path)) is not None:
            return format_, file
    return None


def _unreadable(path: Path, error: OSError) -> InputError:
    """Return the error for what the file system refuses, with the name that it refuses."""
    name = error.filename if isinstance(error.filename, str | Path) else path
    return InputError(f"{shown(name)}: cannot be read ({error.strerror}); check its permissions")


def _recognised(tasks: list[str]) -> str:
    """Name every format of some tasks in one phrase."""
    return "; or ".join(format_.looks_like for task in tasks for format_ in FORMATS[task])


def _what_is_there(path: Path, task: str) -> str:
    """Say what was found instead of what the task needs, and what helps."""
    others = [other for other in FORMATS if other != task and _find(path, other) is not None]
    if not others:
        return _nothing(path, [task])
    said = " and ".join(SAYS[other] for other in others)
    return f"holds {said} but no {SAYS[task]}; use --task {' or '.join(others)}"


def _nothing(path: Path, tasks: list[str]) -> str:
    """Say in a few words what was found where nothing is recognised, and what would be."""
    wanted = " or ".join(SAYS[task] for task in tasks)
    if path.is_file():
        there = f"is no file with {wanted}"
    else:
        files = [name for _, _, names in islice(os.walk(path), 100) for name in names]
        pictures = sum(map(names_a_picture, files))
        there = f"has {pictures:,} image{'s' * (pictures != 1)} but no {wanted}"
        there = there if pictures else f"holds no {wanted}" if files else "is an empty folder"
    return f"{there}; recognised are {_recognised(tasks)}"
