"""Student files as modules, edited or as they are."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from types import ModuleType

Edits = tuple[tuple[str, str], ...]
STUDENTS = Path(__file__).parent / "students"
_numbers = count()


def source(file: str, edits: Edits = ()) -> str:
    """Return a student file's text with some passages replaced.

    Parameters
    ----------
    file : str
        Its name in ``students``.
    edits : tuple of (str, str)
        What is replaced by what, one after the other.

    Raises
    ------
    ValueError
        If a passage does not occur exactly once.
    """
    text = (STUDENTS / file).read_text("utf-8")
    for old, new in edits:
        if text.count(old) != 1:
            raise ValueError(
                f"zoo: {old!r} occurs {text.count(old)} times in {file}; an edit needs it exactly once"
            )
        text = text.replace(old, new)
    return text


def load(file: str, edits: Edits = ()) -> ModuleType:
    """Run a student file, edited or not, in a fresh module of its own.

    Parameters
    ----------
    file, edits
        As for ``source``.

    Returns
    -------
    module
        Not registered in ``sys.modules``; every call makes another.
    """
    text = source(file, edits)
    module = ModuleType(f"zoo_{Path(file).stem}_{next(_numbers)}")
    module.__file__ = f"{'edited ' if edits else ''}{file}"
    exec(compile(text, module.__file__, "exec"), module.__dict__)
    return module
