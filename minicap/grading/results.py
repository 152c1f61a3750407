"""A grade in words, as plain JSON, and in the form that Gradescope reads."""

from __future__ import annotations

import textwrap
from typing import Any

from minicap.grading.judge import Item
from minicap.grading.part import PartGrade
from minicap.grading.run import Grade

WIDTH = 100


def plain(grade: Grade) -> dict[str, Any]:
    """Return a grade JSON-ready.

    Parameters
    ----------
    grade : Grade

    Returns
    -------
    dict
        ``title``, ``student``, ``points``, ``max_points``, ``parts`` with their ``items``, ``reported``, ``notes`` and
        ``seconds``.
    """
    return {
        "title": grade.title,
        "student": grade.student,
        "points": _number(grade.points),
        "max_points": _number(grade.most),
        "parts": [_part(part) for part in grade.parts],
        "reported": list(grade.reported),
        "notes": list(grade.notes),
        "seconds": round(grade.seconds, 3),
    }


def _part(part: PartGrade) -> dict[str, Any]:
    """Return a part JSON-ready."""
    return {
        "name": part.name,
        "points": _number(part.points),
        "max_points": _number(part.most),
        "items": [
            {
                "name": item.name, "points": _number(item.points), "max_points": _number(item.most),
                "right": item.right, "sentence": item.sentence, "hint": item.hint,
            }
            for item in part.items
        ],
        "remarks": list(part.remarks),
        "seconds": round(part.seconds, 3),
    }  # fmt: skip


def gradescope(grade: Grade) -> dict[str, Any]:
    """Return a grade as Gradescope's ``results.json``.

    Parameters
    ----------
    grade : Grade

    Returns
    -------
    dict
        One test for each forward and each gradient, visible to the student; what the submission printed is not shown.
    """
    tests = []
    for i, part in enumerate(grade.parts, 1):
        for j, item in enumerate(part.items, 1):
            tests.append(
                {
                    "name": f"{part.name}: {item.name}",
                    "number": f"{i}.{j}",
                    "score": _number(item.points),
                    "max_score": _number(item.most),
                    "status": "passed" if item.right else "failed",
                    "output": _output(item),
                    "output_format": "text",
                    "visibility": "visible",
                }
            )
    remarks = [f"{part.name}: {remark}" for part in grade.parts for remark in part.remarks]
    return {
        "score": _number(grade.points),
        "execution_time": max(1, round(grade.seconds)),
        "output": "\n".join([*grade.reported, *remarks]),
        "output_format": "text",
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "tests": tests,
    }


FORMS = {"plain": plain, "gradescope": gradescope}
"""The forms of JSON by their names."""


def describe(grade: Grade) -> str:
    """Return a grade for people.

    Parameters
    ----------
    grade : Grade
    """
    who = f" of {grade.student}" if grade.student else ""
    lines = [
        f"{grade.title}{who}: {_text(grade.points)} of {_text(grade.most)} points, {grade.seconds:.1f} s",
        "",
    ]
    wide = max(len(item.name) for part in grade.parts for item in part.items)
    for part in grade.parts:
        lines.append(f"{part.name}: {_text(part.points)} of {_text(part.most)}")
        for item in part.items:
            head = f"  {item.name.ljust(wide)}  {_text(item.points)}/{_text(item.most)}  "
            said = "right" if item.right else _output(item).replace("\n", ". ")
            lines.append(_wrapped(head, said))
        lines += [_wrapped("  - ", remark) for remark in part.remarks]
    lines += (
        ["", *[_wrapped("reported: ", sentence) for sentence in grade.reported]] if grade.reported else []
    )
    lines += ["", *[_wrapped("note: ", note) for note in grade.notes]] if grade.notes else []
    return "\n".join(lines)


def _output(item: Item) -> str:
    """Return what a student reads of an item."""
    return "right" if item.right else "\n".join(filter(None, [item.sentence, item.hint]))


def _wrapped(head: str, text: str) -> str:
    """Return a paragraph that hangs under its head."""
    hang = " " * min(len(head), 20)
    return textwrap.fill(text, WIDTH, initial_indent=head, subsequent_indent=hang, break_on_hyphens=False)


def _number(value: float) -> float | int:
    """Return a number of points, whole where it is."""
    return int(value) if float(value).is_integer() else round(value, 6)


def _text(value: float) -> str:
    """Return a number of points in words."""
    return f"{_number(value):g}"
