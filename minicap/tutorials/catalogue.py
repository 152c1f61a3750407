"""Which lessons there are, where they lie, and how to take them away."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import NamedTuple

from minicap.errors import InputError

HERE = Path(__file__).resolve().parent
FOLDERS = ("exercises", "solutions", "broken", "thumbnails")  # beside the lessons, and copied with them
_NAME = re.compile(r"(\d\d)_\w+\.py")
_TITLE = re.compile(r"^# # \d+\. (.+)$", re.MULTILINE)
_TIME = re.compile(r"^# - Time: (.+?)[.;]?$", re.MULTILINE)
_NEEDS = re.compile(r"^# - Needs: (.+?)\.?$", re.MULTILINE)


class Lesson(NamedTuple):
    """One lesson, as its first cell describes it.

    Attributes
    ----------
    number : int
    title : str
    path : Path
        The file in percent format; everything else about the lesson is found from it.
    time : str
        How long it takes, for people: "45 minutes; its code runs in 3 s".
    needs : str
        What it builds on.
    """

    number: int
    title: str
    path: Path
    time: str
    needs: str

    @property
    def exercises(self) -> Path:
        """The file of unsolved exercises."""
        return self.path.parent / "exercises" / self.path.name

    @property
    def solutions(self) -> Path:
        """The file of solutions."""
        return self.path.parent / "solutions" / self.path.name

    @property
    def broken(self) -> list[Path]:
        """The versions with a bug to find."""
        return sorted((self.path.parent / "broken").glob(f"{self.number:02d}_*.py"))


def lessons_folder() -> Path:
    """Return the folder of the lessons, of an installed package or of the checkout that this is.

    Returns
    -------
    Path

    Raises
    ------
    InputError
        If this installation has none.
    """
    for folder in (HERE / "lessons", HERE.parent.parent / "tutorials"):
        if any(folder.glob("[0-9][0-9]_*.py")):
            return folder
    raise InputError("this installation has no lessons; install minicap again, or clone its repository")


def lessons() -> list[Lesson]:
    """Return all lessons in reading order.

    Returns
    -------
    list of Lesson
    """
    return [_read(path) for path in sorted(lessons_folder().iterdir()) if _NAME.fullmatch(path.name)]


def find_lesson(number: str | int) -> Lesson:
    """Return the lesson of a number.

    Parameters
    ----------
    number : str or int
        "1", "01" and 1 are the same.

    Returns
    -------
    Lesson

    Raises
    ------
    InputError
        If there is none.
    """
    found = lessons()
    for lesson in found:
        if str(number).isdecimal() and int(number) == lesson.number:
            return lesson
    known = ", ".join(str(lesson.number) for lesson in found)
    raise InputError(f"there is no lesson {str(number)[:40]!r}; there are {known} (minicap tutorial list)")


def copy_lessons(folder: str | Path) -> list[Path]:
    """Copy lessons, exercises, solutions and broken versions into one's own folder; nothing is overwritten.

    Parameters
    ----------
    folder : str or Path
        Made where it does not exist.

    Returns
    -------
    list of Path
        The new files; what was there already is left alone and not in the list.

    Raises
    ------
    InputError
        If the folder cannot be one.
    """
    source, target = lessons_folder(), Path(folder)
    if target.exists() and not target.is_dir():
        raise InputError(f"{target}: is a file; give the lessons a folder")
    if target.resolve() == source:
        raise InputError(f"{target}: holds the lessons themselves; give another folder")
    files = [path for path in source.iterdir() if path.suffix in (".py", ".md") and path.name != "AUTHORS.md"]
    for name in FOLDERS:
        files += [path for path in (source / name).glob("*.*") if path.suffix in (".py", ".png")]
    made = []
    for path in sorted(files):
        copy = target / path.relative_to(source)
        if not copy.exists():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
            made.append(copy)
    return made


def _read(path: Path) -> Lesson:
    """Return what a lesson's first cell says about it."""
    head = path.read_text(encoding="utf-8").split("\n# %%", 2)[0:2]
    text = "\n".join(head)
    found = [pattern.search(text) for pattern in (_TITLE, _TIME, _NEEDS)]
    title, time, needs = (match.group(1) if match else "" for match in found)
    return Lesson(int(path.name[:2]), title or path.stem[3:].replace("_", " "), path, time, needs)
