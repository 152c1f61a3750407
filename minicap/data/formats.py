"""What makes a format: functions that recognise and read one way to lay out data for one task."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from minicap.data.corpus import Corpus, Listing
from minicap.data.report import ReadingReport


class Format(NamedTuple):
    """Name a format, and how it is recognised and read.

    Attributes
    ----------
    looks_like : str
        What a person has to put there, in one phrase.
    find : callable
        From a path that exists to the file or folder to read, or None where this format is not there.
    read : callable
        From what `find` returned, and a report in which to count what is wrong, to a `Listing` whose pictures
        are still to be looked for, or to a whole `Corpus` where the format keeps the pictures itself.
    """

    looks_like: str
    find: Callable[[Path], Path | None]
    read: Callable[[Path, ReadingReport], Listing | Corpus[Any]]
