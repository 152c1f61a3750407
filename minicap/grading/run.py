"""Grade one submission: hidden inputs for each part, every call in a child process, points for what is right.

The right answers stay in this process; a submission's process only ever sees inputs. That limits accidents: a loop
without end, a flood of output, ``os._exit``. It is no sandbox against malice.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from minicap.errors import InputError
from minicap.grading.imports import Import, forbidden_imports
from minicap.grading.part import PartGrade, grade_part, nothing
from minicap.grading.spec import Part, Spec

MOST_SOURCE = 1 << 20  # bytes in a Python file
_PUBLIC_SECRET = "the secret is the shipped one, so anyone can compute the hidden inputs: set one of your own"


@dataclass(frozen=True)
class Grade:
    """What a submission got.

    Attributes
    ----------
    title : str
        The spec's.
    student : str
    parts : tuple of PartGrade
    reported : tuple of str
        A sentence for each import that is not allowed.
    notes : tuple of str
        For the teacher.
    seconds : float
    """

    title: str
    student: str
    parts: tuple[PartGrade, ...]
    reported: tuple[str, ...]
    notes: tuple[str, ...]
    seconds: float

    @property
    def points(self) -> float:
        """The points it got."""
        return sum(part.points for part in self.parts)

    @property
    def most(self) -> float:
        """The points there are."""
        return sum(part.most for part in self.parts)


def grade(
    spec: Spec,
    submission: str | Path,
    *,
    student: str = "",
    progress: Callable[[Sequence[str]], Iterator[str]] = iter,
) -> Grade:
    """Grade a submission.

    Parameters
    ----------
    spec : Spec
    submission : str or Path
        The file that was handed in, or the folder with it.
    student : str
        Whoever handed it in; another one gets other hidden inputs.
    progress : callable
        Given the parts' names, yields them one by one.

    Returns
    -------
    Grade
        Always, whatever the submission does.

    Raises
    ------
    InputError
        If there is nothing at ``submission`` at all.
    """
    began = time.monotonic()
    file, missing = _handed_in(spec, Path(submission))
    imports = [
        found
        for path in _sources(file, Path(submission))
        for found in forbidden_imports(path, spec.forbidden)
    ]
    stopped = missing or _stopped(spec, imports)
    parts: list[PartGrade] = []
    for part in _each(spec.parts, progress):
        if stopped:
            parts.append(nothing(part, stopped))
            continue
        done, tried = grade_part(spec, part, file, student)
        imports += [Import(name, file.name, 0) for name in tried]
        parts.append(done)
    reported = tuple(dict.fromkeys(found.sentence() for found in imports))
    if imports and not stopped and spec.on_forbidden == "zero":
        parts = [nothing(part, reported[0]) for part in spec.parts]
    notes = () if spec.is_secret else (_PUBLIC_SECRET,)
    return Grade(spec.title, student, tuple(parts), reported, notes, time.monotonic() - began)


def _each(parts: Sequence[Part], progress: Callable[[Sequence[str]], Iterator[str]]) -> Iterator[Part]:
    """Yield the parts, and show how far it is."""
    by_name = {part.name: part for part in parts}
    return (by_name[name] for name in progress(list(by_name)))


def _handed_in(spec: Spec, path: Path) -> tuple[Path, str]:
    """Return the file that was handed in, and a sentence where it is not there."""
    if not path.exists():
        raise InputError(f"{path}: there is no such submission; give the file or folder that was handed in")
    file = path / spec.file if path.is_dir() else path
    if file.is_file():
        large = file.stat().st_size > MOST_SOURCE
        return file, f"{file.name} is larger than {MOST_SOURCE >> 20} MB" if large else ""
    if not path.is_dir():
        return file, f"{file.name} is no file"
    names = sorted(found.name for found in path.glob("*.py"))
    seen = f"there are {', '.join(names[:5])}" if names else "there is no Python file at all"
    return file, f"{spec.file} was not handed in; {seen}"


def _sources(file: Path, submission: Path) -> list[Path]:
    """Return the Python files that belong to a submission and can be read."""
    files = sorted(submission.rglob("*.py")) if submission.is_dir() else [file]
    return [path for path in files if path.is_file() and path.stat().st_size <= MOST_SOURCE]


def _stopped(spec: Spec, imports: Sequence[Import]) -> str:
    """Return why a submission is not even run, nothing where it is."""
    return imports[0].sentence() if imports and spec.on_forbidden == "zero" else ""
