"""A grade in its three forms."""

from __future__ import annotations

import json

import pytest

from minicap.grading.judge import Item
from minicap.grading.part import PartGrade
from minicap.grading.results import describe, gradescope, plain
from minicap.grading.run import Grade

GRADE = Grade(
    "Affine", "ann",
    (
        PartGrade(
            "affine",
            (
                Item("forward", 2, True),
                Item("dx", 1.5, False, "dx is wrong at 3 of 6 entries", "dx is 2 times the true gradient."),
            ),
            ("it changes its argument x: work on a copy",), 0.5,
        ),
    ),
    ("a.py imports torch in line 2, which is not allowed: the answer is in there",), ("set a secret",), 1.25,
)  # fmt: skip


def test_plain():
    assert json.loads(json.dumps(plain(GRADE))) == {
        "title": "Affine", "student": "ann", "points": 2, "max_points": 3.5,
        "parts": [
            {
                "name": "affine", "points": 2, "max_points": 3.5,
                "items": [
                    {"name": "forward", "points": 2, "max_points": 2, "right": True, "sentence": "", "hint": ""},
                    {
                        "name": "dx", "points": 0, "max_points": 1.5, "right": False,
                        "sentence": "dx is wrong at 3 of 6 entries", "hint": "dx is 2 times the true gradient.",
                    },
                ],
                "remarks": ["it changes its argument x: work on a copy"], "seconds": 0.5,
            }
        ],
        "reported": ["a.py imports torch in line 2, which is not allowed: the answer is in there"],
        "notes": ["set a secret"], "seconds": 1.25,
    }  # fmt: skip


def test_gradescope():
    form = json.loads(json.dumps(gradescope(GRADE)))
    assert {key: value for key, value in form.items() if key not in ("tests", "output")} == {
        "score": 2, "execution_time": 1, "output_format": "text", "visibility": "visible",
        "stdout_visibility": "hidden",
    }  # fmt: skip
    assert form["output"].splitlines() == [
        GRADE.reported[0],
        "affine: it changes its argument x: work on a copy",
    ]
    assert form["tests"] == [
        {
            "name": "affine: forward", "number": "1.1", "score": 2, "max_score": 2, "status": "passed",
            "output": "right", "output_format": "text", "visibility": "visible",
        },
        {
            "name": "affine: dx", "number": "1.2", "score": 0, "max_score": 1.5, "status": "failed",
            "output": "dx is wrong at 3 of 6 entries\ndx is 2 times the true gradient.",
            "output_format": "text", "visibility": "visible",
        },
    ]  # fmt: skip
    assert sum(test["score"] for test in form["tests"]) == form["score"]
    assert "secret" not in json.dumps(form)


def test_words():
    assert describe(GRADE).splitlines() == [
        "Affine of ann: 2 of 3.5 points, 1.2 s",
        "",
        "affine: 2 of 3.5",
        "  forward  2/2  right",
        "  dx       0/1.5  dx is wrong at 3 of 6 entries. dx is 2 times the true gradient.",
        "  - it changes its argument x: work on a copy",
        "",
        "reported: a.py imports torch in line 2, which is not allowed: the answer is in there",
        "",
        "note: set a secret",
    ]


@pytest.mark.parametrize("student", ["", "ann"])
def test_a_name_may_be_missing(student):
    assert describe(Grade("A", student, GRADE.parts, (), (), 0.0)).startswith(
        f"A{' of ann' * bool(student)}: 2 of 3.5"
    )
