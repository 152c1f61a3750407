"""Run a reader's answers, each in a child process with a time limit, and say helpfully what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from minicap.errors import InputError
from minicap.gradcheck.child import explain, run_in_child
from minicap.gradcheck.discover_source import load_file, read_source
from minicap.tutorials.catalogue import Lesson, find_lesson

SECONDS, MEMORY_MB = 20.0, 4096


class Wrong(Exception):  # noqa: N818  it is the reader's answer that is wrong, nothing failed here
    """What is wrong with an answer: a sentence that helps and does not give the answer away."""


class Exercise(NamedTuple):
    """One exercise of a lesson.

    Attributes
    ----------
    name : str
        The function that the reader writes.
    check : callable
        Given that function; raises ``Wrong`` if it is not right.
    """

    name: str
    check: Callable[[Callable[..., Any]], None]


class Answer(NamedTuple):
    """What became of one answer.

    Attributes
    ----------
    name : str
    state : str
        "right", "wrong" or "open": not written yet.
    sentence : str
        What is wrong, or still to be done.
    """

    name: str
    state: str
    sentence: str


class Result(NamedTuple):
    """What became of the answers to a lesson's exercises."""

    lesson: Lesson
    file: str
    answers: tuple[Answer, ...]

    @property
    def passed(self) -> bool:
        """Whether all are right."""
        return all(answer.state == "right" for answer in self.answers)

    def to_json(self) -> dict[str, Any]:
        """Return the form that ``--json`` prints."""
        answers = [answer._asdict() for answer in self.answers]
        return {"passed": self.passed, "lesson": self.lesson.number, "file": self.file, "exercises": answers}


def exercises(number: int) -> tuple[Exercise, ...]:
    """Return the exercises of a lesson, in its order.

    Parameters
    ----------
    number : int

    Returns
    -------
    tuple of Exercise
        ``EXERCISES`` of ``minicap.tutorials.checks.lesson_NN``; empty where there is no such module.
    """
    module = f"minicap.tutorials.checks.lesson_{number:02d}"
    return tuple(import_module(module).EXERCISES) if find_spec(module) else ()


def check_answers(
    number: str | int,
    path: str | Path,
    *,
    only: Sequence[str] = (),
    seconds: float = SECONDS,
    progress: Callable[[Sequence[str]], Iterable[str]] = iter,
) -> Result:
    """Check a reader's answers.

    Parameters
    ----------
    number : str or int
        Of the lesson.
    path : str or Path
        The reader's file.
    only : sequence of str
        Names of exercises; all where empty.
    seconds : float
        The most time one may take.
    progress : callable
        Given the names, yields them one by one.

    Returns
    -------
    Result

    Raises
    ------
    InputError
        If there is no such lesson, exercise or file, or the file cannot be run.
    """
    lesson = find_lesson(number)
    names = [exercise.name for exercise in exercises(lesson.number)]
    if not names:
        raise InputError(f"lesson {lesson.number} has no exercises to check")
    for name in only:
        if name not in names:
            raise InputError(f"lesson {lesson.number} has no exercise {name!r}; it has {', '.join(names)}")
    read_source(Path(path))
    chosen = [name for name in names if not only or name in only]
    answers = tuple(_answer(lesson.number, name, Path(path), seconds) for name in progress(chosen))
    return Result(lesson, str(path), answers)


def _answer(number: int, name: str, path: Path, seconds: float) -> Answer:
    """Check one answer in a process of its own."""
    target = "minicap.tutorials.exercise:check_one"
    args = {"number": number, "name": name, "path": str(path.resolve())}
    outcome = run_in_child(target, args, seconds=seconds, memory_mb=MEMORY_MB)
    if outcome.kind == "input":
        raise InputError(outcome.sentence)
    if outcome.kind != "ok":
        return Answer(name, "wrong", outcome.sentence)
    return Answer(name, *outcome.value)


# What follows runs in the child.


def check_one(number: int, name: str, path: str) -> tuple[str, str]:
    """Check one answer here and now.

    Parameters
    ----------
    number : int
        Of the lesson.
    name : str
        Of the exercise.
    path : str
        The reader's file.

    Returns
    -------
    state, sentence : str
        As in ``Answer``.

    Raises
    ------
    InputError
        If the file cannot be run.
    """
    check = {exercise.name: exercise.check for exercise in exercises(number)}[name]
    try:
        module = load_file(path)
    except InputError:
        raise
    except BaseException as error:
        raise InputError(f"{Path(path).name}: {explain(error)[1]}") from error
    answer = getattr(module, name, None)
    if answer is None:
        return "wrong", f"there is no function {name} in the file: was it renamed?"
    if not callable(answer):
        return "wrong", f"{name} is a {type(answer).__name__}, not a function"
    try:
        check(answer)
    except Wrong as wrong:
        return "wrong", str(wrong)
    except NotImplementedError:
        first = (answer.__doc__ or "").strip().splitlines()
        return "open", "not written yet" + (f": {first[0]}" if first else "")
    except BaseException as error:
        return "wrong", explain(error)[1]
    return "right", ""
